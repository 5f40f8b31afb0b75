//! A plan priced in closed form, and played by the event engine.

use cost::train::{Breakdown, ChunkCost, Job, Plan, Pricer, Schedule, StepTime, Terms, TrainingMemory};
use sim::Time;
use sim::train::{Chunk, Data, Pipeline, Ran, run};

use crate::refusal::Refusal;

/// A plan in closed form.
#[derive(Debug, Clone, PartialEq)]
pub struct Priced {
    /// The plan.
    pub plan: Plan,
    /// Layers and ends under its split.
    pub terms: Terms,
    /// Its step.
    pub step: StepTime,
    /// Its memory on the fullest device.
    pub memory: TrainingMemory,
}

/// A plan run by the event engine.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// As it was priced.
    pub priced: Priced,
    /// The step as it was played.
    pub step: StepTime,
    /// Everything that happened.
    pub ran: Ran,
}

/// Prices a plan in closed form.
///
/// # Errors
/// A plan that does not fit the model, or that the chip lacks a fact for. That it exceeds the memory is no error here.
pub fn price(pricer: &Pricer, plan: &Plan) -> Result<Priced, Refusal> {
    let job = pricer.job();
    plan.check(job.model, job.sequence, job.batch)?;
    let terms = pricer.terms(plan);
    let memory = job.memory(plan, &terms)?;
    Ok(Priced { plan: *plan, terms, step: job.step(plan, &terms), memory })
}

/// Plays a priced plan.
///
/// # Errors
/// A pipeline too large to be played.
pub fn play(job: &Job, priced: Priced) -> Result<Played, Refusal> {
    let plan = &priced.plan;
    let groups = job.groups(plan, &priced.terms);
    let stages = job.stages(plan, &priced.terms.layer, &priced.terms.ends, groups.shard);
    let micro_batches = plan.micro_batches(job.batch);
    let quality = &job.stack.overlap;
    let ps = |seconds: f64| Time::from_seconds(seconds).map_err(Refusal::from);
    let split = |seconds: f64, hidden: f64| -> Result<[Time; 2], Refusal> {
        Ok([ps(seconds * hidden)?, ps(seconds * (1.0 - hidden))?])
    };
    let count = stages.chunks;
    let share = |busy: f64| (busy * 1024.0).round() as u32;
    let mut chunks = Vec::with_capacity(count as usize);
    let mut data = Vec::with_capacity(count as usize);
    for index in 0..count {
        let cost = stages.chunk(index);
        let parts = u32::try_from(stages.layers(index)).unwrap_or(u32::MAX).max(1);
        chunks.push(Chunk {
            forward: ps(cost.forward)?,
            input: ps(cost.input)?,
            weight: ps(cost.weight)?,
            busy: cost.links.map(share),
            parts,
        });
        let of_chunk = 1.0 / f64::from(plan.chunks);
        data.push(Data {
            gather: split(groups.gather.seconds * of_chunk, quality.data)?,
            reduce: split(groups.reduce.seconds * of_chunk, quality.data)?,
            inner: groups.reduce.inner > 0.5 * groups.reduce.seconds,
        });
    }
    let pipeline = Pipeline {
        schedule: schedule(plan),
        stages: plan.pp,
        micro_batches: u32::try_from(micro_batches).unwrap_or(u32::MAX),
        chunks,
        hop: split(groups.hop, quality.pipeline)?,
        hop_inner: groups.hop_inner,
        data,
        optimizer: ps(groups.optimizer + job.stack.step)?,
    };
    let ran = run(&pipeline)?;
    let slow = (0..plan.pp).map(|s| job.stage(plan, &stages, s));
    let slow = slow.max_by(|a, b| a.total().total_cmp(&b.total())).unwrap_or_default();
    let step = told(job, plan, &groups, &slow, micro_batches as f64, &ran);
    Ok(Played { priced, step, ran })
}

/// Where a played step's time went: the parts of the slowest stage's work are those of the closed form, what it waited for
/// is what the engine saw.
fn told(
    job: &Job,
    plan: &Plan,
    groups: &cost::train::GroupTimes,
    slow: &ChunkCost,
    micro_batches: f64,
    ran: &Ran,
) -> StepTime {
    let formula = job.compose(plan, groups, slow, micro_batches, 0.0);
    let mut b: Breakdown = formula.breakdown;
    let seconds = ran.end.seconds();
    let work = slow.total() * micro_batches;
    let stand_still = if plan.pp > 1 {
        2.0 * groups.hop * f64::from(plan.chunks) * (1.0 - job.stack.overlap.pipeline) * micro_batches
    } else {
        0.0
    };
    b.pipeline = stand_still;
    let exchanged = ran.reduced.since(ran.pipeline_end);
    b.data = slow.exposed[3] * micro_batches + exchanged;
    let waited = (ran.pipeline_end.seconds() - work - stand_still).max(0.0);
    if plan.pp > 1 {
        b.bubble = waited;
    } else {
        // A single stage waits for its parameters only.
        b.data += waited;
        b.bubble = 0.0;
    }
    // Rounding, and what a stage that is not the slowest was late by.
    let rest = seconds - b.total();
    *(if plan.pp > 1 { &mut b.bubble } else { &mut b.other }) += rest;
    StepTime { seconds, breakdown: b, exchanges: formula.exchanges }
}

fn schedule(plan: &Plan) -> sim::train::Schedule {
    match plan.schedule {
        Schedule::GPipe => sim::train::Schedule::GPipe,
        Schedule::OneFOneB => sim::train::Schedule::OneFOneB,
        Schedule::Interleaved => sim::train::Schedule::Interleaved,
        Schedule::ZbH1 => sim::train::Schedule::ZbH1,
        Schedule::ZbV => sim::train::Schedule::ZbV,
        Schedule::DualPipe => sim::train::Schedule::DualPipe,
    }
}
