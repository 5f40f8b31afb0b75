//! Operators with exact flop and bytes.
//!
//! Every shape is that of one device (one rank), after the parallel split.

mod attention;
mod matmul;
mod moe;
mod state;
mod work;

pub use attention::{causal_pairs, visible};
pub use moe::{Routed, routed};
pub use work::Work;

use catalog::Arithmetic;
use formats::Scheme;

/// One operator on one device.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// `[m, k] x [k, n]`, weights `[k, n]` read from memory.
    Gemm {
        /// Rows: tokens.
        m: u64,
        /// Output width.
        n: u64,
        /// Inner width.
        k: u64,
        /// Storage of the weights.
        weights: Scheme,
        /// Arithmetic the matrix unit works in.
        arithmetic: Arithmetic,
    },
    /// The routed experts of a layer on one rank: both grouped GEMMs and the activation between, permutation included.
    Moe {
        /// Tokens of the whole expert-parallel group before routing.
        tokens: u64,
        /// Residual (or latent) width.
        hidden: u64,
        /// Inner width on this rank (already divided by the tensor split of experts).
        inner: u64,
        /// Experts of a token.
        top_k: u64,
        /// Experts of the layer.
        experts: u64,
        /// Experts that this rank holds.
        local_experts: u64,
        /// Three matrices or two.
        gated: bool,
        /// Storage of the weights.
        weights: Scheme,
        /// Arithmetic the matrix unit works in.
        arithmetic: Arithmetic,
        /// Busiest rank's tokens over the mean (1: balanced).
        imbalance: f64,
        /// Coefficient of variation of the experts' popularity. With 0 and a balanced rank, tokens are dealt out evenly.
        skew: f64,
    },
    /// Causal attention of new tokens, `past` tokens already in the cache.
    AttentionPrefill {
        /// Requests.
        batch: u64,
        /// New tokens of each.
        new: u64,
        /// Tokens of each already in the cache.
        past: u64,
        /// Query heads on this rank.
        heads: u64,
        /// Key-value heads on this rank.
        kv_heads: u64,
        /// Width of a query and key head.
        head_dim: u64,
        /// Width of a value head.
        v_dim: u64,
        /// Sliding window.
        window: Option<u64>,
        /// Storage of the cache.
        kv: Scheme,
        /// Arithmetic of the two products.
        arithmetic: Arithmetic,
    },
    /// Attention of one (or a few speculated) tokens per request over its cache.
    AttentionDecode {
        /// Requests.
        batch: u64,
        /// Tokens of each in the cache, on average.
        kv_len: f64,
        /// Query tokens per request (1 + drafts).
        queries: u64,
        /// Query heads on this rank.
        heads: u64,
        /// Key-value heads on this rank.
        kv_heads: u64,
        /// Width of a query and key head.
        head_dim: u64,
        /// Width of a value head.
        v_dim: u64,
        /// Sliding window.
        window: Option<u64>,
        /// Storage of the cache.
        kv: Scheme,
        /// Arithmetic of the two products.
        arithmetic: Arithmetic,
    },
    /// Decode attention over the latent cache of MLA, weights absorbed.
    MlaDecode {
        /// Requests.
        batch: u64,
        /// Tokens of each in the cache (or selected by the sparse indexer), on average.
        kv_len: f64,
        /// Query tokens per request.
        queries: u64,
        /// Query heads on this rank.
        heads: u64,
        /// Rank of the latent.
        kv_rank: u64,
        /// Rotary width.
        rope_dim: u64,
        /// Storage of the cache.
        kv: Scheme,
        /// Arithmetic of the two products.
        arithmetic: Arithmetic,
    },
    /// The same matrix product for each head (MLA's absorbed projections): `heads` times `[m, k] x [k, n]`.
    BatchedGemm {
        /// Products.
        heads: u64,
        /// Rows.
        m: u64,
        /// Output width.
        n: u64,
        /// Inner width.
        k: u64,
        /// Storage of the weights.
        weights: Scheme,
        /// Arithmetic the matrix unit works in.
        arithmetic: Arithmetic,
    },
    /// Linear attention with a state per value head (gated delta net, Kimi delta attention, Mamba-2): one token a request
    /// updates the state in place, many go through it in chunks.
    State {
        /// Requests.
        batch: u64,
        /// New tokens of each: 1 (or 1 + drafts) in decode.
        new: u64,
        /// Key heads on this rank.
        key_heads: u64,
        /// Width of a key head (Mamba-2: the state size).
        key_dim: u64,
        /// Value heads on this rank.
        value_heads: u64,
        /// Width of a value head.
        value_dim: u64,
        /// Bytes of one state element.
        state_bytes: u64,
    },
    /// Scores of a sparse-attention indexer: every query against every key of its request (one key head).
    Indexer {
        /// Requests.
        batch: u64,
        /// Query tokens of each.
        queries: u64,
        /// Keys that a query is scored against, on average.
        keys: f64,
        /// Query heads of the indexer (not split over ranks).
        heads: u64,
        /// Width of a head.
        dim: u64,
        /// Storage of the keys.
        kv: Scheme,
        /// Arithmetic of the product.
        arithmetic: Arithmetic,
    },
    /// Bound by memory traffic only: norms, rotary embedding, activation, quantization, sampling, state updates.
    Elementwise {
        /// Bytes read and written.
        bytes: f64,
        /// Kernels launched.
        kernels: u64,
    },
}
