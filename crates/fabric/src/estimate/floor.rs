//! What a schedule takes at the least, before any way is looked for: tells which algorithms need not be followed.
//!
//! A rank cannot send or receive faster than over all of its links, nor a domain faster than over those of its chips to the
//! tiers beyond. Whatever the routes and the sharing, no step is shorter; launching, rounds and filling come on top.

use std::collections::BTreeMap;

use super::Bench;
use crate::collective::{Schedule, Step};
use crate::graph::{Graph, NodeId};
use crate::place::Placement;

impl Bench<'_> {
    /// Seconds that [`Bench::timed`] cannot be below, whatever is broken.
    pub(super) fn floor(&self, placement: &Placement, schedule: &Schedule) -> f64 {
        let tiers = 0..self.graph.levels.len().max(1) as u8;
        let least = |of: &dyn Fn(u8) -> f64| tiers.clone().map(of).fold(f64::INFINITY, f64::min);
        let reach = tiers.clone().map(|t| self.reach(schedule.algorithm, t)).fold(0.0, f64::max);
        let gates = Gates::of(&self.graph, placement);
        let wire: f64 = schedule.steps.iter().filter(|s| s.repeat > 0).map(|s| s.repeat as f64 * gates.step(s)).sum();
        let latency = least(&|t| self.family(t).launch.0) + schedule.rounds() * self.step(0);
        latency + wire / reach + least(&|t| self.family(t).fill) * (latency * wire).sqrt()
    }
}

/// What chips and domains can send and receive.
struct Gates<'a> {
    graph: &'a Graph,
    placement: &'a Placement,
    /// Bytes per second into and out of every node.
    nodes: [Vec<f64>; 2],
    /// Chips of a domain, and bytes per second of all of them over the tiers beyond.
    domains: Vec<(u32, f64)>,
}

impl<'a> Gates<'a> {
    fn of(graph: &'a Graph, placement: &'a Placement) -> Gates<'a> {
        let mut nodes = [vec![0.0; graph.nodes.len()], vec![0.0; graph.nodes.len()]];
        for l in &graph.links {
            nodes[0][l.to as usize] += l.bandwidth;
            nodes[1][l.from as usize] += l.bandwidth;
        }
        let chips = graph.chips.len() as u32;
        let beyond = |at: usize| graph.levels[at + 1..].iter().map(|l| l.bandwidth).sum::<f64>();
        let levels = graph.levels.iter().enumerate().filter(|(_, l)| l.chips < chips);
        let domains = levels.map(|(at, l)| (l.chips, f64::from(l.chips) * beyond(at))).collect();
        Gates { graph, placement, nodes, domains }
    }

    /// Seconds of one step over whole links.
    fn step(&self, step: &Step) -> f64 {
        let mut moved = [vec![0.0; self.graph.nodes.len()], vec![0.0; self.graph.nodes.len()]];
        for s in &step.sends {
            moved[0][s.to as usize] += s.bytes;
            moved[1][s.from as usize] += s.bytes;
        }
        let ranks = self.placement.len() as f64;
        for &chip in &self.placement.chips {
            let node = self.graph.chips[chip as usize] as usize;
            moved.iter_mut().for_each(|m| m[node] += (ranks - 1.0) * step.every_pair);
        }
        let mut slowest = 0.0f64;
        for (moved, over) in moved.iter().zip(&self.nodes) {
            let times = moved.iter().zip(over).filter(|(bytes, _)| **bytes > 0.0).map(|(bytes, over)| bytes / over);
            slowest = times.fold(slowest, f64::max);
        }
        self.domains.iter().map(|&(size, over)| self.crossing(step, size) / over).fold(slowest, f64::max)
    }

    /// Most bytes that any domain of so many chips sends or receives.
    fn crossing(&self, step: &Step, size: u32) -> f64 {
        let domain = |node: NodeId| {
            // Chips are the first nodes, in order; switches are in no domain.
            let chip = self.graph.chips.get(node as usize).is_some_and(|&n| n == node);
            chip.then_some(node / size)
        };
        let mut sums: BTreeMap<u32, [f64; 2]> = BTreeMap::new();
        for s in &step.sends {
            if let (Some(from), Some(to)) = (domain(s.from), domain(s.to))
                && from != to
            {
                sums.entry(from).or_default()[0] += s.bytes;
                sums.entry(to).or_default()[1] += s.bytes;
            }
        }
        if step.every_pair > 0.0 {
            let mut ranks: BTreeMap<u32, f64> = BTreeMap::new();
            self.placement.chips.iter().for_each(|c| *ranks.entry(c / size).or_default() += 1.0);
            let all = self.placement.len() as f64;
            for (domain, inside) in ranks {
                let bytes = inside * (all - inside) * step.every_pair;
                sums.entry(domain).or_default().iter_mut().for_each(|b| *b += bytes);
            }
        }
        sums.values().flatten().copied().fold(0.0, f64::max)
    }
}
