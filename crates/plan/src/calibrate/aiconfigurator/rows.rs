//! Rows of AIConfigurator's tables as operators.

use std::collections::BTreeMap;

use catalog::{Arithmetic, Chip};
use cost::Op;
use cost::calibration::nearest_arithmetic;
use formats::Scheme;

use crate::calibrate::CalibrateError;
use crate::tables::Table;

/// What a row needs to become an operator.
pub(super) struct Row<'a> {
    pub table: &'a Columns<'a>,
    pub at: usize,
    pub chip: &'a Chip,
}

impl Row<'_> {
    pub fn count(&self, column: &str) -> u64 {
        self.table.number(column, self.at).map_or(0, |v| v as u64)
    }
    pub fn text(&self, column: &str) -> &str {
        self.table.text(column, self.at)
    }
    fn arithmetic(&self, wanted: Arithmetic) -> Arithmetic {
        nearest_arithmetic(self.chip, wanted).unwrap_or(wanted)
    }
}

/// Columns of a table, fetched once.
pub(super) struct Columns<'a> {
    numbers: BTreeMap<&'static str, Vec<f64>>,
    texts: BTreeMap<&'static str, Vec<&'a str>>,
    pub len: usize,
}

const NUMBERS: &[&str] = &[
    "latency",
    "m",
    "n",
    "k",
    "batch_size",
    "isl",
    "step",
    "num_heads",
    "num_key_value_heads",
    "head_dim",
    "window_size",
    "num_tokens",
    "hidden_size",
    "inter_size",
    "topk",
    "num_experts",
    "moe_tp_size",
    "moe_ep_size",
    "seq_len",
    "num_k_heads",
    "head_k_dim",
    "num_v_heads",
    "head_v_dim",
    "nheads",
    "d_state",
    "compress_ratio",
];
const TEXTS: &[&str] = &[
    "kernel_source",
    "gemm_dtype",
    "moe_dtype",
    "attn_dtype",
    "kv_cache_dtype",
    "mla_dtype",
    "bmm_dtype",
    "distribution",
    "op_name",
    "phase",
];

