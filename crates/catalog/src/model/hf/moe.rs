//! Grouped-query attention with routed experts.

use super::super::reader::{Fields, limit};
use super::super::{Attention, Dense, Ffn, Gqa, Moe, Sparse};
use super::dense::{heads, layers, mlp, windows};
use super::{Built, Layer};

/// Routed experts, from the names of three fields.
pub(super) fn experts(f: &Fields<'_>, count: &str, top_k: &str, inner: &str) -> Moe {
    let moe = Moe {
        experts: f.count(count, limit::HEADS),
        top_k: f.count(top_k, limit::HEADS),
        inner: f.count(inner, limit::WIDTH),
        gated: true,
        ..Moe::default()
    };
    if moe.top_k > moe.experts {
        let message = format!("a token cannot go to {} of {} experts", moe.top_k, moe.experts);
        f.fault("model/inconsistent", top_k, message, None);
    }
    moe
}

/// Shared experts of DeepSeek's kind: `n_shared_experts` as wide as a routed one.
pub(super) fn shared(f: &Fields<'_>, count: &str, moe: &Moe) -> u64 {
    f.count_or(count, limit::HEADS, 0) * moe.inner
}

/// Which layers have experts: a list per layer, or all from `first_k_dense_replace` on that `moe_layer_freq` divides.
pub(super) fn sparse_layers(f: &Fields<'_>, layers: usize) -> Vec<bool> {
    if let Some(types) = f.per_layer("mlp_layer_types", f.texts("mlp_layer_types"), layers) {
        // The same is often said twice.
        f.has("first_k_dense_replace");
        f.has("moe_layer_freq");
        return types.iter().map(|kind| *kind == "sparse").collect();
    }
    let first = f.count_or("first_k_dense_replace", limit::LAYERS, 0);
    let listed = matches!(f.get("moe_layer_freq"), Some(node) if matches!(node.value, super::json::Value::List(_)));
    if listed && let Some(list) = f.per_layer("moe_layer_freq", f.counts("moe_layer_freq", 1), layers) {
        return list.iter().map(|&sparse| sparse == 1).collect();
    }
    let every = if listed { 1 } else { f.count_or("moe_layer_freq", limit::LAYERS, 1).max(1) };
    (0..layers as u64).map(|layer| layer >= first && layer.is_multiple_of(every)).collect()
}

/// The same attention in every layer, experts where `sparse` says so, a dense block elsewhere.
pub(super) fn mixed(attention: &Attention, moe: &Moe, dense: impl Fn() -> Ffn, sparse: &[bool]) -> Vec<Layer> {
    // The dense width is read only where a layer needs it: files of models without dense layers may lack it.
    let block = if sparse.contains(&false) { dense() } else { Ffn::None };
    let ffn = |&sparse: &bool| if sparse { Ffn::Moe(moe.clone()) } else { block.clone() };
    sparse.iter().map(|s| (attention.clone(), ffn(s))).collect()
}

/// Multi-token prediction as one more layer of the last kind.
pub(super) fn with_mtp(f: &Fields<'_>, layers: Vec<Layer>) -> Built {
    let mtp_layers = f.count_or("num_nextn_predict_layers", limit::LAYERS, 0);
    let mtp = if mtp_layers > 0 { layers.last().cloned().into_iter().collect() } else { Vec::new() };
    Built { layers, mtp, mtp_layers, ..Built::default() }
}

/// Mixtral.
pub(super) fn mixtral(f: &Fields<'_>) -> Built {
    let moe = experts(f, "num_local_experts", "num_experts_per_tok", "intermediate_size");
    let attention = heads(f);
    let layer = |window| (Attention::Gqa(Gqa { window, ..attention.clone() }), Ffn::Moe(moe.clone()));
    Built { layers: windows(f, layers(f)).into_iter().map(layer).collect(), ..Built::default() }
}

/// Qwen's experts, with a gated shared expert where the file has one.
pub(super) fn qwen_experts(f: &Fields<'_>) -> Moe {
    let moe = experts(f, "num_experts", "num_experts_per_tok", "moe_intermediate_size");
    let shared_inner = f.count_or("shared_expert_intermediate_size", limit::WIDTH, 0);
    Moe { shared_inner, shared_gate: shared_inner > 0, ..moe }
}

/// Qwen's rule for layers with experts: each `decoder_sparse_step`-th that is not listed as dense.
pub(super) fn qwen_sparse(f: &Fields<'_>, layers: usize) -> Vec<bool> {
    let step = f.count_or("decoder_sparse_step", limit::LAYERS, 1).max(1);
    let dense = f.counts("mlp_only_layers", limit::LAYERS).unwrap_or_default();
    (0..layers as u64).map(|layer| !dense.contains(&layer) && (layer + 1).is_multiple_of(step)).collect()
}

fn qwen(f: &Fields<'_>, attention: Gqa) -> Built {
    let sparse = qwen_sparse(f, layers(f));
    let windows = windows(f, sparse.len());
    let mut layers = mixed(&Attention::Gqa(attention.clone()), &qwen_experts(f), || mlp(f), &sparse);
    for (layer, window) in layers.iter_mut().zip(windows) {
        layer.0 = Attention::Gqa(Gqa { window, ..attention.clone() });
    }
    Built { layers, ..Built::default() }
}

