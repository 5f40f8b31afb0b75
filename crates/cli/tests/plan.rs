//! `steelyard plan` and `claims`, run as a user would.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const QUESTION: &str = r#"
start = "2026-Q4"
quarters = 3
[objective]
best = "least cost"
[money]
interest = ["3 %", "6 %"]
resale = 0.4
utilisation = "60 %"
[[site]]
name = "here"
power = "10 MW"
electricity = "0.1 USD/kWh"
[[work]]
name = "chat"
model = "qwen3-32b"
tokens_per_day = "2 G"
traffic = { input = 1000, output = 500 }
search = { requests = 16 }
[[offer]]
name = "owned"
system = "nvidia-hgx-h200"
how = "buy"
site = "here"
lead = "3 months"
price = "30_000 USD"
[[offer]]
name = "rented"
system = "nvidia-hgx-h200"
how = "rent"
price = "3 USD/h"
[[scenario]]
name = "as it is"
weight = 0.6
[[scenario]]
name = "stopped"
weight = 0.4
[[scenario.event]]
name = "licence revoked"
offers = ["owned"]
from = "2027-Q1"
ban = true
[sensitivity]
tornado = true
[[sensitivity.break_even]]
input = "offer.rented.price"
offer = "rented"
from = 0.1
to = 50
"#;

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plan").join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn run(name: &str, verb: &str, text: &str, more: &[&str]) -> Output {
    let folder = folder(name);
    let file = folder.join("question.toml");
    std::fs::write(&file, text).expect("written");
    Command::new(env!("CARGO_BIN_EXE_steelyard"))
        .args([verb, &file.to_string_lossy(), "--out", &folder.to_string_lossy()])
        .args(more)
        .output()
        .expect("runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_plan_is_told_and_written() {
    let one = run("plain", "plan", QUESTION, &["--lang", "en", "--threads", "1"]);
    let shown = text(&one.stdout);
    assert_eq!(one.status.code(), Some(0), "{}", text(&one.stderr));
    for words in ["The plan costs", "licence revoked", "Orders", "Break-even", "interest", "Proven", "rented"] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
    let json = std::fs::read(folder("plain").join("plan.json")).expect("written");
    let html = text(&std::fs::read(folder("plain").join("plan.html")).expect("written"));
    assert!(html.contains("采购与交付时间表") && html.contains("When what is ordered"), "both languages");
    // The same on any number of threads.
    let again = run("plain", "plan", QUESTION, &["--lang", "en", "--threads", "3"]);
    assert_eq!(text(&again.stdout), shown);
    assert_eq!(std::fs::read(folder("plain").join("plan.json")).expect("written"), json);
    let zh = text(&run("zh", "plan", QUESTION, &["--lang", "zh"]).stdout);
    assert!(zh.contains("该方案在 3 个季度内的费用为") && zh.contains("盈亏平衡"), "{zh}");
}

#[test]
fn demand_that_cannot_be_served_names_what_binds() {
    let tight =
        QUESTION.replace("price = \"3 USD/h\"", "price = \"3 USD/h\"\nsupply = 1").replace("\"10 MW\"", "\"20 kW\"");
    let short = run("short", "plan", &tight.replace("\"2 G\"", "\"40 G\""), &["--lang", "en"]);
    let shown = text(&short.stdout);
    assert_eq!(short.status.code(), Some(1), "{shown}{}", text(&short.stderr));
    for words in ["No plan serves all demand", "What binds", "supply of rented", "chat"] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
}

#[test]
fn wrong_questions_leave_no_file() {
    let _ = std::fs::remove_dir_all(folder("wrong"));
    let wrong = run("wrong", "plan", &QUESTION.replace("2026-Q4", "soon").replace("30_000 USD", "cheap"), &[]);
    let told = text(&wrong.stderr);
    assert_eq!(wrong.status.code(), Some(2), "{told}");
    assert!(told.contains("'soon' is no quarter") && told.contains("an amount and a currency"), "{told}");
    assert!(!folder("wrong").join("plan.json").exists() && !folder("wrong").join("plan.html").exists());
}

#[test]
fn a_claim_of_ones_own_gets_its_verdict() {
    let claim = r#"
says = { en = "H20 has a fifth of the peak", zh = "H20 的峰值为五分之一" }
by = "me"
[[case]]
name = { en = "dense peak", zh = "稠密峰值" }
facts = ["chips/nvidia_h20.peak.bf16"]
over = ["chips/nvidia_h100_sxm.peak.bf16"]
at_most = 0.2
[[case]]
name = { en = "re-wiring", zh = "重构光路" }
fares = { runs = 4, job = { length = "3 d" }, checkpoint = { size = "1 TB", write = "100 GB/s", save = "blocking" }, system = [{ name = "google-ironwood-9216", chips = 1024, spares = 1 }] }
fate = "re-wiring"
at_most = 0.1
"#;
    let done = run("claim", "claims", claim, &["--lang", "en"]);
    let shown = text(&done.stdout);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    assert!(shown.contains("holds") && shown.contains("re-wiring"), "{shown}");
    let wrong = run("claim-wrong", "claims", &claim.replace("\"re-wiring\"\nat", "\"luck\"\nat"), &["--lang", "en"]);
    assert_eq!(wrong.status.code(), Some(2), "{}", text(&wrong.stderr));
    assert!(text(&wrong.stderr).contains("luck"), "{}", text(&wrong.stderr));
}
