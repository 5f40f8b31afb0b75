//! Where spots stand: lattices for tori, boxes in boxes for the rest.

use std::collections::BTreeMap;

use super::{Groups, Spot, WIDTH};
use crate::graph::{Graph, NodeId, NodeKind, TorusMap};

/// How far the second axis of a lattice goes right and up for a step: parallel perspective.
const SLANT: (f64, f64) = (0.5, 0.38);
/// Between neighbouring boxes, in chips.
const GAP: f64 = 0.7;
/// For the switches of a box, in chips.
const BAR: f64 = 1.6;

/// Spots in place, and the height of the sheet.
pub(super) fn place(graph: &Graph, groups: &Groups) -> (Vec<Spot>, f64) {
    let mut spots: Vec<Spot> = groups.heads.iter().map(|&(node, members)| spot(graph, groups, node, members)).collect();
    match &graph.torus {
        Some(map) => lattice(graph, groups, map, &mut spots),
        None => boxes(graph, groups, &mut spots),
    }
    let span = |of: &dyn Fn(&Spot) -> f64| {
        let all = spots.iter().map(of);
        all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    };
    let (left, right) = span(&|s| s.x);
    let (top, bottom) = span(&|s| s.y);
    // A margin of one chip all around; what is narrow stands in the middle.
    let scale = (WIDTH / (right - left + 2.0)).min(60.0);
    let shift = (WIDTH - (right - left) * scale) / 2.0;
    for s in &mut spots {
        let round = |v: f64| (v * 10.0).round() / 10.0;
        (s.x, s.y) = (round((s.x - left) * scale + shift), round((s.y - top + 1.0) * scale));
    }
    (spots, ((bottom - top + 2.0) * scale).round())
}

fn spot(graph: &Graph, groups: &Groups, node: NodeId, members: u32) -> Spot {
    let n = &graph.nodes[node as usize];
    let switch = n.kind == NodeKind::Switch;
    let tier = if switch { n.tier } else { graph.levels.iter().take_while(|l| l.chips < groups.unit).count() as u8 };
    let name = match (switch, members) {
        (true, _) | (_, 1) => n.name.clone(),
        // Blocks of a torus hold no range of numbers.
        (_, _) if graph.torus.is_some() => format!("{members} chips from {node}"),
        (_, _) => format!("chips {node}-{}", node + members - 1),
    };
    Spot { name, switch, tier, x: 0.0, y: 0.0, members, dead: 0 }
}

/// Whether two chips are more than a step apart though linked: around the end.
pub(super) fn wraps(graph: &Graph, from: NodeId, to: NodeId) -> bool {
    let Some(map) = &graph.torus else { return false };
    let chips = graph.chips.len() as u32;
    if from >= chips || to >= chips || from / map.size != to / map.size {
        return false;
    }
    let (a, b) = (map.coordinates(from), map.coordinates(to));
    a.iter().zip(&b).any(|(a, b)| a.abs_diff(*b) > 1)
}

fn lattice(graph: &Graph, groups: &Groups, map: &TorusMap, spots: &mut [Spot]) {
    let blocks: Vec<f64> = map.dims.iter().zip(&groups.block).map(|(d, b)| f64::from(d.div_ceil(*b))).collect();
    let wide = blocks.first().copied().unwrap_or(1.0) + SLANT.0 * blocks.get(1).copied().unwrap_or(1.0) + 1.0;
    for (spot, &(node, _)) in spots.iter_mut().zip(&groups.heads) {
        if spot.switch {
            // Beyond the torus: on top, side by side.
            (spot.x, spot.y) = (f64::from(node % 16), -f64::from(spot.tier) * BAR - blocks.iter().sum::<f64>());
            continue;
        }
        let at = map.coordinates(node);
        let block = |axis: usize| at.get(axis).map_or(0.0, |a| f64::from(a / groups.block[axis]));
        let copy = f64::from(node / map.size) * wide;
        (spot.x, spot.y) = match map.dims.len() {
            0..=2 => (block(0), block(1)),
            _ => {
                // Axes beyond the third go on above.
                let rest = (3..map.dims.len()).map(|a| block(a) * (blocks[2] + 1.0)).sum::<f64>();
                (block(0) + SLANT.0 * block(1), -block(2) - rest - SLANT.1 * block(1))
            }
        };
        spot.x += copy;
    }
    debug_assert!(graph.torus.is_some());
}

