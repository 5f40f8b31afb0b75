//! Codecs and containers against vectors made with ml_dtypes, torch and NumPy by `scripts/formats_golden.py`, which also
//! says where these disagree.

#![allow(clippy::unwrap_used)]

use formats::codec::half::bf16_to_f32;
use formats::codec::{self, E8m0, Overflow};
use formats::kernel::{self, Level, Recipe};
use formats::{Container, Element, ScaleRule, TensorScale, Values};

fn golden(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.bin.z"));
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    miniz_oxide::inflate::decompress_to_vec_zlib(&bytes).unwrap()
}

const ELEMENTS: [(&str, Element); 5] = [
    ("e4m3", Element::E4m3),
    ("e5m2", Element::E5m2),
    ("e2m3", Element::E2m3),
    ("e3m2", Element::E3m2),
    ("e2m1", Element::E2m1),
];

/// All 65,536 BF16 inputs, code by code; the sign of NaN is nobody's business.
fn check_casts(element: Element, file: &str, overflow: Overflow) {
    for (bits, want) in golden(file).into_iter().enumerate() {
        let x = bf16_to_f32(bits as u16);
        let got = codec::encode(element, x, overflow).unwrap();
        let value = |c| codec::decode(element, c).unwrap();
        // Without a NaN of their own, E2M3, E3M2 and E2M1 give a zero; ml_dtypes turns the sign of it.
        let same_special = x.is_nan() && (value(got).is_nan() && value(want).is_nan() || value(got) == value(want));
        assert!(got == want || same_special, "{file}: {x:e} gives {got:#x}, expected {want:#x}");
    }
}

#[test]
fn casts_are_those_of_ml_dtypes() {
    for (name, element) in ELEMENTS {
        check_casts(element, &format!("casts-{name}-ml_dtypes"), Overflow::Special);
    }
    for (bits, want) in golden("casts-e8m0-ml_dtypes").into_iter().enumerate() {
        let x = bf16_to_f32(bits as u16);
        // ml_dtypes adds half a place to the bits, which is not rounding to nearest among FP32 subnormals.
        if !(x > 0.0 && x < f32::MIN_POSITIVE) {
            assert_eq!(E8m0::encode(x), want, "E8M0 of {x:e}");
        }
    }
}

#[test]
fn casts_are_those_of_torch() {
    check_casts(Element::E4m3, "casts-e4m3-torch", Overflow::Saturate);
    check_casts(Element::E5m2, "casts-e5m2-torch", Overflow::Special);
}

/// The shared input in a container, at every level, as one band of 128 x 128.
fn check_blocks(container: Container, rule: ScaleRule, tensor: TensorScale, want: &[u8]) {
    let input: Vec<u16> = golden("blocks-input").as_chunks::<2>().0.iter().map(|&b| u16::from_le_bytes(b)).collect();
    let grid = container.scale_grid(128, 128).unwrap();
    for level in Level::available() {
        let mut codes = vec![0; 128 * container.row_bytes(128)];
        let mut scales = vec![0; grid.0 * grid.1 * container.scale_bytes()];
        let recipe = Recipe { container, rule, tensor };
        kernel::encode(level, recipe, Values::Bf16(&input), 128, &mut codes, &mut scales).unwrap();
        let n = codes.len();
        assert!(codes == want[..n], "codes of {container:?} {rule:?} {}", level.name());
        assert!(scales == want[n..n + scales.len()], "scales of {container:?} {rule:?} {}", level.name());
    }
}

#[test]
fn microscaling_blocks() {
    for (name, element) in ELEMENTS {
        for rule in ["floor", "ceil", "even", "ceil-max", "floor-plus-one"] {
            let want = golden(&format!("blocks-mx-{name}-{rule}"));
            check_blocks(Container::Mx(element), ScaleRule::from_name(rule).unwrap(), TensorScale::ONE, &want);
        }
    }
    check_blocks(Container::Mx(Element::Int8), ScaleRule::Floor, TensorScale::ONE, &golden("blocks-mxint8-floor"));
}

#[test]
fn tiles() {
    let want = golden("blocks-deepseek-ue8m0");
    check_blocks(Container::DEEPSEEK_UE8M0, ScaleRule::Ceil, TensorScale::ONE, &want);
    check_blocks(Container::DEEPSEEK_FP32, ScaleRule::Ceil, TensorScale::ONE, &golden("blocks-deepseek-fp32"));
}

#[test]
fn nvfp4_blocks() {
    let want = golden("blocks-nvfp4");
    let g = f32::from_le_bytes(want[want.len() - 4..].try_into().unwrap());
    let input = golden("blocks-input");
    let input: Vec<u16> = input.as_chunks::<2>().0.iter().map(|&b| u16::from_le_bytes(b)).collect();
    assert_eq!(TensorScale::nvfp4(kernel::amax(Level::best(), Values::Bf16(&input))).0, g);
    check_blocks(Container::Nvfp4, ScaleRule::Even, TensorScale(g), &want);
}
