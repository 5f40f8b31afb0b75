//! A machine that can be bought or rented: so many chips on such a fabric.

use std::collections::BTreeMap;

use units::{BytesPerSecond, Seconds, Watts};

use crate::{Chip, Fact, Kind};

/// How the chips of a tier are joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TierShape {
    /// Any to any through switches, full bandwidth.
    Switch,
    /// Every pair has its own link.
    Mesh,
    /// Neighbours in a grid with wrap-around.
    Torus {
        /// Chips along each axis.
        dims: Vec<u32>,
    },
    /// Switches in layers, with this ratio of bandwidth below to above in hundredths (100: non-blocking).
    Clos {
        /// 100 x oversubscription.
        oversubscription_percent: u32,
    },
}

/// How a tier is built, as far as it is stated. Times of healthy exchanges need none of it; drawings, faults and routes
/// that leave a switch do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Wiring {
    /// Links of one chip into this tier.
    pub links: Option<Fact<f64>>,
    /// Switch chips of one domain of this tier that share the traffic.
    pub switches: Option<Fact<f64>>,
    /// Planes that the switches are divided into, each with its own links.
    pub planes: Option<Fact<f64>>,
    /// Chips below one leaf switch, where leaves are not the domains within.
    pub leaf: Option<Fact<f64>>,
    /// Whether chips of equal place in their domains share a leaf (rail-optimised).
    pub rails: bool,
    /// Whether it goes on from the switches or ports of the tier within, instead of having ports of its own on the chip.
    pub uplink: bool,
    /// Whether wrap-around links of short axes are shifted along the longest one.
    pub twisted: bool,
}

/// One level of a fabric.
#[derive(Debug, Clone, PartialEq)]
pub struct Tier {
    /// "NVLink", "UB", "ICI", "RoCE".
    pub name: String,
    /// How chips are joined.
    pub shape: TierShape,
    /// Chips that reach each other without leaving this tier.
    pub chips: u32,
    /// Bandwidth of one chip in one direction.
    pub bandwidth: Fact<BytesPerSecond>,
    /// Latency of a small message between two chips, software not counted.
    pub latency: Option<Fact<Seconds>>,
    /// Whether switches add for the chips (NVLS, SHARP).
    pub in_network_reduction: bool,
    /// Whether it is light: "copper", "optics", "mixed".
    pub medium: String,
    /// How it is built.
    pub wiring: Wiring,
}

/// Tiers from the innermost out.
#[derive(Debug, Clone, PartialEq)]
pub struct Fabric {
    /// Innermost first; each reaches more chips than the one before.
    pub tiers: Vec<Tier>,
}

/// A system, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct System {
    /// `nvidia_gb200_nvl72`.
    pub id: String,
    /// "NVIDIA GB200 NVL72".
    pub name: String,
    /// What it is made of.
    pub chip: Chip,
    /// How many chips it has.
    pub chips: u32,
    /// How they are joined.
    pub fabric: Fabric,
    /// Power of the whole system, hosts, switches and fans included.
    pub power: Option<Fact<Watts>>,
    /// Counted parts by key: `optical_modules`, `optical_switches`, `cubes`.
    pub parts: BTreeMap<String, Fact<f64>>,
}

impl Fabric {
    /// The innermost tier that joins `chips` chips, or the outermost if none does.
    pub fn tier_for(&self, chips: u32) -> Option<&Tier> {
        self.tiers.iter().find(|t| t.chips >= chips).or(self.tiers.last())
    }
}

impl System {
    /// Most chips that its fabric joins.
    pub fn most_chips(&self) -> u32 {
        self.fabric.tiers.last().map_or(self.chips, |t| t.chips.max(self.chips))
    }

    /// The same machine with `chips` chips: a part of it, or several of it joined by its outer tiers. Power is taken in
    /// proportion. The fabric stays as it is built, with one exception: a torus with optics is re-wired into a smaller
    /// one if that keeps whole axes of at least four, as optical switches between cubes do.
    ///
    /// `None` if the fabric joins fewer, or if `chips` is 0.
    pub fn with_chips(&self, chips: u32) -> Option<System> {
        if chips == 0 || chips > self.most_chips() {
            return None;
        }
        let mut system = self.clone();
        if chips == self.chips {
            return Some(system);
        }
        for tier in &mut system.fabric.tiers {
            let whole = tier.chips;
            if let TierShape::Torus { dims } = &mut tier.shape
                && chips < whole
                && tier.medium != "copper"
                && let Some(cut) = cut_torus(dims, chips)
            {
                *dims = cut;
                tier.chips = chips;
            }
        }
        system.power = self.power.as_ref().map(|p| {
            let mut power = p.map(|w| w * (f64::from(chips) / f64::from(self.chips)));
            power.kind = Kind::Derived;
            power
        });
        system.chips = chips;
        Some(system)
    }
}

/// The shortest axes of four or more within `dims` that hold just `units`, if any do.
fn cut_torus(dims: &[u32], units: u32) -> Option<Vec<u32>> {
    let mut best = None;
    fill(dims, units, &mut Vec::new(), &mut best);
    best
}

fn fill(dims: &[u32], left: u32, axes: &mut Vec<u32>, best: &mut Option<Vec<u32>>) {
    let Some((&longest, rest)) = dims.split_first() else {
        let longest_axis = |axes: &[u32]| axes.iter().copied().max().unwrap_or(0);
        if left == 1 && best.as_ref().is_none_or(|b| longest_axis(axes) < longest_axis(b)) {
            *best = Some(axes.clone());
        }
        return;
    };
    for axis in (4..=longest.min(left)).filter(|a| left.is_multiple_of(*a)) {
        axes.push(axis);
        fill(rest, left / axis, axes, best);
        axes.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torus_is_cut_near_a_cube() {
        assert_eq!(cut_torus(&[16, 24, 24], 256), Some(vec![4, 8, 8]));
        assert_eq!(cut_torus(&[16, 24, 24], 64), Some(vec![4, 4, 4]));
        assert_eq!(cut_torus(&[16, 24, 24], 32), None, "a part of a cube has no rings");
    }
}