/// Boxes of one level in a grid, its switches above.
fn boxes(graph: &Graph, groups: &Groups, spots: &mut [Spot]) {
    let chips = graph.chips.len() as u32;
    let sizes: Vec<u32> = graph.levels.iter().map(|l| l.chips).filter(|&c| c > groups.unit).collect();
    let used = sizes.iter().take_while(|&&c| c < chips).count() + 1;
    let sizes: Vec<u32> = sizes.into_iter().take(used).map(|c| c.min(chips)).collect();
    // Switches by the box that they are on top of.
    let mut tops: BTreeMap<(usize, u32), Vec<usize>> = BTreeMap::new();
    for (at, spot) in spots.iter().enumerate().filter(|(_, s)| s.switch) {
        let first = lowest_chip(graph, groups.heads[at].0);
        let size = graph.levels.get(spot.tier as usize).map_or(chips, |l| l.chips.min(chips));
        let level = sizes.iter().position(|&s| s >= size).unwrap_or(sizes.len().saturating_sub(1));
        let domain = sizes.get(level).map_or(0, |s| first / s);
        tops.entry((level, domain)).or_default().push(at);
    }
    let sheet = Sheet { sizes, unit: groups.unit, chips, tops };
    sheet.draw(sheet.sizes.len(), 0, (0.0, 0.0), spots);
}

/// The first chip below a switch.
fn lowest_chip(graph: &Graph, switch: NodeId) -> u32 {
    let mut at = switch;
    // Nodes are made from the inside out, so the lowest neighbour is the way down.
    while graph.nodes[at as usize].kind != NodeKind::Chip {
        let next = graph.out(at).iter().map(|&l| graph.links[l as usize].to).min();
        match next {
            Some(next) if next < at => at = next,
            _ => return 0,
        }
    }
    at
}

struct Sheet {
    sizes: Vec<u32>,
    unit: u32,
    chips: u32,
    tops: BTreeMap<(usize, u32), Vec<usize>>,
}

impl Sheet {
    /// Chips of a box: of a unit at level 0.
    fn size(&self, level: usize) -> u32 {
        level.checked_sub(1).map_or(self.unit, |l| self.sizes[l])
    }

    fn columns(&self, level: usize) -> u32 {
        let inside = self.size(level).div_ceil(self.size(level - 1));
        if level == 1 && inside <= 8 {
            return inside.min(4);
        }
        // Wider than high, and in full rows where these are not much wider or narrower.
        let ideal = (f64::from(inside) * 2.2).sqrt().ceil() as u32;
        let near = |c: &u32| inside.is_multiple_of(*c) && *c >= 2;
        (ideal..=ideal + ideal / 3).find(near).or_else(|| (ideal - ideal / 3..ideal).rev().find(near)).unwrap_or(ideal)
    }

    /// Width and height of a full box.
    fn extent(&self, level: usize) -> (f64, f64) {
        if level == 0 {
            return (1.0, 1.0);
        }
        let (wide, high) = self.extent(level - 1);
        let inside = self.size(level).div_ceil(self.size(level - 1));
        let columns = self.columns(level).min(inside);
        let gap = if level == 1 { 0.0 } else { GAP };
        let rows = inside.div_ceil(columns);
        let span = |n: u32, each: f64| f64::from(n) * (each + gap) - gap;
        (span(columns, wide), span(rows, high) + BAR)
    }

    fn draw(&self, level: usize, start: u32, (x, y): (f64, f64), spots: &mut [Spot]) {
        if level == 0 {
            let spot = &mut spots[(start / self.unit) as usize];
            (spot.x, spot.y) = (x + 0.5, y + 0.5);
            return;
        }
        let (wide, _) = self.extent(level);
        let size = self.size(level);
        if let Some(tops) = self.tops.get(&(level - 1, start / size)) {
            for (place, &top) in tops.iter().enumerate() {
                // The last one made is the highest; leaves stand in a row below it.
                let above = place == 0 && tops.len() > 1;
                let row = if above { 0.2 } else { 0.9 };
                let share =
                    if tops.len() == 1 || above { 0.5 } else { (place as f64 - 0.5) / (tops.len() as f64 - 1.0) };
                (spots[top].x, spots[top].y) = (x + wide * share, y + row);
            }
        }
        let (each, high) = self.extent(level - 1);
        let inner = self.size(level - 1);
        let gap = if level == 1 { 0.0 } else { GAP };
        let columns = self.columns(level);
        let end = (start + size).min(self.chips);
        for (place, first) in (start..end).step_by(inner as usize).enumerate() {
            let (column, row) = (place as u32 % columns, place as u32 / columns);
            let at = (x + f64::from(column) * (each + gap), y + BAR + f64::from(row) * (high + gap));
            self.draw(level - 1, first, at, spots);
        }
    }
}
