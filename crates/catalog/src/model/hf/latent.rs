//! Multi-head latent attention: DeepSeek V2 to V3.2, Kimi-K2, GLM-5.

use super::super::reader::{Fields, limit};
use super::super::{Attention, Mla, Moe, Sparse};
use super::Built;
use super::dense::{layers, mlp};
use super::moe::{experts, mixed, shared, sparse_layers, with_mtp};

/// The projections of latent attention.
pub(super) fn latent(f: &Fields<'_>) -> Mla {
    Mla {
        heads: f.count("num_attention_heads", limit::HEADS),
        q_rank: f.between("q_lora_rank", 1, limit::DIM),
        kv_rank: f.count("kv_lora_rank", limit::DIM),
        rope_dim: f.count_or("qk_rope_head_dim", limit::DIM, 0),
        nope_dim: f.count("qk_nope_head_dim", limit::DIM),
        v_dim: f.count("v_head_dim", limit::DIM),
        sparse: None,
        gated: false,
    }
}

/// The indexer of DeepSeek sparse attention, if the file has one.
fn indexer(f: &Fields<'_>) -> Option<Sparse> {
    f.has("index_topk").then(|| Sparse {
        top_tokens: f.count("index_topk", limit::TOKENS),
        index_heads: f.count("index_n_heads", limit::HEADS),
        index_dim: f.count("index_head_dim", limit::DIM),
        index_block: 1,
        shared: false,
    })
}

/// DeepSeek V2, V3, R1, V3.1, V3.2, Kimi-K2, GLM-5: the first layers dense, the others with experts.
pub(super) fn deepseek(f: &Fields<'_>) -> Built {
    let count = layers(f);
    let attention = Mla { sparse: indexer(f), ..latent(f) };
    let sparse = sparse_layers(f, count);
    let layers = if f.has("n_routed_experts") {
        let moe = experts(f, "n_routed_experts", "num_experts_per_tok", "moe_intermediate_size");
        let moe = Moe { shared_inner: shared(f, "n_shared_experts", &moe), ..moe };
        mixed(&Attention::Mla(attention.clone()), &moe, || mlp(f), &sparse)
    } else {
        vec![(Attention::Mla(attention.clone()), mlp(f)); count]
    };
    let mut built = with_mtp(f, layers);
    let types = f.per_layer("indexer_types", f.texts("indexer_types"), count).unwrap_or_default();
    f.has("index_topk_freq");
    for (layer, kind) in built.layers.iter_mut().zip(types) {
        if let (Attention::Mla(Mla { sparse: Some(sparse), .. }), "shared") = (&mut layer.0, kind) {
            sparse.shared = true;
        }
    }
    built
}
