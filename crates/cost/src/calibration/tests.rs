//! Laws that every priced operator obeys, on the embedded calibration.

use std::sync::LazyLock;

use catalog::{Arithmetic, Chip, ChipClass};
use formats::Scheme;
use proptest::prelude::*;

use super::testing::chip;
use super::{Basis, Calibration, Device, Entry, Family, Format, Measured, Subject};
use crate::Op;

static EMBEDDED: LazyLock<Calibration> = LazyLock::new(|| Calibration::embedded().expect("embedded"));

const PEAKS: &[(Arithmetic, f64)] = &[
    (Arithmetic::Fp32, 0.5e14),
    (Arithmetic::Bf16, 1e15),
    (Arithmetic::Fp8, 2e15),
    (Arithmetic::Mxfp8, 2e15),
    (Arithmetic::Fp4, 4e15),
    (Arithmetic::Int8, 2e15),
];

fn scheme() -> impl Strategy<Value = (Scheme, Arithmetic)> {
    let known = |n: &str| Scheme::from_name(n).expect("known");
    prop_oneof![
        Just((Scheme::BF16, Arithmetic::Bf16)),
        Just((known("fp8"), Arithmetic::Fp8)),
        Just((known("ue8m0-fp8"), Arithmetic::Fp8)),
        Just((known("nvfp4"), Arithmetic::Fp4)),
        Just((known("mxfp4"), Arithmetic::Bf16)),
        Just((known("int8"), Arithmetic::Int8)),
    ]
}

/// Operators of all families; `size` scales the number of tokens.
fn operator() -> impl Strategy<Value = (Op, Op)> {
    let pow = |low: u32, high: u32| (low..high).prop_map(|e| 1u64 << e);
    let gemm = (1u64..5000, pow(7, 16), pow(7, 14), scheme()).prop_map(|(m, n, k, (weights, arithmetic))| {
        let op = |m| Op::Gemm { m, n, k, weights, arithmetic };
        (op(m), op(m + 1))
    });
    let batched = (1u64..2000, 1u64..129, scheme()).prop_map(|(m, heads, (weights, arithmetic))| {
        let op = |m| Op::BatchedGemm { heads, m, n: 512, k: 128, weights, arithmetic };
        (op(m), op(m + 1))
    });
    let moe = (1u64..5000, pow(9, 14), pow(7, 13), pow(0, 6), scheme(), 1.0f64..3.0).prop_map(
        |(tokens, hidden, inner, ranks, (weights, arithmetic), imbalance)| {
            let op = |tokens| Op::Moe {
                tokens,
                hidden,
                inner,
                top_k: 8,
                experts: 256,
                local_experts: 256 / ranks,
                gated: true,
                weights,
                arithmetic,
                imbalance,
                skew: 0.0,
            };
            (op(tokens), op(tokens + 1))
        },
    );
    let prefill = (1u64..64, 1u64..8000, 0u64..100_000, pow(0, 6), any::<bool>(), scheme()).prop_map(
        |(batch, new, past, kv_heads, windowed, (kv, _))| {
            let op = |new| Op::AttentionPrefill {
                batch,
                new,
                past,
                heads: kv_heads * 4,
                kv_heads,
                head_dim: 128,
                v_dim: 128,
                window: windowed.then_some(1024),
                kv,
                arithmetic: Arithmetic::Bf16,
            };
            (op(new), op(new + 1))
        },
    );
    let decode = (1u64..1000, 1.0f64..1e5, 1u64..4, pow(0, 6), scheme()).prop_map(
        |(batch, kv_len, queries, kv_heads, (kv, _))| {
            let op = |batch| Op::AttentionDecode {
                batch,
                kv_len,
                queries,
                heads: kv_heads * 8,
                kv_heads,
                head_dim: 128,
                v_dim: 128,
                window: None,
                kv,
                arithmetic: Arithmetic::Bf16,
            };
            (op(batch), op(batch + 1))
        },
    );
    let mla =
        (1u64..1000, 1.0f64..1e5, 1u64..4, pow(3, 8), scheme()).prop_map(|(batch, kv_len, queries, heads, (kv, _))| {
            let op = |kv_len| Op::MlaDecode {
                batch,
                kv_len,
                queries,
                heads,
                kv_rank: 512,
                rope_dim: 64,
                kv,
                arithmetic: Arithmetic::Bf16,
            };
            (op(kv_len), op(kv_len + 1.0))
        });
    let state = (1u64..500, 17u64..5000).prop_map(|(batch, new)| {
        let op = |new| Op::State {
            batch,
            new,
            key_heads: 16,
            key_dim: 128,
            value_heads: 32,
            value_dim: 128,
            state_bytes: 4,
        };
        (op(new), op(new + 1))
    });
    let elementwise = (0.0f64..1e10, 1u64..20).prop_map(|(bytes, kernels)| {
        (Op::Elementwise { bytes, kernels }, Op::Elementwise { bytes: bytes + 1.0, kernels })
    });
    prop_oneof![gemm, batched, moe, prefill, decode, mla, state, elementwise]
}

