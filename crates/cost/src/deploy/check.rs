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

/// Copies of all experts beyond which nobody spreads them.
const MOST_COPIES: u64 = 2;

fn divides(degree: &'static str, value: u32, of: &'static str, count: u64) -> Result<(), Misfit> {
    if count.is_multiple_of(u64::from(value)) {
        Ok(())
    } else {
        Err(Misfit::DoesNotDivide { degree, value, of, count })
    }
}

impl Parallel {
    /// Experts that each expert rank holds, and those that all ranks hold together: the model's, and where `ep` does not
    /// divide them as many copies of popular ones as fill the last places.
    pub fn expert_places(&self, experts: u64) -> (u64, u64) {
        let ranks = u64::from(self.ep.max(1));
        let each = experts.div_ceil(ranks);
        (each, each * ranks)
    }

    /// Whether experts are spread without copies of any.
    pub fn divides_experts(&self, model: &Model) -> Result<(), Misfit> {
        model.layers.iter().try_for_each(|group| match &group.ffn {
            Ffn::Moe(f) => divides("ep", self.ep, "experts", f.experts),
            Ffn::None | Ffn::Dense(_) => Ok(()),
        })
    }

    /// Checks the split against the model. Experts that `ep` does not divide are filled up with copies; see
    /// [`Parallel::divides_experts`] for engines that cannot.
    ///
    /// # Errors
    /// Why the split is impossible.
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
                    if u64::from(self.ep) > MOST_COPIES * f.experts {
                        return Err(Misfit::DoesNotDivide {
                            degree: "ep",
                            value: self.ep,
                            of: "experts",
                            count: f.experts,
                        });
                    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(model: &str, tp: u32, dp: u32, ep: u32) -> Result<(), Misfit> {
        let model = catalog::model::load(model, None).expect("built in");
        Parallel { tp, pp: 1, dp, ep, moe_tp: tp * dp / ep }.check(&model)
    }

    #[test]
    fn heads_are_divided_by_any_degree_that_does() {
        // 24 heads of Llama 3.2 3B; 8,192 columns of its feed-forward layer.
        let llama = |tp| check("llama-3.2-3b", tp, 1, 1);
        assert!(llama(8).is_ok());
        let Err(Misfit::DoesNotDivide { degree: "tp", value: 16, of: "attention heads", count: 24 }) = llama(16) else {
            panic!("{:?}", llama(16))
        };
    }

    #[test]
    fn experts_are_filled_up_with_copies() {
        // As deployed: 256 experts on 72 ranks are 4 each, 32 of them copies; on 144 2 each; on 320 1 each.
        for (ep, each, all) in [(72, 4, 288), (144, 2, 288), (320, 1, 320), (32, 8, 256)] {
            let split = Parallel { tp: 1, pp: 1, dp: ep, ep, moe_tp: 1 };
            assert_eq!(split.expert_places(256), (each, all));
            assert!(check("deepseek-v3.1", 1, ep, ep).is_ok());
        }
        assert!(matches!(check("deepseek-v3.1", 1, 768, 768), Err(Misfit::DoesNotDivide { degree: "ep", .. })));
    }
}
