//! How a tensor is stored: an element format, and the scales that go with a block of elements.
//!
//! This is all that the cost model needs to know about a format: the bits that one value takes, scales included, and
//! the element that the arithmetic units see.

use std::fmt;

/// The format of one stored element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Element {
    /// IEEE 754 binary32.
    Fp32,
    /// IEEE 754 binary16.
    Fp16,
    /// bfloat16: 8 exponent bits, 7 mantissa bits.
    Bf16,
    /// FP8 E4M3 (the "FN" variant: no infinities, largest finite value 448).
    E4m3,
    /// FP8 E5M2.
    E5m2,
    /// HiFloat8: tapered 8-bit format of Ascend 950.
    Hif8,
    /// FP6 E2M3.
    E2m3,
    /// FP6 E3M2.
    E3m2,
    /// FP4 E2M1.
    E2m1,
    /// Two's complement 8-bit integer.
    Int8,
    /// Two's complement 4-bit integer.
    Int4,
}

impl Element {
    /// Bits of one element, scales not counted.
    pub const fn bits(self) -> u32 {
        match self {
            Element::Fp32 => 32,
            Element::Fp16 | Element::Bf16 => 16,
            Element::E4m3 | Element::E5m2 | Element::Hif8 | Element::Int8 => 8,
            Element::E2m3 | Element::E3m2 => 6,
            Element::E2m1 | Element::Int4 => 4,
        }
    }
}

/// The scales of a block of elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scale {
    /// No scale, or one for the whole tensor or one per row: its traffic is not worth counting.
    Tensor,
    /// One scale of `bits` bits for every `block` elements.
    Block {
        /// Elements that share a scale: 16384 for 128x128, 32 for MX, 16 for NVFP4.
        block: u32,
        /// Bits of a scale: 32 for FP32, 8 for UE8M0 or E4M3.
        bits: u32,
    },
}

/// A storage scheme: element and scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scheme {
    /// The stored element.
    pub element: Element,
    /// Its scales.
    pub scale: Scale,
}

/// Schemes by the name people write in a study, in order of documentation.
const NAMED: &[(&str, Scheme)] = &[
    ("fp32", Scheme::plain(Element::Fp32)),
    ("fp16", Scheme::plain(Element::Fp16)),
    ("bf16", Scheme::plain(Element::Bf16)),
    ("fp8", Scheme::plain(Element::E4m3)),
    ("fp8-block", Scheme::blocked(Element::E4m3, 128 * 128, 32)),
    ("ue8m0-fp8", Scheme::blocked(Element::E4m3, 128 * 128, 8)),
    ("mxfp8", Scheme::blocked(Element::E4m3, 32, 8)),
    ("hif8", Scheme::plain(Element::Hif8)),
    ("mxfp6-e2m3", Scheme::blocked(Element::E2m3, 32, 8)),
    ("mxfp6-e3m2", Scheme::blocked(Element::E3m2, 32, 8)),
    ("mxfp4", Scheme::blocked(Element::E2m1, 32, 8)),
    ("nvfp4", Scheme::NVFP4),
    ("mxint8", Scheme::blocked(Element::Int8, 32, 8)),
    ("int8", Scheme::plain(Element::Int8)),
    ("int4", Scheme::blocked(Element::Int4, 128, 16)),
    ("int4-g32", Scheme::blocked(Element::Int4, 32, 16)),
];

impl Scheme {
    /// bfloat16 without scales.
    pub const BF16: Scheme = Scheme::plain(Element::Bf16);

    /// E4M3 with one FP32 scale for 128 values along a row, as engines store and send activations.
    pub const FP8_ROWS_OF_128: Scheme = Scheme::blocked(Element::E4m3, 128, 32);

    /// NVFP4: E2M1 with one E4M3 scale for 16 values.
    pub const NVFP4: Scheme = Scheme::blocked(Element::E2m1, 16, 8);

    /// An element without block scales.
    pub const fn plain(element: Element) -> Scheme {
        Scheme { element, scale: Scale::Tensor }
    }

    /// An element with one scale of `bits` bits for every `block` elements.
    pub const fn blocked(element: Element, block: u32, bits: u32) -> Scheme {
        Scheme { element, scale: Scale::Block { block, bits } }
    }

    /// Bits that one value takes, scales included: 8.00049 for E4M3 with UE8M0 128x128, 8.25 for MXFP8, 4.5 for NVFP4.
    pub const fn bits_per_value(self) -> f64 {
        let scale = match self.scale {
            Scale::Tensor => 0.0,
            Scale::Block { block, bits } => bits as f64 / block as f64,
        };
        self.element.bits() as f64 + scale
    }

    /// Bits of scales that come with one value: 0.25 for MX, 0.5 for NVFP4, 0.002 for FP32 scales of 128x128.
    pub fn scale_bits_per_value(self) -> f64 {
        self.bits_per_value() - f64::from(self.element.bits())
    }

    /// Bytes that one value takes, scales included.
    pub fn bytes_per_value(self) -> f64 {
        self.bits_per_value() / 8.0
    }

    /// The scheme that a study or a catalog file names, or `None`.
    pub fn from_name(name: &str) -> Option<Scheme> {
        NAMED.iter().find(|(n, _)| *n == name).map(|&(_, s)| s)
    }

    /// Every name that [`Scheme::from_name`] knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|&(n, _)| n)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMED.iter().find(|(_, s)| s == self) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "{:?} {:?}", self.element, self.scale),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_per_value_counts_scales() {
        let bits = |n: &str| Scheme::from_name(n).expect("known").bits_per_value();
        assert_eq!(bits("bf16"), 16.0);
        assert_eq!(bits("mxfp8"), 8.25);
        assert_eq!(bits("nvfp4"), 4.5);
        assert_eq!(Scheme::from_name("nvfp4").expect("known").scale_bits_per_value(), 0.5);
        assert_eq!(bits("fp8-block"), 8.0 + 32.0 / 16384.0);
        assert_eq!(bits("ue8m0-fp8"), 8.0 + 8.0 / 16384.0);
    }

    #[test]
    fn names_read_back() {
        for name in Scheme::names() {
            assert_eq!(Scheme::from_name(name).expect("known").to_string(), name);
        }
    }
}
