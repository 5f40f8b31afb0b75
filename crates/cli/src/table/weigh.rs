//! The ranked table of `weigh`, laid out for the width there is.
//!
//! From [`WIDE`] columns on, every figure is shown, three lines a system. Below, as many columns as fit, the most wanted
//! first, each value over its interval, and the set-ups in a list of their own. Below [`CARDS`] a few lines a system.

use plan::findings::{Choice, Estimate, Findings, Latency, Saying, SystemFinding};

use super::View;
use super::grid::{Align, GAP, bold, grid, heading, paragraph, width};
use super::weigh_notes;
use crate::lang::number::{Unit, estimate, interval, percent, quantity, thousands};
use crate::lang::{Lang, Msg, term, words};

/// Columns that the table with all figures takes.
pub const WIDE: usize = 150;
/// Below so many columns a table is no longer readable.
pub const CARDS: usize = 72;
/// Cost, rate, TTFT and TPOT.
const ESSENTIAL: usize = 4;
/// Holds the longest word of a name.
const NARROWEST_NAME: usize = 16;

/// The answer as text: what was asked, the ranking, and what stands behind it.
pub fn weigh(findings: &Findings, view: View) -> String {
    let mut out = head(findings, view);
    let served: Vec<Row> = findings
        .systems
        .iter()
        .enumerate()
        .filter_map(|(i, system)| words::served(system).map(|choice| Row { rank: i + 1, system, choice }))
        .collect();
    out.push_str(&paragraph(&words::answer(findings, view.lang), 0, view));
    if let Some(text) = words::certainty(findings, view.lang) {
        out.push_str(&paragraph(&text, 0, view));
    }
    if let Some(text) = words::mixed(findings, view.lang) {
        out.push_str(&paragraph(text, 0, view));
    }
    if !served.is_empty() {
        out.push('\n');
        out.push_str(&match view.width {
            0..CARDS => cards(&served, view),
            CARDS..WIDE => columns(findings, &served, view),
            _ => wide(&served, view),
        });
        out.push_str(&paragraph(Msg::Intervals.text(view.lang), 0, view));
        if view.width < WIDE {
            out.push_str(&paragraph(&Msg::MoreColumns.fill(view.lang, &[("width", &WIDE.to_string())]), 0, view));
        }
    }
    out.push_str(&weigh_notes::notes(findings, view));
    out
}

/// A system that serves.
struct Row<'a> {
    rank: usize,
    system: &'a SystemFinding,
    choice: &'a Choice,
}

fn head(findings: &Findings, view: View) -> String {
    let lang = view.lang;
    let mut out = bold(&findings.title, view);
    let model = &findings.model;
    let numbers = Msg::ModelLine.fill(
        lang,
        &[
            ("parameters", &parameters(model.parameters)),
            ("active", &parameters(model.active_parameters)),
            ("weights", &model.weights),
            ("kv", &quantity(model.kv_bytes_per_token, Unit::Bytes)),
        ],
    );
    let list = |pairs: Vec<String>| {
        if pairs.is_empty() { Msg::NoLevels.text(lang).to_owned() } else { pairs.join(lang.semicolon()) }
    };
    let said = |(name, value): &(String, Saying)| format!("{} {}", term(name, lang), words::saying(value, lang));
    let bound = |(name, value): &(String, String)| format!("{} {value}", term(name, lang));
    let lines = [
        (Msg::Model, format!("{}{}{numbers}", model.name, lang.semicolon())),
        (Msg::Traffic, list(findings.traffic.iter().map(said).collect())),
        (Msg::Levels, list(findings.levels.iter().map(bound).collect())),
        (Msg::Objective, term(&findings.objective, lang).to_owned()),
    ];
    let label = lines.iter().map(|(msg, _)| width(msg.text(lang))).max().unwrap_or(0);
    for (msg, text) in lines {
        let name = msg.text(lang);
        let pad = " ".repeat(label - width(name) + GAP);
        out.push_str(&paragraph(&format!("{name}{pad}{text}"), label + GAP, view));
    }
    out.push('\n');
    out
}

/// `671B`: the field counts parameters in billions.
pub fn parameters(count: f64) -> String {
    let (factor, unit) = if count >= 1e12 { (1e12, "T") } else { (1e9, "B") };
    format!("{}{unit}", crate::lang::number::digits(count / factor))
}

