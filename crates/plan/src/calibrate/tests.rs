//! Fits on made-up rows whose truth is known, and readers on tables of a few lines.

use std::fs;
use std::path::PathBuf;

use catalog::{Arithmetic, Catalog, Chip};
use cost::calibration::Family;
use cost::calibration::surface::{Rates, parameters, terms};
use cost::{Calibration, Op};
use formats::Scheme;

use super::fit::{Prior, Sample, fit, percentiles};
use super::operators::{Record, lower, stack};
use super::{Tables, calibrate, check_operators, load, save};
use crate::tables::Table;

fn catalog() -> Catalog {
    Catalog::embedded()
}

/// Any chip with a peak in FP8: the tests name none.
fn some_chip() -> Chip {
    let catalog = catalog();
    let found = catalog.chips().find_map(|l| l.checked.as_ref().ok().filter(|c| c.peak.contains_key(&Arithmetic::Fp8)));
    found.expect("the catalog has one").clone()
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("steelyard-calibrate-{name}-{}", std::process::id()));
    fs::create_dir_all(&path).expect("temporary folder");
    path
}

fn gemm(m: u64, n: u64, k: u64) -> Op {
    Op::Gemm { m, n, k, weights: Scheme::BF16, arithmetic: Arithmetic::Bf16 }
}

#[test]
fn a_fit_finds_the_parameters_that_made_the_rows() {
    let chip = some_chip();
    let mut truth = Prior::free(Family::Gemm).start;
    truth[..7].copy_from_slice(&[7.0, 0.6, 0.75, 2.5, 2.0, 0.8, 6000.0]);
    let rates = Rates { peak: chip.peak[&Arithmetic::Bf16].mid().0, bandwidth: chip.bandwidth.mid().0 };
    let mut samples = Vec::new();
    for m in [1, 16, 64, 256, 1024, 4096] {
        for n in [512, 2048, 8192, 32_768] {
            for k in [512, 2048, 8192] {
                let op = gemm(m, n, k);
                let seconds = terms(&op, &op.work(), &truth, rates).seconds();
                // Every tenth clock was wrong by a factor of three.
                let wrong = if samples.len() % 10 == 9 { 3.0 } else { 1.0 };
                samples.push(Sample::new(&chip, op, seconds * wrong).expect("physical"));
            }
        }
    }
    let rows: Vec<&Sample> = samples.iter().collect();
    let found = fit(Family::Gemm, &rows, Prior::free(Family::Gemm));
    let (median, _) = percentiles(rows.iter().map(|s| s.error(&found)));
    assert!(median < 0.03, "median error {median}");
    // What every row feels is found sharply; the rest may trade against each other.
    for (p, (f, t)) in parameters(Family::Gemm).iter().zip(found.iter().zip(truth)).take(3) {
        assert!((f / t).ln().abs() < 0.1, "{}: {f} instead of {t}", p.name);
    }
}

#[test]
fn rows_that_beat_physics_are_no_samples() {
    let op = gemm(8192, 8192, 8192);
    assert!(Sample::new(&some_chip(), op.clone(), 1e-6).is_none());
    assert!(Sample::new(&some_chip(), op.clone(), f64::NAN).is_none());
    assert!(Sample::new(&some_chip(), op, 1.0).is_some());
}

#[test]
fn a_table_of_ones_own_is_fitted_saved_loaded_and_checked() {
    let (folder, chip) = (folder("own"), some_chip());
    let mut text = "chip,op,impl,shape,format,time_us\n".to_owned();
    let light = |m: f64| (2.0 * m * 4096.0 * 4096.0 / chip.peak[&Arithmetic::Bf16].mid().0).max(2e-5) * 1e6;
    for m in [64, 256, 1024, 4096, 8192] {
        text +=
            &format!("{},gemm,own kernels,M={m} N=4096 K=4096,bfloat16,{}\n", chip.id, light(f64::from(m)) * 2.0 + 9.0);
    }
    text +=
        &format!("{},gemm,own kernels,M=64 K=4096,bfloat16,50\nno such chip,gemm,x,M=1 N=1 K=1,bfloat16,1\n", chip.id);
    let table = folder.join("own.csv");
    fs::write(&table, text).expect("temporary file");
    let catalog = catalog();
    let find = |name: &str| catalog.chip(name).ok().cloned();
    let tables = Tables { operators: vec![table.clone()], ..Tables::default() };
    let outcome = calibrate(&tables, &find).expect("fits");
    let out = folder.join("out");
    save(&outcome.entries, &out, "", "").expect("written");
    let mut calibration = Calibration::embedded().expect("embedded");
    calibration.overlay(load(&out).expect("own output"));
    let table = Table::read(&table).expect("own table");
    let rows = check_operators(&table, &calibration, &find).expect("checked");
    assert_eq!(rows.len(), 7);
    let errors = rows[..5].iter().map(|r| (r.predicted_us.expect("predicted") / r.measured_us).ln());
    assert!(percentiles(errors).0 < 0.15);
    assert!(rows[5].reason.contains("does not state n"), "{}", rows[5].reason);
    assert!(rows[6].reason.contains("not in the catalog"), "{}", rows[6].reason);
    fs::remove_dir_all(folder).expect("temporary folder");
}

#[test]
fn shapes_and_formats_as_people_write_them() {
    let record = |op: &str, shape: &str, format: &str| Record {
        id: String::new(),
        chip: String::new(),
        op: op.to_owned(),
        library: "TRTLLM 1.2 torch_flow".to_owned(),
        shape: shape.to_owned(),
        format: format.to_owned(),
        us: 10.0,
    };
    let chip = some_chip();
    let ops = |op: &str, shape: &str, format: &str| lower(&record(op, shape, format), &chip);
    assert_eq!(ops("gemm", "M=8 N=16 K=32", "bfloat16"), Ok(vec![gemm(8, 16, 32)]));
    let latent =
        ops("mla_decode", "batch=2 kv_len=4096 heads=16 (latent 512+64)", "q bfloat16, kv fp8").expect("whole");
    assert!(matches!(latent[..], [Op::MlaDecode { batch: 2, heads: 16, kv_rank: 512, rope_dim: 64, .. }]));
    let experts = "tokens=256 hidden=7168 inter=2048 topk=8 experts=256 moe_tp=1 moe_ep=8 (one rank), balanced";
    let moe = ops("fused_moe", experts, "fp8_block").expect("whole");
    assert!(matches!(moe[..], [Op::Moe { tokens: 256, local_experts: 32, .. }]));
    assert!(ops("attention_decode", "16q1s2k batch=16 (heads not stated)", "unknown").is_err());
    assert!(ops("all_reduce", "", "bfloat16").is_err());
    assert_eq!(stack("TRTLLM 1.2 torch_flow").as_deref(), Some("trtllm-1.2"));
    assert_eq!(stack("DeepGEMM"), None);
}
