//! The best plans of one system: all that make sense are priced in closed form, the best few hundred are played.

use std::collections::BTreeMap;

use cost::train::{Job, Misplan, Overlap, Plan, Pricer, Stack, StepTime, Terms, TrainingMemory};
use rayon::prelude::*;

pub use super::choices::{Choices, Split};
use super::play::{Played, Priced, play};
use super::watch::{Parts, Watch};
use crate::refusal::Refusal;

/// What a search found.
#[derive(Debug, Clone)]
pub struct Searched {
    /// The plans that were played, fastest first.
    pub played: Vec<Played>,
    /// Plans priced in closed form.
    pub priced: u64,
    /// Of these, plans that exceed the memory.
    pub too_large: u64,
    /// Plans that do not divide the model or the batch, by reason.
    pub refused: BTreeMap<String, u64>,
    /// The least memory that any plan needs, where none fits.
    pub nearest: Option<(Plan, TrainingMemory)>,
    /// Whether the closed form and the event engine agree on the best plan.
    pub agreed: bool,
    /// The best plan of each width, narrowest first.
    pub widths: Vec<Width>,
}

/// The best plan of one degree of expert parallelism, or of tensor parallelism where there are no experts: what it costs to
/// spread a layer over so many devices.
#[derive(Debug, Clone, Copy)]
pub struct Width {
    /// The degree.
    pub degree: u32,
    /// In closed form.
    pub step: StepTime,
    /// The plan.
    pub plan: Plan,
    /// Its step if nothing hid any exchange.
    pub bare: StepTime,
}

/// The reason of a refusal without its numbers.
fn reason(error: &Misplan) -> String {
    match error {
        Misplan::Zero(name) => format!("{name} is zero"),
        Misplan::DoesNotDivide { degree, of, .. } => format!("{degree} does not divide the {of}"),
        Misplan::TooManyStages { .. } => "more chunks than layers".to_owned(),
        Misplan::Schedule { schedule, needs, .. } => {
            format!("{schedule} needs {}", needs.split('=').next().unwrap_or_default())
        }
        Misplan::ExpertsNeedSequenceParallel(_) => error.to_string(),
    }
}

/// A plan worth keeping: seconds, place in the order of the search, plan, step and memory.
struct Kept {
    seconds: f64,
    plan: Plan,
    step: StepTime,
    memory: TrainingMemory,
    split: usize,
}

struct Found {
    kept: Vec<Kept>,
    priced: u64,
    too_large: u64,
    refused: BTreeMap<String, u64>,
    nearest: Option<(Plan, TrainingMemory)>,
}

/// Searches the plans of a job: prices all, plays the best `played`.
///
/// # Errors
/// [`Refusal::Stopped`] if `watch` asks for it; a pipeline that cannot be played (ours to mend).
pub fn search(job: &Job, choices: &Choices, played: usize, watch: Watch) -> Result<Searched, Refusal> {
    let parts = Parts::new(watch, choices.splits.len() + played);
    let pricer = |split: usize| {
        if (watch.stopped)() {
            return Err(Refusal::Stopped);
        }
        let found = one_split(job, choices, split, played);
        parts.one();
        Ok(found)
    };
    let found: Result<Vec<_>, Refusal> = (0..choices.splits.len()).into_par_iter().map(pricer).collect();
    let found: Vec<(Found, Option<Terms>)> = found?;
    let mut all = Found { kept: Vec::new(), priced: 0, too_large: 0, refused: BTreeMap::new(), nearest: None };
    let mut terms = Vec::with_capacity(found.len());
    for (part, of_split) in found {
        terms.push(of_split);
        all.kept.extend(part.kept);
        all.priced += part.priced;
        all.too_large += part.too_large;
        for (why, count) in part.refused {
            *all.refused.entry(why).or_default() += count;
        }
        if let Some(near) = part.nearest
            && all.nearest.as_ref().is_none_or(|(_, m)| near.1.total() < m.total())
        {
            all.nearest = Some(near);
        }
    }
    all.kept.sort_by(|a, b| a.seconds.total_cmp(&b.seconds).then(a.plan.cmp(&b.plan)));
    let widths = widths(job, &all.kept, &terms);
    all.kept.truncate(played);
    let first = all.kept.first().map(|k| k.plan);
    let run = |kept: &Kept| -> Result<Option<Played>, Refusal> {
        if (watch.stopped)() {
            return Err(Refusal::Stopped);
        }
        let Some(terms) = terms[kept.split] else { return Ok(None) };
        parts.one();
        play(job, Priced { plan: kept.plan, terms, step: kept.step, memory: kept.memory }).map(Some)
    };
    let runs: Result<Vec<Option<Played>>, Refusal> = all.kept.par_iter().map(run).collect();
    let mut runs: Vec<Played> = runs?.into_iter().flatten().collect();
    runs.sort_by(|a, b| a.step.seconds.total_cmp(&b.step.seconds).then(a.priced.plan.cmp(&b.priced.plan)));
    let agreed = first == runs.first().map(|p| p.priced.plan);
    // Timelines of thousands of works are kept for the best only.
    for other in runs.iter_mut().skip(1) {
        other.ran.spans = Vec::new();
    }
    let nearest = if runs.is_empty() { all.nearest } else { None };
    let (priced, too_large, refused) = (all.priced, all.too_large, all.refused);
    Ok(Searched { played: runs, priced, too_large, refused, nearest, agreed, widths })
}

