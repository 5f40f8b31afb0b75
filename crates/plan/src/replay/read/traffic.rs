//! Where requests come from.

use std::path::Path;

use catalog::Model;
use catalog::written::{Table, Value, short};
use units::{PerSecond, Seconds};

use super::{LONGEST, Names, model, tables};
use crate::replay::study::{Arrivals, Diurnal, Session, Source, SourceKind, Synthetic};
use crate::replay::traces::{self, Reading, Unit};
use crate::study::lengths::{Side, lengths};
use crate::study::{Library, files};

const MOST_REQUESTS: u64 = 20_000_000;

/// All sources.
pub fn sources(
    value: &Value,
    names: &mut Names,
    models: &mut Vec<Model>,
    folder: Option<&Path>,
    library: Library,
) -> Option<Vec<Source>> {
    let mut found = Vec::new();
    for table in tables(value, "write a table [traffic] with a trace, or with arrivals, input and output")? {
        found.push(source(table, names, models, folder, library));
    }
    found.into_iter().collect()
}

fn source(
    table: Table,
    names: &mut Names,
    models: &mut Vec<Model>,
    folder: Option<&Path>,
    library: Library,
) -> Option<Source> {
    let class = table.get("class").map_or(Some(0), |v| Names::of(&names.classes, &v, "class"));
    let model = table.get("model").map_or(Some(0), |v| model(&v, names, models, folder, library));
    let time = |key| table.get(key).map(|v| v.quantity(Seconds(0.0), LONGEST).map(|s| s.0));
    let (from, until, start) = (time("from"), time("until"), time("start"));
    let rate = table.get("rate").map_or(Some(1.0), |v| v.number(1e-6, 1e6));
    let repeat = table.get("repeat").map_or(Some(1), |v| v.count(1, 1_000_000));
    let first = table.get("first").map_or(Some(MOST_REQUESTS), |v| v.count(1, MOST_REQUESTS));
    let kind = match table.get("trace") {
        Some(value) => trace(&value, &table, folder),
        None => synthetic(&table, folder).map(SourceKind::Synthetic),
    };
    table.finish();
    let slice = (from.unwrap_or(Some(0.0))?, until.unwrap_or(Some(f64::INFINITY))?);
    Some(Source {
        kind: kind?,
        class: class? as u16,
        model: model?,
        slice,
        rate: rate?,
        start: start.unwrap_or(Some(0.0))?,
        repeat: repeat? as u32,
        first: first? as usize,
    })
}

/// A file of recorded requests.
fn trace(value: &Value, table: &Table, folder: Option<&Path>) -> Option<SourceKind> {
    let written = value.text("write the path of a trace")?;
    let text = |key: &'static str| table.get(key).and_then(|v| v.text("name a column"));
    let columns = [text("time"), text("input_column"), text("output_column")];
    let unit = table.get("time_unit").map_or(Some(None), |v| v.choice(&Unit::ALL).map(Some))?;
    let sort = table.get("sort").map_or(Some(false), |v| v.truth())?;
    let block = table.get("block").map_or(Some(None), |v| v.count(1, 65_536).map(|n| Some(n as u32)))?;
    let how = Reading { columns, unit, sort, block };
    let read = files::resolve(folder, written).and_then(|path| Ok((traces::read(&path, &how)?, path)));
    match read {
        Ok((trace, path)) => Some(SourceKind::Trace { path, trace }),
        Err(fault) => {
            let place = if fault.line > 0 { format!(", line {}", fault.line) } else { String::new() };
            value.fault(format!("{}{place}: {}", short(written), fault.message), fault.remedy);
            None
        }
    }
}

/// Drawn requests.
fn synthetic(table: &Table, folder: Option<&Path>) -> Option<Synthetic> {
    let arrivals =
        table.need("arrivals", "write { rate = \"5 /s\", cv = 1 } or { rates = [..], stays = [..] }, or a trace");
    let arrivals = arrivals.and_then(|v| self::arrivals(&v));
    let count =
        table.need("requests", "write how many requests (or sessions) come").and_then(|v| v.count(1, MOST_REQUESTS));
    let input =
        table.need("input", "write prompt tokens, as in input = 4000").and_then(|v| lengths(&v, Side::Input, folder));
    let output = table
        .need("output", "write answer tokens, as in output = 1000")
        .and_then(|v| lengths(&v, Side::Output, folder));
    let shared = table.get("shared_prefix").map_or(Some(0), |v| v.count(0, 1_000_000));
    let kinds = table.get("prefixes").map_or(Some(1), |v| v.count(1, 1_000_000));
    let diurnal = table.get("diurnal").map_or(Some(None), |v| diurnal(&v).map(Some));
    let session = table.get("session").map_or(Some(None), |v| session(&v, folder).map(Some));
    if let (Some(Arrivals::Closed(..)), true) =
        (&arrivals, session.as_ref().is_some_and(Option::is_some) || diurnal.as_ref().is_some_and(Option::is_some))
    {
        table.fault("has clients that wait for answers, and sessions or a day", "leave one of them out");
    }
    Some(Synthetic {
        arrivals: arrivals?,
        diurnal: diurnal?,
        count: count? as usize,
        input: input?,
        output: output?,
        shared: (shared? as u32, kinds? as u32),
        session: session?,
    })
}

