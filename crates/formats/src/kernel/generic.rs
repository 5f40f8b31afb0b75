//! The conversion loops in plain Rust, written so that compilers turn them into SIMD.
//!
//! Each function is inlined into one caller per instruction set (see [`super`]), which is where it becomes AVX2 or
//! AVX-512 or NEON code. There is no branch in the inner loops, no multiply-add that a target could fuse, and sums go
//! into a fixed number of lanes, so every instruction set gives the same bytes.

use super::input::Input;
use super::{Format, lanes};
use crate::codec::half::f32_to_bf16;
use crate::codec::{E8m0, pow2};
use crate::{Element, ScaleRule};

/// The code of a scaled magnitude `y`, to nearest, ties to even, saturating. `y` is finite and not negative.
#[inline(always)]
pub(crate) fn round<F: Format>(y: f32) -> u32 {
    // Normal: round the f32 bits to the mantissa width, then rebias. Carries are right by construction.
    let bits = y.to_bits();
    let cut = 23 - F::MAN;
    let even = (bits >> cut) & 1;
    let rebias = ((127 - F::BIAS) as u32) << F::MAN;
    let normal = ((bits + ((1 << (cut - 1)) - 1) + even) >> cut).wrapping_sub(rebias);
    // Subnormal: adding a number whose last place is the smallest step rounds to that step.
    let magic = f32::from_bits(((127 + 23 + 1 - F::BIAS - F::MAN as i32) as u32) << 23);
    let subnormal = (y + magic).to_bits() - magic.to_bits();
    let smallest_normal = f32::from_bits(((127 + 1 - F::BIAS) as u32) << 23);
    let code = if y < smallest_normal { subnormal } else { normal };
    code.min(F::MAX)
}

/// The code with its sign of one input scaled by `inverse`.
#[inline(always)]
fn code<F: Format, T: Input>(x: T, inverse: f32) -> u8 {
    let y = f32::from_bits(x.magnitude()) * inverse;
    (round::<F>(y) | (x.sign() >> (31 - F::MAN - F::EXP))) as u8
}

/// Codes with their signs of values scaled by `inverse`, which is exact.
#[inline(always)]
pub(crate) fn codes<F: Format, T: Input>(values: &[T], inverse: f32, out: &mut [u8]) {
    for (x, out) in values.iter().zip(out) {
        *out = code::<F, T>(*x, inverse);
    }
}

/// As [`codes`], dividing: for scales whose inverse is not exact.
#[inline(always)]
pub(super) fn codes_divided<F: Format, T: Input>(values: &[T], scale: f32, out: &mut [u8]) {
    for (x, out) in values.iter().zip(out) {
        let y = f32::from_bits(x.magnitude()) / scale;
        *out = (round::<F>(y) | (x.sign() >> (31 - F::MAN - F::EXP))) as u8;
    }
}

/// The MXINT8 code of one input scaled by `inverse`.
#[inline(always)]
fn int_code<T: Input>(x: T, inverse: f32) -> u8 {
    // 1.5 * 2^23 has a last place of 1: adding it rounds to an integer, ties to even.
    let steps = (x.value() * inverse) * 64.0 + 12_582_912.0;
    let steps = (steps.to_bits() as i32) - 0x4b40_0000;
    steps.clamp(-127, 127) as i8 as u8
}

/// The largest magnitude of a slice, as `f32` bits.
#[inline(always)]
pub(crate) fn max_bits<T: Input>(values: &[T]) -> u32 {
    let mut lanes = [T::Ordered::default(); 16];
    let (chunks, rest) = values.as_chunks::<16>();
    for chunk in chunks {
        raise(&mut lanes, chunk);
    }
    raise(&mut lanes, rest);
    T::bits(lanes.into_iter().max().unwrap_or_default())
}

/// Raises each maximum to the magnitude beside it.
#[inline(always)]
fn raise<T: Input>(max: &mut [T::Ordered], values: &[T]) {
    for (max, x) in max.iter_mut().zip(values) {
        *max = (*max).max(x.ordered());
    }
}

