//! How far a prediction may be off: split-conformal 90 % intervals from residuals against published measurements.
//!
//! Rows of one model on one chip share their error, so rows are no independent draws: a stratum's interval is widened
//! until it holds 90 % of the rows of groups (model, chip) that it was not computed from. How well that does is told by
//! doing all of it again without a group, widening included, and counting how much of the group is held
//! ([`Intervals::held_out`]).

use std::collections::BTreeMap;
use std::fmt::Write;

use cost::calibration::Basis;
use rayon::prelude::*;
use serde::Deserialize;
use thiserror::Error;

use crate::validate::{Kind, basis_name, quantile};

const TEXT: &str = include_str!("../../../calibration/intervals.toml");
/// Those of training steps: from runs that the fit behind a prediction had not seen.
const TRAINING: &str = include_str!("../../../calibration/training-intervals.toml");

/// What the file of serving says of itself.
pub const HEAD: &str = "\
# 90 % intervals of predictions: the true value lies between low and high times the prediction. Made by
# `steelyard validate --write-intervals`. coverage: share of the rows of a (model, chip) that the interval was
# not computed from which it holds.
";
/// What the file of training says of itself.
pub const TRAINING_HEAD: &str = "\
# 90 % intervals of predictions: the true value lies between low and high times the prediction. Made by
# `steelyard calibrate --training --folds 5 --out FOLDER`, from predictions of runs whose model on their chip no fit had
# seen. coverage: share of the rows of a (model, chip) that the interval was not computed from which it holds. basis
# \"class\": the same runs predicted as if of their chip only the class were known.
";

/// Share of true values that an interval should hold.
pub const SHARE: f64 = 0.9;
/// Fewest residuals of a stratum.
const LEAST: usize = 30;
/// Fewest groups of a stratum: of `n` groups that differ an interval can hold at most `n` in `n + 1` unseen ones, and
/// that has to be nine in ten.
const LEAST_GROUPS: usize = 9;
/// A stratum whose widest interval holds less of unseen groups is none: a coarser one stands in.
const LEAST_SHARE: f64 = 0.85;
/// Shares of residuals that an interval may be widened to, to hold the rows of unseen groups.
const LEVELS: [f64; 11] = [0.86, 0.88, 0.90, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99, 1.0];
/// Where nothing was measured: a factor of three either way.
const UNKNOWN: (f64, f64) = (1.0 / 3.0, 3.0);

/// `ln(measured / predicted)` of one value, and where it belongs.
#[derive(Debug, Clone, PartialEq)]
pub struct Residual {
    /// Kind of value.
    pub kind: Kind,
    /// Whose measurements stand behind the operators.
    pub basis: Basis,
    /// Engine profile.
    pub engine: String,
    /// Values of one group (a model on a chip) share their error.
    pub group: String,
    /// `ln(measured / predicted)`.
    pub log: f64,
}

/// Values that share an interval.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stratum {
    /// Name of the kind.
    pub kind: String,
    /// Name of the basis; empty: any.
    #[serde(default)]
    pub basis: String,
    /// Engine profile; empty: any.
    #[serde(default)]
    pub engine: String,
    /// Residuals.
    pub n: usize,
    /// Groups among them.
    pub groups: usize,
    /// The true value is at least the prediction times this.
    pub low: f64,
    /// The true value is at most the prediction times this.
    pub high: f64,
    /// Share of the rows of unseen groups that such an interval holds.
    pub coverage: f64,
}

/// All intervals.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intervals {
    /// The strata.
    #[serde(default)]
    pub stratum: Vec<Stratum>,
}

/// How many values of unseen groups intervals hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldOut {
    /// Kind of value.
    pub kind: Kind,
    /// Values.
    pub count: usize,
    /// Groups that they are of.
    pub groups: usize,
    /// Values inside intervals that were fitted without their group.
    pub held: usize,
}

impl HeldOut {
    /// Share of the values that is held.
    pub fn share(&self) -> f64 {
        self.held as f64 / self.count.max(1) as f64
    }
}

/// A file of intervals that cannot be used.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum IntervalError {
    /// Not of this form.
    #[error("intervals.toml: {0}")]
    Malformed(String),
    /// Ends in the wrong order, or not numbers.
    #[error("intervals.toml: stratum {0}: low must be above 0, high above low")]
    Ends(usize),
}

impl Intervals {
    /// Those that come with the program.
    ///
    /// # Errors
    /// [`IntervalError`] if the file was built in broken.
    pub fn embedded() -> Result<Intervals, IntervalError> {
        let mut all = Intervals::parse(TEXT)?;
        all.stratum.extend(Intervals::parse(TRAINING)?.stratum);
        Ok(all)
    }

