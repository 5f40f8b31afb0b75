//! The software on a chip: efficiencies that were fitted to training runs.

use catalog::{Arithmetic, Chip};
use serde::Deserialize;
use thiserror::Error;

use super::price::bits;

/// How much of an exchange a framework hides, where there is something to hide it behind (0 to 1).
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlap {
    /// Tensor parallelism behind the products it feeds.
    pub tensor: f64,
    /// Context parallelism behind attention.
    pub context: f64,
    /// Tokens of experts behind other operators.
    pub expert: f64,
    /// The same where a schedule pairs forward and backward passes.
    pub paired: f64,
    /// Gradients and parameters behind the backward and forward passes.
    pub data: f64,
    /// Hand-overs between stages.
    pub pipeline: f64,
}

/// A framework on a chip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stack {
    /// Time of products over that of the operator surfaces, for operands of 16, 8 and 4 bits.
    pub products: [f64; 3],
    /// The same besides for products of many experts.
    pub grouped: f64,
    /// Time of attention over that of the surfaces.
    pub attention: f64,
    /// Time of an operation of attention backward over one forward.
    pub attention_backward: f64,
    /// Bytes that small operators move over the least: fused kernels 1, one kernel an operation more.
    pub small: f64,
    /// Whether attention keeps no scores.
    pub fused_attention: bool,
    /// Seconds of the host to launch a kernel.
    pub launch: f64,
    /// Seconds that a layer with experts loses each way, however many tokens there are.
    pub routing: f64,
    /// Seconds of the host in a step.
    pub step: f64,
    /// What it hides.
    pub overlap: Overlap,
    /// Share of the time of a hidden exchange that what hides it takes longer.
    pub contention: f64,
    /// Time of exchanges over that of the curves.
    pub network: f64,
    /// Whether shards of a layer are gathered together; else weight by weight, as a compiler that sees the whole step does.
    pub gathers_layers: bool,
    /// Whether selective recomputation keeps every other product's result and attention's, instead of all but what is cheap.
    pub recomputes_products: bool,
    /// Bytes that a logit takes at the fullest moment of the loss.
    pub logits: f64,
    /// Bytes that it keeps of a device's memory.
    pub reserved: f64,
}

impl Stack {
    /// The factor on products in `arithmetic`.
    pub fn product(&self, arithmetic: Arithmetic) -> f64 {
        self.products[bits(arithmetic)]
    }
}

/// How training on a chip differs from the operator surfaces, which were measured on single kernels: power, clocks and
/// memory in a long run. Multipliers of time, at least the surfaces' own.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChipFit {
    /// Chip, or the architecture of chips without runs of their own.
    #[serde(default)]
    pub chip: String,
    /// Architecture.
    #[serde(default)]
    pub architecture: String,
    /// "gpu", "npu", "tpu": for chips whose architecture has no runs either.
    #[serde(default)]
    pub class: String,
    /// Products of 16-bit operands.
    pub half: f64,
    /// Of 8 bits.
    pub eight: f64,
    /// Of 4 bits.
    pub four: f64,
    /// Attention.
    pub attention: f64,
    /// Rows that it was fitted to; 0: set by hand.
    pub rows: u32,
}

/// The fits of all chips.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingCalibration {
    /// By chip, architecture or class.
    pub chip: Vec<ChipFit>,
}

/// A file of fits that cannot be used.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum TrainingCalibrationError {
    /// Not of this form.
    #[error("training.toml: {0}")]
    Malformed(String),
    /// A multiplier that means nothing.
    #[error("training.toml: {0}: multipliers must be from 0.2 to 20")]
    Value(String),
    /// Nothing for a class.
    #[error("training.toml: has nothing for chips of class '{0}'")]
    NoClass(&'static str),
}

const TEXT: &str = include_str!("../../../../calibration/training.toml");

/// Whose runs a fit rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FitBasis {
    /// The chip's own.
    Chip,
    /// Its architecture's.
    Architecture,
    /// Its class's.
    Class,
}

impl TrainingCalibration {
    /// The one that comes with the program.
    ///
    /// # Errors
    /// If it was built in broken.
    pub fn embedded() -> Result<TrainingCalibration, TrainingCalibrationError> {
        TrainingCalibration::parse(TEXT)
    }

    /// From the text of a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<TrainingCalibration, TrainingCalibrationError> {
        let found: TrainingCalibration =
            toml::from_str(text).map_err(|e| TrainingCalibrationError::Malformed(e.to_string()))?;
        for fit in &found.chip {
            if ![fit.half, fit.eight, fit.four, fit.attention].iter().all(|v| (0.2..=20.0).contains(v)) {
                return Err(TrainingCalibrationError::Value(format!("{}{}{}", fit.chip, fit.architecture, fit.class)));
            }
        }
        Ok(found)
    }

    /// The fit for a chip: its own, its architecture's, its class's.
    ///
    /// # Errors
    /// If there is none for the class.
    pub fn of(&self, chip: &Chip) -> Result<(&ChipFit, FitBasis), TrainingCalibrationError> {
        let own = self.chip.iter().find(|f| f.chip == chip.id).map(|f| (f, FitBasis::Chip));
        let kin = || {
            let kin = self.chip.iter().find(|f| f.chip.is_empty() && f.architecture == chip.architecture);
            kin.map(|f| (f, FitBasis::Architecture))
        };
        let class = || {
            let class = self.chip.iter().find(|f| f.class == chip.class.name());
            class.map(|f| (f, FitBasis::Class))
        };
        own.or_else(kin).or_else(class).ok_or(TrainingCalibrationError::NoClass(chip.class.name()))
    }
}
