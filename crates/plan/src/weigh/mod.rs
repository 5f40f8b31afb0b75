//! Weighing: a study in, the answer out.
//!
//! Searches every candidate ([`crate::search`]) and says of the best set-up of each what a reader has to know: figures
//! with intervals, what limits it, where its time goes, what it costs and which facts it rests on.

mod breakdown;
mod choice;
mod even;
mod facts;
mod fits;
mod spread;
mod words;

pub use breakdown::{Parts, breakdown};
pub use even::{BreakEven, Lever, Measure, Moved, NoBreakEven, break_even};
pub use facts::End;
pub use fits::Fits;

use catalog::model::{kv_bytes_per_token, parameters};
use catalog::{Catalog, Engine};
use rayon::prelude::*;

use crate::findings::{Answer, Findings, ModelSummary, SystemFinding, TierFinding};
use crate::interval::Intervals;
use crate::machine::Fitted;
use crate::search::{self, Ceiling, Found, Recall};
use crate::study::{Candidate, Incomplete, Objective, Study};

/// What weighing rests on.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// Systems, and titles of sources.
    pub catalog: &'a Catalog,
    /// Times of operators and exchanges.
    pub fitted: &'a Fitted,
    /// How far a prediction may be off.
    pub intervals: &'a Intervals,
    /// Told of each candidate that is done.
    pub done: &'a (dyn Fn(&str) + Sync),
}

/// Version of the layout of [`Findings`].
const SCHEMA: u32 = 2;

/// Answers a study. The same study gives the same answer on any number of threads.
pub fn weigh(study: &Study, ground: &Ground) -> Findings {
    let engines = engines(study, ground.catalog);
    let one = |(candidate, engines): (&Candidate, &Vec<Engine>)| {
        let finding = weigh_one(study, candidate, engines, ground, &Recall::default());
        (ground.done)(&candidate.system.name);
        finding
    };
    let systems = study.systems.par_iter().zip(engines.par_iter()).map(one).collect();
    assemble(study, systems, ground.catalog)
}

/// The answer of which `systems` are the parts that can be weighed: ranks them, adds those that lack facts and what the
/// answer says of the question.
pub fn assemble(study: &Study, mut systems: Vec<SystemFinding>, catalog: &Catalog) -> Findings {
    systems.extend(study.incomplete.iter().map(|i| incomplete(i, catalog)));
    systems.sort_by(|a, b| rank(study.objective, a).total_cmp(&rank(study.objective, b)));
    Findings {
        schema: SCHEMA,
        program: format!("steelyard {}", env!("CARGO_PKG_VERSION")),
        title: study.title.clone(),
        model: model(study),
        traffic: words::traffic(&study.traffic),
        levels: words::levels(&study.levels),
        objective: words::objective(study.objective).to_owned(),
        systems,
    }
}

/// The engines of each candidate: the one that the study names, or all that run on its chip.
pub fn engines(study: &Study, catalog: &Catalog) -> Vec<Vec<Engine>> {
    let of = |c: &Candidate| match c.engine.as_deref().and_then(|id| catalog.engine(id)) {
        Some(named) => vec![named.clone()],
        None => catalog.engines_for(&c.system.chip.architecture),
    };
    study.systems.iter().map(of).collect()
}

