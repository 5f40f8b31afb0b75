//! Rows of `serving.csv`: measured values of inference runs, many chips, many conventions (see `measured.md`).
//!
//! Free text stands in most columns. What it says is read where it says one thing; where it leaves something open, the
//! case leaves it open too.

use std::collections::BTreeMap;

use formats::{Element, Scheme};

use super::case::{Case, CaseFormats, CaseLoad, Measured, Metric, Mode, Pool, Split};
use super::file::File;
use super::text::{first_number, has, mean_length};
use crate::tables::{Table, TableError};
use crate::traffic::Lengths;

/// A row as text.
struct Row<'a> {
    cells: &'a BTreeMap<&'static str, Vec<&'a str>>,
    index: usize,
}

impl<'a> Row<'a> {
    fn get(&self, column: &str) -> &'a str {
        self.cells.get(column).map_or("", |c| c[self.index].trim())
    }
}

const COLUMNS: [&str; 30] = [
    "id",
    "source_key",
    "source_pointer",
    "date",
    "system",
    "chip",
    "chips",
    "model",
    "weight_fmt",
    "act_fmt",
    "kv_fmt",
    "framework",
    "phase",
    "tp",
    "pp",
    "ep",
    "dp",
    "pd_split",
    "isl",
    "osl",
    "batch_per_chip",
    "concurrency",
    "request_rate",
    "spec_decode",
    "accept",
    "metric",
    "value",
    "unit",
    "confidence",
    "note",
];

/// Reads every row as a case.
///
/// # Errors
/// [`TableError`] if a column is missing.
pub fn cases(table: &Table) -> Result<Vec<Case>, TableError> {
    let mut cells = BTreeMap::new();
    let mut values = Vec::new();
    for column in COLUMNS {
        if column == "value" {
            values = table.number(column)?.into_owned();
        } else if ["id", "chip", "model", "metric"].contains(&column) {
            cells.insert(column, table.text(column)?);
        } else {
            cells.insert(column, table.text_if_any(column)?);
        }
    }
    let mut cases: Vec<Case> = Vec::new();
    for (index, value) in values.into_iter().enumerate() {
        let mut next = case(&Row { cells: &cells, index }, value);
        // Values of one run stand in rows that differ in nothing else: one case, simulated once.
        if let Some(last) = cases.last_mut() {
            let one = std::mem::replace(&mut next.measured, std::mem::take(&mut last.measured));
            let same = *last == next;
            last.measured = std::mem::replace(&mut next.measured, one);
            if same {
                last.measured.append(&mut next.measured);
                continue;
            }
        }
        cases.push(next);
    }
    Ok(cases)
}

fn case(row: &Row, value: f64) -> Case {
    let chips = first_number(row.get("chips")).map(|c| c as u32);
    let mut refused = trap(row);
    let (metric, factor) = match metric(row, chips) {
        Ok(found) => found,
        Err(reason) => {
            refused.get_or_insert(reason);
            (Metric::OutputTokens, 1.0)
        }
    };
    let mut remark = String::new();
    let (input, output) = match lengths(row) {
        Ok(lengths) => lengths,
        Err(reason) => {
            refused.get_or_insert(reason);
            (Lengths::Fixed(1), Lengths::Fixed(1))
        }
    };
    let speculation = match speculation(row) {
        Ok(found) => found,
        Err(reason) => {
            refused.get_or_insert(reason);
            None
        }
    };
    if speculation.is_some() {
        remark.push_str("speculation as stated; ");
    }
    let (load, requests) = load(row);
    let mode = mode(row, chips);
    if chips.is_none() && is_open(&mode) {
        refused.get_or_insert_with(|| "number of chips not stated".to_owned());
    }
    let plain = refused.is_none()
        && speculation.is_none()
        && !has(row.get("note"), "TRAP")
        && row.get("confidence") != "low"
        && !matches!(row.get("source_key"), "mt-s5000-siliconflow" | "metax-c500-blog");
    Case {
        measured: vec![Measured {
            id: row.get("id").to_owned(),
            name: row.get("metric").to_owned(),
            metric,
            value,
            unit: row.get("unit").to_owned(),
            factor,
        }],
        file: File::Serving,
        source: row.get("source_key").to_owned(),
        plain,
        model: row.get("model").to_owned(),
        chip: row.get("chip").to_owned(),
        chips,
        engine: engine(row),
        engine_text: row.get("framework").to_owned(),
        formats: CaseFormats {
            dense: dense_format(row),
            experts: expert_format(row),
            kv: kv_format(row.get("kv_fmt")),
        },
        mode,
        input,
        output,
        load,
        requests,
        speculation,
        prefix_hit: prefix_hit(row.get("note")),
        refused,
        remark,
    }
}

