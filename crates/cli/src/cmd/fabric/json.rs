//! Answers about collectives as JSON.

use fabric::collective::Algorithm;
use fabric::estimate::{Answer, RemedyKind, Tried};
use fabric::fault::Damage;
use serde_json::{Value, json};

use super::collective::{Head, Row, remedy_key, stuck};
use super::recovery;

impl Head<'_> {
    /// All sizes, with what can be done about the faults and what runs at the same time.
    pub(super) fn json(&self, rows: &[Row]) -> Value {
        let faults: Vec<String> = self.faults.iter().map(ToString::to_string).collect();
        let whole = Damage::none(&self.bench.graph);
        json!({
            "system": self.system.id,
            "operation": self.operation,
            "ranks": self.bench.ranks(),
            "placement": self.place_name(),
            "faults": faults,
            "recovery": self.ways.as_ref().map_or_else(|why| json!({ "missing": why }), |ways| recovery::json(ways)),
            "together": self.together.as_ref().map_or(&[][..], Vec::as_slice).iter().map(|t| {
                json!({ "operation": t.operation, "bytes": t.bytes, "ranks": t.ranks, "first_chip": t.chips.0,
                        "last_chip": t.chips.1, "algorithm": t.alone.algorithm.name(),
                        "alone_seconds": t.alone.seconds, "seconds": t.alone.seconds * t.slowdown,
                        "slowdown": t.slowdown })
            }).collect::<Vec<Value>>(),
            "not_together": self.together.as_ref().err(),
            "stuck": stuck(rows),
            "sizes": rows.iter().map(|r| {
                let mut row = self.answered(&r.healthy, r.bytes, &whole);
                row["remedies"] = r.remedies.iter().map(|m| match &m.result {
                    Ok(a) => {
                        let damage = if m.kind == RemedyKind::Rewire { &whole } else { self.damage };
                        json!({ "remedy": remedy_key(m.kind), "ranks": m.ranks, "spares": m.spares,
                                "answer": self.answered(a, r.bytes, damage) })
                    }
                    Err(why) => json!({ "remedy": remedy_key(m.kind), "ranks": m.ranks, "why_not": why.to_string() }),
                }).collect();
                row
            }).collect::<Vec<Value>>(),
        })
    }

    /// An answer, with its sheet if asked for.
    fn answered(&self, a: &Answer, bytes: f64, damage: &Damage) -> Value {
        let mut value = answer_json(a, bytes);
        if self.map {
            let carried = Some((a.flows.carried.as_slice(), a.flows.wire));
            value["map"] = super::map::json(&fabric::map::map(&self.bench.graph, damage, carried, super::map::MOST));
        }
        value
    }
}

/// One answer as JSON.
pub fn answer_json(a: &Answer, bytes: f64) -> Value {
    let algorithms = a.choices.iter().map(|c| {
        let said = match &c.tried {
            Tried::Timed(seconds) => json!({ "seconds": seconds, "usual": c.usual }),
            Tried::AtLeast(seconds) => json!({ "at_least_seconds": seconds, "usual": c.usual }),
            Tried::Not(why) => json!({ "why_not": why }),
        };
        (c.algorithm.name().to_owned(), said)
    });
    json!({
        "bytes": bytes,
        "seconds": a.seconds,
        "low": a.low,
        "high": a.high,
        "algorithm": Algorithm::name(a.algorithm),
        "wire_seconds": a.flows.wire,
        "bound_seconds": a.bounds.seconds(),
        "bounds": { "injection": a.bounds.injection, "bisection": a.bounds.bisection, "latency": a.bounds.latency },
        "rounds": a.flows.rounds,
        "algorithms": algorithms.collect::<serde_json::Map<String, Value>>(),
        "busiest": a.flows.busiest.iter().map(|(n, s)| json!({ "link": n, "share": s })).collect::<Vec<_>>(),
    })
}
