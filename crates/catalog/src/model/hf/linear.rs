//! Hybrids: most layers keep a state of fixed size instead of a cache.

use super::super::reader::{Fields, limit};
use super::super::{Attention, Dense, Ffn, Gqa, Linear, LinearRule, Mla, Moe};
use super::dense::{heads, hidden_per_head, layers, mlp};
use super::latent::latent;
use super::moe::{experts, mixed, qwen_experts, qwen_sparse, shared, sparse_layers};
use super::{Built, Layer};

/// Bytes of a state element where the file does not say: engines keep it in FP32.
const STATE_BYTES: u64 = 4;

/// Bytes of a state element, from a type's name.
fn state_bytes(f: &Fields<'_>, name: &str) -> u64 {
    match f.text(name) {
        None | Some("float32") => STATE_BYTES,
        Some("bfloat16" | "float16") => 2,
        Some(other) => {
            f.fault("model/out-of-range", name, format!("`{name}` is `{other}`: not a known type"), None);
            STATE_BYTES
        }
    }
}

/// Qwen3-Next and Qwen3.5: gated delta net, and gated attention in each fourth layer.
pub(super) fn qwen3_next(f: &Fields<'_>) -> Built {
    let count = layers(f);
    let key_heads = f.count("linear_num_key_heads", limit::HEADS);
    let key_dim = f.count("linear_key_head_dim", limit::DIM);
    let value_heads = f.count("linear_num_value_heads", limit::HEADS);
    let value_dim = f.count("linear_value_head_dim", limit::DIM);
    if !value_heads.is_multiple_of(key_heads) {
        let message = format!("{value_heads} value heads do not divide among {key_heads} key heads");
        f.fault("model/inconsistent", "linear_num_value_heads", message, None);
    }
    let linear = Attention::Linear(Linear {
        rule: LinearRule::GatedDelta,
        key_heads,
        key_dim,
        value_heads,
        value_dim,
        conv: f.count("linear_conv_kernel_dim", limit::HEADS),
        // Query and key, value and output gate, decay and step of each value head.
        in_width: 2 * key_heads * key_dim + 2 * value_heads * value_dim + 2 * value_heads,
        low_rank: 0,
        state_bytes: state_bytes(f, "mamba_ssm_dtype"),
    });
    let full = Attention::Gqa(Gqa { qk_norm: true, gated: f.flag_or("attn_output_gate", true), ..heads(f) });
    let interval = f.count_or("full_attention_interval", limit::LAYERS, 4).max(1);
    let is_full: Vec<bool> = match f.per_layer("layer_types", f.texts("layer_types"), count) {
        Some(types) => types.iter().map(|kind| *kind == "full_attention").collect(),
        None => (1..=count as u64).map(|layer| layer.is_multiple_of(interval)).collect(),
    };
    let base = if f.has("num_experts") {
        mixed(&full, &qwen_experts(f), || mlp(f), &qwen_sparse(f, count))
    } else {
        vec![(full.clone(), mlp(f)); count]
    };
    let last = base.last().cloned();
    let mixing = |is_full: &bool| if *is_full { full.clone() } else { linear.clone() };
    let mtp_layers = f.count_or("mtp_num_hidden_layers", limit::LAYERS, 0);
    Built {
        layers: base.into_iter().zip(&is_full).map(|((_, ffn), is_full)| (mixing(is_full), ffn)).collect(),
        // The module has full attention whatever the last layer has.
        mtp: last.into_iter().collect(),
        mtp_layers,
        ..Built::default()
    }
}

