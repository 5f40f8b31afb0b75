//! `steelyard validate` on files of the user's.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("steelyard-validate-{name}-{}", std::process::id()));
    fs::create_dir_all(&path).expect("a folder");
    path
}

fn validate(rows: impl AsRef<[u8]>, name: &str) -> (Output, String) {
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

/// What is wrong with a whole file ends with exit 2 and says where; nothing is written.
#[test]
fn wrong_files_are_refused_with_a_place() {
    let head = "id,model_path,system,backend,isl,osl,concurrency,silicon_ttft_ms,silicon_tpot_ms\n";
    let long = format!("id,{}\n", "x".repeat(1 << 20));
    let wide = format!("{}\n", vec!["a"; 3000].join(","));
    let cases: [(&str, Vec<u8>, &str); 11] = [
        ("empty", Vec::new(), "no header line"),
        ("other", b"a,b\n1,2\n".to_vec(), "not a file of measurements"),
        ("ragged", b"id,chip\n1\n".to_vec(), "line: 2"),
        ("missing", b"id,model_path,system,backend,isl,osl,concurrency\n".to_vec(), "no column 'silicon_ttft_ms'"),
        ("words", format!("{head}a,m,h100_sxm,vllm,many,1,1,1,1\n").into_bytes(), "column 'isl', row 1: 'many'"),
        ("binary", vec![0xff, 0xfe, 0, 1, 2, 0x80, 0x0a, 0xff, 0x0a], "UTF-8"),
        ("parquet", b"PAR1 and no more".to_vec(), "error: "),
        ("long", long.into_bytes(), "not a file of measurements"),
        ("wide", wide.into_bytes(), "3000 columns"),
        ("operators", b"id,chip,op,shape,format,time_us\na,h100_sxm,gemm,M=1,fp8,soon\n".to_vec(), "'soon'"),
        ("quote", format!("{head}\"a,m,h100_sxm\n").into_bytes(), "line: 2"),
    ];
    for (name, bytes, said) in cases {
        let (output, csv) = validate(&bytes, name);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{name}: {error}");
        assert!(csv.is_empty() && error.starts_with("error: ") && error.contains(said), "{name}: {error}");
        assert!(error.len() < 4096, "{name}: an error of {} bytes", error.len());
    }
    // A file that is not there.
    let missing =
        Command::new(env!("CARGO_BIN_EXE_steelyard")).args(["validate", "--rows", "/nonexistent/x.csv"]).output();
    assert_eq!(missing.expect("runs").status.code(), Some(2));
}

/// What is wrong with a row is a reason in the row.
#[test]
fn wrong_rows_are_refused_with_a_reason() {
    let rows = "id,model_path,system,backend,isl,osl,concurrency,tp_size,silicon_ttft_ms,silicon_tpot_ms\n\
                a,Llama 3.1 8B,h100_sxm,vllm,,100,8,1,60,8\n\
                b,Llama 3.1 8B,h100_sxm,vllm,NaN,100,8,1,60,8\n\
                c,Llama 3.1 8B,h100_sxm,vllm,-1000,100,8,1,60,8\n\
                d,Llama 3.1 8B,h100_sxm,vllm,1000,100,inf,1,60,8\n\
                e,Llama 3.1 8B,No Such Chip,vllm,1000,100,8,1,60,8\n\
                f,No Such Model,h100_sxm,vllm,1000,100,8,1,60,8\n\
                g,Llama 3.1 8B,h100_sxm,vllm,1000,100,8,1,-60,0\n\
                h,Llama 3.1 8B,h100_sxm,vllm,1000,100,8,7,60,8\n\
                i,Llama 3.1 8B,h100_sxm,vllm,1e300,100,8,1,60,8\n\
                j,Llama 3.1 8B,h100_sxm,NoSuchEngine,1000,100,8,1,60,8\n";
    let (output, csv) = validate(rows.as_bytes(), "rows");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = csv.lines().skip(1).collect();
    assert_eq!(lines.len(), 20, "{csv}");
    let said = [
        "isl is not stated",
        "isl is not stated",
        "isl -1000",
        "concurrency inf",
        "No Such Chip",
        "No Such Model",
        "not a number above zero",
        "divide",
        "tokens of a request",
        "no profile of engine 'NoSuchEngine'",
    ];
    for (pair, said) in lines.chunks(2).zip(said) {
        assert!(pair.iter().all(|line| line.contains(said)), "{said}: {pair:?}");
    }
    let predicted = |line: &&str| line.split(',').nth(4).is_some_and(|p| !p.is_empty());
    assert_eq!(lines.iter().filter(|l| predicted(l)).count(), 2, "only an unknown engine has a stand-in: {csv}");
}
