//! A request on its way.

use crate::time::Time;

/// A request and how far it is.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub input: u32,
    pub output: u32,
    /// Prompt tokens that the prefix cache holds, which are not computed. Where caches know contents it is looked up at
    /// each admission; otherwise it is given, and the same after a preemption.
    pub cached: u32,
    /// What it was when an engine first admitted the request.
    pub hit: u32,
    /// Tokens the client has; while it decodes, tokens it had when it joined the batch.
    pub emitted: u32,
    /// Tokens of the current prompt that are computed.
    pub computed: u32,
    /// Whether its KV cache comes from another engine.
    pub has_kv: bool,
    pub decoding: bool,
    pub preemptions: u32,
    /// Goes up when it leaves a rank's lists, which then know that their entry is stale.
    pub epoch: u32,
    pub engine: u32,
    pub rank: u32,
    /// Blocks it holds while it does not grow.
    pub blocks: u64,
    /// While it decodes: its length in the cache is this plus the growth of its rank.
    pub anchor: i64,
    /// Step of its rank at which it joined the batch that decodes.
    pub joined: u64,
    /// Where its KV cache waits to be shipped.
    pub held: Option<Held>,
    /// Names of its content blocks: the first, and how many are known; see [`crate::cache`].
    pub content: u32,
    pub known: u32,
    /// Of these, the first so many are held in the cache of its rank.
    pub entries: u32,
    /// Content blocks to be fetched from the host's memory and from its disk before its prompt can be computed.
    pub fetch: [u32; 2],
    /// Whether its cache was moved to the host's memory when it was preempted.
    pub swapped: bool,
    /// Lower goes first.
    pub priority: u8,
    pub class: u16,
    /// The rule by which it is routed.
    pub route: u16,
    /// The request that follows on its answer; its own number where there is none.
    pub next: u32,
    /// Whether it follows on an answer itself.
    pub follows: bool,
    pub state: State,
    /// How often it had to begin anew because what served it failed. Events of earlier attempts are stale.
    pub attempt: u32,
    /// Emissions after the first.
    pub emissions: u64,
    pub arrival: Time,
    pub started: Time,
    pub first: Time,
    pub last: Time,
}

impl Job {
    pub fn new(input: u32, output: u32, prefix_hit: f64) -> Job {
        let cached = (f64::from(input) * prefix_hit) as u32;
        Job {
            input,
            output,
            cached: cached.min(input - 1),
            hit: 0,
            emitted: 0,
            computed: 0,
            has_kv: false,
            decoding: false,
            preemptions: 0,
            epoch: 0,
            engine: 0,
            rank: 0,
            blocks: 0,
            anchor: 0,
            joined: 0,
            held: None,
            content: 0,
            known: 0,
            entries: 0,
            fetch: [0, 0],
            swapped: false,
            priority: 0,
            class: 0,
            route: 0,
            next: u32::MAX,
            follows: false,
            state: State::Unsent,
            attempt: 0,
            emissions: 0,
            arrival: Time::NEVER,
            started: Time::NEVER,
            first: Time::NEVER,
            last: Time::NEVER,
        }
    }

    /// Tokens of its prompt: what it was sent with, and what it had said before it was preempted.
    pub fn prompt(&self) -> u64 {
        u64::from(self.input) + u64::from(self.emitted)
    }

    /// Tokens of its prompt that are still to be computed.
    pub fn uncomputed(&self) -> u64 {
        self.prompt() - u64::from(self.cached) - u64::from(self.computed)
    }
}

/// A cache that waits to be shipped, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    pub engine: u32,
    pub rank: u32,
    /// Blocks of its own, and shared ones.
    pub blocks: u64,
    pub entries: u32,
}

/// How far a request is, for the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Not sent yet.
    Unsent,
    /// Sent, and on its way to an engine or waiting for one.
    Sent,
    /// With an engine.
    Placed,
    /// Done.
    Served,
    /// Turned away.
    Refused(Refusal),
    /// Given up.
    Lost,
}

/// Why a request was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// No rule sends such requests anywhere.
    NoRoute,
    /// It is longer than the context or the cache of every engine that it may go to.
    TooLong,
    /// All engines that it may go to have as many requests as they accept.
    Full,
    /// It follows on the answer of a request that has none.
    Orphan,
}

/// What an engine tells the fleet about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// It is done.
    Finished(u32),
    /// Its prompt is computed; its cache waits to be shipped.
    Prefilled(u32),
    /// There is room for the cache that it left elsewhere.
    Admitted(u32),
    /// It was preempted, and its cache of so many tokens moves to the host's memory.
    Swapped(u32),
}
