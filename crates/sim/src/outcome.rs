//! What came out: per request, per pool of engines, and in sum.
//!
//! Definitions, all from the client's side. TTFT: first token - sending. TPOT: (last token - first token) / (output - 1),
//! for requests of two tokens or more. ITL: the mean gap between emissions; with speculation an emission holds several
//! tokens. E2E: last token - sending. Percentiles are exact, with linear interpolation between samples.

use crate::curve::UNIT_BITS;
use crate::engine::{Engine, Tally};
use crate::job::Job;
use crate::time::{FINE_BITS, Fine, Time};

/// A served request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// Prompt tokens.
    pub input: u32,
    /// Of which the prefix cache held.
    pub cached: u32,
    /// Answer tokens.
    pub output: u32,
    /// The client sends it.
    pub arrival: Time,
    /// An engine admits it for the first time.
    pub started: Time,
    /// The client has the first token.
    pub first: Time,
    /// The client has the last token.
    pub last: Time,
    /// Emissions after the first: as many as tokens, fewer with speculation.
    pub emissions: u64,
    /// How often it was preempted.
    pub preemptions: u32,
}

impl Served {
    pub(crate) fn of(job: &Job) -> Served {
        Served {
            input: job.input,
            cached: job.hit,
            output: job.output,
            arrival: job.arrival,
            started: job.started,
            first: job.first,
            last: job.last,
            emissions: job.emissions,
            preemptions: job.preemptions,
        }
    }
}

/// Mean and percentiles of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stat {
    /// Mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
}

impl Stat {
    /// Of a sample; `None` where it is empty.
    pub fn of(mut sample: Vec<f64>) -> Option<Stat> {
        if sample.is_empty() {
            return None;
        }
        sample.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| {
            let place = share * (sample.len() - 1) as f64;
            let (low, high) = (sample[place.floor() as usize], sample[place.ceil() as usize]);
            low + (high - low) * place.fract()
        };
        let mean = sample.iter().sum::<f64>() / sample.len() as f64;
        Some(Stat { mean, p50: at(0.50), p90: at(0.90), p99: at(0.99) })
    }
}

/// Throughput.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rates {
    /// Answer tokens per second.
    pub output: f64,
    /// Prompt and answer tokens per second; cached prompt tokens count, as benchmark clients count them.
    pub total: f64,
    /// Requests per second.
    pub requests: f64,
}

/// What the engines of one pool did, on average over its engines (lanes are engines of their own).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Load {
    /// Engines, of all parts of the load.
    pub engines: u64,
    /// Steps of an engine.
    pub steps: f64,
    /// Of which computed prompts (and possibly decodes too).
    pub prefill_steps: f64,
    /// Seconds of a step.
    pub mean_step: f64,
    /// Share of the time from the first arrival to the last token in which a step runs.
    pub busy: f64,
    /// Share of the busy time in steps that computed prompts.
    pub prefill_share: f64,
    /// Requests in a step, over all ranks, averaged over busy time.
    pub batch: f64,
    /// Tokens in a step, over all ranks.
    pub tokens: f64,
    /// Share of the KV cache in use, averaged over steps.
    pub kv: f64,
    /// Most blocks in use on any rank, as a share.
    pub kv_peak: f64,
    /// Preemptions, of the whole pool.
    pub preemptions: u64,
    /// Cached tokens that preemptions threw away, of the whole pool.
    pub recomputed: u64,
    /// Blocks not returned at the end, of the whole pool; always none.
    pub blocks_left: u64,
}

/// Sums over the engines of a pool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pooled {
    engines: usize,
    sums: Tally,
    /// Tokens (units) that the cache of an engine could hold, summed over steps.
    room: u128,
    peak: f64,
    preemptions: u64,
    recomputed: u64,
    left: u64,
}

impl Pooled {
    pub fn of(engines: &[Engine]) -> Pooled {
        let mut pooled = Pooled {
            engines: engines.len(),
            sums: Tally::default(),
            room: 0,
            peak: 0.0,
            preemptions: 0,
            recomputed: 0,
            left: 0,
        };
        for engine in engines {
            let (sums, own) = (&mut pooled.sums, &engine.tally);
            sums.steps += own.steps;
            sums.prefill_steps += own.prefill_steps;
            sums.busy += own.busy;
            sums.prefill_time += own.prefill_time;
            sums.active += own.active;
            sums.tokens += own.tokens;
            sums.held += own.held;
            for rank in &engine.ranks {
                pooled.room += u128::from(own.steps) * (u128::from(rank.pool.tokens()) << UNIT_BITS);
                pooled.peak = pooled.peak.max(rank.peak as f64 / rank.pool.total().max(1) as f64);
                pooled.preemptions += rank.preemptions;
                pooled.recomputed += rank.recomputed;
                pooled.left += rank.pool.used();
            }
        }
        pooled
    }

    pub(crate) fn load(&self, makespan: f64, copies: u64) -> Load {
        let span = |fine: Fine| (fine >> FINE_BITS) as f64 * 1e-12;
        let ratio = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let (engines, steps, busy) = (self.engines as f64, self.sums.steps as f64, span(self.sums.busy));
        Load {
            engines: self.engines as u64 * copies,
            steps: steps / engines,
            prefill_steps: self.sums.prefill_steps as f64 / engines,
            mean_step: ratio(busy, steps),
            busy: ratio(busy, makespan * engines),
            prefill_share: ratio(span(self.sums.prefill_time), busy),
            batch: ratio(span(self.sums.active), busy),
            tokens: ratio(self.sums.tokens as f64, steps),
            kv: ratio(self.sums.held as f64, self.room as f64),
            kv_peak: self.peak,
            preemptions: self.preemptions * copies,
            recomputed: self.recomputed * copies,
            blocks_left: self.left * copies,
        }
    }
}