/// The answer for one candidate, with the engines that may run on it and what was found out about it before.
pub fn weigh_one(
    study: &Study,
    candidate: &Candidate,
    engines: &[Engine],
    ground: &Ground,
    recall: &Recall,
) -> SystemFinding {
    let system = &candidate.system;
    let mut finding = SystemFinding {
        id: system.id.clone(),
        name: system.name.clone(),
        chip: system.chip.name.clone(),
        vendor: system.chip.vendor.clone(),
        chips: candidate.chips,
        tiers: system.fabric.tiers.iter().map(TierFinding::of).collect(),
        optical_switches: system.parts.get("optical_switches").map(catalog::Fact::mid),
        answer: Answer::Incomplete { missing: Vec::new() },
        pareto: Vec::new(),
        tried: 0,
        rejected: Vec::new(),
    };
    let found = match search::search(study, candidate, engines, ground.fitted, recall) {
        Ok(found) => found,
        Err(refusal) => {
            finding.answer = Answer::Incomplete { missing: vec![refusal.to_string()] };
            return finding;
        }
    };
    finding.tried = found.tried;
    finding.rejected = found.rejected.clone();
    finding.pareto = choice::pareto(study, candidate, &found);
    finding.chips = chips_used(study, candidate, &found);
    finding.answer = match (&found.best, &found.unserved) {
        (Some((point, ceiling)), _) => {
            Answer::Served(Box::new(choice::choice(study, candidate, &found, point, ceiling, ground)))
        }
        (None, Some(reason)) => {
            let near = |point| choice::choice(study, candidate, &found, point, &Ceiling::Level(reason.clone()), ground);
            Answer::Unserved { reason: reason.clone(), nearest: found.nearest.as_ref().map(near).map(Box::new) }
        }
        (None, None) => Answer::Incomplete { missing: vec!["no engine profile runs this model here".to_owned()] },
    };
    finding
}

/// Chips of the candidate; fewer where the study asks for the fewest.
fn chips_used(study: &Study, candidate: &Candidate, found: &Found) -> u32 {
    match &found.best {
        Some((point, _)) if study.objective == Objective::Chips => {
            let plan = &found.plans[point.plan];
            let machine = &found.fields[plan.field].machine;
            let devices = f64::from(plan.pools.devices()) * point.copies;
            (devices / f64::from(machine.system.chip.devices.max(1))).ceil() as u32
        }
        _ => candidate.chips,
    }
}

fn incomplete(lacking: &Incomplete, catalog: &Catalog) -> SystemFinding {
    let listed = catalog.listed_system(&lacking.id).ok();
    let chip = listed.and_then(|l| l.spec.chip.as_deref()).and_then(|c| catalog.listed_chip(c).ok());
    let text = |t: Option<&String>| t.cloned().unwrap_or_default();
    SystemFinding {
        id: lacking.id.clone(),
        name: listed.and_then(|l| l.spec.name.clone()).unwrap_or_else(|| lacking.id.clone()),
        chip: text(chip.and_then(|c| c.spec.name.as_ref())),
        vendor: text(chip.and_then(|c| c.spec.vendor.as_ref())),
        chips: lacking.chips.unwrap_or(0),
        tiers: Vec::new(),
        optical_switches: None,
        answer: Answer::Incomplete { missing: lacking.missing.clone() },
        pareto: Vec::new(),
        tried: 0,
        rejected: Vec::new(),
    }
}

/// Place in the ranking: less is better. What serves but lacks the figure (a price) comes after what has it, then what
/// cannot serve, then what lacks facts.
fn rank(objective: Objective, finding: &SystemFinding) -> f64 {
    const NO_FIGURE: f64 = 1e30;
    match &finding.answer {
        Answer::Served(choice) => match objective {
            Objective::CostPerToken => {
                choice.cost.as_ref().map_or(NO_FIGURE - choice.tokens_per_chip.value * 1e15, |c| c.per_million.value)
            }
            Objective::TokensPerChip => -choice.tokens_per_chip.value,
            Objective::Energy => {
                choice.energy_per_token.map_or(NO_FIGURE - choice.tokens_per_chip.value * 1e15, |e| e.value)
            }
            Objective::Chips => f64::from(finding.chips),
        },
        Answer::Unserved { .. } => 2.0 * NO_FIGURE,
        Answer::Incomplete { .. } => 3.0 * NO_FIGURE,
    }
}

fn model(study: &Study) -> ModelSummary {
    let counts = parameters(&study.model);
    let weights = study.weights.map_or_else(
        || {
            let w = &study.model.weights;
            (if study.model.is_moe() { w.experts } else { w.dense }).to_string()
        },
        |scheme| scheme.to_string(),
    );
    let kv = study.kv.or(study.model.kv).unwrap_or(formats::Scheme::BF16);
    ModelSummary {
        name: study.model.name.clone(),
        parameters: counts.total as f64,
        active_parameters: counts.active as f64,
        weights,
        kv_bytes_per_token: kv_bytes_per_token(&study.model, kv),
    }
}
