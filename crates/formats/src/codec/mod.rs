//! Bit-exact codecs of single values.
//!
//! Each file defines one family; [`encode`] and [`decode`] reach all of them by [`Element`]. What a codec does with the
//! values that a format cannot hold is the same everywhere, chosen by [`Overflow`]:
//!
//! | input | `Saturate` | `Special` |
//! | --- | --- | --- |
//! | finite, rounds above the largest value | largest value, sign kept | infinity if the format has one, else NaN; E2M3, E3M2, E2M1, MXINT8 saturate |
//! | infinity | largest value, sign kept | as above |
//! | NaN | NaN if the format has one, else the code of -0 (0 for MXINT8) | the same |
//!
//! Rounding is to nearest, ties to even, except HiF8: ties away from zero. Subnormals are kept, never flushed.

mod e8m0;
pub mod half;
mod hif8;
mod minifloat;
mod mxint8;

pub use e8m0::E8m0;
pub use hif8::Hif8;
pub use minifloat::Minifloat;
pub use mxint8::MxInt8;

use crate::Element;

/// What becomes of values above the largest finite one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// The largest finite value. What converters want, and what torch does.
    Saturate,
    /// Infinity or NaN where the format has one. What `ml_dtypes` does.
    Special,
}

/// The code of `x` in an element format of at most 8 bits, in the low bits of the byte.
///
/// `None` if the element has more than 8 bits, or is an integer whose scale is not part of its definition.
pub fn encode(element: Element, x: f32, overflow: Overflow) -> Option<u8> {
    Some(match element {
        Element::Hif8 => Hif8::encode(x, overflow),
        Element::Int8 => MxInt8::encode(x),
        _ => Minifloat::of(element)?.encode(x, overflow),
    })
}

/// The value of a code of an element format of at most 8 bits; bits above the format's width are ignored.
///
/// `None` if the element has more than 8 bits, or is an integer whose scale is not part of its definition.
pub fn decode(element: Element, code: u8) -> Option<f32> {
    Some(match element {
        Element::Hif8 => Hif8::decode(code),
        Element::Int8 => MxInt8::decode(code),
        _ => Minifloat::of(element)?.decode(code),
    })
}

/// The values of all 256 codes, codes above the format's width repeating. Panics for an element without 8-bit codes.
pub(crate) fn table(element: Element) -> [f32; 256] {
    std::array::from_fn(|code| decode(element, code as u8).expect("an element of at most 8 bits"))
}

/// 2^e as `f32`, exact; subnormal results included. `e` in -149..=127.
pub fn pow2(e: i32) -> f32 {
    debug_assert!((-149..=127).contains(&e), "2^{e} is not an f32");
    if e >= -126 { f32::from_bits(((e + 127) as u32) << 23) } else { f32::from_bits(1u32 << (e + 149)) }
}

/// floor(log2 |x|) of a finite value that is not zero, subnormals included.
pub fn floor_log2(x: f32) -> i32 {
    let bits = x.to_bits() & 0x7fff_ffff;
    if bits >= 0x0080_0000 { (bits >> 23) as i32 - 127 } else { -118 - bits.leading_zeros() as i32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_and_logarithms_are_inverse() {
        for e in -149..=127 {
            assert_eq!(floor_log2(pow2(e)), e);
            assert_eq!(f64::from(pow2(e)), 2f64.powi(e));
        }
        assert_eq!(floor_log2(-3.9), 1);
    }

    /// Every code is a fixed point, and the nearest value wins: compared with a search over the whole code table for
    /// all 65,536 BF16 inputs. Ties are left to the tests of each codec.
    #[test]
    fn every_bf16_value_goes_to_a_nearest_code() {
        for element in [Element::E4m3, Element::E5m2, Element::E2m3, Element::E3m2, Element::E2m1, Element::Int8] {
            let mut grid: Vec<f32> = table(element).into_iter().filter(|v| v.is_finite()).collect();
            grid.sort_by(f32::total_cmp);
            for bits in 0..=u16::MAX {
                let x = half::bf16_to_f32(bits);
                if !x.is_finite() {
                    continue;
                }
                let code = encode(element, x, Overflow::Saturate).expect("8 bits");
                let got = f64::from(decode(element, code).expect("8 bits"));
                let at = grid.partition_point(|&v| v < x);
                let best = grid[at.saturating_sub(1)..(at + 1).min(grid.len())]
                    .iter()
                    .map(|&v| (f64::from(v) - f64::from(x)).abs())
                    .fold(f64::INFINITY, f64::min);
                if element == Element::Int8 && x <= -127.5 / 64.0 {
                    continue; // the code of -2 is left unused
                }
                assert_eq!((got - f64::from(x)).abs(), best, "{element:?} of {x:e} gave {got:e}");
            }
        }
    }
}
