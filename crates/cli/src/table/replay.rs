//! A replay as a table: what users saw, what pools did.

use plan::replay::{ClassFinding, Figures, PoolFinding, ReplayFindings, SearchFinding};

use super::View;
use super::grid::{Align, bold, grid, heading, paragraph};
use crate::lang::number::{Unit, digits, percent, quantity, thousands};
use crate::lang::replay as words;
use crate::lang::{Lang, term};

const NONE: &str = "–";

/// The findings of a replay.
pub fn replay(findings: &ReplayFindings, view: View) -> String {
    let lang = view.lang;
    let mut out = bold(&findings.title, view);
    out.push_str(&paragraph(&summary(findings, lang), 2, view));
    out.push_str(&heading(words::REQUESTS.text(lang), view));
    out.push_str(&classes(findings, view));
    for class in findings.classes.iter().filter(|class| !class.levels.is_empty()) {
        out.push_str(&paragraph(&levels(class, lang), 2, view));
    }
    out.push_str(&heading(words::POOL.text(lang), view));
    out.push_str(&pools(findings, view));
    if let Some(search) = &findings.search {
        out.push_str(&heading(words::SEARCHED.text(lang), view));
        out.push_str(&paragraph(&found(search, findings, lang), 2, view));
        out.push_str(&trials(search, view));
    }
    out.push('\n');
    out.push_str(&paragraph(words::NOTE.text(lang), 0, view));
    out
}

/// The replay in a line.
pub fn summary(findings: &ReplayFindings, lang: Lang) -> String {
    let mut parts = vec![findings.models.join(", ")];
    for count in &findings.requests {
        parts.push(format!("{} {}", thousands(count.count as f64), words::ending(&count.name, lang)));
    }
    if findings.empty > 0 {
        parts.push(format!("{} {}", thousands(findings.empty as f64), words::EMPTY.text(lang)));
    }
    parts.push(format!("{} {}", words::SPAN.text(lang), quantity(findings.span, Unit::Time)));
    parts.push(format!("{} {}", words::THROUGHPUT.text(lang), digits(findings.throughput)));
    if let Some(cost) = findings.cost_per_million {
        parts.push(format!("{} {}", words::COST_PER_MILLION.text(lang), digits(cost)));
    }
    for (words, tokens) in [(words::SHIPPED, findings.moved[0]), (words::SWAPPED, findings.moved[1])] {
        if tokens > 0 {
            parts.push(format!("{} {}", words.text(lang), quantity(tokens as f64, Unit::Plain)));
        }
    }
    parts.join(" · ")
}

/// Times one after the other: `0.12 / 0.31 / 1.2 s`.
pub fn times(figures: Option<&Figures>, of: &[fn(&Figures) -> f64]) -> String {
    let Some(figures) = figures else { return NONE.to_owned() };
    of.iter().map(|value| quantity(value(figures), Unit::Time)).collect::<Vec<_>>().join(" / ")
}

const THREE: [fn(&Figures) -> f64; 3] = [|f| f.p50, |f| f.p90, |f| f.p99];
const TWO: [fn(&Figures) -> f64; 2] = [|f| f.p50, |f| f.p99];

/// The cells of a class, in the order of [`class_header`].
pub fn class_cells(class: &ClassFinding) -> Vec<String> {
    vec![
        class.name.clone(),
        thousands(class.requests as f64),
        thousands(class.served as f64),
        thousands(class.retried as f64),
        times(class.ttft.as_ref(), &THREE),
        times(class.tpot.as_ref(), &THREE),
        times(class.e2e.as_ref(), &TWO),
        times(class.queue.as_ref(), &TWO),
        class.goodput.map_or_else(|| NONE.to_owned(), percent),
    ]
}

/// Column heads of classes.
pub const CLASS_HEADER: [words::Words; 9] = [
    words::CLASS,
    words::REQUESTS,
    words::SERVED,
    words::RETRIED,
    words::TTFT,
    words::TPOT,
    words::E2E,
    words::QUEUE,
    words::GOODPUT,
];

fn header(words: &[words::Words], left: usize, lang: Lang) -> Vec<(String, Align)> {
    let align = |i: usize| if i < left { Align::Left } else { Align::Right };
    words.iter().enumerate().map(|(i, w)| (w.text(lang).to_owned(), align(i))).collect()
}

fn classes(findings: &ReplayFindings, view: View) -> String {
    let rows: Vec<Vec<String>> = findings.classes.iter().map(class_cells).collect();
    grid(&header(&CLASS_HEADER, 1, view.lang), &rows, false, view)
}

