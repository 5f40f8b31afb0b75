//! A machine that can be bought or rented: so many chips on such a fabric.

use units::{BytesPerSecond, Seconds, Watts};

use crate::{Chip, Fact};

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
}

impl Fabric {
    /// The innermost tier that joins `chips` chips, or the outermost if none does.
    pub fn tier_for(&self, chips: u32) -> Option<&Tier> {
        self.tiers.iter().find(|t| t.chips >= chips).or(self.tiers.last())
    }
}
