//! Who sends what to whom, by algorithm.

use thiserror::Error;

use super::rings::{domains, edges};
use super::{Algorithm, Operation, Schedule, Send, Step, torus};
use crate::graph::{Graph, NodeId, NodeKind};
use crate::place::Placement;
use crate::price::distinct_places;

/// What a schedule is made for.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// Fabric.
    pub graph: &'a Graph,
    /// Ranks on chips.
    pub placement: &'a Placement,
    /// What.
    pub operation: Operation,
    /// Buffer of one rank: see [`Operation`].
    pub bytes: f64,
    /// Seconds that a step costs without any bytes: decides into how many pieces a message is cut.
    pub step: f64,
}

/// Why an algorithm does not do an operation here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AlgorithmError {
    /// It is not made for it.
    #[error("no such algorithm for this operation")]
    NotFor,
    /// Partners at distance 1, 2, 4.
    #[error("the number of ranks is no power of two")]
    NoPowerOfTwo,
    /// All ranks are in one domain.
    #[error("all ranks are in one domain")]
    OneDomain,
    /// Domains with more and fewer ranks.
    #[error("domains hold different numbers of ranks")]
    Uneven,
    /// More sends than fit in memory.
    #[error("too many sends to list")]
    TooLarge,
    /// No switch that reaches all ranks adds.
    #[error("no switch that reaches all ranks adds")]
    NothingAdds,
}

/// Most sends of a step.
const MOST_SENDS: usize = 1 << 21;
/// Most pieces that a message is cut into.
const MOST_PIECES: f64 = 256.0;

/// The schedule of an algorithm.
///
/// # Errors
/// Why there is none.
pub fn schedule(plan: &Plan<'_>, algorithm: Algorithm) -> Result<Schedule, AlgorithmError> {
    let steps = if plan.placement.len() < 2 { Vec::new() } else { plan.steps(algorithm)? };
    Ok(Schedule { algorithm, steps })
}

