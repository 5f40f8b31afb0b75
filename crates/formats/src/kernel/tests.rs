//! The loops against the definitions, and every level against the portable one.

use proptest::prelude::*;

use super::*;
use crate::codec::half::bf16_to_f32;
use crate::codec::{self, floor_log2};

/// A container's encoding straight from its definition, value by value.
fn reference(container: Container, rule: ScaleRule, g: TensorScale, v: &[f32], cols: usize) -> (Vec<u8>, Vec<u8>) {
    let rows = v.len() / cols;
    let (bh, bw) = container.block();
    let element = container.element();
    let mut codes = vec![0u8; v.len()];
    let mut scales = Vec::new();
    let (grid_rows, grid_cols) = container.scale_grid(rows, cols).unwrap_or((1, 1));
    for br in 0..grid_rows {
        for bc in 0..grid_cols {
            let at: Vec<usize> = (br * bh..br.saturating_add(1).saturating_mul(bh).min(rows))
                .flat_map(|r| (bc * bw..bc.saturating_add(1).saturating_mul(bw).min(cols)).map(move |c| r * cols + c))
                .collect();
            let amax = at.iter().fold(0f32, |m, &i| m.max(v[i].abs()));
            let divisor = match container {
                Container::Nvfp4 => {
                    let s = if amax == 0.0 { 1.0 } else { amax / (6.0 * g.0) };
                    let code = codec::encode(Element::E4m3, s, Overflow::Saturate).expect("e4m3").max(1);
                    scales.push(code);
                    Minifloat::E4M3.decode(code) * g.0
                }
                Container::Hif8 => g.0,
                Container::Tile { pow2: false, .. } => {
                    let s = if amax == 0.0 { 1.0 } else { (amax / 448.0).max(f32::MIN_POSITIVE) };
                    scales.extend(s.to_le_bytes());
                    s
                }
                _ => {
                    let (least, most) = container.exponent_range();
                    let mut e = rule.exponent(amax, element).clamp(least, most);
                    if rule == ScaleRule::Search && amax > 0.0 {
                        let error = |e: i32| -> f64 {
                            at.iter()
                                .map(|&i| {
                                    let c = codec::encode(element, v[i] * pow2(-e), Overflow::Saturate).expect("8");
                                    let y = f64::from(codec::decode(element, c).expect("8"));
                                    (f64::from(v[i]) - y * f64::from(pow2(e))).powi(2)
                                })
                                .sum()
                        };
                        let tried = (e - 1).max(least)..=(e + 1).min(most);
                        e = tried.fold((f64::INFINITY, e), |b, e| if error(e) < b.0 { (error(e), e) } else { b }).1;
                    }
                    scales.push(E8m0::of_exponent(e));
                    pow2(e)
                }
            };
            for i in at {
                codes[i] = codec::encode(element, v[i] / divisor, Overflow::Saturate).expect("8 bits");
            }
        }
    }
    let packed = match element.bits() {
        4 => codes.chunks(2).map(|p| p[0] | p[1] << 4).collect(),
        6 => codes
            .chunks(4)
            .flat_map(|q| {
                let w = u32::from(q[0]) | u32::from(q[1]) << 6 | u32::from(q[2]) << 12 | u32::from(q[3]) << 18;
                w.to_le_bytes()[..3].to_vec()
            })
            .collect(),
        _ => codes,
    };
    (packed, scales)
}

fn encoded(
    level: Level,
    container: Container,
    rule: ScaleRule,
    g: TensorScale,
    values: Values<'_>,
    cols: usize,
) -> (Vec<u8>, Vec<u8>) {
    let rows = values.len() / cols;
    let (gr, gc) = container.scale_grid(rows, cols).unwrap_or((0, 0));
    let mut codes = vec![0; rows * container.row_bytes(cols)];
    let mut scales = vec![0; gr * gc * container.scale_bytes()];
    let _ = encode(level, Recipe { container, rule, tensor: g }, values, cols, &mut codes, &mut scales);
    (codes, scales)
}

const ALL: [Container; 10] = [
    Container::DEEPSEEK_UE8M0,
    Container::DEEPSEEK_FP32,
    Container::Mx(Element::E4m3),
    Container::Mx(Element::E5m2),
    Container::Mx(Element::E2m3),
    Container::Mx(Element::E3m2),
    Container::Mx(Element::E2m1),
    Container::Mx(Element::Int8),
    Container::Nvfp4,
    Container::Hif8,
];

/// The tensor scale that a conversion would use.
fn tensor_scale(container: Container, v: &[f32]) -> TensorScale {
    let amax = v.iter().fold(0f32, |m, x| m.max(x.abs()));
    match container {
        Container::Nvfp4 => TensorScale::nvfp4(amax),
        Container::Hif8 => TensorScale::hif8(f64::from(amax) / 4.0, amax),
        _ => TensorScale::ONE,
    }
}

