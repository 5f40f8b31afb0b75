//! AVX-512 (F, BW, VL, DQ, VBMI) loops written by hand for the conversions people wait for: BF16 to E4M3, E2M1 and
//! NVFP4, and E4M3 back.
//!
//! With a power-of-two scale a BF16 value stays a BF16 value, so rounding is integer arithmetic on 16-bit lanes, 32
//! values a register. Each function handles the usual range and leaves the rest (tiny blocks, infinities, FP32 input)
//! to the general code, whole call or batch at a time.
//!
//! `unsafe` here stands for loads and stores through pointers, each inside the bounds of a slice as its comment says,
//! and for nothing else: arithmetic intrinsics are safe in a function compiled for them.

#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::{E2m1, E4m3, generic};
use crate::codec::E8m0;
use crate::{Element, ScaleRule, Values};

/// Least power of two of a scale for the 16-bit loops: below it, BF16 subnormals would matter.
const LEAST: i32 = -116;

macro_rules! avx512 {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($args:tt)*) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
        #[inline]
        $vis fn $name($($args)*) $(-> $ret)? $body
    };
}

mod e2m1;
mod e4m3;
mod nvfp4;

use e2m1::{e2m1_index, e2m1_pack};
use e4m3::e4m3_codes;
pub(super) use e4m3::{decode_tiles_bf16, encode_tiles_pow2, tile_max};
pub(super) use nvfp4::encode_nvfp4;

avx512! {
    /// Up to 32 values from the start of a slice, the rest zero.
    fn load(v: &[u16]) -> __m512i {
        let n = v.len().min(32);
        let mask = if n == 32 { u32::MAX } else { (1 << n) - 1 };
        // SAFETY: lanes at and above the slice's length are masked out and not read.
        unsafe { _mm512_maskz_loadu_epi16(mask, v.as_ptr().cast()) }
    }
}

avx512! {
    /// The largest of 32 unsigned 16-bit lanes.
    fn largest(v: __m512i) -> u16 {
        let v = _mm256_max_epu16(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64::<1>(v));
        let v = _mm_max_epu16(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
        let v = _mm_minpos_epu16(_mm_xor_si128(v, _mm_set1_epi16(-1)));
        !(_mm_cvtsi128_si32(v) as u16)
    }
}

/// Byte positions of the low (0) or high (1) halves of the 16-bit lanes of two registers.
const fn halves(high: i8) -> [i8; 64] {
    let mut at = [0i8; 64];
    let mut i = 0;
    while i < 64 {
        at[i] = (2 * i) as i8 + high;
        i += 1;
    }
    at
}
static LOW: [i8; 64] = halves(0);
static HIGH: [i8; 64] = halves(1);

avx512! {
    fn constant(bytes: &[i8; 64]) -> __m512i {
        // SAFETY: the array has the 64 bytes that are read.
        unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
    }
}

/// What to add to a BF16 magnitude so that its exponent field becomes that of the rule's scale (plus emax): rules bump
/// the exponent when the mantissa reaches a bound, which is a carry.
fn carry(rule: ScaleRule, element: Element) -> Option<u16> {
    let f = crate::codec::Minifloat::of(element)?;
    let bound = match rule {
        ScaleRule::Floor => 128,
        ScaleRule::FloorPlusOne => 0,
        ScaleRule::CeilMax => 1,
        ScaleRule::Ceil => ((f.max().to_bits() >> 16) & 0x7f) as u16 + 1,
        ScaleRule::Even => 128 - (1 << (6 - f.man)),
        ScaleRule::Search => return None,
    };
    Some(128 - bound)
}

avx512! {
    /// E8M0 codes of 32 block maxima, or `None` if one of the blocks needs the general code.
    fn scales_of(max: &[u16; 32], carry: u16, emax: i32) -> Option<__m256i> {
        let max = load(max);
        if _mm512_cmpge_epu16_mask(max, _mm512_set1_epi16(0x7f80)) != 0 {
            return None;
        }
        let zero = _mm512_testn_epi16_mask(max, max);
        let e = _mm512_srli_epi16::<7>(_mm512_add_epi16(max, _mm512_set1_epi16(carry as i16)));
        let e = _mm512_subs_epu16(e, _mm512_set1_epi16(emax as i16));
        let e = _mm512_mask_mov_epi16(e, zero, _mm512_set1_epi16(i16::from(E8m0::ONE)));
        if _mm512_cmplt_epu16_mask(e, _mm512_set1_epi16((LEAST + 127) as i16)) != 0 {
            return None;
        }
        Some(_mm512_cvtepi16_epi8(e))
    }
}

avx512! {
    /// See [`generic::encode_mx`]: E4M3 and E2M1 of BF16, 32 blocks at a time.
    pub(super) fn encode_mx(
        element: Element,
        values: Values<'_>,
        rule: ScaleRule,
        out: &mut [u8],
        scales: &mut [u8],
    ) -> Option<bool> {
        let Values::Bf16(values) = values else { return None };
        let (emax, bytes) = match element {
            Element::E4m3 => (8, 32),
            Element::E2m1 => (2, 16),
            _ => return None,
        };
        let carry = carry(rule, element)?;
        let magnitude = _mm512_set1_epi16(0x7fff);
        let mut finite = true;
        for ((batch, out), scales) in values.chunks(1024).zip(out.chunks_mut(32 * bytes)).zip(scales.chunks_mut(32)) {
            let mut general = || match element {
                Element::E4m3 => generic::encode_mx::<E4m3, _>(batch, rule, out, scales),
                _ => generic::encode_mx::<E2m1, _>(batch, rule, out, scales),
            };
            if batch.len() != 1024 {
                finite &= general();
                continue;
            }
            let blocks = batch.as_chunks::<32>().0;
            let mut max = [0u16; 32];
            for (max, block) in max.iter_mut().zip(blocks) {
                *max = largest(_mm512_and_si512(load(block), magnitude));
            }
            let Some(codes) = scales_of(&max, carry, emax) else {
                finite &= general();
                continue;
            };
            // SAFETY: every batch of 1024 values has 32 scales.
            unsafe { _mm256_storeu_si256(scales.as_mut_ptr().cast(), codes) };
            if element == Element::E4m3 {
                for ((pair, out), scale) in
                    batch.as_chunks::<64>().0.iter().zip(out.as_chunks_mut::<64>().0).zip(scales.as_chunks::<2>().0)
                {
                    // (scale - 127 + 120) << 7
                    let field = |s: u8| _mm512_set1_epi16((i16::from(s) - 7) << 7);
                    let codes = e4m3_codes(load(&pair[..32]), load(&pair[32..]), field(scale[0]), field(scale[1]));
                    // SAFETY: `out` has the 64 bytes that are written.
                    unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), codes) };
                }
            } else {
                for ((pair, out), scale) in
                    batch.as_chunks::<64>().0.iter().zip(out.as_chunks_mut::<32>().0).zip(scales.as_chunks::<2>().0)
                {
                    // The field of a quarter: (scale - 127 + 127 - 2) << 7
                    let field = |s: u8| _mm512_set1_epi16((i16::from(s) - 2) << 7);
                    let i0 = e2m1_index(load(&pair[..32]), field(scale[0]));
                    let i1 = e2m1_index(load(&pair[32..]), field(scale[1]));
                    let index = _mm512_permutex2var_epi8(i0, constant(&LOW), i1);
                    // SAFETY: `out` has the 32 bytes that are written.
                    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), e2m1_pack(index)) };
                }
            }
        }
        Some(finite)
    }
}
