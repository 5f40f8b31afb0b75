//! `replay` as a user meets it: the examples, files, exits.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn example(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples")).join(name)
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("steelyard-replay-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&path).expect("a temporary folder");
    path
}

fn replay(study: &Path, out: &Path, more: &[&str]) -> (i32, String, String) {
    replay_on(1, study, out, more)
}

fn replay_on(threads: usize, study: &Path, out: &Path, more: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steelyard"));
    command.env("RAYON_NUM_THREADS", threads.to_string());
    for name in ["LC_ALL", "LC_MESSAGES", "LANG", "COLUMNS", "NO_COLOR"] {
        command.env_remove(name);
    }
    let output = command.arg("replay").arg(study).arg("--out").arg(out).args(more).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn json(path: PathBuf) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("written")).expect("JSON")
}

fn served(findings: &Value) -> u64 {
    findings["requests"][0]["count"].as_u64().expect("a count")
}

#[test]
fn the_recorded_trace_is_played_and_all_files_are_written() {
    let dir = folder("azure");
    let (exit, out, err) = replay(&example("azure-conversation.toml"), &dir, &["--parquet", "--timeline"]);
    assert_eq!(exit, 0, "{err}");
    assert!(out.contains("19,366 served") && !out.contains('\x1b'), "{out}");
    let findings = json(dir.join("replay.json"));
    assert_eq!(served(&findings), 19_366);
    let class = &findings["classes"][0];
    let p99 = class["ttft"]["p99"].as_f64().expect("a time");
    assert!(p99 > class["ttft"]["p50"].as_f64().expect("a time") && p99 < 60.0);
    assert_eq!(findings["series"].as_array().expect("a list").len(), 240);
    let trace = json(dir.join("timeline.json"));
    assert!(trace["traceEvents"].as_array().expect("a list").len() > 5000);
    for name in ["requests.parquet", "series.parquet"] {
        let bytes = std::fs::read(dir.join(name)).expect("written");
        assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"), "{name}");
    }
    let page = std::fs::read_to_string(dir.join("replay.html")).expect("written");
    for mark in ["http:", "https:", "<iframe", "<img", " src=", " style=\""] {
        assert!(!page.contains(mark), "{mark}");
    }
    // The same bytes again, on two threads.
    let again = folder("azure-again");
    replay_on(2, &example("azure-conversation.toml"), &again, &["--parquet", "--timeline"]);
    for name in ["replay.json", "replay.html", "requests.parquet", "series.parquet", "timeline.json"] {
        let bytes = |dir: &Path| std::fs::read(dir.join(name)).expect("written");
        assert_eq!(bytes(&dir), bytes(&again), "{name}");
    }
    std::fs::remove_dir_all(dir).expect("removed");
    std::fs::remove_dir_all(again).expect("removed");
}

#[test]
fn a_mixed_fleet_survives_its_faults_and_says_so() {
    let dir = folder("mixed");
    let (exit, out, err) = replay(&example("mixed-fleet.toml"), &dir, &["--lang", "zh"]);
    assert_eq!(exit, 0, "{err}");
    assert!(out.contains("资源池"), "{out}");
    let findings = json(dir.join("replay.json"));
    let all: u64 = findings["requests"].as_array().expect("a list").iter().filter_map(|c| c["count"].as_u64()).sum();
    let told: u64 =
        findings["classes"].as_array().expect("a list")[1..].iter().filter_map(|c| c["requests"].as_u64()).sum();
    assert_eq!(all, told, "each request ends one way");
    assert!(findings["classes"][2]["retried"].as_u64() > Some(0), "a node of their pool fails");
    assert!(findings["pools"][0]["hits"][0].as_f64() > Some(0.3), "turns find their prefix");
    assert!(findings["moved"][0].as_u64() > Some(0));
    std::fs::remove_dir_all(dir).expect("removed");
}

#[test]
fn the_border_between_two_kinds_of_chips_is_found() {
    let dir = folder("split");
    let (exit, out, err) = replay(&example("split-fleet.toml"), &dir, &[]);
    assert_eq!(exit, 0, "{err}");
    let search = &json(dir.join("replay.json"))["search"];
    let trials = search["trials"].as_array().expect("a list");
    let met = || trials.iter().filter(|t| t["meets"] == true);
    let cost = |t: &Value| t["cost"].as_f64().expect("a price");
    let best = met().find(|t| t["sizes"] == search["sizes"] && t["split"] == search["split"]).expect("it was tried");
    assert!(met().all(|t| cost(t) >= cost(best)), "none that meets the levels is cheaper: {out}");
    assert!([2000, 6000, 12000].iter().all(|split| trials.iter().any(|t| t["split"] == *split)));
    std::fs::remove_dir_all(dir).expect("removed");
}