impl<'a> Columns<'a> {
    pub fn new(table: &'a Table) -> Result<Columns<'a>, CalibrateError> {
        let mut columns = Columns { numbers: BTreeMap::new(), texts: BTreeMap::new(), len: table.len() };
        for name in NUMBERS.iter().filter(|n| table.has(n)) {
            columns.numbers.insert(name, table.number(name)?.into_owned());
        }
        for name in TEXTS.iter().filter(|n| table.has(n)) {
            columns.texts.insert(name, table.text(name)?);
        }
        Ok(columns)
    }
    pub fn number(&self, column: &str, at: usize) -> Option<f64> {
        self.numbers.get(column).and_then(|c| c.get(at)).copied()
    }
    pub fn text(&self, column: &str, at: usize) -> &str {
        self.texts.get(column).and_then(|c| c.get(at)).copied().unwrap_or("")
    }
}

/// Turns a row into an operator; `None` leaves it out.
pub(super) type Reader = fn(&Row<'_>) -> Option<Op>;

/// Family folder and table name, and how its rows are read.
pub(super) const READERS: &[((&str, &str), Reader)] = &[
    (("gemm", "gemm_perf"), gemm),
    (("moe", "moe_perf"), moe),
    (("attention", "context_attention_perf"), prefill),
    (("attention", "generation_attention_perf"), decode),
    (("mla", "context_mla_perf"), mla_prefill),
    (("mla", "generation_mla_perf"), mla_decode),
    (("mla_bmm", "mla_bmm_perf"), mla_bmm),
    (("quantize", "scale_matrix_perf"), elementwise),
    (("linear_attention", "gdn_perf"), state),
    (("kda", "kda_perf"), state),
    (("sparse_attention", "dsv4_paged_mqa_logits_module_perf"), indexer),
];

/// How AIConfigurator names formats: weights, and the arithmetic meant.
fn format(name: &str) -> Option<(Scheme, Arithmetic)> {
    let (scheme, arithmetic) = match name {
        "bfloat16" => ("bf16", Arithmetic::Bf16),
        "fp8" | "fp8_e4m3" => ("fp8", Arithmetic::Fp8),
        "fp8_block" => ("fp8-block", Arithmetic::Fp8),
        "nvfp4" => ("nvfp4", Arithmetic::Fp4),
        "w4a16_mxfp4" | "w4a16_mxfp4_cutlass" => ("mxfp4", Arithmetic::Bf16),
        "w4a8_mxfp4_mxfp8" | "w4a8_mxfp4_mxfp8_trtllm" => ("mxfp4", Arithmetic::Mxfp8),
        "int8_wo" => ("int8", Arithmetic::Bf16),
        "int4_wo" => ("int4", Arithmetic::Bf16),
        "sq" => ("int8", Arithmetic::Int8),
        "w4afp8" => ("int4", Arithmetic::Fp8),
        _ => return None,
    };
    Some((Scheme::from_name(scheme)?, arithmetic))
}

fn gemm(row: &Row<'_>) -> Option<Op> {
    let (weights, arithmetic) = format(row.text("gemm_dtype"))?;
    let (m, n, k) = (row.count("m"), row.count("n"), row.count("k"));
    // No model has narrower or deeper products; kernels for them are others.
    let usual = m > 0 && n >= 256 && (256..=20_480).contains(&k);
    usual.then(|| Op::Gemm { m, n, k, weights, arithmetic: row.arithmetic(arithmetic) })
}

/// Spread of the experts' popularity that the tables' power laws come to: 32 tokens of 4 in 128 experts hit half of them.
const POPULARITY: f64 = 0.8;

fn moe(row: &Row<'_>) -> Option<Op> {
    let (weights, arithmetic) = format(row.text("moe_dtype"))?;
    let imbalance = match (row.text("distribution"), row.count("moe_ep_size")) {
        ("balanced", _) => 1.0,
        // All tokens are here whatever the skew; experts are chosen freely.
        (_, 1) => 1.0 + 1e-9,
        _ => return None,
    };
    let (experts, ep, tp) = (row.count("num_experts"), row.count("moe_ep_size"), row.count("moe_tp_size"));
    let inner = row.count("inter_size").checked_div(tp)?;
    let (tokens, top_k) = (row.count("num_tokens"), row.count("topk"));
    let local_experts = experts.checked_div(ep)?;
    let busy = inner >= 128 && local_experts > 0 && tokens * top_k >= ep;
    busy.then(|| Op::Moe {
        tokens,
        hidden: row.count("hidden_size"),
        inner,
        top_k,
        experts,
        local_experts,
        gated: true,
        weights,
        arithmetic: row.arithmetic(arithmetic),
        imbalance,
        skew: if imbalance > 1.0 { POPULARITY } else { 0.0 },
    })
}

/// Query heads, key-value heads and width, where kernels made for them exist.
fn heads(row: &Row<'_>, groups: std::ops::RangeInclusive<u64>) -> Option<(u64, u64, u64)> {
    let heads = row.count("num_heads");
    let kv_heads = match row.count("num_key_value_heads") {
        0 => heads,
        n => n,
    };
    let head_dim = row.count("head_dim");
    let usual = matches!(head_dim, 64 | 128 | 256) && groups.contains(&heads.checked_div(kv_heads)?);
    usual.then_some((heads, kv_heads, head_dim))
}

fn window(row: &Row<'_>) -> Option<u64> {
    Some(row.count("window_size")).filter(|w| *w > 0)
}

fn prefill(row: &Row<'_>) -> Option<Op> {
    let (heads, kv_heads, head_dim) = heads(row, 1..=16)?;
    let (kv, _) = format(row.text("kv_cache_dtype"))?;
    let (_, arithmetic) = format(row.text("attn_dtype"))?;
    let new = row.count("isl");
    (new >= 128 && row.count("step") == 0).then(|| Op::AttentionPrefill {
        batch: row.count("batch_size"),
        new,
        past: 0,
        heads,
        kv_heads,
        head_dim,
        v_dim: head_dim,
        window: window(row),
        kv,
        arithmetic: row.arithmetic(arithmetic),
    })
}

fn decode(row: &Row<'_>) -> Option<Op> {
    // Ratios beyond 16 fall back to slow kernels; without grouping others are used than models of today need.
    let (heads, kv_heads, head_dim) = heads(row, 2..=16)?;
    let (kv, _) = format(row.text("kv_cache_dtype"))?;
    let (_, arithmetic) = format(row.text("attn_dtype"))?;
    let kv_len = row.count("isl") + row.count("step");
    (kv_len >= 128).then(|| Op::AttentionDecode {
        batch: row.count("batch_size"),
        kv_len: kv_len as f64,
        queries: 1,
        heads,
        kv_heads,
        head_dim,
        v_dim: head_dim,
        window: window(row),
        kv,
        arithmetic: row.arithmetic(arithmetic),
    })
}

fn mla_prefill(row: &Row<'_>) -> Option<Op> {
    let (kv, _) = format(row.text("kv_cache_dtype"))?;
    let (_, arithmetic) = format(row.text("mla_dtype"))?;
    let (new, heads) = (row.count("isl"), row.count("num_heads"));
    (new >= 128 && row.count("step") == 0).then(|| Op::AttentionPrefill {
        batch: row.count("batch_size"),
        new,
        past: 0,
        heads,
        kv_heads: heads,
        head_dim: 192,
        v_dim: 128,
        window: None,
        kv,
        arithmetic: row.arithmetic(arithmetic),
    })
}

fn mla_decode(row: &Row<'_>) -> Option<Op> {
    let (kv, _) = format(row.text("kv_cache_dtype"))?;
    let (_, arithmetic) = format(row.text("mla_dtype"))?;
    let kv_len = row.count("isl") + row.count("step");
    let heads = row.count("num_heads");
    (kv_len >= 128 && heads >= 8).then(|| Op::MlaDecode {
        batch: row.count("batch_size"),
        kv_len: kv_len as f64,
        queries: 1,
        heads,
        kv_rank: 512,
        rope_dim: 64,
        kv,
        arithmetic: row.arithmetic(arithmetic),
    })
}

fn mla_bmm(row: &Row<'_>) -> Option<Op> {
    let (weights, arithmetic) = format(row.text("bmm_dtype"))?;
    let (n, k) = if row.text("op_name").ends_with("pre") { (512, 128) } else { (128, 512) };
    let heads = row.count("num_heads");
    let m = row.count("num_tokens");
    (heads >= 4).then(|| Op::BatchedGemm { heads, m, n, k, weights, arithmetic: row.arithmetic(arithmetic) })
}

/// Scaling to 8 bits with a known scale stands for everything that only moves data: two bytes read, one written.
fn elementwise(row: &Row<'_>) -> Option<Op> {
    let values = row.count("m") * row.count("k");
    (values > 0).then_some(Op::Elementwise { bytes: 3.0 * values as f64, kernels: 1 })
}

fn state(row: &Row<'_>) -> Option<Op> {
    let (batch, new) = (row.count("batch_size"), row.count("seq_len").max(1));
    let generation = row.text("phase") == "generation";
    (generation == (new == 1) && (generation || new >= 128)).then(|| Op::State {
        batch,
        new,
        key_heads: row.count("num_k_heads"),
        key_dim: row.count("head_k_dim"),
        value_heads: row.count("num_v_heads"),
        value_dim: row.count("head_v_dim"),
        state_bytes: 4,
    })
}

fn indexer(row: &Row<'_>) -> Option<Op> {
    let queries = row.count("isl");
    let ratio = row.count("compress_ratio").max(1);
    let keys = (row.count("step") + queries) / ratio;
    (keys >= 64 && queries <= 4).then(|| Op::Indexer {
        batch: row.count("batch_size"),
        queries,
        keys: keys as f64,
        heads: row.count("num_heads"),
        dim: 128,
        kv: Scheme::plain(formats::Element::E4m3),
        arithmetic: row.arithmetic(Arithmetic::Fp8),
    })
}
