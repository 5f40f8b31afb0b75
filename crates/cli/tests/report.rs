//! The command as a user meets it: files, exits, pipes, languages.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/findings.json");

fn steelyard() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steelyard"));
    for name in ["LC_ALL", "LC_MESSAGES", "LANG", "COLUMNS", "NO_COLOR"] {
        command.env_remove(name);
    }
    command
}

fn text(output: &Output) -> (String, String) {
    (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("steelyard-report-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&path).expect("a temporary folder");
    path
}

#[test]
fn table_and_report() {
    let dir = folder("plain");
    let html = dir.join("report.html");
    let output = steelyard().args(["report", FIXTURE, "--html"]).arg(&html).output().unwrap();
    let (out, err) = text(&output);
    assert!(output.status.success(), "{err}");
    assert!(out.contains("NVIDIA GB200 NVL72") && !out.contains('\x1b'));
    assert!(err.contains("wrote"));
    assert!(std::fs::read_to_string(&html).unwrap().ends_with("</html>\n"));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn language_by_flag_and_by_environment() {
    for command in [
        steelyard().args(["report", FIXTURE, "--lang", "zh"]),
        steelyard().args(["report", FIXTURE]).env("LC_ALL", "zh_CN.UTF-8"),
    ] {
        assert!(text(&command.output().unwrap()).0.contains("显存带宽"));
    }
    let output = steelyard().args(["report", FIXTURE, "--lang", "en"]).env("LANG", "zh_CN").output().unwrap();
    assert!(text(&output).0.contains("memory bandwidth"));
}

#[test]
fn wrong_input_exits_with_2_and_leaves_no_file() {
    let dir = folder("wrong");
    let broken = dir.join("broken.json");
    std::fs::write(&broken, "{\"schema\": 1,").unwrap();
    let html = dir.join("report.html");
    for path in [dir.join("absent.json"), dir.clone(), broken] {
        let output = steelyard().arg("report").arg(&path).arg("--html").arg(&html).output().unwrap();
        let (out, err) = text(&output);
        assert_eq!(output.status.code(), Some(2), "{}", path.display());
        assert!(out.is_empty() && err.starts_with("error: ") && !err.contains("panicked"), "{err}");
        assert!(!html.exists());
    }
    let output = steelyard().args(["report", FIXTURE, "--html"]).arg(&dir).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).1.contains("it is a folder; name a file"));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut child =
        steelyard().args(["report", FIXTURE]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output).1);
}
