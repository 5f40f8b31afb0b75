//! Memory of a deployment as the engines see it.

use catalog::engine::{CacheRule, EngineMemory, Limits, Spread};
use catalog::model::{Gqa, Linear, layer_cache, layer_parameters};
use catalog::{Attention, Ffn, LayerGroup};

use super::Deployment;

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
    /// Bytes on the fullest device under an engine's rule, with steps and batches at its `limits`.
    pub fn memory(&self, engine: &EngineMemory, limits: &Limits) -> Memory {
        let capacity = self.chip.memory.mid().0 / f64::from(self.chip.devices.max(1));
        let step_tokens = u64::from(limits.max_batched_tokens.mid());
        let sequences = u64::from(limits.graph_seqs.mid());
        let weights = self.weight_bytes();
        let activations = self.activation_bytes(step_tokens, sequences);
        let buffers = self.buffer_bytes(step_tokens) + engine.context.mid().0;
        let spread = Spread { ranks: self.parallel.tp * self.parallel.pp, dp: self.parallel.dp };
        let share = engine.cache.share(capacity, spread, limits);
        let pool = match engine.cache {
            CacheRule::OfTotal(_) => capacity * share - weights - activations - buffers,
            CacheRule::OfFree(_) => {
                let free = capacity - weights - activations - buffers;
                free * if free > 0.0 { share } else { 1.0 }
            }
            // What the reserve leaves holds weights and cache; activations live in the reserve.
            CacheRule::Reserve(_) => (capacity - buffers) * share - weights,
        };
        let (per_token, per_request) = self.cache_bytes();
        Memory {
            capacity,
            weights,
            activations,
            reserved: buffers + engine.graphs.mid().0,
            pool,
            per_token,
            per_request,
        }
    }

    /// Buffers of exchanges: the residual stream of the largest step, once to send and once to receive.
    fn buffer_bytes(&self, step_tokens: u64) -> f64 {
        let alone = self.parallel.tp * self.parallel.dp == 1 && self.apart.is_none();
        if alone { 0.0 } else { 4.0 * (step_tokens * self.model.hidden) as f64 }
    }

    /// Share of the layers that the fullest pipeline stage holds.
    fn fullest_stage(&self) -> f64 {
        let layers: u32 = self.model.layers.iter().map(|g| g.count).sum();
        f64::from(layers.div_ceil(self.parallel.pp)) / f64::from(layers.max(1))
    }

    /// Weights on the fullest device, bytes. Routers, norms and projections to a latent of experts are held whole.
    pub fn weight_bytes(&self) -> f64 {
        let model = self.model;
        let formats = &self.storage.weights;
        let tp = f64::from(self.parallel.tp);
        let spread = f64::from(self.parallel.ep) * f64::from(self.parallel.moe_tp);
        let device = |group: &LayerGroup| {
            let bytes = layer_parameters(group, model.hidden, model.residual_streams).bytes(formats);
            let copies = match &group.ffn {
                Ffn::Moe(f) => self.parallel.expert_places(f.experts).1 as f64 / f.experts.max(1) as f64,
                Ffn::None | Ffn::Dense(_) => 1.0,
            };
            if self.apart.is_some() {
                return bytes.attention / tp + bytes.embedding;
            }
            (bytes.attention + bytes.dense) / tp + copies * bytes.experts / spread + bytes.embedding
        };
        let sum = |groups: &[LayerGroup]| groups.iter().map(|g| f64::from(g.count) * device(g)).sum::<f64>();
        let mut total = sum(&model.layers) * self.fullest_stage();
        let tables = if model.tied_embeddings || self.parallel.pp > 1 { 1.0 } else { 2.0 };
        total += tables * (model.vocab * model.hidden) as f64 * formats.embedding.bytes_per_value() / tp;
        if self.speculation.is_some() {
            total += sum(&model.mtp) * f64::from(model.mtp_layers.max(1));
        }
        total
    }

    /// Cache bytes of one token, and of one request whatever its length (states, and windows taken as full), on the
    /// fullest device. Key-value heads are split over TP, and copied where TP exceeds them; a latent is always copied.
    pub fn cache_bytes(&self) -> (f64, f64) {
        let (mut token, mut request) = (0.0, 0.0);
        for group in &self.model.layers {
            let layer = layer_cache(&on_rank(&group.attention, u64::from(self.parallel.tp)), self.storage.kv);
            let layers = f64::from(group.count);
            token += layers * layer.per_token;
            request += layers * (layer.per_window_token * layer.window as f64 + layer.state);
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

/// Attention as one of `tp` ranks holds its cache.
fn on_rank(attention: &Attention, tp: u64) -> Attention {
    match attention {
        Attention::Gqa(a) => Attention::Gqa(Gqa { kv_heads: a.kv_heads.div_ceil(tp), ..a.clone() }),
        Attention::Linear(a) => Attention::Linear(Linear {
            key_heads: a.key_heads.div_ceil(tp),
            value_heads: a.value_heads.div_ceil(tp),
            ..a.clone()
        }),
        whole => whole.clone(),
    }
}
