//! Times that nothing can beat on a graph, whatever the algorithm, the routing and the luck.
//!
//! Any set of nodes gives a bound: what must leave it, over the bandwidth that leaves it. The sets tried are each chip
//! (injection), each domain of each tier and halves of the machine (bisection). What must cross follows from the operation
//! alone. Beside it stands the distance: the last byte to the farthest rank.

use crate::collective::{Algorithm, Operation};
use crate::graph::{Graph, NodeId};
use crate::place::Placement;

/// Bounds in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bounds {
    /// The chip with the least bandwidth for what it must send or get.
    pub injection: f64,
    /// The worst cut through the middle or around a domain.
    pub bisection: f64,
    /// The farthest pair that must hear of each other.
    pub latency: f64,
}

impl Bounds {
    /// The largest.
    pub fn seconds(&self) -> f64 {
        self.injection.max(self.bisection).max(self.latency)
    }
}

/// Bytes that must leave and enter a set of `inside` of `all` ranks.
fn crossing(operation: Operation, bytes: f64, inside: f64, all: f64, root: bool, last: bool) -> (f64, f64) {
    let outside = all - inside;
    if inside <= 0.0 || outside <= 0.0 {
        return (0.0, 0.0);
    }
    match operation {
        // The sum of one side, and the result or the sum of the other.
        Operation::AllReduce => (bytes, bytes),
        Operation::AllGather => (bytes * inside / all, bytes * outside / all),
        Operation::ReduceScatter => (bytes * outside / all, bytes * inside / all),
        Operation::AllToAll => (bytes * inside * outside / all, bytes * inside * outside / all),
        Operation::Dispatch(r) | Operation::Combine(r) => {
            // A token crosses once at the least, if any of its experts is on the other side.
            let any_there = |here: f64| {
                let (experts, near) = (r.experts as f64, r.experts as f64 * here / all);
                let missed = |p: u64| ((near - p as f64) / (experts - p as f64)).max(0.0);
                1.0 - (0..r.top_k.min(64)).map(missed).product::<f64>()
            };
            (bytes * inside * any_there(inside), bytes * outside * any_there(outside))
        }
        Operation::Broadcast if root => (bytes, 0.0),
        Operation::Broadcast => (0.0, bytes),
        Operation::Send => match (root, last) {
            (true, false) => (bytes, 0.0),
            (false, true) => (0.0, bytes),
            _ => (0.0, 0.0),
        },
    }
}

/// The bounds of an operation over links with these capacities left.
pub fn bounds(
    graph: &Graph,
    capacity: &[f64],
    placement: &Placement,
    operation: Operation,
    bytes: f64,
    algorithm: Option<Algorithm>,
) -> Bounds {
    let n = placement.len();
    let mut found = Bounds::default();
    if n < 2 {
        return found;
    }
    let all = n as f64;
    let nodes: Vec<NodeId> = placement.chips.iter().map(|&c| graph.chips[c as usize]).collect();
    let (mut into, mut from) = (vec![0.0; graph.nodes.len()], vec![0.0; graph.nodes.len()]);
    for (l, &c) in graph.links.iter().zip(capacity) {
        into[l.to as usize] += c;
        from[l.from as usize] += c;
    }
    for (rank, &node) in nodes.iter().enumerate() {
        let (out, inward) = crossing(operation, bytes, 1.0, all, rank == 0, rank + 1 == n);
        let time = (out / from[node as usize]).max(inward / into[node as usize]);
        found.injection = found.injection.max(if time.is_nan() { 0.0 } else { time });
    }
    // Without switches that add, every rank's numbers must be received by somebody who adds them, and the sum by all.
    let adds = graph.nodes.iter().any(|n| n.adds) && algorithm.is_none_or(|a| a == Algorithm::InNetwork);
    if operation == Operation::AllReduce && !adds {
        let total: f64 = nodes.iter().map(|&c| into[c as usize]).sum();
        found.injection = found.injection.max(2.0 * (all - 1.0) * bytes / total);
    }
    for inside in cuts(graph, placement) {
        let ranks = nodes.iter().filter(|&&c| inside[c as usize]).count() as f64;
        let (root, last) = (inside[nodes[0] as usize], inside[nodes[n - 1] as usize]);
        let (out, inward) = crossing(operation, bytes, ranks, all, root, last);
        let (mut leaving, mut entering) = (0.0, 0.0);
        for (l, &c) in graph.links.iter().zip(capacity) {
            match (inside[l.from as usize], inside[l.to as usize]) {
                (true, false) => leaving += c,
                (false, true) => entering += c,
                _ => {}
            }
        }
        for (bytes, over) in [(out, leaving), (inward, entering)] {
            if bytes > 0.0 && over > 0.0 {
                found.bisection = found.bisection.max(bytes / over);
            }
        }
    }
    if bytes > 0.0 {
        let ends: &[usize] = if operation == Operation::Send { &[0] } else { &[0, n / 2, n - 1] };
        for &rank in ends {
            let times = nearest(graph, capacity, nodes[rank]);
            let far: f64 = match operation {
                Operation::Send => times[nodes[n - 1] as usize],
                Operation::Broadcast if rank > 0 => 0.0,
                _ => nodes.iter().map(|&c| times[c as usize]).fold(0.0, f64::max),
            };
            found.latency = found.latency.max(if far.is_finite() { far } else { 0.0 });
        }
    }
    found
}

