//! Wrong input: a clear error, the exit that says so, and no file left behind. One row a case.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const STUDY: &str = r#"title = "chat"
model = "qwen3-32b"
[traffic]
input = 1000
output = 100
load = { concurrency = 8 }
[levels]
tpot_mean = "60 ms"
[objective]
best = "tokens per chip"
[search]
modes = ["aggregated"]
requests = 16
[[system]]
name = "nvidia-hgx-h200"
"#;

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("steelyard-wrong-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("a temporary folder");
        }
        fs::write(&path, bytes).expect("a temporary file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn steelyard(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steelyard"));
    for name in ["LC_ALL", "LC_MESSAGES", "LANG", "COLUMNS", "NO_COLOR"] {
        command.env_remove(name);
    }
    command.args(args);
    command
}

/// Exit, standard output and standard error.
fn run(args: &[&str]) -> (i32, String, String) {
    let output = steelyard(args).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn studies() {
    let folder = Folder::new("studies");
    folder.write("sub/x.toml", "");
    folder.write("lengths.csv", "input\n10\n-3\n");
    folder.write("latin.csv", b"input\n\xe9\n");
    let long = folder.write("model/config.json", "{");
    fs::OpenOptions::new().write(true).open(long).and_then(|f| f.set_len(1 << 30)).expect("a sparse gigabyte");
    folder.write("deep/config.json", "[".repeat(1 << 20));
    folder.write("odd/config.json", r#"{"architectures": ["QwennForCausalLM"], "hidden_size": 8, "twisted_heads": 3}"#);
    folder.write("nan/config.json", r#"{"model_type": "llama", "hidden_size": 1e300, "num_attention_heads": -4}"#);
    // What is replaced, by what, where the fault is, and words of it.
    let cases: &[(&str, &str, &str, &str)] = &[
        ("\"60 ms\"", "60", ":8:13", "write a text with a unit"),
        ("\"60 ms\"", "\"60 GB\"", ":8:13", "not a unit"),
        ("\"60 ms\"", "\"-60 ms\"", ":8:13", "negative"),
        ("\"60 ms\"", "\"1e300 s\"", ":8:13", "bounds"),
        ("\"60 ms\"", "nan", ":8:13", ""),
        ("input = 1000", "input = -1000", ":4:9", "whole number"),
        ("input = 1000", "input = 1e300", ":4:9", "whole number"),
        ("input = 1000", "input = 40_000_000", ":4:9", "bounds"),
        ("input = 1000", "input = { file = \"none.csv\" }", ":4:18", "no such file"),
        ("input = 1000", "input = { file = \"../x.csv\" }", ":4:18", "out of the study's folder"),
        ("input = 1000", "input = { file = \"sub\" }", ":4:18", "is a folder"),
        ("input = 1000", "input = { file = \"lengths.csv\" }", ":4:18", "line 3"),
        ("input = 1000", "input = { file = \"latin.csv\" }", ":4:18", "UTF-8"),
        ("input = 1000", "inputs = 1000", ":4:1", "did you mean 'input'?"),
        ("concurrency = 8", "rate = 8", ":6:17", "unit"),
        ("concurrency = 8", "rate = \"inf /s\"", ":6:17", ""),
        ("qwen3-32b", "qwen3-33b", ":2:9", "did you mean"),
        ("\"qwen3-32b\"", "\"./none\"", ":2:9", ""),
        ("\"qwen3-32b\"", "\"./model\"", ":2:9", "MiB"),
        ("\"qwen3-32b\"", "\"./deep\"", ":2:9", ""),
        ("\"qwen3-32b\"", "\"./odd\"", ":2:9", "twisted_heads"),
        ("\"qwen3-32b\"", "\"./nan\"", ":2:9", ""),
        ("\"tokens per chip\"", "\"tokens per chips\"", ":10:8", "did you mean"),
        ("nvidia-hgx-h200\"", "nvidia-hgx-h20x\"", ":15:8", "did you mean \"nvidia_hgx_h20\"?"),
        ("nvidia-hgx-h200\"", "nvidia-hgx-h200\"\nchips = 0", ":16:9", "whole number"),
        ("nvidia-hgx-h200\"", "nvidia-hgx-h200\"\nprice = 3", ":16:9", "unit"),
        ("nvidia-hgx-h200\"", "nvidia-hgx-h200\"\nprice = \"nan USD/h\"", ":16:9", ""),
        ("nvidia-hgx-h200\"", "nvidia-hgx-h200\"\nengine = \"mindie\"", ":16:10", "does not run on"),
        ("nvidia-hgx-h200\"", "nvidia-hgx-h200\"\nsetup = \"TP8 TQ2\"", ":16:9", "no part of a set-up"),
        ("nvidia-hgx-h200\"", "nvidia-hgx-h200\"\n[[system]]\nname = \"HGX H200\"", ":17:8", "twice"),
        ("[objective]", "[objective", ":9:", ""),
        ("title = \"chat\"", "title = 5", ":1:9", "bare number"),
    ];
    let mut wrong = Vec::new();
    for (from, to, place, words) in cases {
        assert!(STUDY.contains(from), "{from}");
        let study = folder.write("s.toml", STUDY.replacen(from, to, 1));
        let out = folder.0.join("out");
        let (exit, stdout, stderr) = run(&["weigh", &text(&study), "--out", &text(&out)]);
        let told = stderr.contains(&format!("s.toml{place}")) && stderr.contains(words);
        if exit != 2 || !stdout.is_empty() || !told || out.exists() || stderr.contains("panicked") {
            wrong.push(format!("{to}: exit {exit}, {stderr}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Only noise.
    for noise in ["".as_bytes(), b"\xff\xfe", "[".repeat(1 << 20).as_bytes(), "a.".repeat(1 << 18).as_bytes()] {
        let study = folder.write("s.toml", noise);
        let (exit, _, stderr) = run(&["weigh", &text(&study), "--out", &text(&folder.0.join("out"))]);
        assert!(exit == 2 && stderr.contains("s.toml"), "{stderr}");
    }
}

#[test]
fn commands() {
    let folder = Folder::new("commands");
    let study = text(&folder.write("s.toml", STUDY));
    let dir = text(&folder.0);
    let plain = text(&folder.write("plain", "x"));
    let empty = text(&folder.write("empty.json", ""));
    folder.write("own/chips/nvidia_h200_sxm.toml", "[memory]\nbandwith = { value = 1 }\ncapacity = \"80 GB\"\n");
    folder.write("own/systems/new.toml", "chips = -1\n");
    folder.write(
        "own/engines/vllm.toml",
        "[host]\nstep = { value = \"1 GB\", kind = \"vendor\", source = \"nobody\" }\n",
    );
    folder.write("own/regions.toml", "[us]\npue = { rows = [\"the moon\"] }\n");
    let own = text(&folder.0.join("own"));
    folder.write("cal/x.toml", "class = \"gpu\"\n[[surface]]\nfamily = \"gem\"\n");
    let cal = text(&folder.0.join("cal"));
    let out = text(&folder.0.join("out"));
    // Arguments, exit, words of the error.
    let cases: &[(&[&str], i32, &[&str])] = &[
        (&["weigh", "none.toml"], 2, &["none.toml", "no such file"]),
        (&["weigh", &dir], 2, &["is a folder"]),
        (&["weigh", "/dev/zero"], 2, &["not a regular file"]),
        (&["weigh", &study, "--out", &plain], 2, &["plain"]),
        (&["weigh", &study, "--out", "/proc/nothing"], 2, &["/proc/nothing"]),
        (&["weigh", &study, "--threads", "0"], 2, &["--threads"]),
        (&["weigh", &study, "--lang", "fr"], 2, &["fr"]),
        (&["weigh", &study, "--calibration", &cal, "--out", &out], 2, &["x.toml"]),
        (&["--catalog", "/none", "weigh", &study], 2, &["/none", "is not a folder"]),
        (
            &["--catalog", &own, "catalog", "check"],
            2,
            &[
                "nvidia_h200_sxm.toml:2:1",
                "did you mean 'bandwidth'?",
                "nvidia_h200_sxm.toml:3:",
                "new.toml",
                "vllm.toml:2:18",
                "not a unit",
                "'nobody' is not in sources.toml",
                "regions.toml:2:17",
                "no row 'the moon'",
            ],
        ),
        (&["explain", &study, "--system", "nvidia-hgx-h100"], 2, &["has no system"]),
        (&["explain", &study, "--system", "toaster"], 2, &["toaster"]),
        (
            &["explain", &study, "--system", "nvidia-hgx-h200", "--setup", "TP9000000000"],
            2,
            &["--setup", "not a count"],
        ),
        (&["explain", &study, "--system", "nvidia-hgx-h200", "--setup", "engine=mindie"], 2, &["does not run on"]),
        (&["report", &empty], 2, &["empty.json"]),
        (&["report", "none.json"], 2, &["none.json"]),
        (&["model", "show", "qwen3-33b"], 2, &["qwen3-33b"]),
        (&["model", "show", "/dev/null"], 2, &["/dev/null"]),
        (&["catalog", "show", "h201"], 2, &["h201"]),
        (&["calibrate", "--tables", "/none"], 2, &["/none"]),
        (&["calibrate", "--tables", &dir], 2, &[""]),
    ];
    let mut wrong = Vec::new();
    for (args, exit, words) in cases {
        let (found, _, stderr) = run(args);
        if found != *exit
            || words.iter().any(|w| !stderr.contains(w))
            || stderr.contains("panicked")
            || stderr.is_empty()
        {
            wrong.push(format!("{args:?}: exit {found}\n{stderr}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!Path::new(&out).exists() && !Path::new("findings.json").exists());
}

#[test]
fn plans_that_cannot_be() {
    let folder = Folder::new("plans");
    // What replaces the system and the load, and words of the answer.
    let cases = [
        ("chips = 1", "qwen3-32b", "deepseek-v3.1", "nearest that fits: 8 chips"),
        ("setup = \"TP3\"", "", "", "TP does not divide 64 attention heads"),
        ("setup = \"TP2 DP4\"", "", "", "no engine here has a set-up as named: TP2 DP4"),
        ("setup = \"16x TP8\"", "", "", "no engine here has a set-up as named: 16x TP8"),
        ("setup = \"TP1\"", "\"60 ms\"", "\"1 ms\"", "TPOT mean must be at most 1.00 ms"),
    ];
    for (key, from, to, words) in cases {
        let text = STUDY.replacen("h200\"\n", &format!("h200\"\n{key}\n"), 1).replacen(from, to, 1);
        let study = folder.write("s.toml", text);
        let (exit, out, err) = run(&["weigh", &study.display().to_string(), "--out", &folder.0.display().to_string()]);
        assert!(exit == 1 && out.contains(words), "{key}: exit {exit}\n{out}\n{err}");
    }
}

#[test]
fn a_named_set_up_is_explained() {
    let folder = Folder::new("setup");
    let study = text(&folder.write("s.toml", STUDY));
    let with = |setup: &str| run(&["explain", &study, "--system", "nvidia-hgx-h200", "--setup", setup]);
    let (exit, out, err) = with("TP2 batch=24 engine=sglang kv=fp8");
    assert_eq!(exit, 0, "{err}");
    for words in ["× TP2", "batch 24 per replica", "KV fp8", "engine profile sglang", "Fits behind the times"] {
        assert!(out.contains(words), "{words}: {out}");
    }
    assert!(out.contains("chips/nvidia_h200_sxm.memory.bandwidth = 4.8 TB/s"), "{out}");
    // One that misses a level is explained all the same.
    let slow = folder.write("slow.toml", STUDY.replace("\"60 ms\"", "\"1 ms\"")).display().to_string();
    let (exit, out, _) = run(&["explain", &slow, "--system", "nvidia-hgx-h200", "--setup", "TP8"]);
    assert!(
        exit == 1 && out.contains("The nearest set-up misses this") && out.contains("Decode, one steady step"),
        "{out}"
    );
}

#[test]
fn a_missing_fact_of_ones_own_makes_a_system_run() {
    let folder = Folder::new("own");
    let study = text(&folder.write("s.toml", STUDY.replace("nvidia-hgx-h200", "metax-c600-node")));
    let out = text(&folder.0.join("out"));
    let (exit, stdout, _) = run(&["weigh", &study, "--out", &out]);
    assert!(exit == 1 && stdout.contains("chips/metax_c600.peak.bf16"), "{stdout}");
    folder.write(
        "own/chips/metax_c600.toml",
        "[peak]\nbf16 = { value = \"400 TFLOP/s\", kind = \"assumed\", source = \"mine\" }\n",
    );
    folder.write(
        "own/systems/metax_c600_node.toml",
        "chips = { value = 8, kind = \"assumed\", source = \"mine\" }\n[[tier]]\nname = \"MetaXLink\"\nshape = \"switch\"\n\
         chips = 8\nbandwidth = { value = \"200 GB/s\", kind = \"assumed\", source = \"mine\" }\n",
    );
    folder.write(
        "own/sources.toml",
        "[mine]\ntitle = \"My notes\"\npublisher = \"me\"\ndate = \"2026\"\nretrieval = \"read\"\n",
    );
    let own = text(&folder.0.join("own"));
    let (exit, stdout, stderr) = run(&["--catalog", &own, "weigh", &study, "--out", &out]);
    assert_eq!(exit, 0, "{stdout}{stderr}");
    assert!(stdout.contains("MetaX C600") && stdout.contains("My notes"), "{stdout}");
}

#[test]
fn engines_and_regions_of_ones_own_count() {
    let folder = Folder::new("engines");
    let bought = STUDY.replace(
        "best = \"tokens per chip\"",
        "best = \"cost per token\"\n[money]\nregion = \"mars\"\nbasis = \"purchase\"",
    );
    let study = text(&folder.write("s.toml", bought));
    folder.write(
        "own/engines/vllm.toml",
        "[host]\nstep = { value = \"90 ms\", kind = \"assumed\", source = \"assumed\" }\n",
    );
    folder.write("own/engines/mine.toml", "name = \"Mine\"\n");
    let own = text(&folder.0.join("own"));
    let (exit, _, err) = run(&["--catalog", &own, "catalog", "check"]);
    assert!(exit == 2 && err.contains("mine.toml") && err.contains("version"), "{err}");
    fs::remove_file(folder.0.join("own/engines/mine.toml")).expect("there");
    let cost = |value: &str| {
        let fact = |v: &str| format!("{{ value = {v}, kind = \"assumed\", source = \"assumed\" }}");
        let table = format!(
            "[mars]\nelectricity = {}\npue = {}\nsystem_power = {}\nlifetime_years = {}\nutilisation = {}\n",
            fact(&format!("\"{value} USD/kWh\"")),
            fact("1.1"),
            fact("1.5"),
            fact("5"),
            fact("1.0")
        );
        folder.write("own/regions.toml", table);
        let out = folder.0.join("out");
        let (exit, _, err) = run(&["--catalog", &own, "weigh", &study, "--out", &text(&out)]);
        // 90 ms of host a step: the level of 60 ms is met by the other engines only.
        assert_eq!(exit, 0, "{err}");
        let read = fs::read_to_string(out.join("findings.json")).expect("written");
        let found: serde_json::Value = serde_json::from_str(&read).expect("JSON");
        let answer = &found["systems"][0]["answer"];
        assert_ne!(answer["setup"]["engine"], "vllm");
        answer["cost"]["per_million"]["value"].as_f64().expect("priced")
    };
    assert!(cost("1.0") > 1.2 * cost("0.1"));
}

#[test]
fn a_full_disk_or_a_closed_pipe_leaves_no_half_of_a_file() {
    let folder = Folder::new("full");
    let study = text(&folder.write("s.toml", STUDY));
    // A reader that goes away at once.
    let out = folder.0.join("out");
    let mut child = steelyard(&["weigh", &study, "--out", &text(&out)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let status = child.wait_with_output().expect("it ends");
    let err = String::from_utf8_lossy(&status.stderr);
    assert!(status.status.code() == Some(0) && !err.contains("panicked"), "{err}");
    assert!(out.join("findings.json").exists() && out.join("report.html").exists());
    // Files of at most 4 kB: writing fails as on a full disk.
    #[cfg(unix)]
    {
        let script = format!(
            "ulimit -f 8; trap '' XFSZ; '{}' weigh '{study}' --out '{}'",
            env!("CARGO_BIN_EXE_steelyard"),
            text(&folder.0.join("small"))
        );
        let output = Command::new("sh").args(["-c", &script]).output().expect("a shell");
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{err}");
        assert!(err.contains("cannot write") && err.contains("findings.json"), "{err}");
        let left: Vec<_> = fs::read_dir(folder.0.join("small")).map_or(Vec::new(), |d| d.flatten().collect());
        assert!(left.is_empty(), "{left:?}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_search_leaves_nothing() {
    let folder = Folder::new("interrupt");
    let slow = STUDY
        .replace("qwen3-32b", "deepseek-v3.1")
        .replace("load = { concurrency = 8 }\n", "")
        .replace("modes = [\"aggregated\"]\nrequests = 16", "requests = 100_000");
    let study = text(&folder.write("s.toml", slow));
    let out = folder.0.join("out");
    let mut child = steelyard(&["weigh", &study, "--out", &text(&out)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    std::thread::sleep(std::time::Duration::from_millis(400));
    let done = child.try_wait().expect("asked");
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    let status = child.wait().expect("it ends");
    if done.is_none() && sent.success() && !status.success() {
        let left: Vec<_> = fs::read_dir(&out).map_or(Vec::new(), |d| d.flatten().collect());
        assert!(left.is_empty(), "{left:?}");
    }
}
