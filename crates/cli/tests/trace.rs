//! `steelyard trace` as a user runs it: written, shown, replayed, drawn, refused.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("steelyard-trace-cli-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&path).expect("a temporary folder");
    path
}

fn trace(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steelyard"));
    for name in ["LC_ALL", "LC_MESSAGES", "LANG", "NO_COLOR"] {
        command.env_remove(name);
    }
    command.arg("trace").args(args).env("COLUMNS", "80").output().expect("it runs")
}

fn text(args: &[&str]) -> String {
    let out = trace(args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("text")
}

fn refused(args: &[&str], exit: i32) -> String {
    let out = trace(args);
    assert_eq!((out.status.code(), out.stdout.len()), (Some(exit), 0), "{args:?}");
    String::from_utf8(out.stderr).expect("text")
}

fn written(dir: &Path, more: &[&str]) -> String {
    let dir = dir.to_str().expect("a name").to_owned();
    let args = ["write", &dir, "--op", "all-reduce", "--bytes", "64MiB", "--ranks", "16", "--rounds", "2"];
    text(&[&args[..], &["--compute", "500 us"], more].concat());
    dir
}

#[test]
fn a_trace_is_written_shown_and_replayed() {
    let root = folder("whole");
    let dir = written(&root.join("t"), &[]);
    // By a name that is the same everywhere: lines are broken by its length.
    let shown = |lang: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_steelyard"));
        let out = command.args(["trace", "show", "t", "--lang", lang]).env("COLUMNS", "80").current_dir(&root).output();
        String::from_utf8(out.expect("it runs").stdout).expect("text")
    };
    insta::assert_snapshot!("trace-show-en-80", shown("en"));
    insta::assert_snapshot!("trace-show-zh-80", shown("zh"));
    let timeline = root.join("t.json");
    let file = timeline.to_str().expect("a name");
    let replayed = text(&["replay", &dir, "--system", "h100_sxm", "--timeline", file, "--json"]);
    let found: Value = serde_json::from_str(&replayed).expect("JSON");
    assert_eq!((&found["ranks"], &found["nodes"]), (&16.into(), &64.into()));
    let seconds = |key: &str| found["seconds"][key].as_f64().expect("a number");
    assert!(1e-3 < seconds("low") && seconds("low") <= seconds("value") && seconds("value") <= seconds("high"));
    // 16 ranks: each a name, a place in the order, two rows; and 4 spans.
    let drawn: Value = serde_json::from_slice(&std::fs::read(&timeline).expect("written")).expect("JSON");
    let events = drawn["traceEvents"].as_array().expect("events");
    assert_eq!(events.len(), 16 * (2 + 2 + 4));
    let ends = events.iter().filter_map(|e| Some(e["ts"].as_f64()? + e["dur"].as_f64()?));
    let last = ends.fold(0.0, f64::max) * 1e-6;
    assert!((last - seconds("value")).abs() < 1e-8, "the timeline ends where the replay does: {last}");
    std::fs::remove_dir_all(root).expect("removed");
}

#[test]
fn faults_and_placement_change_a_replay() {
    let root = folder("faults");
    let dir = written(&root.join("t"), &[]);
    let ask = |more: &[&str]| text(&[&["replay", &dir, "--system", "huawei-cloudmatrix-384"], more].concat());
    assert!(ask(&["--placement", "spread"]) != ask(&[]));
    assert!(ask(&["--lang", "zh"]).contains("全部 rank 的平均"));
    let slice = ["replay", dir.as_str(), "--system", "google-ironwood-9216", "--fault"];
    let hurt = text(&[&slice[..], &["link=0-1"]].concat());
    assert!(hurt.contains("With nothing broken") && hurt.contains("With link=0-1"), "{hurt}");
    let cut = refused(&[&slice[..], &["chip=3"]].concat(), 1);
    assert!(cut.contains("chip 3 is dead, and rank 3 with it"), "{cut}");
    std::fs::remove_dir_all(root).expect("removed");
}

#[test]
fn wrong_input_is_told() {
    let root = folder("wrong");
    let dir = written(&root.join("t"), &[]);
    let empty = folder("empty");
    let empty_name = empty.to_str().expect("a name");
    assert!(refused(&["show", empty_name], 2).contains("no traces; they are named PREFIX.RANK.et"));
    assert!(refused(&["show", "/nowhere/at/all"], 2).starts_with("error: /nowhere/at/all: "));
    let study = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    assert!(refused(&["show", study], 2).contains("record 0 is no GlobalMetadata"));
    assert!(refused(&["replay", &dir, "--system", "h100_sxn"], 2).contains("did you mean"));
    assert!(refused(&["replay", &dir, "--system", "h100_sxm", "--fault", "cable=1"], 2).contains("is no fault"));
    assert!(refused(&["replay", &dir, "--system", "h100_sxm", "--ranks", "4"], 2).contains("holds 16 ranks"));
    assert!(refused(&["replay", &dir, "--system", "h100_sxm", "--placement", "near"], 2).contains("neither packed"));
    let file = format!("{dir}/trace.0.et");
    assert!(refused(&["replay", &file, "--system", "h100_sxm", "--ranks", "8192"], 2).contains("joins"));
    let write = ["write", empty_name, "--op", "all-reduce", "--ranks", "2", "--bytes"];
    assert!(refused(&[&write[..], &["12"]].concat(), 2).contains("--bytes"));
    assert!(refused(&[&write[..], &["1MiB", "--compute", "3"]].concat(), 2).contains("--compute"));
    assert!(refused(&[&write[..], &["1MiB", "--prefix", "a/b"]].concat(), 2).contains("part of a file name"));
    std::fs::write(empty.join("cut.0.et"), &std::fs::read(&file).expect("written")[..40]).expect("written");
    assert!(refused(&["show", empty_name], 2).contains("the file is cut off"));
    std::fs::remove_dir_all(root).expect("removed");
    std::fs::remove_dir_all(empty).expect("removed");
}
