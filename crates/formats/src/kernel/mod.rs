//! Conversion loops for a band of rows, one version per instruction set, chosen at run time.
//!
//! [`generic`] holds every loop once, in plain Rust. [`Level::Portable`] is that code compiled for the baseline of the
//! target (SSE2 on x86-64; on aarch64 the baseline is NEON). [`Level::Avx2`] and [`Level::Avx512`] are the same code
//! compiled for more, with the hot loops written by hand in `avx512`. All levels give the same bytes.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod generic;
mod input;
mod lanes;
mod simd;
mod sums;

use crate::codec::{E8m0, Minifloat, Overflow, pow2};
use crate::{Container, Element, ScaleRule, TensorScale, Values};
pub use simd::Level;
pub(crate) use sums::Sums;

/// The parameters of a minifloat as constants, so that each format gets loops of its own.
pub(crate) trait Format {
    const ELEMENT: Element;
    const EXP: u32;
    const MAN: u32;
    const BIAS: i32;
    const MAX: u32;
    fn value(code: u8) -> f32;
}

macro_rules! format {
    ($name:ident, $element:ident, $constant:ident) => {
        pub(crate) struct $name;
        impl Format for $name {
            const ELEMENT: Element = Element::$element;
            const EXP: u32 = Minifloat::$constant.exp;
            const MAN: u32 = Minifloat::$constant.man;
            const BIAS: i32 = Minifloat::$constant.bias;
            const MAX: u32 = Minifloat::$constant.max_code as u32;
            #[inline(always)]
            fn value(code: u8) -> f32 {
                Minifloat::$constant.decode(code)
            }
        }
    };
}
format!(E4m3, E4m3, E4M3);
format!(E5m2, E5m2, E5M2);
format!(E2m3, E2m3, E2M3);
format!(E3m2, E3m2, E3M2);
format!(E2m1, E2m1, E2M1);

/// How values become codes and scales.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// The container.
    pub container: Container,
    /// The rule for power-of-two scales; containers without them ignore it.
    pub rule: ScaleRule,
    /// The scale of the tensor, for NVFP4 and HiF8.
    pub tensor: TensorScale,
}

/// A block that holds an infinity or NaN was met. Codes and scales of that block are zeros and NaN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotFinite;

/// Encodes a band of rows.
///
/// `values` holds whole rows of `cols` values. For tiles the band is at most one tile high (the last band of a matrix
/// may be less) and `scales` receives one row of the scale grid; for blocks along rows it may be of any height.
/// `codes` and `scales` must have the sizes of [`Container::row_bytes`] and [`Container::scale_grid`].
///
/// # Errors
/// [`NotFinite`] if an input is infinite or NaN; everything else is encoded all the same.
///
/// # Panics
/// If the sizes do not agree.
pub fn encode(
    level: Level,
    recipe: Recipe,
    values: Values<'_>,
    cols: usize,
    codes: &mut [u8],
    scales: &mut [u8],
) -> Result<(), NotFinite> {
    let Recipe { container, rule, tensor } = recipe;
    let rows = values.len().checked_div(cols).unwrap_or(0);
    assert_eq!(rows * cols, values.len(), "whole rows");
    assert_eq!(codes.len(), rows * container.row_bytes(cols), "codes");
    let (grid_rows, grid_cols) = container.scale_grid(rows, cols).unwrap_or((0, 0));
    assert_eq!(scales.len(), grid_rows * grid_cols * container.scale_bytes(), "scales");
    if values.is_empty() {
        return Ok(());
    }
    let finite = match container {
        Container::Bf16 => {
            match values {
                Values::Bf16(v) => {
                    codes.as_chunks_mut::<2>().0.iter_mut().zip(v).for_each(|(c, x)| *c = x.to_le_bytes())
                }
                Values::F32(v) => {
                    let mut half = vec![0u16; v.len()];
                    simd::to_bf16(level, v, &mut half);
                    codes.as_chunks_mut::<2>().0.iter_mut().zip(half).for_each(|(c, x)| *c = x.to_le_bytes());
                }
            }
            true
        }
        Container::Tile { cols: width, pow2: true, .. } => {
            encode_tiles_pow2(level, container, rule, values, cols, width, codes, scales)
        }
        Container::Tile { cols: width, pow2: false, .. } => {
            let mut max = vec![0u32; grid_cols];
            simd::tile_max(level, values, cols, width.min(cols), 0, &mut max);
            let finite = max.iter().all(|&m| m < 0x7f80_0000);
            let wanted: Vec<f32> = max.into_iter().map(fp32_scale).collect();
            simd::encode_tiles_fp32(level, values, cols, width.min(cols), &wanted, codes);
            for (bytes, s) in scales.as_chunks_mut::<4>().0.iter_mut().zip(wanted) {
                *bytes = s.to_le_bytes();
            }
            finite
        }
        Container::Mx(element) => simd::encode_mx(level, element, values, rule, codes, scales),
        Container::Nvfp4 => simd::encode_nvfp4(level, values, tensor.0, codes, scales),
        Container::Hif8 => encode_hif8(values, tensor.0, codes),
    };
    if finite { Ok(()) } else { Err(NotFinite) }
}

