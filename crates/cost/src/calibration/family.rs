//! Families of operators that share a surface, and formats that share its parameters.

use catalog::Arithmetic;
use formats::{Element, Scale, Scheme};

use crate::Op;

/// Operators that share a surface and its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Dense products.
    Gemm,
    /// The same product for each head.
    BatchedGemm,
    /// Routed experts.
    Moe,
    /// Causal attention of new tokens.
    Prefill,
    /// The same with wider keys than values, as MLA expands them.
    MlaPrefill,
    /// Attention of few queries over a cache.
    Decode,
    /// Attention over the latent of MLA.
    MlaDecode,
    /// Linear attention, many tokens.
    StatePrefill,
    /// Linear attention, one token.
    StateDecode,
    /// Scores of a sparse indexer.
    Indexer,
    /// Memory traffic only.
    Elementwise,
}

impl Family {
    /// All of them, in the order of the files.
    pub const ALL: [Family; 11] = [
        Family::Gemm,
        Family::BatchedGemm,
        Family::Moe,
        Family::Prefill,
        Family::MlaPrefill,
        Family::Decode,
        Family::MlaDecode,
        Family::StatePrefill,
        Family::StateDecode,
        Family::Indexer,
        Family::Elementwise,
    ];

    /// The family of an operator.
    pub fn of(op: &Op) -> Family {
        match op {
            Op::Gemm { .. } => Family::Gemm,
            Op::BatchedGemm { .. } => Family::BatchedGemm,
            Op::Moe { .. } => Family::Moe,
            Op::AttentionPrefill { head_dim, v_dim, .. } if head_dim > v_dim => Family::MlaPrefill,
            Op::AttentionPrefill { .. } => Family::Prefill,
            Op::AttentionDecode { .. } => Family::Decode,
            Op::MlaDecode { .. } => Family::MlaDecode,
            Op::State { new, .. } if *new > 16 => Family::StatePrefill,
            Op::State { .. } => Family::StateDecode,
            Op::Indexer { .. } => Family::Indexer,
            Op::Elementwise { .. } => Family::Elementwise,
        }
    }

    /// As the files write it.
    pub fn name(self) -> &'static str {
        match self {
            Family::Gemm => "gemm",
            Family::BatchedGemm => "batched-gemm",
            Family::Moe => "moe",
            Family::Prefill => "attention-prefill",
            Family::MlaPrefill => "mla-prefill",
            Family::Decode => "attention-decode",
            Family::MlaDecode => "mla-decode",
            Family::StatePrefill => "state-prefill",
            Family::StateDecode => "state-decode",
            Family::Indexer => "indexer",
            Family::Elementwise => "elementwise",
        }
    }

    /// The family of that name.
    pub fn from_name(name: &str) -> Option<Family> {
        Family::ALL.into_iter().find(|f| f.name() == name)
    }
}

/// Storage (of weights or cache) as far as kernels tell formats apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Storage {
    /// 32 bits.
    Fp32,
    /// 16 bits.
    Half,
    /// 8-bit float, one scale for a tensor or a row.
    Fp8,
    /// 8-bit float, one scale for 128 values or more.
    Fp8Block,
    /// 8-bit float, one scale for fewer values.
    Mxfp8,
    /// 8-bit integer.
    Int8,
    /// 6-bit float.
    Fp6,
    /// 4-bit float.
    Fp4,
    /// 4-bit integer.
    Int4,
}

impl Storage {
    /// All of them.
    pub const ALL: [Storage; 9] = [
        Storage::Fp32,
        Storage::Half,
        Storage::Fp8,
        Storage::Fp8Block,
        Storage::Mxfp8,
        Storage::Int8,
        Storage::Fp6,
        Storage::Fp4,
        Storage::Int4,
    ];

    /// The kind of storage that a scheme is.
    pub fn of(scheme: Scheme) -> Storage {
        match scheme.element {
            Element::Fp32 => Storage::Fp32,
            Element::Fp16 | Element::Bf16 => Storage::Half,
            Element::E4m3 | Element::E5m2 | Element::Hif8 => match scheme.scale {
                Scale::Tensor => Storage::Fp8,
                Scale::Block { block, .. } if block >= 128 => Storage::Fp8Block,
                Scale::Block { .. } => Storage::Mxfp8,
            },
            Element::Int8 => Storage::Int8,
            Element::E2m3 | Element::E3m2 => Storage::Fp6,
            Element::E2m1 => Storage::Fp4,
            Element::Int4 => Storage::Int4,
        }
    }

