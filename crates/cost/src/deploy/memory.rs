//! Memory of a deployment as the engines see it.

use catalog::{Attention, Ffn};

use super::Deployment;

/// How an engine sizes its cache pool.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MemoryRule {
    /// A share of the whole memory holds everything: weights, activations, cache (vLLM).
    OfTotal(f64),
    /// A share of the whole memory holds weights and cache; activations live in the rest (SGLang).
    Static(f64),
    /// A share of what weights and activations leave holds the cache (TensorRT-LLM).
    OfFree(f64),
}

/// Bytes on the fullest device.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Memory {
    /// Memory of the device.
    pub capacity: f64,
    /// Weights, scales included.
    pub weights: f64,
    /// Activations of the largest step.
    pub activations: f64,
    /// Context, graphs, communication buffers.
    pub reserved: f64,
    /// The cache pool; negative where the rest does not fit.
    pub pool: f64,
    /// Cache of one token.
    pub per_token: f64,
    /// State of one request (linear attention), whatever its length.
    pub per_request: f64,
}

impl Memory {
    /// Tokens that the pool of one attention rank holds for requests of `context` tokens.
    pub fn tokens(&self, context: f64) -> u64 {
        let per_token = self.per_token + self.per_request / context.max(1.0);
        if self.pool <= 0.0 || per_token <= 0.0 { 0 } else { (self.pool / per_token) as u64 }
    }

    /// Bytes needed before the first token can be cached.
    pub fn needed(&self) -> f64 {
        self.weights + self.activations + self.reserved
    }
}

