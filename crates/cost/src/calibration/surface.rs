//! Surfaces: from an operator, the rates of a device and a few fitted parameters to time.
//!
//! Every surface has the shape `overhead + (compute^p + memory^p + serial^p)^(1/p)`. Efficiencies never exceed one and
//! sizes are only ever padded, so no surface beats the speed of light; every term grows with every size, so more work is
//! never faster. Kernels choose among many tile shapes, so a surface follows their envelope, not the saw-tooth of one.

use super::Family;
use crate::op::{causal_pairs, routed, visible};
use crate::{Op, Work};

/// Parameters of one surface, in the order of [`parameters`]; unused ones are zero.
pub type Parameters = [f64; WIDTH];

/// Parameters that a surface has at most.
pub const WIDTH: usize = 9;

/// Rates of a device: operations per second in the operator's arithmetic, and bytes per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Operations per second.
    pub peak: f64,
    /// Bytes per second.
    pub bandwidth: f64,
}

/// Terms of a time, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// What the matrix unit needs, padding and saturation included.
    pub compute: f64,
    /// What the memory needs.
    pub memory: f64,
    /// The longest chain of dependent steps: however many units there are, one of them walks it.
    pub serial: f64,
    /// What is paid besides: launch, and passes over activations before and after.
    pub overhead: f64,
    /// Sharpness of the maximum: 1 adds, infinity takes the largest.
    pub sharpness: f64,
}

impl Terms {
    /// Seconds.
    pub fn seconds(&self) -> f64 {
        self.overhead + smooth_max([self.compute, self.memory, self.serial], self.sharpness)
    }
}

/// `(a^p + b^p + c^p)^(1/p)`, without overflow.
pub fn smooth_max(terms: [f64; 3], p: f64) -> f64 {
    let largest = terms[0].max(terms[1]).max(terms[2]);
    if largest <= 0.0 {
        return 0.0;
    }
    let share = |t: f64| if t == largest || t <= 0.0 { 0.0 } else { (t / largest).powf(p) };
    let rest: f64 = terms.into_iter().map(share).sum();
    let ties = terms.into_iter().filter(|t| *t == largest).count() as f64;
    let sum = ties + rest;
    if sum == 1.0 { largest } else { largest * sum.powf(1.0 / p) }
}

/// A parameter: its name in the files, bounds, and the value when nothing was ever measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// In the files.
    pub name: &'static str,
    /// Smallest.
    pub low: f64,
    /// Largest.
    pub high: f64,
    /// Where a fit starts, and what is assumed without one.
    pub start: f64,
}

const fn p(name: &'static str, low: f64, high: f64, start: f64) -> Parameter {
    Parameter { name, low, high, start }
}

/// Microseconds of an empty operator.
const OVERHEAD: Parameter = p("overhead_us", 0.3, 300.0, 5.0);
/// Share of the peak that large operators reach.
const COMPUTE: Parameter = p("compute", 0.01, 1.0, 0.7);
/// Share of the bandwidth that large operators reach.
const MEMORY: Parameter = p("memory", 0.01, 1.0, 0.8);
/// Sharpness of the maximum.
const SHARPNESS: Parameter = p("sharpness", 1.0, 12.0, 2.0);

/// The parameters of a family's surface.
pub const fn parameters(family: Family) -> &'static [Parameter] {
    match family {
        Family::Gemm => GEMM,
        Family::BatchedGemm => BATCHED,
        Family::Moe => MOE,
        Family::Prefill | Family::MlaPrefill => PREFILL,
        Family::Decode | Family::MlaDecode => DECODE,
        Family::StatePrefill | Family::StateDecode => STATE,
        Family::Indexer => BASIC,
        Family::Elementwise => MOVE,
    }
}

const BASIC: &[Parameter] = &[OVERHEAD, COMPUTE, MEMORY, SHARPNESS];

const MOVE: &[Parameter] = &[p("overhead_us", 0.3, 300.0, 2.5), COMPUTE, MEMORY, SHARPNESS];

const GEMM: &[Parameter] = &[
    OVERHEAD,
    COMPUTE,
    MEMORY,
    SHARPNESS,
    // Bytes moved per activation value to quantise it first.
    p("quantise", 1e-3, 40.0, 0.5),
    // Nanoseconds of one step along k, until the sum over k is split over units at `depth`.
    p("step_ns", 1e-3, 20.0, 0.5),
    p("depth", 100.0, 1e6, 1e4),
];

const BATCHED: &[Parameter] = &[OVERHEAD, COMPUTE, MEMORY, SHARPNESS, p("rows", 0.1, 512.0, 16.0)];

const MOE: &[Parameter] = &[
    OVERHEAD,
    COMPUTE,
    MEMORY,
    SHARPNESS,
    // Rows by which the work of an expert is padded.
    p("pad", 0.1, 300.0, 16.0),
    // Bytes moved per routed value to bring tokens to experts and back.
    p("permute", 1e-3, 150.0, 8.0),
    // Columns of weights that could be read while the pipeline fills.
    p("fill", 1.0, 1e5, 1e3),
    // Nanoseconds to sort one token of the group.
    p("token_ns", 1e-3, 200.0, 5.0),
];

