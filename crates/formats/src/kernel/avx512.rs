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
use crate::codec::{E8m0, floor_log2};
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

avx512! {
    /// See [`generic::tile_max`]. Four tiles at a time keep their maxima in registers.
    pub(super) fn tile_max(values: Values<'_>, cols: usize, width: usize, from: usize, out: &mut [u32]) -> Option<()> {
        let Values::Bf16(values) = values else { return None };
        if width != 128 {
            return None;
        }
        let magnitude = _mm512_set1_epi16(0x7fff);
        for (i, out) in out.chunks_mut(4).enumerate() {
            let start = from + i * 4 * width;
            let end = (start + out.len() * width).min(cols);
            let mut max = [_mm512_setzero_si512(); 16];
            for row in values.chunks_exact(cols) {
                let row = &row[start..end];
                if row.len() == 512 {
                    for (max, part) in max.iter_mut().zip(row.as_chunks::<32>().0) {
                        *max = _mm512_max_epu16(*max, _mm512_and_si512(load(part), magnitude));
                    }
                } else {
                    for (max, part) in max.iter_mut().zip(row.chunks(32)) {
                        *max = _mm512_max_epu16(*max, _mm512_and_si512(load(part), magnitude));
                    }
                }
            }
            for (out, max) in out.iter_mut().zip(max.as_chunks::<4>().0) {
                let ab = _mm512_max_epu16(max[0], max[1]);
                let cd = _mm512_max_epu16(max[2], max[3]);
                *out = u32::from(largest(_mm512_max_epu16(ab, cd))) << 16;
            }
        }
        Some(())
    }
}

avx512! {
    /// E4M3 magnitudes of 32 BF16 magnitudes, saturation left to the caller. `field` is the BF16 exponent field, shifted
    /// into place, of the value whose E4M3 exponent field is 0.
    fn e4m3_magnitudes(magnitude: __m512i, field: __m512i) -> __m512i {
        let t = _mm512_subs_epu16(magnitude, field);
        let even = _mm512_and_si512(_mm512_srli_epi16::<4>(t), _mm512_set1_epi16(1));
        let normal = _mm512_add_epi16(_mm512_add_epi16(t, even), _mm512_set1_epi16(7));
        let normal = _mm512_srli_epi16::<4>(normal);
        let small = _mm512_cmplt_epu16_mask(t, _mm512_set1_epi16(128));
        if small == 0 {
            return normal;
        }
        // Subnormal: 1.m of 8 bits in steps of 2^-9, shifted right by 5 - field difference; 9 and more give zero.
        let below = _mm512_srli_epi16::<7>(_mm512_sub_epi16(field, _mm512_andnot_si512(_mm512_set1_epi16(0x7f), magnitude)));
        let shift = _mm512_add_epi16(below, _mm512_set1_epi16(5));
        let shift = _mm512_min_epu16(shift, _mm512_set1_epi16(9));
        let m = _mm512_and_si512(magnitude, _mm512_set1_epi16(0x7f));
        let m = _mm512_or_si512(m, _mm512_set1_epi16(0x80));
        let even = _mm512_and_si512(_mm512_srlv_epi16(m, shift), _mm512_set1_epi16(1));
        let one = _mm512_set1_epi16(1);
        let half = _mm512_sub_epi16(_mm512_sllv_epi16(one, _mm512_sub_epi16(shift, one)), one);
        let sub = _mm512_srlv_epi16(_mm512_add_epi16(_mm512_add_epi16(m, half), even), shift);
        _mm512_mask_mov_epi16(normal, small, sub)
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

avx512! {
    /// E4M3 codes of two registers of BF16 values with their scales.
    fn e4m3_codes(x0: __m512i, x1: __m512i, field0: __m512i, field1: __m512i) -> __m512i {
        let magnitude = _mm512_set1_epi16(0x7fff);
        let c0 = e4m3_magnitudes(_mm512_and_si512(x0, magnitude), field0);
        let c1 = e4m3_magnitudes(_mm512_and_si512(x1, magnitude), field1);
        let codes = _mm512_permutex2var_epi8(c0, constant(&LOW), c1);
        let signs = _mm512_permutex2var_epi8(x0, constant(&HIGH), x1);
        let codes = _mm512_min_epu8(codes, _mm512_set1_epi8(0x7e));
        // codes | (signs & 0x80)
        _mm512_ternarylogic_epi32::<0xf8>(codes, signs, _mm512_set1_epi8(-128))
    }
}

avx512! {
    /// See [`generic::encode_tiles_pow2`].
    pub(super) fn encode_tiles_pow2(
        values: Values<'_>,
        cols: usize,
        width: usize,
        from: usize,
        exponents: &[i32],
        out: &mut [u8],
    ) -> Option<()> {
        let Values::Bf16(values) = values else { return None };
        if exponents.iter().any(|&e| !(LEAST..=120).contains(&e)) {
            return None;
        }
        let to = (from + exponents.len() * width).min(cols);
        // While this part of the band is encoded, the next one comes into the cache: the maximum pass that follows
        // would otherwise wait for memory.
        let ahead = (2 * to - from).min(cols);
        for (row, out) in values.chunks_exact(cols).zip(out.chunks_exact_mut(cols)) {
            for line in row[to..ahead].chunks(32) {
                _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast());
            }
            let (row, out) = (&row[from..to], &mut out[from..to]);
            for ((tile, out), &e) in row.chunks(width).zip(out.chunks_mut(width)).zip(exponents) {
                let field = _mm512_set1_epi16(((e + 120) << 7) as i16);
                let (parts, rest) = tile.as_chunks::<64>();
                let (outs, out_rest) = out.as_chunks_mut::<64>();
                for (part, out) in parts.iter().zip(outs) {
                    let codes = e4m3_codes(load(&part[..32]), load(&part[32..]), field, field);
                    // SAFETY: `out` has the 64 bytes that are written.
                    unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), codes) };
                }
                if !rest.is_empty() {
                    let (a, b) = rest.split_at(rest.len().min(32));
                    let codes = e4m3_codes(load(a), load(b), field, field);
                    let mask = (1u64 << rest.len()) - 1;
                    // SAFETY: `out_rest` is as long as `rest`, less than 64, and the mask has that many bits.
                    unsafe { _mm512_mask_storeu_epi8(out_rest.as_mut_ptr().cast(), mask, codes) };
                }
            }
        }
        Some(())
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

