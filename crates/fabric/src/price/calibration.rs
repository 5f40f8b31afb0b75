//! Fitted curves as they are stored, and whose curve a tier gets.

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::{Tier, TierShape};
use serde::Deserialize;
use thiserror::Error;
use units::Seconds;

use crate::fit::Fit;
use crate::price::curve::{Curve, Kind, Kinds, Point};
use crate::price::network::Basis;

static EMBEDDED: include_dir::Dir<'static> = include_dir::include_dir!("$CARGO_MANIFEST_DIR/../../calibration");

/// Why a calibration cannot be used.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CalibrationError {
    /// No TOML, or fields missing, unknown or of the wrong type.
    #[error("{file}: {message}")]
    Malformed {
        /// The file.
        file: String,
        /// What is wrong.
        message: String,
    },
    /// An operation that nobody has heard of, or points that mean nothing.
    #[error("{file}: curve '{operation}': {message}")]
    BadCurve {
        /// The file.
        file: String,
        /// The curve's operation.
        operation: String,
        /// What is wrong.
        message: &'static str,
    },
    /// Nothing to borrow from.
    #[error("no calibration has a curve for '{operation}', needed on tier '{tier}'")]
    NoCurve {
        /// The operation.
        operation: &'static str,
        /// The tier's name.
        tier: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSpec {
    architecture: Option<String>,
    fabric: Option<String>,
    shape: Option<String>,
    stack: Option<String>,
    #[serde(default)]
    #[allow(dead_code, reason = "for people")]
    note: String,
    #[serde(default)]
    curve: Vec<PointSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PointSpec {
    operation: String,
    ranks: f64,
    latency: Seconds,
    fill: f64,
    efficiency: f64,
    rows: u64,
    median: f64,
    p90: f64,
}

/// A point with the rows behind it and the error of the fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The fitted point; its spread is the 90th percentile of |ln(fitted / measured)|.
    pub point: Point,
    /// Rows it was fitted to.
    pub rows: u64,
    /// Median of |ln(fitted / measured)|.
    pub median: f64,
}

/// Curves for whom they hold.
#[derive(Debug, Clone)]
struct Set {
    scope: Arc<Scope>,
    curves: BTreeMap<Kind, (Arc<Curve>, Fit)>,
}

/// All curves that were read.
#[derive(Debug, Clone, Default)]
pub struct CommCalibration {
    sets: Vec<Set>,
}

/// The curve that a tier gets for one operation.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    pub curve: Arc<Curve>,
    pub basis: Basis,
    pub scope: Arc<Scope>,
    pub fit: Fit,
}

impl CommCalibration {
    /// The calibration that comes with the program.
    ///
    /// # Errors
    /// If a file of it is malformed, which the tests exclude.
    pub fn embedded() -> Result<CommCalibration, CalibrationError> {
        let name = |f: &include_dir::File<'static>| f.path().to_str().unwrap_or_default();
        let curves = |n: &str| n.starts_with("comm-") && n != "comm-data.toml";
        let files = EMBEDDED.files().filter(|f| curves(name(f)));
        CommCalibration::parse(files.map(|f| (name(f), f.contents_utf8().unwrap_or_default())))
    }

    /// Reads files, given as (name, text). A file holds for an architecture on a fabric, a fabric (architecture left
    /// out), a shape ("switch", "mesh", "torus", "clos"), or for everything (all left out); one that names a `stack` holds
    /// for an engine's kernels only.
    ///
    /// # Errors
    /// The first file that is malformed.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<CommCalibration, CalibrationError> {
        let sets = files.into_iter().map(|(file, text)| read(file, text)).collect::<Result<_, _>>()?;
        Ok(CommCalibration { sets })
    }

    /// What `over` holds goes over the same here.
    pub fn overlay(&mut self, over: CommCalibration) {
        // The first set that holds is used.
        self.sets.splice(0..0, over.sets);
    }

    /// The curves of a tier under an architecture, nearest first: the same architecture and fabric (of the same stack
    /// first); the same fabric; a kindred operation on it; the same shape; anything.
    pub(super) fn resolve(
        &self,
        architecture: &str,
        tier: &Tier,
        stack: Option<&str>,
    ) -> Result<Kinds<Resolved>, CalibrationError> {
        let mut found = Vec::with_capacity(Kind::ALL.len());
        for kind in Kind::ALL {
            found.push(
                self.find(kind, architecture, tier, stack)
                    .ok_or_else(|| CalibrationError::NoCurve { operation: kind.name(), tier: tier.name.clone() })?,
            );
        }
        found.try_into().map_err(|_| CalibrationError::NoCurve { operation: "any", tier: tier.name.clone() })
    }

    fn find(&self, kind: Kind, architecture: &str, tier: &Tier, stack: Option<&str>) -> Option<Resolved> {
        let is = |field: &Option<String>, name: &str| field.as_deref().is_some_and(|f| f.eq_ignore_ascii_case(name));
        let here = |s: &Set| is(&s.scope.architecture, architecture) && is(&s.scope.fabric, &tier.name);
        let stacked = |s: &Set| here(s) && stack.is_some_and(|stack| is(&s.scope.stack, stack));
        let own = |s: &Set| here(s) && s.scope.stack.is_none();
        let fabric = |s: &Set| s.scope.architecture.is_none() && is(&s.scope.fabric, &tier.name);
        let shape = |s: &Set| {
            s.scope.architecture.is_none() && s.scope.fabric.is_none() && is(&s.scope.shape, shape_name(&tier.shape))
        };
        let any = |s: &Set| s.scope.architecture.is_none() && s.scope.fabric.is_none() && s.scope.shape.is_none();
        let search = |holds: &dyn Fn(&Set) -> bool, kind: Kind, basis| {
            let found = self.sets.iter().filter(|s| holds(s)).find_map(|s| Some((s, s.curves.get(&kind)?)))?;
            let (set, (curve, fit)) = found;
            Some(Resolved { curve: Arc::clone(curve), basis, scope: Arc::clone(&set.scope), fit: *fit })
        };
        let direct = |holds: &dyn Fn(&Set) -> bool, basis| search(holds, kind, basis);
        let kindred =
            |holds: &dyn Fn(&Set) -> bool, basis: Basis| kind.kin().iter().find_map(|&kin| search(holds, kin, basis));
        direct(&stacked, Basis::Measured)
            .or_else(|| direct(&own, Basis::Measured))
            .or_else(|| direct(&fabric, Basis::SameFabric))
            .or_else(|| kindred(&own, Basis::SameFabric))
            .or_else(|| kindred(&fabric, Basis::SameFabric))
            .or_else(|| direct(&shape, Basis::SameShape))
            .or_else(|| direct(&any, Basis::Other))
            .or_else(|| kindred(&any, Basis::Other))
    }
}