/// Everything that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The requests, in order of arrival at the fleet. Where parts of the load were alike, those of one part.
    pub served: Vec<Served>,
    /// What the engines did: one pool, or prefill and decode.
    pub loads: Vec<Load>,
    /// Parts of the load that were alike; one was simulated.
    pub copies: u64,
    /// Requests that only warm up, of this part.
    pub warmup: usize,
    /// Clients of this part, in a closed loop.
    pub clients: Option<usize>,
    /// Tokens whose cache was shipped from prefill to decode, of all parts.
    pub shipped: u64,
}

impl Record {
    pub(crate) fn new(
        jobs: &[Job],
        pools: Vec<Pooled>,
        copies: usize,
        warmup: usize,
        clients: Option<usize>,
        shipped: u64,
    ) -> Record {
        let served: Vec<Served> = jobs.iter().map(Served::of).collect();
        let copies = copies as u64;
        let makespan = makespan(&served);
        let loads = pools.iter().map(|pool| pool.load(makespan, copies)).collect();
        Record { served, loads, copies, warmup, clients, shipped: shipped * copies }
    }

    /// The figures that a benchmark client would report, and more.
    pub fn outcome(&self) -> Outcome {
        let counted = &self.served[self.warmup..];
        let sample = |value: &dyn Fn(&Served) -> f64| Stat::of(counted.iter().map(value).collect()).unwrap_or_default();
        let decoded = || counted.iter().filter(|r| r.output > 1);
        let tpot = decoded().map(|r| r.last.since(r.first) / f64::from(r.output - 1)).collect();
        let emissions: u64 = decoded().map(|r| r.emissions).sum();
        let gaps: f64 = decoded().map(|r| r.last.since(r.first)).sum();
        let whole = (counted.iter().map(|r| r.arrival).min(), counted.iter().map(|r| r.last).max());
        let overall = match whole {
            (Some(from), Some(to)) => self.rates(from, Time(to.0.saturating_add(1))).unwrap_or_default(),
            _ => Rates::default(),
        };
        Outcome {
            requests: counted.len() as u64 * self.copies,
            ttft: sample(&|r| r.first.since(r.arrival)),
            queue: sample(&|r| r.started.since(r.arrival)),
            tpot: Stat::of(tpot),
            itl_mean: (emissions > 0).then(|| gaps / emissions as f64),
            e2e: sample(&|r| r.last.since(r.arrival)),
            makespan: makespan(&self.served),
            overall,
            steady: self.steady(),
            loads: self.loads.clone(),
            shipped: self.shipped,
        }
    }

    /// Throughput between the ramp and the drain. Closed loop: from the moment when each client has a first token to
    /// the last sending. Open loop: from the arrival of the request a tenth of the way to the last arrival.
    fn steady(&self) -> Option<Rates> {
        let from = match self.clients {
            Some(clients) => self.served.iter().take(clients).map(|r| r.first).max()?,
            None => self.served[self.served.len() / 10].arrival,
        };
        let to = self.served.iter().map(|r| r.arrival).max()?;
        self.rates(from, to)
    }

    /// Throughput within a window. An answer's tokens are spread evenly from its first to its last.
    fn rates(&self, from: Time, to: Time) -> Option<Rates> {
        if to <= from {
            return None;
        }
        let within = |time: Time| time >= from && time < to;
        let (mut input, mut output, mut requests) = (0.0, 0.0, 0.0);
        for r in &self.served {
            if within(r.first) {
                input += f64::from(r.input);
                output += 1.0;
            }
            if within(r.last) {
                requests += 1.0;
            }
            let rest = f64::from(r.output - 1);
            if r.last == r.first {
                output += if within(r.first) { rest } else { 0.0 };
            } else {
                output += rest * to.min(r.last).since(from.max(r.first)) / r.last.since(r.first);
            }
        }
        let scale = self.copies as f64 / to.since(from);
        Some(Rates { output: output * scale, total: (input + output) * scale, requests: requests * scale })
    }
}

fn makespan(served: &[Served]) -> f64 {
    let from = served.iter().map(|r| r.arrival).min().unwrap_or_default();
    let to = served.iter().map(|r| r.last).max().unwrap_or_default();
    to.since(from)
}

/// The figures of a simulation. Times in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Requests counted (all but the warm-up).
    pub requests: u64,
    /// Time to first token.
    pub ttft: Stat,
    /// Time from sending to admission, a part of TTFT.
    pub queue: Stat,
    /// Time per output token; none where every answer is one token.
    pub tpot: Option<Stat>,
    /// Mean gap between emissions.
    pub itl_mean: Option<f64>,
    /// From sending to the last token.
    pub e2e: Stat,
    /// From the first sending to the last token.
    pub makespan: f64,
    /// Throughput as benchmark clients report it: all tokens over the whole duration (without the warm-up).
    pub overall: Rates,
    /// Throughput between ramp and drain; none where there is no such time (fewer requests than two a client).
    pub steady: Option<Rates>,
    /// What the engines did: one pool, or prefill and decode.
    pub loads: Vec<Load>,
    /// Tokens whose cache was shipped from prefill to decode.
    pub shipped: u64,
}
