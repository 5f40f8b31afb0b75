//! Containers: how the elements of a matrix share scales.
//!
//! | container | block | scale | bits a value |
//! | --- | --- | --- | --- |
//! | [`Container::Tile`] pow2 (DeepSeek UE8M0) | 128x128 | power of two | 8.0005 as bytes, 8.002 as FP32 |
//! | [`Container::Tile`] fp32 (DeepSeek V3) | 128x128 | FP32, amax / 448 | 8.002 |
//! | [`Container::Mx`] | 1x32 | E8M0 | 8.25, 6.25, 4.25 |
//! | [`Container::Nvfp4`] | 1x16, and the tensor | E4M3, and FP32 | 4.5 |
//! | [`Container::Hif8`] | the tensor | FP32, a power of two | 8 |
//!
//! Codes of 8 bits take a byte, of 4 bits half a byte (the even column in the low half), of 6 bits three quarters (four
//! codes little-endian in three bytes). Tiles may be ragged at the edges; blocks along a row must fill it.

use crate::codec::{E8m0, pow2};
use crate::{Element, ScaleRule, Scheme};

/// A way to store a matrix as codes and scales.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Container {
    /// BF16, no scales.
    Bf16,
    /// E4M3 with one scale for each tile of `rows` x `cols`.
    Tile {
        /// Rows of a tile.
        rows: usize,
        /// Columns of a tile.
        cols: usize,
        /// Powers of two (E8M0 codes in [`Encoded`] form), or FP32.
        pow2: bool,
    },
    /// An OCP microscaling format: 32 elements along a row share an E8M0 scale.
    Mx(Element),
    /// E2M1, 16 elements along a row share an E4M3 scale, the tensor an FP32 one.
    Nvfp4,
    /// HiF8 with a power-of-two scale for the tensor.
    Hif8,
}

impl Container {
    /// DeepSeek's 128x128 tiles with power-of-two scales.
    pub const DEEPSEEK_UE8M0: Container = Container::Tile { rows: 128, cols: 128, pow2: true };
    /// DeepSeek's 128x128 tiles with FP32 scales.
    pub const DEEPSEEK_FP32: Container = Container::Tile { rows: 128, cols: 128, pow2: false };

    /// Targets of a conversion by name.
    pub const NAMED: [(&'static str, Container); 10] = [
        ("deepseek-ue8m0", Container::DEEPSEEK_UE8M0),
        ("deepseek-fp32", Container::DEEPSEEK_FP32),
        ("mxfp8", Container::Mx(Element::E4m3)),
        ("mxfp6-e2m3", Container::Mx(Element::E2m3)),
        ("mxfp6-e3m2", Container::Mx(Element::E3m2)),
        ("mxfp4", Container::Mx(Element::E2m1)),
        ("nvfp4", Container::Nvfp4),
        ("mxint8", Container::Mx(Element::Int8)),
        ("hif8", Container::Hif8),
        ("bf16", Container::Bf16),
    ];

    /// The container of a name on the command line.
    pub fn from_name(name: &str) -> Option<Container> {
        Self::NAMED.iter().find(|(n, _)| *n == name).map(|&(_, c)| c)
    }

    /// The name on the command line; for a container that cannot be written, a description.
    pub fn name(self) -> String {
        match Self::NAMED.iter().find(|&&(_, c)| c == self) {
            Some((name, _)) => (*name).to_owned(),
            None => match self {
                Container::Tile { rows: usize::MAX, cols: usize::MAX, .. } => "fp8-tensor".to_owned(),
                Container::Tile { rows: 1, cols: usize::MAX, .. } => "fp8-row".to_owned(),
                Container::Tile { rows, cols, pow2 } => {
                    format!("fp8-{rows}x{cols}-{}", if pow2 { "ue8m0" } else { "fp32" })
                }
                Container::Mx(element) => format!("mx-{element:?}").to_lowercase(),
                _ => String::new(),
            },
        }
    }

    /// The element that is stored.
    pub fn element(self) -> Element {
        match self {
            Container::Bf16 => Element::Bf16,
            Container::Tile { .. } => Element::E4m3,
            Container::Mx(element) => element,
            Container::Nvfp4 => Element::E2m1,
            Container::Hif8 => Element::Hif8,
        }
    }

    /// The storage scheme, as the cost model sees it. `scale_bits` of tiles is 8 when scales are stored as E8M0.
    pub fn scheme(self, scale_bits: u32) -> Scheme {
        match self {
            Container::Tile { rows, cols, .. } if rows < usize::MAX && cols < usize::MAX => {
                Scheme::blocked(Element::E4m3, (rows * cols) as u32, scale_bits)
            }
            Container::Mx(element) => Scheme::blocked(element, 32, 8),
            Container::Nvfp4 => Scheme::blocked(Element::E2m1, 16, 8),
            _ => Scheme::plain(self.element()),
        }
    }

    /// Rows and columns that share a scale; `usize::MAX` where a block spans the whole side.
    pub fn block(self) -> (usize, usize) {
        match self {
            Container::Bf16 | Container::Hif8 => (usize::MAX, usize::MAX),
            Container::Tile { rows, cols, .. } => (rows, cols),
            Container::Mx(_) => (1, 32),
            Container::Nvfp4 => (1, 16),
        }
    }

    /// Rows and columns of the matrix of block scales; `None` if there is none (BF16, HiF8).
    pub fn scale_grid(self, rows: usize, cols: usize) -> Option<(usize, usize)> {
        if matches!(self, Container::Bf16 | Container::Hif8) {
            return None;
        }
        let (r, c) = self.block();
        Some((rows.div_ceil(r), cols.div_ceil(c)))
    }

    /// Bytes of one block scale in encoded form: an E8M0 or E4M3 code, or an FP32 value.
    pub fn scale_bytes(self) -> usize {
        if matches!(self, Container::Tile { pow2: false, .. }) { 4 } else { 1 }
    }

    /// Bytes of the codes of `cols` values of one row.
    pub fn row_bytes(self, cols: usize) -> usize {
        cols * self.element().bits() as usize / 8
    }

    /// Whether rows of `cols` values can be stored: blocks along a row must fill it.
    pub fn fits(self, cols: usize) -> bool {
        match self {
            Container::Mx(_) | Container::Nvfp4 => cols.is_multiple_of(self.block().1),
            _ => true,
        }
    }

    /// Whether a scale rule applies.
    pub fn has_rule(self) -> bool {
        matches!(self, Container::Mx(_) | Container::Tile { pow2: true, .. })
    }

    /// The rule used when none is asked for.
    pub fn default_rule(self) -> ScaleRule {
        ScaleRule::best_for(self.element())
    }

    /// Least and greatest exponent that the scale may take. Tiles stay inside normal FP32, since scales are stored and
    /// multiplied as such; kernels on accelerators flush subnormals.
    pub(crate) fn exponent_range(self) -> (i32, i32) {
        match self {
            Container::Tile { .. } => (-126, 127),
            _ => (E8m0::MIN, E8m0::MAX),
        }
    }
}

/// The scale of a whole tensor, where the container has one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TensorScale(pub f32);

impl TensorScale {
    /// No scale: 1.
    pub const ONE: TensorScale = TensorScale(1.0);

