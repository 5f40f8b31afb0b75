//! A graph laid out on a sheet, small enough for a page: where its nodes are, and how full and how whole its links.
//!
//! Ports and cards stand with their chips. A graph of more nodes than asked for is shown by units: whole domains of a tier,
//! or blocks of a torus. The layout depends on the graph alone, so that it stays in place when loads and faults change.

mod layout;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::fault::Damage;
use crate::graph::{Graph, NodeId, NodeKind};

/// Width of a sheet; heights follow.
pub const WIDTH: f64 = 1000.0;

/// A graph on a sheet.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// Height, where the width is [`WIDTH`].
    pub height: f64,
    /// Chips of a spot that is not a switch, at most.
    pub unit: u32,
    /// Chips, units of chips, switches.
    pub spots: Vec<Spot>,
    /// What joins them.
    pub lines: Vec<Line>,
}

/// A node, or several.
#[derive(Debug, Clone, PartialEq)]
pub struct Spot {
    /// "chip 3", "chips 64-127", "NVLink 0".
    pub name: String,
    /// Whether it is a switch; else it is chips.
    pub switch: bool,
    /// Tier of a switch, or of the domain that the chips are; 0 for single chips.
    pub tier: u8,
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
    /// Chips in it, or switch chips that work as one.
    pub members: u32,
    /// Dead chips among them.
    pub dead: u32,
}

/// All links between two spots, both ways.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The one end: a place in [`Map::spots`].
    pub from: u32,
    /// The other.
    pub to: u32,
    /// Tier.
    pub tier: u8,
    /// Links one way.
    pub links: u32,
    /// Bytes per second one way when whole.
    pub bandwidth: f64,
    /// Share of it that is left, the worse of both ways.
    pub left: f64,
    /// How full the fullest link is, there and back, of what is left of it.
    pub load: [f64; 2],
    /// Whether it is light.
    pub optical: bool,
    /// Whether it goes around the end of a torus.
    pub wraps: bool,
}

/// A graph with what is left of it and the bytes that its links carry in so many seconds, in at most about `most` spots.
pub fn map(graph: &Graph, damage: &Damage, carried: Option<(&[f64], f64)>, most: usize) -> Map {
    let groups = Groups::of(graph, most.max(4));
    let (mut spots, height) = layout::place(graph, &groups);
    for &chip in &damage.chips {
        let node = graph.chips[chip as usize];
        spots[groups.of[node as usize] as usize].dead += 1;
    }
    let mut known: BTreeMap<(u32, u32, u8), Line> = BTreeMap::new();
    for (at, l) in graph.links.iter().enumerate() {
        let (from, to) = (groups.of[l.from as usize], groups.of[l.to as usize]);
        if from == to {
            continue;
        }
        let back = usize::from(from > to);
        let wraps = graph.torus.is_some() && layout::wraps(graph, l.from, l.to);
        let fresh = || Line {
            from: from.min(to),
            to: from.max(to),
            tier: l.tier,
            links: 0,
            bandwidth: 0.0,
            left: 0.0,
            load: [0.0; 2],
            optical: l.optical,
            wraps,
        };
        let line = known.entry((from.min(to), from.max(to), l.tier)).or_insert_with(fresh);
        line.links += u32::from(back == 0);
        line.bandwidth += if back == 0 { l.bandwidth } else { 0.0 };
        // Both ways are summed; they are as wide as each other.
        line.left += damage.capacity[at] / 2.0;
        line.wraps &= wraps;
        line.optical |= l.optical;
        if let Some((bytes, seconds)) = carried
            && damage.capacity[at] > 0.0
            && seconds > 0.0
        {
            line.load[back] = line.load[back].max((bytes[at] / damage.capacity[at] / seconds).min(1.0));
        }
    }
    let lines = known.into_values().map(|l| Line { left: (l.left / l.bandwidth).min(1.0), ..l }).collect();
    Map { height, unit: groups.unit, spots, lines }
}

/// Which spot each node is of.
struct Groups {
    /// By node.
    of: Vec<u32>,
    /// First node of each spot, and how many chips or switch chips it has.
    heads: Vec<(NodeId, u32)>,
    /// Chips of a unit.
    unit: u32,
    /// Chips along each axis of a block, in a torus.
    block: Vec<u32>,
}

impl Groups {
    fn of(graph: &Graph, most: usize) -> Groups {
        let chips = graph.chips.len() as u32;
        let (unit, block) = match &graph.torus {
            Some(map) => {
                let copies = f64::from(chips.div_ceil(map.size));
                let blocks = |edge: u32| copies * map.dims.iter().map(|d| f64::from(d.div_ceil(edge))).product::<f64>();
                let edge = (0..16).map(|p| 1u32 << p).find(|&e| blocks(e) <= most as f64).unwrap_or(1 << 16);
                let block: Vec<u32> = map.dims.iter().map(|&d| d.min(edge)).collect();
                (block.iter().product(), block)
            }
            None => (unit(graph, most as u32), Vec::new()),
        };
        let mut groups = Groups { of: vec![u32::MAX; graph.nodes.len()], heads: Vec::new(), unit, block };
        let mut units: BTreeMap<u32, u32> = BTreeMap::new();
        for (chip, &node) in graph.chips.iter().enumerate() {
            let key = groups.unit_of(graph, chip as u32);
            let next = groups.heads.len() as u32;
            let spot = *units.entry(key).or_insert(next);
            if spot == next {
                groups.heads.push((node, 0));
            }
            groups.heads[spot as usize].1 += 1;
            groups.of[node as usize] = spot;
        }
        // Ports and cards go with their chip; switches with the chips below if these are one unit.
        let mut below: Vec<Vec<u32>> = vec![Vec::new(); graph.nodes.len()];
        for (node, n) in graph.nodes.iter().enumerate().filter(|(_, n)| n.kind != NodeKind::Chip) {
            for &link in graph.out(node as NodeId) {
                let other = groups.of[graph.links[link as usize].to as usize];
                if other != u32::MAX && !below[node].contains(&other) {
                    below[node].push(other);
                }
            }
            let joins = n.kind != NodeKind::Switch || (below[node].len() == 1 && unit > 1);
            let units = units.len() as u32;
            groups.of[node] = match below[node].iter().find(|&&spot| spot < units) {
                Some(&spot) if joins => spot,
                _ => {
                    groups.heads.push((node as NodeId, n.members));
                    groups.heads.len() as u32 - 1
                }
            };
        }
        groups
    }

    fn unit_of(&self, graph: &Graph, chip: u32) -> u32 {
        let Some(map) = &graph.torus else { return chip / self.unit };
        let at = map.coordinates(chip);
        let blocks = map.dims.iter().zip(&self.block).map(|(d, b)| d.div_ceil(*b));
        let mut key = 0;
        for ((at, block), count) in at.iter().zip(&self.block).zip(blocks.clone()).rev() {
            key = key * count + at / block;
        }
        chip / map.size * blocks.product::<u32>() + key
    }
}

/// Chips of a unit: single ones, whole domains of a tier, or several of them.
fn unit(graph: &Graph, most: u32) -> u32 {
    let chips = graph.chips.len() as u32;
    let sizes = std::iter::once(1).chain(graph.levels.iter().map(|l| l.chips.max(1)).filter(|&c| c < chips));
    let sizes: Vec<u32> = sizes.collect();
    let fits = |size: u32| chips.div_ceil(size) <= most;
    let last = sizes.last().copied().unwrap_or(1);
    sizes.into_iter().find(|&s| fits(s)).unwrap_or_else(|| last * chips.div_ceil(last).div_ceil(most))
}