/// Checks one band in BF16 and in FP32 at every level against the reference.
fn check(container: Container, rule: ScaleRule, v: &[u16], cols: usize) {
    let wide: Vec<f32> = v.iter().map(|&x| bf16_to_f32(x)).collect();
    let g = tensor_scale(container, &wide);
    let expected = reference(container, rule, g, &wide, cols);
    for level in Level::available() {
        let got = encoded(level, container, rule, g, Values::Bf16(v), cols);
        if got != expected {
            let i = got.0.iter().zip(&expected.0).position(|(a, b)| a != b);
            let j = got.1.iter().zip(&expected.1).position(|(a, b)| a != b);
            panic!("{container:?} {rule:?} bf16 {}: code {i:?} scale {j:?} cols {cols}", level.name());
        }
        let got = encoded(level, container, rule, g, Values::F32(&wide), cols);
        assert!(got == expected, "{container:?} {rule:?} f32 {}", level.name());
        let rows = v.len() / cols;
        // Decoding, against the codec value times the scale.
        let (codes, scales) = &expected;
        let mut f = vec![0f32; v.len()];
        decode(level, container, g, codes, scales, cols, Decoded::F32(&mut f));
        let mut h = vec![0u16; v.len()];
        decode(level, container, g, codes, scales, cols, Decoded::Bf16(&mut h));
        for (i, (&f, &h)) in f.iter().zip(&h).enumerate() {
            let want = reference_value(container, g, codes, scales, rows, cols, i);
            assert!(f.to_bits() == want.to_bits() || f.is_nan() && want.is_nan(), "{container:?} {f} {want}");
            let want = codec::half::f32_to_bf16(want);
            assert_eq!(h, want, "{container:?} {} bf16 of {f:e}", level.name());
        }
    }
}

fn reference_value(
    container: Container,
    g: TensorScale,
    codes: &[u8],
    scales: &[u8],
    _rows: usize,
    cols: usize,
    i: usize,
) -> f32 {
    let element = container.element();
    let code = match element.bits() {
        4 => codes[i / 2] >> (4 * (i % 2)) & 15,
        6 => {
            let t = &codes[i / 4 * 3..][..3];
            (u32::from_le_bytes([t[0], t[1], t[2], 0]) >> (6 * (i % 4)) & 63) as u8
        }
        _ => codes[i],
    };
    let value = codec::decode(element, code).expect("8 bits");
    let (bh, bw) = container.block();
    let (r, c) = (i / cols, i % cols);
    let grid_cols = cols.div_ceil(bw);
    let s = (r / bh) * grid_cols + c / bw;
    match container {
        Container::Hif8 => value * g.0,
        Container::Nvfp4 => value * (Minifloat::E4M3.decode(scales[s]) * g.0),
        Container::Tile { pow2: false, .. } => {
            value * f32::from_le_bytes(scales[4 * s..][..4].try_into().expect("4 bytes"))
        }
        _ => value * E8m0::decode(scales[s]),
    }
}

/// All finite BF16 values as one band of 255 rows of 256, and again with scales of each size by halving a shared factor.
#[test]
fn all_bf16_inputs() {
    let all: Vec<u16> = (0..=u16::MAX).filter(|&c| c & 0x7f80 != 0x7f80).collect();
    for container in ALL {
        let rule = container.default_rule();
        for band in all.chunks(128 * 256) {
            check(container, rule, band, 256);
        }
    }
}

/// Blocks whose values spread over a few binades around the maximum, so that every code and every tie is met.
#[test]
fn every_mantissa_near_the_block_maximum() {
    for top in [1u16, 3, 8, 15, 16, 17, 100, 118, 127, 140, 200, 247, 254] {
        for top_man in [0u16, 0x5f, 0x60, 0x61, 0x7f] {
            let peak = top << 7 | top_man;
            // 128 rows x 128 columns holding every code from the peak down, signs alternating.
            let v: Vec<u16> = (0..128 * 128u16).map(|i| peak.saturating_sub(i / 8) | (i & 1) << 15).collect();
            for container in ALL {
                for (_, rule) in ScaleRule::NAMED {
                    if rule == ScaleRule::Search && !(top == 118 && top_man == 0x61) {
                        continue;
                    }
                    if container.has_rule() || rule == ScaleRule::Ceil {
                        check(container, rule, &v[..128 * 64], 128);
                    }
                }
            }
        }
    }
}

/// Levels other than the portable one; says which of the target's this machine lacks.
fn faster_levels() -> Vec<Level> {
    let levels: Vec<Level> = Level::available().into_iter().filter(|l| *l != Level::PORTABLE).collect();
    if cfg!(target_arch = "x86_64") {
        for name in ["avx2", "avx512"] {
            if levels.iter().all(|l| l.name() != name) {
                eprintln!("SKIPPED {name}: this machine has not got it");
            }
        }
    }
    levels
}

