//! BF16 in 16-bit lanes, in plain Rust that compilers turn into SIMD of any width.
//!
//! With a power-of-two scale a BF16 value stays a BF16 value, so rounding is integer arithmetic on its bits; what is rare
//! there (subnormal codes of FP8, NaN) goes through [`generic`] 32 values at a time. Magnitudes are below 2^15, so signed
//! comparisons serve, which every instruction set has.

use super::{Format, generic};
use crate::Element;
use crate::codec::pow2;

/// Codes with their signs of values over 2^e, a byte each.
#[inline(always)]
pub(crate) fn codes<F: Format>(values: &[u16], e: i32, out: &mut [u8]) {
    let (chunks, rest) = values.as_chunks::<32>();
    let (outs, out_rest) = out.as_chunks_mut::<32>();
    if matches!(F::ELEMENT, Element::E2m1) && (-124..=125).contains(&e) {
        let starts = pow2_starts(e);
        for (chunk, out) in chunks.iter().zip(outs) {
            count(chunk, &starts, out);
        }
    } else if F::EXP + F::MAN == 7 && (F::BIAS - 127..=120).contains(&e) {
        for (chunk, out) in chunks.iter().zip(outs) {
            if !normal::<F>(chunk, e, out) {
                generic::codes::<F, _>(chunk, pow2(-e), out);
            }
        }
    } else {
        generic::codes::<F, _>(chunks.as_flattened(), pow2(-e), outs.as_flattened_mut());
    }
    generic::codes::<F, _>(rest, pow2(-e), out_rest);
}

/// Codes of a byte where none is subnormal; false, and the codes of no meaning, where one is.
#[inline(always)]
fn normal<F: Format>(chunk: &[u16; 32], e: i32, out: &mut [u8; 32]) -> bool {
    let cut = 7 - F::MAN;
    // The exponent field of the value whose code has the field 0, and the largest magnitude that rounds to zero.
    let field = ((e + 127 - F::BIAS) << 7) as i16;
    let zero = ((e + 127 - F::BIAS - F::MAN as i32).max(0) << 7) as i16;
    let mut subnormal = 0i16;
    for (x, out) in chunk.iter().zip(out) {
        let magnitude = (x & 0x7fff) as i16;
        let t = magnitude.wrapping_sub(field);
        let even = (t >> cut) & 1;
        let code = (t.wrapping_add((1 << (cut - 1)) - 1 + even) >> cut).min(F::MAX as i16);
        let small = t < 128;
        subnormal |= i16::from(small & (magnitude > zero));
        *out = if small { 0 } else { code as u8 } | (x >> 8) as u8 & 0x80;
    }
    subnormal == 0
}

/// The least BF16 magnitude of each E2M1 code from 1 to 7 with the scale 2^e. At a tie the even code wins, so an odd code
/// starts just above it.
#[inline(always)]
fn pow2_starts(e: i32) -> [i16; 7] {
    // 1/4, 3/4, 5/4, 7/4, 5/2, 7/2, 5: power of two, and mantissa in 128ths.
    let ties = [(-2, 0, 1), (-1, 64, 0), (0, 32, 1), (0, 96, 0), (1, 32, 1), (1, 96, 0), (2, 32, 1)];
    ties.map(|(power, mantissa, above)| (((e + 127 + power) << 7 | mantissa) + above) as i16)
}

/// E2M1 codes by how many starts a magnitude reaches.
#[inline(always)]
fn count<const N: usize>(values: &[u16; N], starts: &[i16; 7], out: &mut [u8; N]) {
    for (x, out) in values.iter().zip(out) {
        let magnitude = (x & 0x7fff) as i16;
        let reached = starts.iter().fold(0u16, |n, &s| n + u16::from(magnitude >= s));
        *out = (reached | x >> 12 & 8) as u8;
    }
}

