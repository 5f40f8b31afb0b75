//! Many runs, and what they say together.

use rayon::prelude::*;
use sim::goodput::{Account, Run, State, normals, run};

use super::doubt::{Origin, Values, Z90};
use super::lower::{Lowered, lower};
use super::parts::{Parts, parts};
use super::{Job, Machine, Refusal, Runs};
use crate::findings::Estimate;

/// Runs at each end of a fact in doubt: their difference has the same chance in it, so that few suffice.
const RUNS_AT_ENDS: u64 = 24;

/// How much of its time a job trains, and what it does with the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    /// Share of the wall clock that became training that stayed: effective training time, goodput. The value is the mean
    /// with all facts at their values; low and high hold nine runs of ten, facts in doubt and chance together.
    pub ratio: Estimate,
    /// The same interval from chance alone, facts at their values.
    pub chance_alone: Estimate,
    /// Share of the wall clock in which the job was up: trained, or was held up by a save.
    pub up: Estimate,
    /// Interruptions of training by faults.
    pub interruptions: Estimate,
    /// Planned stops.
    pub planned: Estimate,
    /// Time in which the job was up, for each interruption by a fault, seconds.
    pub between: Estimate,
    /// Mean time between interruptions by faults, seconds, facts at their values; none where nothing fails.
    pub mean_between: Option<f64>,
    /// Training between two saves, seconds.
    pub every: f64,
    /// The best by Daly's formula, bounded by what a save takes, seconds.
    pub best_every: f64,
    /// How long a save holds training up, until it can be used, and how long it takes to read back, seconds.
    pub blocks: f64,
    /// See `blocks`.
    pub durable: f64,
    /// See `blocks`.
    pub reload: f64,
    /// Steps of the way back after a failed unit, facts at their values: name, seconds, and how often it is needed.
    pub way_back: Vec<(String, f64, f64)>,
    /// Share of the wall clock in each state, largest first; values add up to 1.
    pub states: Vec<(String, Estimate)>,
    /// What each cause did.
    pub causes: Vec<Cause>,
    /// What the machine is made of, as far as it fails.
    pub parts: Parts,
    /// Facts in doubt with the share of useful time at their low and high ends, the widest first.
    pub doubts: Vec<(Origin, f64, f64)>,
    ratios: Vec<f64>,
}

/// What faults of one cause did to the job.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// Kind of part.
    pub kind: String,
    /// Cause.
    pub name: String,
    /// Interruptions of training.
    pub interruptions: Estimate,
    /// Share of the wall clock whose training was lost with it.
    pub lost: f64,
    /// Share of the wall clock until it trained again.
    pub down: f64,
}

impl Effective {
    /// Share of runs in which more than `ratio` of the time was useful.
    pub fn chance_above(&self, ratio: f64) -> f64 {
        self.ratios.iter().filter(|r| **r > ratio).count() as f64 / self.ratios.len().max(1) as f64
    }
}

/// How much of its time `job` trains on `machine`. The same input gives the same bytes on any number of threads.
///
/// # Errors
/// No evidence of a rate is left, the catalog lacks a way back, or a setting makes no sense.
pub fn effective(job: &Job, machine: &Machine, runs: &Runs) -> Result<Effective, Refusal> {
    watched(job, machine, runs, &|| false)
}

/// As [`effective`], until somebody wants the answer no more: `stopped` is asked before every run, from any thread.
///
/// # Errors
/// As [`effective`]; [`Refusal::Stopped`].
pub fn watched(
    job: &Job,
    machine: &Machine,
    runs: &Runs,
    stopped: &(dyn Fn() -> bool + Sync),
) -> Result<Effective, Refusal> {
    let go_on = || if stopped() { Err(Refusal::Stopped) } else { Ok(()) };
    let mut values = Values::default();
    let plain = lower(job, machine, &runs.without, &mut values)?;
    let origins = values.origins;
    let count = u64::from(runs.count.max(1));
    let drawn: Vec<Run> = (0..count)
        .into_par_iter()
        .map(|i| {
            go_on()?;
            let mut values = Values::new(normals(runs.seed, i, origins.len()));
            let lowered = lower(job, machine, &runs.without, &mut values)?;
            // A rhythm is chosen by what is known beforehand, not by how a run turns out.
            let checkpoints = plain.scenario.checkpoints;
            Ok(run(&sim::goodput::Scenario { checkpoints, ..lowered.scenario }, runs.seed, i)?)
        })
        .collect::<Result<_, Refusal>>()?;
    let at_values: Vec<Run> = (0..count)
        .into_par_iter()
        .map(|i| {
            go_on()?;
            Ok(run(&plain.scenario, runs.seed, i)?)
        })
        .collect::<Result<_, Refusal>>()?;
    let doubts = doubts(job, machine, runs, &origins, &plain)?;
    let parts = parts(job, machine, &runs.without)?;
    Ok(summary(&plain, &drawn, &at_values, doubts, parts))
}

/// The first run with all facts at their values, with its states over time, and what its indices mean.
///
/// # Errors
/// As [`effective`].
pub fn trace(job: &Job, machine: &Machine, runs: &Runs) -> Result<(Run, Lowered), Refusal> {
    let lowered = lower(job, machine, &runs.without, &mut Values::default())?;
    Ok((sim::goodput::trace(&lowered.scenario, runs.seed, 0)?, lowered))
}

