//! The replay as a timeline: counters of every pool, and what the slowest requests waited for.

use std::io;

use serde_json::Value;
use sim::timeline::{ChromeTrace, Event, Track};
use sim::{Fate, Nanos, Replay, Replayed, Time};

use super::findings::ReplayFindings;

/// Requests drawn one by one: a viewer holds no more with ease. Those that took longest are the ones to look at.
const REQUESTS: usize = 5000;

/// The timeline in the Chrome trace format.
///
/// # Errors
/// Where a value is no number.
pub fn timeline(findings: &ReplayFindings, replayed: &Replayed) -> io::Result<Vec<u8>> {
    let mut trace = ChromeTrace::new(Vec::new())?;
    for (number, pool) in findings.pools.iter().enumerate() {
        trace.event(&Event::Process { process: number as u32, name: &pool.name })?;
    }
    for point in &findings.series {
        let at = Nanos((point.time * 1e9).round() as u64);
        for (number, pool) in point.pools.iter().enumerate() {
            for (name, value) in [
                ("waiting", pool.waiting as f64),
                ("running", pool.running as f64),
                ("KV cache in use", pool.kv),
                ("busy", pool.busy),
                ("replicas up", f64::from(pool.up)),
            ] {
                trace.event(&Event::Counter { process: number as u32, name, at, values: &[("value", value)] })?;
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
        let details =
            [("input", Value::from(r.input)), ("cached", Value::from(r.cached)), ("output", Value::from(r.output))];
        for (name, from, to) in
            [("queue", r.arrival, r.started), ("prefill", r.started, r.first), ("decode", r.first, r.last)]
        {
            if to > from {
                trace.event(&Event::Beside {
                    track: Track { process: pool, thread: 0 },
                    name,
                    category: "request",
                    id: place as u64,
                    start: nanos(from),
                    length: Nanos(nanos(to).0 - nanos(from).0),
                    details: &details,
                })?;
            }
        }
    }
    trace.finish()
}

fn nanos(time: Time) -> Nanos {
    Nanos(time.0 / 1000)
}
