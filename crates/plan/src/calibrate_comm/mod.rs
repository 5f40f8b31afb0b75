//! Fits the curves of `cost::comm` to published measurements, and checks them.
//!
//! A row becomes an [`Observation`]: an exchange on a machine and its time. Rows of one architecture, fabric, operation
//! and number of ranks make one point of a curve: latency, pipeline fill, efficiency. Rows that touch two tiers teach
//! the outer one, once the inner one is known. Fabrics, shapes and, last, everything are fitted again on the pooled
//! rows, for those who have none of their own.

mod check;
mod data;
mod measured;
mod point;
mod tables;

use std::collections::BTreeMap;
use std::path::Path;

use catalog::{Fabric, System, TierShape};
use cost::comm::{CalibrationError, CommCalibration, Curve, Exchange, Kind, Measured, Network, Point, write};
use thiserror::Error;

pub use check::{Row, check_collectives};
use data::Data;
use point::{Sample, fit_point, scale_point};

use crate::tables::TableError;

/// A system as exchanges see it.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Its catalog id.
    pub id: String,
    /// The chip's architecture.
    pub architecture: String,
    /// Ranks on a chip.
    pub ranks_per_chip: u32,
    /// How chips are joined.
    pub fabric: Fabric,
}

impl From<&System> for Machine {
    fn from(system: &System) -> Machine {
        Machine {
            id: system.id.clone(),
            architecture: system.chip.architecture.clone(),
            ranks_per_chip: system.chip.devices,
            fabric: system.fabric.clone(),
        }
    }
}

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
    /// A machine that the catalog does not have.
    #[error("comm-data.toml names the system '{0}', which the catalog does not have")]
    NoSystem(String),
}

/// A measured exchange.
#[derive(Debug, Clone)]
struct Observation {
    machine: usize,
    exchange: Exchange,
    seconds: f64,
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

/// Whose curves: architecture, fabric, shape; empty where pooled.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    architecture: Option<String>,
    fabric: Option<String>,
    shape: Option<&'static str>,
}

impl Key {
    fn own(architecture: &str, fabric: &str, shape: &'static str) -> [Key; 4] {
        let key = |a: Option<&str>, f: Option<&str>, shape| Key {
            architecture: a.map(str::to_owned),
            fabric: f.map(str::to_owned),
            shape,
        };
        [
            key(Some(architecture), Some(fabric), None),
            key(None, Some(fabric), None),
            key(None, None, Some(shape)),
            key(None, None, None),
        ]
    }

    fn file(&self) -> String {
        let parts: Vec<String> = match (&self.architecture, &self.fabric, self.shape) {
            (Some(a), Some(f), _) => vec![a.clone(), f.clone()],
            (None, Some(f), _) => vec!["fabric".into(), f.clone()],
            (_, _, Some(shape)) => vec!["shape".into(), shape.into()],
            _ => vec!["any".into()],
        };
        format!("comm-{}.toml", parts.join("-").to_lowercase().replace(' ', "-"))
    }
}

type Groups = BTreeMap<Key, BTreeMap<Kind, BTreeMap<u32, Vec<Sample>>>>;
type Fitted = BTreeMap<Key, BTreeMap<Kind, Vec<Measured>>>;

