//! A cost that a person can compute, and settings to start from.
#![allow(dead_code)]

use cost::{Batch, StepCost};
use sim::{Admission, Host, Instance, Router, Scheduler, Speculation, Steps};

/// Times that are linear in the batch, in microseconds, and in whole picoseconds for whole tokens.
#[derive(Debug, Clone, Copy)]
pub struct Linear {
    pub step: f64,
    pub decode: f64,
    pub cached: f64,
    pub prefill: f64,
    pub pair: f64,
    pub shared: f64,
    /// Whether ranks' own work and the shared work overlap, in two halves.
    pub overlaps: bool,
}

impl Default for Linear {
    fn default() -> Linear {
        Linear { step: 5000.0, decode: 2.0, cached: 0.01, prefill: 10.0, pair: 0.0, shared: 0.0, overlaps: false }
    }
}

impl StepCost for Linear {
    fn local(&self, batch: &Batch) -> f64 {
        1e-6 * (self.step
            + self.decode * batch.decode as f64
            + self.cached * batch.decode_kv
            + self.prefill * batch.prefill_tokens as f64
            + self.pair * batch.prefill_pairs)
    }

    fn shared(&self, tokens: u64, fullest: u64) -> f64 {
        1e-6 * self.shared * (tokens + fullest) as f64
    }

    fn bounds(&self, tokens: u64, fullest: u64, bound: &mut dyn FnMut(f64, f64)) {
        let shared = self.shared(tokens, fullest);
        if !self.overlaps {
            return bound(1.0, shared);
        }
        bound(1.0, 0.125 * shared);
        bound(0.5, 0.5 * shared);
        bound(0.125, shared);
    }
}

/// A linear cost with all times divided.
pub struct Faster(pub Linear, pub f64);

impl StepCost for Faster {
    fn local(&self, batch: &Batch) -> f64 {
        self.0.local(batch) / self.1
    }
    fn shared(&self, tokens: u64, fullest: u64) -> f64 {
        self.0.shared(tokens, fullest) / self.1
    }
}

pub fn scheduler() -> Scheduler {
    Scheduler {
        max_seqs: 256,
        max_batched_tokens: 8192,
        chunked_prefill: true,
        steps: Steps::Mixed,
        admission: Admission::Input,
        watermark: 0.0,
        block_size: 16,
        overlap: false,
        ranks: Router::RoundRobin,
        balance: 0,
        gather: 0.0,
        host: Host::FREE,
    }
}

pub fn instance<C>(cost: &C) -> Instance<'_, C> {
    Instance { cost, scheduler: scheduler(), ranks: 1, lanes: 1, kv_tokens: 1 << 20, speculation: Speculation::NONE }
}

pub fn close(got: f64, wanted: f64) {
    assert!((got - wanted).abs() <= 1e-9 * wanted.abs().max(1e-3), "{got} is not {wanted}");
}
