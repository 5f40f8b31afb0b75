//! The answer to a study of goodput: what every face shows. Shares are of the wall clock; times are in seconds.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use super::answer::{self, Effective};
use super::doubt::{Origin, What, Z90};
use super::study::{Candidate, Seen, SeenValue, SeenWhat, Study};
use crate::findings::Estimate;
use crate::train::Watch;

/// Version of the layout.
const SCHEMA: u32 = 2;

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// `goodput`.
    pub kind: String,
    /// Version of this layout.
    pub schema: u32,
    /// Version of the program.
    pub program: String,
    /// The study's title.
    pub title: String,
    /// The model, if the study names one.
    pub model: Option<String>,
    /// Wall clock of the job.
    pub length: f64,
    /// Bytes of a checkpoint.
    pub checkpoint: f64,
    /// Runs behind each interval, and the seed.
    pub runs: u32,
    /// See `runs`.
    pub seed: u64,
    /// Keys of the sources whose counts of failures were left out.
    pub without_sources: Vec<String>,
    /// The machines, in order of the study.
    pub systems: Vec<SystemFinding>,
}

/// The answer for one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SystemFinding {
    /// Key of its system in the catalog.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Its chip.
    pub chip: String,
    /// Chips of the job.
    pub chips: u32,
    /// Chips of a unit of replacement, units that the job uses, and spares.
    pub unit: f64,
    /// See `unit`.
    pub units: u32,
    /// See `unit`.
    pub spares: u32,
    /// Whether any unit can take the place of any other.
    pub rewire: bool,
    /// Key of its faults in the catalog.
    pub faults: String,
    /// What came out, or why nothing did.
    pub answer: Answer,
}

/// What came out, or why nothing did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Answer {
    /// How the job fares.
    Effective(Box<EffectiveFinding>),
    /// It cannot be told.
    Refused {
        /// Why.
        reason: String,
    },
}

/// How a job fares. See [`Effective`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EffectiveFinding {
    /// Share of useful time.
    pub ratio: Estimate,
    /// Its interval from chance alone.
    pub chance_alone: Estimate,
    /// Share of time in which the job was up.
    pub up: Estimate,
    /// Interruptions by faults.
    pub interruptions: Estimate,
    /// Planned stops.
    pub planned: Estimate,
    /// Mean time between interruptions by faults.
    pub mean_between: Option<f64>,
    /// Training between two saves.
    pub every: f64,
    /// The best by Daly's formula.
    pub best_every: f64,
    /// How long a save holds training up, until it can be used, and to read it.
    pub blocks: f64,
    /// See `blocks`.
    pub durable: f64,
    /// See `blocks`.
    pub reload: f64,
    /// Steps of the way back after a failed unit: name, seconds, how often it is needed.
    pub way_back: Vec<(String, f64, f64)>,
    /// Where the time goes, largest first.
    pub states: Vec<StateFinding>,
    /// What each cause did, most interruptions first.
    pub causes: Vec<CauseFinding>,
    /// Parts that fail.
    pub parts: Vec<PartFinding>,
    /// Share of the time in which one unit is up, all of the job's are, and as many are with the spares.
    pub unit_up: f64,
    /// See `unit_up`.
    pub all_up: f64,
    /// See `unit_up`.
    pub enough_up: f64,
    /// Facts in doubt, the one that matters most first.
    pub doubts: Vec<DoubtFinding>,
    /// What was seen of such a job, beside the prediction.
    pub observed: Vec<Observed>,
}

/// Time in a state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateFinding {
    /// `useful`, `lost work`, or a step of the way back.
    pub name: String,
    /// Share of the wall clock.
    pub share: Estimate,
}

/// What one cause did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CauseFinding {
    /// Kind of part.
    pub kind: String,
    /// Cause.
    pub name: String,
    /// Interruptions.
    pub interruptions: Estimate,
    /// Share of the wall clock whose training was lost, and until it trained again.
    pub lost: f64,
    /// See `lost`.
    pub down: f64,
}

/// A kind of part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartFinding {
    /// Its name.
    pub name: String,
    /// How many the job uses.
    pub count: f64,
    /// Failures of one a day.
    pub per_day: f64,
    /// Share of the time in which one is up, and in which all are.
    pub up: Option<f64>,
    /// See `up`.
    pub all_up: Option<f64>,
}

/// A fact in doubt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DoubtFinding {
    /// What kind of number: `rate`, `parts`, `repair`, `slower`, `stall`, `unnoticed`, `step`, `chance`.
    pub what: String,
    /// Of what: a part, a cause or a step; empty for the repair of a unit.
    pub of: String,
    /// Path of the fact.
    pub path: String,
    /// 5 % point, median and 95 % point: failures a day, seconds or a share.
    pub low: f64,
    /// See `low`.
    pub value: f64,
    /// See `low`.
    pub high: f64,
    /// Share of useful time with the number at its low and at its high point.
    pub ratio_at_low: f64,
    /// See `ratio_at_low`.
    pub ratio_at_high: f64,
}

/// What was seen of such a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// `interruptions`, `mean between`, `useful time` or `up time`.
    pub what: String,
    /// A count, seconds, or a share of the wall clock.
    pub value: f64,
    /// Whether it was only said to be more than this.
    pub at_least: bool,
    /// The prediction.
    pub predicted: Estimate,
    /// Whether the interval holds it, or reaches above it where more than this was seen.
    pub inside: bool,
    /// Share of runs above it, of useful time.
    pub above: Option<f64>,
    /// Who says so.
    pub source: String,
}

/// Answers a study. `done` is told each machine that is finished.
pub fn answer(study: &Study, done: &(dyn Fn(&str) + Sync)) -> Findings {
    findings(study, done, &|| false)
}