/// Fits curves to the operator tables below `tables` (the data folder of the published tables) and to the measured
/// rows of the two CSV files. `systems` must have those that `calibration/comm-data.toml` names.
///
/// # Errors
/// [`CommFitError`] if a file cannot be read or a named system is missing.
pub fn fit(tables: &Path, collectives: &Path, operators: &Path, systems: &[Machine]) -> Result<CommFit, CommFitError> {
    let data = Data::embedded(systems)?;
    let mut observations = tables::read(tables, &data)?;
    for row in
        measured::read_collectives(collectives, &data)?.into_iter().chain(measured::read_operators(operators, &data)?)
    {
        if let (Some(ask), true) = (row.ask, row.fitted) {
            observations.push(Observation {
                machine: ask.machine,
                exchange: ask.exchange,
                seconds: row.seconds - ask.host,
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
    fn keys(&self, machine: usize, tier: usize) -> [Key; 4] {
        let machine = &self.data.machines[machine].machine;
        let tier = &machine.fabric.tiers[tier];
        Key::own(&machine.architecture, &tier.name, shape_name(&tier.shape))
    }

    /// Rows that stay inside one tier.
    fn single_tier(&mut self, observations: &[Observation]) {
        let mut groups = Groups::new();
        for o in observations {
            let loads = self.data.network(o.machine).loads(&o.exchange);
            let used: Vec<usize> = (0..loads.tiers.len()).filter(|&t| loads.tiers[t].ideal > 0.0).collect();
            let &[tier] = used.as_slice() else { continue };
            let load = loads.tiers[tier];
            self.add(&mut groups, o, tier, load.ranks, Sample { ideal: load.ideal, seconds: o.seconds });
        }
        self.fit_groups(groups);
    }

    /// Rows through two tiers: what the inner one's curve explains is taken off.
    fn two_tiers(&mut self, observations: &[Observation]) -> Result<(), CommFitError> {
        self.pool();
        let known = self.calibration()?;
        let mut groups = Groups::new();
        for o in observations {
            let machine = &self.data.machines[o.machine].machine;
            let loads = self.data.network(o.machine).loads(&o.exchange);
            let used: Vec<usize> = (0..loads.tiers.len()).filter(|&t| loads.tiers[t].ideal > 0.0).collect();
            let &[inner, outer] = used.as_slice() else { continue };
            let network = Network::new(&machine.fabric, &known, &machine.architecture, machine.ranks_per_chip)?;
            let Some((curve, _)) = network.curve(inner, &o.exchange) else { continue };
            let point = curve.at(loads.tiers[inner].ranks);
            let seconds = o.seconds - point.latency;
            // Where the inner tier alone explains the time, nothing is learnt about the outer one.
            if seconds <= 0.0 || point.transfer(loads.tiers[inner].ideal) > 0.9 * seconds {
                continue;
            }
            let load = loads.tiers[outer];
            self.add(&mut groups, o, outer, load.ranks, Sample { ideal: load.ideal, seconds });
        }
        self.fit_groups(groups);
        Ok(())
    }

    fn add(&mut self, groups: &mut Groups, o: &Observation, tier: usize, ranks: f64, sample: Sample) {
        if sample.seconds.is_nan() || sample.seconds < sample.ideal {
            self.dropped += 1;
            return;
        }
        let (kind, ranks) = (self.data.network(o.machine).kind(tier, &o.exchange), ranks.round() as u32);
        for (level, key) in self.keys(o.machine, tier).into_iter().enumerate() {
            // A fabric that says little about others of its shape teaches only itself.
            if level > 1 && !self.data.machines[o.machine].lends {
                continue;
            }
            let target = if level == 0 { &mut *groups } else { &mut self.pooled };
            target.entry(key).or_default().entry(kind).or_default().entry(ranks).or_default().push(sample);
        }
    }

    fn pool(&mut self) {
        self.fit_groups(self.pooled.clone());
    }

    /// Rich groups first; thin ones lean on their neighbours.
    fn fit_groups(&mut self, groups: Groups) {
        for (key, kinds) in &groups {
            for (&kind, by_ranks) in kinds {
                let rich = |samples: &Vec<Sample>| point::is_rich(samples);
                let mut points: Vec<Measured> =
                    by_ranks.iter().filter(|(_, s)| rich(s)).map(|(&r, s)| fit_point(f64::from(r), s)).collect();
                let base = Curve::new(points.iter().map(|m| m.point).collect()).or_else(|| self.base(key, kind));
                for (&ranks, samples) in by_ranks.iter().filter(|(_, s)| !rich(s)) {
                    let ranks = f64::from(ranks);
                    points.push(match &base {
                        Some(base) => scale_point(Point { ranks, ..base.at(ranks) }, samples),
                        None => fit_point(ranks, samples),
                    });
                }
                points.sort_by(|a, b| a.point.ranks.total_cmp(&b.point.ranks));
                self.fitted.entry(key.clone()).or_default().insert(kind, points);
            }
        }
    }

    /// A curve to lean on: the same operation on any fabric.
    fn base(&self, key: &Key, kind: Kind) -> Option<Curve> {
        let any = Key { architecture: None, fabric: None, shape: None };
        let fabric = Key { architecture: None, fabric: key.fabric.clone(), shape: None };
        [fabric, any].iter().filter(|k| *k != key).find_map(|k| {
            let points = self.fitted.get(k)?.get(&kind)?;
            Curve::new(points.iter().map(|m| m.point).collect())
        })
    }

    fn texts(&self) -> Vec<(String, String)> {
        let text = |(key, curves): (&Key, &BTreeMap<Kind, Vec<Measured>>)| {
            let note = match (&key.architecture, &key.fabric, key.shape) {
                (Some(_), ..) => "fitted to rows of this architecture on this fabric",
                (None, Some(_), _) => "fitted to all rows of this fabric",
                (None, None, Some(_)) => "fitted to all rows of fabrics of this shape",
                _ => "fitted to all rows",
            };
            (key.file(), write(key.architecture.as_deref(), key.fabric.as_deref(), key.shape, note, curves))
        };
        self.fitted.iter().map(text).collect()
    }

    fn calibration(&self) -> Result<CommCalibration, CommFitError> {
        Ok(CommCalibration::parse(self.texts().iter().map(|(n, t)| (n.as_str(), t.as_str())))?)
    }

    fn finish(self) -> CommFit {
        let mut errors = Vec::new();
        for (key, kinds) in &self.fitted {
            for (kind, points) in kinds {
                errors.extend(points.iter().map(|m| GroupError {
                    file: key.file(),
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
