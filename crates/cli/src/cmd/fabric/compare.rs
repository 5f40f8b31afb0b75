//! `steelyard fabric compare`.

use std::path::PathBuf;

use catalog::Catalog;
use fabric::collective::Algorithm;
use fabric::estimate::{Answer, Bench};
use fabric::fault::Damage;
use serde_json::json;

use super::Stop;
use super::ask::{Ground, Question, algorithm, size};
use crate::chart::times::{Line, times};
use crate::lang::number::{Unit, quantity};
use crate::lang::{Lang, Msg, term};
use crate::report::write;
use crate::table::{self, Align, View};

/// Times one collective on several systems or by several algorithms
#[derive(Debug, clap::Args)]
pub struct Compare {
    /// Ids, aliases or published names of systems
    #[arg(required = true, num_args = 1..=8)]
    systems: Vec<String>,
    #[command(flatten)]
    question: Question,
    /// auto, ring, tree, halving-doubling, direct, hierarchical, in-network; several with commas
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "auto")]
    algorithm: Vec<String>,
    /// Prints JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Prints CSV
    #[arg(long)]
    csv: bool,
    /// Draws time against size
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Language; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum)]
    lang: Option<Lang>,
}

/// One system by one algorithm.
struct Series {
    system: String,
    id: String,
    ranks: u32,
    algorithm: Option<Algorithm>,
    answers: Vec<Answer>,
}

pub fn run(args: &Compare, catalog: &Catalog) -> Result<(), Stop> {
    let lang = Lang::choose(args.lang);
    let (operation, sizes) = (args.question.operation()?, args.question.sizes()?);
    let algorithms = args.algorithm.iter().map(|a| algorithm(a)).collect::<Result<Vec<_>, _>>().map_err(Stop::Wrong)?;
    let (ground, place, ranks) = (Ground::read()?, args.question.place()?, args.question.ranks()?);
    let mut all = Vec::new();
    for name in &args.systems {
        let system = catalog.system(name).map_err(|e| Stop::Wrong(e.to_string()))?;
        let about = |e: fabric::estimate::EstimateError| match Stop::from(e) {
            Stop::Wrong(m) => Stop::Wrong(format!("{}: {m}", system.id)),
            Stop::Impossible(m) => Stop::Impossible(format!("{}: {m}", system.id)),
        };
        let routing = args.question.routing();
        let bench = Bench::new(system, ranks, &place, &ground.curves, &ground.families, routing).map_err(about)?;
        let whole = Damage::none(&bench.graph);
        for &algorithm in &algorithms {
            let answer = |&bytes: &f64| bench.answer(operation, bytes, algorithm, &whole);
            let answers = sizes.iter().map(answer).collect::<Result<Vec<_>, _>>().map_err(about)?;
            let (system, id) = (system.name.clone(), system.id.clone());
            all.push(Series { system, id, ranks: bench.ranks(), algorithm, answers });
        }
    }
    if let Some(path) = &args.svg {
        let line = |s: &Series| Line {
            name: label(s, algorithms.len() > 1, lang),
            points: sizes.iter().zip(&s.answers).map(|(&b, a)| (b, a.seconds, a.low, a.high)).collect(),
            bound: sizes.iter().zip(&s.answers).map(|(&b, a)| (b, a.bounds.seconds())).collect(),
        };
        let lines: Vec<Line> = all.iter().map(line).collect();
        let drawing = times(&lines, term(operation.name(), lang), lang);
        write(path, drawing.as_bytes()).map_err(|e| Stop::Wrong(e.to_string()))?;
        eprintln!("{}", Msg::WroteFile.fill(lang, &[("path", &path.display().to_string())]));
    }
    let text = match (args.json, args.csv) {
        (true, _) => as_json(&all, &sizes, operation.name()),
        (_, true) => as_csv(&all, &sizes, operation.name()),
        _ => as_table(&all, &sizes, algorithms.len() > 1, operation.name(), View::of_stdout(lang)),
    };
    table::print(&text).map_err(|e| Stop::Wrong(e.to_string()))
}

fn label(s: &Series, with_algorithm: bool, lang: Lang) -> String {
    let ranks = format!("{} × {}", s.system, s.ranks);
    if !with_algorithm {
        return ranks;
    }
    format!("{ranks} {}", s.algorithm.map_or_else(|| term("auto", lang), |a| term(a.name(), lang)))
}

fn as_table(all: &[Series], sizes: &[f64], with_algorithm: bool, operation: &str, view: View) -> String {
    let lang = view.lang;
    let mut header = vec![(Msg::FabricSize.text(lang).to_owned(), Align::Right)];
    header.extend(all.iter().map(|s| (label(s, with_algorithm, lang), Align::Right)));
    let row = |(at, bytes): (usize, &f64)| {
        let cell = |s: &Series| {
            let a = &s.answers[at];
            let estimate = plan::findings::Estimate { value: a.seconds, low: a.low, high: a.high };
            let time = crate::lang::number::estimate(&estimate, Unit::Time);
            format!("{time} ≥ {}", quantity(a.bounds.seconds(), Unit::Time))
        };
        std::iter::once(size(*bytes)).chain(all.iter().map(cell)).collect::<Vec<String>>()
    };
    let rows: Vec<Vec<String>> = sizes.iter().enumerate().map(row).collect();
    let mut out = table::bold(&Msg::FabricCompareTitle.fill(lang, &[("op", term(operation, lang))]), view);
    out += &table::grid(&header, &rows, false, view);
    out += &table::paragraph(Msg::FabricCompareNote.text(lang), 0, view);
    out
}

fn as_json(all: &[Series], sizes: &[f64], operation: &str) -> String {
    let series = |s: &Series| {
        let answers: Vec<_> = sizes.iter().zip(&s.answers).map(|(&b, a)| super::json::answer_json(a, b)).collect();
        let asked = s.algorithm.map_or("auto", Algorithm::name);
        json!({ "system": s.id, "ranks": s.ranks, "asked": asked, "sizes": answers })
    };
    let value = json!({ "operation": operation, "series": all.iter().map(series).collect::<Vec<_>>() });
    serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
}

fn as_csv(all: &[Series], sizes: &[f64], operation: &str) -> String {
    let mut out =
        "operation,system,ranks,asked,algorithm,bytes,seconds,low,high,bound_seconds,wire_seconds\n".to_owned();
    for s in all {
        for (bytes, a) in sizes.iter().zip(&s.answers) {
            let asked = s.algorithm.map_or("auto", Algorithm::name);
            let numbers = [*bytes, a.seconds, a.low, a.high, a.bounds.seconds(), a.flows.wire];
            let numbers: Vec<String> = numbers.iter().map(f64::to_string).collect();
            let line =
                [operation, &s.id, &s.ranks.to_string(), asked, a.algorithm.name(), &numbers.join(",")].join(",");
            out += &(line + "\n");
        }
    }
    out
}