    /// From the text of a file.
    ///
    /// # Errors
    /// [`IntervalError`].
    pub fn parse(text: &str) -> Result<Intervals, IntervalError> {
        let found: Intervals = toml::from_str(text).map_err(|e| IntervalError::Malformed(e.to_string()))?;
        let sound = |s: &Stratum| s.low > 0.0 && s.high > s.low && s.high.is_finite();
        match found.stratum.iter().position(|s| !sound(s)) {
            Some(bad) => Err(IntervalError::Ends(bad)),
            None => Ok(found),
        }
    }

    /// Factors from a prediction to the ends of its 90 % interval: of the finest stratum that has enough measurements.
    pub fn factors(&self, kind: Kind, basis: Basis, engine: &str) -> (f64, f64) {
        self.stratum(kind, basis, engine).map_or(UNKNOWN, |s| (s.low, s.high))
    }

    fn stratum(&self, kind: Kind, basis: Basis, engine: &str) -> Option<&Stratum> {
        let find = |basis: &str, engine: &str| {
            self.stratum.iter().find(|s| s.kind == kind.name() && s.basis == basis && s.engine == engine)
        };
        let basis = basis_name(basis);
        find(basis, engine).or_else(|| find(basis, "")).or_else(|| find("", ""))
    }

    /// How many of `residuals` are held by intervals that are fitted to all groups but theirs, by kind.
    pub fn held_out(residuals: &[Residual]) -> Vec<HeldOut> {
        let mut groups: BTreeMap<&str, Vec<&Residual>> = BTreeMap::new();
        for r in residuals.iter().filter(|r| r.log.is_finite()) {
            groups.entry(&r.group).or_default().push(r);
        }
        let names: Vec<&str> = groups.keys().copied().collect();
        let one = |name: &&str| {
            let others: Vec<Residual> = residuals.iter().filter(|r| r.group != *name).cloned().collect();
            let fitted = Intervals::fit(&others);
            let held = |r: &&Residual| {
                let (low, high) = fitted.factors(r.kind, r.basis, &r.engine);
                (r.kind, (low.ln()..=high.ln()).contains(&r.log))
            };
            groups[name].iter().map(held).collect::<Vec<_>>()
        };
        let all: Vec<Vec<(Kind, bool)>> = names.par_iter().map(one).collect();
        let mut found: BTreeMap<Kind, HeldOut> = BTreeMap::new();
        for group in &all {
            for &(kind, held) in group {
                let entry = found.entry(kind).or_insert(HeldOut { kind, count: 0, groups: 0, held: 0 });
                entry.count += 1;
                entry.held += usize::from(held);
            }
            let mut kinds: Vec<Kind> = group.iter().map(|(kind, _)| *kind).collect();
            kinds.dedup();
            kinds.sort_unstable();
            kinds.dedup();
            for kind in kinds {
                if let Some(entry) = found.get_mut(&kind) {
                    entry.groups += 1;
                }
            }
        }
        found.into_values().collect()
    }

    /// Intervals of every stratum that has enough residuals.
    pub fn fit(residuals: &[Residual]) -> Intervals {
        let mut strata: BTreeMap<(Kind, &str, &str), Vec<&Residual>> = BTreeMap::new();
        for r in residuals.iter().filter(|r| r.log.is_finite()) {
            for key in [("", ""), (basis_name(r.basis), ""), (basis_name(r.basis), r.engine.as_str())] {
                strata.entry((r.kind, key.0, key.1)).or_default().push(r);
            }
        }
        let fit = |((kind, basis, engine), rows): ((Kind, &str, &str), Vec<&Residual>)| {
            let found = conformal(&rows)?;
            Some(Stratum {
                kind: kind.name().to_owned(),
                basis: basis.to_owned(),
                engine: engine.to_owned(),
                n: rows.len(),
                groups: found.groups,
                low: round(found.low.exp()),
                high: round(found.high.exp()),
                coverage: round(found.coverage),
            })
        };
        Intervals { stratum: strata.into_iter().filter_map(fit).collect() }
    }

    /// As a file, for [`HEAD`] or [`TRAINING_HEAD`].
    pub fn to_toml(&self, head: &str) -> String {
        let mut out = head.to_owned();
        for s in &self.stratum {
            let _ = write!(out, "\n[[stratum]]\nkind = {:?}\n", s.kind);
            for (name, value) in [("basis", &s.basis), ("engine", &s.engine)] {
                if !value.is_empty() {
                    let _ = writeln!(out, "{name} = {value:?}");
                }
            }
            let _ = writeln!(out, "n = {}\ngroups = {}", s.n, s.groups);
            let _ = writeln!(out, "low = {:?}\nhigh = {:?}\ncoverage = {:?}", s.low, s.high, s.coverage);
        }
        out
    }
}

fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// Ends in logarithms, and the share of rows of unseen groups between such ends.
struct Found {
    low: f64,
    high: f64,
    groups: usize,
    coverage: f64,
}

