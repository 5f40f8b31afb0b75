//! The answer of a replay, as every face shows it.

use serde::{Deserialize, Serialize};

/// What came out of a replay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplayFindings {
    /// Program and version.
    pub program: String,
    /// What the study is about.
    pub title: String,
    /// Models served.
    pub models: Vec<String>,
    /// Seconds from the first sending to the end of the last request.
    pub span: f64,
    /// Every request ended in one of these ways.
    pub requests: Vec<Count>,
    /// Requests of no tokens, which traces hold and which were left out.
    pub empty: u64,
    /// Prompt and answer tokens of served requests.
    pub tokens: [u64; 2],
    /// Answer tokens per second over the span.
    pub throughput: f64,
    /// By service class; where there are several, all together first.
    pub classes: Vec<ClassFinding>,
    /// By pool.
    pub pools: Vec<PoolFinding>,
    /// Over time.
    pub series: Vec<SeriesPoint>,
    /// US dollars for the replicas that were on; `None` where a price is unknown.
    pub cost: Option<f64>,
    /// US dollars per million answer tokens.
    pub cost_per_million: Option<f64>,
    /// Tokens whose cache was shipped from prefill to decode, and swapped to hosts.
    pub moved: [u64; 2],
    /// What the search tried.
    pub search: Option<SearchFinding>,
}

/// How many requests ended so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Count {
    /// `served`, `refused: too long`, `lost`...
    pub name: String,
    /// How many.
    pub count: u64,
}

/// Mean and percentiles in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
pub struct Figures {
    /// Arithmetic mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
}

/// What one class of users saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassFinding {
    /// Its name.
    pub name: String,
    /// Requests of it.
    pub requests: u64,
    /// Of these, served.
    pub served: u64,
    /// Of these, begun anew at least once.
    pub retried: u64,
    /// Time to first token; none where nothing was served.
    pub ttft: Option<Figures>,
    /// Time per output token after the first.
    pub tpot: Option<Figures>,
    /// End to end.
    pub e2e: Option<Figures>,
    /// From sending to admission.
    pub queue: Option<Figures>,
    /// Share of all its requests that were served within what each is promised; `None` where nothing is.
    pub goodput: Option<f64>,
    /// Its levels.
    pub levels: Vec<LevelFinding>,
}

/// A level and what was reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LevelFinding {
    /// `ttft_p99`.
    pub name: String,
    /// Seconds promised.
    pub bound: f64,
    /// Seconds reached; `None` where nothing was served.
    pub value: Option<f64>,
}

/// What a pool did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PoolFinding {
    /// Its name.
    pub name: String,
    /// Its system, engine and split.
    pub system: String,
    /// Engine.
    pub engine: String,
    /// Split of a replica.
    pub split: String,
    /// Replicas at the start, and chips of one.
    pub replicas: u32,
    /// Chips of a replica.
    pub chips: u32,
    /// Requests that it had last, or handed over.
    pub requests: u64,
    /// Tokens in the KV cache of one attention rank.
    pub kv_tokens: u64,
    /// Share of the paid time in which steps ran.
    pub busy: f64,
    /// Requests in a step.
    pub batch: f64,
    /// Share of the KV cache in use, on average and at most.
    pub kv: [f64; 2],
    /// Preemptions.
    pub preemptions: u64,
    /// Share of the prompt tokens that its prefix cache had, and that slower tiers had; `None` without a cache.
    pub hits: Option<[f64; 2]>,
    /// Replica-seconds that were paid.
    pub paid: f64,
    /// US dollars for them.
    pub cost: Option<f64>,
    /// Joules at the wall of the systems, if the study says what idle ones draw; else `None`.
    pub energy: Option<f64>,
}

/// A moment of the replay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesPoint {
    /// Seconds since the start.
    pub time: f64,
    /// Requests sent since the last moment, per second.
    pub arrivals: f64,
    /// Answer tokens since the last moment, per second. An answer's tokens are spread evenly from its first to its last.
    pub throughput: f64,
    /// Median and 99th percentile of the time to first token of requests sent since the last moment.
    pub ttft: Option<[f64; 2]>,
    /// Share of the requests sent since the last moment that were served within their promise.
    pub goodput: Option<f64>,
    /// The service classes in their order, where there are several.
    pub classes: Vec<ClassPoint>,
    /// The pools in their order.
    pub pools: Vec<PoolPoint>,
}

/// What a class saw of requests sent since the last moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassPoint {
    /// Sent, per second.
    pub arrivals: f64,
    /// Median and 99th percentile of the time to first token.
    pub ttft: Option<[f64; 2]>,
    /// Share that was served within what it was promised.
    pub goodput: Option<f64>,
}

/// A pool at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PoolPoint {
    /// Requests that wait.
    pub waiting: u64,
    /// Requests that run.
    pub running: u64,
    /// Share of the KV cache in use.
    pub kv: f64,
    /// Share of the KV cache that holds prefixes nobody uses.
    pub idle: f64,
    /// Share of the time since the last moment in which steps ran.
    pub busy: f64,
    /// Replicas that accept requests.
    pub up: u32,
    /// Watts; `None` where the study does not say what idle systems draw.
    pub power: Option<f64>,
    /// US dollars an hour.
    pub cost: Option<f64>,
}

/// What a search tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchFinding {
    /// `chips` or `cost`.
    pub best: String,
    /// Whether any fleet meets the levels.
    pub met: bool,
    /// The chosen fleet: replicas of each pool, and the split if one was looked for.
    pub sizes: Vec<u32>,
    /// Prompt tokens up to which the first rule holds.
    pub split: Option<u32>,
    /// Every fleet that was tried.
    pub trials: Vec<Trial>,
}

/// A fleet that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Replicas of each pool.
    pub sizes: Vec<u32>,
    /// Prompt tokens up to which the first rule holds.
    pub split: Option<u32>,
    /// Chips in all.
    pub chips: u32,
    /// US dollars for the replay.
    pub cost: Option<f64>,
    /// Whether it meets every level.
    pub meets: bool,
    /// Share of the requests served within their promise.
    pub goodput: f64,
}
