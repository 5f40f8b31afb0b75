//! BF16 to E4M3 and back, 32 values a register.

#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::{HIGH, LEAST, LOW, constant, largest, load};
use crate::Values;
use crate::codec::floor_log2;
use crate::kernel::generic;

/// Most tiles whose maxima are found in one walk over the rows: they stay in the L1 cache.
const GROUP: usize = 64;

avx512! {
    /// See [`generic::tile_max`].
    pub(in crate::kernel) fn tile_max(values: Values<'_>, cols: usize, width: usize, from: usize, out: &mut [u32]) -> Option<()> {
        let Values::Bf16(values) = values else { return None };
        if width != 128 {
            return None;
        }
        let magnitude = _mm512_set1_epi16(0x7fff);
        for (i, out) in out.chunks_mut(GROUP).enumerate() {
            let start = from + i * GROUP * width;
            let end = (start + out.len() * width).min(cols);
            let mut max = [_mm512_setzero_si512(); GROUP];
            for row in values.chunks_exact(cols) {
                let (tiles, rest) = row[start..end].as_chunks::<128>();
                for (max, tile) in max.iter_mut().zip(tiles) {
                    let part = |i: usize| _mm512_and_si512(load(&tile[32 * i..32 * i + 32]), magnitude);
                    let ab = _mm512_max_epu16(part(0), part(1));
                    let cd = _mm512_max_epu16(part(2), part(3));
                    *max = _mm512_max_epu16(*max, _mm512_max_epu16(ab, cd));
                }
                for part in rest.chunks(32) {
                    max[tiles.len()] = _mm512_max_epu16(max[tiles.len()], _mm512_and_si512(load(part), magnitude));
                }
            }
            for (out, &max) in out.iter_mut().zip(&max) {
                *out = u32::from(largest(max)) << 16;
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

avx512! {
    /// E4M3 codes of two registers of BF16 values with their scales.
    pub(super) fn e4m3_codes(x0: __m512i, x1: __m512i, field0: __m512i, field1: __m512i) -> __m512i {
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
    pub(in crate::kernel) fn encode_tiles_pow2(
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
        for (row, out) in values.chunks_exact(cols).zip(out.chunks_exact_mut(cols)) {
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
    pub(in crate::kernel) fn decode_tiles_bf16(
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
