use super::*;
use crate::money::Price;
use proptest::prelude::*;
use std::sync::LazyLock;
use units::{Usd, UsdPerHour};

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::embedded);

fn library() -> Library<'static> {
    Library { catalog: &CATALOG, folder: None }
}

/// The example of the design, with every optional section.
const WHOLE: &str = r#"
title = "DeepSeek-V3.1 chat on what can be had"
model = "deepseek-v3.1"
weights = "ue8m0-fp8"
kv = "as published"
seed = 7

[traffic]
input = { uniform = [3200, 4000] }
output = 1000
prefix_hit = 0.3
load = { concurrency = "search" }

[levels]
ttft_p99 = "2 s"
tpot_p50 = "50 ms"

[objective]
best = "cost per token"

[money]
region = "cn"
pue = [1.1, 1.3]
lifetime = "4 years"

[search]
modes = ["aggregated"]

[[system]]
name = "huawei-cloudmatrix-384"
price = ["20_000 USD", "30_000 USD"]
surcharge = "25 %"
pass_through = [0.5, 1.0]

[[system]]
name = "nvidia-gb200-nvl72"
chips = 72
price = "12 USD/h"
engine = "vllm"

[[system]]
name = "hygon_bw1000_node"
"#;

fn faults(text: &str) -> Vec<String> {
    match check("s.toml", text, None, library()) {
        Ok(_) => Vec::new(),
        Err(faults) => {
            assert!(!faults.is_empty(), "refused without a reason:\n{text}");
            faults.iter().map(ToString::to_string).collect()
        }
    }
}

/// Faults of the whole study with one piece of its text replaced.
fn faults_with(from: &str, to: &str) -> Vec<String> {
    assert!(WHOLE.contains(from), "{from}");
    faults(&WHOLE.replacen(from, to, 1))
}

#[test]
fn the_example_of_the_design_is_read() {
    let study = check("s.toml", WHOLE, None, library()).expect("sound");
    assert_eq!(study.title, "DeepSeek-V3.1 chat on what can be had");
    assert_eq!(study.weights, Scheme::from_name("ue8m0-fp8"));
    assert_eq!(study.kv, None);
    assert_eq!(study.traffic.input, Lengths::Uniform(3200, 4000));
    assert_eq!(study.traffic.load, Load::Search);
    assert_eq!(study.levels.ttft, [(Statistic::P99, Seconds(2.0))]);
    assert_eq!(study.levels.tpot, [(Statistic::P50, Seconds(0.05))]);
    assert_eq!(study.objective, Objective::CostPerToken);
    assert_eq!((study.systems[0].chips, study.systems[1].chips), (384, 72));
    let stated = |i: usize| study.systems[i].price.as_ref().map(|p| p.price);
    let price = Range { low: Usd(2e4), mid: Usd(2.5e4), high: Usd(3e4) };
    assert_eq!(stated(0), Some(Price::Purchase(price)));
    assert_eq!(stated(1), Some(Price::Rent(Range::exact(UsdPerHour(12.0)))));
    assert_eq!(study.systems[0].surcharge, Range::exact(0.25));
    assert_eq!(study.incomplete[0].id, "hygon_bw1000_node");
    assert!(!study.incomplete[0].missing.is_empty());
    assert_eq!(study.money.region, "cn");
    assert_eq!(study.money.pue.value, Range { low: 1.1, mid: 1.2000000000000002, high: 1.3 });
    assert_eq!(study.money.lifetime_years.value, Range::exact(4.0));
    assert!(study.money.electricity.path.starts_with("regions.cn"));
    assert!(study.search.aggregated && !study.search.disaggregated);
    assert_eq!(study.seed, 7);
}

#[test]
fn the_examples_are_sound() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut systems = 0;
    for entry in std::fs::read_dir(folder).expect("examples") {
        let path = entry.expect("entry").path();
        if path.extension().is_none_or(|e| e != "toml") {
            continue;
        }
        // Studies of training, goodput, replay and purchase lie beside those of serving.
        let text = std::fs::read_to_string(&path).expect("text");
        if text.contains("\n[traffic]") && text.contains("\n[[system]]") && !text.contains("\n[[pool]]") {
            let study = read(&path, library()).unwrap_or_else(|faults| panic!("{}", faults[0]));
            assert_eq!(study.incomplete, [], "{}", path.display());
            systems += study.systems.len();
        }
    }
    assert!(systems > 30);
}

