//! Sources become one list of requests: sliced, scaled, repeated, overlaid.

use std::collections::BTreeMap;
use std::path::Path;

use sim::{Request, Requests, Time, chain};

use super::ReplayError;
use super::study::{ReplayStudy, Source, SourceKind};
use super::synthetic;
use super::traces::Trace;

/// The requests of a study.
#[derive(Debug, Clone, Default)]
pub struct Assembled {
    /// For the simulator.
    pub requests: Requests,
    /// From the first to the last sending that is known beforehand.
    pub span: Time,
    /// Requests of no tokens that traces hold and that were left out.
    pub empty: u64,
}

/// Content blocks are no smaller: finer ones cost time, and what they find more is half of this a request.
const SMALLEST_BLOCK: u32 = 64;

/// Puts the sources of a study together.
///
/// # Errors
/// Traces whose content blocks differ in size, no request left by the slices, or [`ReplayError::Stopped`] where
/// `goes_on`, asked before each source, says no.
pub fn assemble(study: &ReplayStudy, goes_on: &dyn Fn() -> bool) -> Result<Assembled, ReplayError> {
    let block = block(study)?;
    let mut assembled = Assembled { requests: Requests { block, ..Requests::default() }, ..Assembled::default() };
    assembled.requests.priorities = study.classes.iter().map(|class| class.priority).collect();
    // Requests and, at the front, the arrival of their session.
    let mut all: Vec<(Time, Request)> = Vec::new();
    let mut salts: BTreeMap<&Path, u64> = BTreeMap::new();
    for (number, source) in study.sources.iter().enumerate() {
        if !goes_on() {
            return Err(ReplayError::Stopped);
        }
        let own = match &source.kind {
            SourceKind::Trace { path, trace } => {
                let fresh = salts.len() as u64 + 1;
                let salt = *salts.entry(path.as_path()).or_insert(fresh);
                assembled.empty += trace.empty;
                recorded(source, trace, salt, &mut assembled.requests.hashes)
            }
            SourceKind::Synthetic(shape) => {
                let drawn = synthetic::draw(shape, block, study.seed.wrapping_add(number as u64 * 7919));
                let offset = assembled.requests.hashes.len() as u32;
                assembled.requests.hashes.extend(drawn.hashes);
                let moved = |mut request: Request| {
                    request.content.0 += offset;
                    request
                };
                played(source, drawn.requests.into_iter().map(moved).collect())
            }
        };
        let base = all.len() as u32;
        let mut head = Time::ZERO;
        for mut request in own {
            (request.class, request.model) = (source.class, source.model);
            match &mut request.after {
                Some(other) => *other += base,
                None => head = request.arrival,
            }
            all.push((head, request));
        }
    }
    if all.is_empty() {
        return Err(ReplayError::Study("the slices of the traffic leave no request".into()));
    }
    let mut order: Vec<u32> = (0..all.len() as u32).collect();
    order.sort_by_key(|place| all[*place as usize].0);
    let mut new = vec![0u32; all.len()];
    for (place, old) in order.iter().enumerate() {
        new[*old as usize] = place as u32;
    }
    assembled.requests.list = order
        .iter()
        .map(|old| {
            let request = all[*old as usize].1;
            Request { after: request.after.map(|other| new[other as usize]), ..request }
        })
        .collect();
    let first = all[order[0] as usize].0;
    assembled.span = Time(all.iter().map(|(head, _)| head.0).max().unwrap_or(0) - first.0);
    Ok(assembled)
}

/// Tokens of a content block: that of the traces, else one that every pool's cache divides.
fn block(study: &ReplayStudy) -> Result<u32, ReplayError> {
    if !study.pools.iter().any(|pool| pool.prefix_cache) {
        return Ok(0);
    }
    let traces = study.sources.iter().filter_map(|source| match &source.kind {
        SourceKind::Trace { trace, .. } if trace.block > 0 => Some(trace.block),
        _ => None,
    });
    let mut blocks: Vec<u32> = traces.collect();
    blocks.sort_unstable();
    blocks.dedup();
    match blocks[..] {
        [] => {
            let sizes = study.pools.iter().map(|pool| pool.engine.scheduling.block_size.mid().max(1));
            Ok(sizes.fold(SMALLEST_BLOCK, |a, b| a / common(a, b) * b))
        }
        [one] => Ok(one),
        [one, other, ..] => Err(ReplayError::Study(format!(
            "the traces name contents in blocks of {one} and of {other} tokens: give them one size"
        ))),
    }
}