/// E2M1 codes by the index of [`e2m1_index`]: even indices stand for exactly a multiple of a quarter binade, odd ones
/// for the open interval above it.
const fn e2m1_table() -> [i8; 64] {
    // Index i stands for 2^(i / 8 - 2) * (1 + (i / 2 mod 4) / 4), or just above if odd. Codes change at 1/4, 3/4, 5/4,
    // 7/4, 5/2, 7/2 and 5; the tie goes to the even code, so an odd code starts just above.
    let starts = [1, 12, 19, 22, 27, 30, 35];
    let mut table = [0i8; 64];
    let mut i = 0;
    while i < 64 {
        let mut code = 0;
        let mut k = 0;
        while k < 7 {
            if i >= starts[k] {
                code += 1;
            }
            k += 1;
        }
        table[i] = code;
        i += 1;
    }
    table
}
static E2M1: [i8; 64] = e2m1_table();

avx512! {
    /// 16-bit lanes: bits 0 to 5 tell where the scaled magnitude lies, bit 6 is the sign.
    fn e2m1_index(x: __m512i, quarter: __m512i) -> __m512i {
        let t = _mm512_subs_epu16(_mm512_and_si512(x, _mm512_set1_epi16(0x7fff)), quarter);
        let down = _mm512_srli_epi16::<5>(t);
        let up = _mm512_srli_epi16::<5>(_mm512_add_epi16(t, _mm512_set1_epi16(31)));
        let index = _mm512_add_epi16(down, up);
        // index | (x >> 9 & 0x40)
        _mm512_ternarylogic_epi32::<0xf8>(index, _mm512_srli_epi16::<9>(x), _mm512_set1_epi16(0x40))
    }
}

avx512! {
    /// Looks up 64 indices and packs the codes two a byte.
    fn e2m1_pack(index: __m512i) -> __m256i {
        let table = constant(&E2M1);
        let negative = _mm512_or_si512(table, _mm512_set1_epi8(8));
        let codes = _mm512_permutex2var_epi8(table, index, negative);
        let pairs = _mm512_maddubs_epi16(codes, _mm512_set1_epi16(0x1001));
        _mm512_cvtepi16_epi8(pairs)
    }
}