impl Deployment<'_> {
    /// Bytes on the fullest device under `rule`, with steps of up to `step_tokens` tokens and `sequences` requests;
    /// `reserved` for context, graphs and buffers.
    pub fn memory(&self, rule: MemoryRule, step_tokens: u64, sequences: u64, reserved: f64) -> Memory {
        let capacity = self.chip.memory.mid().0 / f64::from(self.chip.devices.max(1));
        let weights = self.weight_bytes();
        let activations = self.activation_bytes(step_tokens, sequences);
        let pool = match rule {
            MemoryRule::OfTotal(share) => capacity * share - weights - activations - reserved,
            MemoryRule::Static(share) => (capacity * share - weights).min(capacity - weights - activations - reserved),
            MemoryRule::OfFree(share) => share * (capacity - weights - activations - reserved),
        };
        let (per_token, per_request) = self.cache_bytes();
        Memory { capacity, weights, activations, reserved, pool, per_token, per_request }
    }

    /// Share of the layers that the fullest pipeline stage holds.
    fn fullest_stage(&self) -> f64 {
        let layers: u32 = self.model.layers.iter().map(|g| g.count).sum();
        f64::from(layers.div_ceil(self.parallel.pp)) / f64::from(layers.max(1))
    }

    /// Weights on the fullest device, bytes.
    pub fn weight_bytes(&self) -> f64 {
        let tp = f64::from(self.parallel.tp);
        let hidden = self.model.hidden as f64;
        let storage = &self.storage;
        let mut layers = 0.0;
        for group in &self.model.layers {
            let attention = catalog::model::attention_parameters(self.model, &group.attention) as f64;
            let mut bytes = attention * storage.attention.bytes_per_value() / tp;
            match &group.ffn {
                Ffn::None => {}
                Ffn::Dense(f) => {
                    let matrices = if f.gated { 3.0 } else { 2.0 };
                    bytes += matrices * hidden * f.inner as f64 * storage.dense.bytes_per_value() / tp;
                }
                Ffn::Moe(f) => {
                    let matrices = if f.gated { 3.0 } else { 2.0 };
                    let width = f.latent.unwrap_or(self.model.hidden) as f64;
                    let spread = f64::from(self.parallel.ep) * f64::from(self.parallel.moe_tp);
                    let experts = matrices * width * f.inner as f64 * f.experts as f64;
                    bytes += experts * storage.experts.bytes_per_value() / spread;
                    let beside = matrices * hidden * (f.shared_inner + f.parallel_dense_inner) as f64;
                    bytes += beside * storage.dense.bytes_per_value() / tp;
                    bytes += f.latent.map_or(0.0, |l| 2.0 * hidden * l as f64 * storage.dense.bytes_per_value());
                    bytes += f.experts as f64 * hidden * 2.0;
                }
            }
            layers += bytes * f64::from(group.count);
        }
        let mut total = layers * self.fullest_stage();
        let tables = if self.model.tied_embeddings || self.parallel.pp > 1 { 1.0 } else { 2.0 };
        total += tables * self.model.vocab as f64 * hidden * storage.embedding.bytes_per_value() / tp;
        if self.speculation.is_some() {
            let count: u32 = self.model.layers.iter().map(|g| g.count).sum();
            total += layers / f64::from(count.max(1));
        }
        total
    }

    /// Cache bytes of one token, and state bytes of one request, on the fullest device.
    pub fn cache_bytes(&self) -> (f64, f64) {
        let tp = u64::from(self.parallel.tp);
        let value = self.storage.kv.bytes_per_value();
        let mut token = 0.0;
        let mut request = 0.0;
        for group in &self.model.layers {
            let layers = f64::from(group.count);
            match &group.attention {
                Attention::None => {}
                Attention::Gqa(a) => {
                    let width = if a.shared_kv { a.head_dim } else { a.head_dim + a.v_head_dim };
                    let bytes = (a.kv_heads.div_ceil(tp) * width) as f64 * value;
                    match a.window {
                        Some(window) => request += layers * bytes * window as f64,
                        None => token += layers * bytes,
                    }
                    token += layers * index_bytes(a.sparse.as_ref());
                }
                Attention::Mla(a) => {
                    token += layers * ((a.kv_rank + a.rope_dim) as f64 * value + index_bytes(a.sparse.as_ref()));
                }
                Attention::Linear(a) => {
                    let heads = a.value_heads.div_ceil(tp);
                    request += layers * (heads * a.key_dim * a.value_dim * a.state_bytes) as f64;
                    request += layers * (a.conv * a.in_width.div_ceil(tp) * 2) as f64;
                }
                Attention::Compressed(a) => {
                    request += layers * (a.window * a.head_dim) as f64 * value;
                    if a.ratio > 0 {
                        let entry = a.head_dim as f64 * value + index_bytes(a.sparse.as_ref());
                        token += layers * entry / a.ratio as f64;
                    }
                }
            }
        }
        let stage = self.fullest_stage();
        (token * stage, request * stage)
    }

    /// Peak of activations: the widest operator's input and output beside the residual stream, and the logits.
    fn activation_bytes(&self, step_tokens: u64, sequences: u64) -> f64 {
        let tp = self.parallel.tp.max(1) as f64;
        let hidden = self.model.hidden as f64;
        let widest = self
            .model
            .layers
            .iter()
            .map(|g| match &g.ffn {
                Ffn::None => 0.0,
                Ffn::Dense(f) => 3.0 * f.inner as f64 / tp,
                Ffn::Moe(f) => {
                    let spread = f64::from(self.parallel.ep) * f64::from(self.parallel.moe_tp);
                    let routed = f.top_k as f64 * f64::from(self.parallel.dp) / spread;
                    routed.max(1.0) * (3.0 * f.inner as f64 + 2.0 * hidden)
                }
            })
            .fold(0.0, f64::max);
        let stream = step_tokens as f64 * (6.0 * hidden + widest) * 2.0;
        let logits = sequences as f64 * self.model.vocab as f64 / tp * 6.0;
        stream + logits
    }
}

/// Bytes of the indexer's key of one token: 8-bit values and a 4-byte scale.
fn index_bytes(sparse: Option<&catalog::model::Sparse>) -> f64 {
    sparse.map_or(
        0.0,
        |s| {
            if s.index_heads == 0 { 0.0 } else { (s.index_dim as f64 + 4.0) / s.index_block.max(1) as f64 }
        },
    )
}