fn is_open(mode: &Mode) -> bool {
    match mode {
        Mode::Aggregated(p) | Mode::PrefillOnly(p) | Mode::DecodeOnly(p) => p.split == Split::default(),
        Mode::Disaggregated { .. } => false,
    }
}

/// Traps of `measured.md` §3 that no model of the machine can repair.
fn trap(row: &Row) -> Option<String> {
    let note = row.get("note");
    let reason = match row.get("source_key") {
        "deepseek-day6" => "production average over 24 h, load not stated (trap 4)",
        "mt-s5000-siliconflow" => "press lower bound without batch or parallelism",
        "dstack-pd-ratio" if row.get("metric") != "tpot_mean" => "prefix cache warm between runs (trap 21)",
        "lmsys-large-ep" if has(note, "simulated MTP") => "simulated MTP (trap 3)",
        _ if has(row.get("weight_fmt"), "emulated") => "slow kernel path of this checkpoint (trap 22)",
        _ if row.get("framework").contains("CPU") || row.get("chip").contains("CPU") => "not an accelerator",
        _ if has(row.get("pd_split"), "AFD") => "attention and feed-forward on separate chips",
        _ if has(row.get("pd_split"), "ratios not in text") => "pool sizes not stated",
        _ if has(note, "GPU count and TP not stated") => "number of chips not stated",
        _ if has(note, "Label") && has(note, "fp32") => "label slip (trap 10)",
        _ => return None,
    };
    Some(reason.to_owned())
}

fn metric(row: &Row, chips: Option<u32>) -> Result<(Metric, f64), String> {
    let seconds = if row.get("unit") == "ms" { 1e3 } else { 1.0 };
    let rate = |metric, per: f64| -> Result<(Metric, f64), String> {
        let chips = f64::from(chips.ok_or("number of chips not stated")?);
        Ok((metric, per / chips))
    };
    let time = |metric| Ok((metric, seconds));
    let single = first_number(row.get("concurrency")).is_none_or(|c| c <= 1.0);
    match row.get("metric") {
        "ttft_mean" => time(Metric::TtftMean),
        "ttft_p50" => time(Metric::TtftP50),
        "ttft_p99" => time(Metric::TtftP99),
        "tpot_mean" => time(Metric::TpotMean),
        "tpot_p50" => time(Metric::TpotP50),
        "tpot_p99" => time(Metric::TpotP99),
        "latency_mean" | "request_latency_mean" | "request_latency_singlestream" => time(Metric::LatencyMean),
        "output_tokens_per_s_total" => Ok((Metric::OutputTokens, 1.0)),
        "output_tokens_per_s_per_chip" => rate(Metric::OutputTokens, 1.0),
        "output_tokens_per_s_per_die" => rate(Metric::OutputTokens, 0.5),
        "output_tokens_per_s_per_8chip_node" => rate(Metric::OutputTokens, 8.0),
        "output_tokens_per_s_per_user" if single => Ok((Metric::OutputTokens, 1.0)),
        "input_tokens_per_s_per_chip" | "input_tokens_per_s_per_card" => rate(Metric::InputTokens, 1.0),
        "input_tokens_per_s_per_8chip_node" => rate(Metric::InputTokens, 8.0),
        "total_tokens_per_s_per_chip" => rate(Metric::TotalTokens, 1.0),
        "samples_per_s_total" => Ok((Metric::Requests, 1.0)),
        other => Err(format!("metric '{other}' is not predicted")),
    }
}