#[test]
fn prices_come_from_the_catalog_where_the_study_has_none() {
    let of = |basis: &str| {
        let money = format!("region = \"cn\"\nbasis = \"{basis}\"");
        let text = WHOLE.replace("region = \"cn\"", &money).replace("price = \"12 USD/h\"\n", "");
        let study = check("s.toml", &text, None, library()).expect("sound");
        let candidate = study.systems[1].clone();
        (candidate.price.clone(), candidate.bill(&study.money).map(|b| b.hourly()))
    };
    let (rent, bill) = of("rent");
    assert!(matches!(rent, Some(Priced { price: Price::Rent(_), fact: Some(_), .. })), "{rent:?}");
    assert_eq!(bill.expect("priced").expect("rent").electricity.high, 0.0);
    let (bought, bill) = of("purchase");
    assert!(matches!(bought, Some(Priced { price: Price::Purchase(_), fact: Some(_), .. })), "{bought:?}");
    let hourly = bill.expect("priced").expect("power");
    // 72 chips of 25 to 80 thousand dollars over 4 years (35,064 h): 51 to 164 USD/h.
    assert!((51.0..164.0).contains(&hourly.chips.mid), "{hourly:?}");
    // 132 kW x 1.2 x 0.09 USD/kWh = 14 USD/h.
    assert!((8.0..26.0).contains(&hourly.electricity.mid), "{hourly:?}");
}

