//! Answers a training study.

use std::fmt;

use catalog::framework::frameworks_for;
use catalog::model::parameters;
use catalog::{Catalog, Diagnostic, Framework};
use cost::train::{Job, TrainingCalibration};

use super::choice::{choice, short};
use super::findings::{TrainingAnswer, TrainingFindings, TrainingSystem};
use super::rig::Rig;
use super::search::{Choices, Searched, search};
use super::study::{Best, TrainingCandidate, TrainingStudy};
use super::watch::Watch;
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
    /// Told how far the whole study is; may end it.
    pub watch: Watch<'a>,
}

/// Why a study has no answer.
#[derive(Debug, Clone, PartialEq)]
pub enum NoAnswer {
    /// A framework's profile is broken.
    Profile(Vec<Diagnostic>),
    /// [`Watch::stopped`] said so.
    Stopped,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            NoAnswer::Profile(faults) => match faults.first() {
                Some(fault) => fault.fmt(f),
                None => f.write_str("a framework's profile is broken"),
            },
            NoAnswer::Stopped => f.write_str("stopped"),
        }
    }
}

impl std::error::Error for NoAnswer {}

impl From<Vec<Diagnostic>> for NoAnswer {
    fn from(faults: Vec<Diagnostic>) -> NoAnswer {
        NoAnswer::Profile(faults)
    }
}

/// Answers a study: for each system the best plan with the time of a step ([`super::findings::TrainingChoice::step`]), the
/// shares of communication in it ([`on_links`](super::findings::TrainingChoice::on_links),
/// [`exposed`](super::findings::TrainingChoice::exposed)), and dollars a token
/// ([`cost_per_token`](TrainingFindings::cost_per_token)).
///
/// # Errors
/// [`NoAnswer`].
pub fn weigh(study: &TrainingStudy, ground: &TrainingGround) -> Result<TrainingFindings, NoAnswer> {
    let mut systems = Vec::new();
    let all = study.systems.len().max(1) as f64;
    for (place, candidate) in study.systems.iter().enumerate() {
        let told = |share: f64| (ground.watch.told)((place as f64 + share) / all);
        systems.push(system(study, candidate, ground, Watch { told: &told, ..ground.watch })?);
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
        program: format!("steelyard {}", env!("CARGO_PKG_VERSION")),
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
    watch: Watch,
) -> Result<TrainingSystem, NoAnswer> {
    let system = &asked.candidate.system;
    let frameworks = match &asked.framework {
        Some(name) => vec![Framework::load(name)?],
        None => frameworks_for(&system.chip.architecture)?,
    };
    let mut best: Option<Winner> = None;
    let mut refusal: Option<Refusal> = None;
    let (mut priced, mut too_large, mut played) = (0, 0, 0);
    let all = frameworks.len().max(1) as f64;
    for (place, framework) in frameworks.iter().enumerate() {
        let told = |share: f64| (watch.told)((place as f64 + share) / all);
        let watch = Watch { told: &told, ..watch };
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
            search(&job, &choices, study.space.played as usize, watch)
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
            Err(Refusal::Stopped) => return Err(NoAnswer::Stopped),
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
            TrainingAnswer::NoPlan { needs, has, plan, nearest_chips: nearest(study, asked, &best, ground, watch)? }
        }
    };
    Ok(out)
}

/// The least doubling of chips with which some plan fits.
fn nearest(
    study: &TrainingStudy,
    asked: &TrainingCandidate,
    best: &Winner,
    ground: &TrainingGround,
    watch: Watch,
) -> Result<Option<u32>, NoAnswer> {
    let mut chips = asked.candidate.chips;
    let watch = Watch { told: &|_| (), ..watch };
    for _ in 0..7 {
        let Some(more) = chips.checked_mul(2) else { break };
        chips = more;
        let Some(system) = asked.candidate.system.with_chips(chips) else { break };
        let Ok(rig) = Rig::new(&system, ground.fitted, ground.chips, best.framework) else { break };
        let job = job(study, &rig);
        let choices = Choices::new(&job, &study.space, best.framework, rig.devices());
        match search(&job, &choices, 1, watch) {
            Ok(found) if !found.played.is_empty() => return Ok(Some(chips)),
            Ok(_) => {}
            Err(Refusal::Stopped) => return Err(NoAnswer::Stopped),
            Err(_) => break,
        }
    }
    Ok(None)
}
