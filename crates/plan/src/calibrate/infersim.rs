//! Tables of InferSim: `<operator>/<phase>/<chip>/<shape>.csv`, latencies in microseconds.

use std::fs;
use std::path::{Path, PathBuf};

use catalog::{Arithmetic, Chip};
use cost::Op;
use formats::Scheme;

use super::samples::Samples;
use super::{CalibrateError, Chips};
use crate::tables::Table;

/// Reads the folders of every chip that the catalog knows.
pub fn read(folder: &Path, chips: Chips<'_>, samples: &mut Samples) -> Result<(), CalibrateError> {
    let mut files = Vec::new();
    walk(folder, 0, &mut files);
    for path in files {
        let below: Vec<String> = path
            .strip_prefix(folder)
            .unwrap_or(&path)
            .iter()
            .map(|p| p.to_string_lossy().trim_end_matches(".csv").to_owned())
            .collect();
        let below: Vec<&str> = below.iter().map(String::as_str).collect();
        let (kind, chip, shape) = match below[..] {
            ["gemm", chip, _] => ("gemm", chip, Vec::new()),
            ["grouped_gemm", _, chip, _] => ("grouped", chip, Vec::new()),
            ["mha", "prefill", chip, shape] => ("prefill", chip, numbers(shape)),
            ["mha", "decode", chip, shape] => ("decode", chip, numbers(shape)),
            ["mla", "prefill", chip, shape] => ("mla-prefill", chip, numbers(shape)),
            ["mla", "decode", chip, shape] => ("mla-decode", chip, numbers(shape)),
            _ => continue,
        };
        let Some(chip) = chips(chip) else {
            samples.drop("chip not in the catalog", 1);
            continue;
        };
        let table = Table::read(&path)?;
        if kind != "grouped" && !table.has("latency_us") {
            samples.drop("table without a header", table.len());
            continue;
        }
        let rows = match kind {
            "gemm" => gemm(&table)?,
            "grouped" => grouped(&table)?,
            _ => attention(kind, &table, &shape)?,
        };
        add(&chip, rows, samples);
    }
    Ok(())
}

fn add(chip: &Chip, rows: Vec<(Op, f64)>, samples: &mut Samples) {
    samples.add(chip, "", rows, None);
}

/// CSV files below, in order.
fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() && depth < 4 {
            walk(&path, depth + 1, files);
        } else if path.extension().is_some_and(|e| e == "csv") {
            files.push(path);
        }
    }
}

fn numbers(shape: &str) -> Vec<u64> {
    shape.split('-').filter_map(|n| n.parse().ok()).collect()
}

fn block_fp8() -> Scheme {
    Scheme::blocked(formats::Element::E4m3, 128 * 128, 32)
}

fn gemm(table: &Table) -> Result<Vec<(Op, f64)>, CalibrateError> {
    let (m, n, k, us) = (table.number("m")?, table.number("n")?, table.number("k")?, table.number("latency_us")?);
    let op = |i: usize| Op::Gemm {
        m: m[i] as u64,
        n: n[i] as u64,
        k: k[i] as u64,
        weights: block_fp8(),
        arithmetic: Arithmetic::Fp8,
    };
    Ok((0..table.len()).map(|i| (op(i), us[i] * 1e-6)).collect())
}

/// Both products of the experts; the activation between is not in the table.
fn grouped(table: &Table) -> Result<Vec<(Op, f64)>, CalibrateError> {
    let number = |c: &str| table.number(c);
    let (experts, local, top_k) = (number("num_experts")?, number("num_local_experts")?, number("topk")?);
    let (hidden, inner, gpus) = (number("hidden_size")?, number("intermediate_size")?, number("num_gpus")?);
    let per_gpu = if table.has("seq_len_per_gpu") { number("seq_len_per_gpu")? } else { number("batch_size_per_gpu")? };
    let (up, down) = (number("up_proj_us")?, number("down_proj_us")?);
    let op = |i: usize| Op::Moe {
        tokens: (per_gpu[i] * gpus[i]) as u64,
        hidden: hidden[i] as u64,
        inner: inner[i] as u64,
        top_k: top_k[i] as u64,
        experts: experts[i] as u64,
        local_experts: local[i] as u64,
        gated: true,
        weights: block_fp8(),
        arithmetic: Arithmetic::Fp8,
        imbalance: 1.0,
        skew: 0.0,
    };
    Ok((0..table.len()).map(|i| (op(i), (up[i] + down[i]) * 1e-6)).collect())
}

fn attention(kind: &str, table: &Table, shape: &[u64]) -> Result<Vec<(Op, f64)>, CalibrateError> {
    let &[a, b, c] = shape else { return Ok(Vec::new()) };
    let us = table.number("latency_us")?;
    let kv = match table.has("kv_dtype") {
        true => table.text("kv_dtype")?.iter().map(|t| t.contains("fp8")).collect(),
        false => vec![false; table.len()],
    };
    let lengths = table.number(if table.has("kv_len") { "kv_len" } else { "seq_len" })?;
    let batch = if table.has("batch_size") { table.number("batch_size")?.into_owned() } else { vec![1.0; table.len()] };
    let arithmetic = Arithmetic::Bf16;
    let op = |i: usize| {
        let kv = if kv[i] { Scheme::plain(formats::Element::E4m3) } else { Scheme::BF16 };
        let (batch, len) = (batch[i] as u64, lengths[i]);
        match kind {
            "prefill" => Op::AttentionPrefill {
                batch,
                new: len as u64,
                past: 0,
                heads: a,
                kv_heads: b,
                head_dim: c,
                v_dim: c,
                window: None,
                kv,
                arithmetic,
            },
            "mla-prefill" => Op::AttentionPrefill {
                batch,
                new: len as u64,
                past: 0,
                heads: a,
                kv_heads: a,
                head_dim: b + c,
                v_dim: b,
                window: None,
                kv,
                arithmetic,
            },
            "decode" => Op::AttentionDecode {
                batch,
                kv_len: len,
                queries: 1,
                heads: a,
                kv_heads: b,
                head_dim: c,
                v_dim: c,
                window: None,
                kv,
                arithmetic,
            },
            _ => Op::MlaDecode { batch, kv_len: len, queries: 1, heads: a, kv_rank: b, rope_dim: c, kv, arithmetic },
        }
    };
    Ok((0..table.len()).map(|i| (op(i), us[i] * 1e-6)).collect())
}
