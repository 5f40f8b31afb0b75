//! What is in doubt, and how it is drawn.
//!
//! A fact with several published values is drawn log-normally: its value is the median, its low and high are the 5 % and
//! 95 % points, each side with a spread of its own. A rate of failure is drawn from what fleets counted: the geometric
//! mean of their rates, with the spread that another fleet like them would have.

use std::collections::BTreeMap;

use catalog::Fact;
use catalog::faults::{FaultKind, Seen};

/// Standard deviations between the median and the 95 % point.
pub const Z90: f64 = 1.644_853_6;

/// Least spread of a rate between fleets: two agree within a factor of two, nine times of ten. Set by hand, since most
/// rates were counted in one to four fleets.
const LEAST_SPREAD: f64 = std::f64::consts::LN_2 / Z90;

/// A positive number in doubt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Doubt {
    /// Median.
    pub mid: f64,
    /// Standard deviation of the logarithm below and above it.
    pub below: f64,
    pub above: f64,
}

impl Doubt {
    pub fn of(fact: &Fact<f64>) -> Doubt {
        let (low, mid, high) = (fact.value.low, fact.value.mid, fact.value.high);
        let spread = |ratio: f64| if ratio.is_finite() && ratio > 1.0 { ratio.ln() / Z90 } else { 0.0 };
        // A low end of nothing cannot be on a logarithmic scale: a tenth stands for it.
        let low = if low > 0.0 { low } else { 0.1 * mid };
        Doubt { mid, below: spread(mid / low), above: spread(high / mid) }
    }

    /// What another fleet will see, from what these saw.
    pub fn of_fleets(seen: &[&Seen]) -> Option<Doubt> {
        let n = seen.len() as f64;
        if seen.is_empty() {
            return None;
        }
        let logs: Vec<f64> = seen.iter().map(|s| s.rate.mid().0.ln()).collect();
        let mean = logs.iter().sum::<f64>() / n;
        let between = if n > 1.0 { logs.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / (n - 1.0) } else { 0.0 };
        let own = |s: &&Seen| ((s.rate.value.high.0 / s.rate.value.low.0).ln() / (2.0 * Z90)).powi(2);
        let within = seen.iter().map(own).sum::<f64>() / n;
        let spread = ((between + within) * (1.0 + 1.0 / n)).sqrt().max(LEAST_SPREAD);
        Some(Doubt { mid: mean.exp(), below: spread, above: spread })
    }

    /// The value `z` standard deviations from the median.
    pub fn at(self, z: f64) -> f64 {
        self.mid * (z * if z < 0.0 { self.below } else { self.above }).exp()
    }

    pub fn is_exact(self) -> bool {
        self.below == 0.0 && self.above == 0.0
    }
}

/// Rows of a kind of fault that count, without those of the sources left out.
pub fn evidence<'k>(kind: &'k FaultKind, without: &[String]) -> Vec<&'k Seen> {
    kind.seen.iter().filter(|s| !without.contains(&s.rate.source)).collect()
}

/// Where a number of a run comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// What it is, as an answer names it: `rate of server`.
    pub what: What,
    /// Path of the fact, of the first where several ways share it.
    pub path: String,
    /// The number and its doubt.
    pub doubt: Doubt,
}

/// A number of the simulation that may be in doubt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Failures of one part of this kind.
    Rate(String),
    /// Parts of this kind.
    Parts(String),
    /// Time until a unit is repaired.
    Repair,
    /// Time until a part around which the job is routed is repaired.
    RepairOf(String),
    /// How much slower steps are.
    Slower(String),
    /// How long a stall lasts.
    Stall(String),
    /// How long nobody notices.
    Unnoticed(String),
    /// Time of a step of a way back.
    Step(String),
    /// How often a step is needed.
    Chance(String),
}

/// The values of one run: each number once, however often it is asked for.
#[derive(Debug, Default)]
pub struct Values {
    /// Standard normal values by the order of first asking; those beyond its end are 0.
    normals: Vec<f64>,
    known: BTreeMap<What, f64>,
    /// In order of first asking.
    pub origins: Vec<Origin>,
}

impl Values {
    pub fn new(normals: Vec<f64>) -> Values {
        Values { normals, ..Values::default() }
    }

    pub fn of(&mut self, what: What, path: &str, doubt: impl FnOnce() -> Doubt) -> f64 {
        if let Some(&known) = self.known.get(&what) {
            return known;
        }
        let doubt = doubt();
        let z = self.normals.get(self.origins.len()).copied().unwrap_or(0.0);
        let value = doubt.at(z);
        self.known.insert(what.clone(), value);
        self.origins.push(Origin { what, path: path.to_owned(), doubt });
        value
    }

    pub fn fact(&mut self, what: What, fact: &Fact<f64>) -> f64 {
        self.of(what, &fact.path, || Doubt::of(fact))
    }
}