/// The largest magnitude of each of `out.len()` tiles of `width` columns from column `from` on, as `f32` bits.
#[inline(always)]
pub(crate) fn tile_max<T: Input>(values: &[T], cols: usize, width: usize, from: usize, out: &mut [u32]) {
    out.fill(0);
    let to = (from + out.len() * width).min(cols);
    let mut columns = vec![T::Ordered::default(); to - from];
    for row in values.chunks_exact(cols) {
        raise(&mut columns, &row[from..to]);
    }
    for (tile, out) in columns.chunks(width).zip(out.iter_mut()) {
        *out = T::bits(tile.iter().copied().max().unwrap_or_default());
    }
}

/// E4M3 codes of the tiles of `width` columns from column `from` on; `exponents` are their powers of two.
#[inline(always)]
pub(crate) fn encode_tiles_pow2<F: Format, T: Input>(
    values: &[T],
    cols: usize,
    width: usize,
    from: usize,
    exponents: &[i32],
    out: &mut [u8],
) {
    let to = (from + exponents.len() * width).min(cols);
    for (row, out) in values.chunks_exact(cols).zip(out.chunks_exact_mut(cols)) {
        let (row, out) = (&row[from..to], &mut out[from..to]);
        for ((tile, out), &e) in row.chunks(width).zip(out.chunks_mut(width)).zip(exponents) {
            T::codes::<F>(tile, e, out);
        }
    }
}

/// E4M3 codes of one band of tiles with FP32 scales, divided.
#[inline(always)]
pub(crate) fn encode_tiles_fp32<F: Format, T: Input>(
    values: &[T],
    cols: usize,
    width: usize,
    scales: &[f32],
    out: &mut [u8],
) {
    for (row, out) in values.chunks_exact(cols).zip(out.chunks_exact_mut(cols)) {
        for ((tile, out), &scale) in row.chunks(width).zip(out.chunks_mut(width)).zip(scales) {
            codes_divided::<F, T>(tile, scale, out);
        }
    }
}

/// Packs byte codes: 8 bits as they are, 4 bits two a byte, 6 bits four in three bytes.
#[inline(always)]
fn pack<const N: usize>(codes: &[u8; N], bits: u32, out: &mut [u8]) {
    match bits {
        4 => {
            for (pair, out) in codes.as_chunks::<2>().0.iter().zip(out) {
                *out = pair[0] | pair[1] << 4;
            }
        }
        6 => {
            for (four, out) in codes.as_chunks::<4>().0.iter().zip(out.as_chunks_mut::<3>().0) {
                let word = four.iter().rev().fold(0u32, |w, &c| w << 6 | u32::from(c));
                out.copy_from_slice(&word.to_le_bytes()[..3]);
            }
        }
        _ => out[..N].copy_from_slice(codes),
    }
}

/// Microscaling with a minifloat element: blocks of 32, E8M0 scales, packed codes. A block with an infinity or NaN gets
/// the scale NaN and zero codes; the return value tells whether there was one.
#[inline(always)]
pub(crate) fn encode_mx<F: Format, T: Input>(values: &[T], rule: ScaleRule, out: &mut [u8], scales: &mut [u8]) -> bool {
    let bits = 1 + F::EXP + F::MAN;
    let step = 4 * bits as usize;
    let mut all_finite = true;
    for ((block, out), scale) in values.as_chunks::<32>().0.iter().zip(out.chunks_exact_mut(step)).zip(scales) {
        let amax = max_bits(block);
        if amax >= 0x7f80_0000 {
            all_finite = false;
            *scale = E8m0::NAN;
            out.fill(0);
            continue;
        }
        let mut e = rule.exponent(f32::from_bits(amax), F::ELEMENT).clamp(E8m0::MIN, E8m0::MAX);
        if rule == ScaleRule::Search && amax != 0 {
            e = search(block, e, |x, inverse| F::value(code::<F, T>(x, inverse)));
        }
        let mut codes = [0u8; 32];
        T::codes::<F>(block, e, &mut codes);
        pack(&codes, bits, out);
        *scale = E8m0::of_exponent(e);
    }
    all_finite
}

