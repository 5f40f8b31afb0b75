//! Families whose layers alternate between a window and the whole context: gpt-oss, Llama 4, Gemma 4.

use super::super::reader::{Fields, limit};
use super::super::{Attention, Dense, Ffn, Gqa, Moe};
use super::Built;
use super::dense::{heads, layers, mlp, windows};
use super::moe::experts;

/// gpt-oss: attention sinks, biases everywhere.
pub(super) fn gpt_oss(f: &Fields<'_>) -> Built {
    let moe = experts(f, "num_local_experts", "num_experts_per_tok", "intermediate_size");
    let moe = Moe { bias: true, ..moe };
    let attention = Gqa { sinks: true, ..heads(f) };
    let layer = |window| (Attention::Gqa(Gqa { window, ..attention.clone() }), Ffn::Moe(moe.clone()));
    Built { layers: windows(f, layers(f)).into_iter().map(layer).collect(), ..Built::default() }
}

/// Llama 4: three of four layers see their chunk only; experts in each `interleave_moe_layer_step`-th layer.
pub(super) fn llama4(f: &Fields<'_>) -> Built {
    let count = layers(f) as u64;
    let moe = experts(f, "num_local_experts", "num_experts_per_tok", "intermediate_size");
    let moe = Moe { shared_inner: moe.inner, ..moe };
    let dense = Ffn::Dense(Dense { inner: f.count("intermediate_size_mlp", limit::WIDTH), gated: true });
    let attention = heads(f);
    let chunk = f.between("attention_chunk_size", 1, limit::TOKENS);
    let step = f.count("interleave_moe_layer_step", limit::LAYERS);
    let listed = f.counts("moe_layers", limit::LAYERS);
    let rotary = f.per_layer("no_rope_layers", f.counts("no_rope_layers", 1), layers(f));
    let interval = f.count_or("no_rope_layer_interval", limit::LAYERS, 4).max(1);
    let layer = |i: u64| {
        // A layer with rotary positions sees its chunk, one without sees all.
        let chunked = match &rotary {
            Some(list) => usize::try_from(i).ok().and_then(|i| list.get(i)) == Some(&1),
            None => !(i + 1).is_multiple_of(interval),
        };
        let window = if chunked { chunk } else { None };
        let sparse = listed.as_ref().map_or((i + 1).is_multiple_of(step), |list| list.contains(&i));
        let attention = Gqa { window, chunked: window.is_some(), ..attention.clone() };
        (Attention::Gqa(attention), if sparse { Ffn::Moe(moe.clone()) } else { dense.clone() })
    };
    f.flag_or("use_qk_norm", false);
    Built { layers: (0..count).map(layer).collect(), ..Built::default() }
}

/// Gemma 4: other heads in global layers, key and value from one projection there, experts beside a dense block.
pub(super) fn gemma4(f: &Fields<'_>) -> Built {
    let count = layers(f);
    let local = Gqa { qk_norm: true, ..heads(f) };
    let global_dim = f.between("global_head_dim", 1, limit::DIM).unwrap_or(local.head_dim);
    let global = Gqa {
        kv_heads: f.between("num_global_key_value_heads", 1, limit::HEADS).unwrap_or(local.kv_heads),
        head_dim: global_dim,
        v_head_dim: global_dim,
        shared_kv: f.flag_or("attention_k_eq_v", false),
        ..local.clone()
    };
    if !global.heads.is_multiple_of(global.kv_heads) {
        let message = format!("{} query heads do not divide among {} key-value heads", global.heads, global.kv_heads);
        f.fault("model/inconsistent", "num_global_key_value_heads", message, None);
    }
    if f.count_or("hidden_size_per_layer_input", limit::WIDTH, 0) > 0 {
        let message = "`hidden_size_per_layer_input` is not 0: embeddings per layer are not supported";
        f.fault("model/not-supported", "hidden_size_per_layer_input", message, None);
    }
    let ffn = if f.flag_or("enable_moe_block", false) {
        let moe = experts(f, "num_experts", "top_k_experts", "moe_intermediate_size");
        Ffn::Moe(Moe { parallel_dense_inner: f.count("intermediate_size", limit::WIDTH), ..moe })
    } else {
        mlp(f)
    };
    let reused = usize::try_from(f.count_or("num_kv_shared_layers", limit::LAYERS, 0)).unwrap_or(0);
    if reused > 0 && f.flag_or("use_double_wide_mlp", false) {
        let message = "`use_double_wide_mlp` together with shared keys is not supported";
        f.fault("model/not-supported", "use_double_wide_mlp", message, None);
    }
    f.flag_or("use_double_wide_mlp", false);
    let layer = |(i, window): (usize, Option<u64>)| {
        let reuses_kv = i + reused >= count;
        let base = if window.is_some() { &local } else { &global };
        (Attention::Gqa(Gqa { window, reuses_kv, ..base.clone() }), ffn.clone())
    };
    let layers = windows(f, count).into_iter().enumerate().map(layer).collect();
    Built { layers, tied: true, ..Built::default() }
}
