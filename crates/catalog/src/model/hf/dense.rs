//! Decoders with grouped-query attention and a dense feed-forward block.

use super::super::reader::{Fields, limit};
use super::super::{Attention, Dense, Ffn, Gqa, Sparse};
use super::{Built, Layer};

/// Number of layers, as a length. `num_hidden_layers` unless the family calls it otherwise.
pub(super) fn layers(f: &Fields<'_>) -> usize {
    usize::try_from(f.count("num_hidden_layers", limit::LAYERS)).unwrap_or(1)
}

/// Heads and their widths; `bias` where the family's code reads `attention_bias`.
pub(super) fn heads(f: &Fields<'_>) -> Gqa {
    let heads = f.count("num_attention_heads", limit::HEADS);
    let kv_heads = f.between("num_key_value_heads", 1, limit::HEADS).unwrap_or(heads);
    if !heads.is_multiple_of(kv_heads) {
        let message = format!("{heads} query heads do not divide among {kv_heads} key-value heads");
        f.fault("model/inconsistent", "num_key_value_heads", message, None);
    }
    let head_dim = f.between("head_dim", 1, limit::DIM).unwrap_or_else(|| hidden_per_head(f, heads));
    let bias = f.flag_or("attention_bias", false);
    Gqa { heads, kv_heads, head_dim, v_head_dim: head_dim, bias, out_bias: bias, ..Gqa::default() }
}

/// Width of a head where the file leaves it to `hidden_size / num_attention_heads`.
pub(super) fn hidden_per_head(f: &Fields<'_>, heads: u64) -> u64 {
    let hidden = f.count("hidden_size", limit::WIDTH);
    if !hidden.is_multiple_of(heads) {
        let message = format!("`head_dim` is missing, and `hidden_size` {hidden} does not divide among {heads} heads");
        f.fault("model/inconsistent", "hidden_size", message, Some("write `head_dim`".into()));
    }
    (hidden / heads).max(1)
}

/// A gated block of `intermediate_size`.
pub(super) fn mlp(f: &Fields<'_>) -> Ffn {
    Ffn::Dense(Dense { inner: f.count("intermediate_size", limit::WIDTH), gated: true })
}

/// The window of each layer, from `layer_types`, or from `sliding_window` with Qwen's `max_window_layers`.
pub(super) fn windows(f: &Fields<'_>, layers: usize) -> Vec<Option<u64>> {
    if let Some(types) = f.per_layer("layer_types", f.texts("layer_types"), layers) {
        let window = |kind: &&str| match *kind {
            "sliding_attention" => Some(f.count("sliding_window", limit::TOKENS)),
            "full_attention" => None,
            other => {
                f.fault("model/unknown-layer", "layer_types", format!("layer type `{other}` is not known"), None);
                None
            }
        };
        return types.iter().map(window).collect();
    }
    if !f.flag_or("use_sliding_window", true) {
        return vec![None; layers];
    }
    let window = f.between("sliding_window", 1, limit::TOKENS);
    let first = f.between("max_window_layers", 0, limit::LAYERS).unwrap_or(0);
    (0..layers as u64).map(|layer| if layer >= first { window } else { None }).collect()
}

/// `attention` with the windows of the file, and the same `ffn` in each layer.
fn uniform(f: &Fields<'_>, attention: &Gqa, ffn: &Ffn) -> Built {
    let windows = windows(f, layers(f));
    let layer = |window: Option<u64>| -> Layer { (Attention::Gqa(Gqa { window, ..attention.clone() }), ffn.clone()) };
    Built { layers: windows.into_iter().map(layer).collect(), ..Built::default() }
}

/// Llama, Mistral, Phi-3.
pub(super) fn llama(f: &Fields<'_>) -> Built {
    uniform(f, &heads(f), &mlp(f))
}

/// Qwen2 and Qwen2.5: biases on query, key and value, always.
pub(super) fn qwen2(f: &Fields<'_>) -> Built {
    uniform(f, &Gqa { bias: true, out_bias: false, ..heads(f) }, &mlp(f))
}

/// Qwen3: norms on query and key heads.
pub(super) fn qwen3(f: &Fields<'_>) -> Built {
    uniform(f, &Gqa { qk_norm: true, ..heads(f) }, &mlp(f))
}

/// Native sparse attention, with the fields of its reference implementation: compressed blocks choose the blocks that are
/// attended, beside a sliding window; three gates per head.
pub(super) fn native_sparse(f: &Fields<'_>) -> Built {
    let heads = f.count("num_heads", limit::HEADS);
    let kv_heads = f.between("num_kv_heads", 1, limit::HEADS).unwrap_or(heads);
    if !heads.is_multiple_of(kv_heads) {
        let message = format!("{heads} query heads do not divide among {kv_heads} key-value heads");
        f.fault("model/inconsistent", "num_kv_heads", message, None);
    }
    let head_dim = f.between("head_dim", 1, limit::DIM).unwrap_or_else(|| hidden_per_head(f, heads));
    let block = f.count("block_size", limit::TOKENS);
    let chosen = f.count("block_counts", limit::HEADS);
    let window = f.count_or("window_size", limit::TOKENS, 0);
    let sparse = Sparse { top_tokens: chosen * block + window, index_block: block, ..Sparse::default() };
    let attention = Gqa {
        heads,
        kv_heads,
        head_dim,
        v_head_dim: head_dim,
        bias: f.flag_or("qkv_bias", false),
        qk_norm: f.flag_or("qk_norm", false),
        sparse: Some(sparse),
        ..Gqa::default()
    };
    let layer = (Attention::Gqa(attention), mlp(f));
    let notes = vec!["the three gates of each head are not counted as parameters".to_owned()];
    Built { layers: vec![layer; layers(f)], notes, ..Built::default() }
}
