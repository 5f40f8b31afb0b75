//! Tables of AIConfigurator: `<system>/<family>/<stack>/<version>/<table>.parquet`, latencies in milliseconds.
//!
//! Traps handled here: the newest version of a format that has enough rows is taken; kernels are never blended (the most
//! frequent source of a format stands for it); per-tensor FP8 is fitted with static scales, so the separately measured
//! search for a scale is subtracted; `num_tokens` counts the whole expert-parallel group; the busiest rank of a skewed
//! group is not known, so skewed rows count only where one rank holds all experts.

mod rows;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use catalog::Chip;

use self::rows::{Columns, READERS, Reader, Row};
use super::samples::Samples;
use super::{CalibrateError, Chips};
use crate::tables::Table;

/// Rows that a version must have to stand for a format.
const ENOUGH: usize = 500;
/// Seconds: a dense kernel whose fastest shape takes longer was timed with the host's launches (a tenth: one that only
/// moves data).
const HOST: f64 = 40e-6;

/// Reads every table of every system that the catalog knows.
pub fn read(folder: &Path, chips: Chips<'_>, samples: &mut Samples) -> Result<(), CalibrateError> {
    let data = ["aiconfigurator_core/systems/data", "systems/data", "data", "."]
        .iter()
        .map(|below| folder.join(below))
        .find(|p| p.is_dir() && p.join("..").is_dir() && !folders(p).is_empty())
        .unwrap_or_else(|| folder.to_owned());
    for system in folders(&data) {
        let Some(chip) = chips(&name(&system)) else {
            samples.drop("chip not in the catalog", 1);
            continue;
        };
        for (family, stack, versions) in layout(&system) {
            for (table, reader) in READERS {
                if family.as_str() == table.0 {
                    read_versions(&versions, table.1, *reader, &chip, &stack, samples)?;
                }
            }
        }
    }
    Ok(())
}

fn read_versions(
    versions: &[PathBuf],
    table: &str,
    reader: Reader,
    chip: &Chip,
    stack: &str,
    samples: &mut Samples,
) -> Result<(), CalibrateError> {
    // Newest first; a format is taken from the first version that has enough of it.
    let mut taken: Vec<String> = Vec::new();
    for version in versions {
        let path = version.join(format!("{table}.parquet"));
        if !path.is_file() {
            continue;
        }
        let read = Table::read(&path)?;
        let columns = Columns::new(&read)?;
        let scales = scale_search(version)?;
        for (format, rows) in by_format(&columns) {
            if taken.contains(&format) || (rows.len() < ENOUGH && versions.len() > 1) {
                continue;
            }
            let mut out = Vec::with_capacity(rows.len());
            for at in rows {
                let row = Row { table: &columns, at, chip };
                let Some(op) = reader(&row) else { continue };
                let mut ms = columns.number("latency", at).unwrap_or(0.0);
                if row.text("gemm_dtype") == "fp8" {
                    let key = (row.count("m"), row.count("k"));
                    ms = (ms - scales.get(&key).copied().unwrap_or(0.0)).max(0.3 * ms);
                }
                out.push((op, ms * 1e-3));
            }
            if !out.is_empty() {
                taken.push(format);
                let floor = match table {
                    "gemm_perf" => Some(HOST),
                    "scale_matrix_perf" => Some(HOST / 10.0),
                    _ => None,
                };
                samples.add(chip, stack, out, floor);
            }
        }
    }
    Ok(())
}

/// Rows by the format they name, from the most frequent kernel of each.
fn by_format(columns: &Columns<'_>) -> BTreeMap<String, Vec<usize>> {
    let mut sources: BTreeMap<String, BTreeMap<&str, Vec<usize>>> = BTreeMap::new();
    for at in 0..columns.len {
        let source = columns.text("kernel_source", at);
        // The generic attention kernel is a fallback for shapes that the proper one of the engine does not take.
        let other =
            source == "triton" || ["eager", "min_latency", "nongated", "conv1d"].iter().any(|s| source.contains(s));
        if other {
            continue;
        }
        let format = ["gemm_dtype", "moe_dtype", "attn_dtype", "mla_dtype", "kv_cache_dtype", "bmm_dtype", "phase"];
        let format: Vec<&str> = format.iter().map(|c| columns.text(c, at)).collect();
        sources.entry(format.join("/")).or_default().entry(source).or_default().push(at);
    }
    let most = |kernels: BTreeMap<&str, Vec<usize>>| kernels.into_values().max_by_key(Vec::len).unwrap_or_default();
    sources.into_iter().map(|(format, kernels)| (format, most(kernels))).collect()
}

/// Milliseconds that finding a per-tensor scale takes, by (m, k), measured beside `version`.
fn scale_search(version: &Path) -> Result<BTreeMap<(u64, u64), f64>, CalibrateError> {
    let parts: Vec<_> = version.components().rev().take(3).collect();
    let [number, stack, family] = parts[..] else { return Ok(BTreeMap::new()) };
    if family.as_os_str() != "gemm" {
        return Ok(BTreeMap::new());
    }
    let system = version.ancestors().nth(3).unwrap_or(version);
    let path = system.join("quantize").join(stack).join(number).join("computescale_perf.parquet");
    if !path.is_file() {
        return Ok(BTreeMap::new());
    }
    let table = Table::read(&path)?;
    let (m, k, ms) = (table.number("m")?, table.number("k")?, table.number("latency")?);
    Ok((0..table.len()).map(|i| ((m[i] as u64, k[i] as u64), ms[i])).collect())
}

/// Folders below, by name.
fn folders(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect();
    found.sort();
    found
}

fn name(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

/// (family, stack, versions newest first) of a system.
fn layout(system: &Path) -> Vec<(String, String, Vec<PathBuf>)> {
    let mut found = Vec::new();
    for family in folders(system) {
        for stack in folders(&family) {
            let mut versions = folders(&stack);
            versions.sort_by_key(|v| std::cmp::Reverse(version_key(&name(v))));
            found.push((name(&family), name(&stack), versions));
        }
    }
    found
}

/// Runs of digits as numbers: 1.3.0rc20 comes after 1.3.0rc3.
fn version_key(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter(|s| !s.is_empty()).map(|s| s.parse().unwrap_or(0)).collect()
}