/// Every E4M3 code with every scale, decoded to the bytes of the portable level.
#[test]
fn decoding_every_code_with_every_scale() {
    let codes: Vec<u8> = (0..=255u8).collect();
    let mx = Container::Mx(Element::E4m3);
    for scale in 0..=255u8 {
        let scales = [scale; 8];
        let read = |level| {
            let (mut half, mut wide) = ([0u16; 256], [0f32; 256]);
            decode(level, mx, TensorScale::ONE, &codes, &scales, 256, Decoded::Bf16(&mut half));
            decode(level, mx, TensorScale::ONE, &codes, &scales, 256, Decoded::F32(&mut wide));
            (half, wide.map(f32::to_bits))
        };
        let portable = read(Level::PORTABLE);
        for level in faster_levels() {
            assert!(read(level) == portable, "{} scale {scale}", level.name());
        }
        for (i, (&half, &wide)) in portable.0.iter().zip(&portable.1).enumerate() {
            let want = Minifloat::E4M3.decode(codes[i]) * E8m0::decode(scale);
            let same = |bits: u32| bits == want.to_bits() || f32::from_bits(bits).is_nan() && want.is_nan();
            assert!(same(wide), "code {i} scale {scale}");
            assert!(half == codec::half::f32_to_bf16(want) || want.is_nan() && half & 0x7fff == 0x7fc0, "{i} {scale}");
        }
    }
}

/// Every finite BF16 input in bands of several shapes: the bytes of the portable level.
#[test]
fn every_level_gives_the_bytes_of_the_portable_one() {
    let all: Vec<u16> = (0..=u16::MAX).filter(|&c| c & 0x7f80 != 0x7f80).collect();
    // Neighbours far apart, so that blocks hold many sizes.
    let mixed: Vec<u16> = (0..all.len()).map(|i| all[i * 7919 % all.len()]).collect();
    for container in ALL {
        let rule = container.default_rule();
        // The last: more than one walk over the rows holds, and a narrow tile at the end.
        for (v, cols) in [(&all, 2048), (&mixed, 128), (&mixed, 512), (&mixed, 8352)] {
            let v = &v[..v.len().min(128 * cols) / cols * cols];
            let wide: Vec<f32> = v.iter().map(|&x| bf16_to_f32(x)).collect();
            let g = tensor_scale(container, &wide);
            let portable = encoded(Level::PORTABLE, container, rule, g, Values::Bf16(v), cols);
            for level in faster_levels() {
                let got = encoded(level, container, rule, g, Values::Bf16(v), cols);
                assert!(got == portable, "{container:?} {} {cols}", level.name());
            }
        }
    }
}

#[test]
fn a_block_of_zeros_has_scale_one() {
    let v = vec![0x8000u16; 128];
    for container in ALL {
        let (_, scales) = encoded(Level::best(), container, ScaleRule::Ceil, TensorScale::ONE, Values::Bf16(&v), 128);
        match container {
            Container::Nvfp4 => assert!(scales.iter().all(|&s| s == 0x38)),
            Container::Tile { pow2: false, .. } => assert_eq!(scales, 1f32.to_le_bytes()),
            _ => assert!(scales.iter().all(|&s| s == E8m0::ONE)),
        }
    }
}

#[test]
fn infinities_and_nan_are_reported() {
    for container in ALL {
        for bad in [0x7f80u16, 0xff80, 0x7fc0] {
            let mut v = vec![0x3f80u16; 256];
            v[77] = bad;
            for level in Level::available() {
                for wide in [false, true] {
                    let full: Vec<f32> = v.iter().map(|&x| bf16_to_f32(x)).collect();
                    let values = if wide { Values::F32(&full) } else { Values::Bf16(&v) };
                    let (gr, gc) = container.scale_grid(1, 256).unwrap_or((0, 0));
                    let mut codes = vec![0; container.row_bytes(256)];
                    let mut scales = vec![0; gr * gc * container.scale_bytes()];
                    let recipe = Recipe { container, rule: ScaleRule::Ceil, tensor: TensorScale::ONE };
                    let got = encode(level, recipe, values, 256, &mut codes, &mut scales);
                    assert_eq!(got, Err(NotFinite), "{container:?} {}", level.name());
                    if matches!(container, Container::Mx(_)) {
                        assert_eq!(scales[77 / 32], E8m0::NAN);
                        assert_ne!(scales[0], E8m0::NAN);
                    }
                }
            }
        }
    }
}

