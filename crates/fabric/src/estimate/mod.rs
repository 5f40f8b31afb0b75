//! What an exchange takes on a system: placed, routed, damaged or not.
//!
//! Two things are known. Curves say what the vendor's library achieves on whole fabrics with packed ranks (see
//! [`crate::price`]): that is the time of the fastest algorithm that libraries have. Schedules as flows say how another
//! algorithm, placement or state of the fabric compares with it. The answer is the product, and never below the bounds.

mod remedy;

#[cfg(test)]
mod tests;

use catalog::System;
use thiserror::Error;

pub use remedy::{Remedy, RemedyKind};

use crate::bound::{Bounds, bounds};
use crate::collective::{
    Algorithm, AlgorithmError, Fidelity, LowerError, Lowered, Operation, Plan, Schedule, StepTime, lower, lower_as,
    schedule,
};
use crate::family::{Families, Family};
use crate::fault::{Damage, FaultError};
use crate::flow::{FlowError, run};
use crate::graph::{BuildError, Graph, LinkId, NodeKind, build};
use crate::place::{PlaceError, Placement};
use crate::price::{
    Basis, CalibrationError, Collective, CommCalibration, Exchange, Group, Kernel, Network, Phase, Routed,
};
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
    /// Every link that carries something, and the share of `seconds` for which it is as full as its family gets it: what
    /// is left for others at the same time.
    pub loads: Vec<(LinkId, f64)>,
    /// How closely flows were followed.
    pub fidelity: Fidelity,
    /// 90th percentile of |ln(fitted / measured)| of the family.
    pub spread: f64,
}

/// One algorithm in an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Which.
    pub algorithm: Algorithm,
    /// Seconds, or why it cannot be.
    pub seconds: Result<f64, String>,
    /// Whether libraries have it, so that it may be chosen without being asked for.
    pub usual: bool,
}