fn common(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common(b, a % b) }
}

/// The requests of a trace. Contents of different files, and of different playings, are different.
fn recorded(source: &Source, trace: &Trace, salt: u64, hashes: &mut Vec<u64>) -> Vec<Request> {
    let mut all = Vec::new();
    let whole: Vec<(u32, Request)> = trace
        .requests
        .iter()
        .enumerate()
        .map(|(place, r)| {
            let request = Request {
                arrival: Time(r.time),
                after: None,
                input: r.input,
                output: r.output,
                class: 0,
                model: 0,
                content: (0, 0),
            };
            (place as u32, request)
        })
        .collect();
    let sliced = slice(source, whole);
    for (turn, shift) in turns(source, &sliced).into_iter().enumerate() {
        let salt = chain(salt, turn as u64);
        for (place, request) in &sliced {
            let (first, count) = trace.requests[*place as usize].ids;
            let start = hashes.len() as u32;
            let mut before = salt;
            for id in &trace.ids[first as usize..(first + count) as usize] {
                before = chain(before, *id);
                hashes.push(before);
            }
            all.push(Request { arrival: shift(request.arrival), content: (start, count), ..*request });
        }
    }
    all
}

/// Drawn requests, sliced and repeated; those that follow stay with what they follow on.
fn played(source: &Source, drawn: Vec<Request>) -> Vec<Request> {
    let tagged = drawn.into_iter().enumerate().map(|(place, request)| (place as u32, request)).collect();
    let sliced = slice(source, tagged);
    let places: BTreeMap<u32, u32> = sliced.iter().enumerate().map(|(new, (old, _))| (*old, new as u32)).collect();
    let mut all = Vec::new();
    for (turn, shift) in turns(source, &sliced).into_iter().enumerate() {
        let base = (turn * sliced.len()) as u32;
        for (_, request) in &sliced {
            let mut request = *request;
            match request.after {
                Some(other) => request.after = places.get(&other).map(|place| place + base),
                None => request.arrival = shift(request.arrival),
            }
            all.push(request);
        }
    }
    all
}

/// What a source takes of its requests, with their numbers. Sessions are taken whole.
fn slice(source: &Source, requests: Vec<(u32, Request)>) -> Vec<(u32, Request)> {
    let mut within = false;
    let mut taken = 0;
    let keeps = |(_, request): &(u32, Request)| {
        if request.after.is_none() {
            let time = request.arrival.seconds();
            within = time >= source.slice.0 && time < source.slice.1 && taken < source.first;
        }
        taken += usize::from(within);
        within
    };
    requests.into_iter().filter(keeps).collect()
}

/// For each playing of a source, where its clock's times lie in the replay.
fn turns(source: &Source, requests: &[(u32, Request)]) -> Vec<Box<dyn Fn(Time) -> Time>> {
    let from = source.slice.0;
    let last =
        requests.iter().filter(|(_, r)| r.after.is_none()).map(|(_, r)| r.arrival.seconds()).fold(from, f64::max);
    let count = requests.len().max(2) as f64;
    // One playing follows the other at the distance of two requests.
    let period = (last - from) * count / (count - 1.0) / source.rate;
    let (start, rate) = (source.start, source.rate);
    (0..source.repeat)
        .map(|turn| {
            let offset = start + period * f64::from(turn);
            let shift = move |time: Time| {
                Time::from_seconds((time.seconds() - from) / rate + offset).unwrap_or(Time(u64::MAX - 1))
            };
            Box::new(shift) as Box<dyn Fn(Time) -> Time>
        })
        .collect()
}
