//! A study, checked: the question that a `study.toml` asks.

use formats::Scheme;
use units::{Range, Seconds, UsdPerHour, UsdPerKilowattHour};

/// The question.
#[derive(Debug, Clone)]
pub struct Study {
    /// What it is about.
    pub title: String,
    /// The model to serve.
    pub model: catalog::Model,
    /// Storage of the weights; `None`: as published.
    pub weights: Option<Scheme>,
    /// Storage of the cache; `None`: FP8 where weights are 8 bits or fewer and the engine can, else BF16.
    pub kv: Option<Scheme>,
    /// What users send.
    pub traffic: Traffic,
    /// What users are promised.
    pub levels: Levels,
    /// What makes one answer better than another.
    pub objective: Objective,
    /// The candidates.
    pub systems: Vec<Candidate>,
    /// Money beside the systems' own prices.
    pub money: Money,
    /// Limits of the search.
    pub search: SearchLimits,
    /// Every random draw starts here.
    pub seed: u64,
}

/// A distribution of token counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Lengths {
    /// All the same.
    Fixed(u64),
    /// Uniform between two counts, both included.
    Uniform(u64, u64),
    /// Log-normal with this median and sigma of the logarithm, cut at `max`.
    LogNormal {
        /// Median.
        median: f64,
        /// Standard deviation of the natural logarithm.
        sigma: f64,
        /// Longest.
        max: u64,
    },
    /// As listed, in order, repeated.
    List(Vec<u64>),
}

/// How requests come.
#[derive(Debug, Clone, PartialEq)]
pub enum Load {
    /// So many requests in flight; a new one comes when one ends.
    Concurrency(u64),
    /// The search chooses the concurrency.
    Search,
    /// Requests per second, with the coefficient of variation of the time between them (1: Poisson).
    Rate {
        /// Requests per second over the whole system.
        per_second: f64,
        /// 1 for Poisson, more for bursts.
        cv: f64,
    },
}

/// What users send.
#[derive(Debug, Clone, PartialEq)]
pub struct Traffic {
    /// Prompt tokens.
    pub input: Lengths,
    /// Generated tokens.
    pub output: Lengths,
    /// Share of prompt tokens found in the prefix cache.
    pub prefix_hit: f64,
    /// How requests come.
    pub load: Load,
    /// Accepted draft tokens per step where the model has MTP layers and they are used: `None` leaves them off.
    pub mtp_accepted: Option<f64>,
}

/// A statistic of a latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// Arithmetic mean.
    Mean,
    /// Median.
    P50,
    /// 90th percentile.
    P90,
    /// 99th percentile.
    P99,
}

/// What users are promised.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Levels {
    /// Time to first token, each statistic with its bound.
    pub ttft: Vec<(Statistic, Seconds)>,
    /// Time per output token after the first.
    pub tpot: Vec<(Statistic, Seconds)>,
    /// End to end.
    pub e2e: Vec<(Statistic, Seconds)>,
}

/// What makes one answer better than another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// Least money per generated token.
    CostPerToken,
    /// Most generated tokens per second and chip.
    TokensPerChip,
    /// Least energy per generated token.
    Energy,
    /// Fewest chips (with a fixed load).
    Chips,
}

/// A candidate system.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The system.
    pub system: catalog::System,
    /// Chips used; the system's own number unless the study says otherwise.
    pub chips: u32,
    /// Engine profile by name; `None`: the best of those that run on it.
    pub engine: Option<String>,
    /// Rent that overrides the catalog.
    pub price: Option<Range<UsdPerHour>>,
    /// Surcharge or duty on the purchase price or rent, as a fraction.
    pub surcharge: Range<f64>,
    /// Share of the surcharge that reaches the buyer.
    pub pass_through: Range<f64>,
}

/// Money beside the systems' own prices.
#[derive(Debug, Clone, PartialEq)]
pub struct Money {
    /// Price of electricity.
    pub electricity: Range<UsdPerKilowattHour>,
    /// Facility power over IT power.
    pub pue: Range<f64>,
    /// Years over which a purchase is written off.
    pub lifetime_years: Range<f64>,
    /// Share of the time that the system is sold.
    pub utilisation: Range<f64>,
}

/// Limits of the search.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchLimits {
    /// `aggregated`, `disaggregated` or both.
    pub aggregated: bool,
    /// Prefill and decode on separate chips.
    pub disaggregated: bool,
    /// Requests simulated for each point.
    pub requests: u64,
}