fn faster(chip: &Chip, peak: f64, bandwidth: f64) -> Chip {
    let mut faster = chip.clone();
    for fact in faster.peak.values_mut() {
        fact.value = fact.value.map(|v| v * peak);
    }
    faster.bandwidth.value = faster.bandwidth.value.map(|v| v * bandwidth);
    faster
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn laws(
        (op, larger) in operator(),
        gain in 1.0f64..4.0,
        class in prop_oneof![Just(ChipClass::Gpu), Just(ChipClass::Npu), Just(ChipClass::Tpu)],
    ) {
        let base = chip(PEAKS, 4e12, class);
        let price = |c: &Chip, op: &Op| Device::new(c, &EMBEDDED, None).expect("complete").time(op);
        let time = price(&base, &op);
        prop_assert!(time.seconds.is_finite() && time.seconds > 0.0);
        prop_assert!(time.seconds >= time.speed_of_light, "faster than physics: {time:?}");
        prop_assert!(time.spread > 0.0);
        let slack = 1.0 + 1e-9;
        prop_assert!(price(&base, &larger).seconds * slack >= time.seconds, "more work was faster: {op:?}");
        prop_assert!(price(&faster(&base, gain, 1.0), &op).seconds <= time.seconds * slack, "more peak was slower");
        prop_assert!(price(&faster(&base, 1.0, gain), &op).seconds <= time.seconds * slack, "more bandwidth was slower");
    }
}

#[test]
fn embedded_files_read() {
    assert!(EMBEDDED.entries.len() > 100);
}

#[test]
fn written_files_read_back() {
    let subject = &EMBEDDED.entries[0].subject;
    let entries: Vec<Entry> = EMBEDDED.entries.iter().filter(|e| e.subject == *subject).cloned().collect();
    let text = super::write(&entries, "", "").expect("own output");
    assert_eq!(Calibration::parse("own", &text).expect("own output").entries, entries);
}

#[test]
fn nonsense_is_refused_with_its_place() {
    let surface = "[[surface]]\nfamily = \"indexer\"\nstorage = \"fp8\"\narithmetic = \"fp8\"\n\
                   fit = { n = 1, median = 0.1, p90 = 0.2, held_out = 0.1 }\n";
    let with = |p: &str| format!("class = \"gpu\"\n{surface}parameters = {p}\n");
    let error = |text: &str| Calibration::parse("f.toml", text).expect_err("nonsense").to_string();
    assert!(error(&with("{ compute = 0.5 }")).contains("surface 1: parameter 'overhead_us' is missing"));
    let over = "{ overhead_us = 1.0, compute = 1.5, memory = 0.5, sharpness = 2.0 }";
    assert!(error(&with(over)).contains("'compute' = 1.5 is not between"));
    let nan = "{ overhead_us = nan, compute = 0.5, memory = 0.5, sharpness = 2.0 }";
    assert!(error(&with(nan)).contains("overhead_us"));
    assert!(error("class = \"fpga\"").contains("use gpu, npu or tpu"));
    assert!(error("chip = ").contains("f.toml"));
}

