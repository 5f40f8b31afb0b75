//! Fits the curves of `cost::comm` to published measurements, and checks them.
//!
//! A row becomes an [`Observation`]: an exchange on a machine and its time. Rows of one architecture, fabric, operation
//! and number of ranks make one point of a curve: latency, pipeline fill, efficiency. Rows that touch two tiers teach
//! the outer one, once the inner one is known. Fabrics, shapes and, last, everything are fitted again on the pooled
//! rows, for those who have none of their own.

mod check;
pub(crate) mod data;
pub(crate) mod measured;
mod point;
mod tables;

use std::collections::BTreeMap;
use std::path::Path;

use catalog::{Catalog, LookupError, Tier, TierShape};
use cost::comm::{CalibrationError, CommCalibration, Curve, Exchange, Kind, Load, Measured, Point, Scope, write};
use thiserror::Error;

pub use check::{Row, check_collectives};
use data::Data;
use point::{Sample, fit_point, scale_point};

use crate::tables::{Table, TableError};

/// Why no calibration came of the data.
#[derive(Debug, Error)]
pub enum CommFitError {
    /// A table that cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The list of machines and traps is broken.
    #[error("comm-data.toml: {0}")]
    Data(String),
    /// The fitted curves cannot be used.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
    /// A system that the catalog does not have.
    #[error("comm-data.toml: {0}")]
    NoSystem(#[from] LookupError),
}

/// A measured exchange.
#[derive(Debug, Clone)]
struct Observation {
    machine: usize,
    exchange: Exchange,
    seconds: f64,
    /// Engine whose kernels it timed.
    stack: Option<String>,
}

/// Error of a group of rows after the fit.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupError {
    /// Whose curve: the file's name.
    pub file: String,
    /// Operation.
    pub operation: &'static str,
    /// Ranks, or domains of the tier below.
    pub ranks: f64,
    /// Rows used.
    pub rows: u64,
    /// Median of |ln(fitted / measured)|.
    pub median: f64,
    /// 90th percentile of it.
    pub p90: f64,
}

/// What a fit gives.
#[derive(Debug, Clone)]
pub struct CommFit {
    /// (file name, TOML text), to be stored under `calibration/`.
    pub files: Vec<(String, String)>,
    /// Error of every point.
    pub errors: Vec<GroupError>,
    /// Rows that beat physics and were dropped.
    pub dropped: usize,
}

/// The scopes that a row teaches, narrowest first.
fn scopes(architecture: &str, tier: &Tier) -> [Scope; 4] {
    let some = |text: &str| Some(text.to_owned());
    [
        Scope { architecture: some(architecture), fabric: some(&tier.name), ..Scope::default() },
        Scope { fabric: some(&tier.name), ..Scope::default() },
        Scope { shape: some(shape_name(&tier.shape)), ..Scope::default() },
        Scope::default(),
    ]
}

/// `comm-hopper-nvlink.toml`.
fn file(scope: &Scope) -> String {
    let mut parts: Vec<&str> = match (&scope.architecture, &scope.fabric, &scope.shape) {
        (Some(architecture), Some(fabric), _) => vec![architecture, fabric],
        (None, Some(fabric), _) => vec!["fabric", fabric],
        (_, _, Some(shape)) => vec!["shape", shape],
        _ => vec!["any"],
    };
    parts.extend(scope.stack.as_deref());
    format!("comm-{}.toml", parts.join("-").to_lowercase().replace(' ', "-"))
}

/// Least spread of a curve that others borrow. The rows behind it do not show how far a borrower is from them: an
/// architecture from its fabric's mean by up to a fifth, fabrics of one shape by a third, shapes by a half.
fn least_spread(scope: &Scope) -> f64 {
    match (&scope.architecture, &scope.fabric, &scope.shape) {
        (Some(_), ..) => 0.0,
        (_, Some(_), _) => 0.2,
        (_, _, Some(_)) => 0.35,
        _ => 0.5,
    }
}

type Groups = BTreeMap<Scope, BTreeMap<Kind, BTreeMap<u32, Vec<Sample>>>>;
type Fitted = BTreeMap<Scope, BTreeMap<Kind, Vec<Measured>>>;

