//! What an exchange takes on a system: placed, routed, damaged or not.
//!
//! Two things are known. Curves say what the vendor's library achieves on whole fabrics with packed ranks (see
//! [`crate::price`]): that is the time of the fastest algorithm that libraries have. Schedules as flows say how another
//! algorithm, placement or state of the fabric compares with it. The answer is the product, and never below the bounds.

mod answer;
mod floor;
mod remedy;
mod together;

#[cfg(test)]
mod tests;

use catalog::System;
use thiserror::Error;

pub use answer::{Answer, Asked, Choice, Tried};
pub use remedy::{Remedy, RemedyKind, Why};
pub use together::Share;

use crate::collective::{
    Algorithm, AlgorithmError, Fidelity, LowerError, Lowered, Operation, Plan, Schedule, StepTime, lower, lower_as,
    schedule,
};
use crate::family::{Families, Family};
use crate::fault::{Damage, FaultError};
use crate::flow::{FlowError, run};
use crate::graph::{BuildError, Graph, LinkId, NodeKind, build};
use crate::place::{PlaceError, Placement};
use crate::price::{CalibrationError, CommCalibration, Network};
use crate::route::Routing;

/// Where ranks are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// One chip after the other.
    Packed,
    /// As far apart as the whole machine allows.
    Spread,
    /// On these chips.
    Chips(Placement),
}

