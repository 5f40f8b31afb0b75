//! Several collectives at once on one machine.

use std::collections::BTreeMap;

use catalog::System;

use super::{Bench, EstimateError};
use crate::collective::{Algorithm, Fidelity, Operation, Step, lower, lower_as};
use crate::fault::{Damage, Fault};
use crate::flow::{Job, run};
use crate::graph::{Graph, NodeId, NodeKind, build};
use crate::place::Placement;

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// What.
    pub operation: Operation,
    /// Buffer of one rank.
    pub bytes: f64,
    /// How.
    pub algorithm: Algorithm,
    /// Ranks on chips.
    pub placement: Placement,
}

impl Bench<'_> {
    /// How much longer each takes by flows when all start together than alone. Links are whole but for the faults, and every
    /// family reaches its share of them. At a chip each collective weighs the same, however many streams it cuts its bytes
    /// into. Each runs once, so a long one has the links to itself again when the short ones are done.
    ///
    /// # Errors
    /// [`EstimateError`] if the fabric does not join as many chips, or one of them cannot be done.
    pub fn together(&self, shares: &[Share], faults: &[Fault]) -> Result<Vec<f64>, EstimateError> {
        let last = shares.iter().flat_map(|s| &s.placement.chips).max().map_or(0, |c| c.saturating_add(1));
        let bench = Bench { graph: graph_of(self.system, last)?, ..self.clone() };
        let damage = Damage::of(&bench.graph, faults, bench.routing)?;
        let mut jobs = Vec::new();
        for share in shares {
            jobs.push(bench.job(share, &damage)?);
        }
        // Dead links are in no way, but resources must have a capacity.
        let links = bench.graph.links.iter().zip(&damage.capacity);
        let capacities: Vec<f64> =
            links.map(|(l, &c)| if c > 0.0 { c * bench.reach(Algorithm::Ring, l.tier) } else { 1.0 }).collect();
        let together = run(&capacities, &jobs)?.finish;
        let alone = |job: &Job| Ok(run(&capacities, std::slice::from_ref(job))?.finish[0]);
        let alone = jobs.iter().map(alone).collect::<Result<Vec<f64>, EstimateError>>()?;
        Ok(together.iter().zip(alone).map(|(t, a)| if a > 0.0 { (t / a).max(1.0) } else { 1.0 }).collect())
    }

    /// A collective as a job over links.
    fn job(&self, share: &Share, damage: &Damage) -> Result<Job, EstimateError> {
        let Share { operation, bytes, algorithm, placement } = share;
        placement.check(self.graph.chips.len() as u32)?;
        if let Some((rank, &chip)) = placement.chips.iter().enumerate().find(|(_, c)| damage.chips.contains(c)) {
            return Err(EstimateError::DeadChip { chip, rank });
        }
        let schedule = self.schedule(placement, *operation, *bytes, *algorithm)?;
        let step = |tier: u8| self.step(tier);
        let lowered = lower(&self.graph, &damage.capacity, placement, &schedule, self.routing, &step)?;
        // Streams of others know links, not classes of links.
        let lowered = match lowered.fidelity {
            Fidelity::Alike => {
                let how = (self.routing, &step as crate::collective::StepTime<'_>);
                lower_as(&self.graph, &damage.capacity, placement, &schedule, how, Fidelity::Loads)?
            }
            _ => lowered,
        };
        let loads = lowered.fidelity == Fidelity::Loads;
        let mut job = lowered.job;
        for (phase, step) in job.phases.iter_mut().zip(&schedule.steps) {
            let mut widest = 1.0;
            if *algorithm == Algorithm::InNetwork {
                // Of the same link they reach another share.
                let wider = |link: u32| {
                    let tier = self.graph.links[link as usize].tier;
                    self.reach(Algorithm::Ring, tier) / self.reach(Algorithm::InNetwork, tier)
                };
                let links = (0..phase.streams.len()).flat_map(|i| phase.streams.uses(i));
                widest = links.map(|&(link, _)| wider(link)).fold(1.0, f64::max);
                phase.streams.widen(wider);
            }
            if !loads {
                // Links are shared by the time that each holds them, not by the bytes that it brings in it.
                phase.streams.weigh(1.0 / (widest * streams_of_a_chip(&self.graph, step, placement.len())));
            }
        }
        Ok(job)
    }
}