/// Fits curves to the operator tables below `tables` (the data folder of the published tables) and to the measured
/// rows of the two CSV files. The catalog must have the systems that `calibration/comm-data.toml` names.
///
/// # Errors
/// [`CommFitError`] if a file cannot be read or a named system is missing.
pub fn fit(tables: &Path, collectives: &Path, operators: &Path, catalog: &Catalog) -> Result<CommFit, CommFitError> {
    let data = Data::embedded(catalog)?;
    let mut observations = tables::read(tables, &data)?;
    let mut rows = measured::read_collectives(&Table::read(collectives)?, &data)?;
    rows.extend(measured::read_operators(&Table::read(operators)?, &data)?);
    for row in rows {
        if let (Some(ask), true) = (row.ask, row.fitted) {
            observations.push(Observation {
                machine: ask.machine,
                exchange: ask.exchange,
                seconds: row.seconds - ask.host,
                stack: None,
            });
        }
    }
    let mut fitter = Fitter { data: &data, fitted: Fitted::new(), dropped: 0, pooled: Groups::new() };
    fitter.single_tier(&observations);
    fitter.two_tiers(&observations)?;
    fitter.pool();
    Ok(fitter.finish())
}

struct Fitter<'a> {
    data: &'a Data,
    fitted: Fitted,
    /// All samples by key, for the pooled fits.
    pooled: Groups,
    dropped: usize,
}

