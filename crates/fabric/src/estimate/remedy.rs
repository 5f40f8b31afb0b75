//! What can be done about a fault.

use thiserror::Error;

use super::answer::Asked;
use super::{Answer, Bench, EstimateError};
use crate::collective::{Algorithm, Operation};
use crate::fault::Damage;
use crate::graph::Graph;
use crate::place::Placement;

/// A way to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemedyKind {
    /// Around what is broken, all ranks where they are.
    Reroute,
    /// Optical circuit switches put a spare cube in place of the broken one.
    Rewire,
    /// A spare chip that the same fabric reaches takes the place of each dead one.
    Replace,
    /// Without the ranks that are dead or cut off.
    Shrink,
}

/// Why a way to go on is none.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Why {
    /// The operation cannot be done.
    #[error(transparent)]
    Estimate(#[from] EstimateError),
    /// No chips are free.
    #[error("no {0} spare chips in this fabric")]
    NoSpareChips(usize),
    /// No cubes are free.
    #[error("{used} of {cubes} cubes are in use: {spare} spare, {broken} broken")]
    NoSpareCubes {
        /// Cubes of the job.
        used: u32,
        /// Cubes of the system.
        cubes: u32,
        /// Free ones.
        spare: u32,
        /// Broken ones.
        broken: u32,
    },
    /// What is broken is no cube's.
    #[error("a circuit switch serves the same place of every cube: no spare cube goes around it")]
    Circuits,
    /// Nobody is left to talk to.
    #[error("fewer than 2 ranks are left")]
    TooFewLeft,
}

/// What it comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Remedy {
    /// What is done.
    pub kind: RemedyKind,
    /// Ranks that go on.
    pub ranks: u32,
    /// Chips or cubes that take over.
    pub spares: u32,
    /// Time of the operation then, or why it cannot be done.
    pub result: Result<Box<Answer>, Why>,
}

impl Bench<'_> {
    /// Every way to go on after a fault.
    ///
    /// # Errors
    /// [`EstimateError`] if there is no time on the whole fabric to compare with.
    pub fn remedies(
        &self,
        operation: Operation,
        bytes: f64,
        algorithm: Option<Algorithm>,
        damage: &Damage,
    ) -> Result<Vec<Remedy>, EstimateError> {
        Ok(self.ask(operation, bytes)?.remedies(algorithm, damage))
    }

    /// Ranks on dead chips, or cut off from most others.
    fn gone(&self, damage: &Damage) -> Vec<usize> {
        let alive: Vec<usize> =
            (0..self.placement.len()).filter(|&r| !damage.chips.contains(&self.placement.chips[r])).collect();
        let nodes: Vec<u32> = alive.iter().map(|&r| self.graph.chips[self.placement.chips[r] as usize]).collect();
        let cut = crate::route::cut_off(&self.graph, &damage.capacity, &nodes);
        let dead = (0..self.placement.len()).filter(|r| !alive.contains(r));
        let mut gone: Vec<usize> = cut.into_iter().map(|c| alive[c]).chain(dead).collect();
        gone.sort_unstable();
        gone
    }
}

impl Asked<'_, '_> {
    /// Every way to go on after a fault.
    pub fn remedies(&self, algorithm: Option<Algorithm>, damage: &Damage) -> Vec<Remedy> {
        let bench = self.bench;
        let on = |placement: &Placement, damage: &Damage| {
            self.answer_on(algorithm, damage, placement).map(Box::new).map_err(Why::from)
        };
        let ranks = bench.ranks();
        let reroute = on(&bench.placement, damage);
        let mut all = vec![Remedy { kind: RemedyKind::Reroute, ranks, spares: 0, result: reroute }];
        all.extend(self.rewire(algorithm, damage));
        let gone: Vec<usize> = bench.gone(damage);
        if gone.is_empty() {
            return all;
        }
        let kept = |rank: &usize| !gone.contains(rank);
        let left: Vec<u32> = (0..bench.placement.len()).filter(kept).map(|r| bench.placement.chips[r]).collect();
        if bench.graph.torus.is_none() {
            let spares = spares(&bench.graph, damage, &bench.placement, &gone);
            let result = match &spares {
                Some(moved) => on(moved, damage),
                None => Err(Why::NoSpareChips(gone.len())),
            };
            all.push(Remedy { kind: RemedyKind::Replace, ranks, spares: gone.len() as u32, result });
        }
        let shrunk = Placement { chips: left };
        let result = if shrunk.len() < 2 { Err(Why::TooFewLeft) } else { on(&shrunk, damage) };
        all.push(Remedy { kind: RemedyKind::Shrink, ranks: shrunk.len() as u32, spares: 0, result });
        all
    }

    /// Cubes that lost something inside are changed for spare ones, and all is as before.
    fn rewire(&self, algorithm: Option<Algorithm>, damage: &Damage) -> Option<Remedy> {
        let bench = self.bench;
        let cubes = bench.system.parts.get("cubes")?.mid().round() as u32;
        let map = bench.graph.torus.as_ref()?;
        let edge = (f64::from(bench.system.chips) / f64::from(cubes)).cbrt().round() as u32;
        let cube = |chip: u32| -> Vec<u32> { map.coordinates(chip).iter().map(|c| c / edge.max(1)).collect() };
        let mut broken = std::collections::BTreeSet::new();
        let mut circuits = false;
        for (l, _) in bench.graph.links.iter().zip(&damage.capacity).filter(|(l, c)| l.bandwidth != **c) {
            let inside = l.ocs.is_none();
            circuits |= !(inside || damage.chips.contains(&l.from) || damage.chips.contains(&l.to));
            if inside {
                broken.insert(cube(l.from));
            }
        }
        broken.extend(damage.chips.iter().map(|&c| cube(c)));
        let used = (bench.graph.chips.len() as u32).div_ceil(edge.pow(3).max(1));
        let spare = cubes.saturating_sub(used);
        let result = if circuits {
            Err(Why::Circuits)
        } else if broken.is_empty() {
            return None;
        } else if spare < broken.len() as u32 {
            Err(Why::NoSpareCubes { used, cubes, spare, broken: broken.len() as u32 })
        } else {
            self.answer(algorithm, &Damage::none(&bench.graph)).map(Box::new).map_err(Why::from)
        };
        Some(Remedy { kind: RemedyKind::Rewire, ranks: bench.ranks(), spares: broken.len() as u32, result })
    }
}

/// The placement with ranks that are gone on the nearest free chips, those of the same innermost domain first.
fn spares(graph: &Graph, damage: &Damage, placement: &Placement, gone: &[usize]) -> Option<Placement> {
    let mut moved = placement.clone();
    let domain = graph.levels.first().map_or(1, |l| l.chips);
    for &rank in gone {
        let home = placement.chips[rank] / domain;
        let free = (0..graph.chips.len() as u32).filter(|c| !moved.chips.contains(c) && !damage.chips.contains(c));
        moved.chips[rank] = free.min_by_key(|c| ((c / domain).abs_diff(home), *c))?;
    }
    Some(moved)
}