/// Where the quotient of an FP32 division begins to round to E2M1 code 1 to 7: halfway between a tie and its FP32
/// neighbour on the side where the other code begins.
const BOUNDS: [f64; 7] = {
    const STEP: f64 = 1.0 / (1u64 << 26) as f64;
    [
        0.25 + STEP,
        0.75 - 2.0 * STEP,
        1.25 + 4.0 * STEP,
        1.75 - 4.0 * STEP,
        2.5 + 8.0 * STEP,
        3.5 - 8.0 * STEP,
        5.0 + 16.0 * STEP,
    ]
};

/// For each E4M3 code of an NVFP4 block scale, the least BF16 magnitude of each E2M1 code from 1 to 7 (at that index) when
/// values are divided by the scale times `g` in FP32. `None` where some are no normal BF16 values.
///
/// A bound has 25 significant bits, a divisor 24: their product is exact in FP64, and never a BF16 value. So the least
/// magnitude above it is the product cut to BF16, plus one.
pub(crate) fn nvfp4_starts(g: f32) -> Option<[[i16; 8]; 128]> {
    const FAR: f32 = (1u128 << 110) as f32;
    if !(1.0 / FAR..=FAR).contains(&g) {
        return None;
    }
    let mut starts = [[0i16; 8]; 128];
    for (code, starts) in (0u8..0x7f).zip(&mut starts).skip(1) {
        let divisor = f64::from(generic::e4m3(code) * g);
        for (start, bound) in starts[1..].iter_mut().zip(BOUNDS) {
            let upper = ((bound * divisor).to_bits() >> 45) as i32;
            *start = (upper - ((1023 - 127) << 7) + 1) as i16;
        }
    }
    Some(starts)
}

/// E2M1 codes of a block of NVFP4. `starts` is the entry of its scale.
#[inline(always)]
pub(crate) fn nvfp4_codes(block: &[u16; 16], starts: &[i16; 8], out: &mut [u8; 16]) {
    let [_, starts @ ..] = starts;
    count(block, starts, out);
}

/// BF16 of E4M3 codes times 2^e, if none is subnormal or NaN; false, and the values of no meaning, if one is. `e` is in
/// -119..=119.
#[inline(always)]
pub(crate) fn decode_e4m3(codes: &[u8; 32], e: i32, out: &mut [u16; 32]) -> bool {
    let field = ((e + 120) << 7) as u16;
    let mut special = 0u16;
    for (&c, x) in codes.iter().zip(out) {
        let magnitude = u16::from(c & 0x7f);
        special |= u16::from((magnitude < 8) & (magnitude != 0)) | u16::from(magnitude == 0x7f);
        let value = if magnitude == 0 { 0 } else { (magnitude << 4) + field };
        *x = value | u16::from(c & 0x80) << 8;
    }
    special == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::half::bf16_to_f32;
    use crate::kernel::{E2m1, E4m3};

    /// The least magnitude of each code is where FP32 division and rounding say: checked on both sides of each start, for
    /// every scale code and tensor scales of all sorts.
    #[test]
    fn nvfp4_starts_are_where_division_changes_the_code() {
        let odd = (0..64u32).map(|i| f32::from_bits(0x3000_0000 + i.wrapping_mul(0x0123_4567) % 0x1800_0000));
        let even = (-110..=110).step_by(20).map(pow2);
        for g in odd.chain(even).chain([1.0 / 2688.0, 0.02 / 2688.0]) {
            let starts = nvfp4_starts(g).expect("in range");
            for scale in 1..0x7fu8 {
                let divisor = E4m3::value(scale) * g;
                let code = |magnitude: i16| generic::round::<E2m1>(bf16_to_f32(magnitude as u16) / divisor);
                for (k, &start) in starts[usize::from(scale)].iter().enumerate().skip(1) {
                    assert!(code(start) >= k as u32 && code(start - 1) < k as u32, "{g:e} {scale} {k}");
                }
            }
        }
        assert!(nvfp4_starts(pow2(-111)).is_none() && nvfp4_starts(f32::NAN).is_none());
    }
}