impl Plan<'_> {
    fn steps(&self, algorithm: Algorithm) -> Result<Vec<Step>, AlgorithmError> {
        use Operation as O;
        match (algorithm, self.operation) {
            (Algorithm::Ring, O::AllReduce | O::AllGather | O::ReduceScatter) => Ok(vec![self.rings()]),
            (Algorithm::Ring, O::Broadcast) => Ok(vec![self.chain()]),
            (Algorithm::Tree, O::AllReduce | O::Broadcast) => Ok(vec![self.tree()]),
            (Algorithm::HalvingDoubling, O::AllReduce | O::AllGather | O::ReduceScatter) => self.halving_doubling(),
            (Algorithm::Direct, _) => Ok(self.direct()),
            (Algorithm::Hierarchical, O::Broadcast | O::Send) => Err(AlgorithmError::NotFor),
            (Algorithm::Hierarchical, _) => self.hierarchical(),
            (Algorithm::InNetwork, O::AllReduce | O::AllGather | O::ReduceScatter | O::Broadcast) => self.in_network(),
            _ => Err(AlgorithmError::NotFor),
        }
    }

    fn ranks(&self) -> usize {
        self.placement.len()
    }

    fn node(&self, rank: usize) -> NodeId {
        self.graph.chips[self.placement.chips[rank] as usize]
    }

    fn send(&self, from: usize, to: usize, bytes: f64) -> Send {
        Send { from: self.node(from), to: self.node(to), bytes }
    }

    /// Pieces for a pipeline of so many stages: as many as balance filling it against paying for steps.
    fn pieces(&self, stages: f64, seconds: f64) -> f64 {
        let best = if self.step > 0.0 { ((stages - 1.0).max(0.0) * seconds / self.step).sqrt() } else { MOST_PIECES };
        best.round().clamp(1.0, MOST_PIECES)
    }

    fn rate(&self) -> f64 {
        self.graph.injection(self.node(0))
    }

    /// Rings along every axis of a whole torus, or the rings of the domains.
    fn rings(&self) -> Step {
        let n = self.ranks();
        let times = if self.operation == Operation::AllReduce { 2 } else { 1 };
        if let Some(map) = self.graph.torus.as_ref().filter(|m| !m.twisted && m.size as usize == n)
            && self.placement.is_packed()
            && self.graph.chips.len() == n
        {
            return Step { repeat: times, ..torus::scatter(map, n as u32, self.bytes) };
        }
        let part = self.bytes / n as f64;
        let sends = edges(self.graph, &self.placement.chips);
        let sends = sends.into_iter().map(|(from, to, share)| self.send(from, to, part * share)).collect();
        Step { sends, rounds: 1.0, repeat: times * (n as u64 - 1), chained: true, ..Step::default() }
    }

    /// Broadcast from rank to rank, in pieces; every link between neighbours works at once.
    fn chain(&self) -> Step {
        let n = self.ranks();
        let stages = n as f64 - 1.0;
        let pieces = self.pieces(stages, self.bytes / self.rate());
        let sends = (1..n).map(|to| self.send(to - 1, to, self.bytes / pieces)).collect();
        Step { sends, rounds: 1.0, repeat: (stages + pieces - 1.0) as u64, ..Step::default() }
    }

    /// Two binary trees with half of the data each: the ranks inside one are the leaves of the other.
    fn tree(&self) -> Step {
        let n = self.ranks();
        let depth = (usize::BITS - n.leading_zeros()) as f64;
        let both_ways = self.operation == Operation::AllReduce;
        let stages = if both_ways { 2.0 * depth } else { depth };
        let pieces = self.pieces(stages, self.bytes / self.rate());
        let piece = self.bytes / 2.0 / pieces;
        let mut sends = Vec::new();
        // For a broadcast both trees hang from rank 0, the second the mirror image of the first.
        let root = (0..n).find(|&r| parent(r, n).is_none()).unwrap_or(0);
        let place = |rank: usize, second: bool| match (both_ways, second) {
            (true, _) => (rank + usize::from(second)) % n,
            (false, false) => (rank + n - root) % n,
            (false, true) => (n + root - rank) % n,
        };
        for second in [false, true] {
            for rank in 0..n {
                let Some(parent) = parent(rank, n) else { continue };
                let (low, high) = (place(rank, second), place(parent, second));
                sends.push(self.send(high, low, piece));
                if both_ways {
                    sends.push(self.send(low, high, piece));
                }
            }
        }
        Step { sends, rounds: 1.0, repeat: (stages + pieces - 1.0) as u64, ..Step::default() }
    }

    fn halving_doubling(&self) -> Result<Vec<Step>, AlgorithmError> {
        let n = self.ranks();
        if !n.is_power_of_two() {
            return Err(AlgorithmError::NoPowerOfTwo);
        }
        // The largest pieces go to the nearest partners.
        let step = |bit: u32| {
            let bytes = self.bytes / f64::from(2u32 << bit);
            let sends = (0..n).map(|rank| self.send(rank, rank ^ (1 << bit), bytes)).collect();
            Step { sends, rounds: 1.0, repeat: 1, ..Step::default() }
        };
        let halving: Vec<Step> = (0..n.trailing_zeros()).map(step).collect();
        let doubling = halving.iter().rev().cloned();
        Ok(match self.operation {
            Operation::AllReduce => halving.iter().cloned().chain(doubling).collect(),
            Operation::AllGather => doubling.collect(),
            _ => halving,
        })
    }

    fn direct(&self) -> Vec<Step> {
        let n = self.ranks() as f64;
        let pairs = |bytes: f64, repeat| vec![Step { every_pair: bytes, rounds: 1.0, repeat, ..Step::default() }];
        match self.operation {
            Operation::AllReduce => pairs(self.bytes / n, 2),
            Operation::AllGather | Operation::ReduceScatter | Operation::AllToAll => pairs(self.bytes / n, 1),
            Operation::Dispatch(routing) | Operation::Combine(routing) => {
                pairs(self.bytes * distinct_places(n, routing.top_k, routing.experts) / n, 1)
            }
            Operation::Broadcast => {
                let sends = (1..self.ranks()).map(|to| self.send(0, to, self.bytes)).collect();
                vec![Step { sends, rounds: 1.0, repeat: 1, ..Step::default() }]
            }
            Operation::Send => {
                let sends = vec![self.send(0, self.ranks() - 1, self.bytes)];
                vec![Step { sends, rounds: 1.0, repeat: 1, ..Step::default() }]
            }
        }
    }

    /// The ranks of each innermost domain.
    fn units(&self) -> Result<Vec<Vec<usize>>, AlgorithmError> {
        let all: Vec<usize> = (0..self.ranks()).collect();
        let levels = self.graph.levels.len();
        // The largest domains that do not hold all ranks.
        let split = (1..=levels).rev().map(|l| domains(self.graph, &self.placement.chips, &all, l));
        let units =
            split.into_iter().find(|u| u.len() > 1).filter(|u| u[0].len() > 1).ok_or(AlgorithmError::OneDomain)?;
        if units.iter().any(|u| u.len() != units[0].len()) {
            return Err(AlgorithmError::Uneven);
        }
        Ok(units)
    }

    fn hierarchical(&self) -> Result<Vec<Step>, AlgorithmError> {
        let units = self.units()?;
        let across_all = matches!(self.operation, Operation::AllToAll | Operation::Dispatch(_) | Operation::Combine(_));
        if self.ranks() * units[0].len().max(if across_all { units.len() } else { 1 }) > MOST_SENDS {
            return Err(AlgorithmError::TooLarge);
        }
        let (domains, m, n) = (units.len() as f64, units[0].len() as f64, self.ranks() as f64);
        let inside = |bytes: f64| -> Vec<Send> {
            let pairs = units.iter().flat_map(|u| u.iter().flat_map(|&a| u.iter().map(move |&b| (a, b))));
            pairs.filter(|(a, b)| a != b).map(|(a, b)| self.send(a, b, bytes)).collect()
        };
        // To the rank of equal place in the next domain: rings, for data that all need.
        let around = |bytes: f64| -> Vec<Send> {
            let next = |u: usize| units[(u + 1) % units.len()].iter().zip(&units[u]);
            (0..units.len()).flat_map(next).map(|(&to, &from)| self.send(from, to, bytes)).collect()
        };
        // To the ranks of equal place in all other domains.
        let across = |bytes: f64| -> Vec<Send> {
            let pairs = (0..units.len()).flat_map(|a| (0..units.len()).map(move |b| (a, b))).filter(|(a, b)| a != b);
            pairs.flat_map(|(a, b)| units[a].iter().zip(&units[b])).map(|(&a, &b)| self.send(a, b, bytes)).collect()
        };
        let bytes = self.bytes;
        let ring = bytes / m * (1.0 - 1.0 / domains);
        let (first, middle, last, rounds) = match self.operation {
            Operation::AllReduce => (bytes / m, around(2.0 * ring), bytes / m, 2.0 * (domains - 1.0)),
            Operation::AllGather => (0.0, around(ring), bytes / m, domains - 1.0),
            Operation::ReduceScatter => (bytes / m, around(ring), 0.0, domains - 1.0),
            Operation::AllToAll => (bytes / m, across(bytes * m / n / m), 0.0, 1.0),
            Operation::Dispatch(r) | Operation::Combine(r) => {
                let once = bytes * distinct_places(domains, r.top_k, r.experts) / domains;
                let copies = bytes * distinct_places(n, r.top_k, r.experts) / m;
                (0.0, across(once), copies, 1.0)
            }
            Operation::Broadcast | Operation::Send => return Err(AlgorithmError::NotFor),
        };
        // In pieces, the three parts of different pieces at once.
        let pieces = self.pieces(3.0, bytes / self.rate());
        let scaled = |sends: Vec<Send>| -> Vec<Send> {
            sends.into_iter().map(|s| Send { bytes: s.bytes / pieces, ..s }).filter(|s| s.bytes > 0.0).collect()
        };
        let (first, middle, last) = (scaled(inside(first)), scaled(middle), scaled(inside(last)));
        let step = |sends: Vec<Send>, rounds: f64, repeat| Step { sends, rounds, repeat, ..Step::default() };
        let all: Vec<Send> = first.iter().chain(&middle).chain(&last).copied().collect();
        let steps = vec![
            step(first, 1.0, 1),
            step(all, rounds, pieces as u64 - 1),
            step(middle, rounds, 1),
            step(last, 1.0, 1),
        ];
        Ok(steps.into_iter().filter(|s| s.repeat > 0 && !s.sends.is_empty()).collect())
    }

    /// Up to the switch that reaches all ranks and adds, and down again, at the same time.
    fn in_network(&self) -> Result<Vec<Step>, AlgorithmError> {
        let reaches = |s: &NodeId| (0..self.ranks()).all(|r| self.graph.between(self.node(r), *s).is_some());
        let nodes = self.graph.nodes.iter().enumerate();
        let mut adding = nodes.filter(|(_, n)| n.kind == NodeKind::Switch && n.adds).map(|(i, _)| i as NodeId);
        let switch = adding.find(reaches).ok_or(AlgorithmError::NothingAdds)?;
        let n = self.ranks() as f64;
        let (up, down) = match self.operation {
            Operation::AllGather => (self.bytes / n, self.bytes * (1.0 - 1.0 / n)),
            Operation::ReduceScatter => (self.bytes * (1.0 - 1.0 / n), self.bytes / n),
            _ => (self.bytes, self.bytes),
        };
        let root_only = self.operation == Operation::Broadcast;
        let ranks = 0..self.ranks();
        let ups =
            ranks.clone().filter(|&r| !root_only || r == 0).map(|r| Send { from: self.node(r), to: switch, bytes: up });
        let downs =
            ranks.filter(|&r| !root_only || r > 0).map(|r| Send { from: switch, to: self.node(r), bytes: down });
        Ok(vec![Step { sends: ups.chain(downs).collect(), rounds: 2.0, repeat: 1, ..Step::default() }])
    }
}

/// Parent of a rank in a binary tree in order: odd ranks are leaves; each further bit is a level up.
fn parent(rank: usize, n: usize) -> Option<usize> {
    let root = 1usize << (usize::BITS - 1 - n.leading_zeros());
    // Ranks counted from 1: the lowest set bit is the level.
    let mut at = rank + 1;
    while at != root {
        let level = at & at.wrapping_neg();
        let up = (at & !level) | (level << 1);
        let up = if up > n { at - level } else { up };
        // Beyond the end the parent is missing: the next one up on the near side takes its children.
        if up >= 1 && up <= n && up != at {
            return Some(up - 1);
        }
        at = up;
    }
    None
}
