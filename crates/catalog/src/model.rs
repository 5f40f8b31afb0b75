//! A language model as its `config.json` describes it: shapes and formats, no weights.
//!
//! [`load`] reads a built-in model or a file; [`parameters`], [`cache`] and [`weight_bytes`] are arithmetic on the result.

mod builtin;
mod cache;
mod hf;
mod json;
mod parameters;
mod quant;
mod reader;

pub use builtin::{Entry, entries, load, resolve};
pub use cache::{Cache, LayerCache, cache, kv_bytes_per_token, layer_cache};
pub use hf::{from_text, read};
pub use parameters::{Parameters, WeightBytes, layer_parameters, parameters, weight_bytes};

use formats::Scheme;
use serde::Serialize;

/// A model, checked. Counts are of the whole model, before any parallel split.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// `deepseek-v3.1`, or the folder's name.
    pub id: String,
    /// Published name.
    pub name: String,
    /// `architectures[0]` of the file.
    pub architecture: String,
    /// Width of the residual stream.
    pub hidden: u64,
    /// Rows of the embedding.
    pub vocab: u64,
    /// Whether the output head is the embedding.
    pub tied_embeddings: bool,
    /// Runs of equal layers, in order of first appearance; `count` may gather layers that are not neighbours.
    pub layers: Vec<LayerGroup>,
    /// Multi-token-prediction modules; 0 if none.
    pub mtp_layers: u32,
    /// Layers of one such module; besides them it joins its two inputs by one projection (2 x hidden to hidden).
    pub mtp: Vec<LayerGroup>,
    /// Copies of the residual stream (hyper-connections of DeepSeek-V4); 1 otherwise.
    pub residual_streams: u64,
    /// Longest context.
    pub max_context: u64,
    /// How the published weights are stored.
    pub weights: WeightFormats,
    /// How the file says to store the KV cache; `None` leaves it to the engine, which takes the type of activations.
    pub kv: Option<Scheme>,
    /// What of the file was set aside, and what was simplified.
    pub notes: Vec<String>,
}

impl Model {
    /// Layers of the main model: `num_hidden_layers` of the file.
    pub fn num_layers(&self) -> u64 {
        self.layers.iter().map(|group| u64::from(group.count)).sum()
    }

    /// Whether any layer has routed experts.
    pub fn is_moe(&self) -> bool {
        self.layers.iter().any(|group| matches!(group.ffn, Ffn::Moe(_)))
    }
}

/// Storage of the published weights by part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightFormats {
    /// Projections of attention.
    pub attention: Scheme,
    /// Output projection of attention, which some checkpoints quantize alone.
    pub attention_out: Scheme,
    /// Dense feed-forward and shared experts.
    pub dense: Scheme,
    /// Routed experts.
    pub experts: Scheme,
    /// Embedding, output head, norms, routers and all else.
    pub embedding: Scheme,
}

impl WeightFormats {
    /// All parts in one scheme.
    pub const fn uniform(scheme: Scheme) -> WeightFormats {
        WeightFormats { attention: scheme, attention_out: scheme, dense: scheme, experts: scheme, embedding: scheme }
    }

    /// Linear layers in one scheme, the rest in another: the usual shape of a quantized checkpoint.
    pub const fn linear(scheme: Scheme, rest: Scheme) -> WeightFormats {
        WeightFormats { embedding: rest, ..WeightFormats::uniform(scheme) }
    }
}

/// `count` layers with the same shapes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerGroup {
    /// How many.
    pub count: u32,
    /// Token mixing.
    pub attention: Attention,
    /// Channel mixing.
    pub ffn: Ffn,
}

/// Token mixing of a layer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Attention {
    /// Absent: a layer of a hybrid that only has a feed-forward part.
    None,
    /// Multi-head, grouped-query or multi-query attention.
    Gqa(Gqa),
    /// Multi-head latent attention, perhaps with DeepSeek sparse attention (DSA).
    Mla(Mla),
    /// A fixed-size state per request instead of a cache: gated delta net, Kimi delta attention, Mamba-2.
    Linear(Linear),
    /// DeepSeek-V4: attention over a compressed cache beside a sliding window.
    Compressed(Compressed),
}

/// Grouped-query attention.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Gqa {
    /// Query heads.
    pub heads: u64,
    /// Key and value heads.
    pub kv_heads: u64,
    /// Width of a query or key head.
    pub head_dim: u64,
    /// Width of a value head.
    pub v_head_dim: u64,
    /// Sliding window in tokens; `None` sees all.
    pub window: Option<u64>,
    /// The window does not slide: a token sees its own chunk of `window` tokens, half of it on average (Llama 4).
    pub chunked: bool,
    /// Whether an output gate as wide as the queries is computed (Qwen3.5).
    pub gated: bool,
    /// Key and value share one projection (Gemma 4 global layers).
    pub shared_kv: bool,
    /// Biases on the query, key and value projections, counted as parameters.
    pub bias: bool,
    /// Bias on the output projection.
    pub out_bias: bool,
    /// A learned attention sink per head (gpt-oss).
    pub sinks: bool,
    /// No key and value of its own: reads the cache of an earlier layer.
    pub reuses_kv: bool,
    /// Norms on query and key heads.
    pub qk_norm: bool,
    /// Block-sparse selection (native sparse attention, MiniMax sparse attention): tokens that a query attends to at most.
    pub sparse: Option<Sparse>,
}

