//! Answers a training study.

use catalog::framework::frameworks_for;
use catalog::model::parameters;
use catalog::{Catalog, Diagnostic, Framework};
use cost::train::{Job, TrainingCalibration};

use super::choice::{choice, short};
use super::findings::{TrainingAnswer, TrainingFindings, TrainingSystem};
use super::rig::Rig;
use super::search::{Choices, Searched, search};
use super::study::{Best, TrainingCandidate, TrainingStudy};
use crate::interval::Intervals;
use crate::machine::Fitted;
use crate::refusal::Refusal;

/// Version of the findings' layout.
const SCHEMA: u32 = 1;
/// How MFU is counted.
pub const MFU: &str = "three times the forward operations of the weights that a token meets and of attended pairs \
                       (causal half), no recomputation, over the dense peak";

/// What answers rest on.
pub struct TrainingGround<'a> {
    /// The catalog: faults of systems.
    pub catalog: &'a Catalog,
    /// Operators and exchanges.
    pub fitted: &'a Fitted,
    /// Efficiencies of chips.
    pub chips: &'a TrainingCalibration,
    /// What predictions may be off by.
    pub intervals: &'a Intervals,
    /// Told the name of each system that is done.
    pub done: &'a (dyn Fn(&str) + Sync),
}

/// Answers a study.
///
/// # Errors
/// A framework's profile that is broken.
pub fn weigh(study: &TrainingStudy, ground: &TrainingGround) -> Result<TrainingFindings, Vec<Diagnostic>> {
    let mut systems = Vec::new();
    for candidate in &study.systems {
        systems.push(system(study, candidate, ground)?);
        (ground.done)(&candidate.candidate.system.name);
    }
    let merit = |s: &TrainingSystem| match &s.answer {
        TrainingAnswer::Trains(c) => match study.best {
            Best::Days => c.days.value,
            Best::Cost => c.cost.map_or(f64::MAX, |e| e.value),
            Best::Energy => c.energy.map_or(f64::MAX, |e| e.value),
            Best::TokensPerChip => -c.tokens_per_chip.value,
        },
        _ => f64::INFINITY,
    };
    // What misses a limit comes after all that keep them.
    let missed = |s: &TrainingSystem| matches!(&s.answer, TrainingAnswer::Trains(c) if !c.misses.is_empty());
    systems.sort_by(|a, b| missed(a).cmp(&missed(b)).then(merit(a).total_cmp(&merit(b))));
    systems.extend(study.incomplete.iter().map(|i| TrainingSystem {
        id: i.id.clone(),
        name: i.id.clone(),
        chip: String::new(),
        chips: i.chips.unwrap_or(0),
        answer: TrainingAnswer::Incomplete { missing: i.missing.clone() },
        priced: 0,
        too_large: 0,
        played: 0,
        agreed: true,
        refused: Vec::new(),
    }));
    let counted = parameters(&study.model);
    let best = super::study::BESTS.iter().find(|(_, b)| *b == study.best).map_or("", |(n, _)| n);
    Ok(TrainingFindings {
        schema: SCHEMA,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        title: study.title.clone(),
        model: study.model.name.clone(),
        parameters: counted.total as f64,
        active_parameters: counted.active as f64,
        tokens: study.tokens,
        sequence: study.sequence,
        batch: study.batch,
        precision: study.recipe.linear.to_string(),
        mfu_convention: MFU.to_owned(),
        objective: best.to_owned(),
        systems,
    })
}

pub(super) fn job<'a>(study: &'a TrainingStudy, rig: &'a Rig) -> Job<'a> {
    let mut job = rig.job(&study.model, study.recipe, study.sequence, study.batch);
    job.imbalance = study.imbalance;
    job.capacity = study.capacity;
    job.mtp = study.mtp;
    job
}

/// The framework with the fastest plan on a system.
pub(super) struct Winner<'a> {
    pub rig: Rig,
    pub framework: &'a Framework,
    pub found: Searched,
}

fn system(
    study: &TrainingStudy,
    asked: &TrainingCandidate,
    ground: &TrainingGround,
) -> Result<TrainingSystem, Vec<Diagnostic>> {
    let system = &asked.candidate.system;
    let frameworks = match &asked.framework {
        Some(name) => vec![Framework::load(name)?],
        None => frameworks_for(&system.chip.architecture)?,
    };
    let mut best: Option<Winner> = None;
    let mut refusal: Option<Refusal> = None;
    let (mut priced, mut too_large, mut played) = (0, 0, 0);
    for framework in &frameworks {
        let rig = match Rig::new(system, ground.fitted, ground.chips, framework) {
            Ok(rig) => rig,
            Err(error) => {
                refusal = Some(error);
                continue;
            }
        };
        let found = {
            let job = job(study, &rig);
            let choices = Choices::new(&job, &study.space, framework, rig.devices());
            search(&job, &choices, study.space.played as usize)
        };
        match found {
            Ok(found) => {
                priced += found.priced;
                too_large += found.too_large;
                played += found.played.len() as u64;
                let seconds = |s: &Searched| s.played.first().map_or(f64::INFINITY, |p| p.step.seconds);
                if best.as_ref().is_none_or(|b| seconds(&found) < seconds(&b.found)) {
                    best = Some(Winner { rig, framework, found });
                }
            }
            Err(error) => refusal = Some(error),
        }
    }
    let mut out = TrainingSystem {
        id: system.id.clone(),
        name: system.name.clone(),
        chip: system.chip.name.clone(),
        chips: asked.candidate.chips,
        answer: TrainingAnswer::Incomplete { missing: vec![refusal.map_or_else(String::new, |r| r.to_string())] },
        priced,
        too_large,
        played,
        agreed: true,
        refused: Vec::new(),
    };
    let Some(best) = best else { return Ok(out) };
    out.agreed = best.found.agreed;
    out.refused = best.found.refused.iter().map(|(why, n)| (why.clone(), *n)).collect();
    out.answer = match best.found.played.first() {
        Some(first) => TrainingAnswer::Trains(Box::new(choice(study, asked, &best, first, ground))),
        None => {
            let (needs, has, plan) = match &best.found.nearest {
                Some((plan, m)) => (m.total(), m.capacity, short(plan)),
                None => (0.0, 0.0, String::new()),
            };
            TrainingAnswer::NoPlan { needs, has, plan, nearest_chips: nearest(study, asked, &best, ground) }
        }
    };
    Ok(out)
}

/// The least doubling of chips with which some plan fits.
fn nearest(study: &TrainingStudy, asked: &TrainingCandidate, best: &Winner, ground: &TrainingGround) -> Option<u32> {
    let mut chips = asked.candidate.chips;
    for _ in 0..7 {
        chips = chips.checked_mul(2)?;
        let system = asked.candidate.system.with_chips(chips)?;
        let rig = Rig::new(&system, ground.fitted, ground.chips, best.framework).ok()?;
        let job = job(study, &rig);
        let choices = Choices::new(&job, &study.space, best.framework, rig.devices());
        if search(&job, &choices, 1).ok()?.played.first().is_some() {
            return Some(chips);
        }
    }
    None
}
