//! `weigh` and `explain` as a user meets them: the examples, files, exits.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn steelyard() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steelyard"));
    for name in ["LC_ALL", "LC_MESSAGES", "LANG", "COLUMNS", "NO_COLOR"] {
        command.env_remove(name);
    }
    command
}

fn example(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples")).join(name)
}

fn text(output: &Output) -> (String, String) {
    (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("steelyard-weigh-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&path).expect("a temporary folder");
    path
}

fn weigh(study: &Path, out: &Path, more: &[&str]) -> (i32, String, String) {
    let output = steelyard().arg("weigh").arg(study).arg("--out").arg(out).args(more).output().expect("it runs");
    let (stdout, stderr) = text(&output);
    (output.status.code().unwrap_or(-1), stdout, stderr)
}

#[test]
fn an_example_is_weighed() {
    let dir = folder("llama");
    let (exit, out, err) = weigh(&example("llama-3.1-70b.toml"), &dir, &[]);
    assert_eq!(exit, 0, "{err}");
    assert!(!out.contains('\x1b') && !err.contains('\x1b'), "no control characters outside a terminal");
    let findings: Value =
        serde_json::from_slice(&std::fs::read(dir.join("findings.json")).expect("written")).expect("JSON");
    let systems = findings["systems"].as_array().expect("a list");
    assert_eq!(systems.len(), 9);
    for system in systems {
        let name = system["name"].as_str().expect("a name");
        assert!(["served", "unserved"].contains(&system["answer"]["kind"].as_str().expect("a kind")), "{name}");
        if system["answer"]["kind"] == "served" {
            let answer = &system["answer"];
            for figure in ["tokens_per_chip", "tokens_per_system"] {
                let of = |end: &str| answer[figure][end].as_f64().expect("a number");
                assert!(0.0 < of("low") && of("low") <= of("value") && of("value") <= of("high"), "{name} {figure}");
            }
            assert!(answer["operators"].as_array().is_some_and(|o| o.len() > 8), "{name}");
            assert!(answer["memory"].as_array().is_some_and(|m| m.len() == 4), "{name}");
            assert!(system["pareto"].as_array().is_some_and(|p| !p.is_empty()), "{name}");
        }
    }
    let costs: Vec<f64> = systems.iter().filter_map(|s| s["answer"]["cost"]["per_million"]["value"].as_f64()).collect();
    assert!(costs.windows(2).all(|c| c[0] <= c[1]), "ranked by cost: {costs:?}");
    let page = std::fs::read_to_string(dir.join("report.html")).expect("written");
    assert!(page.starts_with("<!DOCTYPE html>") || page.starts_with("<!doctype html>"));
    let mut left: Vec<_> = std::fs::read_dir(&dir).expect("the folder").flatten().map(|e| e.file_name()).collect();
    left.sort();
    assert_eq!(left, ["findings.json", "report.html"]);
    std::fs::remove_dir_all(dir).expect("removed");
}

#[test]
fn threads_do_not_change_a_byte() {
    let dir = folder("threads");
    let mut found = Vec::new();
    for threads in ["1", "2"] {
        let out = dir.join(threads);
        let (exit, _, err) = weigh(&example("qwen3-32b-node.toml"), &out, &["--threads", threads]);
        assert_eq!(exit, 0, "{err}");
        found.push(std::fs::read(out.join("findings.json")).expect("written"));
    }
    assert_eq!(found[0], found[1]);
    std::fs::remove_dir_all(dir).expect("removed");
}

const STUDY: &str = r#"
model = "qwen3-32b"
[traffic]
input = 1000
output = 100
[levels]
tpot_mean = "40 ms"
[objective]
best = "tokens per chip"
[search]
requests = 64
[[system]]
name = "nvidia-hgx-h200"
"#;

#[test]
fn wrong_input_is_told_with_its_place() {
    let dir = folder("wrong");
    let study = dir.join("s.toml");
    std::fs::write(&study, STUDY.replace("\"40 ms\"", "40").replace("hgx-h200", "hgx-h20x")).expect("written");
    let (exit, out, err) = weigh(&study, &dir, &[]);
    assert_eq!(exit, 2);
    assert!(out.is_empty());
    assert!(err.contains("s.toml:7:13: levels.tpot_mean") && err.contains("s.toml:13:8: system[0].name"), "{err}");
    assert!(!dir.join("findings.json").exists());
    let (exit, _, err) = weigh(&dir.join("none.toml"), &dir, &[]);
    assert!(exit == 2 && err.contains("none.toml"), "{err}");
    std::fs::write(&study, STUDY).expect("written");
    let (exit, _, err) = weigh(&study, &dir, &["--calibration", "/nonexistent"]);
    assert!(exit == 2 && err.contains("/nonexistent"), "{err}");
    std::fs::remove_dir_all(dir).expect("removed");
}

#[test]
fn no_system_that_serves_exits_with_one() {
    let dir = folder("none");
    let study = dir.join("s.toml");
    std::fs::write(&study, STUDY.replace("qwen3-32b", "deepseek-v3.1").replace("hgx-h200\"", "hgx-h200\"\nchips = 2"))
        .expect("written");
    let (exit, out, err) = weigh(&study, &dir, &[]);
    assert_eq!(exit, 1, "{err}");
    assert!(out.contains("nearest that fits: 8 chips"), "{out}");
    assert!(dir.join("findings.json").exists());
    std::fs::remove_dir_all(dir).expect("removed");
}

#[test]
fn a_deployment_is_explained() {
    let dir = folder("explain");
    let study = dir.join("s.toml");
    std::fs::write(&study, STUDY).expect("written");
    let run = |system: &str| {
        let output = steelyard().arg("explain").arg(&study).args(["--system", system]).output().expect("it runs");
        (output.status.code(), text(&output))
    };
    let (exit, (out, err)) = run("HGX H200");
    assert_eq!(exit, Some(0), "{err}");
    for word in ["Decode, one steady step", "Prefill, one step", "attention", "Memory of the fullest chip", "weights"] {
        assert!(out.contains(word), "{word}: {out}");
    }
    let (exit, (_, err)) = run("nvidia-hgx-h100");
    assert!(exit == Some(2) && err.contains("has no system"), "{err}");
    let (exit, (_, err)) = run("dishwasher");
    assert!(exit == Some(2) && err.contains("dishwasher"), "{err}");
    std::fs::remove_dir_all(dir).expect("removed");
}
