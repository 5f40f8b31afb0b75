//! The replay as a Chrome trace, which Perfetto opens: counters of every pool, and what the slowest requests waited for.

use std::fmt::Write;

use sim::{Fate, Replay, Replayed};

use super::findings::ReplayFindings;

/// Requests drawn one by one: a viewer holds no more with ease. Those that took longest are the ones to look at.
const REQUESTS: usize = 5000;

/// The trace as JSON.
pub fn timeline(findings: &ReplayFindings, replayed: &Replayed) -> String {
    let mut out = String::from("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[");
    let mut first = true;
    let mut event = |text: std::fmt::Arguments| {
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        out.push('\n');
        // Writing to a text does not fail.
        let _ = out.write_fmt(text);
    };
    let text = |text: &str| serde_json::to_string(text).unwrap_or_else(|_| "\"\"".into());
    for (number, pool) in findings.pools.iter().enumerate() {
        let name = text(&pool.name);
        event(format_args!("{{\"ph\":\"M\",\"pid\":{number},\"name\":\"process_name\",\"args\":{{\"name\":{name}}}}}"));
    }
    for point in &findings.series {
        let ts = point.time * 1e6;
        for (number, pool) in point.pools.iter().enumerate() {
            for (name, value) in [
                ("waiting", pool.waiting as f64),
                ("running", pool.running as f64),
                ("KV cache in use", pool.kv),
                ("busy", pool.busy),
                ("replicas up", f64::from(pool.up)),
            ] {
                event(format_args!(
                    "{{\"ph\":\"C\",\"pid\":{number},\"ts\":{ts},\"name\":\"{name}\",\"args\":{{\"value\":{value}}}}}"
                ));
            }
        }
    }
    let mut slow: Vec<(usize, &Replay)> =
        replayed.requests.iter().enumerate().filter(|(_, r)| r.fate == Fate::Served).collect();
    slow.sort_by_key(|(place, r)| (std::cmp::Reverse(r.served.last.0 - r.served.arrival.0), *place));
    slow.truncate(REQUESTS);
    slow.sort_by_key(|(place, _)| *place);
    for (place, replay) in slow {
        let (r, pool) = (&replay.served, replay.place.map_or(0, |(pool, _)| pool));
        for (name, from, to) in
            [("queue", r.arrival, r.started), ("prefill", r.started, r.first), ("decode", r.first, r.last)]
        {
            if to <= from {
                continue;
            }
            let (from, to) = (from.seconds() * 1e6, to.seconds() * 1e6);
            for (phase, ts) in [("b", from), ("e", to)] {
                event(format_args!(
                    "{{\"ph\":\"{phase}\",\"cat\":\"request\",\"id\":{place},\"pid\":{pool},\"tid\":0,\"ts\":{ts},\"name\":\"{name}\",\
                     \"args\":{{\"input\":{},\"cached\":{},\"output\":{}}}}}",
                    r.input, r.cached, r.output
                ));
            }
        }
    }
    out.push_str("\n]}\n");
    out
}