    /// NVFP4: amax / (448 * 6), so that the block scale of the largest block is the largest E4M3 value. 1 for a tensor
    /// of zeros. A scale that would not be a normal FP32 value is raised to the smallest one.
    pub fn nvfp4(amax: f32) -> TensorScale {
        if amax == 0.0 {
            return TensorScale::ONE;
        }
        TensorScale((amax / (448.0 * 6.0)).max(f32::MIN_POSITIVE))
    }

    /// HiF8: the power of two that brings the root mean square into [0.75, 1.5), the middle of the binades with three
    /// mantissa bits, unless the maximum would then overflow 2^15.
    pub fn hif8(rms: f64, amax: f32) -> TensorScale {
        if amax == 0.0 || rms == 0.0 {
            return TensorScale::ONE;
        }
        let centre = (rms / 0.75).log2().floor() as i32;
        let least = crate::codec::floor_log2(amax) - 14;
        TensorScale(pow2(centre.max(least).clamp(-126, 127)))
    }
}

/// The values of a rectangle, row by row without gaps.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// BF16 codes.
    Bf16(&'a [u16]),
    /// FP32 values.
    F32(&'a [f32]),
}

impl Values<'_> {
    /// Number of values.
    pub fn len(self) -> usize {
        match self {
            Values::Bf16(v) => v.len(),
            Values::F32(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The value at an index.
    pub fn at(self, i: usize) -> f32 {
        match self {
            Values::Bf16(v) => crate::codec::half::bf16_to_f32(v[i]),
            Values::F32(v) => v[i],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_a_value_agree_with_the_named_schemes() {
        let bits = |c: Container, s| c.scheme(s).bits_per_value();
        for (container, scheme) in
            [("mxfp8", "mxfp8"), ("mxfp4", "mxfp4"), ("nvfp4", "nvfp4"), ("mxint8", "mxint8"), ("bf16", "bf16")]
        {
            let container = Container::from_name(container).expect("named");
            assert_eq!(Some(container.scheme(8)), Scheme::from_name(scheme));
        }
        assert_eq!(bits(Container::DEEPSEEK_UE8M0, 8), 8.0 + 8.0 / 16384.0);
        assert_eq!(bits(Container::DEEPSEEK_FP32, 32), 8.0 + 32.0 / 16384.0);
    }

    #[test]
    fn names_read_back() {
        for (name, container) in Container::NAMED {
            assert_eq!(container.name(), name);
        }
    }

    #[test]
    fn hif8_scale_centres_the_root_mean_square_and_never_overflows() {
        assert_eq!(TensorScale::hif8(1.0, 4.0).0, 1.0);
        assert_eq!(TensorScale::hif8(0.02, 0.5).0, 1.0 / 64.0);
        assert!(1e6 / TensorScale::hif8(1e-3, 1e6).0 <= 32768.0);
    }
}
