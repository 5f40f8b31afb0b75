//! What a request keeps between steps: the KV cache and the states of linear attention.

use formats::{Element, Scheme};
use serde::Serialize;

use super::parameters::{linear_channels, product};
use super::{Attention, Model, Sparse};

/// Index keys are kept in FP8 with one FP32 scale each 128 values by every engine that serves DSA, whatever the scheme of
/// the KV cache: 132 bytes for an index key of 128.
const INDEX: Scheme = Scheme::blocked(Element::E4m3, 128, 32);
/// Inputs of the short convolution are kept as activations.
const CONVOLUTION: Scheme = Scheme::BF16;

/// What one layer keeps of one request, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct LayerCache {
    /// Bytes that each token of the context adds, without end.
    pub per_token: f64,
    /// Bytes that each of the last `window` tokens adds besides.
    pub per_window_token: f64,
    /// Tokens in the window.
    pub window: u64,
    /// Bytes that do not depend on the context.
    pub state: f64,
}

impl LayerCache {
    /// Bytes at a context of `tokens`.
    pub fn bytes(&self, tokens: u64) -> f64 {
        self.per_token * tokens as f64 + self.per_window_token * tokens.min(self.window) as f64 + self.state
    }
}

/// What all layers keep of one request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cache {
    /// In the order of [`Model::layers`]: how many layers, and what each keeps.
    pub layers: Vec<(u32, LayerCache)>,
}

impl Cache {
    fn sum(&self, of: impl Fn(&LayerCache) -> f64) -> f64 {
        self.layers.iter().map(|(count, layer)| f64::from(*count) * of(layer)).sum()
    }

    /// Bytes of a request with a context of `tokens`.
    pub fn bytes(&self, tokens: u64) -> f64 {
        self.sum(|layer| layer.bytes(tokens))
    }

    /// Bytes that one more token adds beyond all windows.
    pub fn per_token(&self) -> f64 {
        self.sum(|layer| layer.per_token)
    }

    /// Bytes of states that do not depend on the context.
    pub fn state(&self) -> f64 {
        self.sum(|layer| layer.state)
    }
}

/// What one layer keeps, with the cache stored in `kv`. Of MLA and DeepSeek-V4 the rotary part counts like the rest; an
/// engine that leaves it in 16 bits keeps a little more (656 bytes instead of 576 a token for FlashMLA in FP8).
pub fn layer_cache(attention: &Attention, kv: Scheme) -> LayerCache {
    let bytes = |values: u64| values as f64 * kv.bytes_per_value();
    match attention {
        Attention::None => LayerCache::default(),
        Attention::Gqa(a) if a.reuses_kv => LayerCache::default(),
        Attention::Gqa(a) => {
            let token = bytes(product([a.kv_heads, a.head_dim.saturating_add(a.v_head_dim)]));
            match a.window {
                Some(window) => LayerCache { per_window_token: token, window, ..LayerCache::default() },
                None => {
                    let index = a.sparse.as_ref().map_or(0.0, |s| index_key(s, token));
                    LayerCache { per_token: token + index, ..LayerCache::default() }
                }
            }
        }
        Attention::Mla(a) => {
            let token = bytes(a.kv_rank.saturating_add(a.rope_dim));
            let index = a.sparse.as_ref().map_or(0.0, |s| index_key(s, token));
            LayerCache { per_token: token + index, ..LayerCache::default() }
        }
        Attention::Linear(a) => {
            let state = product([a.value_heads, a.value_dim, a.key_dim, a.state_bytes]) as f64;
            let tail = product([a.conv.saturating_sub(1), linear_channels(a)]) as f64 * CONVOLUTION.bytes_per_value();
            LayerCache { state: state + tail, ..LayerCache::default() }
        }
        Attention::Compressed(a) => {
            let entry = bytes(a.head_dim);
            let per_token = match a.ratio {
                0 => 0.0,
                ratio => (entry + a.sparse.as_ref().map_or(0.0, |s| index_key(s, entry))) / ratio as f64,
            };
            LayerCache { per_token, per_window_token: entry, window: a.window, state: 0.0 }
        }
    }
}

/// Bytes of index keys for each cached entry of `entry` bytes.
fn index_key(s: &Sparse, entry: f64) -> f64 {
    let key = match (s.shared, s.index_heads) {
        (true, _) => 0.0,
        // Selection by the attention's own scores on compressed blocks: a compressed key and value for each block.
        (_, 0) => entry,
        _ => s.index_dim as f64 * INDEX.bytes_per_value(),
    };
    key / s.index_block.max(1) as f64
}

/// What a request keeps in the main model, with the cache stored in `kv`.
pub fn cache(model: &Model, kv: Scheme) -> Cache {
    Cache { layers: model.layers.iter().map(|g| (g.count, layer_cache(&g.attention, kv))).collect() }
}

/// Bytes of KV cache of one token that is inside every window: the figure that is usually quoted.
pub fn kv_bytes_per_token(model: &Model, kv: Scheme) -> f64 {
    cache(model, kv).sum(|layer| layer.per_token + layer.per_window_token)
}
