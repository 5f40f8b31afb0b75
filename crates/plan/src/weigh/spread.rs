//! How far a figure may be off.
//!
//! Two things widen it: what predictions of its kind have been off against measurements, and facts about the system that
//! sources dispute. The set-up is run again with all disputed facts at their slow ends and at their fast ends.

use cost::Basis;

use crate::findings::{Estimate, Latency};
use crate::search::Seen;

/// A kind of figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Time to first token.
    Ttft,
    /// Time per output token.
    Tpot,
    /// Tokens per second.
    Throughput,
}

/// Factors from a prediction to the ends of its 90 % interval, for operators priced on this basis under this engine.
pub type Factors<'a> = &'a (dyn Fn(Metric, Basis, &str) -> (f64, f64) + Sync);

/// Factors where nothing was measured: judged, from how far apart published measurements of like systems lie.
pub fn judged(metric: Metric, basis: Basis, _engine: &str) -> (f64, f64) {
    let times = match basis {
        Basis::Chip => 1.25,
        Basis::Architecture => 1.4,
        Basis::Class => 1.7,
        Basis::Assumed => 2.5,
    };
    let wide: f64 = if metric == Metric::Ttft { times * times } else { times };
    (1.0 / wide, wide)
}

/// What the same set-up does with disputed facts at their slow and at their fast ends.
#[derive(Debug, Clone)]
pub struct Ends {
    /// Slow and fast; empty where nothing is disputed.
    pub seen: Vec<Seen>,
}

/// Makes estimates of one set-up.
pub struct Spread<'a> {
    factors: Factors<'a>,
    basis: Basis,
    engine: &'a str,
    ends: Ends,
}

impl<'a> Spread<'a> {
    /// For a set-up whose operators rest on `basis`.
    pub fn new(factors: Factors<'a>, basis: Basis, engine: &'a str, ends: Ends) -> Self {
        Spread { factors, basis, engine, ends }
    }

    /// An estimate of what `of` reads from the set-up; `scale` turns it into the figure.
    pub fn of(&self, metric: Metric, seen: &Seen, scale: f64, of: impl Fn(&Seen) -> f64) -> Estimate {
        let value = of(seen) * scale;
        let (low, high) = (self.factors)(metric, self.basis, self.engine);
        let (mut least, mut most) = (value, value);
        for end in &self.ends.seen {
            let other = of(end) * scale;
            (least, most) = (least.min(other), most.max(other));
        }
        Estimate { value, low: least * low.min(1.0), high: most * high.max(1.0) }
    }

    /// A latency.
    pub fn latency(&self, metric: Metric, seen: &Seen, of: impl Fn(&Seen) -> sim::Stat) -> Latency {
        Latency {
            mean: self.of(metric, seen, 1.0, |s| of(s).mean),
            p50: self.of(metric, seen, 1.0, |s| of(s).p50),
            p99: self.of(metric, seen, 1.0, |s| of(s).p99),
        }
    }
}
