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

/// What one device holds beside the cache.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DeviceUse {
    /// Weights.
    pub weights: f64,
    /// Activations of the largest step.
    pub activations: f64,
    /// Buffers of the communication between chips.
    pub buffers: f64,
    /// Chips that share the weights: TP x PP.
    pub ranks: u32,
    /// Attention-DP ranks.
    pub dp: u32,
}

impl EngineMemory {
    /// Bytes that one device of `total` bytes has for the cache. Below 0: so much is lacking for anything but the cache.
    pub fn cache_bytes(&self, total: f64, held: DeviceUse, limits: &Limits) -> f64 {
        let context = self.context.mid().0;
        let others = held.weights + held.activations + held.buffers + context;
        match &self.cache {
            CacheRule::OfTotal(share) => total * share.mid() - others,
            CacheRule::OfFree(share) => {
                let free = total - others;
                free * if free > 0.0 { share.mid() } else { 1.0 }
            }
            CacheRule::Reserve(reserve) => {
                let kept = (1.0 - reserve.bytes(total, held, limits) / total).max(0.0);
                (total - context) * kept - held.weights - held.buffers
            }
        }
    }
}

impl Reserve {
    fn bytes(&self, total: f64, held: DeviceUse, limits: &Limits) -> f64 {
        let tokens = f64::from(limits.max_batched_tokens.mid());
        let seqs = f64::from(limits.graph_seqs.mid());
        let dp = if held.dp > 1 { f64::from(held.dp) } else { 0.0 };
        let sum = self.fixed.mid().0
            + tokens * self.batched_token.mid().0
            + seqs * (self.graph_seq.mid().0 + dp * self.dp_graph_seq.mid().0)
            + f64::from(held.ranks) * self.rank.mid().0;
        if total > self.least_above.mid().0 { sum.max(self.least.mid().0) } else { sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Engine;

    const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

    #[test]
    fn a_share_of_the_total_by_hand() {
        // 80 GiB x 0.9 = 72; less 16 of weights, 2 of activations, 1 of buffers and the context.
        let engine = Engine::load("vllm").expect("sound");
        let held = DeviceUse { weights: 16.0 * GIB, activations: 2.0 * GIB, buffers: GIB, ranks: 1, dp: 1 };
        let context = engine.memory.context.mid().0;
        let bytes = engine.memory.cache_bytes(80.0 * GIB, held, &engine.limits[0]);
        assert!((bytes - (53.0 * GIB - context)).abs() < 1.0);
    }

    #[test]
    fn a_reserve_by_hand() {
        // 8192 tokens x 1.5 MiB = 12 GiB, 256 requests x 2 MiB = 0.5, fixed 0.5, one rank 0.125: 13.125 of 80 GiB.
        let engine = Engine::load("sglang").expect("sound");
        let CacheRule::Reserve(reserve) = &engine.memory.cache else { panic!("sglang reserves") };
        let limits = engine.limits.iter().find(|l| l.architectures.is_empty() && l.max_batched_tokens.mid() == 8192);
        let mut limits = limits.expect("8192").clone();
        limits.graph_seqs.value = units::Range::exact(256);
        let held = DeviceUse { weights: 16.0 * GIB, ranks: 1, dp: 1, ..DeviceUse::default() };
        assert!((reserve.bytes(80.0 * GIB, held, &limits) / GIB - 13.125).abs() < 1e-9);
        let context = engine.memory.context.mid().0;
        let bytes = engine.memory.cache_bytes(80.0 * GIB, held, &limits);
        assert!((bytes - ((80.0 * GIB - context) * (1.0 - 13.125 / 80.0) - 16.0 * GIB)).abs() < 1.0);
    }

    #[test]
    fn what_does_not_fit_is_below_zero() {
        for name in Engine::names() {
            let engine = Engine::load(name).expect("sound");
            let held = DeviceUse { weights: 100.0 * GIB, ranks: 1, dp: 1, ..DeviceUse::default() };
            assert!(engine.memory.cache_bytes(80.0 * GIB, held, &engine.limits[0]) < 0.0, "{name}");
        }
    }
}
