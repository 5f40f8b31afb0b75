//! Older decoders with an ungated feed-forward block: Falcon, GPT-J, GPT-NeoX.

use super::super::reader::{Fields, limit};
use super::super::{Attention, Dense, Ffn, Gqa};
use super::Built;
use super::dense::{hidden_per_head, layers};

/// Name of the field with the width of the residual stream; the GPT-2 line calls it otherwise.
pub(super) fn hidden_name(f: &Fields<'_>) -> &'static str {
    if !f.has("hidden_size") && f.has("n_embd") { "n_embd" } else { "hidden_size" }
}

/// Falcon, old (one key-value head) and new (several).
pub(super) fn falcon(f: &Fields<'_>) -> Built {
    let heads = f.count("num_attention_heads", limit::HEADS);
    let new = f.flag_or("new_decoder_architecture", false);
    let multi_query = f.flag_or("multi_query", true);
    let stated = f.between("num_kv_heads", 1, limit::HEADS).unwrap_or(heads);
    let kv_heads = if new || !multi_query { stated } else { 1 };
    if !heads.is_multiple_of(kv_heads) {
        let message = format!("{heads} query heads do not divide among {kv_heads} key-value heads");
        f.fault("model/inconsistent", "num_kv_heads", message, None);
    }
    let bias = f.flag_or("bias", false);
    let attention = Gqa { heads, kv_heads, bias, out_bias: bias, ..square(hidden_per_head(f, heads)) };
    let hidden = f.count("hidden_size", limit::WIDTH);
    let inner = f.between("ffn_hidden_size", 1, limit::WIDTH).unwrap_or(4 * hidden);
    let context = f.between("max_position_embeddings", 1, limit::TOKENS).unwrap_or(2048);
    let layer = (Attention::Gqa(attention), Ffn::Dense(Dense { inner, gated: false }));
    Built { layers: vec![layer; layers(f)], tied: true, context: Some(context), ..Built::default() }
}

/// GPT-J.
pub(super) fn gpt_j(f: &Fields<'_>) -> Built {
    let hidden = f.count("n_embd", limit::WIDTH);
    let heads = f.count("n_head", limit::HEADS);
    if !hidden.is_multiple_of(heads) {
        let message = format!("`n_embd` {hidden} does not divide among {heads} heads");
        f.fault("model/inconsistent", "n_embd", message, None);
    }
    let inner = f.between("n_inner", 1, limit::WIDTH).unwrap_or(4 * hidden);
    let attention = Gqa { heads, kv_heads: heads, ..square((hidden / heads).max(1)) };
    let count = usize::try_from(f.count("n_layer", limit::LAYERS)).unwrap_or(1);
    let layer = (Attention::Gqa(attention), Ffn::Dense(Dense { inner, gated: false }));
    Built { layers: vec![layer; count], context: Some(f.count("n_positions", limit::TOKENS)), ..Built::default() }
}

/// GPT-NeoX.
pub(super) fn gpt_neox(f: &Fields<'_>) -> Built {
    let heads = f.count("num_attention_heads", limit::HEADS);
    let bias = f.flag_or("attention_bias", true);
    let attention = Gqa { heads, kv_heads: heads, bias, out_bias: bias, ..square(hidden_per_head(f, heads)) };
    let inner = f.count("intermediate_size", limit::WIDTH);
    let layer = (Attention::Gqa(attention), Ffn::Dense(Dense { inner, gated: false }));
    Built { layers: vec![layer; layers(f)], ..Built::default() }
}

/// Keys and values of one width.
fn square(head_dim: u64) -> Gqa {
    Gqa { head_dim, v_head_dim: head_dim, ..Gqa::default() }
}