/// As calibration files write it.
fn shape_name(shape: &TierShape) -> &'static str {
    match shape {
        TierShape::Switch => "switch",
        TierShape::Mesh => "mesh",
        TierShape::Torus { .. } => "torus",
        TierShape::Clos { .. } => "clos",
    }
}

fn read(file: &str, text: &str) -> Result<Set, CalibrationError> {
    let spec: FileSpec = toml::from_str(text)
        .map_err(|e| CalibrationError::Malformed { file: file.to_owned(), message: e.to_string() })?;
    let bad = |operation: &str, message| CalibrationError::BadCurve {
        file: file.to_owned(),
        operation: operation.to_owned(),
        message,
    };
    let mut points: BTreeMap<Kind, (Vec<Point>, Fit)> = BTreeMap::new();
    for p in &spec.curve {
        let kind = Kind::from_name(&p.operation).ok_or_else(|| bad(&p.operation, "no such operation"))?;
        if p.rows == 0 || p.median.is_nan() || p.median < 0.0 {
            return Err(bad(&p.operation, "fitted to nothing"));
        }
        let point =
            Point { ranks: p.ranks, latency: p.latency.0, fill: p.fill, efficiency: p.efficiency, spread: p.p90 };
        let (points, fit) = points.entry(kind).or_default();
        points.push(point);
        // Of several numbers of ranks the worst counts.
        *fit = Fit { n: fit.n + p.rows as u32, median: fit.median.max(p.median), p90: fit.p90.max(p.p90), ..*fit };
    }
    let curve = |(kind, (points, fit)): (Kind, (Vec<Point>, Fit))| {
        let message = "ranks must differ and be at least 1, efficiency be in (0, 1], the rest not negative";
        let curve = Curve::new(points).ok_or_else(|| bad(kind.name(), message))?;
        Ok((kind, (Arc::new(curve), fit)))
    };
    let FileSpec { architecture, fabric, shape, stack, .. } = spec;
    Ok(Set {
        scope: Arc::new(Scope { architecture, fabric, shape, stack }),
        curves: points.into_iter().map(curve).collect::<Result<_, _>>()?,
    })
}

/// For whom the curves of a file hold; what is left out is pooled over.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope {
    /// Architecture of the chip.
    pub architecture: Option<String>,
    /// Name of the tier.
    pub fabric: Option<String>,
    /// "switch", "mesh", "torus" or "clos".
    pub shape: Option<String>,
    /// Kernels of one serving engine.
    pub stack: Option<String>,
}

/// Writes a file that [`CommCalibration::parse`] reads.
pub fn write(scope: &Scope, note: &str, curves: &BTreeMap<Kind, Vec<Measured>>) -> String {
    let mut text = String::new();
    let quoted = |value: &str| toml::Value::String(value.to_owned()).to_string();
    let Scope { architecture, fabric, shape, stack } = scope;
    for (key, value) in [("architecture", architecture), ("fabric", fabric), ("shape", shape), ("stack", stack)] {
        if let Some(value) = value {
            text += &format!("{key} = {}\n", quoted(value));
        }
    }
    text += &format!("note = {}\n", quoted(note));
    for (kind, points) in curves {
        for m in points {
            text += &format!(
                "\n[[curve]]\noperation = \"{}\"\nranks = {}\nlatency = \"{:.3} us\"\nfill = {:.3}\nefficiency = {:.4}\n\
                 rows = {}\nmedian = {:.3}\np90 = {:.3}\n",
                kind.name(),
                m.point.ranks,
                m.point.latency * 1e6,
                m.point.fill,
                m.point.efficiency,
                m.rows,
                m.median,
                m.point.spread,
            );
        }
    }
    text
}
