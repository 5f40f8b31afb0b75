//! What a row leaves open is taken as its author would have: what fits in memory at least cost.

use cost::train::{ContextExchange, Job, Offload, Plan, Pricer, Recompute, Schedule, Sharding};

use super::case::{Stated, TrainingCase};
use super::play::{Priced, price};
use crate::refusal::Refusal;
use crate::validate::Kind;

/// A run that was measured did fit: how much more than the device our count of its memory may be.
const SLACK: f64 = 1.15;

/// A plan with what was chosen for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Open {
    /// Priced.
    pub priced: Priced,
    /// What the row leaves open, by name.
    pub chosen: Vec<String>,
}

/// The cheapest plan that fits among those that the row allows.
///
/// # Errors
/// No plan divides the model, or none fits.
pub fn fill(job: &Job, case: &TrainingCase) -> Result<Open, Refusal> {
    let pricer = Pricer::new(*job);
    let devices = case.chips * u64::from(job.chip.devices.max(1));
    let mut best: Option<Priced> = None;
    let mut refusal = Refusal::Row("no split divides the model".to_owned());
    let mut least: Option<Priced> = None;
    for plan in plans(job, &case.stated, devices) {
        match price(&pricer, &plan) {
            Ok(priced) if priced.memory.fits() => {
                if best.as_ref().is_none_or(|b| priced.step.seconds < b.step.seconds) {
                    best = Some(priced);
                }
            }
            Ok(priced) => {
                if least.as_ref().is_none_or(|l| priced.memory.total() < l.memory.total()) {
                    least = Some(priced);
                }
            }
            Err(error) => refusal = error,
        }
    }
    if best.is_none()
        && let Some(tight) = least
    {
        // What is told of memory is to be met, whatever part it was.
        if case.kind() == Kind::Memory || tight.memory.total() <= tight.memory.capacity * SLACK {
            let mut chosen = open(&case.stated, &tight.plan);
            chosen.push(format!("memory exceeded by {:.1} GB", (tight.memory.total() - tight.memory.capacity) / 1e9));
            return Ok(Open { priced: tight, chosen });
        }
        refusal = Refusal::DoesNotFit { needs: tight.memory.total(), has: tight.memory.capacity };
    }
    let opened = |priced: Priced| Open { chosen: open(&case.stated, &priced.plan), priced };
    best.map(opened).ok_or(refusal)
}

/// What a plan has where the row says nothing.
fn open(s: &Stated, plan: &Plan) -> Vec<String> {
    let mut out = Vec::new();
    let mut note = |open: bool, text: String| {
        if open {
            out.push(text);
        }
    };
    note(s.tp.is_none(), format!("TP {}", plan.tp));
    note(s.pp.is_none(), format!("PP {}", plan.pp));
    note(plan.pp > 1 && s.chunks.is_none(), format!("{} chunks a stage", plan.chunks));
    note(s.micro_batch.is_none(), format!("micro-batch {}", plan.micro_batch));
    note(s.recompute.is_none(), format!("recompute {}", plan.recompute.name()));
    note(s.sharding.is_none(), plan.sharding.name().to_owned());
    note(plan.offload.activations, "activations offloaded".to_owned());
    out
}

fn options<T: Copy>(stated: Option<T>, all: &[T]) -> Vec<T> {
    stated.map_or_else(|| all.to_vec(), |s| vec![s])
}

fn plans(job: &Job, s: &Stated, devices: u64) -> Vec<Plan> {
    let mut out = Vec::new();
    let experts = job.model.is_moe();
    for tp in options(s.tp, &[1, 2, 4, 8]) {
        for pp in options(s.pp, &[1, 2, 4, 8, 16]) {
            let cp = s.cp.unwrap_or(1);
            let replica = u64::from(tp) * u64::from(pp) * u64::from(cp);
            if !devices.is_multiple_of(replica) {
                continue;
            }
            let dp = (devices / replica) as u32;
            let chunks = if pp == 1 { vec![1] } else { options(s.chunks, &[1, 2, 3, 4, 5, 6, 7, 8]) };
            let ep = if experts { s.ep.unwrap_or(1) } else { 1 };
            for chunks in chunks {
                for micro_batch in micro_batches(job, s, dp, tp * cp) {
                    for recompute in options(s.recompute, &[Recompute::None, Recompute::Selective, Recompute::Full]) {
                        for sharding in options(s.sharding, &[Sharding::Optimizer, Sharding::Parameters]) {
                            let schedule = schedule(s, chunks);
                            let all = dp * cp;
                            // Where a row counts replicas only, ranks that share a sequence share its shards too.
                            let each = |n: u32| if n * cp == all { all } else { n };
                            let shard = s.shard.map_or(all, |n| whole_shard(each(n), all));
                            let plan = Plan {
                                tp,
                                pp,
                                dp,
                                cp,
                                ep,
                                etp: 1,
                                chunks,
                                micro_batch,
                                schedule,
                                sequence_parallel: true,
                                context: s.context.unwrap_or(ContextExchange::AllGather),
                                sharding,
                                shard,
                                recompute,
                                offload: Offload::default(),
                            };
                            out.push(plan);
                            if s.offload && job.chip.host_link.is_some() {
                                let offload = Offload { optimizer: false, activations: true };
                                out.push(Plan { offload, ..plan });
                            }
                        }
                    }
                }
            }
        }
    }
    out
}

/// Shards count devices or chips: the largest that divides the ranks.
fn whole_shard(stated: u32, ranks: u32) -> u32 {
    (1..=stated.min(ranks)).rev().find(|n| ranks.is_multiple_of(*n)).unwrap_or(1)
}

fn micro_batches(job: &Job, s: &Stated, dp: u32, ranks: u32) -> Vec<u32> {
    let each = job.batch / u64::from(dp.max(1));
    let Some(stated) = s.micro_batch else {
        return [1, 2, 4, 8].into_iter().filter(|m| each.is_multiple_of(*m)).map(|m| m as u32).collect();
    };
    // Of one chip, or of one device; ranks that share a sequence share its count.
    let of_device = if stated < 0.0 { -stated / f64::from(job.chip.devices.max(1)) } else { stated };
    let count = (of_device * f64::from(if of_device < 1.0 { ranks } else { 1 })).round().max(1.0) as u64;
    if each.is_multiple_of(count) { vec![count as u32] } else { vec![each.clamp(1, 64) as u32] }
}

fn schedule(s: &Stated, chunks: u32) -> Schedule {
    match s.schedule {
        Some(schedule @ (Schedule::ZbH1 | Schedule::ZbV | Schedule::DualPipe)) => schedule,
        _ if chunks > 1 => Schedule::Interleaved,
        _ => Schedule::OneFOneB,
    }
}