/// `None` of too few rows or groups.
fn conformal(rows: &[&Residual]) -> Option<Found> {
    let mut names: Vec<&str> = rows.iter().map(|r| r.group.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if rows.len() < LEAST || names.len() < LEAST_GROUPS {
        return None;
    }
    let group = |r: &Residual| names.binary_search(&r.group.as_str()).unwrap_or_default();
    let mut sorted: Vec<(f64, usize)> = rows.iter().map(|r| (r.log, group(r))).collect();
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let all: Vec<f64> = sorted.iter().map(|(log, _)| *log).collect();
    let held_out = |level: f64| {
        let held = |own: usize| {
            let others: Vec<f64> = sorted.iter().filter(|(_, g)| *g != own).map(|(log, _)| *log).collect();
            let (low, high) = ends(&others, level);
            sorted.iter().filter(|(log, g)| *g == own && (low..=high).contains(log)).count()
        };
        (0..names.len()).map(held).sum::<usize>() as f64 / rows.len() as f64
    };
    let mut chosen = (1.0, 0.0);
    for level in LEVELS {
        chosen = (level, held_out(level));
        if chosen.1 >= SHARE {
            break;
        }
    }
    if chosen.1 < LEAST_SHARE {
        return None;
    }
    let (low, high) = ends(&all, chosen.0);
    Some(Found { low, high, groups: names.len(), coverage: chosen.1 })
}

/// The middle share `level` of `sorted`, one rank wider on both sides as split conformal prediction asks for.
fn ends(sorted: &[f64], level: f64) -> (f64, f64) {
    let n = sorted.len() as f64;
    let tail = (1.0 - level) / 2.0;
    let low = (tail * (n + 1.0) - 1.0) / (n - 1.0);
    let high = ((1.0 - tail) * (n + 1.0) - 1.0) / (n - 1.0);
    (quantile(sorted, low.clamp(0.0, 1.0)), quantile(sorted, high.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn residual(group: usize, log: f64) -> Residual {
        Residual { kind: Kind::Tpot, basis: Basis::Chip, engine: "e".into(), group: group.to_string(), log }
    }

    /// 200 values evenly between -1 and 1, dealt to ten groups in turn.
    fn even() -> Vec<Residual> {
        (0..200).map(|i| residual(i % 10, i as f64 / 99.5 - 1.0)).collect()
    }

    #[test]
    fn an_even_spread_is_cut_by_a_twentieth_on_each_side() {
        let fitted = Intervals::fit(&even());
        let (low, high) = fitted.factors(Kind::Tpot, Basis::Chip, "e");
        assert!((low.ln() + 0.9).abs() < 0.03 && (high.ln() - 0.9).abs() < 0.03, "{} {}", low.ln(), high.ln());
        assert!(fitted.stratum.iter().all(|s| (0.88..0.93).contains(&s.coverage)), "{fitted:?}");
    }

    #[test]
    fn groups_that_differ_widen_the_interval() {
        // Twenty groups, each with an error of its own and no spread: an unseen one may lie anywhere among the others.
        let rows: Vec<Residual> = (0..80).map(|i| residual(i % 20, (i % 20) as f64)).collect();
        let fitted = Intervals::fit(&rows);
        let s = &fitted.stratum[0];
        assert!(s.low < 1.2 && s.high > 18.5f64.exp(), "{s:?}");
        // The outermost two groups can never be held by the others.
        assert!((s.coverage - 0.9).abs() < 1e-9);
        // Without the outermost group the next one is outermost, and is not known to be held: it takes a wider interval.
        let held = Intervals::held_out(&rows);
        assert_eq!(held.len(), 1);
        assert_eq!((held[0].count, held[0].groups, held[0].held), (80, 20, 72));
        // Of eight groups the outermost two are a quarter: no interval of theirs can be trusted.
        let few: Vec<Residual> = (0..80).map(|i| residual(i % 8, (i % 8) as f64)).collect();
        assert!(Intervals::fit(&few).stratum.is_empty());
    }

    #[test]
    fn few_rows_fall_back_and_files_round_trip() {
        let fitted = Intervals::fit(&even());
        assert_eq!(fitted.factors(Kind::Tpot, Basis::Chip, "other"), fitted.factors(Kind::Tpot, Basis::Chip, "e"));
        assert_eq!(fitted.factors(Kind::Ttft, Basis::Chip, "e"), UNKNOWN);
        assert!(Intervals::fit(&even()[..20]).stratum.is_empty());
        assert_eq!(Intervals::parse(&fitted.to_toml(HEAD)), Ok(fitted));
        assert!(Intervals::parse("[[stratum]]\nkind = 1").is_err());
        assert!(
            Intervals::parse("[[stratum]]\nkind=\"tpot\"\nn=1\ngroups=1\nlow=2.0\nhigh=1.0\ncoverage=1.0").is_err()
        );
    }

    #[test]
    fn the_built_in_file_is_sound() {
        assert!(Intervals::embedded().is_ok());
    }
}
