//! Loads that are steady from the start, and what is seen while they are.
//!
//! A benchmark that starts all clients at once sees a burst of prompts, and answers of one length then end together.
//! Users in service are at all stages. So those first requests that decode at a time are under way when the simulation
//! begins: a random part of the answer is already there and in the cache. What happens is counted from the moment when
//! the first requests of all clients run to the last sending.

use sim::{Arrivals, Record, Served, Stat, Time, Workload};

use crate::study::Statistic;
use crate::traffic::{Lengths, Traffic};

/// What comes to a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CellLoad {
    /// So many requests in flight.
    Clients {
        /// How many.
        count: u64,
        /// Of these, about so many decode at a time; the others wait or are in prefill.
        decoding: u64,
    },
    /// An open loop.
    Rate {
        /// Requests per second.
        per_second: f64,
        /// Coefficient of variation of the gaps.
        cv: f64,
        /// Seconds that a request takes, about: what has to pass before the cell is full.
        life: f64,
    },
}

/// Most requests of one simulation: beyond, a point costs seconds and says no more.
const MOST: u64 = 200_000;

/// A workload that is steady after its first requests.
#[derive(Debug, Clone)]
pub struct Steady {
    /// For the simulator.
    pub workload: Workload,
    /// What comes.
    load: CellLoad,
    /// Tokens of an answer.
    mean_output: f64,
}

impl Steady {
    /// Draws a load that counts `counted` requests or more.
    pub fn new(traffic: &Traffic, load: CellLoad, counted: u64, seed: u64) -> Steady {
        let (first, after, arrivals) = match load {
            CellLoad::Clients { count, .. } => {
                let concurrency = u32::try_from(count.max(1)).unwrap_or(u32::MAX);
                // Half a turn of all clients is enough where there are many.
                (count.max(1), counted.max(count / 2), Arrivals::Closed { concurrency, ramp: 0.0, think: 0.0 })
            }
            CellLoad::Rate { per_second: rate, cv, life } => {
                let filling = (1.2 * rate * life).ceil().max(1.0) as u64;
                let arrivals = if cv == 1.0 { Arrivals::Poisson { rate } } else { Arrivals::Gamma { rate, cv } };
                (filling, counted.max(filling), arrivals)
            }
        };
        let requests = first.saturating_add(after).min(MOST.max(first + 1)) as usize;
        let resident = resident(load) as u64;
        let (mut input, mut output) = (Vec::with_capacity(requests), Vec::with_capacity(requests));
        let cut = |n: u64| u32::try_from(n).unwrap_or(u32::MAX).max(1);
        for i in 0..requests {
            let length = |lengths: &Lengths, stream: u64| match lengths {
                Lengths::List(list) => list[i % list.len().max(1)],
                drawn => drawn.quantile(uniform(seed, stream, i as u64)),
            };
            let (mut prompt, mut answer) = (length(&traffic.input, 1), length(&traffic.output, 2));
            if (i as u64) < resident {
                let done = (answer as f64 * uniform(seed, 3, i as u64)) as u64;
                (prompt, answer) = (prompt + done, answer - done);
            }
            input.push(cut(prompt));
            output.push(cut(answer));
        }
        let (input, output) = (sim::Lengths::List(input), sim::Lengths::List(output));
        let workload = Workload { requests, warmup: 0, arrivals, input, output, prefix_hit: traffic.prefix_hit };
        Steady { workload, load, mean_output: traffic.output.mean() }
    }

    /// Tokens of an answer on average, of those drawn.
    fn sampled(&self) -> f64 {
        match &self.workload.output {
            sim::Lengths::List(list) if !list.is_empty() => {
                list.iter().map(|&n| f64::from(n)).sum::<f64>() / list.len() as f64
            }
            _ => self.mean_output,
        }
    }

    /// Requests that are under way when the simulation begins.
    pub fn resident(&self) -> usize {
        resident(self.load)
    }

    /// What was seen while the load was steady.
    pub fn seen(&self, record: &Record) -> Seen {
        let served = &record.served;
        let last = served.iter().map(|r| r.arrival).max().unwrap_or_default();
        let first = match self.load {
            CellLoad::Clients { count, .. } => {
                served.iter().take(count as usize).map(|r| r.first).max().unwrap_or_default()
            }
            CellLoad::Rate { per_second, life, .. } => {
                let filling = (1.2 * per_second * life).ceil().max(1.0) as usize;
                served.get(filling.min(served.len() - 1)).map_or(Time::ZERO, |r| r.arrival)
            }
        };
        // Where the load is too small to have a steady part, all that happened is what is seen.
        let end = served.iter().map(|r| r.last).max().unwrap_or_default();
        let begin = served.iter().map(|r| r.arrival).min().unwrap_or_default();
        let window = if last > first { (first, last) } else { (begin, end) };
        let mut seen = Seen::within(served, window, self.mean_output, record.loads.clone());
        if let CellLoad::Rate { per_second, .. } = self.load {
            // A stock that grows while tokens flow as fast as they are asked for is still filling up.
            let asked = per_second * self.sampled();
            seen.grows = seen.output < CARRIED * asked && grows(served, window);
            // What is carried is what was asked; a finite sample strays from it.
            let requests = if seen.grows { seen.output / self.sampled().max(1e-12) } else { per_second };
            (seen.output, seen.requests) = (requests * self.mean_output, requests);
        }
        seen
    }
}

