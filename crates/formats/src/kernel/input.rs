//! The two types of values that are read: BF16 and FP32.

use super::generic::{codes, codes_divided};
use super::{Format, lanes};
use crate::codec::half::bf16_to_f32;
use crate::codec::pow2;

/// A stored input value: BF16 or FP32.
pub(crate) trait Input: Copy {
    /// |x| as an integer in the order of the magnitudes: infinities and NaN compare above every finite value. Signed,
    /// since every instruction set has a maximum of those.
    type Ordered: Copy + Default + Ord;
    /// |x|, to be compared.
    fn ordered(self) -> Self::Ordered;
    /// The `f32` bits of such a magnitude.
    fn bits(magnitude: Self::Ordered) -> u32;
    /// The sign as bit 31.
    fn sign(self) -> u32;
    /// The value.
    fn value(self) -> f32;
    /// Codes with their signs of values over 2^e, a byte each.
    fn codes<F: Format>(values: &[Self], e: i32, out: &mut [u8]);
    /// Codes with their signs of a block of NVFP4, a byte each. `starts` is its entry of [`lanes::nvfp4_starts`].
    fn nvfp4_codes<F: Format>(block: &[Self; 16], divisor: f32, starts: Option<&[i16; 8]>, out: &mut [u8; 16]);

    /// |x| as `f32` bits.
    #[inline(always)]
    fn magnitude(self) -> u32 {
        Self::bits(self.ordered())
    }
}

impl Input for u16 {
    type Ordered = i16;
    #[inline(always)]
    fn ordered(self) -> i16 {
        (self & 0x7fff) as i16
    }
    #[inline(always)]
    fn bits(magnitude: i16) -> u32 {
        u32::from(magnitude as u16) << 16
    }
    #[inline(always)]
    fn sign(self) -> u32 {
        u32::from(self & 0x8000) << 16
    }
    #[inline(always)]
    fn value(self) -> f32 {
        bf16_to_f32(self)
    }
    #[inline(always)]
    fn codes<F: Format>(values: &[u16], e: i32, out: &mut [u8]) {
        lanes::codes::<F>(values, e, out);
    }
    #[inline(always)]
    fn nvfp4_codes<F: Format>(block: &[u16; 16], divisor: f32, starts: Option<&[i16; 8]>, out: &mut [u8; 16]) {
        match starts {
            Some(starts) => lanes::nvfp4_codes(block, starts, out),
            None => codes_divided::<F, _>(block, divisor, out),
        }
    }
}

impl Input for f32 {
    type Ordered = i32;
    #[inline(always)]
    fn ordered(self) -> i32 {
        (self.to_bits() & 0x7fff_ffff) as i32
    }
    #[inline(always)]
    fn bits(magnitude: i32) -> u32 {
        magnitude as u32
    }
    #[inline(always)]
    fn sign(self) -> u32 {
        self.to_bits() & 0x8000_0000
    }
    #[inline(always)]
    fn value(self) -> f32 {
        self
    }
    #[inline(always)]
    fn codes<F: Format>(values: &[f32], e: i32, out: &mut [u8]) {
        codes::<F, _>(values, pow2(-e), out);
    }
    #[inline(always)]
    fn nvfp4_codes<F: Format>(block: &[f32; 16], divisor: f32, _: Option<&[i16; 8]>, out: &mut [u8; 16]) {
        codes_divided::<F, _>(block, divisor, out);
    }
}