/// Mean lengths of the data sets that MLPerf and others draw from: prompt and output tokens.
///
/// Prompts: MLPerf Inference's published data set statistics (OpenOrca sample 294 in the v4.x rounds, the reasoning set
/// about 800, CNN/DailyMail 778). Outputs are the row's own where it has them.
fn dataset(model: &str) -> Option<(f64, f64)> {
    let model = model.to_ascii_lowercase();
    let found = [
        ("llama 2 70b", 294.0, 294.0),
        ("mixtral", 230.0, 145.0),
        ("llama 3.1 8b", 778.0, 73.0),
        ("llama 3.1 405b", 9428.0, 684.0),
        ("deepseek-r1", 800.0, 3770.0),
        ("gpt-oss 120b", 600.0, 1300.0),
    ];
    found.iter().find(|(name, ..)| model.contains(name)).map(|&(_, i, o)| (i, o))
}

fn lengths(row: &Row) -> Result<(Lengths, Lengths), String> {
    let set = dataset(row.get("model"));
    let pick = |column: &str, from_set: Option<f64>| -> Result<Lengths, String> {
        let text = row.get(column);
        if text.starts_with("uniform") {
            let bounds: Vec<u64> = text.split(|c: char| !c.is_ascii_digit()).filter_map(|t| t.parse().ok()).collect();
            if let [low, high] = bounds[..] {
                return Ok(Lengths::Uniform(low, high));
            }
        }
        let mean = match mean_length(text) {
            Some(mean) => mean,
            None if text == "dataset" => from_set.ok_or("data set's lengths are not known")?,
            None if has(text, "ShareGPT") => {
                if column == "isl" {
                    220.0
                } else {
                    200.0
                }
            }
            None => return Err(format!("{column} '{text}' is not stated")),
        };
        // Data sets spread widely: a log-normal with the spread of chat data.
        let spread = text.contains("mean")
            || text == "dataset"
            || has(text, "ShareGPT")
            || has(row.get("note"), "wide distribution");
        let tutorial_mean = mean.max(1.0);
        Ok(if spread {
            let sigma: f64 = 1.0;
            Lengths::LogNormal {
                median: tutorial_mean * (-sigma * sigma / 2.0).exp(),
                sigma,
                max: (tutorial_mean * 12.0) as u64,
            }
        } else {
            Lengths::Fixed(tutorial_mean.round() as u64)
        })
    };
    let input = pick("isl", set.map(|s| s.0))?;
    let output = if row.get("phase") == "prefill" { Lengths::Fixed(1) } else { pick("osl", set.map(|s| s.1))? };
    let randomised = has(row.get("note"), "random-range-ratio 0.8") || has(row.get("note"), "uniform in [0.8L, L]");
    let widen = |lengths: Lengths| match lengths {
        Lengths::Fixed(l) if randomised => Lengths::Uniform((l as f64 * 0.8) as u64, l),
        other => other,
    };
    Ok((widen(input), widen(output)))
}

fn speculation(row: &Row) -> Result<Option<(u32, f64)>, String> {
    let text = row.get("spec_decode");
    if text.is_empty() || text == "none" {
        return Ok(None);
    }
    if has(text, "fused draft model") || has(text, "suffix") || has(text, "unknown") || has(text, "simulated") {
        return Err(format!("speculation '{text}' is not modelled"));
    }
    let accept = row.get("accept");
    let drafts = text
        .rsplit(|c: char| !c.is_ascii_digit())
        .find_map(|t| t.parse::<u32>().ok())
        .filter(|&d| (1..=8).contains(&d))
        .unwrap_or(1);
    let number = first_number(accept.trim_start_matches(['~', ' ']));
    let length = accept.split("length").nth(1).and_then(|t| first_number(t.trim_start_matches([' ', '~'])));
    match (length, number) {
        (Some(length), _) => Ok(Some((drafts, (length - 1.0).max(0.0)))),
        (None, Some(share)) if accept.contains('%') => Ok(Some((drafts, geometric(share / 100.0, drafts)))),
        (None, Some(share)) if share <= 1.0 => Ok(Some((drafts, geometric(share, drafts)))),
        (None, Some(length)) => Ok(Some((drafts, (length - 1.0).max(0.0)))),
        (None, None) => Err("acceptance of the drafts is not stated".to_owned()),
    }
}

