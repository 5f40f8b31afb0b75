//! Rows of `serving.csv`: measured values of inference runs, many chips, many conventions.
//!
//! Free text stands in most columns. What it says is read where it says one thing; where it leaves something open, the
//! case leaves it open too. Names, data sets and traps stand in `catalog/measurements/reading.toml`.

mod formats;
mod lengths;
mod load;
mod split;

use std::collections::BTreeMap;

use catalog::{Catalog, Engine};

use super::case::{Case, CaseLoad, Measured, Metric};
use super::file::File;
use super::reading::{Reading, Rule};
use super::text::{first_number, has};
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

    fn first<'r>(&self, rules: &'r [Rule]) -> Option<&'r Rule> {
        rules.iter().find(|rule| rule.fits(|column| self.get(column)))
    }
}

const TEXTS: [&str; 28] = [
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
    "unit",
    "note",
];
const NEEDED: [&str; 4] = ["id", "chip", "model", "metric"];

/// Reads every row as a case; values of one run, which stand in rows that differ in nothing else, share one.
///
/// # Errors
/// [`TableError`] if a column is missing, or a value is no number.
pub fn cases(table: &Table, catalog: &Catalog, engines: &BTreeMap<String, Engine>) -> Result<Vec<Case>, TableError> {
    let mut cells = BTreeMap::new();
    for column in TEXTS {
        let texts = if NEEDED.contains(&column) { table.text(column)? } else { table.text_if_any(column)? };
        cells.insert(column, texts);
    }
    let confidence = table.text_if_any("confidence")?;
    let values = table.number("value")?;
    let mut cases: Vec<Case> = Vec::new();
    for index in 0..table.len() {
        let row = Row { cells: &cells, index };
        let architecture = catalog.chip(row.get("chip")).map_or("", |c| c.architecture.as_str());
        let engine = engine(&row, architecture, engines);
        let mut next = case(&row, values[index], engine, confidence[index] == "low");
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

/// The first reason that something went wrong.
#[derive(Default)]
struct Faults(Option<String>);

impl Faults {
    fn or<T>(&mut self, found: Result<T, String>, otherwise: T) -> T {
        found.unwrap_or_else(|reason| {
            self.0.get_or_insert(reason);
            otherwise
        })
    }
}

fn case(row: &Row<'_>, value: f64, engine: &'static str, unsure: bool) -> Case {
    let reading = Reading::embedded();
    let chips = first_number(row.get("chips")).filter(|c| *c >= 1.0).map(|c| c as u32);
    let mut faults = Faults(row.first(&reading.trap).map(|trap| trap.reason.clone()));
    let (metric, factor) = faults.or(metric(row, chips), (Metric::OutputTokens, 1.0));
    let (input, output) = faults.or(lengths::lengths(row), (Lengths::Fixed(1), Lengths::Fixed(1)));
    let speculation = faults.or(load::speculation(row), None);
    let (load, requests) = load::load(row, output.mean());
    let mode = split::mode(row);
    let mut remark = Vec::new();
    if speculation.is_some() {
        remark.push("speculation as stated".to_owned());
    }
    if engine == catalog::engine::GENERIC {
        remark.push(format!("no profile of engine '{}'", row.get("framework").chars().take(40).collect::<String>()));
    }
    let doubt = row.first(&reading.doubt);
    let launch = reading.launched(|c| row.get(c));
    remark.extend(doubt.map(|d| format!("not judged: {}", d.reason)));
    let mut case = Case {
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
        plain: faults.0.is_none() && doubt.is_none() && !unsure,
        model: row.get("model").to_owned(),
        chip: row.get("chip").to_owned(),
        chips,
        engine,
        engine_text: row.get("framework").to_owned(),
        formats: formats::formats(row),
        mode,
        input,
        output,
        load,
        requests,
        speculation,
        prefix_hit: load::prefix_hit(row.get("note")),
        eager: row.first(&reading.eager).is_some(),
        // Offline benchmarks, static batches and MLPerf's harness call the engine themselves.
        in_process: has(row.get("request_rate"), "offline")
            || matches!(load, CaseLoad::Static(_) | CaseLoad::Saturated | CaseLoad::Bounded { .. }),
        long: row.first(&reading.long).is_some(),
        step_tokens: launch.and_then(|l| l.step_tokens),
        gather: launch.and_then(|l| l.gather),
        refused: faults.0,
        remark: remark.join("; "),
    };
    if chips.is_none() && case.is_open() {
        case.refused.get_or_insert_with(|| "number of chips not stated".to_owned());
    }
    case
}

/// The profile of the framework as named that runs on the chip; the generic one where there is none.
fn engine(row: &Row<'_>, architecture: &str, engines: &BTreeMap<String, Engine>) -> &'static str {
    let framework = row.get("framework");
    let fits = |name: &&super::reading::EngineName| {
        let runs = engines.get(&name.profile).is_some_and(|e| e.runs_on(architecture));
        runs && has(framework, &name.text)
    };
    Reading::embedded().engine.iter().find(fits).map_or(catalog::engine::GENERIC, |name| &name.profile)
}

/// What a row measures, and one of our units in units of the row.
fn metric(row: &Row<'_>, chips: Option<u32>) -> Result<(Metric, f64), String> {
    let seconds = if row.get("unit") == "ms" { 1e3 } else { 1.0 };
    let name = row.get("metric");
    let time = |metric| Ok((metric, seconds));
    match name {
        "ttft_mean" => return time(Metric::TtftMean),
        "ttft_p50" => return time(Metric::TtftP50),
        "ttft_p99" => return time(Metric::TtftP99),
        "tpot_mean" => return time(Metric::TpotMean),
        "tpot_p50" => return time(Metric::TpotP50),
        "tpot_p99" => return time(Metric::TpotP99),
        "latency_mean" | "request_latency_mean" | "request_latency_singlestream" => return time(Metric::LatencyMean),
        "samples_per_s_total" | "requests_per_s_total" => return Ok((Metric::Requests, 1.0)),
        _ => {}
    }
    let kinds = [
        ("output_tokens_per_s", Metric::OutputTokens),
        ("input_tokens_per_s", Metric::InputTokens),
        ("total_tokens_per_s", Metric::TotalTokens),
    ];
    let unknown = || format!("metric '{}' is not predicted", name.chars().take(60).collect::<String>());
    let (prefix, metric) = kinds.into_iter().find(|(prefix, _)| name.starts_with(prefix)).ok_or_else(unknown)?;
    // The whole deployment's rate, or that of so many chips of it.
    let of = match &name[prefix.len()..] {
        "" | "_total" => return Ok((metric, 1.0)),
        "_per_user" => {
            let users = first_number(row.get("concurrency")).unwrap_or(1.0).max(1.0);
            return Ok((metric, 1.0 / users));
        }
        "_per_chip" | "_per_card" | "_per_gpu" => 1.0,
        "_per_die" => 0.5,
        "_per_8chip_node" => 8.0,
        _ => return Err(unknown()),
    };
    let chips = f64::from(chips.ok_or("number of chips not stated")?);
    Ok((metric, of / chips))
}