const PREFILL: &[Parameter] = &[
    OVERHEAD,
    COMPUTE,
    MEMORY,
    SHARPNESS,
    // Keys by which a row is padded (diagonal tiles, ramp of a row of tiles).
    p("pad", 0.1, 3000.0, 100.0),
    // Nanoseconds that one key takes on the critical path of a row.
    p("key_ns", 1e-3, 200.0, 15.0),
    // Passes over queries, keys and values before (rotary, cache write).
    p("passes", 1e-3, 100.0, 1.0),
    // Exponentials and scaling, as width of a head.
    p("softmax", 0.01, 2000.0, 100.0),
];

const DECODE: &[Parameter] = &[
    OVERHEAD,
    COMPUTE,
    MEMORY,
    SHARPNESS,
    // Time lost while the memory pipeline fills, and the transfer time at which half of it is lost.
    p("ramp_us", 1e-3, 300.0, 5.0),
    p("ramp_half_us", 0.1, 1000.0, 30.0),
    // Nanoseconds of one head of one request.
    p("head_ns", 1e-4, 500.0, 2.0),
    // Nanoseconds along the keys of a request: by their root where they are split over units, and by each.
    p("root_ns", 1e-2, 2000.0, 50.0),
    p("key_ns", 1e-4, 500.0, 1e-2),
];

const STATE: &[Parameter] = &[OVERHEAD, COMPUTE, MEMORY, SHARPNESS, p("token_ns", 1e-3, 2000.0, 1.0)];

/// The terms of an operator's time. `work` is `op.work()`.
pub fn terms(op: &Op, work: &Work, parameters: &Parameters, rates: Rates) -> Terms {
    let &[overhead, compute, memory, sharpness, a, b, c, d, e] = parameters;
    let peak = rates.peak * compute;
    let bandwidth = rates.bandwidth * memory;
    let mut t = Terms {
        compute: work.flop.0 / peak,
        memory: work.bytes().0 / bandwidth,
        serial: 0.0,
        overhead: overhead * 1e-6,
        sharpness,
    };
    match *op {
        Op::Gemm { m, k, .. } => {
            let (m, k) = (m as f64, k as f64);
            t.overhead += m * k * a / rates.bandwidth;
            t.serial = b * 1e-9 * k * c / (k + c);
        }
        Op::BatchedGemm { m, .. } => t.compute *= (m as f64 + a) / (m as f64).max(1.0),
        Op::Moe { tokens, hidden, inner, top_k, experts, local_experts, gated, weights, imbalance, skew, .. } => {
            let r = routed(tokens, top_k, experts, local_experts, imbalance, skew);
            let (hidden, inner) = (hidden as f64, inner as f64);
            let matrices = if gated { 3.0 } else { 2.0 };
            t.compute = 2.0 * hidden * inner * matrices * (r.slots + a * r.hit) / peak;
            t.memory += c * hidden * matrices * weights.bytes_per_value() / bandwidth;
            t.overhead += r.slots * hidden * b / rates.bandwidth + tokens as f64 * d * 1e-9;
        }
        Op::AttentionPrefill { batch, new, past, heads, head_dim, v_dim, window, .. } => {
            let pairs = causal_pairs(new, past, window);
            let new = (new as f64).max(1.0);
            let width = (head_dim + v_dim) as f64;
            t.compute = 2.0 * (batch * heads) as f64 * (width + d) * (pairs + a * new) / peak;
            t.serial = b * 1e-9 * pairs / new;
            t.overhead += c * work.bytes().0 / rates.bandwidth;
        }
        Op::AttentionDecode { batch, kv_len, kv_heads, window, .. } => {
            let seen = visible(kv_len, window);
            t.serial = (d * seen.sqrt() + e * seen) * 1e-9;
            t.overhead += (batch * kv_heads) as f64 * c * 1e-9 + ramp(work, rates, a, b);
        }
        Op::MlaDecode { batch, kv_len, queries, heads, .. } => {
            t.serial = (d * kv_len.sqrt() + e * kv_len + (batch * queries * heads) as f64 * c) * 1e-9;
            t.overhead += ramp(work, rates, a, b);
        }
        Op::State { batch, new, .. } => t.serial = a * 1e-9 * (batch * new) as f64,
        Op::Indexer { .. } => {}
        Op::Elementwise { kernels, .. } => t.overhead *= kernels as f64,
    }
    t
}

/// What a transfer loses while the memory pipeline fills: `full` for a long one, half of it at `half` microseconds.
fn ramp(work: &Work, rates: Rates, full: f64, half: f64) -> f64 {
    let us = work.bytes().0 / rates.bandwidth * 1e6;
    full * 1e-6 * us / (us + half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smooth_maximum_adds_and_takes_the_larger() {
        assert_eq!(smooth_max([3.0, 4.0, 0.0], 1.0), 7.0);
        assert!((smooth_max([3.0, 4.0, 0.0], 2.0) - 5.0).abs() < 1e-12);
        assert!((smooth_max([3.0, 4.0, 0.0], 60.0) - 4.0).abs() < 1e-6);
        assert!((smooth_max([2.0, 2.0, 2.0], 2.0) - 12f64.sqrt()).abs() < 1e-12);
        assert_eq!(smooth_max([0.0; 3], 2.0), 0.0);
    }

    #[test]
    fn starts_are_within_bounds() {
        for family in Family::ALL {
            assert!(parameters(family).len() <= WIDTH);
            for p in parameters(family) {
                assert!(p.low > 0.0 && (p.low..=p.high).contains(&p.start), "{family:?} {}", p.name);
            }
        }
    }
}