#[test]
fn all_faults_come_at_once_in_order_of_place() {
    let text = r#"
modle = "x"
model = "deepseek-v31x"
[traffic]
input = 0
output = "long"
prefix_hit = 1.5
[levels]
ttft_p99 = 2
tpot_p50 = "50 GB"
[objective]
best = "cost per tokens"
[[system]]
name = "nvidia-gb200-nvl7"
chips = 2_000_000
"#;
    let found = faults(text);
    let starts = [
        "s.toml:2:1: unknown key 'modle'; did you mean 'model'?",
        "s.toml:3:9: model: there is no model 'deepseek-v31x'; did you mean \"deepseek-v3",
        "s.toml:5:9: traffic.input: 0 is out of bounds; write a whole number from 1 to 10000000",
        "s.toml:6:10: traffic.output: is a text; write a number",
        "s.toml:7:14: traffic.prefix_hit: 1.5 is out of bounds",
        "s.toml:9:12: levels.ttft_p99: is a bare number; write a text with a unit: \"2 s\"",
        "s.toml:10:12: levels.tpot_p50: 'GB' is not a unit here",
        "s.toml:12:8: objective.best: 'cost per tokens' is unknown; did you mean \"cost per token\"?",
        "s.toml:14:8: system[0].name: there is no system 'nvidia-gb200-nvl7'; did you mean \"nvidia_gb200_nvl72\"?",
        "s.toml:15:9: system[0].chips: 2000000 is out of bounds",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (fault, start) in found.iter().zip(starts) {
        assert!(fault.starts_with(start), "{fault}\n{start}");
    }
}

#[test]
fn absurd_values_are_refused() {
    let cases = [
        ("output = 1000", "output = 10_000_001"),
        ("output = 1000", "output = nan"),
        ("output = 1000", "output = -5"),
        ("output = 1000", "output = 1e3"),
        ("output = 1000", "output = 0x7fffffffffffffffffffffffffff"),
        ("output = 1000", "output = 170_000"),
        ("output = 1000", "output = {}"),
        ("output = 1000", "output = { lognormal = { median = 100, sigma = nan, max = 10 } }"),
        ("output = 1000", "output = { lognormal = { median = 100, sigma = 1, max = 10 } }"),
        ("[3200, 4000]", "[4000, 3200]"),
        ("prefix_hit = 0.3", "prefix_hit = \"130 %\""),
        ("concurrency = \"search\"", "concurrency = 0"),
        ("concurrency = \"search\"", "concurrency = 1_000_001"),
        ("concurrency = \"search\"", "rate = 20"),
        ("concurrency = \"search\"", "rate = \"0 /s\""),
        ("concurrency = \"search\"", "rate = \"20 /s\", cv = inf"),
        ("concurrency = \"search\"", "rate = \"20 /s\", concurrency = 3"),
        ("\"2 s\"", "\"0 s\""),
        ("\"2 s\"", "\"-2 s\""),
        ("\"2 s\"", "inf"),
        ("chips = 72", "chips = 0"),
        ("chips = 72", "chips = 999_999"),
        ("\"deepseek-v3.1\"\nweights", "\"./deepseek-v3.1\"\nweights"),
        ("surcharge = \"25 %\"", "surcharge = 25"),
        ("price = \"12 USD/h\"", "price = \"12\""),
        ("price = \"12 USD/h\"", "price = [\"14 USD/h\", \"12 USD/h\"]"),
        ("engine = \"vllm\"", "engine = \"mindie\""),
        ("pue = [1.1, 1.3]", "pue = 0.9"),
        ("lifetime = \"4 years\"", "lifetime = 4"),
        ("modes = [\"aggregated\"]", "modes = []"),
        ("prefix_hit = 0.3", "mtp_accepted = -0.8"),
        ("input = { uniform = [3200, 4000] }", "input = { file = \"lengths.csv\" }"),
        ("[objective]\nbest = \"cost per token\"", ""),
        ("\"deepseek-v3.1\"\nweights", "\"../model\"\nweights"),
        ("best = \"cost per token\"", "best = \"chips\""),
        ("seed = 7", "seed = -7"),
        ("[traffic]", "[traffic"),
    ];
    for (from, to) in cases {
        assert!(!faults_with(from, to).is_empty(), "{to} was accepted");
    }
}

#[test]
fn files_are_looked_for_inside_the_folder_only() {
    let folder = std::env::temp_dir().join(format!("steelyard-study-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("sub")).expect("temporary folder");
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("temporary file");
    write("lengths.csv", b"arrival,input_toks,output_toks\n0,10,3\n1,20,4\n");
    write("trace.jsonl", b"{\"input_length\": 7, \"output_length\": 2}\n\n{\"input_length\": 9, \"output_length\": 1}");
    write("bad.csv", b"input,output\n10,3\n20,x\n");
    write("latin.csv", b"input\n\xff\n");
    write("packed.csv", b"\x1f\x8b\x08");
    let with = |file: &str| {
        let text = WHOLE.replace("{ uniform = [3200, 4000] }", &format!("{{ file = \"{file}\" }}"));
        check("s.toml", &text, Some(&folder), library())
    };
    assert_eq!(with("lengths.csv").expect("sound").traffic.input, Lengths::List(vec![10, 20]));
    assert_eq!(with("trace.jsonl").expect("sound").traffic.input, Lengths::List(vec![7, 9]));
    let absolute = folder.join("lengths.csv").display().to_string();
    assert!(with(&absolute).is_ok());
    let cases = [
        ("../lengths.csv", "leads out of the study's folder"),
        ("sub", "is a folder"),
        ("none.csv", "there is no such file"),
        ("/dev/zero", "is not a regular file"),
        ("latin.csv", "line 2: is not UTF-8 text"),
        ("packed.csv", "is packed with gzip"),
    ];
    for (file, message) in cases {
        let found = with(file).expect_err(file);
        assert!(found[0].to_string().contains(message), "{file}: {}", found[0]);
        assert_eq!(found[0].line, 9);
    }
    let text = WHOLE.replace("output = 1000", "output = { file = \"bad.csv\" }");
    let found = check("s.toml", &text, Some(&folder), library()).expect_err("bad.csv");
    assert!(found[0].to_string().contains("bad.csv, line 3: 'x' is not a count of tokens"), "{}", found[0]);
    assert!(read(&folder, library()).expect_err("folder")[0].message.contains("is a folder"));
    assert!(read(&folder.join("latin.csv"), library()).expect_err("latin")[0].message.contains("UTF-8"));
    std::fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn a_megabyte_of_noise_is_refused_at_once() {
    for noise in ["[", "a=", "\"", "x\n", "a.", "{}", "a=[[[["] {
        assert!(!faults(&noise.repeat(1 << 17)).is_empty());
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let _ = faults(&text);
    }

    #[test]
    fn no_change_of_a_study_makes_it_panic(at in 0usize..2000, cut in 0usize..30, insert in "\\PC{0,6}|nan|-1|1e999|\\[|\\]|=|\n|\"") {
        let chars: Vec<char> = WHOLE.chars().collect();
        let at = at % chars.len();
        let text: String = chars[..at].iter().copied().chain(insert.chars()).chain(chars[(at + cut).min(chars.len())..].iter().copied()).collect();
        for fault in faults(&text) {
            prop_assert!(fault.starts_with("s.toml:"));
        }
    }
}

#[test]
fn a_trace_gives_its_rate() {
    let folder = std::env::temp_dir().join(format!("steelyard-rate-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("t.csv"), "time,input,output\n0,5,5\n1,5,5\n3,5,5\n4,5,5\n").expect("written");
    std::fs::write(folder.join("once.csv"), "time,input,output\n0,5,5\n0,5,5\n0,5,5\n").expect("written");
    let read = |load: &str| {
        let text = WHOLE.replace("{ concurrency = \"search\" }", load);
        check("s.toml", &text, Some(&folder), library()).map_err(|faults| faults[0].to_string())
    };
    // Gaps of 1, 2 and 1 s: 0.75 a second, deviation sqrt(2)/3 over a mean of 4/3.
    let study = read("{ trace = \"t.csv\" }").expect("sound");
    let Load::Rate { per_second, cv } = study.traffic.load else { panic!("{:?}", study.traffic.load) };
    assert!((per_second - 0.75).abs() < 1e-9 && (cv - 0.125f64.sqrt()).abs() < 1e-9, "{per_second} {cv}");
    assert!(read("{ trace = \"once.csv\" }").expect_err("no rate").contains("has no rate"));
    assert!(read("{ trace = \"t.csv\", cv = 2 }").expect_err("twice").contains("goes with a rate"));
    assert!(read("{ trace = \"t.csv\", rate = \"2 /s\" }").expect_err("both").contains("several things"));
    std::fs::remove_dir_all(folder).expect("removed");
}
