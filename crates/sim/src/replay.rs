//! Requests played against a fleet: what happened to each of them, what each pool did, and how it all was over time.

use serde::Serialize;

use cost::StepCost;

use crate::engine::Engine;
use crate::error::SimError;
use crate::fleet::Fleet;
use crate::job::{Job, Refusal, State};
use crate::outcome::{Load, Pooled, Served};
use crate::play::{Play, Told};
use crate::requests::{Content, Requests};
use crate::time::Time;

/// How to replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplaySettings {
    /// Seed of all draws.
    pub seed: u64,
    /// Longest run of decode steps that is taken in one go; 1 goes step by step. The result is the same, bit by bit.
    pub longest_run: u64,
    /// Time between samples of every pool; `None`: none are taken.
    pub sample: Option<Time>,
}

impl Default for ReplaySettings {
    fn default() -> ReplaySettings {
        ReplaySettings { seed: 0, longest_run: u64::MAX, sample: None }
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// The client has its answer.
    Served,
    /// It was turned away.
    Refused(Refusal),
    /// What served it failed, and it was given up.
    Lost,
}

/// What happened to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replay {
    /// As in a workload. Times that never came are [`Time::NEVER`].
    pub served: Served,
    /// How it ended.
    pub fate: Fate,
    /// Service class.
    pub class: u16,
    /// The pool and the replica (of all pools, in order) that had it last; none where it reached none.
    pub place: Option<(u32, u32)>,
    /// How often it began anew because what served it failed.
    pub retries: u32,
}

/// A look at a pool.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sample {
    /// When.
    pub time: Time,
    /// The pool.
    pub pool: u32,
    /// Requests that wait. Those that wait for a replica to come up count for the first pool of their rule.
    pub waiting: u64,
    /// Requests that run.
    pub running: u64,
    /// Share of the KV cache in use, and share that idle prefixes fill.
    pub kv: f64,
    /// Share of the KV cache that holds prefixes nobody uses now.
    pub idle: f64,
    /// Share of the time since the last sample in which steps ran.
    pub busy: f64,
    /// Replicas that accept requests.
    pub up: u32,
    /// Replicas that are paid for.
    pub on: u32,
}

/// What prefix caches did, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CacheUse {
    /// Looked for: all but the last token of every admitted prompt, in whole content blocks.
    pub asked: u64,
    /// Found in the KV cache.
    pub hit: u64,
    /// Fetched from the host's memory and from its disk.
    pub fetched: [u64; 2],
    /// Evicted from the KV cache.
    pub evicted: u64,
    /// Written to the host's memory and to its disk.
    pub written: [u64; 2],
}

/// What a pool did.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolUse {
    /// Its engines.
    pub load: Load,
    /// Its prefix caches.
    pub cache: CacheUse,
    /// Requests whose prompt it computed and whose cache it handed over.
    pub handed: u64,
    /// Seconds that each replica was paid for.
    pub paid: Vec<f64>,
    /// What that costs.
    pub cost: f64,
    /// Seconds in which steps ran, of all engines.
    pub busy: f64,
}

/// What a fleet did.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// The requests, in their order.
    pub requests: Vec<Replay>,
    /// The pools.
    pub pools: Vec<PoolUse>,
    /// Looks at the pools, in order of time and pool.
    pub samples: Vec<Sample>,
    /// When the last request ended.
    pub end: Time,
    /// Tokens whose cache was shipped from prefill to decode.
    pub shipped: u64,
    /// Tokens whose cache was moved to the host's memory when their request was preempted.
    pub swapped: u64,
}

/// Plays requests against a fleet.
///
/// # Errors
/// See [`SimError`]: settings that make no sense, a cost that is no time. Requests that cannot be served are no errors:
/// each has its [`Fate`].
pub fn replay<C: StepCost>(
    fleet: &Fleet<'_, C>,
    requests: &Requests,
    settings: &ReplaySettings,
) -> Result<Replayed, SimError> {
    watched(fleet, requests, settings, &mut |_| true)
}

/// The same, watched: every few milliseconds `watch` hears how many requests have ended, and stops it all by `false`.
///
/// # Errors
/// As [`replay`]; [`SimError::Stopped`] where it was stopped.
pub fn watched<C: StepCost>(
    fleet: &Fleet<'_, C>,
    requests: &Requests,
    settings: &ReplaySettings,
    watch: &mut dyn FnMut(usize) -> bool,
) -> Result<Replayed, SimError> {
    fleet.check()?;
    requests.check()?;
    if settings.longest_run == 0 {
        return Err(SimError::setting("settings.longest_run", 0, "at least 1 step"));
    }
    if settings.sample == Some(Time::ZERO) {
        return Err(SimError::setting("settings.sample", 0, "more than 0 s"));
    }
    let jobs = requests.jobs(&fleet.rules)?;
    let sends = jobs.iter().any(|job| job.follows);
    let caches = fleet.pools.iter().any(|pool| pool.prefix_cache);
    let content = (caches && requests.block > 0).then(|| Content::new(requests));
    let ReplaySettings { seed, longest_run, sample } = *settings;
    let mut play = Play::new(fleet, jobs, content, Told { seed, longest_run, sample, sends })?;
    play.begin(None, Time::ZERO, 0)?;
    play.run(watch)?;
    Ok(play.replayed())
}

impl Replayed {
    pub(crate) fn pool(engines: &[Engine], paid: Vec<Time>, price: f64, handed: u64) -> (Pooled, PoolUse) {
        let mut cache = CacheUse::default();
        let mut busy = 0.0;
        for engine in engines {
            busy += (engine.tally.busy >> crate::time::FINE_BITS) as f64 * 1e-12;
            for own in engine.ranks.iter().filter_map(|rank| rank.cache.as_ref()) {
                cache.asked += own.tally.asked * own.tokens;
                cache.hit += own.tally.hit * own.tokens;
                cache.evicted += own.tally.evicted * own.tokens;
                for place in 0..2 {
                    cache.fetched[place] += own.tally.fetched[place] * own.tokens;
                    cache.written[place] += own.tally.written[place] * own.tokens;
                }
            }
        }
        let paid: Vec<f64> = paid.into_iter().map(Time::seconds).collect();
        let cost = paid.iter().sum::<f64>() * price;
        (Pooled::of(engines), PoolUse { load: Load::default(), cache, handed, paid, cost, busy })
    }

    pub(crate) fn new(
        jobs: &[Job],
        pools: Vec<(Pooled, PoolUse)>,
        pool_of: &[u32],
        place_of: &[u32],
        samples: Vec<Sample>,
        end: Time,
        [shipped, swapped]: [u64; 2],
    ) -> Replayed {
        let told = |job: &Job| {
            let fate = match job.state {
                State::Served => Fate::Served,
                State::Refused(why) => Fate::Refused(why),
                _ => Fate::Lost,
            };
            let engine = job.engine as usize;
            let reached = job.started != Time::NEVER;
            Replay {
                served: Served::of(job),
                fate,
                class: job.class,
                place: reached.then(|| (pool_of[engine], place_of[engine])),
                retries: job.attempt,
            }
        };
        let requests: Vec<Replay> = jobs.iter().map(told).collect();
        let span = end.seconds();
        let pools = pools.into_iter().map(|(pooled, told)| PoolUse { load: pooled.load(span, 1), ..told }).collect();
        Replayed { requests, pools, samples, end, shipped, swapped }
    }
}
