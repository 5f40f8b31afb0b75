//! A replay study, checked: the question that its file asks.

use std::path::PathBuf;

use catalog::engine::Steps;
use catalog::{Model, System};
use formats::Scheme;
use sim::{ExpertLoad, Harm, Routing, Scaling};
use units::Seconds;

use super::traces::Trace;
use crate::money::Priced;
use crate::study::{Lengths, Levels, Money};

/// The question: this traffic on this fleet.
#[derive(Debug, Clone)]
pub struct ReplayStudy {
    /// What it is about.
    pub title: String,
    /// What clients send; several sources are overlaid.
    pub sources: Vec<Source>,
    /// Service classes; the first is that of requests that name none.
    pub classes: Vec<Class>,
    /// Models that are served, without repeats.
    pub models: Vec<Model>,
    /// Pools of replicas.
    pub pools: Vec<PoolAsked>,
    /// Which requests go where.
    pub rules: Vec<RuleAsked>,
    /// What befalls the fleet.
    pub faults: Vec<FaultAsked>,
    /// What happens to requests whose replica fails.
    pub recovery: Recovery,
    /// Age of what routers know of prefix caches.
    pub view_delay: Seconds,
    /// What to look for; `None`: the fleet as it is written.
    pub search: Option<SearchAsked>,
    /// Prices.
    pub money: Money,
    /// Power of an idle system over that of a busy one, if the study says; else power is not followed over time.
    pub idle_power: Option<f64>,
    /// Samples over the length of the traffic.
    pub samples: u32,
    /// Every random draw starts here.
    pub seed: u64,
}

/// Some requests.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where they come from.
    pub kind: SourceKind,
    /// Index of their class.
    pub class: u16,
    /// Index of their model.
    pub model: u16,
    /// What is taken of them: from, to (seconds of the source).
    pub slice: (f64, f64),
    /// The source's clock runs so many times as fast.
    pub rate: f64,
    /// When the source begins, in seconds of the replay.
    pub start: f64,
    /// How often it is played, end to end.
    pub repeat: u32,
    /// Most requests, in each playing.
    pub first: usize,
}

/// Where requests come from.
#[derive(Debug, Clone)]
pub enum SourceKind {
    /// A file.
    Trace {
        /// Its path as written.
        path: PathBuf,
        /// What it holds.
        trace: Trace,
    },
    /// Drawn.
    Synthetic(Synthetic),
}

/// Traffic that is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Synthetic {
    /// How requests, or sessions, arrive.
    pub arrivals: Arrivals,
    /// The rate over a day.
    pub diurnal: Option<Diurnal>,
    /// Sessions, or requests without any.
    pub count: usize,
    /// Prompt tokens; in a session, those of the first turn.
    pub input: Lengths,
    /// Answer tokens.
    pub output: Lengths,
    /// Tokens that all prompts begin with, of so many kinds.
    pub shared: (u32, u32),
    /// Turns on the same context.
    pub session: Option<Session>,
}

/// How requests arrive.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrivals {
    /// Gaps from a gamma distribution: requests a second, and standard deviation of the gaps over their mean (1: Poisson).
    Gamma(f64, f64),
    /// Poisson at a rate that jumps between states: the rate of each, and the mean seconds that it stays there.
    Markov(Vec<(f64, f64)>),
    /// So many clients, each of which sends its next request so many seconds after the answer to the one before.
    Closed(usize, f64),
}

/// The rate over a day: it swings around its mean as a cosine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Diurnal {
    /// Seconds of a day.
    pub period: f64,
    /// Highest rate over the mean, 1 to 2.
    pub peak: f64,
    /// When the rate is highest, in seconds of the day.
    pub at: f64,
}

/// A conversation, or an agent's loop: each turn sends the whole context and something new.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Turns.
    pub turns: Lengths,
    /// Tokens that each turn after the first adds to prompt and answer so far: the user's words, or a tool's output.
    pub adds: Lengths,
    /// Mean seconds from an answer to the next turn: thinking, or a tool at work. Exponential.
    pub pause: f64,
    /// Tokens at which a session ends whatever its turns.
    pub context: u32,
}

/// A service class.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// Lower goes first.
    pub priority: u8,
    /// What every request is promised: seconds to the first token, per token after it, end to end.
    pub promise: [Option<f64>; 3],
    /// What its percentiles are promised.
    pub levels: Levels,
}