    /// Bits of a value, scales not counted.
    pub fn bits(self) -> u32 {
        match self {
            Storage::Fp32 => 32,
            Storage::Half => 16,
            Storage::Fp8 | Storage::Fp8Block | Storage::Mxfp8 | Storage::Int8 => 8,
            Storage::Fp6 => 6,
            Storage::Fp4 | Storage::Int4 => 4,
        }
    }

    /// As the files write it.
    pub fn name(self) -> &'static str {
        match self {
            Storage::Fp32 => "fp32",
            Storage::Half => "16-bit",
            Storage::Fp8 => "fp8",
            Storage::Fp8Block => "fp8-block",
            Storage::Mxfp8 => "mxfp8",
            Storage::Int8 => "int8",
            Storage::Fp6 => "fp6",
            Storage::Fp4 => "fp4",
            Storage::Int4 => "int4",
        }
    }

    /// The storage of that name.
    pub fn from_name(name: &str) -> Option<Storage> {
        Storage::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// Storage and arithmetic: what picks the parameters within a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Format {
    /// Of weights or cache.
    pub storage: Storage,
    /// Of the matrix unit.
    pub arithmetic: Arithmetic,
}

impl Format {
    /// Of what an operator reads, and how it computes.
    pub fn of(op: &Op) -> Format {
        match *op {
            Op::Gemm { weights, arithmetic, .. }
            | Op::Moe { weights, arithmetic, .. }
            | Op::BatchedGemm { weights, arithmetic, .. } => Format { storage: Storage::of(weights), arithmetic },
            Op::AttentionPrefill { kv, arithmetic, .. }
            | Op::AttentionDecode { kv, arithmetic, .. }
            | Op::MlaDecode { kv, arithmetic, .. }
            | Op::Indexer { kv, arithmetic, .. } => Format { storage: Storage::of(kv), arithmetic },
            Op::State { .. } | Op::Elementwise { .. } => {
                Format { storage: Storage::Half, arithmetic: Arithmetic::Bf16 }
            }
        }
    }

    /// How unlike two formats are: arithmetic weighs more than storage. 0: the same.
    pub fn distance(self, other: Format) -> u32 {
        let apart = arithmetic_bits(self.arithmetic).abs_diff(arithmetic_bits(other.arithmetic));
        let arithmetic = match (self.arithmetic, other.arithmetic) {
            (a, b) if a == b => 0,
            // Two names for one unit.
            (Arithmetic::Bf16, Arithmetic::Fp16) | (Arithmetic::Fp16, Arithmetic::Bf16) => 1,
            (Arithmetic::Fp8, Arithmetic::Mxfp8) | (Arithmetic::Mxfp8, Arithmetic::Fp8) => 1,
            _ => 100 + 10 * apart,
        };
        let storage = match (self.storage, other.storage) {
            (a, b) if a == b => 0,
            (a, b) => 1 + a.bits().abs_diff(b.bits()),
        };
        arithmetic + storage
    }
}

/// Bits of an operand.
pub(crate) fn arithmetic_bits(arithmetic: Arithmetic) -> u32 {
    match arithmetic {
        Arithmetic::Fp32 => 32,
        Arithmetic::Bf16 | Arithmetic::Fp16 => 16,
        Arithmetic::Fp8 | Arithmetic::Mxfp8 | Arithmetic::Int8 => 8,
        Arithmetic::Fp6 => 6,
        Arithmetic::Fp4 => 4,
    }
}

const ARITHMETIC: [(&str, Arithmetic); 8] = [
    ("fp32", Arithmetic::Fp32),
    ("bf16", Arithmetic::Bf16),
    ("fp16", Arithmetic::Fp16),
    ("fp8", Arithmetic::Fp8),
    ("mxfp8", Arithmetic::Mxfp8),
    ("fp6", Arithmetic::Fp6),
    ("fp4", Arithmetic::Fp4),
    ("int8", Arithmetic::Int8),
];

/// As the files write it.
pub fn arithmetic_name(arithmetic: Arithmetic) -> &'static str {
    ARITHMETIC.iter().find(|(_, a)| *a == arithmetic).map_or("", |(n, _)| n)
}

/// The arithmetic of that name.
pub fn arithmetic_from_name(name: &str) -> Option<Arithmetic> {
    ARITHMETIC.iter().find(|(n, _)| *n == name).map(|&(_, a)| a)
}
