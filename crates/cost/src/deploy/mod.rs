//! A deployment: one replica of a model laid on the chips of a system.
//!
//! ```text
//!   model + split + formats ──lower──> operators and exchanges of a step ──> seconds of a step (StepTimes)
//!                            └─memory─> bytes on the fullest chip        ──> tokens that the cache holds
//! ```

mod apart;
mod check;
mod lower;
mod memory;
mod steps;

use catalog::model::WeightFormats;
use catalog::{Arithmetic, Chip, Model};
use formats::Scheme;

pub use apart::Apart;
pub use check::Misfit;
pub use lower::{Part, Placed, Task};
pub use memory::Memory;
pub use steps::{Known, Launch, StepTimes};

use crate::calibration::{Device, arithmetic_for};
use crate::comm::Network;

/// Degrees of parallelism of one replica. Chips (devices) of a replica: `tp * pp * dp`; experts are spread over the same
/// devices of a stage, so `ep * moe_tp = tp * dp`. Where `ep` does not divide the experts, popular ones are held twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Parallel {
    /// Tensor parallelism of attention and dense layers.
    pub tp: u32,
    /// Pipeline stages.
    pub pp: u32,
    /// Data parallelism of attention: ranks with a cache of their own that share the experts.
    pub dp: u32,
    /// Expert parallelism.
    pub ep: u32,
    /// Tensor parallelism inside an expert.
    pub moe_tp: u32,
}

impl Parallel {
    /// Tensor parallelism only; experts are split like dense layers.
    pub const fn tensor(tp: u32) -> Parallel {
        Parallel { tp, pp: 1, dp: 1, ep: 1, moe_tp: tp }
    }

    /// Devices of a replica.
    pub const fn devices(&self) -> u32 {
        self.tp * self.pp * self.dp
    }
}

/// How a deployment stores what it holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Storage {
    /// The weights by part.
    pub weights: WeightFormats,
    /// The cache.
    pub kv: Scheme,
}

/// Speculation with the model's own MTP layers (or an external draft of the same cost).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speculation {
    /// Drafted tokens a step.
    pub drafts: u32,
    /// Of these, accepted on average.
    pub accepted: f64,
}

/// One replica on its chips.
#[derive(Clone, Copy)]
pub struct Deployment<'a> {
    /// What is served.
    pub model: &'a Model,
    /// The chip: memory, and the arithmetic it has for a format.
    pub chip: &'a Chip,
    /// One device of it, priced: the chip itself, or a die where software sees dies.
    pub device: &'a Device,
    /// What joins the devices.
    pub network: &'a Network,
    /// The split.
    pub parallel: Parallel,
    /// Formats.
    pub storage: Storage,
    /// Speculation; `None`: one token a step.
    pub speculation: Option<Speculation>,
    /// Whether the engine's all-reduce also adds the residual and norms.
    pub fused_norm: bool,
    /// Feed-forward layers on devices of their own; `None`: on those of attention. `parallel.ep` is then their number.
    pub apart: Option<Apart>,
    /// Coefficient of variation of the load between experts: 0 is balanced, real routers 0.3 to 1.
    pub expert_skew: f64,
}

impl Deployment<'_> {
    /// Query tokens that a decoding request brings to a step.
    pub fn queries(&self) -> u64 {
        1 + self.speculation.map_or(0, |s| u64::from(s.drafts))
    }

    /// Tokens that a decoding request leaves with.
    pub fn tokens_per_step(&self) -> f64 {
        1.0 + self.speculation.map_or(0.0, |s| s.accepted)
    }

    /// Arithmetic of products with weights (or a cache) stored as `scheme`.
    pub fn arithmetic(&self, scheme: Scheme) -> Arithmetic {
        arithmetic_for(self.chip, scheme).map_or(Arithmetic::Bf16, |(arithmetic, _)| arithmetic)
    }

    /// Ranks with a cache of their own.
    pub fn ranks(&self) -> u32 {
        self.parallel.dp
    }

    /// Busiest expert rank's tokens over the mean, for `tokens` tokens of the whole group.
    ///
    /// The largest of `ep` loads that each vary by the skew of their experts (averaged over `experts / ep` of them) and
    /// by chance (routing `tokens * top_k` choices at random): `1 + cv * sqrt(2 ln ep)`. What copies of popular experts
    /// gain in balance is not counted. Stops holding when `ep` nears the number of experts and routing is far from Gaussian.
    pub fn imbalance(&self, tokens: u64, moe: &catalog::model::Moe) -> f64 {
        let ranks = f64::from(self.parallel.ep);
        if self.parallel.ep <= 1 || tokens == 0 {
            return 1.0;
        }
        let choices_per_rank = tokens as f64 * moe.top_k as f64 / ranks;
        let (_, places) = self.parallel.expert_places(moe.experts);
        let variance = self.expert_skew.powi(2) * ranks / places as f64 + 1.0 / choices_per_rank.max(1.0);
        (1.0 + (variance * 2.0 * ranks.ln()).sqrt()).min(ranks)
    }
}
