//! What an operator asks of a device, whoever runs it.

use catalog::Arithmetic;
use formats::{Element, Scheme};
use units::{Bytes, BytesPerSecond, Flop, FlopPerSecond, Seconds};

use super::{Op, attention, matmul, moe, state};

/// What an operator asks of a device, exactly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Work {
    /// Operations of the matrix unit.
    pub flop: Flop,
    /// Their arithmetic.
    pub arithmetic: Arithmetic,
    /// Weights (scales included) read.
    pub weights: Bytes,
    /// Activations read and written.
    pub activations: Bytes,
    /// Cache read and written.
    pub cache: Bytes,
}

impl Work {
    /// All bytes that cross the memory interface at least once.
    pub fn bytes(&self) -> Bytes {
        self.weights + self.activations + self.cache
    }

    /// No device with this peak and bandwidth does the work in less time.
    pub fn speed_of_light(&self, peak: FlopPerSecond, bandwidth: BytesPerSecond) -> Seconds {
        (self.flop / peak).max(self.bytes() / bandwidth)
    }
}

impl Op {
    /// Exact operations and bytes. A multiply-add is two operations; every byte is counted once, as if caches were
    /// perfect, so that [`Work::speed_of_light`] is a bound.
    pub fn work(&self) -> Work {
        match *self {
            Op::Gemm { m, n, k, weights, arithmetic } => matmul::work(1, m, n, k, weights, arithmetic),
            Op::BatchedGemm { heads, m, n, k, weights, arithmetic } => {
                matmul::work(heads, m, n, k, weights, arithmetic)
            }
            Op::Moe { .. } => moe::work(self),
            Op::AttentionPrefill { .. } | Op::AttentionDecode { .. } | Op::MlaDecode { .. } | Op::Indexer { .. } => {
                attention::work(self)
            }
            Op::State { .. } => state::work(self),
            Op::Elementwise { bytes, .. } => Work {
                flop: Flop::ZERO,
                arithmetic: Arithmetic::Fp32,
                weights: Bytes::ZERO,
                activations: Bytes(bytes),
                cache: Bytes::ZERO,
            },
        }
    }
}

/// How activations are stored when the matrix unit works in `arithmetic`.
pub(super) fn activation(arithmetic: Arithmetic) -> Scheme {
    match arithmetic {
        Arithmetic::Fp32 => Scheme::plain(Element::Fp32),
        Arithmetic::Bf16 => Scheme::BF16,
        Arithmetic::Fp16 => Scheme::plain(Element::Fp16),
        Arithmetic::Fp8 => Scheme::FP8_ROWS_OF_128,
        Arithmetic::Mxfp8 => Scheme::blocked(Element::E4m3, 32, 8),
        Arithmetic::Fp6 => Scheme::blocked(Element::E2m3, 32, 8),
        Arithmetic::Fp4 => Scheme::NVFP4,
        Arithmetic::Int8 => Scheme::plain(Element::Int8),
    }
}

/// Bytes of a value that leaves an operator: engines keep the residual stream in 16 bits.
pub(super) const OUT: f64 = 2.0;
