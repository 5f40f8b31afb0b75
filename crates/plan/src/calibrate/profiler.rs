//! Operator tables of the CANN profiler: shapes as text, `Average Duration(us)`.

use std::fs;
use std::path::{Path, PathBuf};

use catalog::{Arithmetic, Chip};
use cost::Op;
use cost::calibration::nearest_arithmetic;
use formats::{Element, Scheme};

use super::samples::Samples;
use super::{CalibrateError, Chips};
use crate::tables::Table;

/// Reads every table of `folder`, measured on the chip of that name.
pub fn read(chip: &str, folder: &Path, chips: Chips<'_>, samples: &mut Samples) -> Result<(), CalibrateError> {
    let Some(chip) = chips(chip) else {
        samples.drop("chip not in the catalog", 1);
        return Ok(());
    };
    let entries = fs::read_dir(folder).map_err(|source| CalibrateError::Io { path: folder.to_owned(), source })?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    files.sort();
    for path in files.into_iter().filter(|p| p.extension().is_some_and(|e| e == "csv")) {
        let table = Table::read(&path)?;
        let rows = if table.has("Op Type") {
            attention(&table, &chip)?
        } else if table.has("Num Experts") {
            // One of the two products of an expert, with its routing unknown.
            samples.drop("expert product without its routing", table.len());
            continue;
        } else {
            gemm(&table, &chip)?
        };
        samples.add(&chip, "", rows, None);
    }
    Ok(())
}

/// "128,4096;7168,4096" is `[m, k]` and `[n, k]`.
fn shapes(text: &str) -> Option<[u64; 4]> {
    let mut values = text.split([',', ';']).map(|v| v.trim().parse().ok());
    let shape = [values.next()??, values.next()??, values.next()??, values.next()??];
    (values.next().is_none() && shape[1] == shape[3]).then_some(shape)
}

fn gemm(table: &Table, chip: &Chip) -> Result<Vec<(Op, f64)>, CalibrateError> {
    let (inputs, types, us) =
        (table.text("Input Shapes")?, table.text("Input Data Types")?, table.number("Average Duration(us)")?);
    let mut rows = Vec::new();
    for i in 0..table.len() {
        let Some([m, k, n, _]) = shapes(inputs[i]) else { continue };
        let (weights, wanted) = match types[i].contains("INT8") {
            true => (Scheme::plain(Element::Int8), Arithmetic::Int8),
            false => (Scheme::BF16, Arithmetic::Bf16),
        };
        let Some(arithmetic) = nearest_arithmetic(chip, wanted) else { continue };
        rows.push((Op::Gemm { m, n, k, weights, arithmetic }, us[i] * 1e-6));
    }
    Ok(rows)
}

fn attention(table: &Table, chip: &Chip) -> Result<Vec<(Op, f64)>, CalibrateError> {
    let (kind, us) = (table.text("Op Type")?, table.number("Average Duration(us)")?);
    let (batch, length) = (table.number("Batch")?, table.number("Seq Len")?);
    let (heads, kv_heads, width) =
        (table.number("Num Heads")?, table.number("Num KV Heads")?, table.number("Head Size")?);
    let Some(arithmetic) = nearest_arithmetic(chip, Arithmetic::Bf16) else { return Ok(Vec::new()) };
    let op = |i: usize| {
        let heads = heads[i] as u64;
        // 0 stands for as many as heads.
        let kv_heads = if kv_heads[i] == 0.0 { heads } else { kv_heads[i] as u64 };
        let (batch, head_dim) = (batch[i] as u64, width[i] as u64);
        let (v_dim, window, kv) = (head_dim, None, Scheme::BF16);
        if kind[i].ends_with("generation") {
            let kv_len = length[i];
            Op::AttentionDecode { batch, kv_len, queries: 1, heads, kv_heads, head_dim, v_dim, window, kv, arithmetic }
        } else {
            let new = length[i] as u64;
            Op::AttentionPrefill { batch, new, past: 0, heads, kv_heads, head_dim, v_dim, window, kv, arithmetic }
        }
    };
    Ok((0..table.len()).map(|i| (op(i), us[i] * 1e-6)).collect())
}
