//! A request on its way.

use crate::time::Time;

/// A request and how far it is.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub input: u32,
    pub output: u32,
    /// Prompt tokens that the prefix cache holds: never computed, neither at first nor after a preemption.
    pub cached: u32,
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
    /// Where its KV cache waits to be shipped: engine, rank, blocks.
    pub held: Option<(u32, u32, u64)>,
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

/// What an engine tells the fleet about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// It is done.
    Finished(u32),
    /// Its prompt is computed; its cache waits to be shipped.
    Prefilled(u32),
    /// There is room for the cache that it left elsewhere.
    Admitted(u32),
}
