//! The memory that an engine keeps for the cache.

use units::Bytes;

use super::Limits;
use crate::Fact;

/// How an engine sizes its cache.
#[derive(Debug, Clone, PartialEq)]
pub enum CacheRule {
    /// A share of the whole memory holds everything that the engine keeps: context, weights, activations of the
    /// largest batch, buffers, and the cache with what is left of it.
    OfTotal(Fact<f64>),
    /// A share of what is free once everything else is in place.
    OfFree(Fact<f64>),
    /// A reserve for activations and graphs is set aside beforehand; the cache takes what the weights leave.
    Reserve(Box<Reserve>),
}

/// A reserve, computed from the limits of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Reserve {
    /// In any case.
    pub fixed: Fact<Bytes>,
    /// For each token of the largest step.
    pub batched_token: Fact<Bytes>,
    /// For each request of the largest graph.
    pub graph_seq: Fact<Bytes>,
    /// For each chip that shares the weights (TP x PP).
    pub rank: Fact<Bytes>,
    /// For each request of the largest graph and each attention-DP rank, where there is more than one.
    pub dp_graph_seq: Fact<Bytes>,
    /// Least reserve on a device of more than `least_above`.
    pub least: Fact<Bytes>,
    /// Memory of a device above which `least` holds.
    pub least_above: Fact<Bytes>,
}

/// What an engine does with memory.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineMemory {
    /// How it sizes the cache.
    pub cache: CacheRule,
    /// Driver, runtime and communication library on each device.
    pub context: Fact<Bytes>,
    /// Recorded graphs on each device.
    pub graphs: Fact<Bytes>,
}

/// The chips that one copy of the weights lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// Chips that share the weights: TP x PP.
    pub ranks: u32,
    /// Attention-DP ranks.
    pub dp: u32,
}

impl CacheRule {
    /// The share in the rule's own sense on a device of `total` bytes. A reserve is the share that it leaves: weights
    /// and cache lie inside, activations and graphs outside.
    pub fn share(&self, total: f64, spread: Spread, limits: &Limits) -> f64 {
        match self {
            CacheRule::OfTotal(share) | CacheRule::OfFree(share) => share.mid(),
            CacheRule::Reserve(reserve) => (1.0 - reserve.bytes(total, spread, limits) / total).max(0.0),
        }
    }
}

impl Reserve {
    fn bytes(&self, total: f64, spread: Spread, limits: &Limits) -> f64 {
        let tokens = f64::from(limits.max_batched_tokens.mid());
        let seqs = f64::from(limits.graph_seqs.mid());
        let dp = if spread.dp > 1 { f64::from(spread.dp) } else { 0.0 };
        let sum = self.fixed.mid().0
            + tokens * self.batched_token.mid().0
            + seqs * (self.graph_seq.mid().0 + dp * self.dp_graph_seq.mid().0)
            + f64::from(spread.ranks) * self.rank.mid().0;
        if total > self.least_above.mid().0 { sum.max(self.least.mid().0) } else { sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Engine;

    const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

    #[test]
    fn a_reserve_by_hand() {
        // 8192 tokens x 1.5 MiB = 12 GiB, 256 requests x 2 MiB = 0.5, fixed 0.5, one rank 0.125: 13.125 of 80 GiB.
        let engine = Engine::load("sglang").expect("sound");
        let limits = engine.limits.iter().find(|l| l.architectures.is_empty() && l.max_batched_tokens.mid() == 8192);
        let mut limits = limits.expect("8192").clone();
        limits.graph_seqs.value = units::Range::exact(256);
        let share = |spread| engine.memory.cache.share(80.0 * GIB, spread, &limits);
        assert!((share(Spread { ranks: 1, dp: 1 }) - (1.0 - 13.125 / 80.0)).abs() < 1e-9);
        // Two attention ranks: 256 x 2 x 3 MiB = 1.5 GiB more.
        assert!((share(Spread { ranks: 1, dp: 2 }) - (1.0 - 14.625 / 80.0)).abs() < 1e-9);
    }

    #[test]
    fn shares_are_shares() {
        for name in Engine::names() {
            let engine = Engine::load(name).expect("sound");
            for total in [8.0, 80.0, 288.0] {
                let share = engine.memory.cache.share(total * GIB, Spread { ranks: 8, dp: 8 }, &engine.limits[0]);
                assert!((0.0..=1.0).contains(&share), "{name}");
            }
        }
    }
}