/// Selection of keys before attention.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Sparse {
    /// Tokens a query attends to at most.
    pub top_tokens: u64,
    /// Heads of the indexer (0: selection uses the attention's own compressed scores).
    pub index_heads: u64,
    /// Width of an indexer head.
    pub index_dim: u64,
    /// Tokens that one index key stands for (1 in DSA, the block size in NSA).
    pub index_block: u64,
    /// Takes over the selection of an earlier layer: no indexer, no index keys of its own (GLM-5.2).
    pub shared: bool,
}

/// Multi-head latent attention.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Mla {
    /// Query heads.
    pub heads: u64,
    /// Rank of the query compression; `None` projects directly.
    pub q_rank: Option<u64>,
    /// Rank of the cached latent.
    pub kv_rank: u64,
    /// Width of the rotary part of a head, cached once for all heads.
    pub rope_dim: u64,
    /// Width of the rest of a query or key head.
    pub nope_dim: u64,
    /// Width of a value head.
    pub v_dim: u64,
    /// DeepSeek sparse attention.
    pub sparse: Option<Sparse>,
    /// Whether an output gate as wide as the values is computed (Kimi-K3).
    pub gated: bool,
}

/// The rule by which a linear attention updates its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinearRule {
    /// Gated delta net: one decay per head.
    #[default]
    GatedDelta,
    /// Kimi delta attention: one decay per channel.
    KimiDelta,
    /// Mamba-2: key heads are the groups, the width of a key head the state size.
    Mamba2,
}

/// Linear attention with a state of `value_heads x key_dim x value_dim` elements per request.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Linear {
    /// Update rule.
    pub rule: LinearRule,
    /// Key heads.
    pub key_heads: u64,
    /// Width of a key head.
    pub key_dim: u64,
    /// Value heads.
    pub value_heads: u64,
    /// Width of a value head.
    pub value_dim: u64,
    /// Taps of the short convolution; 0 if none.
    pub conv: u64,
    /// Width of all input projections together (queries, keys, values, gates, decays).
    pub in_width: u64,
    /// Parameters of the second factors of low-rank gates, which do not read the residual stream (Kimi delta attention).
    pub low_rank: u64,
    /// Bytes of one state element (4 for FP32).
    pub state_bytes: u64,
}

/// DeepSeek-V4's attention.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Compressed {
    /// Query heads.
    pub heads: u64,
    /// Width of a head; key and value are one vector.
    pub head_dim: u64,
    /// Rank of the query compression.
    pub q_rank: u64,
    /// Rank of each output group and their number.
    pub o_rank: u64,
    /// Groups of the output projection.
    pub o_groups: u64,
    /// Width of the rotary part.
    pub rope_dim: u64,
    /// Sliding window beside the compressed cache.
    pub window: u64,
    /// Tokens that one compressed entry stands for; 0: window only.
    pub ratio: u64,
    /// Selection among compressed entries.
    pub sparse: Option<Sparse>,
}

/// Channel mixing of a layer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Ffn {
    /// Absent.
    None,
    /// One feed-forward block.
    Dense(Dense),
    /// Routed experts.
    Moe(Moe),
}

/// A feed-forward block.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Dense {
    /// Inner width.
    pub inner: u64,
    /// Whether it has a gate (three matrices) or not (two).
    pub gated: bool,
}

/// Routed experts.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Moe {
    /// Routed experts.
    pub experts: u64,
    /// Experts of a token.
    pub top_k: u64,
    /// Inner width of one.
    pub inner: u64,
    /// Whether experts have a gate.
    pub gated: bool,
    /// Biases on the experts' and the router's projections (gpt-oss).
    pub bias: bool,
    /// Inner width of all shared experts together; 0 if none.
    pub shared_inner: u64,
    /// Width of the latent that experts work in; `None`: the residual width (Nemotron-3, Kimi-K3 latent experts).
    pub latent: Option<u64>,
    /// A dense block beside the experts (Gemma 4); 0 if none.
    pub parallel_dense_inner: u64,
    /// A scalar gate on the shared experts (Qwen).
    pub shared_gate: bool,
}

/// placeholder
pub fn attention_parameters(_m: &Model, _a: &Attention) -> u64 {
    0
}