/// Why there is no estimate.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum EstimateError {
    /// No graph.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// No places.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// No such fault.
    #[error(transparent)]
    Fault(#[from] FaultError),
    /// The algorithm does not do it here.
    #[error("{algorithm}: {error}")]
    Algorithm {
        /// Which.
        algorithm: &'static str,
        /// Why.
        error: AlgorithmError,
    },
    /// No way.
    #[error(transparent)]
    Lower(#[from] LowerError),
    /// A rank without a chip.
    #[error("chip {chip} is dead, and rank {rank} with it")]
    DeadChip {
        /// Which.
        chip: u32,
        /// Who was there.
        rank: usize,
    },
    /// Numbers beyond the simulator.
    #[error(transparent)]
    Flow(#[from] FlowError),
    /// No curve.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
}

/// A system with ranks on it, ready for questions.
#[derive(Debug, Clone)]
pub struct Bench<'a> {
    /// The whole system.
    pub system: &'a System,
    /// Its graph.
    pub graph: Graph,
    /// Ranks on chips.
    pub placement: Placement,
    /// How ways are chosen.
    pub routing: Routing,
    network: Network,
    families: &'a Families,
}

/// One algorithm by flows.
#[derive(Debug, Clone, PartialEq)]
pub struct Timed {
    /// Seconds of flows over whole links, latencies of the wire in it.
    pub wire: f64,
    /// Seconds as the family of the fabric achieves them.
    pub seconds: f64,
    /// Messages one after the other.
    pub rounds: f64,
    /// Links by name and the share of `wire` that they are full, fullest first.
    pub busiest: Vec<(String, f64)>,
    /// Bytes that each link carries in all.
    pub carried: Vec<f64>,
    /// How closely flows were followed.
    pub fidelity: Fidelity,
    /// 90th percentile of |ln(fitted / measured)| of the family.
    pub spread: f64,
}

impl<'a> Bench<'a> {
    /// Places `ranks` on a system (all of its chips for `None`). Packed ranks of a torus behind optical circuit switches get a
    /// slice of their own.
    ///
    /// # Errors
    /// [`EstimateError`] if they do not fit, or a fact is missing.
    pub fn new(
        system: &'a System,
        ranks: Option<u32>,
        place: &Place,
        calibration: &CommCalibration,
        families: &'a Families,
        routing: Routing,
    ) -> Result<Bench<'a>, EstimateError> {
        let count = match place {
            Place::Chips(placement) => placement.len() as u32,
            _ => ranks.unwrap_or(system.chips),
        };
        if count < 2 {
            return Err(PlaceError::TooFew { ranks: count as usize, least: 2 }.into());
        }
        let chips = match place {
            Place::Packed => count,
            Place::Spread => count.max(system.chips),
            Place::Chips(placement) => {
                placement.chips.iter().max().map_or(1, |c| c.saturating_add(1)).max(system.chips)
            }
        };
        let graph = build(system, chips)?;
        let all = graph.chips.len() as u32;
        let placement = match place {
            Place::Packed => Placement::packed(count),
            Place::Spread => Placement::spread(count, all, graph.levels.first().map_or(1, |l| l.chips))?,
            Place::Chips(placement) => placement.clone(),
        };
        placement.check(all)?;
        let slice = system.with_chips(count).unwrap_or_else(|| system.clone());
        let network = Network::new(&slice.fabric, calibration, &system.chip.architecture, 1)?;
        Ok(Bench { system, graph, placement, routing, network, families })
    }

    /// The same fabric with other ranks on it: a group of them.
    ///
    /// # Errors
    /// [`EstimateError`] if they do not fit, or a fact is missing.
    pub fn with_ranks(&self, placement: Placement, calibration: &CommCalibration) -> Result<Bench<'a>, EstimateError> {
        if placement.len() < 2 {
            return Err(PlaceError::TooFew { ranks: placement.len(), least: 2 }.into());
        }
        placement.check(self.graph.chips.len() as u32)?;
        let slice = self.system.with_chips(placement.len() as u32);
        let fabric = slice.as_ref().map_or(&self.system.fabric, |s| &s.fabric);
        let network = Network::new(fabric, calibration, &self.system.chip.architecture, 1)?;
        Ok(Bench { placement, network, ..self.clone() })
    }

    /// Whether all ranks are in one innermost domain.
    pub fn one_domain(&self) -> bool {
        let domain = |c: &u32| c / self.graph.levels.first().map_or(1, |l| l.chips);
        self.placement.chips.iter().all(|c| domain(c) == domain(&self.placement.chips[0]))
    }

    /// How many ranks.
    pub fn ranks(&self) -> u32 {
        self.placement.len() as u32
    }

    fn family(&self, tier: u8) -> &Family {
        self.families.of(self.graph.levels.get(tier as usize).map_or("", |l| l.name.as_str()))
    }

    /// An algorithm by flows, at the links' full bandwidth and at what their families achieve.
    ///
    /// # Errors
    /// [`EstimateError`] if it cannot be done here.
    pub fn timed(
        &self,
        damage: &Damage,
        placement: &Placement,
        operation: Operation,
        bytes: f64,
        algorithm: Algorithm,
    ) -> Result<Timed, EstimateError> {
        let schedule = self.schedule(placement, operation, bytes, algorithm)?;
        self.follow(damage, placement, &schedule)
    }

    /// Seconds that software takes for a round of messages that cross a tier and those within.
    fn step(&self, tier: u8) -> f64 {
        (0..=tier).map(|t| self.family(t).step.0).fold(0.0, f64::max)
    }

    fn schedule(
        &self,
        placement: &Placement,
        operation: Operation,
        bytes: f64,
        algorithm: Algorithm,
    ) -> Result<Schedule, EstimateError> {
        let outermost = self.graph.levels.iter().position(|l| {
            let first = placement.chips.first().map_or(0, |c| c / l.chips);
            placement.chips.iter().all(|c| c / l.chips == first)
        });
        let step = self.step(outermost.unwrap_or(0) as u8);
        let plan = Plan { graph: &self.graph, placement, operation, bytes, step };
        schedule(&plan, algorithm).map_err(|error| EstimateError::Algorithm { algorithm: algorithm.name(), error })
    }

    /// A schedule by flows.
    fn follow(&self, damage: &Damage, placement: &Placement, schedule: &Schedule) -> Result<Timed, EstimateError> {
        if let Some((rank, &chip)) = placement.chips.iter().enumerate().find(|(_, c)| damage.chips.contains(c)) {
            return Err(EstimateError::DeadChip { chip, rank });
        }
        let step = |tier: u8| self.step(tier);
        let (lowered, wire, achieved) = self.flows(damage, placement, schedule, &step)?;
        let tier = lowered.job.phases.iter().zip(&lowered.crossed).filter(|(p, _)| p.repeat > 0).map(|(_, &t)| t).max();
        let family = self.family(tier.unwrap_or(0));
        let adding = if schedule.algorithm == Algorithm::InNetwork { family.adding_launch.0 } else { 0.0 };
        let launch = family.launch.0 + adding;
        let latency = launch + lowered.job.phases.iter().map(|p| p.pause * p.repeat as f64).sum::<f64>();
        let seconds = launch + achieved + family.fill * (latency * wire).sqrt();
        let busiest = busiest(&self.graph, &damage.capacity, &lowered.carried, wire);
        let (rounds, fidelity) = (schedule.rounds(), lowered.fidelity);
        Ok(Timed { wire, seconds, rounds, busiest, carried: lowered.carried, fidelity, spread: family.p90 })
    }

    /// Every link that carries something, and the share of `timed.seconds` for which it is as full as its family gets it:
    /// what is left for others at the same time. `timed` is the answer for `algorithm` under `damage`.
    pub fn loads(&self, timed: &Timed, algorithm: Algorithm, damage: &Damage) -> Vec<(LinkId, f64)> {
        let full = |(link, &bytes): (usize, &f64)| {
            let reach = self.reach(algorithm, self.graph.links[link].tier);
            (link as LinkId, (bytes / (damage.capacity[link] * reach) / timed.seconds).min(1.0))
        };
        timed.carried.iter().enumerate().filter(|(_, bytes)| **bytes > 0.0).map(full).collect()
    }

    /// Share of a tier's bandwidth that an algorithm reaches.
    fn reach(&self, algorithm: Algorithm, tier: u8) -> f64 {
        let (efficiency, adding) = self.family(tier).reach(&self.system.chip.architecture);
        if algorithm == Algorithm::InNetwork { adding } else { efficiency }
    }

    /// A schedule as flows: its seconds over whole links without pauses, and over what families achieve with them.
    fn flows(
        &self,
        damage: &Damage,
        placement: &Placement,
        schedule: &Schedule,
        step: StepTime<'_>,
    ) -> Result<(Lowered, f64, f64), EstimateError> {
        let reach = |tier: u8| self.reach(schedule.algorithm, tier);
        let times = |lowered: &Lowered| {
            let slower: Vec<f64> = lowered.capacities.iter().zip(&lowered.tiers).map(|(c, &t)| c * reach(t)).collect();
            let achieved = run(&slower, std::slice::from_ref(&lowered.job))?.finish[0];
            let mut bare = lowered.job.clone();
            bare.phases.iter_mut().for_each(|p| p.pause = 0.0);
            Ok((run(&lowered.capacities, &[bare])?.finish[0], achieved))
        };
        let lowered = lower(&self.graph, &damage.capacity, placement, schedule, self.routing, step)?;
        match times(&lowered) {
            Ok((wire, achieved)) => Ok((lowered, wire, achieved)),
            Err(FlowError::TooMany) => {
                let how = (self.routing, step);
                let lowered = lower_as(&self.graph, &damage.capacity, placement, schedule, how, Fidelity::Loads)?;
                let (wire, achieved) = times(&lowered)?;
                Ok((lowered, wire, achieved))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether libraries have an algorithm for an operation on such a fabric.
    pub fn usual(&self, operation: Operation, algorithm: Algorithm) -> bool {
        let mesh =
            self.graph.torus.is_none() && self.graph.nodes.iter().all(|n| n.kind != NodeKind::Switch || n.tier > 0);
        match (operation, algorithm) {
            (Operation::AllReduce | Operation::AllGather | Operation::ReduceScatter, Algorithm::Direct) => mesh,
            (_, Algorithm::HalvingDoubling) => false,
            (Operation::AllGather | Operation::ReduceScatter, Algorithm::InNetwork) => false,
            (Operation::Broadcast, Algorithm::Direct | Algorithm::InNetwork) => false,
            _ => true,
        }
    }
}

/// The fullest links by name, those that are alike named once.
fn busiest(graph: &Graph, capacity: &[f64], carried: &[f64], seconds: f64) -> Vec<(String, f64)> {
    let share = |l: usize| if capacity[l] > 0.0 && seconds > 0.0 { carried[l] / capacity[l] / seconds } else { 0.0 };
    let mut all: Vec<usize> = (0..graph.links.len()).filter(|&l| share(l) > 0.0).collect();
    all.sort_by(|&a, &b| share(b).total_cmp(&share(a)).then(a.cmp(&b)));
    let mut shown: Vec<(String, f64)> = Vec::new();
    let mut classes = std::collections::BTreeSet::new();
    for l in all {
        let link = &graph.links[l];
        if classes.insert((link.class, (share(l) * 1e3).round() as i64)) {
            let name = |n: u32| graph.nodes[n as usize].name.as_str();
            shown.push((format!("{} > {}", name(link.from), name(link.to)), share(l).min(1.0)));
        }
        if shown.len() == 5 {
            break;
        }
    }
    shown
}
