//! What a serving engine asks of the cost model: the time of one step.

/// The work of one rank in one step of an engine: requests that decode and requests that prefill.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Batch {
    /// Requests that decode.
    pub decode: u64,
    /// Their tokens in the cache, summed.
    pub decode_kv: f64,
    /// Requests that prefill (a whole prompt or a chunk of one).
    pub prefill: u64,
    /// Their new tokens, summed.
    pub prefill_tokens: u64,
    /// Pairs of (new token, token it may see), summed over prefilling requests: `new * past + new * (new + 1) / 2`.
    pub prefill_pairs: f64,
    /// Tokens of prefilling requests already in the cache, summed.
    pub prefill_past: f64,
}

/// The time of a step. A deployment with attention data parallelism has several ranks that run in lock step: each does
/// its own attention, then all share the experts.
pub trait StepCost {
    /// Seconds that one rank's own work takes (attention, dense parts, sampling, host).
    fn local(&self, batch: &Batch) -> f64;

    /// Seconds of the work that all ranks do together (experts, dispatch, combine), given the tokens of all ranks and
    /// of the fullest rank. Zero where there is one rank: everything is local then.
    fn shared(&self, tokens: u64, fullest: u64) -> f64;

    /// Bounds on the time of a step, of which the largest holds: a share (0 to 1) of the slowest rank's own time, and
    /// seconds that come on top. One where ranks first do their own work and then the shared work; several where the two
    /// overlap, because they run on devices of their own.
    fn bounds(&self, tokens: u64, fullest: u64, bound: &mut dyn FnMut(f64, f64)) {
        bound(1.0, self.shared(tokens, fullest));
    }
}