/// The FP32 scale of a tile: amax / 448; 1 for a tile of zeros. Kept normal, so that dividing by it is accurate.
fn fp32_scale(amax: u32) -> f32 {
    if amax == 0 || amax >= 0x7f80_0000 {
        return 1.0;
    }
    (f32::from_bits(amax) / 448.0).max(f32::MIN_POSITIVE)
}

#[allow(clippy::too_many_arguments)]
fn encode_tiles_pow2(
    level: Level,
    container: Container,
    rule: ScaleRule,
    values: Values<'_>,
    cols: usize,
    width: usize,
    codes: &mut [u8],
    scales: &mut [u8],
) -> bool {
    let width = width.min(cols);
    let (least, greatest) = container.exponent_range();
    let mut finite = true;
    // Both passes go over whole rows, in the order of memory, as long as the second one finds the band in a cache.
    let tiles = 8192usize.div_ceil(width);
    let (mut max, mut exponents) = (vec![0u32; tiles], Vec::with_capacity(tiles));
    for (i, scales) in scales.chunks_mut(tiles).enumerate() {
        let from = i * tiles * width;
        let max = &mut max[..scales.len()];
        simd::tile_max(level, values, cols, width, from, max);
        exponents.clear();
        for (tile, (&amax, scale)) in max.iter().zip(scales.iter_mut()).enumerate() {
            if amax >= 0x7f80_0000 {
                finite = false;
                *scale = E8m0::NAN;
                exponents.push(0);
                continue;
            }
            let mut e = rule.exponent(f32::from_bits(amax), Element::E4m3).clamp(least, greatest);
            if rule == ScaleRule::Search && amax != 0 {
                e = search_tile(values, cols, width, i * tiles + tile, e, (least, greatest));
            }
            *scale = E8m0::of_exponent(e);
            exponents.push(e);
        }
        simd::encode_tiles_pow2(level, values, cols, width, from, &exponents, codes);
    }
    finite
}

/// The exponent of e - 1, e, e + 1 with the least squared error over one tile of a band.
fn search_tile(values: Values<'_>, cols: usize, width: usize, tile: usize, e: i32, range: (i32, i32)) -> i32 {
    let (from, to) = (tile * width, ((tile + 1) * width).min(cols));
    let mut best = (f64::INFINITY, e);
    for e in (e - 1).max(range.0)..=(e + 1).min(range.1) {
        let (inverse, scale) = (pow2(-e), f64::from(pow2(e)));
        let mut error = 0.0;
        for row in (0..values.len()).step_by(cols) {
            for i in row + from..row + to {
                let x = values.at(i);
                let read = Minifloat::E4M3.decode(Minifloat::E4M3.encode(x * inverse, Overflow::Saturate));
                error += (f64::from(x) - f64::from(read) * scale).powi(2);
            }
        }
        if error < best.0 {
            best = (error, e);
        }
    }
    best.1
}

fn encode_hif8(values: Values<'_>, scale: f32, codes: &mut [u8]) -> bool {
    let inverse = 1.0 / scale; // exact: a power of two
    let mut finite = true;
    let mut one = |x: f32| {
        finite &= x.is_finite();
        crate::codec::Hif8::encode(x * inverse, Overflow::Saturate)
    };
    match values {
        // With 65,536 possible inputs a table is cheaper than the arithmetic once a band is long.
        Values::Bf16(v) if v.len() > 1 << 17 => {
            let table: Vec<u8> = (0..=u16::MAX)
                .map(|c| {
                    let x = crate::codec::half::bf16_to_f32(c);
                    crate::codec::Hif8::encode(x * inverse, Overflow::Saturate)
                })
                .collect();
            for (code, &x) in codes.iter_mut().zip(v) {
                finite &= x & 0x7f80 != 0x7f80;
                *code = table[usize::from(x)];
            }
        }
        _ => {
            for (i, code) in codes.iter_mut().enumerate() {
                *code = one(values.at(i));
            }
        }
    }
    finite
}