fn summary(
    plain: &Lowered,
    drawn: &[Run],
    at_values: &[Run],
    doubts: Vec<(Origin, f64, f64)>,
    parts: Parts,
) -> Effective {
    let length = plain.scenario.length.seconds();
    let share = |state: State| move |run: &Run| run.account.of(state).seconds() / length;
    let estimate = |of: &dyn Fn(&Run) -> f64| estimate(at_values, drawn, of);
    let ratio = share(State::Useful);
    let is_up =
        |state: State| matches!(state, State::Useful | State::Lost | State::Slow | State::Shrunk | State::Saving);
    let up = |account: &Account| account.states().filter(|(s, _)| is_up(*s)).map(|(_, t)| t.seconds()).sum::<f64>();
    let mut states: Vec<(String, Estimate)> = PLAIN
        .iter()
        .map(|&(state, name)| (name.to_owned(), estimate(&share(state))))
        .chain(plain.steps.iter().enumerate().map(|(i, name)| (name.clone(), estimate(&share(State::Step(i as u8))))))
        .filter(|(_, e)| e.high > 0.0)
        .collect();
    states.sort_by(|a, b| b.1.value.total_cmp(&a.1.value));
    let causes = plain.faults.iter().enumerate().map(|(i, (kind, name))| Cause {
        kind: kind.clone(),
        name: name.clone(),
        interruptions: estimate(&|run| f64::from(run.tolls[i].interruptions)),
        lost: mean(at_values, |run| run.tolls[i].lost.seconds() / length),
        down: mean(at_values, |run| run.tolls[i].down.seconds() / length),
    });
    let checkpoints = plain.scenario.checkpoints;
    let ratios: Vec<f64> = drawn.iter().map(ratio).collect();
    let way_back = plain.scenario.paths.replace.iter();
    let way_back = way_back.map(|s| (plain.steps[usize::from(s.name)].clone(), s.lasts.seconds(), s.chance));
    Effective {
        ratio: estimate(&ratio),
        chance_alone: self::estimate(at_values, at_values, &ratio),
        up: estimate(&|run| up(&run.account) / length),
        interruptions: estimate(&|run| f64::from(run.interruptions())),
        planned: estimate(&|run| f64::from(run.planned.interruptions)),
        // A run without any tells no more than that they are further apart than it is long.
        between: estimate(&|run| up(&run.account) / f64::from(run.interruptions().max(1))),
        mean_between: Some(plain.mean_between).filter(|m| m.is_finite()),
        every: checkpoints.every.seconds(),
        best_every: plain.best_every,
        blocks: checkpoints.blocks.seconds(),
        durable: checkpoints.durable.seconds(),
        reload: plain.reload,
        way_back: way_back.collect(),
        states,
        causes: causes.collect(),
        parts,
        doubts,
        ratios,
    }
}

/// Names of states that are no steps.
const PLAIN: [(State, &str); 8] = [
    (State::Useful, "useful"),
    (State::Lost, "lost work"),
    (State::Slow, "slow parts"),
    (State::Shrunk, "missing units"),
    (State::Saving, "saving"),
    (State::Stalled, "stalled"),
    (State::Waiting, "waiting for repair"),
    (State::Maintenance, "maintenance"),
];

/// What a state is called in an answer.
pub fn state_name(state: State, steps: &[String]) -> &str {
    match state {
        State::Step(i) => steps.get(usize::from(i)).map_or("", String::as_str),
        plain => PLAIN.iter().find(|(s, _)| *s == plain).map_or("", |(_, name)| name),
    }
}

fn mean(runs: &[Run], of: impl Fn(&Run) -> f64) -> f64 {
    runs.iter().map(of).sum::<f64>() / runs.len() as f64
}

/// The mean of some runs between the 5 % and 95 % points of others.
fn estimate(at_values: &[Run], drawn: &[Run], of: &dyn Fn(&Run) -> f64) -> Estimate {
    let value = mean(at_values, of);
    let mut sorted: Vec<f64> = drawn.iter().map(of).collect();
    sorted.sort_by(f64::total_cmp);
    let at = |p: f64| sorted[((sorted.len() - 1) as f64 * p).round() as usize];
    // With few runs the mean of the one set may lie outside the points of the other.
    Estimate { value, low: at(0.05).min(value), high: at(0.95).max(value) }
}

/// What the share of useful time would be at either end of each fact in doubt, the others at their values.
fn doubts(
    job: &Job,
    machine: &Machine,
    runs: &Runs,
    origins: &[Origin],
    plain: &Lowered,
) -> Result<Vec<(Origin, f64, f64)>, Refusal> {
    let length = plain.scenario.length.seconds();
    let at = |index: usize, z: f64| -> Result<f64, Refusal> {
        let mut normals = vec![0.0; origins.len()];
        normals[index] = z;
        let lowered = lower(job, machine, &runs.without, &mut Values::new(normals))?;
        let scenario = sim::goodput::Scenario { checkpoints: plain.scenario.checkpoints, ..lowered.scenario };
        let mut sum = 0.0;
        for i in 0..RUNS_AT_ENDS {
            sum += run(&scenario, runs.seed, i)?.account.of(State::Useful).seconds() / length;
        }
        Ok(sum / RUNS_AT_ENDS as f64)
    };
    let mut doubts: Vec<(Origin, f64, f64)> = origins
        .par_iter()
        .enumerate()
        .filter(|(_, origin)| !origin.doubt.is_exact())
        .map(|(i, origin)| Ok((origin.clone(), at(i, -Z90)?, at(i, Z90)?)))
        .collect::<Result<_, Refusal>>()?;
    doubts.sort_by(|a, b| (b.1 - b.2).abs().total_cmp(&(a.1 - a.2).abs()));
    Ok(doubts)
}