/// `chat: TTFT p99 1.2 s of 2 s, met`.
pub fn levels(class: &ClassFinding, lang: Lang) -> String {
    let one = |level: &plan::replay::LevelFinding| {
        let met = level.value.is_some_and(|value| value <= level.bound);
        let value = level.value.map_or_else(|| NONE.to_owned(), |value| quantity(value, Unit::Time));
        let met = if met { words::MET } else { words::MISSED };
        format!(
            "{} {value} ≤ {}{}",
            term(&level.name, lang),
            quantity(level.bound, Unit::Time),
            lang.brackets(met.text(lang))
        )
    };
    let all: Vec<String> = class.levels.iter().map(one).collect();
    format!("{}{}{}", class.name, lang.colon(), all.join(lang.comma()))
}

/// Column heads of pools.
pub const POOL_HEADER: [words::Words; 12] = [
    words::POOL,
    words::SETUP,
    words::REPLICAS,
    words::CHIPS,
    words::REQUESTS,
    words::BUSY,
    words::BATCH,
    words::KV,
    words::HITS,
    words::PREEMPTIONS,
    words::COST,
    words::ENERGY,
];

/// The cells of a pool, in the order of [`POOL_HEADER`].
pub fn pool_cells(pool: &PoolFinding, lang: Lang) -> Vec<String> {
    let hits = pool.hits.map_or_else(
        || NONE.to_owned(),
        |[hit, fetched]| {
            let more = format!("{} {}", percent(fetched), words::FETCHED.text(lang));
            percent(hit) + &if fetched > 0.0 { lang.brackets(&more) } else { String::new() }
        },
    );
    vec![
        pool.name.clone(),
        format!("{} · {} · {}", pool.system, pool.split, pool.engine),
        thousands(f64::from(pool.replicas)),
        thousands(f64::from(pool.replicas * pool.chips)),
        thousands(pool.requests as f64),
        percent(pool.busy),
        digits(pool.batch),
        format!("{} / {}", percent(pool.kv[0]), percent(pool.kv[1])),
        hits,
        thousands(pool.preemptions as f64),
        pool.cost.map_or_else(|| NONE.to_owned(), digits),
        pool.energy.map_or_else(|| NONE.to_owned(), |joules| format!("{} kWh", digits(joules / 3.6e6))),
    ]
}

fn pools(findings: &ReplayFindings, view: View) -> String {
    let rows: Vec<Vec<String>> = findings.pools.iter().map(|pool| pool_cells(pool, view.lang)).collect();
    grid(&header(&POOL_HEADER, 2, view.lang), &rows, false, view)
}

/// What a search found, in a line.
pub fn found(search: &SearchFinding, findings: &ReplayFindings, lang: Lang) -> String {
    let head = if search.met { words::FOUND } else { words::NOT_FOUND };
    let sizes = search.sizes.iter().zip(&findings.pools).map(|(size, pool)| format!("{size} × {}", pool.name));
    let sizes = sizes.collect::<Vec<_>>().join(" + ");
    let split = search.split.map_or(String::new(), |at| format!(", {} {at}", words::SPLIT_AT.text(lang)));
    format!("{}{}{sizes}{split}", head.text(lang), lang.colon())
}

/// Column heads of fleets that were tried.
pub const TRIAL_HEADER: [words::Words; 6] =
    [words::REPLICAS, words::SPLIT_AT, words::CHIPS, words::COST, words::GOODPUT, words::LEVELS];

/// The cells of a fleet that was tried, in the order of [`TRIAL_HEADER`].
pub fn trial_cells(trial: &plan::replay::Trial, lang: Lang) -> Vec<String> {
    vec![
        trial.sizes.iter().map(u32::to_string).collect::<Vec<_>>().join(" + "),
        trial.split.map_or_else(|| NONE.to_owned(), |at| thousands(f64::from(at))),
        thousands(f64::from(trial.chips)),
        trial.cost.map_or_else(|| NONE.to_owned(), digits),
        percent(trial.goodput),
        if trial.meets { words::MET } else { words::MISSED }.text(lang).to_owned(),
    ]
}

fn trials(search: &SearchFinding, view: View) -> String {
    let rows: Vec<Vec<String>> = search.trials.iter().map(|trial| trial_cells(trial, view.lang)).collect();
    grid(&header(&TRIAL_HEADER, 1, view.lang), &rows, false, view)
}
