//! Whether a split divides a model.

use catalog::{Attention, Ffn, Model};
use thiserror::Error;

use super::Parallel;

/// Why a split is impossible.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Misfit {
    /// A degree does not divide a count of the model.
    #[error("{degree}={value} does not divide {count} {of}")]
    DoesNotDivide {
        /// `tp`, `ep`, `moe_tp`.
        degree: &'static str,
        /// Its value.
        value: u32,
        /// What it should divide.
        of: &'static str,
        /// How many there are.
        count: u64,
    },
    /// More pipeline stages than layers.
    #[error("pp={pp} exceeds the model's {layers} layers")]
    TooManyStages {
        /// Stages.
        pp: u32,
        /// Layers.
        layers: u32,
    },
    /// Experts are not spread over the devices of a stage.
    #[error("ep={ep} x moe_tp={moe_tp} must equal tp={tp} x dp={dp}")]
    ExpertGrid {
        /// Expert parallelism.
        ep: u32,
        /// Tensor parallelism inside an expert.
        moe_tp: u32,
        /// Tensor parallelism.
        tp: u32,
        /// Data parallelism.
        dp: u32,
    },
    /// A degree of zero.
    #[error("{0} is zero")]
    Zero(&'static str),
}

fn divides(degree: &'static str, value: u32, of: &'static str, count: u64) -> Result<(), Misfit> {
    if count.is_multiple_of(u64::from(value)) {
        Ok(())
    } else {
        Err(Misfit::DoesNotDivide { degree, value, of, count })
    }
}

impl Parallel {
    /// Checks the split against the model.
    pub fn check(&self, model: &Model) -> Result<(), Misfit> {
        for (name, value) in
            [("tp", self.tp), ("pp", self.pp), ("dp", self.dp), ("ep", self.ep), ("moe_tp", self.moe_tp)]
        {
            if value == 0 {
                return Err(Misfit::Zero(name));
            }
        }
        let layers: u32 = model.layers.iter().map(|g| g.count).sum();
        if self.pp > layers {
            return Err(Misfit::TooManyStages { pp: self.pp, layers });
        }
        let mut has_experts = false;
        for group in &model.layers {
            match &group.attention {
                Attention::None => {}
                Attention::Gqa(a) => divides("tp", self.tp, "attention heads", a.heads)?,
                Attention::Mla(a) => divides("tp", self.tp, "attention heads", a.heads)?,
                Attention::Linear(a) => divides("tp", self.tp, "value heads", a.value_heads)?,
                Attention::Compressed(a) => divides("tp", self.tp, "attention heads", a.heads)?,
            }
            match &group.ffn {
                Ffn::None => {}
                Ffn::Dense(f) => divides("tp", self.tp, "feed-forward columns", f.inner)?,
                Ffn::Moe(f) => {
                    has_experts = true;
                    divides("ep", self.ep, "experts", f.experts)?;
                    divides("moe_tp", self.moe_tp, "columns of an expert", f.inner)?;
                }
            }
        }
        if has_experts && self.ep * self.moe_tp != self.tp * self.dp {
            return Err(Misfit::ExpertGrid { ep: self.ep, moe_tp: self.moe_tp, tp: self.tp, dp: self.dp });
        }
        Ok(())
    }
}