/// Most streams that one chip sends, or receives, at a time in a step.
fn streams_of_a_chip(graph: &Graph, step: &Step, ranks: usize) -> f64 {
    let mut sends: BTreeMap<(NodeId, bool), u32> = BTreeMap::new();
    for s in &step.sends {
        *sends.entry((s.from, true)).or_default() += 1;
        *sends.entry((s.to, false)).or_default() += 1;
    }
    // A switch that adds sends to all of them.
    sends.retain(|(node, _), _| graph.nodes[*node as usize].kind == NodeKind::Chip);
    let pairs = if step.every_pair > 0.0 { ranks as u32 - 1 } else { 0 };
    f64::from((sends.values().copied().max().unwrap_or(0) + pairs).max(1))
}

fn graph_of(system: &System, chips: u32) -> Result<Graph, EstimateError> {
    Ok(build(system, chips)?)
}

#[cfg(test)]
mod tests {
    use catalog::Catalog;

    use super::*;
    use crate::estimate::Place;
    use crate::family::Families;
    use crate::price::CommCalibration;
    use crate::route::Routing;

    fn slowdowns(system: &str, shares: &[(Operation, f64, Algorithm, Vec<u32>)]) -> Vec<f64> {
        let (catalog, families) = (Catalog::embedded(), Families::embedded().expect("sound"));
        let curves = CommCalibration::embedded().expect("sound");
        let system = catalog.system(system).expect("known");
        let bench = Bench::new(system, Some(2), &Place::Packed, &curves, &families, Routing::Ecmp).expect("fits");
        let share = |(operation, bytes, algorithm, chips): &(Operation, f64, Algorithm, Vec<u32>)| Share {
            operation: *operation,
            bytes: *bytes,
            algorithm: *algorithm,
            placement: Placement { chips: chips.clone() },
        };
        bench.together(&shares.iter().map(share).collect::<Vec<_>>(), &[]).expect("possible")
    }

    #[test]
    fn strangers_on_a_switch_do_not_meet() {
        let ring = |chips: std::ops::Range<u32>| (Operation::AllReduce, 1e9, Algorithm::Ring, chips.collect());
        let alone = slowdowns("nvidia_gb200_nvl72", &[ring(0..8), ring(8..16)]);
        assert!(alone.iter().all(|s| (s - 1.0).abs() < 1e-9), "{alone:?}");
    }

    #[test]
    fn many_streams_weigh_no_more_than_one() {
        // A ring has one stream a chip, an all-to-all fifteen; both hold the links for the same time alone.
        let chips: Vec<u32> = (0..16).collect();
        let shares = [
            (Operation::AllToAll, 16e9, Algorithm::Direct, chips.clone()),
            (Operation::AllGather, 16e9, Algorithm::Ring, chips),
        ];
        let both = slowdowns("nvidia_gb200_nvl72", &shares);
        assert!(both.iter().all(|s| (s - 2.0).abs() < 0.02), "{both:?}");
        // Switches that add send to every chip; a chip still has one stream each way.
        let chips: Vec<u32> = (0..16).collect();
        let adding = (Operation::AllReduce, 1e12, Algorithm::InNetwork, chips.clone());
        let short = slowdowns("nvidia_gb200_nvl72", &[adding, (Operation::AllToAll, 1e10, Algorithm::Direct, chips)]);
        assert!((short[1] - 2.0).abs() < 0.05, "{short:?}");
    }

    #[test]
    fn the_same_chips_are_shared_fairly() {
        let to_all = |bytes: f64| (Operation::AllToAll, bytes, Algorithm::Direct, (0..16).collect());
        // Twice the streams over the same links: twice the time, but for the software's step.
        let both = slowdowns("nvidia_gb200_nvl72", &[to_all(8e9), to_all(8e9)]);
        assert!(both.iter().all(|s| (s - 2.0).abs() < 0.01), "{both:?}");
        // A quarter of the bytes is done at twice its time; the rest of the long one then has all: (2 + 3) / 4.
        let uneven = slowdowns("nvidia_gb200_nvl72", &[to_all(16e9), to_all(4e9)]);
        assert!((uneven[0] - 1.25).abs() < 0.01 && (uneven[1] - 2.0).abs() < 0.01, "{uneven:?}");
    }
}