impl Fitter<'_> {
    /// Rows that stay inside one tier. Pooled curves come first: thin groups lean on them.
    fn single_tier(&mut self, observations: &[Observation]) {
        let mut groups = Groups::new();
        for o in observations {
            let loads = self.data.network(o.machine).loads(&o.exchange);
            let used: Vec<usize> = (0..loads.tiers.len()).filter(|&t| loads.tiers[t].ideal > 0.0).collect();
            let &[tier] = used.as_slice() else { continue };
            let load = loads.tiers[tier];
            self.add(&mut groups, o, tier, load, o.seconds);
        }
        self.pool();
        self.fit_groups(groups);
    }

    /// Rows through two tiers: what the inner one's curve explains is taken off.
    fn two_tiers(&mut self, observations: &[Observation]) -> Result<(), CommFitError> {
        let known = self.calibration()?;
        let mut groups = Groups::new();
        for o in observations {
            let loads = self.data.network(o.machine).loads(&o.exchange);
            let used: Vec<usize> = (0..loads.tiers.len()).filter(|&t| loads.tiers[t].ideal > 0.0).collect();
            let &[inner, outer] = used.as_slice() else { continue };
            let network = self.data.priced_one(o.machine, &known)?;
            let Some((curve, _)) = network.curve(inner, &o.exchange) else { continue };
            let point = curve.at(loads.tiers[inner].ranks);
            let seconds = o.seconds - point.latency;
            // Where the inner tier alone explains the time, nothing is learnt about the outer one.
            if seconds <= 0.0 || point.transfer(loads.tiers[inner].ideal) > 0.9 * seconds {
                continue;
            }
            let load = loads.tiers[outer];
            self.add(&mut groups, o, outer, load, seconds);
        }
        self.pool();
        self.fit_groups(groups);
        Ok(())
    }

    fn add(&mut self, groups: &mut Groups, o: &Observation, tier: usize, load: Load, seconds: f64) {
        if seconds.is_nan() || seconds < load.bound {
            self.dropped += 1;
            return;
        }
        // A better algorithm than the usual one counts as the usual one at full bandwidth.
        let sample = Sample { ideal: load.ideal, seconds: seconds.max(load.ideal) };
        let (kind, ranks) = (self.data.network(o.machine).kind(tier, &o.exchange), load.ranks.round() as u32);
        let known = &self.data.machines[o.machine];
        let [own, wider @ ..] = scopes(&known.system.chip.architecture, &known.system.fabric.tiers[tier]);
        let stacked = o.stack.as_ref().map(|stack| Scope { stack: Some(stack.clone()), ..own.clone() });
        let push = |groups: &mut Groups, scope| {
            groups.entry(scope).or_default().entry(kind).or_default().entry(ranks).or_default().push(sample);
        };
        push(groups, own);
        if let Some(stacked) = stacked {
            push(groups, stacked);
        }
        for scope in wider {
            // A fabric that says little about others of its shape teaches only itself.
            if scope.fabric.is_some() || known.lends {
                push(&mut self.pooled, scope);
            }
        }
    }

    fn pool(&mut self) {
        self.fit_groups(self.pooled.clone());
    }

    /// Rich groups first; thin ones lean on their neighbours.
    fn fit_groups(&mut self, groups: Groups) {
        for (scope, kinds) in &groups {
            for (&kind, by_ranks) in kinds {
                let rich = |samples: &Vec<Sample>| point::is_rich(samples);
                let mut points: Vec<Measured> =
                    by_ranks.iter().filter(|(_, s)| rich(s)).map(|(&r, s)| fit_point(f64::from(r), s)).collect();
                let base = Curve::new(points.iter().map(|m| m.point).collect()).or_else(|| self.base(scope, kind));
                for (&ranks, samples) in by_ranks.iter().filter(|(_, s)| !rich(s)) {
                    let ranks = f64::from(ranks);
                    points.push(match &base {
                        Some(base) => scale_point(Point { ranks, ..base.at(ranks) }, samples),
                        None => fit_point(ranks, samples),
                    });
                }
                // Where engines disagree by more than e about some number of ranks, strangers learn from the others.
                let agreed = |m: &Measured| m.point.spread <= 1.0;
                if scope.architecture.is_none() && kind == Kind::EngineAllReduce && points.iter().any(agreed) {
                    points.retain(agreed);
                }
                for m in &mut points {
                    m.point.spread = m.point.spread.max(least_spread(scope));
                }
                points.sort_by(|a, b| a.point.ranks.total_cmp(&b.point.ranks));
                self.fitted.entry(scope.clone()).or_default().insert(kind, points);
            }
        }
    }

    /// A curve to lean on: the same operation on the same fabric, or on any.
    fn base(&self, scope: &Scope, kind: Kind) -> Option<Curve> {
        let own = Scope { stack: None, ..scope.clone() };
        let fabric = Scope { fabric: scope.fabric.clone(), ..Scope::default() };
        [own, fabric, Scope::default()].iter().filter(|s| *s != scope).find_map(|s| {
            let points = self.fitted.get(s)?.get(&kind)?;
            Curve::new(points.iter().map(|m| m.point).collect())
        })
    }

    fn texts(&self) -> Vec<(String, String)> {
        let text = |(scope, curves): (&Scope, &BTreeMap<Kind, Vec<Measured>>)| {
            let note = match (&scope.architecture, &scope.fabric, &scope.shape, &scope.stack) {
                (.., Some(_)) => "fitted to rows of this engine's kernels",
                (Some(_), ..) => "fitted to rows of this architecture on this fabric",
                (None, Some(_), ..) => "fitted to all rows of this fabric",
                (None, None, Some(_), _) => "fitted to all rows of fabrics of this shape",
                _ => "fitted to all rows",
            };
            (file(scope), write(scope, note, curves))
        };
        self.fitted.iter().map(text).collect()
    }

    fn calibration(&self) -> Result<CommCalibration, CommFitError> {
        Ok(CommCalibration::parse(self.texts().iter().map(|(n, t)| (n.as_str(), t.as_str())))?)
    }

    fn finish(self) -> CommFit {
        let mut errors = Vec::new();
        for (scope, kinds) in &self.fitted {
            for (kind, points) in kinds {
                errors.extend(points.iter().map(|m| GroupError {
                    file: file(scope),
                    operation: kind.name(),
                    ranks: m.point.ranks,
                    rows: m.rows,
                    median: m.median,
                    p90: m.point.spread,
                }));
            }
        }
        CommFit { files: self.texts(), errors, dropped: self.dropped }
    }
}

fn shape_name(shape: &TierShape) -> &'static str {
    match shape {
        TierShape::Switch => "switch",
        TierShape::Mesh => "mesh",
        TierShape::Torus { .. } => "torus",
        TierShape::Clos { .. } => "clos",
    }
}