/// The set-up in lines short enough for a column.
fn setup_lines(choice: &Choice, lang: Lang) -> Vec<String> {
    let setup = &choice.setup;
    let mut lines = Vec::new();
    match &setup.prefill {
        Some(_) => {
            lines.push(words::mode(setup, lang).to_owned());
            lines.extend(words::pools(setup, lang).split(" + ").map(str::to_owned));
        }
        None => lines.push(format!("{} {}", words::mode(setup, lang), words::pools(setup, lang))),
    }
    let precision = words::precision(setup, lang);
    let (weights, kv) = precision.split_once(" · ").unwrap_or((&precision, ""));
    lines.push(weights.to_owned());
    lines.push(format!("{kv} · {}", words::batch(setup, lang)));
    lines
}

fn power(choice: &Choice, lang: Lang) -> String {
    choice.power.as_ref().map_or_else(|| Msg::Unknown.text(lang).to_owned(), |p| estimate(p, Unit::Power))
}

fn cost(choice: &Choice, lang: Lang) -> String {
    choice
        .cost
        .as_ref()
        .map_or_else(|| Msg::PriceMissing.text(lang).to_owned(), |c| estimate(&c.per_million, Unit::Plain))
}

fn latency_lines(l: &Latency) -> String {
    [&l.mean, &l.p50, &l.p99].map(|e| estimate(e, Unit::Time)).join("\n")
}

fn wide(rows: &[Row], view: View) -> String {
    let lang = view.lang;
    let lines = |list: &[&str]| list.join("\n");
    let mean = Msg::Mean.text(lang);
    let header = [
        ("#".to_owned(), Align::Right),
        (lines(&[Msg::System.text(lang), Msg::Chips.text(lang), Msg::LimitedBy.text(lang)]), Align::Left),
        (Msg::Setup.text(lang).to_owned(), Align::Left),
        (
            lines(&[
                &format!("{} {}", Msg::OutputRate.text(lang), Msg::PerChip.text(lang)),
                Msg::PerSystem.text(lang),
                Msg::Communication.text(lang),
            ]),
            Align::Right,
        ),
        (lines(&[&format!("TTFT {mean}"), "p50", "p99"]), Align::Right),
        (lines(&[&format!("TPOT {mean}"), "p50", "p99"]), Align::Right),
        (lines(&[Msg::CostShort.text(lang), Msg::Power.text(lang)]), Align::Right),
    ];
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let c = row.choice;
            vec![
                row.rank.to_string(),
                lines(&[&row.system.name, &thousands(f64::from(row.system.chips)), term(&c.limit, lang)]),
                setup_lines(c, lang).join("\n"),
                lines(&[
                    &estimate(&c.tokens_per_chip, Unit::Plain),
                    &estimate(&c.tokens_per_system, Unit::Plain),
                    &percent(c.communication),
                ]),
                latency_lines(&c.ttft),
                latency_lines(&c.tpot),
                lines(&[&cost(c, lang), &power(c, lang)]),
            ]
        })
        .collect();
    grid(&header, &cells, true, view)
}

/// A column that may be left out.
struct Figure {
    title: String,
    cells: Vec<String>,
}

fn over(e: Option<&Estimate>, unit: Unit, none: Msg, lang: Lang) -> String {
    match e {
        Some(e) if e.low == e.high => quantity(e.value, unit),
        Some(e) => format!("{}\n({})", quantity(e.value, unit), interval(e, unit)),
        None => none.text(lang).to_owned(),
    }
}

/// The statistic of a latency that the study bounds, or the one people ask for first.
fn statistic<'a>(findings: &Findings, latency: &str, otherwise: &'a str) -> &'a str {
    let bounded = |s: &str| findings.levels.iter().any(|(name, _)| *name == format!("{latency}_{s}"));
    ["p99", "p50", "mean"].into_iter().find(|s| bounded(s)).unwrap_or(otherwise)
}

fn of<'a>(l: &'a Latency, statistic: &str) -> &'a Estimate {
    match statistic {
        "mean" => &l.mean,
        "p50" => &l.p50,
        _ => &l.p99,
    }
}