/// The headline of power-of-two scales: a finer block only changes subnormals, so tiles become MX without loss.
#[test]
fn tiles_with_power_of_two_scales_become_mxfp8_without_loss() {
    let v: Vec<u16> = (0..128 * 256u32)
        .map(|i| {
            let x = ((i.wrapping_mul(2_654_435_761) >> 8) as f32 / 2f32.powi(23) - 1.0).powi(3) * 0.1;
            codec::half::f32_to_bf16(x)
        })
        .collect();
    let tile = Container::DEEPSEEK_UE8M0;
    let (codes, scales) = encoded(Level::best(), tile, ScaleRule::Ceil, TensorScale::ONE, Values::Bf16(&v), 256);
    let mut read = vec![0f32; v.len()];
    decode(Level::best(), tile, TensorScale::ONE, &codes, &scales, 256, Decoded::F32(&mut read));
    let mx = Container::Mx(Element::E4m3);
    let (codes, scales) = encoded(Level::best(), mx, ScaleRule::Ceil, TensorScale::ONE, Values::F32(&read), 256);
    let mut again = vec![0f32; v.len()];
    decode(Level::best(), mx, TensorScale::ONE, &codes, &scales, 256, Decoded::F32(&mut again));
    assert_eq!(read, again);
}

fn bf16_values(len: usize) -> impl Strategy<Value = Vec<u16>> {
    // A block maximum of any exponent, and values within 40 binades of it, zeros among them.
    (0u16..255, prop::collection::vec((any::<bool>(), 0u16..40, 0u16..128, 0u8..16), len)).prop_map(|(top, v)| {
        v.into_iter()
            .map(|(sign, below, man, zero)| {
                let magnitude = if zero == 0 { 0 } else { top.saturating_sub(below) << 7 | man };
                magnitude | u16::from(sign) << 15
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any values, any width, every container, every rule, every level: the bytes of the definition.
    #[test]
    fn loops_follow_the_definition(v in bf16_values(3 * 416), rule in 0usize..6, ragged in any::<bool>()) {
        for container in ALL {
            let rule = if container.has_rule() { ScaleRule::NAMED[rule].1 } else { ScaleRule::Ceil };
            let cols = if ragged && matches!(container, Container::Tile { .. } | Container::Hif8) { 312 } else { 416 };
            check(container, rule, &v[..3 * cols], cols);
        }
    }

    /// FP32 inputs that are no BF16 values.
    #[test]
    fn full_precision_inputs(bits in prop::collection::vec(0x3000_0000u32..0x4f00_0000, 320)) {
        let v: Vec<f32> = bits.iter().enumerate().map(|(i, &b)| f32::from_bits(b | (i as u32 & 1) << 31)).collect();
        for container in ALL {
            let rule = container.default_rule();
            let g = tensor_scale(container, &v);
            let expected = reference(container, rule, g, &v, 160);
            for level in Level::available() {
                let got = encoded(level, container, rule, g, Values::F32(&v), 160);
                prop_assert!(got == expected, "{container:?} {}", level.name());
            }
        }
    }

    /// Reading back never errs by more than half a step of the block maximum's binade with the ceil rule.
    #[test]
    fn error_is_bounded(v in bf16_values(128)) {
        let wide: Vec<f32> = v.iter().map(|&x| bf16_to_f32(x)).collect();
        let container = Container::Mx(Element::E4m3);
        let (codes, scales) = encoded(Level::best(), container, ScaleRule::Ceil, TensorScale::ONE, Values::F32(&wide), 128);
        let mut read = vec![0f32; 128];
        decode(Level::best(), container, TensorScale::ONE, &codes, &scales, 128, Decoded::F32(&mut read));
        for (i, (x, y)) in wide.iter().zip(&read).enumerate() {
            // Values just below 2^128 round up to it, which FP32 cannot hold.
            if y.is_infinite() {
                prop_assert!(x.abs() > 1.9 * 2f32.powi(127));
                continue;
            }
            let e = i32::from(scales[i / 32]) - 127;
            let step = if *x == 0.0 { e - 9 } else { (floor_log2(*x) - 3).max(e - 9) };
            prop_assert!((f64::from(*x) - f64::from(*y)).abs() <= 2f64.powi(step - 1));
        }
    }

    /// The error sums do not depend on the instruction set.
    #[test]
    fn sums_are_the_same_at_every_level(v in bf16_values(1000)) {
        let wide: Vec<f32> = v.iter().map(|&x| bf16_to_f32(x)).collect();
        let rough: Vec<u16> = v.iter().map(|&x| x & 0xfff0).collect();
        let base = compare(Level::PORTABLE, Values::F32(&wide), Values::Bf16(&rough));
        for level in Level::available() {
            prop_assert_eq!(compare(level, Values::Bf16(&v), Values::Bf16(&rough)), base);
            prop_assert_eq!(amax(level, Values::Bf16(&v)), base.max_x as f32);
        }
    }
}