/// Qwen2-MoE.
pub(super) fn qwen2(f: &Fields<'_>) -> Built {
    qwen(f, Gqa { bias: true, out_bias: false, ..heads(f) })
}

/// Qwen3-MoE.
pub(super) fn qwen3(f: &Fields<'_>) -> Built {
    qwen(f, Gqa { qk_norm: f.flag_or("use_qk_norm", true), ..heads(f) })
}

/// GLM-4.5 and 4.6.
pub(super) fn glm4(f: &Fields<'_>) -> Built {
    let moe = experts(f, "n_routed_experts", "num_experts_per_tok", "moe_intermediate_size");
    let moe = Moe { shared_inner: shared(f, "n_shared_experts", &moe), ..moe };
    let attention = Gqa { out_bias: false, qk_norm: f.flag_or("use_qk_norm", false), ..heads(f) };
    with_mtp(f, mixed(&Attention::Gqa(attention), &moe, || mlp(f), &sparse_layers(f, layers(f))))
}

/// MiniMax-M2, M2.5, M2.7.
pub(super) fn minimax_m2(f: &Fields<'_>) -> Built {
    let moe = experts(f, "num_local_experts", "num_experts_per_tok", "intermediate_size");
    let attention = Gqa { qk_norm: f.flag_or("use_qk_norm", false), ..heads(f) };
    let layers = vec![(Attention::Gqa(attention), Ffn::Moe(moe)); layers(f)];
    let modules = f.count_or("num_mtp_modules", limit::LAYERS, 0);
    let each = f.count_or("mtp_transformer_layers", limit::LAYERS, 1).min(16);
    let mtp_layers = if f.flag_or("use_mtp", modules > 0) { modules } else { 0 };
    let mtp = layers.last().cloned().into_iter().cycle().take(usize::try_from(each).unwrap_or(1)).collect();
    Built { layers, mtp, mtp_layers, ..Built::default() }
}

/// MiniMax-M3: an indexer chooses blocks of keys in most layers.
pub(super) fn minimax_m3(f: &Fields<'_>) -> Built {
    let count = layers(f);
    let inner = if f.has("moe_intermediate_size") { "moe_intermediate_size" } else { "intermediate_size" };
    let moe = experts(f, "num_local_experts", "num_experts_per_tok", inner);
    let shared_inner = match f.between("shared_intermediate_size", 0, limit::WIDTH) {
        Some(width) => width * f.count_or("n_shared_experts", limit::HEADS, 1),
        None => shared(f, "n_shared_experts", &moe),
    };
    let moe = Moe { shared_inner, ..moe };
    let gated = f.flag_or("attention_output_gate", false);
    let attention = Gqa { qk_norm: f.flag_or("use_qk_norm", false), gated, ..heads(f) };
    let (index, chosen) = block_sparse(f, count);
    let sparse = sparse_layers(f, count);
    let dense = || Ffn::Dense(Dense { inner: f.count("dense_intermediate_size", limit::WIDTH), gated: true });
    let layers = mixed(&Attention::Gqa(attention.clone()), &moe, dense, &sparse);
    let choose = |(layer, chosen): (Layer, bool)| {
        let sparse = if chosen { index.clone() } else { None };
        (Attention::Gqa(Gqa { sparse, ..attention.clone() }), layer.1)
    };
    let mut built = with_mtp(f, layers.into_iter().zip(chosen).map(choose).collect());
    match f.between("num_mtp_modules", 1, limit::LAYERS) {
        Some(modules) if !f.has("num_nextn_predict_layers") => {
            built.mtp = built.layers.last().cloned().into_iter().collect();
            built.mtp_layers = modules;
        }
        Some(modules) if modules != built.mtp_layers => {
            let taken = built.mtp_layers;
            built
                .notes
                .push(format!("num_mtp_modules is {modules}, num_nextn_predict_layers {taken}: the latter is taken"));
        }
        _ => {}
    }
    built
}

/// The indexer of `sparse_attention_config`, and which layers have it.
fn block_sparse(f: &Fields<'_>, layers: usize) -> (Option<Sparse>, Vec<bool>) {
    let Some(s) = f.object("sparse_attention_config").filter(|s| s.flag_or("use_sparse_attention", true)) else {
        return (None, vec![false; layers]);
    };
    let block = s.count("sparse_block_size", limit::TOKENS);
    let sparse = Sparse {
        top_tokens: s.count("sparse_topk_blocks", limit::HEADS) * block,
        index_heads: s.count("sparse_num_index_heads", limit::HEADS),
        index_dim: s.count("sparse_index_dim", limit::DIM),
        index_block: 1,
        shared: false,
    };
    let listed = s.per_layer("sparse_attention_freq", s.counts("sparse_attention_freq", 1), layers);
    let chosen = listed.map_or(vec![true; layers], |list| list.iter().map(|&on| on == 1).collect());
    (Some(sparse), chosen)
}
