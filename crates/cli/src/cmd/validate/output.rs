//! Every row, for programs.

use plan::interval::HeldOut;
use plan::validate::{Bar, Errors, Point, bars, basis_name};
use serde_json::{Value, json};

use super::faults::Job;

const HEADER: [&str; 19] = [
    "id",
    "metric",
    "unit",
    "measured",
    "predicted",
    "low",
    "high",
    "reason",
    "remark",
    "file",
    "source",
    "plain",
    "chip",
    "model",
    "class",
    "phase",
    "engine",
    "basis",
    "error",
];

/// CSV with a header; what there is no prediction for has empty cells and a reason.
pub fn csv(points: &[Point]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let number = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
    // Writing to memory does not fail.
    let _ = writer.write_record(HEADER);
    for p in points {
        let predicted = p.predicted.as_ref().ok();
        let reason = p.predicted.as_ref().err().map_or("", String::as_str);
        let _ = writer.write_record([
            p.id.as_str(),
            &p.metric,
            &p.unit,
            &p.measured.to_string(),
            &number(predicted.map(|e| e.value)),
            &number(predicted.map(|e| e.low)),
            &number(predicted.map(|e| e.high)),
            reason,
            &p.remark,
            p.file.name(),
            &p.source,
            if p.plain { "true" } else { "false" },
            &p.chip,
            &p.model,
            &p.class,
            &p.phase,
            &p.engine,
            basis_name(p.basis),
            &number(p.error()),
        ]);
    }
    writer.into_inner().unwrap_or_default()
}

fn errors(e: &Errors) -> Value {
    let number = |v: f64| if v.is_finite() { json!(v) } else { Value::Null };
    json!({
        "count": e.count, "refused": e.refused, "median": number(e.median), "p90": number(e.p90), "bias": number(e.bias),
        "coverage": number(e.coverage),
    })
}

/// The goals, how many values of unseen groups intervals hold, every row, and jobs that fail.
pub fn json(points: &[Point], held_out: &[HeldOut], jobs: &[Job]) -> String {
    let goal =
        |b: &Bar| json!({ "what": b.what.name(), "median": b.goal.0, "p90": b.goal.1, "errors": errors(&b.errors) });
    let row = |p: &Point| {
        let predicted = p.predicted.as_ref().ok();
        json!({
            "id": p.id, "metric": p.metric, "unit": p.unit, "measured": p.measured,
            "predicted": predicted.map(|e| e.value), "low": predicted.map(|e| e.low), "high": predicted.map(|e| e.high),
            "reason": p.predicted.as_ref().err(), "remark": p.remark, "file": p.file.name(), "source": p.source,
            "plain": p.plain, "chip": p.chip, "model": p.model, "class": p.class, "phase": p.phase, "engine": p.engine,
            "basis": basis_name(p.basis), "error": p.error(),
        })
    };
    let goals: Vec<Value> = bars(points).iter().map(goal).collect();
    let held = |h: &HeldOut| json!({ "kind": h.kind.name(), "count": h.count, "groups": h.groups, "held": h.held });
    let coverage: Vec<Value> = held_out.iter().map(held).collect();
    let rows: Vec<Value> = points.iter().map(row).collect();
    let jobs: Vec<Value> = jobs
        .iter()
        .map(|j| {
            let (seen, reason) = (j.seen.as_ref().ok(), j.seen.as_ref().err());
            json!({ "id": j.id, "title": j.title, "seen": seen, "reason": reason })
        })
        .collect();
    let whole = json!({ "goals": goals, "coverage": coverage, "rows": rows, "jobs": jobs });
    format!("{}\n", serde_json::to_string_pretty(&whole).unwrap_or_default())
}