/// A pool of equal replicas.
#[derive(Debug, Clone)]
pub struct PoolAsked {
    /// Its name.
    pub name: String,
    /// Index of its model.
    pub model: u16,
    /// The system, with the chips of one replica.
    pub system: System,
    /// Chips of one replica.
    pub chips: u32,
    /// Chips of a node, and of a supernode: what fails together.
    pub domains: (u32, u32),
    /// Engine profile.
    pub engine: catalog::Engine,
    /// Weights, cache; `None`: as published, as the engine can.
    pub formats: (Option<Scheme>, Option<Scheme>),
    /// The split of a replica; `None`: the fewest devices that fit are split by tensor parallelism.
    pub parallel: Option<cost::deploy::Parallel>,
    /// Feed-forward layers on chips of their own.
    pub ffn: Option<FfnAsked>,
    /// Accepted draft tokens per step by service class; empty where nothing is drafted.
    pub mtp_accepted: Vec<f64>,
    /// What a step is made of; `None`: what the engine does.
    pub steps: Option<Steps>,
    /// Most requests that a rank runs at a time; `None`: the engine's default.
    pub max_seqs: Option<u32>,
    /// Tokens in a step; `None`: the engine's default.
    pub max_batched_tokens: Option<u32>,
    /// Replicas, or none where they are searched for.
    pub replicas: u32,
    /// What it does.
    pub role: RoleAsked,
    /// Prefixes are cached.
    pub prefix_cache: bool,
    /// Host memory and disk behind the cache of a replica: bytes, and bytes per second.
    pub tiers: [Option<(f64, f64)>; 2],
    /// Preempted requests swap to the host's memory.
    pub swap: bool,
    /// How the load of experts varies.
    pub experts: Option<ExpertLoad>,
    /// When it grows and shrinks.
    pub scaling: Option<Scaling>,
    /// From the decision to start a replica until it serves.
    pub startup: Seconds,
    /// Spare replicas.
    pub spares: u32,
    /// Price of a chip, if one is known.
    pub price: Option<Priced>,
}

/// Feed-forward layers on some of a replica's chips, attention on the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FfnAsked {
    /// Chips of the feed-forward layers, of those of the replica.
    pub chips: u32,
    /// Parts of a step that take turns on both sides.
    pub micro_batches: u32,
}

/// What a pool does.
#[derive(Debug, Clone, PartialEq)]
pub enum RoleAsked {
    /// Everything.
    Whole,
    /// Prompts, for some pools by name.
    Prefill {
        /// Indices of the pools that decode.
        to: Vec<usize>,
        /// How one of their replicas is chosen.
        routing: Routing,
        /// Bytes per second between the pools and seconds of latency; `None`: the fabric that both are on.
        link: Option<(f64, f64)>,
        /// Transfers at a time between the pools; 0: no limit but that of their ends.
        trunk: u32,
    },
    /// Answers.
    Decode,
}

/// Which requests go where.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleAsked {
    /// Index of a class; `None`: any.
    pub class: Option<u16>,
    /// Index of a model.
    pub model: Option<u16>,
    /// Prompt tokens, both included.
    pub input: (u32, u32),
    /// Pools.
    pub pools: Vec<usize>,
    /// How a replica is chosen.
    pub routing: Routing,
    /// Requests under way from which on a replica accepts no more.
    pub limit: Option<u64>,
}

/// How large a part of a pool something befalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// One chip: its replica.
    Chip,
    /// A node: all replicas with a chip on it.
    Node,
    /// A supernode: all replicas with a chip in it.
    Supernode,
    /// A replica.
    Replica,
}

/// Something that befalls a pool: once, or again and again at random.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultAsked {
    /// Index of the pool.
    pub pool: usize,
    /// How much of it.
    pub extent: Extent,
    /// Once at a time, to the so-manieth of its kind; or at random with mean seconds between failures of one of them.
    pub when: When,
    /// What.
    pub harm: Harm,
}

/// When something befalls a pool.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum When {
    /// At a time, in seconds: to the chip, node, supernode or replica of this number.
    Once(f64, u32),
    /// Mean seconds between two failures of each chip, node, supernode or replica.
    Mtbf(f64),
}

/// What happens to requests whose replica fails.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recovery {
    /// How often a request begins anew before it is given up.
    pub retries: u32,
    /// Whether it keeps the tokens that the client has.
    pub resumes: bool,
    /// Time until the failure is noticed.
    pub notice: Seconds,
}

/// What to look for.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchAsked {
    /// What makes a fleet better.
    pub best: Best,
    /// Pools whose number of replicas is looked for, with the most of each.
    pub pools: Vec<(usize, u32)>,
    /// Prompt tokens at which the first rule hands over to the second, to be tried; empty: as written.
    pub split: Vec<u32>,
    /// Share of the requests that must be served within their promise.
    pub goodput: f64,
}

/// What makes a fleet better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Best {
    /// Fewer chips.
    Chips,
    /// Less money.
    Cost,
}
