//! Surfaces: from an operator, the rates of a device and a few fitted parameters to time.
//!
//! Every surface has the shape `overhead + (compute^p + memory^p)^(1/p)`. Efficiencies never exceed one and sizes are
//! only ever padded, so no surface beats the speed of light.

use crate::{Op, Work};

use super::Family;

/// Parameters of one surface, in the order of [`names`]; unused ones are zero.
pub type Parameters = [f64; WIDTH];

/// Parameters that a surface has at most.
pub const WIDTH: usize = 8;

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
    /// What is paid however small the operator is.
    pub overhead: f64,
    /// Sharpness of the maximum: 1 adds, infinity takes the larger.
    pub sharpness: f64,
}

impl Terms {
    /// Seconds.
    pub fn seconds(&self) -> f64 {
        self.overhead + smooth_max(self.compute, self.memory, self.sharpness)
    }
}

/// `(a^p + b^p)^(1/p)`, without overflow.
pub fn smooth_max(a: f64, b: f64, p: f64) -> f64 {
    let (large, small) = if a > b { (a, b) } else { (b, a) };
    if large <= 0.0 { 0.0 } else { large * (1.0 + (small / large).powf(p)).powf(1.0 / p) }
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

const OVERHEAD: Parameter = p("overhead_us", 0.3, 200.0, 4.0);
const COMPUTE: Parameter = p("compute", 0.01, 1.0, 0.7);
const MEMORY: Parameter = p("memory", 0.01, 1.0, 0.8);
const SHARPNESS: Parameter = p("sharpness", 1.0, 12.0, 3.0);

/// The parameters of a family's surface.
pub fn parameters(family: Family) -> &'static [Parameter] {
    const BASIC: &[Parameter] = &[OVERHEAD, COMPUTE, MEMORY, SHARPNESS];
    const GEMM: &[Parameter] =
        &[OVERHEAD, COMPUTE, MEMORY, SHARPNESS, p("rows", 1.0, 256.0, 32.0), p("area", 1e3, 1e8, 5e5)];
    match family {
        Family::Gemm => GEMM,
        _ => BASIC,
    }
}

/// The terms of an operator's time.
pub fn terms(family: Family, op: &Op, work: &Work, parameters: &Parameters, rates: Rates) -> Terms {
    let [overhead, compute, memory, sharpness, ..] = *parameters;
    let mut flop = work.flop.0;
    let mut start = overhead * 1e-6;
    match (family, op) {
        (Family::Gemm, &Op::Gemm { m, n, k, .. }) => {
            let [.., rows, area, _, _] = *parameters;
            flop = 2.0 * k as f64 * ((m as f64 + rows) * n as f64 + area);
        }
        (_, &Op::Elementwise { kernels, .. }) => start *= kernels as f64,
        _ => {}
    }
    Terms {
        compute: flop / (rates.peak * compute),
        memory: work.bytes().0 / (rates.bandwidth * memory),
        overhead: start,
        sharpness,
    }
}