fn arrivals(value: &Value) -> Option<Arrivals> {
    const REMEDY: &str = "write { rate = \"5 /s\", cv = 1 }, { rates = [\"2 /s\", \"20 /s\"], stays = [\"60 s\", \"5 s\"] }, or \
         { concurrency = 64 }";
    let table = value.table(REMEDY)?;
    let (rate, cv, rates, stays) = (table.get("rate"), table.get("cv"), table.get("rates"), table.get("stays"));
    let (clients, think) = (table.get("concurrency"), table.get("think"));
    table.finish();
    for (misplaced, of) in [
        (cv.as_ref().filter(|_| rate.is_none()), "a rate"),
        (think.as_ref().filter(|_| clients.is_none()), "a concurrency"),
    ] {
        if let Some(value) = misplaced {
            value.fault(format!("goes with {of}"), "leave it out");
        }
    }
    if let (Some(clients), None, None, None) = (&clients, &rate, &rates, &stays) {
        let think = think.map_or(Some(Seconds(0.0)), |v| v.quantity(Seconds(0.0), LONGEST));
        return Some(Arrivals::Closed(clients.count(1, MOST_REQUESTS)? as usize, think?.0));
    }
    let one = |v: &Value| v.quantity(PerSecond(1e-6), PerSecond(1e6)).map(|r| r.0);
    match (rate, rates, stays) {
        _ if clients.is_some() => {
            value.fault("says several things", REMEDY);
            None
        }
        (Some(rate), None, None) => {
            let cv = cv.map_or(Some(1.0), |v| v.number(0.01, 100.0));
            Some(Arrivals::Gamma(one(&rate)?, cv?))
        }
        (None, Some(rates), Some(stays)) => {
            let rates: Option<Vec<f64>> = rates.list(REMEDY)?.iter().map(one).collect();
            let stay = |v: &Value| v.quantity(Seconds(1e-3), LONGEST).map(|s| s.0);
            let times: Option<Vec<f64>> = stays.list(REMEDY)?.iter().map(stay).collect();
            let (rates, times) = (rates?, times?);
            if rates.len() != times.len() || rates.len() < 2 {
                stays.fault(
                    format!("lists {} for {} rates", times.len(), rates.len()),
                    "give each of two or more rates a stay",
                );
                return None;
            }
            Some(Arrivals::Markov(rates.into_iter().zip(times).collect()))
        }
        _ => {
            value.fault("says not one thing but none or several", REMEDY);
            None
        }
    }
}

fn diurnal(value: &Value) -> Option<Diurnal> {
    let table = value.table("write { period = \"24 h\", peak = 1.8, at = \"14 h\" }")?;
    let period = table.get("period").map_or(Some(86_400.0), |v| v.quantity(Seconds(1.0), LONGEST).map(|s| s.0));
    let peak = table.need("peak", "write the highest rate over the mean").and_then(|v| v.number(1.0, 2.0));
    let at = table.get("at").map_or(Some(0.0), |v| v.quantity(Seconds(0.0), LONGEST).map(|s| s.0));
    table.finish();
    Some(Diurnal { period: period?, peak: peak?, at: at? })
}

fn session(value: &Value, folder: Option<&Path>) -> Option<Session> {
    let table = value.table("write { turns = 5, adds = 200, pause = \"30 s\", context = 32000 }")?;
    let turns = table.need("turns", "write turns, as in turns = 5").and_then(|v| lengths(&v, Side::Input, folder));
    let adds = table.need("adds", "write tokens that each turn adds, as in adds = 200");
    let adds = adds.and_then(|v| lengths(&v, Side::Input, folder));
    let pause = table.need("pause", "write the mean pause, as in pause = \"30 s\"");
    let pause = pause.and_then(|v| v.quantity(Seconds(0.0), LONGEST));
    let context = table.get("context").map_or(Some(1 << 20), |v| v.count(1, 1 << 24));
    table.finish();
    Some(Session { turns: turns?, adds: adds?, pause: pause?.0, context: context? as u32 })
}