avx512! {
    /// See [`generic::encode_nvfp4`]: BF16, 16 blocks at a time.
    pub(super) fn encode_nvfp4(values: Values<'_>, g: f32, out: &mut [u8], scales: &mut [u8]) -> Option<bool> {
        let Values::Bf16(values) = values else { return None };
        let mut finite = true;
        for ((batch, out), scales) in values.chunks(256).zip(out.chunks_mut(128)).zip(scales.chunks_mut(16)) {
            let max = <&[u16; 256]>::try_from(batch).ok().map(|batch| largest_of_blocks(batch));
            let usual = |max: &__m256i| _mm256_cmpge_epu16_mask(*max, _mm256_set1_epi16(0x7f80)) == 0;
            let Some(max) = max.filter(usual) else {
                finite &= generic::encode_nvfp4::<E4m3, E2m1, _>(batch, g, out, scales);
                continue;
            };
            let (codes, divisors) = nvfp4_scales(max, g);
            // SAFETY: every batch of 256 values has 16 scales.
            unsafe { _mm_storeu_si128(scales.as_mut_ptr().cast(), codes) };
            for ((four, out), divisors) in
                batch.as_chunks::<64>().0.iter().zip(out.as_chunks_mut::<32>().0).zip(divisors.as_chunks::<4>().0)
            {
                let blocks = four.as_chunks::<16>().0;
                let index = |i: usize| {
                    let block: &[u16; 16] = &blocks[i];
                    // SAFETY: the array has the 32 bytes that are read.
                    let x = unsafe { _mm256_loadu_si256(block.as_ptr().cast()) };
                    e2m1_index_divided(x, divisors[i])
                };
                // Packing twice leaves 4-byte groups in the order of a transposed 4 x 4 matrix.
                let words = _mm512_packus_epi32(index(0), index(1));
                let bytes = _mm512_packus_epi16(words, _mm512_packus_epi32(index(2), index(3)));
                let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
                let index = _mm512_permutexvar_epi32(order, bytes);
                // SAFETY: `out` has the 32 bytes that are written.
                unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), e2m1_pack(index)) };
            }
        }
        Some(finite)
    }
}

avx512! {
    /// Block scales of 16 block maxima and what to divide their blocks by. See [`generic::nvfp4_scale`].
    fn nvfp4_scales(max: __m256i, g: f32) -> (__m128i, [f32; 16]) {
        let max = _mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(max));
        let y = _mm512_div_ps(_mm512_castsi512_ps(max), _mm512_set1_ps(6.0 * g));
        let bits = _mm512_castps_si512(y);
        let even = _mm512_and_si512(_mm512_srli_epi32::<20>(bits), _mm512_set1_epi32(1));
        let normal = _mm512_add_epi32(_mm512_add_epi32(bits, even), _mm512_set1_epi32(0x7_ffff));
        let normal = _mm512_sub_epi32(_mm512_srli_epi32::<20>(normal), _mm512_set1_epi32(960));
        let magic = _mm512_set1_ps(16384.0);
        let small = _mm512_castps_si512(_mm512_add_ps(y, magic));
        let small = _mm512_sub_epi32(small, _mm512_castps_si512(magic));
        let below = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(y, _mm512_set1_ps(1.0 / 64.0));
        let code = _mm512_mask_mov_epi32(normal, below, small);
        let code = _mm512_min_epu32(code, _mm512_set1_epi32(0x7e));
        let code = _mm512_max_epu32(code, _mm512_set1_epi32(1));
        let code = _mm512_mask_mov_epi32(code, _mm512_testn_epi32_mask(max, max), _mm512_set1_epi32(0x38));
        let value = _mm512_add_epi32(_mm512_slli_epi32::<20>(code), _mm512_set1_epi32(120 << 23));
        let tiny = _mm512_mul_ps(_mm512_cvtepi32_ps(code), _mm512_set1_ps(1.0 / 512.0));
        let below = _mm512_cmplt_epu32_mask(code, _mm512_set1_epi32(8));
        let value = _mm512_mask_mov_ps(_mm512_castsi512_ps(value), below, tiny);
        let mut divisors = [0f32; 16];
        // SAFETY: the array has the 64 bytes that are written.
        unsafe { _mm512_storeu_ps(divisors.as_mut_ptr(), _mm512_mul_ps(value, _mm512_set1_ps(g))) };
        (_mm512_cvtepi32_epi8(code), divisors)
    }
}