/// The best plan of every width among `kept`, which are in order of their steps.
fn widths(job: &Job, kept: &[Kept], terms: &[Option<Terms>]) -> Vec<Width> {
    let overlap = Overlap { tensor: 0.0, context: 0.0, expert: 0.0, paired: 0.0, data: 0.0, pipeline: 0.0 };
    let stack = Stack { overlap, ..*job.stack };
    let bare = Job { stack: &stack, ..*job };
    let mut found: BTreeMap<u32, Width> = BTreeMap::new();
    for k in kept {
        let degree = if job.model.is_moe() { k.plan.ep } else { k.plan.tp };
        if let (None, Some(terms)) = (found.get(&degree), &terms[k.split]) {
            found.insert(degree, Width { degree, step: k.step, plan: k.plan, bare: bare.step(&k.plan, terms) });
        }
    }
    found.into_values().collect()
}

fn one_split(job: &Job, choices: &Choices, index: usize, most: usize) -> (Found, Option<Terms>) {
    let split = &choices.splits[index];
    let mut found = Found { kept: Vec::new(), priced: 0, too_large: 0, refused: BTreeMap::new(), nearest: None };
    let mut terms: Option<Terms> = None;
    let mut misplans: Vec<(Misplan, u64)> = Vec::new();
    let uneven = choices.each(job, split, |plan| {
        if let Err(error) = plan.check(job.model, job.sequence, job.batch) {
            match misplans.iter_mut().find(|(e, _)| *e == error) {
                Some((_, count)) => *count += 1,
                None => misplans.push((error, 1)),
            }
            return;
        }
        let terms = terms.get_or_insert_with(|| Pricer::new(*job).terms(plan));
        found.priced += 1;
        let Ok(memory) = job.memory(plan, terms) else { return };
        if !memory.fits() {
            found.too_large += 1;
            if found.nearest.as_ref().is_none_or(|(_, m)| memory.total() < m.total()) {
                found.nearest = Some((*plan, memory));
            }
            return;
        }
        let step = job.step(plan, terms);
        found.kept.push(Kept { seconds: step.seconds, plan: *plan, step, memory, split: index });
        if found.kept.len() >= 4 * most.max(64) {
            shrink(&mut found.kept, most);
        }
    });
    shrink(&mut found.kept, most);
    if uneven > 0 {
        found.refused.insert("degrees that do not come out even".to_owned(), uneven);
    }
    for (error, count) in misplans {
        *found.refused.entry(reason(&error)).or_default() += count;
    }
    (found, terms)
}

fn shrink(kept: &mut Vec<Kept>, most: usize) {
    kept.sort_by(|a, b| a.seconds.total_cmp(&b.seconds).then(a.plan.cmp(&b.plan)));
    kept.truncate(most);
}
