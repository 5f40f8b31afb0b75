//! How far a figure may be off.
//!
//! Two things widen it: what predictions of its kind have been off against measurements, and facts about the system that
//! sources dispute. The set-up is run again with all disputed facts at their slow ends and at their fast ends.

use cost::Basis;

use crate::findings::{Estimate, Latency};
use crate::interval::Intervals;
use crate::search::Seen;
use crate::validate::Kind;

/// What the same set-up does with disputed facts at their slow and at their fast ends.
#[derive(Debug, Clone)]
pub struct Ends {
    /// Slow and fast; empty where nothing is disputed.
    pub seen: Vec<Seen>,
}

/// Makes estimates of one set-up.
pub struct Spread<'a> {
    intervals: &'a Intervals,
    basis: Basis,
    engine: &'a str,
    ends: Ends,
}

impl<'a> Spread<'a> {
    /// For a set-up whose operators rest on `basis`.
    pub fn new(intervals: &'a Intervals, basis: Basis, engine: &'a str, ends: Ends) -> Self {
        Spread { intervals, basis, engine, ends }
    }

    /// An estimate of what `of` reads from the set-up; `scale` turns it into the figure.
    pub fn of(&self, kind: Kind, seen: &Seen, scale: f64, of: impl Fn(&Seen) -> f64) -> Estimate {
        let value = of(seen) * scale;
        let (low, high) = self.intervals.factors(kind, self.basis, self.engine);
        let (mut least, mut most) = (value, value);
        for end in &self.ends.seen {
            let other = of(end) * scale;
            (least, most) = (least.min(other), most.max(other));
        }
        Estimate { value, low: least * low.min(1.0), high: most * high.max(1.0) }
    }

    /// A latency.
    pub fn latency(&self, kind: Kind, seen: &Seen, of: impl Fn(&Seen) -> sim::Stat) -> Latency {
        Latency {
            mean: self.of(kind, seen, 1.0, |s| of(s).mean),
            p50: self.of(kind, seen, 1.0, |s| of(s).p50),
            p99: self.of(kind, seen, 1.0, |s| of(s).p99),
        }
    }
}