/// As [`answer`], for who looks on and may end it: nothing where somebody did, within a run's time.
pub fn watched(study: &Study, watch: Watch) -> Option<Findings> {
    let parts = AtomicUsize::new(0);
    let done = |_: &str| {
        let part = parts.fetch_add(1, Ordering::Relaxed) + 1;
        (watch.told)(part as f64 / study.systems.len().max(1) as f64);
    };
    let found = findings(study, &done, watch.stopped);
    (!(watch.stopped)()).then_some(found)
}

fn findings(study: &Study, done: &(dyn Fn(&str) + Sync), stopped: &(dyn Fn() -> bool + Sync)) -> Findings {
    let systems = study.systems.iter().map(|candidate| {
        let found = system(candidate, study, stopped);
        done(&found.name);
        found
    });
    let first = study.systems.first().map(|c| &c.job);
    Findings {
        kind: "goodput".to_owned(),
        schema: SCHEMA,
        program: format!("steelyard {}", env!("CARGO_PKG_VERSION")),
        title: study.title.clone(),
        model: study.model.as_ref().map(|m| m.name.clone()),
        length: first.map_or(0.0, |j| j.length.0),
        checkpoint: first.map_or(0.0, |j| j.checkpoint.size.0),
        runs: study.runs.count,
        seed: study.runs.seed,
        without_sources: study.runs.without.clone(),
        systems: systems.collect(),
    }
}

fn system(candidate: &Candidate, study: &Study, stopped: &(dyn Fn() -> bool + Sync)) -> SystemFinding {
    let Candidate { name, system, job, machine } = candidate;
    let unit = super::lower::unit(job, machine);
    let answer = match answer::watched(job, machine, &study.runs, stopped) {
        Ok(found) => Answer::Effective(Box::new(finding(&found, study.observed.as_ref()))),
        Err(refusal) => Answer::Refused { reason: refusal.to_string() },
    };
    SystemFinding {
        id: system.id.clone(),
        name: name.clone(),
        chip: system.chip.name.clone(),
        chips: job.chips,
        unit,
        units: (f64::from(job.chips) / unit).ceil() as u32,
        spares: machine.spares,
        rewire: machine.rewire,
        faults: machine.faults.id.clone(),
        answer,
    }
}

fn finding(found: &Effective, seen: Option<&Seen>) -> EffectiveFinding {
    let mut causes: Vec<CauseFinding> = found
        .causes
        .iter()
        .map(|c| CauseFinding {
            kind: c.kind.clone(),
            name: c.name.clone(),
            interruptions: c.interruptions,
            lost: c.lost,
            down: c.down,
        })
        .collect();
    causes.sort_by(|a, b| b.interruptions.value.total_cmp(&a.interruptions.value));
    let parts = found.parts.kinds.iter().map(|p| PartFinding {
        name: p.name.clone(),
        count: p.count,
        per_day: p.per_day,
        up: p.up,
        all_up: p.all_up,
    });
    let observed =
        |seen: &Seen| -> Vec<Observed> { seen.values.iter().map(|value| beside(found, value, &seen.source)).collect() };
    EffectiveFinding {
        ratio: found.ratio,
        chance_alone: found.chance_alone,
        up: found.up,
        interruptions: found.interruptions,
        planned: found.planned,
        mean_between: found.mean_between,
        every: found.every,
        best_every: found.best_every,
        blocks: found.blocks,
        durable: found.durable,
        reload: found.reload,
        way_back: found.way_back.clone(),
        states: found.states.iter().map(|(name, share)| StateFinding { name: name.clone(), share: *share }).collect(),
        causes,
        parts: parts.collect(),
        unit_up: found.parts.unit_up,
        all_up: found.parts.all_up,
        enough_up: found.parts.enough_up,
        doubts: found.doubts.iter().map(doubt).collect(),
        observed: seen.map(observed).unwrap_or_default(),
    }
}

/// A value that was seen beside the prediction.
fn beside(found: &Effective, seen: &SeenValue, source: &str) -> Observed {
    let predicted = match seen.what {
        SeenWhat::Interruptions => found.interruptions,
        SeenWhat::MeanBetween => found.between,
        SeenWhat::Useful => found.ratio,
        SeenWhat::Up => found.up,
    };
    let inside = match seen.at_least {
        true => predicted.high > seen.value,
        false => predicted.low <= seen.value && seen.value <= predicted.high,
    };
    Observed {
        what: seen.what.name().to_owned(),
        value: seen.value,
        at_least: seen.at_least,
        predicted,
        inside,
        above: (seen.what == SeenWhat::Useful).then(|| found.chance_above(seen.value)),
        source: source.to_owned(),
    }
}

fn doubt((origin, low, high): &(Origin, f64, f64)) -> DoubtFinding {
    const DAY: f64 = 86_400.0;
    let (what, of, unit) = match &origin.what {
        What::Rate(of) => ("rate", of.as_str(), DAY),
        What::Parts(of) => ("parts", of.as_str(), 1.0),
        What::Repair => ("repair", "", 1.0),
        What::RepairOf(of) => ("repair", of.as_str(), 1.0),
        What::Slower(of) => ("slower", of.as_str(), 1.0),
        What::Stall(of) => ("stall", of.as_str(), 1.0),
        What::Unnoticed(of) => ("unnoticed", of.as_str(), 1.0),
        What::Step(of) => ("step", of.as_str(), 1.0),
        What::Chance(of) => ("chance", of.as_str(), 1.0),
    };
    DoubtFinding {
        what: what.to_owned(),
        of: of.to_owned(),
        path: origin.path.clone(),
        low: origin.doubt.at(-Z90) * unit,
        value: origin.doubt.mid * unit,
        high: origin.doubt.at(Z90) * unit,
        ratio_at_low: *low,
        ratio_at_high: *high,
    }
}
