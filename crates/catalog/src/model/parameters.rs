//! How many parameters a model has, by part, and the bytes they take.

use serde::Serialize;

use super::{Attention, Ffn, Gqa, LayerGroup, Linear, Model, Moe, Sparse, WeightFormats};

/// Parameters of a model or of some layers, by part. The parts add up to `total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Parameters {
    /// Input embedding.
    pub embedding: u64,
    /// Output head; 0 where it is the embedding.
    pub head: u64,
    /// Token mixing without its output projection, indexers and compressors included.
    pub attention: u64,
    /// Output projections of token mixing.
    pub attention_out: u64,
    /// Dense feed-forward, shared experts, projections to and from the latent of experts.
    pub dense: u64,
    /// Routed experts.
    pub experts: u64,
    /// Routers, norms, hyper-connections.
    pub other: u64,
    /// All of the above.
    pub total: u64,
    /// Those that one token meets: `total` without the experts that it is not sent to. Publishers differ in whether the
    /// embedding belongs here; it does, so subtract `embedding` to compare with those who leave it out.
    pub active: u64,
    /// Multi-token-prediction modules, not in `total`. They use the model's own embedding and head.
    pub mtp: u64,
}

/// Bytes of stored weights by part, scales included.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct WeightBytes {
    /// Token mixing, output projection included.
    pub attention: f64,
    /// Dense feed-forward and shared experts.
    pub dense: f64,
    /// Routed experts.
    pub experts: f64,
    /// Embedding, head, routers, norms.
    pub embedding: f64,
    /// All of the above.
    pub total: f64,
}

impl Parameters {
    /// Sums part by part, `other` taken `times`.
    fn add(&mut self, more: &Parameters, times: u64) {
        let sum = |a: &mut u64, b: u64| *a = a.saturating_add(b.saturating_mul(times));
        sum(&mut self.embedding, more.embedding);
        sum(&mut self.head, more.head);
        sum(&mut self.attention, more.attention);
        sum(&mut self.attention_out, more.attention_out);
        sum(&mut self.dense, more.dense);
        sum(&mut self.experts, more.experts);
        sum(&mut self.other, more.other);
        sum(&mut self.total, more.total);
        sum(&mut self.active, more.active);
    }

    /// Fills `total` and, given the share of routed experts that a token is sent to, `active`.
    fn close(mut self, top_k: u64, experts: u64) -> Parameters {
        let rest = [self.embedding, self.head, self.attention, self.attention_out, self.dense, self.other];
        let rest = rest.into_iter().fold(0, u64::saturating_add);
        self.total = rest.saturating_add(self.experts);
        self.active = rest.saturating_add((self.experts / experts.max(1)).saturating_mul(top_k));
        self
    }

    /// Bytes of these parameters in `formats`, without the MTP modules.
    pub fn bytes(&self, formats: &WeightFormats) -> WeightBytes {
        let attention = self.attention as f64 * formats.attention.bytes_per_value()
            + self.attention_out as f64 * formats.attention_out.bytes_per_value();
        let dense = self.dense as f64 * formats.dense.bytes_per_value();
        let experts = self.experts as f64 * formats.experts.bytes_per_value();
        let embedding =
            (self.embedding as f64 + self.head as f64 + self.other as f64) * formats.embedding.bytes_per_value();
        WeightBytes { attention, dense, experts, embedding, total: attention + dense + experts + embedding }
    }
}

/// Parameters of a whole model.
///
/// ```text
/// total = embedding + head + sum over layers of (attention + attention_out + dense + experts + other)
/// ```
pub fn parameters(model: &Model) -> Parameters {
    let table = product([model.vocab, model.hidden]);
    let streams = model.residual_streams;
    let tables = Parameters {
        embedding: table,
        head: if model.tied_embeddings { 0 } else { table },
        // The last norm; with hyper-connections also the mixing of streams before the head.
        other: if streams > 1 { product([streams, streams, model.hidden]) } else { 0 } + model.hidden,
        ..Parameters::default()
    };
    let mut sum = tables.close(0, 1);
    for group in &model.layers {
        sum.add(&layer_parameters(group, model.hidden, streams), u64::from(group.count));
    }
    let mut module = Parameters::default();
    for group in &model.mtp {
        module.add(&layer_parameters(group, model.hidden, streams), u64::from(group.count));
    }
    if model.mtp_layers > 0 {
        // One projection joins the hidden state and the embedding of the next token; three norms.
        let join = product([2, model.hidden, model.hidden]).saturating_add(3 * model.hidden);
        sum.mtp = module.total.saturating_add(join).saturating_mul(u64::from(model.mtp_layers));
    }
    sum
}