/// Requests that are under way when the simulation begins.
fn resident(load: CellLoad) -> usize {
    match load {
        CellLoad::Clients { count, decoding } => decoding.min(count) as usize,
        CellLoad::Rate { .. } => 0,
    }
}

/// A number in [0, 1) that depends on all three and looks random: SplitMix64.
fn uniform(seed: u64, stream: u64, index: u64) -> f64 {
    let mut z =
        seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ stream.rotate_left(40) ^ index.wrapping_mul(0xd1b5_4a32_d192_ed03);
    for shift in [30, 27, 31] {
        z = (z ^ (z >> shift)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    (z >> 11) as f64 / (1u64 << 53) as f64
}

/// Share of the tokens asked for below which a growing stock is one that is not carried.
const CARRIED: f64 = 0.95;

/// Share of the flow of tokens that beginnings must explain: what is missing is more than chance.
const DRAINS: f64 = 0.9;

/// What is seen of a cell while its load is steady.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Generated tokens per second.
    pub output: f64,
    /// Finished requests per second.
    pub requests: f64,
    /// Whether more and more requests are in the system: an open loop that is not carried.
    pub grows: bool,
    /// Time to first token of what came.
    pub ttft: Stat,
    /// Time per output token; 0 where every answer is one token.
    pub tpot: Stat,
    /// From sending to the last token.
    pub e2e: Stat,
    /// What the engines did.
    pub loads: Vec<sim::Load>,
}

impl Seen {
    /// `answer`: tokens of an answer on average.
    fn within(served: &[Served], (from, to): (Time, Time), answer: f64, loads: Vec<sim::Load>) -> Seen {
        let seconds = to.since(from).max(1e-12);
        let (mut firsts, mut decoded, mut decoding, mut finished) = (0.0, 0.0, 0.0, 0.0);
        for r in served {
            if r.first >= from && r.first < to {
                firsts += 1.0;
            }
            if r.last >= from && r.last < to {
                finished += 1.0;
            }
            let (start, end) = (from.max(r.first), to.min(r.last));
            if r.output > 1 && end > start {
                let overlap = end.since(start);
                decoding += overlap;
                decoded += f64::from(r.output - 1) * overlap / r.last.since(r.first);
            }
        }
        let came: Vec<&Served> = served.iter().filter(|r| r.arrival >= from && r.arrival <= to).collect();
        let ttft = |r: &Served| r.first.since(r.arrival);
        let tpot = |r: &Served| r.last.since(r.first) / f64::from(r.output - 1);
        let of = |values: Vec<f64>| Stat::of(values).unwrap_or_default();
        let sampled = of(came.iter().filter(|r| r.output > 1).map(|r| tpot(r)).collect());
        // Requests that came late end when the cell empties, and see it faster than it is. The mean over all that decode
        // in the window is exact (time spent decoding over tokens decoded); it sets the scale.
        let mean = if decoded > 0.0 { decoding / decoded } else { 0.0 };
        let scale = if sampled.mean > 0.0 && mean > 0.0 { mean / sampled.mean } else { 1.0 };
        let e2e = came.iter().map(|r| ttft(r) + scale * r.last.since(r.first)).collect();
        // What decodes must have come: where answers begin more slowly than tokens flow, the stock of answers is being used
        // up, and the flow is that of the beginnings.
        let (flow, begun) = ((firsts + decoded) / seconds, firsts * answer / seconds);
        Seen {
            output: if begun < DRAINS * flow { begun } else { flow },
            requests: finished / seconds,
            grows: false,
            ttft: of(came.iter().map(|r| ttft(r)).collect()),
            tpot: Stat {
                mean: sampled.mean * scale,
                p50: sampled.p50 * scale,
                p90: sampled.p90 * scale,
                p99: sampled.p99 * scale,
            },
            e2e: of(e2e),
            loads,
        }
    }
}

/// Whether the requests in the system grow in number from the second to the fourth quarter of a window, by more than
/// chance explains.
fn grows(served: &[Served], (from, to): (Time, Time)) -> bool {
    let span = to.since(from);
    let begin = from.since(Time::ZERO);
    let held = |first: f64, last: f64| {
        let (first, last) = (begin + first * span, begin + last * span);
        let inside = |r: &Served| {
            let (a, b) = (r.arrival.since(Time::ZERO), r.last.since(Time::ZERO));
            (b.min(last) - a.max(first)).max(0.0)
        };
        served.iter().map(inside).sum::<f64>() / (last - first).max(1e-12)
    };
    let (early, late) = (held(0.25, 0.5), held(0.75, 1.0));
    late > 1.25 * early && late - early > 3.0 * early.max(1.0).sqrt()
}

/// One statistic of a latency.
pub fn statistic(stat: &Stat, which: Statistic) -> f64 {
    match which {
        Statistic::Mean => stat.mean,
        Statistic::P50 => stat.p50,
        Statistic::P90 => stat.p90,
        Statistic::P99 => stat.p99,
    }
}