/// Kimi-Linear and Kimi-K3: Kimi delta attention, and latent attention in each fourth layer.
pub(super) fn kimi(f: &Fields<'_>) -> Built {
    let count = layers(f);
    let full = Attention::Mla(Mla { gated: f.flag_or("mla_use_output_gate", false), ..latent(f) });
    let (linear, listed) = match f.object("linear_attn_config") {
        Some(config) => kimi_delta(&config, count),
        None => {
            f.missing("linear_attn_config", "the heads and layers of linear attention");
            (full.clone(), Vec::new())
        }
    };
    let moe = experts(f, "num_experts", "num_experts_per_token", "moe_intermediate_size");
    let shared_inner = shared(f, "num_shared_experts", &moe);
    let latent = f.between("routed_expert_hidden_size", 1, limit::WIDTH);
    let moe = Moe { shared_inner, latent, ..moe };
    let base = mixed(&full, &moe, || mlp(f), &sparse_layers(f, count));
    let mixing = |layer: usize| if listed.contains(&(layer as u64 + 1)) { full.clone() } else { linear.clone() };
    let layers: Vec<Layer> = base.into_iter().enumerate().map(|(i, (_, ffn))| (mixing(i), ffn)).collect();
    let mtp_layers = f.count_or("num_nextn_predict_layers", limit::LAYERS, 0);
    let mut notes = Vec::new();
    if f.between("attn_res_block_size", 1, limit::LAYERS).is_some() {
        notes.push("attention over earlier residuals (attn_res_block_size) is not counted".to_owned());
    }
    let mtp = layers.last().cloned().into_iter().collect();
    Built { layers, mtp, mtp_layers, notes, ..Built::default() }
}

/// Kimi delta attention, and the layers with full attention instead, counted from 1.
fn kimi_delta(f: &Fields<'_>, count: usize) -> (Attention, Vec<u64>) {
    let heads = f.count("num_heads", limit::HEADS);
    let dim = f.count("head_dim", limit::DIM);
    let width = heads * dim;
    let full_rank = f.flag_or("use_full_rank_gate", false);
    let linear = Linear {
        rule: LinearRule::KimiDelta,
        key_heads: heads,
        key_dim: dim,
        value_heads: heads,
        value_dim: dim,
        conv: f.count("short_conv_kernel_size", limit::HEADS),
        // Query, key, value; the decay through a bottleneck as wide as a head; a step per head; the output gate.
        in_width: 3 * width + dim + heads + if full_rank { width } else { dim },
        low_rank: dim * width * if full_rank { 1 } else { 2 },
        state_bytes: STATE_BYTES,
    };
    let full = f.counts("full_attn_layers", limit::LAYERS).unwrap_or_default();
    let delta = f.counts("kda_layers", limit::LAYERS).unwrap_or_default();
    let one = |layer: u64| full.contains(&layer) != delta.contains(&layer);
    let within = full.iter().chain(&delta).all(|&layer| layer >= 1 && layer <= count as u64);
    if !within || !(1..=count as u64).all(one) {
        let message = format!("`full_attn_layers` and `kda_layers` must name each of {count} layers once, from 1");
        f.fault("model/inconsistent", "full_attn_layers", message, None);
    }
    f.has("gate_lower_bound");
    (Attention::Linear(linear), full)
}