/// Parameters of one layer of a group.
pub fn layer_parameters(group: &LayerGroup, hidden: u64, streams: u64) -> Parameters {
    let mut p = Parameters::default();
    match &group.attention {
        Attention::None => {}
        Attention::Gqa(a) => gqa(a, hidden, &mut p),
        Attention::Mla(a) => {
            let query = product([a.heads, a.nope_dim + a.rope_dim]);
            let query = match a.q_rank {
                Some(rank) => product([hidden, rank]) + product([rank, query]) + rank,
                None => product([hidden, query]),
            };
            let latent = product([hidden, a.kv_rank + a.rope_dim]) + a.kv_rank;
            let up = product([a.kv_rank, a.heads, a.nope_dim + a.v_dim]);
            let gate = if a.gated { product([hidden, a.heads, a.v_dim]) } else { 0 };
            let index = a.sparse.as_ref().map_or(0, |s| indexer(s, hidden, a.q_rank.unwrap_or(hidden)));
            p.attention = [query, latent, up, gate, index].into_iter().fold(0, u64::saturating_add);
            p.attention_out = product([a.heads, a.v_dim, hidden]);
        }
        Attention::Linear(a) => {
            let channels = linear_channels(a);
            p.attention = product([hidden, a.in_width]) + product([a.conv, channels]) + a.low_rank;
            p.attention_out = product([a.value_heads, a.value_dim, hidden]);
        }
        Attention::Compressed(a) => {
            let query = product([hidden, a.q_rank]) + product([a.q_rank, a.heads, a.head_dim]) + a.q_rank;
            let key = product([hidden, a.head_dim]) + a.head_dim;
            // Two projections (entry and gate); with selection neighbouring blocks overlap and both are twice as wide.
            let overlap = if a.sparse.is_some() { 2 } else { 1 };
            let compress = |width: u64| product([2, overlap, hidden, width]) + product([a.ratio, overlap, width]);
            let compressor = if a.ratio > 0 { compress(a.head_dim) } else { 0 };
            let index = a.sparse.as_ref().map_or(0, |s| {
                compress(s.index_dim)
                    + product([a.q_rank, s.index_heads, s.index_dim])
                    + product([hidden, s.index_heads])
            });
            p.attention = [query, key, compressor, index, a.heads].into_iter().fold(0, u64::saturating_add);
            p.attention_out = product([a.heads, a.head_dim, a.o_rank]) + product([a.o_groups, a.o_rank, hidden]);
        }
    }
    let (mut top_k, mut experts) = (0, 1);
    match &group.ffn {
        Ffn::None => {}
        Ffn::Dense(ffn) => p.dense = product([matrices(ffn.gated), hidden, ffn.inner]),
        Ffn::Moe(ffn) => {
            moe(ffn, hidden, &mut p);
            (top_k, experts) = (ffn.top_k, ffn.experts);
        }
    }
    let halves = u64::from(group.attention != Attention::None) + u64::from(group.ffn != Ffn::None);
    p.other = p.other.saturating_add(halves * hidden);
    if streams > 1 {
        // Each half maps n streams to (2 + n) n mixing weights.
        p.other = p.other.saturating_add(product([halves, 2 + streams, streams, streams, hidden]));
    }
    p.close(top_k, experts)
}

/// Bytes of the weights in `formats` (`model.weights` for those published), without the MTP modules.
pub fn weight_bytes(model: &Model, formats: &WeightFormats) -> WeightBytes {
    parameters(model).bytes(formats)
}

fn gqa(a: &Gqa, hidden: u64, p: &mut Parameters) {
    let query = product([a.heads, a.head_dim]);
    let gate = if a.gated { query } else { 0 };
    let key = if a.reuses_kv { 0 } else { product([a.kv_heads, a.head_dim]) };
    let value = if a.reuses_kv || a.shared_kv { 0 } else { product([a.kv_heads, a.v_head_dim]) };
    let width = [query, gate, key, value].into_iter().fold(0, u64::saturating_add);
    let index = a.sparse.as_ref().map_or(0, |s| {
        if s.shared { 0 } else { product([hidden, s.index_heads + u64::from(s.index_heads > 0), s.index_dim]) }
    });
    let small = [
        if a.bias { width } else { 0 },
        if a.out_bias { hidden } else { 0 },
        if a.sinks { a.heads } else { 0 },
        if a.qk_norm { 2 * a.head_dim } else { 0 },
    ];
    let parts = [product([hidden, width]), index].into_iter().chain(small);
    p.attention = parts.fold(0, u64::saturating_add);
    p.attention_out = product([a.heads, a.v_head_dim, hidden]);
}

/// The indexer of DSA: queries from the query latent, one key, one weight per head; a norm with bias on the key.
fn indexer(s: &Sparse, hidden: u64, q_rank: u64) -> u64 {
    if s.shared {
        return 0;
    }
    let parts = [product([q_rank, s.index_heads, s.index_dim]), product([hidden, s.index_dim + s.index_heads])];
    parts.into_iter().fold(2 * s.index_dim, u64::saturating_add)
}

fn moe(ffn: &Moe, hidden: u64, p: &mut Parameters) {
    let width = ffn.latent.unwrap_or(hidden);
    let bias = if ffn.bias { product([matrices(ffn.gated) - 1, ffn.inner]) + width } else { 0 };
    let one = product([matrices(ffn.gated), width, ffn.inner]).saturating_add(bias);
    p.experts = product([ffn.experts, one]);
    let shared = product([matrices(ffn.gated), hidden, ffn.shared_inner]);
    let parallel = product([matrices(ffn.gated), hidden, ffn.parallel_dense_inner]);
    let latent = ffn.latent.map_or(0, |latent| product([2, hidden, latent]));
    p.dense = [shared, parallel, latent].into_iter().fold(0, u64::saturating_add);
    let bias = if ffn.bias { ffn.experts } else { 0 };
    p.other = product([hidden, ffn.experts + u64::from(ffn.shared_gate)]).saturating_add(bias);
}

/// Channels that the short convolution of a linear attention runs over: queries, keys and values.
pub(super) fn linear_channels(a: &Linear) -> u64 {
    product([2, a.key_heads, a.key_dim]).saturating_add(product([a.value_heads, a.value_dim]))
}

const fn matrices(gated: bool) -> u64 {
    if gated { 3 } else { 2 }
}

/// A product that stops at the largest number instead of overflowing; a checked model is far below it.
pub(super) fn product<const N: usize>(factors: [u64; N]) -> u64 {
    factors.into_iter().fold(1, u64::saturating_mul)
}
