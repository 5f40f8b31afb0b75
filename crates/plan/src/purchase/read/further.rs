//! What else is asked about the answer.

use catalog::written::{Table, Value};

use super::Reader;
use crate::purchase::question::{BreakEven, Further, Map, Shown};
use crate::study::systems::name_of;

/// Most steps of one side of a map.
const MOST_STEPS: u64 = 25;

impl Reader<'_> {
    pub(super) fn further(&self, value: Option<Value>, offers: &[String]) -> Option<Further> {
        let Some(table) = value.map(|v| v.table("write a table [sensitivity]")) else {
            return Some(Further::default());
        };
        let table = table?;
        let tornado = table.get("tornado").map_or(Some(false), |v| v.truth());
        let each = |key: &'static str| -> Vec<Value> {
            table.get(key).and_then(|v| v.list(&format!("write [[sensitivity.{key}]]"))).unwrap_or_default()
        };
        let (mut break_even, mut maps) = (Vec::new(), Vec::new());
        for value in each("break_even") {
            let Some(inner) = value.table("write [[sensitivity.break_even]]") else { continue };
            break_even.extend(point(&inner, offers));
            inner.finish();
        }
        for value in each("map") {
            let Some(inner) = value.table("write [[sensitivity.map]]") else { continue };
            maps.extend(map(&inner, offers));
            inner.finish();
        }
        table.finish();
        Some(Further { tornado: tornado?, break_even, maps })
    }
}

fn offer(table: &Table, key: &'static str, offers: &[String]) -> Option<usize> {
    let names: Vec<&str> = offers.iter().map(String::as_str).collect();
    let value = table.need(key, "name an offer")?;
    name_of(&value, &names, "offer").and_then(|n| names.iter().position(|x| *x == n))
}

fn input(table: &Table) -> Option<String> {
    table
        .need("input", "name an input, as in \"offer.h200.duty\"")
        .and_then(|v| v.text("name an input"))
        .map(str::to_owned)
}

fn ends(table: &Table) -> Option<(f64, f64)> {
    let end = |key| table.need(key, "write the end of the span that is looked at").and_then(|v| v.number(-1e15, 1e15));
    let (from, to) = (end("from"), end("to"));
    let (from, to) = (from?, to?);
    if from >= to {
        table.fault("spans nothing", "let to be above from");
        return None;
    }
    Some((from, to))
}

fn point(table: &Table, offers: &[String]) -> Option<BreakEven> {
    let (input, offer, ends) = (input(table), offer(table, "offer", offers), ends(table));
    let (low, high) = ends?;
    Some(BreakEven { input: input?, offer: offer?, low, high })
}

fn map(table: &Table, offers: &[String]) -> Option<Map> {
    let x = table.need("x", "write x = { input = .., from = .., to = .., steps = 7 }").and_then(|v| side(&v));
    let y = table.need("y", "write y = { input = .., from = .., to = .., steps = 5 }").and_then(|v| side(&v));
    let shown = match table.need("show", "write show = \"cost\" or the name of an offer") {
        Some(v) if v.as_text() == Some("cost") => Some(Shown::Cost),
        Some(_) => offer(table, "show", offers).map(Shown::Units),
        None => None,
    };
    Some(Map { x: x?, y: y?, shown: shown? })
}

fn side(value: &Value) -> Option<(String, Vec<f64>)> {
    let table = value.table("write { input = .., from = .., to = .., steps = 7 }")?;
    let (input, ends) = (input(&table), ends(&table));
    let steps = table.get("steps").map_or(Some(6), |v| v.count(2, MOST_STEPS));
    table.finish();
    let ((low, high), steps) = (ends?, steps? as usize);
    let at = |i: usize| low + (high - low) * i as f64 / (steps - 1) as f64;
    Some((input?, (0..steps).map(at).collect()))
}