#[test]
fn own_measurements_before_architecture_before_class() {
    let entry = |subject, compute| {
        let text = format!(
            "class = \"gpu\"\n[[surface]]\nfamily = \"gemm\"\nstorage = \"16-bit\"\narithmetic = \"bf16\"\n\
             parameters = {{ overhead_us = 1.0, compute = {compute}, memory = 1.0, sharpness = 12.0, quantise = 1e-3, \
             step_ns = 1e-3, depth = 100.0 }}\nfit = {{ n = 9, median = 0.05, p90 = 0.1, held_out = 0.05 }}\n"
        );
        let mut entry = Calibration::parse("test", &text).expect("well-formed").entries.remove(0);
        entry.subject = subject;
        entry
    };
    let of = |id: &str, architecture: &str| Subject::Chip { id: id.into(), architecture: architecture.into() };
    let class = entry(Subject::Class(ChipClass::Gpu), 0.25);
    let kin = entry(of("other", "test"), 0.5);
    let own = entry(of("test_chip", "test"), 1.0);
    let op = Op::Gemm { m: 8192, n: 8192, k: 8192, weights: Scheme::BF16, arithmetic: Arithmetic::Bf16 };
    let time = |entries: Vec<Entry>| {
        let chip = chip(PEAKS, 4e12, ChipClass::Gpu);
        Device::new(&chip, &Calibration { entries, ..Calibration::default() }, None).expect("complete").time(&op)
    };
    // 2 * 8192^3 / 1e15 = 1.1 ms at full peak.
    let t = time(vec![class.clone(), kin.clone(), own]);
    assert_eq!(t.basis, Basis::Chip);
    assert!((t.seconds - 1.1e-3).abs() < 2e-5);
    let t = time(vec![class.clone(), kin]);
    assert_eq!(t.basis, Basis::Architecture);
    assert!((t.seconds - 2.2e-3).abs() < 2e-5);
    let t = time(vec![class]);
    assert_eq!(t.basis, Basis::Class);
    assert!((t.seconds - 4.4e-3).abs() < 2e-5);
    assert_eq!(time(Vec::new()).basis, Basis::Assumed);
}

#[test]
fn measured_operators_go_before_the_surface_inside_their_hull() {
    let chip = chip(PEAKS, 4e12, ChipClass::Gpu);
    let gemm = |m| Op::Gemm { m, n: 8192, k: 8192, weights: Scheme::BF16, arithmetic: Arithmetic::Bf16 };
    let plain = Device::new(&chip, &Calibration::default(), None).expect("complete");
    // Twice as slow as the surface says at one end, as it says at the other, faster than light in between.
    let slow = 2.0 * plain.time(&gemm(16)).seconds;
    let same = plain.time(&gemm(4096)).seconds;
    let rows = vec![(gemm(16), slow), (gemm(256), 1e-9), (gemm(4096), same)];
    let measured = vec![Measured {
        chip: "test_chip".into(),
        family: Family::Gemm,
        format: Format::of(&gemm(16)),
        stack: String::new(),
        rows,
    }];
    let calibration = Calibration { measured, ..Calibration::default() };
    let device = Device::new(&chip, &calibration, None).expect("complete");
    assert!((device.time(&gemm(16)).seconds / slow - 1.0).abs() < 1e-9);
    assert!((device.time(&gemm(4096)).seconds / same - 1.0).abs() < 1e-9);
    assert_eq!(device.time(&gemm(256)).seconds, plain.time(&gemm(256)).speed_of_light);
    assert_eq!(device.time(&gemm(8)), plain.time(&gemm(8)));
    assert!(device.interpolates(&gemm(100)) && !device.interpolates(&gemm(8192)));
}

#[test]
fn an_emulated_format_keeps_the_bytes_and_pays_the_conversion() {
    let calibration = Calibration::default();
    let half = chip(&[(Arithmetic::Bf16, 1e15)], 4e12, ChipClass::Npu);
    let device = Device::new(&half, &calibration, None).expect("complete");
    let fp8 = Scheme::from_name("ue8m0-fp8").expect("known");
    let op = |weights| Op::Gemm { m: 1, n: 8192, k: 8192, weights, arithmetic: Arithmetic::Bf16 };
    let (eight, sixteen) = (device.time(&op(fp8)), device.time(&op(Scheme::BF16)));
    assert!(eight.memory < sixteen.memory && eight.memory > 0.5 * sixteen.memory);
    // Asked for FP8 arithmetic, the chip runs the next format up that it has.
    let wanted = Op::Gemm { m: 8192, n: 8192, k: 8192, weights: fp8, arithmetic: Arithmetic::Fp8 };
    assert!(device.time(&wanted).speed_of_light >= 2.0 * 8192f64.powi(3) / 1e15);
}

#[test]
fn a_version_answers_for_itself_only() {
    assert_eq!(super::liking(Some("a-1"), "a-1"), 3);
    assert_eq!(super::liking(Some("a-1"), "a"), 2);
    assert_eq!(super::liking(Some("a"), "a-1"), 0);
    assert_eq!(super::liking(Some("b"), "a"), 1);
    assert_eq!(super::liking(None, "a-1"), 0);
}
