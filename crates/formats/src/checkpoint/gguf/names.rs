//! What the names and keys of a GGUF file are in a Hugging Face checkpoint.
//!
//! Known are architectures whose tensors correspond one to one: llama (Mistral and SmolLM too), qwen2, qwen3. GGUF stores
//! the rows of a llama's query and key weights in another order, since its rotary embedding pairs neighbours: row
//! 2 i + p of a head is row p * (head size / 2) + i in a Hugging Face checkpoint. Source: ggml's GGUF specification for
//! keys, and the published conversion script of llama.cpp for names and the order of rows.

use serde_json::{Map, Value, json};

use super::Header;

/// A file in Hugging Face terms.
#[derive(Debug)]
pub(in crate::checkpoint) struct Translation {
    /// The name of each tensor, in the order of the header.
    pub names: Vec<String>,
    /// The rows of a head of each tensor whose rows are in GGUF's order.
    pub heads: Vec<Option<usize>>,
    /// The configuration.
    pub config: Value,
}

struct Architecture {
    name: &'static str,
    class: &'static str,
    /// Whether rows of query and key weights are in GGUF's order.
    turned: bool,
}

const KNOWN: [Architecture; 3] = [
    Architecture { name: "llama", class: "LlamaForCausalLM", turned: true },
    Architecture { name: "qwen2", class: "Qwen2ForCausalLM", turned: false },
    Architecture { name: "qwen3", class: "Qwen3ForCausalLM", turned: false },
];

/// Names outside layers.
const OUTSIDE: [(&str, &str); 3] = [
    ("token_embd.weight", "model.embed_tokens.weight"),
    ("output_norm.weight", "model.norm.weight"),
    ("output.weight", "lm_head.weight"),
];

/// Names of modules inside a layer.
const INSIDE: [(&str, &str); 11] = [
    ("attn_norm", "input_layernorm"),
    ("ffn_norm", "post_attention_layernorm"),
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_output", "self_attn.o_proj"),
    ("attn_q_norm", "self_attn.q_norm"),
    ("attn_k_norm", "self_attn.k_norm"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj"),
];

type Result<T> = std::result::Result<T, String>;

/// Puts a file into Hugging Face terms.
///
/// # Errors
/// What is not known: the architecture, a tensor, or a setting.
pub(in crate::checkpoint) fn translate(header: &Header) -> Result<Translation> {
    let found = header.keys.get("general.architecture").and_then(Value::as_str);
    let found = found.ok_or("the GGUF file has no general.architecture")?;
    let architecture = KNOWN.iter().find(|a| a.name == found).ok_or_else(|| {
        let known = KNOWN.map(|a| a.name).join(", ");
        format!("the names of GGUF architecture {found:?} are not known; known are {known}")
    })?;
    let keys = Keys { architecture: found, keys: &header.keys };
    let sizes = Sizes::of(&keys)?;
    let mut names = Vec::with_capacity(header.tensors.len());
    let mut heads = Vec::with_capacity(header.tensors.len());
    for t in &header.tensors {
        let (name, part) = hf_name(&t.name, sizes.layers)
            .ok_or_else(|| format!("tensor {:?} has no known place in a {}", t.name, architecture.class))?;
        let turned = architecture.turned && matches!(part, Some("attn_q" | "attn_k"));
        if turned && t.shape.len() != 2 {
            return Err(format!("{:?}: biases of rotated rows are not supported", t.name));
        }
        let head = turned.then_some(sizes.head);
        if head.is_some_and(|h| !t.shape[0].is_multiple_of(h as u64)) {
            return Err(format!("{:?}: {} rows are no heads of {} rows", t.name, t.shape[0], sizes.head));
        }
        names.push(name);
        heads.push(head);
    }
    let config = config(&keys, &sizes, architecture, header)?;
    Ok(Translation { names, heads, config })
}

/// The name, and the part of a layer that it belongs to.
fn hf_name(name: &str, layers: u64) -> Option<(String, Option<&'static str>)> {
    if let Some((_, hf)) = OUTSIDE.iter().find(|(gguf, _)| *gguf == name) {
        return Some(((*hf).to_owned(), None));
    }
    let (layer, rest) = name.strip_prefix("blk.")?.split_once('.')?;
    let (part, kind) = rest.rsplit_once('.')?;
    let (part, hf) = INSIDE.iter().find(|(gguf, _)| *gguf == part)?;
    let number: u64 = layer.parse().ok()?;
    let plain = number < layers && number.to_string() == layer && matches!(kind, "weight" | "bias");
    plain.then(|| (format!("model.layers.{layer}.{hf}.{kind}"), Some(*part)))
}

struct Keys<'a> {
    architecture: &'a str,
    keys: &'a Map<String, Value>,
}

