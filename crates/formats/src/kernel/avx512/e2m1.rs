//! BF16 to E2M1 with a power-of-two scale: a table of quarter binades.

use std::arch::x86_64::*;

use super::constant;

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
    pub(super) fn e2m1_index(x: __m512i, quarter: __m512i) -> __m512i {
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
    pub(super) fn e2m1_pack(index: __m512i) -> __m256i {
        let table = constant(&E2M1);
        let negative = _mm512_or_si512(table, _mm512_set1_epi8(8));
        let codes = _mm512_permutex2var_epi8(table, index, negative);
        let pairs = _mm512_maddubs_epi16(codes, _mm512_set1_epi16(0x1001));
        _mm512_cvtepi16_epi8(pairs)
    }
}
