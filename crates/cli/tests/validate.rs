//! `steelyard validate` on files of the user's.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("steelyard-validate-{name}-{}", std::process::id()));
    fs::create_dir_all(&path).expect("a folder");
    path
}

fn validate(rows: &str, name: &str) -> (Output, String) {
    let folder = folder(name);
    let (input, out) = (folder.join("rows.csv"), folder.join("out.csv"));
    fs::write(&input, rows).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_steelyard"))
        .args(["validate", "--lang", "en", "--rows"])
        .arg(&input)
        .arg("--csv")
        .arg(&out)
        .output()
        .expect("runs");
    let text = fs::read_to_string(&out).unwrap_or_default();
    fs::remove_dir_all(&folder).expect("removed");
    (output, text)
}

#[test]
fn rows_of_ones_own_are_predicted_or_refused() {
    let rows = "id,model_path,system,backend,isl,osl,concurrency,tp_size,silicon_ttft_ms,silicon_tpot_ms\n\
                a,Llama 3.1 8B,h100_sxm,vllm,1000,100,8,1,60,8\n\
                b,No Such Model,h100_sxm,vllm,1000,100,8,1,60,8\n";
    let (output, csv) = validate(rows, "good");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = csv.lines().collect();
    assert!(lines[0].starts_with("id,metric,unit,measured,predicted,low,high,reason"), "{csv}");
    assert_eq!(lines.len(), 5, "two metrics a row: {csv}");
    assert!(lines[1].starts_with("a,ttft,ms,60,") && lines[2].starts_with("a,tpot,ms,8,"), "{csv}");
    assert!(lines[3].starts_with("b,ttft,ms,60,,,,"), "{csv}");
    // Same input, same bytes.
    assert_eq!(validate(rows, "again").1, csv);
}

#[test]
fn files_that_are_none_of_the_four_are_refused() {
    for (name, text) in [("empty", ""), ("other", "a,b\n1,2\n"), ("ragged", "id,chip\n1\n")] {
        let (output, csv) = validate(text, name);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(csv.is_empty() && String::from_utf8_lossy(&output.stderr).starts_with("error: "), "{name}");
    }
}