impl Keys<'_> {
    fn get(&self, key: &str) -> Option<&Value> {
        self.keys.get(&format!("{}.{key}", self.architecture))
    }

    fn missing(&self, key: &str, what: &str) -> String {
        format!("the GGUF file has no {}.{key}, {what}", self.architecture)
    }

    /// A count above zero.
    fn count(&self, key: &str) -> Result<u64> {
        let count = self.get(key).and_then(Value::as_u64).filter(|&n| n > 0);
        count.ok_or_else(|| self.missing(key, "a whole number"))
    }

    fn number(&self, key: &str) -> Result<f64> {
        self.get(key).and_then(Value::as_f64).map(tidy).ok_or_else(|| self.missing(key, "a number"))
    }
}

/// An FP32 number as people write it: 1e-5 instead of 9.999999747378752e-6.
fn tidy(x: f64) -> f64 {
    (x as f32).to_string().parse().unwrap_or(x)
}

struct Sizes {
    layers: u64,
    heads: u64,
    kv_heads: u64,
    head: usize,
}

impl Sizes {
    fn of(keys: &Keys<'_>) -> Result<Sizes> {
        let heads = keys.count("attention.head_count")?;
        // Both keys may be left out: then every head has its own keys, and heads share the width.
        let kv_heads = keys.get("attention.head_count_kv").map(|_| keys.count("attention.head_count_kv"));
        let head = match keys.get("attention.key_length") {
            Some(_) => keys.count("attention.key_length")?,
            None => keys.count("embedding_length")? / heads,
        };
        if head == 0 || !head.is_multiple_of(2) {
            return Err(format!("a head of {head} rows cannot be rotated; an even number is expected"));
        }
        let head = usize::try_from(head).map_err(|_| format!("a head of {head} rows is not believable"))?;
        Ok(Sizes { layers: keys.count("block_count")?, heads, kv_heads: kv_heads.unwrap_or(Ok(heads))?, head })
    }
}

fn config(keys: &Keys<'_>, sizes: &Sizes, architecture: &Architecture, header: &Header) -> Result<Value> {
    let embedding = header.tensors.iter().find(|t| t.name == "token_embd.weight");
    let vocabulary = embedding.and_then(|t| t.shape.first()).ok_or("the GGUF file has no token_embd.weight")?;
    let mut config = Map::new();
    let mut set = |key: &str, value: Value| {
        config.insert(key.to_owned(), value);
    };
    set("architectures", json!([architecture.class]));
    set("model_type", json!(architecture.name));
    set("hidden_act", json!("silu"));
    set("hidden_size", json!(keys.count("embedding_length")?));
    set("intermediate_size", json!(keys.count("feed_forward_length")?));
    set("num_hidden_layers", json!(sizes.layers));
    set("num_attention_heads", json!(sizes.heads));
    set("num_key_value_heads", json!(sizes.kv_heads));
    set("head_dim", json!(sizes.head));
    set("vocab_size", json!(vocabulary));
    set("max_position_embeddings", json!(keys.count("context_length")?));
    set("rms_norm_eps", json!(keys.number("attention.layer_norm_rms_epsilon")?));
    if keys.get("rope.freq_base").is_some() {
        set("rope_theta", json!(keys.number("rope.freq_base")?));
    }
    if let Some(scaling) = rope_scaling(keys)? {
        set("rope_scaling", scaling);
    }
    set("tie_word_embeddings", json!(!header.tensors.iter().any(|t| t.name == "output.weight")));
    for (key, gguf) in
        [("bos_token_id", "tokenizer.ggml.bos_token_id"), ("eos_token_id", "tokenizer.ggml.eos_token_id")]
    {
        if let Some(id) = keys.keys.get(gguf).filter(|id| id.is_u64()) {
            set(key, id.clone());
        }
    }
    set("torch_dtype", json!("bfloat16"));
    Ok(Value::Object(config))
}

