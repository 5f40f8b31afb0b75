//! Routed experts: who gets tokens, and what they read.

use units::{Bytes, Flop};

use super::work::{OUT, activation};
use super::{Op, Work};

/// What routing sends to one rank.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Routed {
    /// (token, expert) pairs that the rank computes.
    pub slots: f64,
    /// Its experts that get at least one token: only their weights are read.
    pub hit: f64,
}

/// Expected slots and experts hit on the busiest rank.
///
/// `imbalance` 1 and `skew` 0 is dealt out evenly: experts are hit until none is left. Else tokens choose by themselves,
/// and some experts are chosen twice before others once: `local * (1 - (1 - top_k / experts)^tokens)` are hit where all
/// are equally popular. Popularity spread as a gamma distribution of coefficient of variation `skew` leaves
/// `local * (1 - (1 + skew^2 n)^(-1/skew^2))` for `n = tokens * top_k / experts` choices an expert.
pub fn routed(tokens: u64, top_k: u64, experts: u64, local_experts: u64, imbalance: f64, skew: f64) -> Routed {
    let experts = experts.max(1) as f64;
    let local = (local_experts as f64).min(experts);
    let chance = (top_k as f64 / experts).min(1.0);
    let slots = (tokens as f64 * chance * local * imbalance.max(1.0)).min(tokens as f64 * local.min(top_k as f64));
    let variance = skew * skew;
    let hit = if variance > 1e-6 {
        local * (1.0 - (1.0 + variance * tokens as f64 * chance).powf(-1.0 / variance))
    } else if imbalance > 1.0 {
        local * (1.0 - (1.0 - chance).powf(tokens as f64))
    } else {
        slots.min(local)
    };
    Routed { slots, hit: hit.min(slots) }
}

pub(super) fn work(op: &Op) -> Work {
    let &Op::Moe { tokens, hidden, inner, top_k, experts, local_experts, gated, weights, arithmetic, imbalance, skew } =
        op
    else {
        unreachable!("only called for experts")
    };
    let Routed { slots, hit } = routed(tokens, top_k, experts, local_experts, imbalance, skew);
    let (hidden, inner) = (hidden as f64, inner as f64);
    let up = if gated { 2.0 } else { 1.0 };
    let a = activation(arithmetic).bytes_per_value();
    Work {
        flop: Flop(2.0 * slots * hidden * inner * (up + 1.0)),
        arithmetic,
        weights: Bytes(hit * hidden * inner * (up + 1.0) * weights.bytes_per_value()),
        // Read by the first product, written by it, read after the activation, written by the second.
        activations: Bytes(slots * (hidden * a + inner * (up * OUT + a) + hidden * OUT)),
        cache: Bytes::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_token_hits_top_k() {
        let even = routed(1, 8, 256, 256, 1.0, 0.0);
        assert_eq!((even.slots, even.hit), (8.0, 8.0));
        let free = routed(1, 8, 256, 256, 1.0001, 0.0);
        assert!((free.hit - 8.0).abs() < 1e-9);
        // 32 tokens dealt out reach all 256; choosing freely they reach 256 * (1 - (31/32)^32) = 163.3.
        assert_eq!(routed(32, 8, 256, 256, 1.0, 0.0).hit, 256.0);
        assert!((routed(32, 8, 256, 256, 1.0001, 0.0).hit - 163.3).abs() < 0.1);
        // With popularity as spread as its mean, half of the experts: 256 * (1 - 1 / 2).
        assert!((routed(32, 8, 256, 256, 1.0, 1.0).hit - 128.0).abs() < 1e-9);
    }

    #[test]
    fn a_rank_sees_its_share() {
        let r = routed(256, 8, 256, 32, 1.0, 0.0);
        assert_eq!((r.slots, r.hit), (256.0, 32.0));
    }

    proptest! {
        #[test]
        fn never_more_than_there_is(tokens in 0u64..100_000, k in 1u64..9, local in 1u64..257, imbalance in 1.0f64..4.0) {
            let r = routed(tokens, k, 256, local, imbalance, 0.0);
            prop_assert!(r.hit <= local as f64 && r.hit <= r.slots + 1e-9);
            prop_assert!(r.slots <= (tokens * k.min(local)) as f64 + 1e-6);
            prop_assert!(routed(tokens + 1, k, 256, local, imbalance, 0.0).hit >= r.hit);
        }
    }
}