avx512! {
    /// The largest magnitude of each of 16 blocks of 16 values, in order.
    fn largest_of_blocks(batch: &[u16; 256]) -> __m256i {
        // Register i holds blocks 2 i and 2 i + 1. Interleaving two registers and taking the larger of both halves keeps
        // each block's lanes together; three rounds leave the even blocks in the lower half, the odd ones in the upper.
        let mut v = [_mm512_setzero_si512(); 8];
        for (v, part) in v.iter_mut().zip(batch.as_chunks::<32>().0) {
            *v = _mm512_and_si512(load(part), _mm512_set1_epi16(0x7fff));
        }
        let words = |a, b| _mm512_max_epu16(_mm512_unpacklo_epi16(a, b), _mm512_unpackhi_epi16(a, b));
        let pairs = |a, b| _mm512_max_epu16(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let fours = |a, b| _mm512_max_epu16(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
        let low = pairs(words(v[0], v[1]), words(v[2], v[3]));
        let high = pairs(words(v[4], v[5]), words(v[6], v[7]));
        let all = fours(low, high);
        let half = |v: __m256i| _mm_max_epu16(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
        let even = half(_mm512_castsi512_si256(all));
        let odd = half(_mm512_extracti64x4_epi64::<1>(all));
        _mm256_set_m128i(_mm_unpackhi_epi16(even, odd), _mm_unpacklo_epi16(even, odd))
    }
}

avx512! {
    /// As [`e2m1_index`] in 32-bit lanes, for 16 BF16 values divided by a scale.
    fn e2m1_index_divided(x: __m256i, divisor: f32) -> __m512i {
        let x = _mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(x));
        let magnitude = _mm512_and_si512(x, _mm512_set1_epi32(0x7fff_ffff));
        let y = _mm512_div_ps(_mm512_castsi512_ps(magnitude), _mm512_set1_ps(divisor));
        let quarter = _mm512_set1_epi32(125 << 23);
        let t = _mm512_sub_epi32(_mm512_max_epi32(_mm512_castps_si512(y), quarter), quarter);
        let down = _mm512_srli_epi32::<21>(t);
        let up = _mm512_srli_epi32::<21>(_mm512_add_epi32(t, _mm512_set1_epi32((1 << 21) - 1)));
        let index = _mm512_min_epi32(_mm512_add_epi32(down, up), _mm512_set1_epi32(63));
        _mm512_ternarylogic_epi32::<0xf8>(index, _mm512_srli_epi32::<25>(x), _mm512_set1_epi32(0x40))
    }
}

avx512! {
    /// BF16 of 32 E4M3 codes widened to 16 bits. `field` is the BF16 exponent field of E4M3's exponent field 0.
    fn bf16_of(w: __m512i, field: __m512i) -> __m512i {
        let magnitude = _mm512_and_si512(w, _mm512_set1_epi16(0x7f));
        let mut x = _mm512_add_epi16(_mm512_slli_epi16::<4>(magnitude), field);
        // Subnormal codes 0 to 7, and NaN, which wraps to the same range.
        let above = _mm512_and_si512(_mm512_add_epi16(magnitude, _mm512_set1_epi16(1)), _mm512_set1_epi16(0x7f));
        let special = _mm512_cmplt_epu16_mask(above, _mm512_set1_epi16(9));
        if special != 0 {
            // c * 2^-9 in BF16, relative to field 120: 1, 2, 3, ... 7.
            let table = _mm_setr_epi16(0, -2 << 7, -1 << 7, (-1 << 7) + 64, 0, 32, 64, 96);
            let table = _mm512_castsi128_si512(table);
            let small = _mm512_cmplt_epu16_mask(magnitude, _mm512_set1_epi16(8));
            let sub = _mm512_add_epi16(_mm512_permutexvar_epi16(magnitude, table), field);
            x = _mm512_mask_mov_epi16(x, small, sub);
            x = _mm512_mask_mov_epi16(x, _mm512_testn_epi16_mask(magnitude, magnitude), _mm512_setzero_si512());
            let nan = _mm512_cmpeq_epi16_mask(magnitude, _mm512_set1_epi16(0x7f));
            x = _mm512_mask_mov_epi16(x, nan, _mm512_set1_epi16(0x7fc0));
        }
        // x | (w << 8 & 0x8000)
        _mm512_ternarylogic_epi32::<0xf8>(x, _mm512_slli_epi16::<8>(w), _mm512_set1_epi16(i16::MIN))
    }
}

avx512! {
    /// See [`generic::decode_tiles_bf16`]: power-of-two scales whose products are normal BF16 values.
    pub(super) fn decode_tiles_bf16(
        codes: &[u8],
        cols: usize,
        width: usize,
        scales: &[f32],
        out: &mut [u16],
    ) -> Option<()> {
        if !width.is_multiple_of(32) {
            return None;
        }
        for (row, out) in codes.chunks_exact(cols).zip(out.chunks_exact_mut(cols)) {
            for ((tile, out), &scale) in row.chunks(width).zip(out.chunks_mut(width)).zip(scales) {
                let bits = scale.to_bits();
                let plain = bits & 0x807f_ffff == 0 && (-117..=119).contains(&floor_log2(scale));
                let (parts, rest) = tile.as_chunks::<32>();
                let (outs, out_rest) = out.as_chunks_mut::<32>();
                if !plain {
                    generic::decode_tiles_bf16(tile, tile.len(), width, &[scale], out);
                    continue;
                }
                let field = _mm512_set1_epi16((((bits >> 23) as i16) - 7) << 7);
                for (part, out) in parts.iter().zip(outs) {
                    // SAFETY: `part` has the 32 bytes that are read, `out` the 64 that are written.
                    unsafe {
                        let w = _mm512_cvtepu8_epi16(_mm256_loadu_si256(part.as_ptr().cast()));
                        _mm512_storeu_si512(out.as_mut_ptr().cast(), bf16_of(w, field));
                    }
                }
                if !rest.is_empty() {
                    generic::decode_tiles_bf16(rest, rest.len(), width, &[scale], out_rest);
                }
            }
        }
        Some(())
    }
}
