//! One optimizer step of training: operators forward and backward, exchanges, memory, and the closed form of a step.
//!
//! ```text
//!   model + plan + recipe ──lower──> work of a layer ──price──> LayerCost ──stages──> Stages ──step──> StepTime
//!                                                   └──memory──> bytes by kind on the fullest stage
//! ```
//!
//! Terms of a layer depend on the split inside a stage (TP, CP, EP, micro-batch), not on how many stages, replicas and
//! shards there are: a search prices a layer once for each of the former and combines ([`step`]) for the latter.

mod calibration;
mod exchange;
mod layer;
mod lower;
mod memory;
mod plan;
mod price;
mod recipe;
mod stages;
mod step;

pub use calibration::{ChipFit, FitBasis, Overlap, Stack, TrainingCalibration, TrainingCalibrationError};
pub use layer::{LayerWork, Product, Recomputed, Small, WorkPart};
pub use memory::{Need, TrainingMemory};
pub use plan::{ContextExchange, Misplan, Offload, Plan, Recompute, Schedule, Sharding};
pub use price::{Comm, Ends, LayerCost, Pricer};
pub use recipe::{Lora, Recipe, StateFormat};
pub use stages::{ChunkCost, Stages};
pub use step::{Breakdown, GroupTimes, StepTime, Terms};

use catalog::{Chip, Model};

use crate::calibration::Device;
use crate::comm::Network;

/// What is trained, on what, with which software.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// The model.
    pub model: &'a Model,
    /// The chip: memory, links, and the arithmetic it has.
    pub chip: &'a Chip,
    /// One device of it, priced.
    pub device: &'a Device,
    /// What joins the devices.
    pub network: &'a Network,
    /// The framework on this chip.
    pub stack: &'a Stack,
    /// Number formats.
    pub recipe: Recipe,
    /// Tokens of a sequence.
    pub sequence: u64,
    /// Sequences of a step, all replicas together.
    pub batch: u64,
    /// Busiest expert rank's tokens over the mean; 1: balanced by force or by dropping.
    pub imbalance: f64,
    /// Share of the mean load that an expert may take before tokens are dropped; `None`: none are.
    pub capacity: Option<f64>,
    /// Whether multi-token-prediction modules are trained too.
    pub mtp: bool,
}

#[cfg(test)]
mod kinds;
#[cfg(test)]
mod laws;
#[cfg(test)]
pub(crate) mod testing;