fn rope_scaling(keys: &Keys<'_>) -> Result<Option<Value>> {
    Ok(match keys.get("rope.scaling.type").and_then(Value::as_str) {
        None | Some("none") => None,
        Some("linear") => Some(json!({ "rope_type": "linear", "factor": keys.number("rope.scaling.factor")? })),
        Some("yarn") => Some(json!({
            "rope_type": "yarn",
            "factor": keys.number("rope.scaling.factor")?,
            "original_max_position_embeddings": keys.count("rope.scaling.original_context_length")?,
        })),
        Some(other) => return Err(format!("rope.scaling.type {other:?} is not known; none, linear and yarn are")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::{Dtype, RawTensor};

    fn header(architecture: &str, tensors: &[(&str, &[u64])]) -> Header {
        let mut keys = Map::new();
        keys.insert("general.architecture".to_owned(), json!(architecture));
        for (key, value) in [
            ("block_count", json!(2)),
            ("embedding_length", json!(64)),
            ("feed_forward_length", json!(96)),
            ("context_length", json!(2048)),
            ("attention.head_count", json!(4)),
            ("attention.head_count_kv", json!(2)),
            ("attention.layer_norm_rms_epsilon", json!(1e-5f32)),
            ("rope.freq_base", json!(100_000f32)),
        ] {
            keys.insert(format!("{architecture}.{key}"), value);
        }
        let raw = |&(name, shape): &(&str, &[u64])| RawTensor {
            name: name.to_owned(),
            dtype: Dtype::F32,
            shape: shape.to_vec(),
            file: 0,
            offset: 0,
            len: 0,
        };
        Header { tensors: tensors.iter().map(raw).collect(), keys }
    }

    const SOME: [(&str, &[u64]); 4] = [
        ("token_embd.weight", &[100, 64]),
        ("blk.1.attn_k.weight", &[32, 64]),
        ("blk.0.ffn_down.weight", &[64, 96]),
        ("output_norm.weight", &[64]),
    ];

    #[test]
    fn a_llama_is_put_into_hugging_face_terms() {
        let got = translate(&header("llama", &SOME)).expect("known");
        let expected = [
            "model.embed_tokens.weight",
            "model.layers.1.self_attn.k_proj.weight",
            "model.layers.0.mlp.down_proj.weight",
            "model.norm.weight",
        ];
        assert_eq!(got.names, expected);
        assert_eq!(got.heads, [None, Some(16), None, None]);
        let config = json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": 64,
            "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
            "head_dim": 16, "vocab_size": 100, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5,
            "rope_theta": 100000.0, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
        });
        assert_eq!(got.config, config);
        assert_eq!(translate(&header("qwen3", &SOME)).expect("known").heads, [None; 4]);
    }

    #[test]
    fn what_is_not_known_is_named() {
        let wrong = |h: Header| translate(&h).expect_err("unknown");
        assert!(wrong(header("gemma3", &SOME)).contains("\"gemma3\" are not known; known are llama, qwen2, qwen3"));
        for name in ["blk.2.attn_k.weight", "blk.01.attn_k.weight", "rope_freqs.weight", "blk.0.ffn_up_exps.weight"] {
            assert!(wrong(header("llama", &[SOME[0], (name, &[32, 64])])).contains(name));
        }
        assert!(wrong(header("llama", &[SOME[0], ("blk.0.attn_q.bias", &[64])])).contains("biases"));
        let mut lacking = header("llama", &SOME);
        lacking.keys.remove("llama.context_length");
        assert!(wrong(lacking).contains("llama.context_length"));
    }
}