/// Microscaling with the MXINT8 element. As [`encode_mx`].
#[inline(always)]
pub(crate) fn encode_mxint8<T: Input>(values: &[T], rule: ScaleRule, out: &mut [u8], scales: &mut [u8]) -> bool {
    let mut all_finite = true;
    for ((block, out), scale) in values.as_chunks::<32>().0.iter().zip(out.as_chunks_mut::<32>().0).zip(scales) {
        let amax = max_bits(block);
        if amax >= 0x7f80_0000 {
            all_finite = false;
            *scale = E8m0::NAN;
            out.fill(0);
            continue;
        }
        let mut e = rule.exponent(f32::from_bits(amax), Element::Int8).clamp(E8m0::MIN, E8m0::MAX);
        if rule == ScaleRule::Search && amax != 0 {
            e = search(block, e, |x, inverse| f32::from(int_code(x, inverse) as i8) / 64.0);
        }
        let inverse = pow2(-e);
        for (x, c) in block.iter().zip(out) {
            *c = int_code(*x, inverse);
        }
        *scale = E8m0::of_exponent(e);
    }
    all_finite
}

/// The exponent of e - 1, e, e + 1 with the least squared error; the smallest wins a tie.
#[inline(always)]
pub(crate) fn search<T: Input>(block: &[T], e: i32, read: impl Fn(T, f32) -> f32) -> i32 {
    let mut best = (f64::INFINITY, e);
    for e in (e - 1).max(E8m0::MIN)..=(e + 1).min(E8m0::MAX) {
        let (inverse, scale) = (pow2(-e), f64::from(pow2(e)));
        let error: f64 = block
            .iter()
            .map(|&x| {
                let d = f64::from(x.value()) - f64::from(read(x, inverse)) * scale;
                d * d
            })
            .sum();
        if error < best.0 {
            best = (error, e);
        }
    }
    best.1
}

/// NVFP4: blocks of 16, scales E4M3(amax / (6 g)) kept within [2^-9, 448], codes E2M1(x / (scale * g)). A block with an
/// infinity or NaN gets the scale NaN and zero codes; the return value tells whether there was one.
#[inline(always)]
pub(crate) fn encode_nvfp4<S: Format, F: Format, T: Input>(
    values: &[T],
    g: f32,
    out: &mut [u8],
    scales: &mut [u8],
) -> bool {
    let starts = lanes::nvfp4_starts(g);
    let mut all_finite = true;
    let mut max = [0u32; 64];
    for ((batch, out), scales) in values.chunks(1024).zip(out.chunks_mut(512)).zip(scales.chunks_mut(64)) {
        let blocks = batch.as_chunks::<16>().0;
        for (max, block) in max.iter_mut().zip(blocks) {
            *max = max_bits(block);
        }
        for (&max, scale) in max.iter().zip(scales.iter_mut()) {
            *scale = nvfp4_scale::<S>(max, g);
        }
        for (((block, out), scale), &max) in blocks.iter().zip(out.as_chunks_mut::<8>().0).zip(scales).zip(&max) {
            if max >= 0x7f80_0000 {
                all_finite = false;
                *scale = 0x7f;
                out.fill(0);
                continue;
            }
            let mut codes = [0u8; 16];
            let starts = starts.as_ref().map(|starts| &starts[usize::from(*scale & 0x7f)]);
            T::nvfp4_codes::<F>(block, S::value(*scale) * g, starts, &mut codes);
            pack(&codes, 4, out);
        }
    }
    all_finite
}

/// The E4M3 code of an NVFP4 block scale: never zero, 1 for a block of zeros.
#[inline(always)]
pub(crate) fn nvfp4_scale<S: Format>(amax: u32, g: f32) -> u8 {
    let ideal = f32::from_bits(amax) / (6.0 * g);
    let code = round::<S>(ideal).max(1) as u8;
    if amax == 0 { 0x38 } else { code }
}