/// What an exchange takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Seconds.
    pub seconds: f64,
    /// Lower end of the 90 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Nothing is faster.
    pub bounds: Bounds,
    /// How.
    pub algorithm: Algorithm,
    /// It by flows.
    pub flows: Timed,
    /// All of them.
    pub choices: Vec<Choice>,
    /// Where the library's curve is from.
    pub basis: Basis,
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
        if let Some((rank, &chip)) = placement.chips.iter().enumerate().find(|(_, c)| damage.chips.contains(c)) {
            return Err(EstimateError::DeadChip { chip, rank });
        }
        let graph = &self.graph;
        let step = |tier: u8| (0..=tier).map(|t| self.family(t).step.0).fold(0.0, f64::max);
        let outermost = graph.levels.iter().position(|l| {
            let first = placement.chips.first().map_or(0, |c| c / l.chips);
            placement.chips.iter().all(|c| c / l.chips == first)
        });
        let plan = Plan { graph, placement, operation, bytes, step: step(outermost.unwrap_or(0) as u8) };
        let schedule = schedule(&plan, algorithm)
            .map_err(|error| EstimateError::Algorithm { algorithm: algorithm.name(), error })?;
        let (lowered, wire, achieved) = self.flows(damage, placement, &schedule, &step)?;
        let tier = lowered.job.phases.iter().zip(&lowered.crossed).filter(|(p, _)| p.repeat > 0).map(|(_, &t)| t).max();
        let family = self.family(tier.unwrap_or(0));
        let adding = if algorithm == Algorithm::InNetwork { family.adding_launch.0 } else { 0.0 };
        let launch = family.launch.0 + adding;
        let latency = launch + lowered.job.phases.iter().map(|p| p.pause * p.repeat as f64).sum::<f64>();
        let seconds = launch + achieved + family.fill * (latency * wire).sqrt();
        let busiest = busiest(graph, &damage.capacity, &lowered.carried, wire);
        let full = |(link, &bytes): (usize, &f64)| {
            let family = self.family(graph.links[link].tier);
            let reach = if algorithm == Algorithm::InNetwork { family.adding } else { family.efficiency };
            (link as LinkId, (bytes / (damage.capacity[link] * reach) / seconds).min(1.0))
        };
        let loads = lowered.carried.iter().enumerate().filter(|(_, bytes)| **bytes > 0.0).map(full).collect();
        Ok(Timed {
            wire,
            seconds,
            rounds: schedule.rounds(),
            busiest,
            loads,
            fidelity: lowered.fidelity,
            spread: family.p90,
        })
    }

    /// A schedule as flows: its seconds over whole links without pauses, and over what families achieve with them.
    fn flows(
        &self,
        damage: &Damage,
        placement: &Placement,
        schedule: &Schedule,
        step: StepTime<'_>,
    ) -> Result<(Lowered, f64, f64), EstimateError> {
        let adds = schedule.algorithm == Algorithm::InNetwork;
        let reach = |tier: u8| {
            let family = self.family(tier);
            if adds { family.adding } else { family.efficiency }
        };
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

    /// Seconds of the vendor's library on the whole fabric, ranks packed; its spread and basis.
    fn library(&self, operation: Operation, bytes: f64) -> (f64, f64, Basis) {
        let group = Group::packed(self.ranks());
        let collective = |operation| {
            let time = self.network.time(&Exchange::standard(operation, bytes, self.ranks()));
            (time.seconds, time.spread, time.basis)
        };
        match operation {
            Operation::AllReduce => collective(Collective::AllReduce),
            Operation::AllGather => collective(Collective::AllGather),
            Operation::ReduceScatter => collective(Collective::ReduceScatter),
            Operation::AllToAll => collective(Collective::AllToAll),
            Operation::Broadcast => collective(Collective::Broadcast),
            Operation::Send => {
                let time = self.network.time(&Exchange::SendRecv { stride: self.ranks() - 1, bytes });
                (time.seconds, time.spread, time.basis)
            }
            Operation::Dispatch(r) | Operation::Combine(r) => {
                let phase = if matches!(operation, Operation::Dispatch(_)) { Phase::Dispatch } else { Phase::Combine };
                let (top_k, experts) = (r.top_k, r.experts);
                let routed = |kernel| {
                    let (hidden, value_bits, node_limit) = (1, 8.0, None);
                    let tokens = bytes;
                    let asked = Routed { phase, kernel, group, tokens, hidden, value_bits, top_k, experts, node_limit };
                    let time = self.network.time(&Exchange::Routed(asked));
                    (time.seconds, time.spread, time.basis)
                };
                let (once, each) = (routed(Kernel::HighThroughput), routed(Kernel::OneSided));
                if once.0 < each.0 { once } else { each }
            }
        }
    }

    /// The fastest algorithm that libraries have on the whole fabric with packed ranks, by flows.
    fn base(&self, operation: Operation, bytes: f64) -> Result<f64, EstimateError> {
        let whole = Damage::none(&self.graph);
        let packed = Placement::packed(self.ranks());
        let usual = Algorithm::ALL.into_iter().filter(|&a| self.usual(operation, a));
        let mut first = None;
        let mut least = f64::INFINITY;
        for algorithm in usual {
            match self.timed(&whole, &packed, operation, bytes, algorithm) {
                Ok(timed) => least = least.min(timed.seconds),
                Err(error) => first = first.or(Some(error)),
            }
        }
        match first {
            Some(error) if least.is_infinite() => Err(error),
            _ => Ok(least),
        }
    }

    /// The time of an operation with a buffer of `bytes` a rank, by the algorithm asked for or the fastest usual one.
    ///
    /// # Errors
    /// [`EstimateError`] if it cannot be done.
    pub fn answer(
        &self,
        operation: Operation,
        bytes: f64,
        algorithm: Option<Algorithm>,
        damage: &Damage,
    ) -> Result<Answer, EstimateError> {
        self.answer_on(operation, bytes, algorithm, damage, &self.placement)
    }

    fn answer_on(
        &self,
        operation: Operation,
        bytes: f64,
        algorithm: Option<Algorithm>,
        damage: &Damage,
        placement: &Placement,
    ) -> Result<Answer, EstimateError> {
        let base = self.base(operation, bytes)?;
        let (library, spread, basis) = self.library(operation, bytes);
        let scale = library / base;
        let bound_of = |a| bounds(&self.graph, &damage.capacity, placement, operation, bytes, Some(a));
        let (adding, plain) = (bound_of(Algorithm::InNetwork), bound_of(Algorithm::Ring));
        let bound_of = |a| if a == Algorithm::InNetwork { adding } else { plain };
        let mut choices = Vec::new();
        let mut best: Option<(Algorithm, Timed)> = None;
        let mut error = None;
        for one in Algorithm::ALL {
            let usual = self.usual(operation, one);
            let timed = self.timed(damage, placement, operation, bytes, one);
            let seconds = match &timed {
                Ok(timed) => Ok((timed.seconds * scale).max(bound_of(one).seconds())),
                Err(e) => Err(match e {
                    EstimateError::Algorithm { error, .. } => error.to_string(),
                    other => other.to_string(),
                }),
            };
            choices.push(Choice { algorithm: one, seconds, usual });
            let wanted = algorithm.map_or(usual, |asked| asked == one);
            match timed {
                Ok(timed) if wanted && best.as_ref().is_none_or(|(_, b)| timed.seconds < b.seconds) => {
                    best = Some((one, timed));
                }
                // A dead end says more than an algorithm that does not apply.
                Err(e) if wanted && error.as_ref().is_none_or(|e| matches!(e, EstimateError::Algorithm { .. })) => {
                    error = Some(e);
                }
                _ => {}
            }
        }
        let Some((algorithm, flows)) = best else {
            return Err(error.unwrap_or(EstimateError::Algorithm {
                algorithm: algorithm.map_or("auto", Algorithm::name),
                error: AlgorithmError::NotFor,
            }));
        };
        let bounds = bound_of(algorithm);
        let seconds = (flows.seconds * scale).max(bounds.seconds());
        // What the library's curve was not measured for costs certainty.
        let as_measured = (flows.seconds / base - 1.0).abs() < 1e-9;
        let spread = if as_measured { spread } else { spread.hypot(flows.spread) };
        let (low, high) = ((seconds / spread.exp()).max(bounds.seconds()), seconds * spread.exp());
        Ok(Answer { seconds, low, high, bounds, algorithm, flows, choices, basis })
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
