//! An accelerator package as buyers count it. Never one ratio: separate axes.

use std::collections::BTreeMap;

use units::{Bytes, BytesPerSecond, FlopPerSecond, Watts};

use crate::Fact;

/// A number format that arithmetic units may work in natively.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arithmetic {
    /// binary32 on the matrix units or, failing these, the vector units.
    Fp32,
    /// bfloat16.
    Bf16,
    /// binary16.
    Fp16,
    /// FP8 with scales applied outside the matrix unit.
    Fp8,
    /// FP8 with power-of-two block scales applied by the matrix unit.
    Mxfp8,
    /// FP6 with block scales.
    Fp6,
    /// FP4 with block scales.
    Fp4,
    /// 8-bit integer.
    Int8,
}

impl Arithmetic {
    /// Every format, with its name in catalog files.
    pub const NAMED: [(&'static str, Arithmetic); 8] = [
        ("fp32", Arithmetic::Fp32),
        ("bf16", Arithmetic::Bf16),
        ("fp16", Arithmetic::Fp16),
        ("fp8", Arithmetic::Fp8),
        ("mxfp8", Arithmetic::Mxfp8),
        ("fp6", Arithmetic::Fp6),
        ("fp4", Arithmetic::Fp4),
        ("int8", Arithmetic::Int8),
    ];
}

/// Chips without measurements of their own borrow the efficiency of their class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChipClass {
    /// Many small cores that hide latency with threads.
    Gpu,
    /// Few large matrix units fed by explicit copies (Ascend, Cambricon, Trainium, Gaudi, Maia).
    Npu,
    /// One or two systolic arrays under a whole-program compiler.
    Tpu,
}

impl ChipClass {
    /// Every class, with its name in catalog files.
    pub const NAMED: [(&'static str, ChipClass); 3] =
        [("gpu", ChipClass::Gpu), ("npu", ChipClass::Npu), ("tpu", ChipClass::Tpu)];

    /// As it is written in a catalog file.
    pub const fn name(self) -> &'static str {
        match self {
            ChipClass::Gpu => "gpu",
            ChipClass::Npu => "npu",
            ChipClass::Tpu => "tpu",
        }
    }
}

/// A chip, checked: everything that a cost needs is there. What may be unknown is an `Option`, and asking for it
/// without having it is an error with the field's path.
#[derive(Debug, Clone, PartialEq)]
pub struct Chip {
    /// `nvidia_h100_sxm`.
    pub id: String,
    /// "NVIDIA H100 SXM5 80 GB".
    pub name: String,
    /// "NVIDIA".
    pub vendor: String,
    /// Chips of one architecture share measured efficiencies: "hopper", "davinci-3", "tpu7x".
    pub architecture: String,
    /// Who lends efficiencies where the architecture has none.
    pub class: ChipClass,
    /// Separately addressed dies in the package: 2 for Ascend 910C and Ironwood, 1 where software sees one device.
    pub devices: u32,
    /// Dense peak by native arithmetic. A format that is not here is emulated.
    pub peak: BTreeMap<Arithmetic, Fact<FlopPerSecond>>,
    /// Memory of the package.
    pub memory: Fact<Bytes>,
    /// Its bandwidth.
    pub bandwidth: Fact<BytesPerSecond>,
    /// On-chip memory that all cores share: last-level cache or scratchpad.
    pub on_chip: Option<Fact<Bytes>>,
    /// Bandwidth between the dies of the package in one direction.
    pub die_to_die: Option<Fact<BytesPerSecond>>,
    /// Scale-up bandwidth of the package in one direction.
    pub scale_up: Option<Fact<BytesPerSecond>>,
    /// Scale-out bandwidth of the package in one direction.
    pub scale_out: Option<Fact<BytesPerSecond>>,
    /// Host link in one direction.
    pub host_link: Option<Fact<BytesPerSecond>>,
    /// Thermal design power.
    pub tdp: Option<Fact<Watts>>,
}
