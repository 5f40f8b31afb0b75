//! The edges of rings through a fabric of domains.
//!
//! Libraries lay one ring for each port of a domain: all pass the same domains in the same order, but enter and leave each
//! domain at another chip, so that all ports work. Together a chip sends `(m - 1) / m` of the data to the next chip of its
//! domain of `m` and `1 / m` to the chip of its place in the next domain. Only these sums are kept.

use std::collections::BTreeMap;

use crate::graph::{Graph, NodeKind};

/// An edge between two ranks with the share of the rings that runs through it.
pub(super) type Edge = (usize, usize, f64);

/// Edges of rings through all ranks.
pub(super) fn edges(graph: &Graph, chips: &[u32]) -> Vec<Edge> {
    let mut sums = BTreeMap::new();
    let ranks: Vec<usize> = (0..chips.len()).collect();
    let top = graph.levels.len();
    add(graph, chips, &ranks, top, true, 1.0, &mut sums);
    sums.into_iter().map(|((from, to), share)| (from, to, share)).collect()
}

/// Ranks by their domain of a level, in order.
pub(super) fn domains(graph: &Graph, chips: &[u32], ranks: &[usize], level: usize) -> Vec<Vec<usize>> {
    let size = level.checked_sub(1).and_then(|l| graph.levels.get(l)).map_or(1, |l| l.chips);
    let mut all: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    ranks.iter().for_each(|&r| all.entry(chips[r] / size).or_default().push(r));
    all.into_values().collect()
}

/// Adds the edges through `ranks`, of one domain of the tiers below `level`; `closed` rings come back to the start.
fn add(
    graph: &Graph,
    chips: &[u32],
    ranks: &[usize],
    level: usize,
    closed: bool,
    weight: f64,
    sums: &mut BTreeMap<(usize, usize), f64>,
) {
    if ranks.len() < 2 {
        return;
    }
    if level <= 1 {
        return innermost(graph, chips, ranks, closed, weight, sums);
    }
    let units = domains(graph, chips, ranks, level - 1);
    if units.len() < 2 {
        return add(graph, chips, ranks, level - 1, closed, weight, sums);
    }
    let crossings = if closed { 1.0 } else { 1.0 - 1.0 / units.len() as f64 };
    for (u, unit) in units.iter().enumerate() {
        let next = &units[(u + 1) % units.len()];
        let share = weight * crossings / unit.len() as f64;
        for (slot, &rank) in unit.iter().enumerate() {
            *sums.entry((rank, next[slot % next.len()])).or_insert(0.0) += share;
        }
        add(graph, chips, unit, level - 1, false, weight, sums);
    }
}

/// In a mesh a ring for every stride, so that links to all neighbours work; elsewhere one ring, in a torus both ways.
fn innermost(
    graph: &Graph,
    chips: &[u32],
    ranks: &[usize],
    closed: bool,
    weight: f64,
    sums: &mut BTreeMap<(usize, usize), f64>,
) {
    let n = ranks.len();
    let linked =
        |a: usize, b: usize| graph.between(graph.chips[chips[a] as usize], graph.chips[chips[b] as usize]).is_some();
    let ported = |a: usize| {
        graph
            .out(graph.chips[chips[a] as usize])
            .iter()
            .any(|&l| graph.nodes[graph.links[l as usize].to as usize].kind == NodeKind::Port)
    };
    let mesh = graph.torus.is_none() && n > 2 && (ported(ranks[0]) || (1..n).all(|i| linked(ranks[0], ranks[i])));
    let strides: Vec<usize> = match (mesh, graph.torus.is_some() && n > 2) {
        (true, _) => (1..n).filter(|&s| gcd(s, n) == 1).collect(),
        (_, true) => vec![1, n - 1],
        _ => vec![1],
    };
    let share = weight * if closed { 1.0 } else { 1.0 - 1.0 / n as f64 } / strides.len() as f64;
    for stride in strides {
        for (i, &rank) in ranks.iter().enumerate() {
            *sums.entry((rank, ranks[(i + stride) % n])).or_insert(0.0) += share;
        }
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
