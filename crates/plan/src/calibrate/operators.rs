//! Tables in the columns of `operators.csv`: `chip`, `op`, `impl`, `shape`, `format`, `time_us`, one kernel a row. This is
//! also how people bring measurements of their own.

use std::collections::BTreeMap;
use std::path::Path;

use catalog::{Arithmetic, Chip};
use cost::Op;
use cost::calibration::{arithmetic_for, nearest_arithmetic};
use formats::Scheme;

use super::samples::Samples;
use super::{CalibrateError, Chips};
use crate::tables::Table;

/// A row as written.
#[derive(Debug, Clone)]
pub struct Record {
    /// Key of the row.
    pub id: String,
    /// As written.
    pub chip: String,
    /// Kind of operator, as written.
    pub op: String,
    /// Library and version.
    pub library: String,
    /// "M=8192 N=8192 K=8192".
    pub shape: String,
    /// Number formats, as written.
    pub format: String,
    /// Microseconds; not a number where the row has none.
    pub us: f64,
}

/// All rows of a table.
pub fn records(table: &Table) -> Result<Vec<Record>, CalibrateError> {
    let (chip, op, shape, format) =
        (table.text("chip")?, table.text("op")?, table.text("shape")?, table.text("format")?);
    let us = table.number("time_us")?;
    let id = if table.has("id") { Some(table.text("id")?) } else { None };
    let library = if table.has("impl") { Some(table.text("impl")?) } else { None };
    Ok((0..table.len())
        .map(|i| Record {
            id: id.as_ref().map_or_else(|| i.to_string(), |c| c[i].to_owned()),
            chip: chip[i].to_owned(),
            op: op[i].to_owned(),
            library: library.as_ref().map_or(String::new(), |c| c[i].to_owned()),
            shape: shape[i].to_owned(),
            format: format[i].to_owned(),
            us: us[i],
        })
        .collect())
}

/// The stack of kernels that a library's name points to, with its version: "TRTLLM 1.2.0rc6" is `trtllm-1.2.0rc6`.
/// `None` where the first word is no engine.
pub fn stack(library: &str) -> Option<String> {
    let mut words = library.split_whitespace();
    let engine = words.next()?.to_lowercase();
    let known = ["trtllm", "sglang", "vllm"].contains(&engine.as_str());
    known.then(|| words.next().map_or(engine.clone(), |version| format!("{engine}-{version}")))
}

/// A chip and its rows.
type Measured = (Chip, Vec<(Op, f64)>);

/// Adds the rows of a file. Rows that name no stack calibrate the chip without one.
pub fn read(path: &Path, chips: Chips<'_>, samples: &mut Samples) -> Result<(), CalibrateError> {
    let mut groups: BTreeMap<(String, String), Measured> = BTreeMap::new();
    for record in records(&Table::read(path)?)? {
        // Exchanges between chips are somebody else's.
        let Some(chip) = chips(&record.chip) else {
            samples.drop("chip not in the catalog", 1);
            continue;
        };
        match lower(&record, &chip) {
            Ok(ops) => {
                if let [op] = &ops[..] {
                    let key = (chip.id.clone(), stack(&record.library).unwrap_or_default());
                    groups.entry(key).or_insert_with(|| (chip, Vec::new())).1.push((op.clone(), record.us * 1e-6));
                }
            }
            Err(_) => samples.drop("shape or format not stated", 1),
        }
    }
    for ((_, stack), (chip, rows)) in groups {
        samples.add(&chip, &stack, rows, None);
    }
    Ok(())
}

/// Values of "name=value" words, by name.
fn values(shape: &str) -> BTreeMap<String, u64> {
    let number = |v: &str| v.trim_end_matches(',').parse().ok();
    shape
        .split_whitespace()
        .filter_map(|w| w.split_once('='))
        .filter_map(|(k, v)| Some((k.to_lowercase(), number(v)?)))
        .collect()
}

/// Weights and the arithmetic meant by a format of a matrix product; and whether a search for scales was timed with it.
fn product(text: &str) -> Option<(Scheme, Arithmetic)> {
    let scheme = |n: &str| Scheme::from_name(n);
    let lower = text.to_lowercase();
    Some(match lower.as_str() {
        "bfloat16" | "bf16" => (Scheme::BF16, Arithmetic::Bf16),
        "fp16" | "float16" => (scheme("fp16")?, Arithmetic::Fp16),
        "fp8_block" => (scheme("fp8-block")?, Arithmetic::Fp8),
        "fp8" | "fp8_static" => (scheme("fp8")?, Arithmetic::Fp8),
        "nvfp4" => (scheme("nvfp4")?, Arithmetic::Fp4),
        "int8_wo" => (scheme("int8")?, Arithmetic::Bf16),
        "int4_wo" => (scheme("int4")?, Arithmetic::Bf16),
        "sq" | "int8" => (scheme("int8")?, Arithmetic::Int8),
        _ if lower.contains("128x128") => (scheme("fp8-block")?, Arithmetic::Fp8),
        _ if lower.contains("nvfp4") => (scheme("nvfp4")?, Arithmetic::Fp4),
        _ if lower.starts_with("fp8xfp4") => (scheme("mxfp4")?, Arithmetic::Mxfp8),
        _ if lower.starts_with("fp8xfp8") => (scheme("mxfp8")?, Arithmetic::Mxfp8),
        _ => return None,
    })
}

