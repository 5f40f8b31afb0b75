//! Measured tables of the user's own: fitted, copied, and used inside their hull.

use std::fs;
use std::path::Path;
use std::process::Command;

const STUDY: &str = r#"
model = "qwen3-32b"
[traffic]
input = 1000
output = 100
load = { concurrency = 8 }
[objective]
best = "tokens per chip"
[search]
modes = ["aggregated"]
requests = 16
[[system]]
name = "nvidia-hgx-h20"
setup = "8x TP1 engine=vllm batch=1"
"#;

fn steelyard(args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steelyard"));
    for name in ["LC_ALL", "LC_MESSAGES", "LANG", "COLUMNS"] {
        command.env_remove(name);
    }
    let output = command.args(args).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// Seconds of the feed-forward layers of a decode step.
fn feed_forward(findings: &Path) -> (f64, bool) {
    let text = fs::read_to_string(findings).expect("written");
    let found: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let answer = &found["systems"][0]["answer"];
    let decode = answer["operators"].as_array().expect("a list").iter();
    let of = decode.filter(|o| o["phase"] == "decode" && o["name"] == "feed-forward");
    let own = answer["calibration"].as_array().expect("a list").iter();
    let own = own.filter_map(|f| f["what"].as_str()).any(|w| w.contains("your table"));
    (of.filter_map(|o| o["seconds"].as_f64()).sum(), own)
}

#[test]
fn rows_go_before_the_fit() {
    let folder = std::env::temp_dir().join(format!("steelyard-tables-{}", std::process::id()));
    let text = |name: &str| folder.join(name).display().to_string();
    fs::create_dir_all(folder.join("mine")).expect("a temporary folder");
    fs::write(folder.join("s.toml"), STUDY).expect("written");
    let weigh = |more: &[&str], out: &str| {
        let (study, out) = (text("s.toml"), text(out));
        let mut args = vec!["weigh", &study, "--out", &out];
        args.extend(more);
        let (exit, _, err) = steelyard(&args);
        assert_eq!(exit, 0, "{err}");
        feed_forward(&Path::new(&out).join("findings.json"))
    };
    let (plain, own) = weigh(&[], "plain");
    assert!(plain > 0.0 && !own);
    // The two products of a layer (gate and up together: 2 x 25,600 columns), each a millisecond whatever the rows.
    let mut table = "chip,op,impl,shape,format,time_us\n".to_owned();
    for m in [1, 2, 4, 8, 16, 32, 64] {
        table += &format!("nvidia_h20,gemm,mine,m={m} n=51200 k=5120,bf16,1000\n");
        table += &format!("nvidia_h20,gemm,mine,m={m} n=5120 k=25600,bf16,1000\n");
    }
    fs::write(folder.join("mine/gemm.csv"), table).expect("written");
    let (exit, out, err) = steelyard(&["calibrate", "--tables", &text("mine"), "--out", &text("fitted")]);
    assert_eq!(exit, 0, "{out}{err}");
    assert!(folder.join("fitted/gemm.csv").is_file() && folder.join("fitted/nvidia_h20.toml").is_file());
    for calibration in ["fitted", "mine"] {
        let (seconds, own) = weigh(&["--calibration", &text(calibration)], calibration);
        // 64 layers of two products.
        assert!(own && (seconds - 64.0 * 2e-3).abs() < 2e-3, "{calibration}: {seconds}, before {plain}");
    }
    fs::remove_dir_all(folder).expect("removed");
}
