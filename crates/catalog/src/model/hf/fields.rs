//! Fields that say nothing about shapes, and what to report of the rest.

use super::super::reader::Fields;

/// Fields that change no shape: tokens, training, generation, rotary settings, scaling factors, kernels.
const HARMLESS: &[&str] = &[
    "_name_or_path",
    "activation",
    "activation_function",
    "add_cross_attention",
    "alibi",
    "architectures",
    "attention_dropout",
    "attn_pdrop",
    "attention_softmax_in_fp32",
    "attn_implementation",
    "auto_map",
    "aux_loss_alpha",
    "bad_words_ids",
    "begin_suppress_tokens",
    "chunk_size",
    "chunk_size_feed_forward",
    "classifier_dropout",
    "compress_rope_theta",
    "cross_attention_hidden_size",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "early_stopping",
    "embd_pdrop",
    "encoder_no_repeat_ngram_size",
    "ep_size",
    "exponential_decay_length_penalty",
    "final_logit_softcapping",
    "finetuning_task",
    "gate_lower_bound",
    "hc_eps",
    "hc_sinkhorn_iters",
    "hidden_act",
    "hidden_activation",
    "hidden_dropout",
    "id2label",
    "ignore_index",
    "indexer_rope_interleave",
    "initial_context_length",
    "initializer_range",
    "interleaved_rope",
    "is_decoder",
    "is_encoder_decoder",
    "label2id",
    "latent_moe_use_norm",
    "layer_norm_epsilon",
    "layer_norm_eps",
    "layernorm_epsilon",
    "length_penalty",
    "mamba_hidden_act",
    "max_length",
    "max_window_layers",
    "min_length",
    "mlp_hidden_act",
    "model_type",
    "moe_renormalize",
    "moe_router_activation_func",
    "moe_router_dtype",
    "mtp_use_dedicated_embeddings",
    "n_group",
    "no_repeat_ngram_size",
    "norm_eps",
    "norm_topk_prob",
    "num_beam_groups",
    "num_beams",
    "num_expert_group",
    "num_logits_to_keep",
    "num_return_sequences",
    "original_max_position_embeddings",
    "output_attentions",
    "output_hidden_states",
    "output_router_logits",
    "output_scores",
    "parallel_attn",
    "partial_rotary_factor",
    "prefix",
    "pretraining_tp",
    "problem_type",
    "pruned_heads",
    "qk_norm_type",
    "remove_invalid_values",
    "repetition_penalty",
    "rescale_prenorm_residual",
    "resid_pdrop",
    "residual_in_fp32",
    "return_dict",
    "return_dict_in_generate",
    "rms_norm_eps",
    "rope_interleave",
    "rope_parameters",
    "rope_scaling",
    "rope_theta",
    "rotary",
    "rotary_dim",
    "rotary_emb_base",
    "rotary_pct",
    "routed_scaling_factor",
    "router_aux_loss_coef",
    "router_jitter_noise",
    "scale_attn_weights",
    "scoring_func",
    "seq_aux",
    "sep_token_id",
    "summary_activation",
    "summary_first_dropout",
    "summary_proj_to_labels",
    "summary_type",
    "summary_use_proj",
    "suppress_tokens",
    "swiglu_alpha",
    "swiglu_limit",
    "task_specific_params",
    "temperature",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "time_step_floor",
    "time_step_limit",
    "time_step_max",
    "time_step_min",
    "time_step_rank",
    "tokenizer_class",
    "top_k",
    "top_p",
    "topk_group",
    "topk_method",
    "torchscript",
    "transformers_version",
    "typical_p",
    "use_bfloat16",
    "use_bidirectional_attention",
    "use_cache",
    "use_gemma_norm",
    "use_grouped_topk",
    "use_mamba_kernels",
    "use_parallel_residual",
    "use_routing_bias",
    "use_unified_vision_chunk",
    "vision_soft_tokens_per_image",
    "video_placeholder",
    "image_placeholder",
    "attn_config",
    "index_share_for_mtp_iteration",
    "index_skip_topk_offset",
    "head_dim",
    "qk_head_dim",
    "num_key_value_heads",
    "intermediate_size",
    "expand",
    "activation_situ_beta",
    "activation_situ_linear_beta",
    "num_ln_in_parallel_attn",
    "moe_shared_expert_overlap",
    "mla_use_nope",
    "experts_per_token",
    "vocab_size_per_layer_input",
    "full_attention_interval",
    "query_pre_attn_scalar",
    "router_scaling_factor",
    "attention_value_scale",
    "qkv_bias",
    "mlp_bias",
    "use_bias",
    "mamba_proj_bias",
    "use_conv_bias",
    "mlp_only_layers",
    "shared_intermediate_size",
    "n_ctx",
    "n_positions",
    "attention_bias",
    "text_config",
    "dtype",
    "torch_dtype",
];

/// Beginnings of fields that belong to other modalities or to the tokenizer.
const OTHER_MODALITIES: &[&str] =
    &["vision_", "audio_", "image_", "video_", "media_", "boa_", "boi_", "eoa_", "eoi_", "mm_"];

fn harmless(name: &str) -> bool {
    HARMLESS.contains(&name)
        || name.ends_with("_token_id")
        || name.starts_with('_')
        || OTHER_MODALITIES.iter().any(|prefix| name.starts_with(prefix))
}

/// One note that names the fields that nobody read and that are not known to be harmless.
pub(super) fn set_aside(root: &Fields<'_>, inner: Option<&Fields<'_>>) -> Option<String> {
    let unread = root.unread().into_iter().chain(inner.map(Fields::unread).unwrap_or_default());
    let mut names: Vec<&str> = unread.filter(|name| !harmless(name)).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return None;
    }
    Some(format!("fields set aside: {}", listed(&names)))
}

/// Names in one line, the first of many.
pub(super) fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 40;
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

/// Fields that every family shares; the rest of an unknown architecture is what is not understood.
const COMMON: &[&str] = &[
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "vocab_size",
    "max_position_embeddings",
    "tie_word_embeddings",
    "quantization_config",
];

/// Fields of an unknown architecture that this program has no general meaning for.
pub(super) fn not_understood<'a>(fields: &Fields<'a>) -> Vec<&'a str> {
    fields.names().filter(|name| !harmless(name) && !COMMON.contains(name)).collect()
}
