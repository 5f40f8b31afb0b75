//! Predicts measured training runs.

use std::collections::BTreeMap;

use catalog::{Catalog, Framework, System, TierShape};
use cost::calibration::Basis;
use cost::train::{FitBasis, TrainingCalibration};
use rayon::prelude::*;

use super::case::TrainingCase;
use super::fill::{Open, fill};
use super::play::play;
use super::rig::Rig;
use crate::interval::Intervals;
use crate::machine::Fitted;
use crate::refusal::Refusal;
use crate::validate::{File, Point, Predicted};

/// What predictions of training share.
#[derive(Debug, Clone)]
pub struct TrainingBench<'c> {
    /// The catalog.
    pub catalog: &'c Catalog,
    /// Operators and exchanges.
    pub fitted: &'c Fitted,
    /// Efficiencies of chips.
    pub chips: &'c TrainingCalibration,
    /// Profiles by name.
    pub frameworks: BTreeMap<String, Framework>,
    /// What predictions may be off by.
    pub intervals: &'c Intervals,
}

/// A case's step.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Seconds.
    pub seconds: f64,
    /// What stands behind it.
    pub open: Open,
    /// Whose training runs.
    pub basis: FitBasis,
}

impl TrainingBench<'_> {
    /// The system that a case ran on: the usual one of its chip, its outermost tier as wide as the run was. A torus is
    /// rented in slices: a run on more chips than the usual slice ran on a larger one, not on several.
    fn system(&self, case: &TrainingCase) -> Result<System, Refusal> {
        let chips = u32::try_from(case.chips).unwrap_or(u32::MAX);
        let found = self.catalog.usual_system(&case.catalog_chip);
        let usual = found.map_err(|e| Refusal::Row(format!("chip '{}': {e}", case.catalog_chip)))?;
        let torus = |s: &System| s.fabric.tiers.first().is_some_and(|t| matches!(t.shape, TierShape::Torus { .. }));
        let inner = |s: &System| s.fabric.tiers.first().map_or(0, |t| t.chips);
        let slices = self.catalog.systems_of(&usual.chip.id).filter(|s| torus(s) && inner(s) >= chips);
        let larger = slices.min_by_key(|s| (inner(s), s.id.clone()));
        let mut system = larger.filter(|_| torus(usual) && inner(usual) < chips).unwrap_or(usual).clone();
        if let Some(outer) = system.fabric.tiers.last_mut() {
            outer.chips = outer.chips.max(chips);
        }
        let smallest = chips.max(1);
        system
            .with_chips(smallest)
            .ok_or_else(|| Refusal::Row(format!("{} does not come with {chips} chips", system.name)))
    }

    /// The rig of a case.
    ///
    /// # Errors
    /// A chip that is unknown or cannot be priced.
    pub fn rig(&self, case: &TrainingCase) -> Result<Rig, Refusal> {
        let framework = self.frameworks.get(&case.framework);
        let framework = framework.ok_or_else(|| Refusal::Row(format!("no framework profile '{}'", case.framework)))?;
        Rig::new(&self.system(case)?, self.fitted, self.chips, framework)
    }

    /// Predicts a case on a rig that was made for it.
    ///
    /// # Errors
    /// Why it cannot be predicted.
    pub fn see(&self, case: &TrainingCase, rig: &Rig, played: bool) -> Result<Seen, Refusal> {
        if let Some(reason) = &case.refused {
            return Err(Refusal::Row(reason.clone()));
        }
        let model = case.model.as_ref().map_err(|e| Refusal::Row(e.clone()))?;
        let sequence = case.sequence.ok_or_else(|| Refusal::Row("the sequence is not stated".to_owned()))?;
        let batch = case.batch.ok_or_else(|| Refusal::Row("the batch is not stated".to_owned()))?;
        let mut job = rig.job(model, case.recipe, sequence, batch);
        job.mtp = case.mtp;
        let open = fill(&job, case)?;
        let seconds = if played { play(&job, open.priced.clone())?.step.seconds } else { open.priced.step.seconds };
        Ok(Seen { seconds, open, basis: rig.basis })
    }
}

/// Predicts every case, in their order.
pub fn predict(bench: &TrainingBench<'_>, cases: &[TrainingCase], tick: &(dyn Fn() + Sync)) -> Vec<Point> {
    let one = |case: &TrainingCase| {
        let rig = bench.rig(case);
        let seen = rig.as_ref().map_err(Clone::clone).and_then(|rig| bench.see(case, rig, true));
        let point = point(bench, case, rig.as_ref().ok(), &seen);
        tick();
        point
    };
    cases.par_iter().map(one).collect()
}

/// Whose training runs stand behind an efficiency, in the words of operators.
pub fn basis(basis: FitBasis) -> Basis {
    match basis {
        FitBasis::Chip => Basis::Chip,
        FitBasis::Architecture => Basis::Architecture,
        FitBasis::Class => Basis::Class,
    }
}

fn point(bench: &TrainingBench<'_>, case: &TrainingCase, rig: Option<&Rig>, seen: &Result<Seen, Refusal>) -> Point {
    let whose = rig.map_or(Basis::Assumed, |r| basis(r.basis));
    let (low, high) = bench.intervals.factors(case.kind(), whose, &case.framework);
    let predicted = seen.as_ref().map_err(ToString::to_string).and_then(|seen| {
        let at = |factor: f64| {
            let memory = case.memory_of(&seen.open.priced.memory).map(|m| m * factor);
            memory.or_else(|| case.value_of(seen.seconds * factor)).filter(|v| v.is_finite() && *v > 0.0)
        };
        let (value, a, b) = (at(1.0), at(low), at(high));
        match (value, a, b) {
            (Some(value), Some(a), Some(b)) => Ok(Predicted { value, low: a.min(b), high: a.max(b) }),
            _ => Err(format!("the metric '{}' is not predicted", case.metric)),
        }
    });
    let mut remarks: Vec<String> = case.doubt.clone().into_iter().collect();
    if let Ok(seen) = seen
        && !seen.open.chosen.is_empty()
    {
        remarks.push(format!("chosen: {}", seen.open.chosen.join(", ")));
    }
    let model = case.model.as_ref();
    Point {
        id: case.id.clone(),
        file: File::Training,
        source: case.source.clone(),
        metric: case.metric.clone(),
        kind: case.kind(),
        unit: case.unit.clone(),
        measured: case.value,
        predicted,
        remark: remarks.join("; "),
        plain: case.is_plain(),
        chip: case.chip.clone(),
        vendor: rig.map_or_else(String::new, |r| r.system.chip.vendor.clone()),
        model: case.model_name.clone(),
        class: model.map_or("", |m| if m.is_moe() { "MoE" } else { "dense" }).to_owned(),
        phase: "training".to_owned(),
        engine: case.framework.clone(),
        basis: whose,
    }
}
