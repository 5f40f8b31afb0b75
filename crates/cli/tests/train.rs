//! `steelyard train`, run as a user would.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("train").join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn train(name: &str, study: &str, more: &[&str]) -> Output {
    let folder = folder(name);
    let file = folder.join("study.toml");
    std::fs::write(&file, study).expect("written");
    let out = folder.to_string_lossy().into_owned();
    Command::new(env!("CARGO_BIN_EXE_steelyard"))
        .args(["train", &file.to_string_lossy(), "--out", &out, "--lang", "en"])
        .args(more)
        .output()
        .expect("runs")
}

const STUDY: &str = "model = \"llama-3.2-1b\"\ntokens = 1e11\nsequence = 4096\nbatch = 256\n\
    [search]\nplayed = 20\n[[system]]\nname = \"nvidia_dgx_h100\"\nchips = 8\n";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn finds_a_plan_and_writes_it() {
    let run = train("plain", STUDY, &["--threads", "1"]);
    let shown = text(&run.stdout);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    for part in ["tokens/s per chip", "MFU", "compute", "optimizer states", "run by the event engine", "without faults"]
    {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    let json = std::fs::read(folder("plain").join("training.json")).expect("written");
    let html = std::fs::read(folder("plain").join("training.html")).expect("written");
    assert!(text(&html).contains("气泡") || text(&html).contains("计算"));
    // The same on any number of threads.
    let again = train("plain", STUDY, &["--threads", "3"]);
    assert_eq!(text(&again.stdout), shown);
    assert_eq!(std::fs::read(folder("plain").join("training.json")).expect("written"), json);
}

#[test]
fn the_answer_heeds_limits() {
    // One system takes about a week; more chips take less.
    let wide = "[[system]]\nname = \"nvidia_dgx_h100\"\nchips = 32\n";
    let first = |name: &str, study: &str| {
        let shown = text(&train(name, study, &[]).stdout);
        let lines: Vec<&str> = shown.split("\n\n").collect();
        lines.get(1).copied().unwrap_or_default().to_owned()
    };
    assert!(first("one", STUDY).contains(" trains it in "));
    assert!(first("two", &(STUDY.to_owned() + wide)).contains(" in the fewest days: "));
    let limited = |time: &str| STUDY.to_owned() + wide + "[limits]\ntime = \"" + time + "\"\n";
    let none = first("none", &limited("1 h"));
    assert!(none.starts_with("No system keeps the limits: ") && none.contains("misses time"), "{none}");
    let days = |name: &str| {
        let json = std::fs::read(folder(name).join("training.json")).expect("written");
        let found: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        [0, 1].map(|i| found["systems"][i]["answer"]["days"]["value"].as_f64().expect("days"))
    };
    let [short, long] = days("two");
    let some = first("some", &limited(&format!("{:.3} d", f64::midpoint(short, long))));
    assert!(some.starts_with("Within the limits, "), "{some}");
}

#[test]
fn no_plan_says_what_would_fit() {
    let study = STUDY.replace("llama-3.2-1b", "llama-3.1-405b");
    let run = train("large", &study, &[]);
    assert_eq!(run.status.code(), Some(1), "{}", text(&run.stderr));
    let shown = text(&run.stdout);
    assert!(shown.contains("No plan") && shown.contains("nearest that fits"), "{shown}");
}

#[test]
fn speaks_chinese() {
    let folder = folder("zh");
    let file = folder.join("study.toml");
    std::fs::write(&file, STUDY).expect("written");
    let run = Command::new(env!("CARGO_BIN_EXE_steelyard"))
        .args(["train", &file.to_string_lossy(), "--out", &folder.to_string_lossy(), "--lang", "zh"])
        .output()
        .expect("runs");
    assert!(text(&run.stdout).contains("事件引擎"));
}

#[test]
fn wrong_input_names_its_place() {
    let with = |from: &str, to: &str| STUDY.replace(from, to);
    let wrong = [
        (with("llama-3.2-1b", "llama-3.2-1c"), "study.toml:1:9: model: there is no model 'llama-3.2-1c'"),
        (with("tokens = 1e11\n", ""), "tokens: is missing"),
        (with("sequence = 4096", "sequence = 3"), "study.toml:3:12: sequence: 3 is out of bounds"),
        (with("batch = 256", "batch = \"many\""), "study.toml:4:9: batch: is a text"),
        (with("played = 20", "plaid = 20"), "unknown key 'plaid'; did you mean 'played'?"),
        (with("nvidia_dgx_h100", "nvidia_dgx_h10"), "there is no system 'nvidia_dgx_h10'"),
        (with("chips = 8", "chips = 0"), "chips: 0 is out of bounds"),
        (with("[search]", "[precision]\nlinear = \"fp7\"\n[search]"), "'fp7' is no storage scheme"),
        (with("[search]", "[experts]\nimbalance = 1.2\n[search]"), "has no routed experts"),
        (with("chips = 8", "chips = 8\nframework = \"maxtext\""), "maxtext does not run on"),
        (with("batch = 256", "batch = 256\nmtp = true"), "has no multi-token-prediction layers"),
        (with("[search]", "[search]\nschedules = [\"1f2b\"]"), "'1f2b' is unknown; did you mean \"1f1b\"?"),
        ("model = [".to_owned(), "study.toml:1:"),
    ];
    for (i, (study, message)) in wrong.iter().enumerate() {
        let run = train(&format!("wrong{i}"), study, &[]);
        let told = text(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{told}");
        assert!(told.contains(message), "{message}\n---\n{told}");
        assert!(!folder(&format!("wrong{i}")).join("training.json").exists());
    }
}
