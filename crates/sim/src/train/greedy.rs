//! Orders of zero-bubble schedules: found by playing the pipeline with its own times, each free stage taking the most
//! urgent work there is, as long as it keeps no more activations than 1F1B's fullest; gradients of weights fill what is
//! left. What is most urgent is tried in several ways and the shortest step is taken.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::graph::{Pass, Pipeline, Slot, Work};
use crate::time::Time;

/// Time, order among equals, stage, and what arrives there.
type Arrival = Reverse<(Time, u64, u32, Option<Work>)>;

struct Stage {
    free: Time,
    /// Inputs that arrived: (rank of the chunk, micro-batch).
    forwards: BinaryHeap<Reverse<(u32, u32)>>,
    inputs: BinaryHeap<Reverse<(u32, u32)>>,
    weights: std::collections::VecDeque<Work>,
    /// Chunk activations kept.
    kept: u32,
    order: Vec<Slot>,
}

/// What a free stage prefers.
#[derive(Clone, Copy)]
struct Taste {
    /// A forward pass after each backward one, instead of backward passes first.
    alternate: bool,
    /// The deeper chunk first.
    deep_first: bool,
}

const TASTES: [Taste; 4] = [
    Taste { alternate: false, deep_first: true },
    Taste { alternate: false, deep_first: false },
    Taste { alternate: true, deep_first: true },
    Taste { alternate: true, deep_first: false },
];

/// The slots of each stage.
pub fn orders(p: &Pipeline) -> Vec<Vec<Slot>> {
    let tried = TASTES.into_iter().map(|taste| play(p, taste));
    let complete = |o: &(Time, Vec<Vec<Slot>>)| {
        let works: usize = o.1.iter().map(Vec::len).sum();
        works == 3 * p.chunks.len() * p.micro_batches as usize
    };
    tried.filter(complete).min_by_key(|(end, _)| *end).map(|(_, orders)| orders).unwrap_or_default()
}

fn play(p: &Pipeline, taste: Taste) -> (Time, Vec<Vec<Slot>>) {
    let last = p.chunks.len() as u32 - 1;
    let limit = p.stages * p.held();
    let new = || Stage {
        free: Time::ZERO,
        forwards: BinaryHeap::new(),
        inputs: BinaryHeap::new(),
        weights: std::collections::VecDeque::new(),
        kept: 0,
        order: Vec::new(),
    };
    let mut stages: Vec<Stage> = (0..p.stages).map(|_| new()).collect();

    let mut events: BinaryHeap<Arrival> = BinaryHeap::new();
    let mut count = 0u64;
    let mut push = |events: &mut BinaryHeap<_>, time: Time, stage: u32, work: Option<Work>| {
        count += 1;
        events.push(Reverse((time, count, stage, work)));
    };
    for micro in 0..p.micro_batches {
        push(&mut events, Time::ZERO, p.stage_of(0, micro), Some(Work { pass: Pass::Forward, chunk: 0, micro }));
    }
    let hop = Time(p.hop[0].0.saturating_add(p.hop[1].0));
    while let Some(Reverse((now, _, index, arrived))) = events.pop() {
        let stage = &mut stages[index as usize];
        match arrived {
            Some(Work { pass: Pass::Forward, chunk, micro }) => {
                stage.forwards.push(Reverse((rank(taste, last, chunk), micro)))
            }
            Some(Work { chunk, micro, .. }) => stage.inputs.push(Reverse((micro, chunk))),
            None => {}
        }
        // What else arrives at this moment comes first.
        if stage.free > now || matches!(events.peek(), Some(Reverse((t, _, s, _))) if *t == now && *s == index) {
            continue;
        }
        let Some(work) = take(stage, limit, p, last, taste) else { continue };
        let end = Time(now.0.saturating_add(p.time_of(work).0));
        stage.free = end;
        stage.order.push(Slot { work, with: None });
        push(&mut events, end, index, None);
        let there = |stage: u32| if stage == index { end } else { Time(end.0.saturating_add(hop.0)) };
        match work.pass {
            Pass::Forward if work.chunk == last => {
                push(&mut events, end, index, Some(Work { pass: Pass::Input, ..work }));
            }
            Pass::Forward => {
                let next = Work { chunk: work.chunk + 1, ..work };
                let to = p.stage_of(next.chunk, next.micro);
                push(&mut events, there(to), to, Some(next));
            }
            Pass::Input => {
                stages[index as usize].weights.push_back(Work { pass: Pass::Weight, ..work });
                if work.chunk > 0 {
                    let next = Work { chunk: work.chunk - 1, ..work };
                    let to = p.stage_of(next.chunk, next.micro);
                    push(&mut events, there(to), to, Some(next));
                }
            }
            Pass::Weight | Pass::Backward => stages[index as usize].kept -= 1,
        }
    }
    let end = stages.iter().map(|s| s.free).max().unwrap_or(Time::ZERO);
    (end, stages.into_iter().map(|s| s.order).collect())
}

/// Its own inverse.
fn rank(taste: Taste, last: u32, chunk: u32) -> u32 {
    if taste.deep_first { last - chunk } else { chunk }
}

fn take(stage: &mut Stage, limit: u32, p: &Pipeline, last: u32, taste: Taste) -> Option<Work> {
    let after_backward = stage.order.last().is_some_and(|s| s.work.pass != Pass::Forward);
    let forward_first = taste.alternate && after_backward;
    if forward_first && let Some(work) = forward(stage, limit, p, last, taste) {
        return Some(work);
    }
    if let Some(Reverse((micro, chunk))) = stage.inputs.pop() {
        return Some(Work { pass: Pass::Input, chunk, micro });
    }
    if !forward_first && let Some(work) = forward(stage, limit, p, last, taste) {
        return Some(work);
    }
    stage.weights.pop_front()
}

fn forward(stage: &mut Stage, limit: u32, p: &Pipeline, last: u32, taste: Taste) -> Option<Work> {
    let Reverse((ranked, micro)) = stage.forwards.peek().copied()?;
    let chunk = rank(taste, last, ranked);
    // A chunk behind must always find room, or the pipeline would stand still: each chunk before the last leaves one.
    let room = limit.saturating_sub((last - chunk) / p.stages);
    if stage.kept >= room {
        return None;
    }
    stage.forwards.pop();
    stage.kept += 1;
    Some(Work { pass: Pass::Forward, chunk, micro })
}
