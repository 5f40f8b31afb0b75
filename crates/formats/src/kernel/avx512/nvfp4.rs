//! BF16 to NVFP4.
//!
//! A block's divisor is no power of two, but its values are BF16: for each code there is a least BF16 magnitude that
//! rounds to it or above (see [`lanes::nvfp4_starts`]). Values find their codes among these seven in three steps; nothing
//! is divided.

#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::load;
use crate::Values;
use crate::kernel::{E2m1, E4m3, generic, lanes};

avx512! {
    /// See [`generic::encode_nvfp4`]: 64 blocks at a time, first all their scales, then their codes, so that neither waits
    /// for the other.
    pub(in crate::kernel) fn encode_nvfp4(
        values: Values<'_>,
        g: f32,
        out: &mut [u8],
        scales: &mut [u8],
    ) -> Option<bool> {
        let Values::Bf16(values) = values else { return None };
        let starts = lanes::nvfp4_starts(g)?;
        let mut finite = true;
        for ((batch, out), scales) in values.chunks(1024).zip(out.chunks_mut(512)).zip(scales.chunks_mut(64)) {
            if batch.len() != 1024 || !all_scales(batch, g, scales) {
                finite &= generic::encode_nvfp4::<E4m3, E2m1, _>(batch, g, out, scales);
                continue;
            }
            let eights = batch.as_chunks::<128>().0.iter().zip(scales.as_chunks::<8>().0);
            for (out, (eight, scales)) in out.as_chunks_mut::<64>().0.iter_mut().zip(eights) {
                let codes = code_pairs(eight, &starts, scales);
                // SAFETY: `out` has the 64 bytes that are written.
                unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), codes) };
            }
        }
        Some(finite)
    }
}

avx512! {
    /// The scales of 64 blocks; false if a value is not finite.
    fn all_scales(batch: &[u16], g: f32, scales: &mut [u8]) -> bool {
        let mut largest = _mm256_setzero_si256();
        for (part, scales) in batch.as_chunks::<256>().0.iter().zip(scales.as_chunks_mut::<16>().0) {
            let max = largest_of_blocks(part);
            largest = _mm256_max_epu16(largest, max);
            // SAFETY: `scales` has the 16 bytes that are written.
            unsafe { _mm_storeu_si128(scales.as_mut_ptr().cast(), nvfp4_scales(max, g)) };
        }
        _mm256_cmpge_epu16_mask(largest, _mm256_set1_epi16(0x7f80)) == 0
    }
}

avx512! {
    /// Codes of eight blocks, two a byte.
    fn code_pairs(eight: &[u16; 128], starts: &[[i16; 8]; 128], scales: &[u8; 8]) -> __m512i {
        let of = |i: usize| {
            let starts: &[i16; 8] = &starts[usize::from(scales[i] & 0x7f)];
            // SAFETY: the array has the 16 bytes that are read.
            unsafe { _mm_loadu_si128(starts.as_ptr().cast()) }
        };
        let pairs = |i: usize| {
            let codes = find(load(&eight[32 * i..32 * i + 32]), _mm256_set_m128i(of(2 * i + 1), of(2 * i)));
            _mm512_madd_epi16(codes, _mm512_set1_epi32(0x10_0001))
        };
        // Packing twice leaves 4-byte groups in the order of a transposed 4 x 4 matrix.
        let (ab, cd) = (_mm512_packus_epi32(pairs(0), pairs(1)), _mm512_packus_epi32(pairs(2), pairs(3)));
        let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        _mm512_permutexvar_epi32(order, _mm512_packus_epi16(ab, cd))
    }
}

avx512! {
    /// Codes with their signs of two blocks, in 16-bit lanes. `starts` has eight lanes for each.
    fn find(x: __m512i, starts: __m256i) -> __m512i {
        let starts = _mm512_castsi256_si512(starts);
        let magnitude = _mm512_and_si512(x, _mm512_set1_epi16(0x7fff));
        let reaches = |at| _mm512_cmpge_epu16_mask(magnitude, _mm512_permutexvar_epi16(at, starts));
        let step = |n| _mm512_set1_epi16(n);
        // The start of code 4: lanes 0 to 15 are of the first block, the others of the second.
        let middle = _mm512_inserti64x4::<1>(step(4), _mm256_set1_epi16(12));
        let at = _mm512_mask_add_epi16(_mm512_sub_epi16(middle, step(2)), reaches(middle), middle, step(2));
        let at = _mm512_mask_add_epi16(_mm512_sub_epi16(at, step(1)), reaches(at), at, step(1));
        let code = _mm512_mask_mov_epi16(_mm512_sub_epi16(at, step(1)), reaches(at), at);
        // code & 7 | sign & 8
        _mm512_ternarylogic_epi32::<0xca>(step(7), code, _mm512_srli_epi16::<12>(x))
    }
}

avx512! {
    /// Block scales of 16 block maxima. See [`generic::nvfp4_scale`].
    fn nvfp4_scales(max: __m256i, g: f32) -> __m128i {
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
        _mm512_cvtepi32_epi8(code)
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