/// "q bfloat16, kv fp8": arithmetic and storage of the cache.
fn cached(text: &str) -> Option<(Arithmetic, Scheme)> {
    let (query, kv) = text.split_once(", kv ")?;
    let arithmetic = if query.ends_with("fp8") { Arithmetic::Fp8 } else { Arithmetic::Bf16 };
    let kv = match kv {
        "bfloat16" => Scheme::BF16,
        "fp8" => Scheme::from_name("fp8")?,
        _ => return None,
    };
    Some((arithmetic, kv))
}

/// The operators of a row (their times add), or why it says too little.
pub fn lower(record: &Record, chip: &Chip) -> Result<Vec<Op>, String> {
    if !record.us.is_finite() || record.us <= 0.0 {
        return Err("the row has no time".to_owned());
    }
    let v = values(&record.shape);
    let get = |name: &str| v.get(name).copied().ok_or_else(|| format!("the shape does not state {name}"));
    let format = || product(&record.format).ok_or_else(|| format!("format '{}' is not stated exactly", record.format));
    let native = |a: Arithmetic, s: Scheme| nearest_arithmetic(chip, a).or(arithmetic_for(chip, s).map(|x| x.0));
    let own = |a: Arithmetic, s: Scheme| native(a, s).ok_or_else(|| "the chip has no peak".to_owned());
    match record.op.as_str() {
        "gemm" | "gemm_hc_prenorm" => {
            let (weights, wanted) = format()?;
            let (m, n, k) = (get("m")?, get("n")?, get("k")?);
            let mut ops = vec![Op::Gemm { m, n, k, weights, arithmetic: own(wanted, weights)? }];
            if record.format == "fp8" && record.library.contains("torch_flow") {
                // This table timed the search for a scale too: two passes over the activations by three kernels.
                ops.push(Op::Elementwise { bytes: 4.0 * (m * k) as f64, kernels: 3 });
            }
            Ok(ops)
        }
        "grouped_gemm_contiguous" | "grouped_gemm_masked" => {
            let (weights, wanted) = format()?;
            let (heads, m) = (get("groups")?, get("m_per_group")?);
            Ok(vec![Op::BatchedGemm {
                heads,
                m,
                n: get("n")?,
                k: get("k")?,
                weights,
                arithmetic: own(wanted, weights)?,
            }])
        }
        "fused_moe" => {
            let (weights, wanted) = format()?;
            let (experts, ep, tp) = (get("experts")?, get("moe_ep")?.max(1), get("moe_tp")?.max(1));
            Ok(vec![Op::Moe {
                tokens: get("tokens")?,
                hidden: get("hidden")?,
                inner: get("inter")? / tp,
                top_k: get("topk")?,
                experts,
                local_experts: experts / ep,
                gated: true,
                weights,
                arithmetic: own(wanted, weights)?,
                imbalance: if record.shape.contains("balanced") { 1.0 } else { 1.0 + 1e-9 },
                skew: 0.0,
            }])
        }
        "attention_prefill" => {
            let (heads, new) = (get("heads")?, get("isl")?);
            let (wanted, kv) = cached(&record.format).ok_or("the formats are not stated")?;
            let head_dim = get("head_dim")?;
            Ok(vec![Op::AttentionPrefill {
                batch: get("batch")?,
                new,
                past: 0,
                heads,
                kv_heads: get("kv_heads")?,
                head_dim,
                v_dim: head_dim,
                window: None,
                kv,
                arithmetic: own(wanted, kv)?,
            }])
        }
        "attention_decode" => {
            let heads = get("heads")?;
            let (wanted, kv) = cached(&record.format).ok_or("the formats are not stated")?;
            let head_dim = get("head_dim")?;
            Ok(vec![Op::AttentionDecode {
                batch: get("batch")?,
                kv_len: get("kv_len")? as f64,
                queries: 1,
                heads,
                kv_heads: get("kv_heads")?,
                head_dim,
                v_dim: head_dim,
                window: None,
                kv,
                arithmetic: own(wanted, kv)?,
            }])
        }
        "mla_decode" => {
            let heads = get("heads")?;
            let (wanted, kv) = cached(&record.format).ok_or("the formats are not stated")?;
            let latent: Vec<u64> = record
                .shape
                .split_once("latent ")
                .map(|(_, l)| l.trim_end_matches(')').split('+').filter_map(|n| n.parse().ok()).collect())
                .unwrap_or_default();
            let [kv_rank, rope_dim] = latent[..] else { return Err("the latent's width is not stated".to_owned()) };
            Ok(vec![Op::MlaDecode {
                batch: get("batch")?,
                kv_len: get("kv_len")? as f64,
                queries: 1,
                heads,
                kv_rank,
                rope_dim,
                kv,
                arithmetic: own(wanted, kv)?,
            }])
        }
        "mqa_logits_decode" | "mqa_logits_prefill" => {
            let kv = match record.format.as_str() {
                "FP8" => Scheme::from_name("fp8"),
                "FP4" => Scheme::from_name("mxfp4"),
                _ => None,
            }
            .ok_or("the formats are not stated")?;
            // Causal within prefill: half of the square of the new tokens is masked.
            let (queries, keys) = (get("q_tokens")?, get("k_tokens")? as f64);
            let decode = record.op.ends_with("decode");
            let (batch, queries) = if decode { (queries, 1) } else { (1, queries) };
            let keys = if decode { keys } else { keys - queries as f64 / 2.0 };
            Ok(vec![Op::Indexer {
                batch,
                queries,
                keys,
                heads: get("heads")?,
                dim: get("dim")?,
                kv,
                arithmetic: own(Arithmetic::Fp8, kv)?,
            }])
        }
        other => Err(format!("'{other}' is not one operator of one chip")),
    }
}