/// The value of an E4M3 code, without a table so that it becomes SIMD.
#[inline(always)]
pub(crate) fn e4m3(code: u8) -> f32 {
    let c = u32::from(code);
    let magnitude = c & 0x7f;
    let normal = f32::from_bits((magnitude << 20) + (120 << 23));
    let subnormal = magnitude as i32 as f32 * (1.0 / 512.0);
    let value = if magnitude < 8 { subnormal } else { normal };
    let value = if magnitude == 0x7f { f32::NAN } else { value };
    f32::from_bits(value.to_bits() | (c & 0x80) << 24)
}

/// E4M3 codes of one band of tiles to BF16, to nearest even.
#[inline(always)]
pub(crate) fn decode_tiles_bf16(codes: &[u8], cols: usize, width: usize, scales: &[f32], out: &mut [u16]) {
    for (row, out) in codes.chunks_exact(cols).zip(out.chunks_exact_mut(cols)) {
        for ((tile, out), &scale) in row.chunks(width).zip(out.chunks_mut(width)).zip(scales) {
            decode_tile_bf16(tile, scale, out);
        }
    }
}

/// E4M3 codes that share a scale to BF16, to nearest even.
#[inline(always)]
fn decode_tile_bf16(codes: &[u8], scale: f32, out: &mut [u16]) {
    let each = |codes: &[u8], out: &mut [u16]| {
        for (&c, x) in codes.iter().zip(out) {
            *x = f32_to_bf16(e4m3(c) * scale);
        }
    };
    // Which of two NaN a product takes after is up to the machine: a block that is marked is NaN without a sign.
    if scale.is_nan() {
        return out.fill(f32_to_bf16(f32::NAN));
    }
    let e = (scale.to_bits() >> 23) as i32 - 127;
    if scale != pow2(e.clamp(-119, 119)) {
        return each(codes, out);
    }
    let ((chunks, rest), (outs, out_rest)) = (codes.as_chunks::<32>(), out.as_chunks_mut::<32>());
    for (chunk, out) in chunks.iter().zip(outs) {
        if !lanes::decode_e4m3(chunk, e, out) {
            each(chunk, out);
        }
    }
    each(rest, out_rest);
}

/// E4M3 codes of one band of tiles to FP32.
#[inline(always)]
pub(crate) fn decode_tiles_f32(codes: &[u8], cols: usize, width: usize, scales: &[f32], out: &mut [f32]) {
    for (row, out) in codes.chunks_exact(cols).zip(out.chunks_exact_mut(cols)) {
        for ((tile, out), &scale) in row.chunks(width).zip(out.chunks_mut(width)).zip(scales) {
            if scale.is_nan() {
                out.fill(f32::NAN);
                continue;
            }
            for (&c, x) in tile.iter().zip(out) {
                *x = e4m3(c) * scale;
            }
        }
    }
}

/// Values of packed codes by table, each block of `block` values times its scale.
#[inline(always)]
pub(crate) fn decode_blocks(
    codes: &[u8],
    bits: u32,
    block: usize,
    table: &[f32; 256],
    scales: &[f32],
    out: &mut [f32],
) {
    let step = block * bits as usize / 8;
    for ((codes, out), &scale) in codes.chunks_exact(step).zip(out.chunks_exact_mut(block)).zip(scales) {
        if scale.is_nan() {
            out.fill(f32::NAN);
            continue;
        }
        match bits {
            4 => {
                for (&c, out) in codes.iter().zip(out.as_chunks_mut::<2>().0) {
                    *out = [table[usize::from(c & 15)] * scale, table[usize::from(c >> 4)] * scale];
                }
            }
            6 => {
                for (three, out) in codes.as_chunks::<3>().0.iter().zip(out.as_chunks_mut::<4>().0) {
                    let word = u32::from_le_bytes([three[0], three[1], three[2], 0]);
                    *out = std::array::from_fn(|i| table[(word >> (6 * i) & 63) as usize] * scale);
                }
            }
            _ => {
                for (&c, out) in codes.iter().zip(out) {
                    *out = table[usize::from(c)] * scale;
                }
            }
        }
    }
}

/// FP32 to BF16, to nearest even.
#[inline(always)]
pub(crate) fn to_bf16(values: &[f32], out: &mut [u16]) {
    for (x, out) in values.iter().zip(out) {
        *out = f32_to_bf16(*x);
    }
}