#[cfg(unix)]
#[test]
fn an_interrupted_replay_ends_at_once_and_writes_nothing() {
    let dir = folder("stopped");
    let study = dir.join("study.toml");
    // Minutes of work: forty million steps apart from each other.
    let text = "model = \"llama-3.1-8b\"\n[traffic]\narrivals = { rate = \"40 /s\" }\nrequests = 3000000\ninput = 900\n\
                output = 900\n[[pool]]\nsystem = \"nvidia-hgx-h100\"\nchips = 1\nreplicas = 4\nengine = \"vllm\"\n\
                prefix_cache = true\n";
    std::fs::write(&study, text).expect("written");
    let mut child = Command::new(env!("CARGO_BIN_EXE_steelyard"))
        .args(["replay", "study.toml"])
        .current_dir(&dir)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("it runs");
    std::thread::sleep(std::time::Duration::from_millis(500));
    let told = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("told");
    assert!(told.success());
    let end = child.wait().expect("it ends");
    // By the signal itself where it came before the replay began.
    assert!(matches!(end.code(), Some(130) | None), "{end}");
    let left: Vec<_> = std::fs::read_dir(&dir).expect("a folder").map(|e| e.expect("an entry").file_name()).collect();
    assert_eq!(left, ["study.toml"]);
    std::fs::remove_dir_all(dir).expect("removed");
}

#[test]
fn a_search_finds_the_smallest_fleet() {
    let dir = folder("search");
    let study = dir.join("study.toml");
    let text = "model = \"llama-3.1-8b\"\n[traffic]\narrivals = { rate = \"60 /s\" }\nrequests = 1500\ninput = 1000\noutput = 200\n\
                [levels]\nttft = \"1 s\"\ntpot = \"20 ms\"\n[[pool]]\nname = \"a\"\nsystem = \"nvidia-hgx-h100\"\nchips = 1\n\
                engine = \"vllm\"\n[search]\nbest = \"chips\"\npools = [\"a\"]\nmost = 16\ngoodput = \"99 %\"\n";
    std::fs::write(&study, text).expect("written");
    let (exit, _, err) = replay(&study, &dir, &[]);
    assert_eq!(exit, 0, "{err}");
    let search = &json(dir.join("replay.json"))["search"];
    let size = search["sizes"][0].as_u64().expect("a size");
    let met = |size: u64| {
        let trials = search["trials"].as_array().expect("a list");
        trials.iter().find(|t| t["sizes"][0].as_u64() == Some(size)).map(|t| t["meets"].as_bool())
    };
    assert_eq!(met(size), Some(Some(true)));
    assert!(size > 1 && met(size - 1) == Some(Some(false)), "one fewer is too few: {search}");
    // The same with no more than one replica: no such plan.
    std::fs::write(&study, text.replace("most = 16", "most = 1")).expect("written");
    assert_eq!(replay(&study, &dir, &[]).0, 1);
    std::fs::remove_dir_all(dir).expect("removed");
}

#[test]
fn wrong_input_is_told_with_its_place() {
    let dir = folder("wrong");
    let study = dir.join("study.toml");
    let run = |text: &str| {
        std::fs::write(&study, text).expect("written");
        replay(&study, &dir, &[])
    };
    std::fs::write(dir.join("back.csv"), "time,input,output\n5,1,1\n4,1,1\n").expect("written");
    let (exit, _, err) =
        run("model = \"llama-3.1-8b\"\n[traffic]\ntrace = \"back.csv\"\n[[pool]]\nsystem = \"nvidia-hgx-h100\"\n\
                              chips = 1\nroel = \"whole\"\n[[rule]]\npools = [\"b\"]\n");
    assert_eq!(exit, 2);
    for part in ["back.csv, line 3: goes back in time", "unknown key 'roel'", "there is no pool 'b'"] {
        assert!(err.contains(part), "{part} in {err}");
    }
    let (exit, _, err) =
        run("model = \"llama-3.1-405b\"\n[traffic]\narrivals = { rate = \"1 /s\" }\nrequests = 9\ninput = 9\n\
                              output = 9\n[[pool]]\nsystem = \"nvidia-hgx-h100\"\nchips = 1\n");
    assert_eq!(exit, 1, "{err}");
    assert!(err.contains("GB a device"), "{err}");
    assert!(!dir.join("replay.json").exists());
    let (exit, _, err) =
        run("model = \"llama-3.1-8b\"\n[traffic]\narrivals = { rate = \"1 /s\" }\nrequests = 9\ninput = 9\n\
             output = 9\n[[pool]]\nname = \"a\"\nsystem = \"nvidia-hgx-h100\"\nchips = 1\n\
             [search]\nbest = \"chips\"\npools = []\nsplit = [100]\n");
    assert_eq!(exit, 2);
    for part in ["looks for the size of no pool", "the border between the first two rules"] {
        assert!(err.contains(part), "{part} in {err}");
    }
    std::fs::remove_dir_all(dir).expect("removed");
}