/// Nemotron-H, Nemotron-3: each layer is either Mamba-2, attention, a feed-forward block or experts.
pub(super) fn nemotron_h(f: &Fields<'_>) -> Built {
    let letters: Vec<char> = match f.text("hybrid_override_pattern") {
        Some(pattern) => pattern.chars().collect(),
        None => names_to_letters(f, "layers_block_type").unwrap_or_default(),
    };
    let field = if f.has("hybrid_override_pattern") { "hybrid_override_pattern" } else { "layers_block_type" };
    if letters.is_empty() || letters.len() as u64 > limit::LAYERS {
        f.missing("hybrid_override_pattern", "one letter per layer, M, *, - or E");
    }
    if let Some(count) = f.between("num_hidden_layers", 1, limit::LAYERS)
        && count != letters.len() as u64
    {
        let message = format!("`{field}` has {} entries for {count} layers", letters.len());
        f.fault("model/inconsistent", field, message, None);
    }
    let mtp = names_to_letters(f, "mtp_layers_block_type")
        .unwrap_or_else(|| f.text("mtp_hybrid_override_pattern").unwrap_or_default().chars().collect());
    let kind = |wanted: char| letters.iter().chain(&mtp).any(|&c| c == wanted);
    // Fields are read only for kinds that occur: files without experts lack theirs.
    let mamba = if kind('M') { mamba2(f) } else { Attention::None };
    let attention = if kind('*') { nemotron_attention(f) } else { Attention::None };
    let dense = if kind('-') {
        Ffn::Dense(Dense { inner: f.count("intermediate_size", limit::WIDTH), gated: false })
    } else {
        Ffn::None
    };
    let experts = if kind('E') { nemotron_experts(f) } else { Ffn::None };
    let layer = |letter: &char| match letter {
        'M' => (mamba.clone(), Ffn::None),
        '*' => (attention.clone(), Ffn::None),
        '-' => (Attention::None, dense.clone()),
        'E' => (Attention::None, experts.clone()),
        other => {
            f.fault("model/unknown-layer", field, format!("layer kind `{other}` is not known"), None);
            (Attention::None, Ffn::None)
        }
    };
    let mtp_layers = f.count_or("num_nextn_predict_layers", limit::LAYERS, 0);
    let layers = letters.iter().take(10_000).map(layer).collect();
    Built { layers, mtp: mtp.iter().take(16).map(layer).collect(), mtp_layers, ..Built::default() }
}

fn names_to_letters(f: &Fields<'_>, field: &str) -> Option<Vec<char>> {
    let letter = |name: &&str| match *name {
        "mamba" => 'M',
        "attention" => '*',
        "mlp" => '-',
        "moe" => 'E',
        _ => '?',
    };
    Some(f.texts(field)?.iter().map(letter).collect())
}

fn mamba2(f: &Fields<'_>) -> Attention {
    let groups = f.count("n_groups", limit::HEADS);
    let state = f.count("ssm_state_size", limit::DIM);
    let heads = f.count("mamba_num_heads", limit::HEADS);
    let dim = f.count("mamba_head_dim", limit::DIM);
    Attention::Linear(Linear {
        rule: LinearRule::Mamba2,
        key_heads: groups,
        key_dim: state,
        value_heads: heads,
        value_dim: dim,
        conv: f.count("conv_kernel", limit::HEADS),
        // Gate and input, B and C of each group, one step per head.
        in_width: 2 * heads * dim + 2 * groups * state + heads,
        low_rank: 0,
        state_bytes: state_bytes(f, "mamba_ssm_cache_dtype"),
    })
}

fn nemotron_attention(f: &Fields<'_>) -> Attention {
    let heads = f.count("num_attention_heads", limit::HEADS);
    let kv_heads = f.between("num_key_value_heads", 1, limit::HEADS).unwrap_or(heads);
    if !heads.is_multiple_of(kv_heads) {
        let message = format!("{heads} query heads do not divide among {kv_heads} key-value heads");
        f.fault("model/inconsistent", "num_key_value_heads", message, None);
    }
    let stated = f.between("head_dim", 1, limit::DIM).or_else(|| f.between("attention_head_dim", 1, limit::DIM));
    let head_dim = stated.unwrap_or_else(|| hidden_per_head(f, heads));
    Attention::Gqa(Gqa { heads, kv_heads, head_dim, v_head_dim: head_dim, ..Gqa::default() })
}

fn nemotron_experts(f: &Fields<'_>) -> Ffn {
    let moe = experts(f, "n_routed_experts", "num_experts_per_tok", "moe_intermediate_size");
    let shared_inner = match f.count_or("n_shared_experts", limit::HEADS, 1) {
        0 => 0,
        _ => f.count_or("moe_shared_expert_intermediate_size", limit::WIDTH, 0),
    };
    let latent = f.between("moe_latent_size", 1, limit::WIDTH);
    Ffn::Moe(Moe { gated: false, shared_inner, latent, ..moe })
}