/// Drafts accepted on average when each is accepted with `share` after the one before.
fn geometric(share: f64, drafts: u32) -> f64 {
    (1..=drafts).map(|i| share.powi(i as i32)).sum()
}

fn prefix_hit(note: &str) -> f64 {
    note.split("% prefix hit")
        .next()
        .filter(|head| head.len() < note.len())
        .and_then(|head| head.rsplit(|c: char| !c.is_ascii_digit() && c != '.').next())
        .and_then(|n| n.parse::<f64>().ok())
        .map_or(0.0, |percent| (percent / 100.0).min(0.999))
}

fn load(row: &Row) -> (CaseLoad, Option<u64>) {
    let rate = row.get("request_rate");
    let concurrency = first_number(row.get("concurrency")).filter(|c| *c >= 1.0).map(|c| c as u64);
    let total =
        row.get("note").split(" requests").next().and_then(|t| t.rsplit(' ').next()).and_then(|t| t.parse().ok());
    if has(rate, "max under SLA") || has(rate, "tokens/s completed") || row.get("concurrency") == "server" {
        let (ttft, tpot) = bound(row.get("note"));
        return (CaseLoad::Bounded { ttft, tpot }, total);
    }
    if let Some(c) = concurrency {
        if has(rate, "static batch") {
            return (CaseLoad::Static(c), Some(c));
        }
        if has(rate, "t=0") {
            return (CaseLoad::Burst(c), Some(c));
        }
        return (CaseLoad::Concurrency(c), total);
    }
    if has(rate, "saturated") || rate.is_empty() || rate == "unknown" {
        return (CaseLoad::Saturated, total);
    }
    match first_number(rate) {
        Some(per_second) if rate.parse::<f64>().is_ok() => (CaseLoad::Rate(per_second), total),
        _ => (CaseLoad::Saturated, total),
    }
}

/// `constraint TTFT p99<=450 ms, TPOT p99<=40 ms` in seconds; generous where it is not stated.
fn bound(note: &str) -> (f64, f64) {
    let find = |name: &str| {
        let at = note.find(&format!("{name} p99<="))?;
        first_number(&note[at + name.len() + 6..])
    };
    (find("TTFT").unwrap_or(2000.0) * 1e-3, find("TPOT").unwrap_or(200.0) * 1e-3)
}

fn engine(row: &Row) -> &'static str {
    let framework = row.get("framework").to_ascii_lowercase();
    let ascend = has(row.get("chip"), "Ascend");
    let table = [
        ("mindie", "mindie"),
        ("cloudmatrix", "mindie"),
        ("vllm-ascend", "mindie"),
        ("sglang", "sglang"),
        ("tensorrt", "trtllm"),
        ("vllm", "vllm"),
    ];
    match table.iter().find(|(name, _)| framework.contains(name)) {
        Some(_) if ascend => "mindie",
        Some((_, engine)) => engine,
        None => "generic",
    }
}

