//! `goodput` as a user meets it: the examples, files, exits.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn steelyard() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steelyard"));
    for name in ["LC_ALL", "LC_MESSAGES", "LANG", "NO_COLOR"] {
        command.env_remove(name);
    }
    command.env("COLUMNS", "80");
    command
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("steelyard-goodput-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&path).expect("a temporary folder");
    path
}

fn goodput(study: &Path, out: &Path, more: &[&str]) -> (i32, String, String) {
    let output = steelyard().arg("goodput").arg(study).arg("--out").arg(out).args(more).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

const STUDY: &str = r#"
title = "A small job"
runs = 40
[job]
length = "20 d"
[checkpoint]
size = "1 TB"
write = "50 GB/s"
every = "best"
save = "background"
stall = "1 s"
[[system]]
name = "google-ironwood-9216"
label = "sixteen cubes"
chips = 1024
spares = 1
[observed]
interruptions = 40
effective_above = "90 %"
source = "nobody"
"#;

#[test]
fn tables_in_both_languages() {
    let dir = folder("tables");
    let study = dir.join("s.toml");
    std::fs::write(&study, STUDY).expect("written");
    let (exit, en, err) = goodput(&study, &dir, &[]);
    assert_eq!(exit, 0, "{err}");
    insta::assert_snapshot!("goodput-en-80", en);
    let (_, zh, _) = goodput(&study, &dir, &["--lang", "zh"]);
    insta::assert_snapshot!("goodput-zh-80", zh);
    std::fs::remove_dir_all(dir).expect("removed");
}

#[test]
fn llama3_is_inside() {
    let dir = folder("llama3");
    let study = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/goodput-llama3-54-days.toml"));
    let timeline = dir.join("t.json");
    let (exit, out, err) = goodput(study, &dir, &["--timeline", timeline.to_str().expect("a name")]);
    assert_eq!(exit, 0, "{err}");
    let out = out.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in ["interruptions 419: inside the interval", "useful time above 90.0 %: the interval reaches above it"] {
        assert!(out.contains(words), "{out}");
    }
    let read = |path: &Path| -> Value { serde_json::from_slice(&std::fs::read(path).expect("written")).expect("JSON") };
    let found = &read(&dir.join("findings.json"))["systems"][0]["answer"];
    let seen = &found["observed"][0];
    assert_eq!(
        (&seen["what"], &seen["value"], &seen["inside"]),
        (&"interruptions".into(), &419.0.into(), &true.into())
    );
    let sum: f64 =
        found["states"].as_array().expect("states").iter().filter_map(|s| s["share"]["value"].as_f64()).sum();
    assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    let events = read(&timeline)["traceEvents"].as_array().expect("events").len();
    assert!(events > 1000, "{events}");
    let page = std::fs::read_to_string(dir.join("report.html")).expect("written");
    assert!(page.contains("What interrupts it") && page.contains("中断来源") && !page.contains(">NaN"));
    std::fs::remove_dir_all(dir).expect("removed");
}

#[test]
fn findings_are_shown_again() {
    let dir = folder("again");
    let study = dir.join("s.toml");
    std::fs::write(&study, STUDY).expect("written");
    let (exit, first, err) = goodput(&study, &dir, &["--details"]);
    assert_eq!(exit, 0, "{err}");
    let (findings, html) = (dir.join("findings.json"), dir.join("again.html"));
    let out = steelyard().arg("report").arg(&findings).arg("--html").arg(&html).output().expect("it runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(String::from_utf8_lossy(&out.stdout), first);
    assert!(std::fs::read(&html).expect("written") == std::fs::read(dir.join("report.html")).expect("written"));
    std::fs::remove_dir_all(dir).expect("removed");
}

#[test]
fn facts_of_faults_are_shown() {
    let out = steelyard().args(["catalog", "show", "gpu_server"]).env("COLUMNS", "200").output().expect("it runs");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success() && text.starts_with("Servers of eight GPUs (faults gpu_server)"), "{text}");
    for words in
        ["fault[0].seen[0].rate: server, Meta RSC-1, 16,384 A100, 11 months", "rsc_reliability: ", "megascale: "]
    {
        assert!(text.contains(words), "{words} in {text}");
    }
}

#[test]
fn published_jobs_are_predicted() {
    let out = steelyard().args(["validate", "--file", "faults", "--json"]).output().expect("it runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let found: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let jobs = found["jobs"].as_array().expect("jobs");
    assert!(jobs.len() >= 8);
    let llama = jobs.iter().find(|j| j["id"] == "llama3-54-days").expect("it is there");
    let seen = llama["seen"].as_array().expect("values");
    assert!(seen.len() == 2 && seen.iter().all(|s| s["inside"] == true), "{seen:?}");
}

#[test]
fn threads_do_not_change_a_byte() {
    let dir = folder("threads");
    let study = dir.join("s.toml");
    std::fs::write(&study, STUDY).expect("written");
    let found = ["1", "3"].map(|threads| {
        let out = dir.join(threads);
        let (exit, _, err) = goodput(&study, &out, &["--threads", threads]);
        assert_eq!(exit, 0, "{err}");
        (
            std::fs::read(out.join("findings.json")).expect("written"),
            std::fs::read(out.join("report.html")).expect("written"),
        )
    });
    assert!(found[0] == found[1]);
    std::fs::remove_dir_all(dir).expect("removed");
}

#[test]
fn wrong_input_exits_with_two_and_no_progress_with_one() {
    let dir = folder("wrong");
    let study = dir.join("s.toml");
    std::fs::write(&study, STUDY.replace("\"20 d\"", "20").replace("ironwood", "ironwod")).expect("written");
    let (exit, out, err) = goodput(&study, &dir, &[]);
    assert_eq!((exit, out.as_str()), (2, ""));
    assert!(err.contains("s.toml:5:10: job.length") && err.contains("s.toml:13:8: system[0].name"), "{err}");
    assert!(!dir.join("findings.json").exists());
    std::fs::write(&study, STUDY.replace("\"50 GB/s\"", "\"2 MB/s\"")).expect("written");
    let (exit, _, err) = goodput(&study, &dir, &[]);
    assert_eq!(exit, 1, "{err}");
    assert!(err.contains("No machine makes progress"), "{err}");
    std::fs::remove_dir_all(dir).expect("removed");
}