/// Bandwidth in one direction between two halves of the machine's chips: the least of the halves tried.
pub fn bisection(graph: &Graph) -> f64 {
    let placement = Placement::packed(graph.chips.len() as u32);
    let half = graph.chips.len().div_ceil(2);
    let halves = cuts(graph, &placement).into_iter().filter(|inside| {
        let ranks = graph.chips.iter().filter(|&&c| inside[c as usize]).count();
        ranks == half || ranks == graph.chips.len() - half
    });
    let leaving = |inside: Vec<bool>| -> f64 {
        let cut = graph.links.iter().filter(|l| inside[l.from as usize] && !inside[l.to as usize]);
        cut.map(|l| l.bandwidth).sum()
    };
    halves.map(leaving).fold(f64::INFINITY, f64::min)
}

/// The farthest two chips.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Diameter {
    /// Links between them.
    pub hops: u32,
    /// Seconds between them; `None` where a link on the way does not state any.
    pub latency: Option<f64>,
}

/// How far the farthest chip is from the first one: fabrics look alike from every chip.
pub fn diameter(graph: &Graph) -> Diameter {
    let mut hops = vec![u32::MAX; graph.nodes.len()];
    let mut open = std::collections::VecDeque::from([graph.chips[0]]);
    hops[graph.chips[0] as usize] = 0;
    while let Some(node) = open.pop_front() {
        for &link in graph.out(node) {
            let to = graph.links[link as usize].to;
            if hops[to as usize] == u32::MAX {
                hops[to as usize] = hops[node as usize] + 1;
                open.push_back(to);
            }
        }
    }
    let reached = |c: &&NodeId| hops[**c as usize] != u32::MAX;
    let farthest = graph.chips.iter().filter(reached).map(|&c| hops[c as usize]).max().unwrap_or(0);
    let capacity: Vec<f64> = graph.links.iter().map(|l| l.bandwidth).collect();
    let times = nearest(graph, &capacity, graph.chips[0]);
    let slowest = graph.chips.iter().map(|&c| times[c as usize]).filter(|t| t.is_finite()).fold(0.0, f64::max);
    Diameter { hops: farthest, latency: (slowest > 0.0).then_some(slowest) }
}

/// Sets of nodes to try: whether each is inside.
fn cuts(graph: &Graph, placement: &Placement) -> Vec<Vec<bool>> {
    let chips = graph.chips.len();
    let mut sets: Vec<Vec<bool>> = Vec::new();
    let mut add = |holds: &dyn Fn(u32) -> bool| sets.push(closed(graph, holds));
    for level in &graph.levels {
        let domains = chips.div_ceil(level.chips.max(1) as usize);
        if domains > 1 {
            // Domains are alike but for faults and ranks; the first few and those of the first ranks say most.
            let mut tried: Vec<u32> = placement.chips.iter().take(64).map(|c| c / level.chips).collect();
            tried.dedup();
            for domain in tried.into_iter().take(16) {
                add(&|chip| chip / level.chips == domain);
            }
        }
    }
    add(&|chip| (chip as usize) < chips.div_ceil(2));
    add(&|chip| chip % 2 == 0);
    if let Some(map) = &graph.torus {
        for (axis, &dim) in map.dims.iter().enumerate().filter(|(_, d)| **d > 1) {
            let stride: u32 = map.dims[..axis].iter().product();
            add(&|chip| chip % map.size / stride % dim < dim / 2);
        }
    }
    sets
}

/// Chips that hold, with the switches and cards that have more bandwidth to the inside than to the outside.
fn closed(graph: &Graph, holds: &dyn Fn(u32) -> bool) -> Vec<bool> {
    let mut inside: Vec<Option<bool>> = vec![None; graph.nodes.len()];
    graph.chips.iter().enumerate().for_each(|(chip, &node)| inside[node as usize] = Some(holds(chip as u32)));
    for _ in 0..graph.levels.len() + 3 {
        let mut weight = vec![0.0; graph.nodes.len()];
        for l in &graph.links {
            if let Some(side) = inside[l.from as usize] {
                weight[l.to as usize] += if side { l.bandwidth } else { -l.bandwidth };
            }
        }
        let free = (0..inside.len()).filter(|&n| graph.nodes[n].kind != crate::graph::NodeKind::Chip);
        free.collect::<Vec<_>>()
            .into_iter()
            .filter(|&n| weight[n] != 0.0)
            .for_each(|n| inside[n] = Some(weight[n] > 0.0));
    }
    inside.into_iter().map(|side| side.unwrap_or(false)).collect()
}

/// Least latency from a node to every other.
fn nearest(graph: &Graph, capacity: &[f64], start: NodeId) -> Vec<f64> {
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;
    let mut times = vec![f64::INFINITY; graph.nodes.len()];
    // Whole femtoseconds order exactly.
    let key = |t: f64| (t * 1e15) as u64;
    let mut open = BinaryHeap::from([Reverse((0, start))]);
    times[start as usize] = 0.0;
    while let Some(Reverse((at, node))) = open.pop() {
        if at > key(times[node as usize]) {
            continue;
        }
        for &link in graph.out(node).iter().filter(|&&l| capacity[l as usize] > 0.0) {
            let l = &graph.links[link as usize];
            let time = times[node as usize] + l.latency;
            if time < times[l.to as usize] {
                times[l.to as usize] = time;
                open.push(Reverse((key(time), l.to)));
            }
        }
    }
    times
}

#[cfg(test)]
mod tests;
