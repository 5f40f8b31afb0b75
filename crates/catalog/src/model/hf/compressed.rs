//! DeepSeek-V4: a sliding window beside a compressed cache.

use super::super::reader::{Fields, limit};
use super::super::{Attention, Compressed, Ffn, Moe, Sparse};
use super::Built;
use super::dense::layers;
use super::moe::{experts, shared};

/// Ratio at which an indexer chooses among the compressed entries; at the larger one all are attended.
const CHOSEN: u64 = 4;
const ATTENDED: u64 = 128;

/// DeepSeek-V4.
pub(super) fn deepseek_v4(f: &Fields<'_>) -> Built {
    let count = layers(f);
    let moe = experts(f, "n_routed_experts", "num_experts_per_tok", "moe_intermediate_size");
    let moe = Moe { shared_inner: shared(f, "n_shared_experts", &moe), ..moe };
    let base = Compressed {
        heads: f.count("num_attention_heads", limit::HEADS),
        head_dim: f.count("head_dim", limit::DIM),
        q_rank: f.count("q_lora_rank", limit::DIM),
        o_rank: f.count("o_lora_rank", limit::DIM),
        o_groups: f.count("o_groups", limit::HEADS),
        rope_dim: f.count("qk_rope_head_dim", limit::DIM),
        window: f.count("sliding_window", limit::TOKENS),
        ratio: 0,
        sparse: None,
    };
    if !base.heads.is_multiple_of(base.o_groups) {
        let message = format!("{} heads do not divide among {} output groups", base.heads, base.o_groups);
        f.fault("model/inconsistent", "o_groups", message, None);
    }
    let index = Sparse {
        top_tokens: f.count("index_topk", limit::TOKENS),
        index_heads: f.count("index_n_heads", limit::HEADS),
        index_dim: f.count("index_head_dim", limit::DIM),
        index_block: 1,
        shared: false,
    };
    let mtp_layers = f.count_or("num_nextn_predict_layers", limit::LAYERS, 0);
    let ratios = ratios(f, count, mtp_layers);
    let layer = |&ratio: &u64| {
        let sparse = (ratio == CHOSEN).then(|| index.clone());
        (Attention::Compressed(Compressed { ratio, sparse, ..base.clone() }), Ffn::Moe(moe.clone()))
    };
    let mut notes = Vec::new();
    if let Some(hashed) = f.between("num_hash_layers", 1, limit::LAYERS) {
        notes.push(format!(
            "the first {hashed} layers choose experts by a hash of the token; routed like the others here"
        ));
    }
    Built {
        layers: ratios.iter().take(count).map(layer).collect(),
        mtp: ratios.get(count..).unwrap_or_default().iter().take(1).map(layer).collect(),
        mtp_layers,
        streams: Some(f.count_or("hc_mult", limit::HEADS, 1).max(1)),
        notes,
        ..Built::default()
    }
}

/// Compression of each layer and, after them, of the MTP layers.
fn ratios(f: &Fields<'_>, layers: usize, mtp: u64) -> Vec<u64> {
    let whole = layers + usize::try_from(mtp).unwrap_or(0);
    let Some(mut ratios) = f.counts("compress_ratios", limit::TOKENS) else {
        if !f.has("compress_ratios") {
            f.missing("compress_ratios", "a list with the compression of each layer");
        }
        return vec![0; whole];
    };
    if ratios.len() != layers && ratios.len() != whole {
        let message = format!("`compress_ratios` has {} entries for {layers} layers", ratios.len());
        f.fault("model/inconsistent", "compress_ratios", message, None);
    }
    if let Some(other) = ratios.iter().find(|r| ![0, CHOSEN, ATTENDED].contains(r)) {
        let message = format!("`compress_ratios` has {other}; known are 0, {CHOSEN} and {ATTENDED}");
        f.fault("model/unknown-layer", "compress_ratios", message, None);
    }
    // An MTP layer whose ratio is not stated has the window only, as those that are.
    ratios.resize(whole, 0);
    ratios
}
