//! Number formats of a training run.

use formats::Scheme;

/// How a state of training is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StateFormat {
    /// 32 bits.
    Fp32,
    /// 16 bits.
    Bf16,
    /// 8 bits with block scales.
    Fp8,
}

impl StateFormat {
    /// Every format, with the name that studies write.
    pub const NAMED: [(&'static str, StateFormat); 3] =
        [("fp32", StateFormat::Fp32), ("bf16", StateFormat::Bf16), ("fp8", StateFormat::Fp8)];

    /// Bytes of a value; scales of 8-bit states (one FP32 for 128) included.
    pub const fn bytes(self) -> f64 {
        match self {
            StateFormat::Fp32 => 4.0,
            StateFormat::Bf16 => 2.0,
            StateFormat::Fp8 => 1.0 + 4.0 / 128.0,
        }
    }
}

/// Adapters beside frozen weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lora {
    /// Rank of the adapters.
    pub rank: u64,
}

/// Number formats of a training run. Attention's inner products, norms and the output head stay in 16 bits, as all
/// published recipes keep them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// Operands of the linear layers, forward and backward: BF16, FP8 per tensor, FP8 with 128x128 blocks, MXFP8, FP4.
    pub linear: Scheme,
    /// Parameters as they are kept between steps: as they compute, or in 32 bits and rounded when they are used.
    pub weights: StateFormat,
    /// Gradients as they are summed over replicas.
    pub gradients: StateFormat,
    /// Master copy of the parameters; `None`: they are their own.
    pub master: Option<StateFormat>,
    /// Each of the optimizer's two moments.
    pub moments: StateFormat,
    /// Whether parameters are gathered in the format of the linear layers instead of 16 bits.
    pub gather_small: bool,
    /// Bits of a value sent to experts.
    pub dispatch_bits: f64,
    /// Adapters only: base weights are frozen.
    pub lora: Option<Lora>,
}

impl Recipe {
    /// BF16 with FP32 gradients, master weights and moments: 18 bytes a parameter before sharding.
    pub const MIXED: Recipe = Recipe {
        linear: Scheme::BF16,
        weights: StateFormat::Bf16,
        gradients: StateFormat::Fp32,
        master: Some(StateFormat::Fp32),
        moments: StateFormat::Fp32,
        gather_small: false,
        dispatch_bits: 16.0,
        lora: None,
    };

    /// Bytes of a parameter between steps, on the devices that hold it.
    pub fn weight_bytes(&self) -> f64 {
        self.weights.bytes()
    }

    /// Bytes of a parameter as it is gathered.
    pub fn gather_bytes(&self) -> f64 {
        if self.gather_small { self.linear.bytes_per_value() } else { 2.0 }
    }

    /// Bytes of a parameter's optimizer state: master copy and moments.
    pub fn optimizer_bytes(&self) -> f64 {
        self.master.map_or(0.0, StateFormat::bytes) + 2.0 * self.moments.bytes()
    }

    /// Bytes that the optimizer reads and writes for a parameter: gradient, master copy, moments and the new weight, which
    /// without a master copy is read too.
    pub fn optimizer_traffic(&self) -> f64 {
        let weights = if self.master.is_some() { 1.0 } else { 2.0 };
        self.gradients.bytes() + 2.0 * self.optimizer_bytes() + weights * self.weight_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixed_precision_takes_eighteen_bytes() {
        let r = Recipe::MIXED;
        assert_eq!(r.weight_bytes() + r.gradients.bytes() + r.optimizer_bytes(), 18.0);
        assert_eq!(r.optimizer_traffic(), 4.0 + 24.0 + 2.0);
        // Without a copy in 16 bits: two bytes less to hold, as much to move.
        let one = Recipe { weights: StateFormat::Fp32, master: None, ..r };
        assert_eq!(one.weight_bytes() + one.gradients.bytes() + one.optimizer_bytes(), 16.0);
        assert_eq!(one.optimizer_traffic(), 4.0 + 16.0 + 8.0);
    }
}