/// What [`decode`] writes to.
#[derive(Debug)]
pub enum Decoded<'a> {
    /// BF16, to nearest even.
    Bf16(&'a mut [u16]),
    /// FP32: exact for power-of-two scales above 2^-127, one rounding for others.
    F32(&'a mut [f32]),
}

/// Decodes a band of rows: the reverse of [`encode`], with the same shapes.
///
/// # Panics
/// If the sizes do not agree.
pub fn decode(
    level: Level,
    container: Container,
    tensor: TensorScale,
    codes: &[u8],
    scales: &[u8],
    cols: usize,
    out: Decoded<'_>,
) {
    let len = match &out {
        Decoded::Bf16(v) => v.len(),
        Decoded::F32(v) => v.len(),
    };
    let rows = len.checked_div(cols).unwrap_or(0);
    assert_eq!(rows * cols, len, "whole rows");
    assert_eq!(codes.len(), rows * container.row_bytes(cols), "codes");
    let (grid_rows, grid_cols) = container.scale_grid(rows, cols).unwrap_or((0, 0));
    assert_eq!(scales.len(), grid_rows * grid_cols * container.scale_bytes(), "scales");
    if len == 0 {
        return;
    }
    match container {
        Container::Bf16 => {
            let codes = codes.as_chunks::<2>().0.iter().map(|&b| u16::from_le_bytes(b));
            match out {
                Decoded::Bf16(v) => v.iter_mut().zip(codes).for_each(|(x, c)| *x = c),
                Decoded::F32(v) => {
                    v.iter_mut().zip(codes).for_each(|(x, c)| *x = crate::codec::half::bf16_to_f32(c));
                }
            }
        }
        Container::Tile { cols: width, pow2, .. } => {
            let scales: Vec<f32> = if pow2 {
                scales.iter().map(|&c| E8m0::decode(c)).collect()
            } else {
                scales.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
            };
            let width = width.min(cols);
            match out {
                Decoded::Bf16(v) => simd::decode_tiles_bf16(level, codes, cols, width, &scales, v),
                Decoded::F32(v) => simd::decode_tiles_f32(level, codes, cols, width, &scales, v),
            }
        }
        Container::Mx(Element::E4m3) => {
            // A row of MX blocks is a band of tiles one row high.
            let scales: Vec<f32> = scales.iter().map(|&c| E8m0::decode(c)).collect();
            match out {
                Decoded::Bf16(v) => simd::decode_tiles_bf16(level, codes, len, 32, &scales, v),
                Decoded::F32(v) => simd::decode_tiles_f32(level, codes, len, 32, &scales, v),
            }
        }
        Container::Mx(element) => {
            let scales: Vec<f32> = scales.iter().map(|&c| E8m0::decode(c)).collect();
            through_f32(level, out, |v| {
                simd::decode_blocks(level, codes, element.bits(), 32, table_of(element), &scales, v);
            });
        }
        Container::Nvfp4 => {
            let scales: Vec<f32> = scales.iter().map(|&c| Minifloat::E4M3.decode(c) * tensor.0).collect();
            through_f32(level, out, |v| {
                simd::decode_blocks(level, codes, 4, 16, table_of(Element::E2m1), &scales, v);
            });
        }
        Container::Hif8 => {
            through_f32(level, out, |v| {
                simd::decode_blocks(level, codes, 8, len, table_of(Element::Hif8), &[tensor.0], v);
            });
        }
    }
}

/// Fills FP32 values directly, or BF16 ones by rounding.
fn through_f32(level: Level, out: Decoded<'_>, fill: impl Fn(&mut [f32])) {
    match out {
        Decoded::F32(v) => fill(v),
        Decoded::Bf16(v) => {
            let mut full = vec![0f32; v.len()];
            fill(&mut full);
            simd::to_bf16(level, &full, v);
        }
    }
}

/// The values of all codes of an element, made once.
fn table_of(element: Element) -> &'static [f32; 256] {
    use std::sync::LazyLock;
    static TABLES: LazyLock<[(Element, [f32; 256]); 5]> = LazyLock::new(|| {
        [Element::E2m1, Element::E2m3, Element::E3m2, Element::Hif8, Element::Int8].map(|e| (e, crate::codec::table(e)))
    });
    static E5M2: LazyLock<[f32; 256]> = LazyLock::new(|| crate::codec::table(Element::E5m2));
    TABLES.iter().find(|(e, _)| *e == element).map_or(&E5M2, |(_, t)| t)
}

/// The largest magnitude of a band; a magnitude that is not finite comes back as infinity or NaN.
pub fn amax(level: Level, values: Values<'_>) -> f32 {
    f32::from_bits(simd::max_bits(level, values))
}

/// Compares values with what they read back as. `b` has the length of `a`.
pub(crate) fn compare(level: Level, a: Values<'_>, b: Values<'_>) -> Sums {
    simd::compare(level, a, b)
}

/// Values of a band whose magnitude is above the limit of their tile of `width` columns.
pub(crate) fn count_above(level: Level, values: Values<'_>, cols: usize, width: usize, limits: &[f32]) -> u64 {
    if cols == 0 { 0 } else { simd::count_above(level, values, cols, width.min(cols), limits) }
}

/// FP32 to BF16, to nearest even. Panics if the lengths differ.
pub fn to_bf16(level: Level, values: &[f32], out: &mut [u16]) {
    assert_eq!(values.len(), out.len());
    simd::to_bf16(level, values, out);
}

#[cfg(test)]
mod tests;