fn columns(findings: &Findings, rows: &[Row], view: View) -> String {
    let lang = view.lang;
    let ttft = statistic(findings, "ttft", "p99");
    let tpot = statistic(findings, "tpot", "p50");
    let figure = |title: String, cell: &dyn Fn(&Choice) -> String| Figure {
        title,
        cells: rows.iter().map(|row| cell(row.choice)).collect(),
    };
    let named = |name: &str, s: &str| {
        if s == "mean" { format!("{name} {}", Msg::Mean.text(lang)) } else { format!("{name} {s}") }
    };
    let time = |e: &Estimate| over(Some(e), Unit::Time, Msg::Unknown, lang);
    let rate = |msg: Msg| format!("{}\n{}", Msg::Rate.text(lang), msg.text(lang));
    // The most wanted first; they stand in the table in this order too.
    let wanted = [
        figure(Msg::CostShort.text(lang).replace(' ', "\n"), &|c| {
            over(c.cost.as_ref().map(|c| &c.per_million), Unit::Plain, Msg::PriceMissing, lang)
        }),
        figure(rate(Msg::PerChip), &|c| over(Some(&c.tokens_per_chip), Unit::Plain, Msg::Unknown, lang)),
        figure(named("TTFT", ttft), &|c| time(of(&c.ttft, ttft))),
        figure(named("TPOT", tpot), &|c| time(of(&c.tpot, tpot))),
        figure(rate(Msg::PerSystem), &|c| over(Some(&c.tokens_per_system), Unit::Plain, Msg::Unknown, lang)),
        figure(Msg::Power.text(lang).to_owned(), &|c| over(c.power.as_ref(), Unit::Power, Msg::Unknown, lang)),
        figure(Msg::Communication.text(lang).to_owned(), &|c| percent(c.communication)),
    ];
    let names: Vec<String> =
        rows.iter().map(|row| format!("{}\n{}", row.system.name, words::chips(row.system.chips, lang))).collect();
    let mut used = 2 + GAP;
    let whole = names.iter().map(|n| width(n)).max().unwrap_or(0);
    let mut shown = Vec::new();
    for (i, figure) in wanted.into_iter().enumerate() {
        let wide = figure.cells.iter().map(|c| width(c)).max().unwrap_or(0).max(width(&figure.title)) + GAP;
        // Names may wrap for the sake of the first columns, not of the others.
        let name = if i < ESSENTIAL { whole.min(NARROWEST_NAME) } else { whole };
        if used + wide + name > view.width {
            break;
        }
        used += wide;
        shown.push(figure);
    }
    let mut header = vec![("#".to_owned(), Align::Right), (Msg::System.text(lang).to_owned(), Align::Left)];
    header.extend(shown.iter().map(|f| (f.title.clone(), Align::Right)));
    let cells: Vec<Vec<String>> = rows
        .iter()
        .enumerate()
        .map(|(i, row)| {
            let mut cells = vec![row.rank.to_string(), names[i].clone()];
            cells.extend(shown.iter().map(|f| f.cells[i].clone()));
            cells
        })
        .collect();
    let mut out = grid(&header, &cells, false, view);
    out.push_str(&heading(Msg::Setup.text(lang), view));
    for row in rows {
        out.push_str(&paragraph(&format!("{:>2}  {}", row.rank, setup_line(row, lang)), 4, view));
    }
    out.push('\n');
    out
}

/// The set-up and its limit in one line.
fn setup_line(row: &Row, lang: Lang) -> String {
    let setup = &row.choice.setup;
    format!(
        "{}{}{} · {} · {} · {}{}{}",
        words::mode(setup, lang),
        lang.colon(),
        words::pools(setup, lang),
        words::precision(setup, lang),
        words::batch(setup, lang),
        Msg::LimitedBy.text(lang),
        lang.colon(),
        term(&row.choice.limit, lang)
    )
}

fn cards(rows: &[Row], view: View) -> String {
    let lang = view.lang;
    let mut out = String::new();
    for row in rows {
        let c = row.choice;
        let head = format!("{:>2}  {} · {}", row.rank, row.system.name, words::chips(row.system.chips, lang));
        let figures = format!(
            "    {} {} · {} {} {} · TTFT p99 {} · TPOT p50 {}",
            Msg::CostShort.text(lang),
            cost(c, lang),
            Msg::OutputRate.text(lang),
            Msg::PerChip.text(lang),
            estimate(&c.tokens_per_chip, Unit::Plain),
            estimate(&c.ttft.p99, Unit::Time),
            estimate(&c.tpot.p50, Unit::Time)
        );
        for line in [head, figures, format!("    {}", setup_line(row, lang))] {
            out.push_str(&paragraph(&line, 4, view));
        }
        out.push('\n');
    }
    out
}