fn dense_format(row: &Row) -> Option<Scheme> {
    let text = row.get("weight_fmt").to_ascii_lowercase();
    let name = match text.as_str() {
        t if t.contains("unknown") || t.contains("unset") => return None,
        t if t.starts_with("fp8 e4m3 128x128") => "fp8-block",
        t if t.starts_with("fp4 stored") => "fp8-block",
        t if t.starts_with("mxfp4 (experts)") || t == "mxfp4" => return None,
        t if t.contains("nvfp4 (moe") => "fp8-block",
        t if t.starts_with("nvfp4") => "nvfp4",
        t if t.starts_with("fp8") => return Some(Scheme::plain(Element::E4m3)),
        t if t.starts_with("fp4") => return fp4(row),
        t if t.starts_with("bf16") || t.starts_with("fp16") => "bf16",
        t if t.starts_with("int8") => "int8",
        t if t.starts_with("int4") || t.starts_with("uint4") => "int4",
        _ => return None,
    };
    Scheme::from_name(name)
}

/// "fp4" of MLPerf: NVFP4 on chips of one maker, MXFP4 on the others'; models published in MXFP4 stay as they are.
fn fp4(row: &Row) -> Option<Scheme> {
    if has(row.get("model"), "GPT-OSS") {
        return None;
    }
    Scheme::from_name(if has(row.get("framework"), "ROCm") { "mxfp4" } else { "nvfp4" })
}

fn expert_format(row: &Row) -> Option<Scheme> {
    let text = row.get("weight_fmt").to_ascii_lowercase();
    if text.starts_with("mxfp4") {
        Scheme::from_name("mxfp4")
    } else if text.contains("nvfp4 (moe") {
        Scheme::from_name("nvfp4")
    } else {
        dense_format(row)
    }
}

fn kv_format(text: &str) -> Option<Scheme> {
    if text.starts_with("FP8") && !has(text, "or BF16") {
        Some(Scheme::plain(Element::E4m3))
    } else if text.starts_with("BF16") || text.starts_with("FP16") {
        Some(Scheme::BF16)
    } else {
        None
    }
}

fn mode(row: &Row, chips: Option<u32>) -> Mode {
    let degree = |column: &str| {
        let text = row.get(column);
        first_number(text.trim_start_matches("tp")).filter(|d| *d >= 1.0).map(|d| d as u32)
    };
    let mut split = Split { tp: degree("tp"), pp: degree("pp"), dp: degree("dp"), ep: degree("ep"), moe_tp: None };
    // "tp16 dp4" counts attention TP x DP; the split of attention is tp / dp.
    if let Some(dp) = row.get("tp").split("dp").nth(1).and_then(first_number) {
        let dp = dp as u32;
        split.dp = Some(dp);
        split.tp = split.tp.map(|tp| (tp / dp.max(1)).max(1));
    }
    let pool = Pool { workers: 1, split, batch: None };
    let disaggregated = row.get("pd_split");
    if let Some((prefill, decode)) = pools(disaggregated, split) {
        return Mode::Disaggregated { prefill, decode };
    }
    match row.get("phase") {
        "prefill" => Mode::PrefillOnly(pool),
        "decode" => Mode::DecodeOnly(pool),
        _ => Mode::Aggregated(Pool { workers: workers(&split, chips), ..pool }),
    }
}

/// Replicas, where fewer chips than given carry one.
fn workers(split: &Split, chips: Option<u32>) -> u32 {
    match (split.tp, chips) {
        (Some(tp), Some(chips)) => {
            let one = tp * split.pp.unwrap_or(1) * split.dp.unwrap_or(1);
            if one > 0 && chips > one && split.ep.is_none_or(|ep| ep <= one) { chips / one } else { 1 }
        }
        _ => 1,
    }
}

/// "3P (TP2) + 1D (TP2)": workers and split of the two pools.
fn pools(text: &str, split: Split) -> Option<(Pool, Pool)> {
    let (prefill, decode) = text.split_once('+')?;
    let read = |part: &str, letter: char| -> Option<Pool> {
        let (count, rest) = part.trim().split_once(letter)?;
        let workers = count.trim().parse().ok()?;
        let tp = rest.split("(TP").nth(1).and_then(first_number)? as u32;
        Some(Pool { workers, split: Split { tp: Some(tp), dp: None, ep: None, ..split }, batch: None })
    };
    Some((read(prefill, 'P')?, read(decode, 'D')?))
}
