//! Files that are wrong, strange or hostile: every fault at once, with its place, and never a panic.

use std::fs;
use std::path::PathBuf;

use catalog::model::{entries, from_text, load, parameters, read};
use catalog::{Diagnostic, Model};
use proptest::prelude::*;

const LLAMA: &str = r#"{
  "architectures": ["LlamaForCausalLM"],
  "hidden_size": 4096,
  "intermediate_size": 14336,
  "num_hidden_layers": 32,
  "num_attention_heads": 32,
  "num_key_value_heads": 8,
  "vocab_size": 128256,
  "max_position_embeddings": 8192,
  "torch_dtype": "bfloat16"
}"#;

fn parse(text: &str) -> Result<Model, Vec<Diagnostic>> {
    from_text("test", "config.json", text, None)
}

fn faults(text: &str) -> Vec<Diagnostic> {
    parse(text).expect_err("a faulty file")
}

fn messages(text: &str) -> String {
    faults(text).iter().map(|d| format!("{d}\n")).collect()
}

/// An empty folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("steelyard-model-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).expect("a temporary folder");
    folder
}

#[test]
fn all_faults_at_once_with_their_places() {
    let text = LLAMA
        .replace("\"hidden_size\": 4096", "\"hidden_size\": -4096")
        .replace("\"num_hidden_layers\": 32", "\"num_hidden_layers\": NaN")
        .replace("\"num_key_value_heads\": 8", "\"num_key_value_heads\": \"8\"")
        .replace("  \"vocab_size\": 128256,\n", "")
        .replace("\"max_position_embeddings\": 8192", "\"max_position_embeddings\": 1e300");
    let places: Vec<_> = faults(&text).iter().map(|d| (d.code, d.line, d.column)).collect();
    for expected in [
        ("model/out-of-range", 3, 18),
        ("model/out-of-range", 5, 24),
        ("model/wrong-type", 7, 26),
        ("model/missing-field", 1, 1),
        ("model/out-of-range", 8, 30),
    ] {
        assert!(places.contains(&expected), "{expected:?} in {places:?}");
    }
    assert!(messages(&text).contains("config.json:3:18: `hidden_size` is -4096, expected a whole number from 1"));
}

#[test]
fn fields_at_odds_are_faults() {
    assert!(
        messages(&LLAMA.replace("_value_heads\": 8", "_value_heads\": 5")).contains("32 query heads do not divide")
    );
    let twice = LLAMA.replace("\"vocab_size\"", "\"vocab_size\": 7, \"vocab_size\"");
    assert!(messages(&twice).contains("`vocab_size` is written twice"));
    let absurd = LLAMA.replace("14336", "16000000").replace("4096", "16000000");
    assert!(messages(&absurd).contains("no such model exists"));
    let moe = r#"{"architectures": ["MixtralForCausalLM"], "hidden_size": 64, "intermediate_size": 64, "vocab_size": 9,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_local_experts": 4, "num_experts_per_tok": 5,
        "max_position_embeddings": 10}"#;
    assert!(messages(moe).contains("a token cannot go to 5 of 4 experts"));
    let short = LLAMA.replace("\"vocab_size\"", "\"layer_types\": [\"full_attention\"], \"vocab_size\"");
    assert!(messages(&short).contains("`layer_types` has 1 entries for 32 layers"));
}

#[test]
fn an_unknown_architecture_names_what_is_not_understood() {
    let text = LLAMA
        .replace("LlamaForCausalLM", "OuroborosForCausalLM")
        .replace("\"vocab_size\"", "\"ring_width\": 3, \"tail_heads\": 5, \"vocab_size\"");
    let list = faults(&text);
    assert_eq!(list.len(), 1);
    assert_eq!((list[0].code, list[0].line), ("model/unknown-architecture", 2));
    assert!(
        list[0].message.ends_with("`OuroborosForCausalLM` is not known; fields not understood: ring_width, tail_heads")
    );
    assert!(messages("{}").contains("`architectures` is missing"));
}

#[test]
fn fields_set_aside_are_noted() {
    let noted = |text: &str| parse(text).expect("a model").notes.join("; ");
    assert_eq!(noted(LLAMA), "");
    let strange = LLAMA.replace("\"vocab_size\"", "\"rope_theta\": 1e6, \"memory_layers\": 4, \"vocab_size\"");
    assert_eq!(noted(&strange), "fields set aside: memory_layers");
}

#[test]
fn quantization_is_read_or_refused() {
    let with =
        |config: &str| LLAMA.replace("\"vocab_size\"", &format!("\"quantization_config\": {config}, \"vocab_size\""));
    let experts = |config: &str| parse(&with(config)).expect("a model").weights.dense.to_string();
    assert_eq!(experts(r#"{"quant_method": "fp8"}"#), "fp8");
    assert_eq!(
        experts(r#"{"quant_method": "fp8", "weight_block_size": [128, 128], "scale_fmt": "ue8m0"}"#),
        "ue8m0-fp8"
    );
    assert_eq!(experts(r#"{"quant_method": "awq", "bits": 4, "group_size": 128}"#), "int4");
    assert_eq!(experts(r#"{"quant_method": "gptq", "bits": 8, "group_size": -1}"#).as_str(), "int8");
    assert_eq!(experts(r#"{"quant_method": "mxfp8"}"#), "mxfp8");
    assert_eq!(experts(r#"{"quant_method": "modelopt", "quant_algo": "NVFP4"}"#), "nvfp4");
    let groups = r#"{"quant_method": "compressed-tensors", "ignore": ["re:.*self_attn.*"], "config_groups":
        {"a": {"targets": ["Linear"], "weights": {"num_bits": 8, "type": "int", "strategy": "channel"}}}}"#;
    assert_eq!(experts(groups), "int8");
    assert!(messages(&with(r#"{"quant_method": "magic"}"#)).contains("quantization `magic` is not known"));
    assert!(messages(&with(r#"{"quant_method": "awq", "bits": 3}"#)).contains("3-bit integers are not known"));
    assert!(messages(&with(r#"{"quant_method": "fp8", "scale_fmt": "e5"}"#)).contains("`scale_fmt` is `e5`"));
    let beside =
        Some(("hf_quant_config.json", r#"{"quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}}"#));
    let model = from_text("t", "config.json", LLAMA, beside).expect("a model");
    assert_eq!(model.weights.attention.to_string(), "fp8");
    assert_eq!(model.kv.map(|kv| kv.to_string()).as_deref(), Some("fp8"));
    let broken = from_text("t", "config.json", LLAMA, Some(("hf_quant_config.json", "{"))).expect_err("broken");
    assert_eq!(broken[0].file, "hf_quant_config.json");
}

#[test]
fn native_sparse_attention() {
    let text = r#"{"architectures": ["NSAForCausalLM"], "model_type": "nsa", "hidden_size": 2048, "num_hidden_layers": 24,
        "num_heads": 64, "num_kv_heads": 4, "head_dim": 32, "block_size": 64, "block_counts": 16, "window_size": 512,
        "intermediate_size": 8192, "vocab_size": 32000, "max_position_embeddings": 8192, "torch_dtype": "bfloat16"}"#;
    let model = parse(text).expect("a model");
    let catalog::Attention::Gqa(gqa) = &model.layers[0].attention else { panic!("grouped-query attention") };
    let sparse = gqa.sparse.as_ref().expect("sparse");
    assert_eq!((sparse.top_tokens, sparse.index_block), (16 * 64 + 512, 64));
    // Keys and values of 4 heads x 32, and a compressed pair for each 64 tokens.
    let bytes = catalog::model::kv_bytes_per_token(&model, formats::Scheme::BF16);
    assert_eq!(bytes, 24.0 * 512.0 * (1.0 + 1.0 / 64.0));
}

#[test]
fn a_folder_is_read_with_what_lies_beside() {
    let folder = folder("beside");
    fs::write(folder.join("config.json"), LLAMA).expect("written");
    fs::write(folder.join("hf_quant_config.json"), r#"{"quantization": {"quant_algo": "NVFP4"}}"#).expect("written");
    for path in [folder.clone(), folder.join("config.json")] {
        let model = load(&path.display().to_string(), None).expect("a model");
        assert_eq!(model.weights.dense.to_string(), "nvfp4");
        assert!(model.id.starts_with("steelyard-model-"));
    }
    fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn a_catalog_of_the_users_own_comes_first() {
    let folder = folder("catalog");
    fs::create_dir_all(folder.join("models")).expect("a folder");
    fs::write(folder.join("models/llama-3.1-8b.json"), LLAMA.replace(": 32,", ": 16,")).expect("written");
    let model = load("llama-3.1-8b", Some(&folder)).expect("a model");
    assert_eq!((model.num_layers(), model.id.as_str()), (16, "llama-3.1-8b"));
    assert_eq!(load("llama-3.1-70b", Some(&folder)).expect("built in").num_layers(), 80);
    // A name never leads out of the folder.
    assert!(load("../models/llama-3.1-8b", Some(&folder)).is_err());
    fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn unreadable_and_oversized_files_are_refused() {
    let folder = folder("large");
    let code = |path: PathBuf| read(&path).expect_err("not a model")[0].code;
    assert_eq!(code(folder.join("missing.json")), "model/unreadable");
    assert_eq!(code(folder.clone()), "model/unreadable");
    let large = folder.join("large.json");
    // A gigabyte that takes no room on disk.
    fs::File::create(&large).and_then(|f| f.set_len(1 << 30)).expect("written");
    assert_eq!(code(large), "model/too-large");
    let binary = folder.join("binary.json");
    fs::write(&binary, [0xff, 0xfe, 0x00]).expect("written");
    assert_eq!(code(binary), "model/not-utf8");
    fs::remove_dir_all(folder).expect("removed");
}

/// The text of a built-in file.
fn built_in(index: usize) -> String {
    let entries = entries();
    let id = &entries[index % entries.len()].id;
    let path = format!("{}/../../catalog/models/{id}.json", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(path).expect("a built-in file")
}

/// Values that nobody should write.
const STRANGE: &[&str] = &[
    "0",
    "-1",
    "1.5",
    "1e308",
    "NaN",
    "-Infinity",
    "18446744073709551616",
    "65536",
    "10000",
    "null",
    "true",
    "\"\"",
    "[]",
    "{}",
    "[1, [2]]",
    "\"re:(a|b|c)(d|e)*\"",
    "2147483648",
    "[\"*\"]",
];

/// Replaces the `nth` value after a colon by `value`.
fn replace_value(text: &str, nth: usize, value: &str) -> String {
    let colons: Vec<usize> = text.match_indices(": ").map(|(i, _)| i + 2).collect();
    let start = colons[nth % colons.len()];
    let end = text[start..].find([',', '\n', '}']).map_or(text.len(), |i| start + i);
    format!("{}{value}{}", &text[..start], &text[end..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A mutated file is a model whose parts add up, or faults; it never panics.
    #[test]
    fn mutated_files_never_panic(
        index in 0usize..1000,
        edits in prop::collection::vec((0usize..1000, 0..STRANGE.len()), 0..4),
        cut in prop::option::of(0usize..4000),
        splice in prop::option::of((0usize..4000, any::<char>())),
        line in prop::option::of(0usize..200),
    ) {
        let mut text = built_in(index);
        for (nth, strange) in edits {
            text = replace_value(&text, nth, STRANGE[strange]);
        }
        if let Some(line) = line {
            let kept: Vec<&str> = text.lines().enumerate().filter(|(i, _)| *i != line).map(|(_, l)| l).collect();
            text = kept.join("\n");
        }
        if let Some((at, c)) = splice && text.is_char_boundary(at.min(text.len())) {
            text.insert(at.min(text.len()), c);
        }
        if let Some(cut) = cut && cut < text.len() && text.is_char_boundary(cut) {
            text.truncate(cut);
        }
        match parse(&text) {
            Ok(model) => {
                let p = parameters(&model);
                let parts = p.embedding + p.head + p.attention + p.attention_out + p.dense + p.experts + p.other;
                prop_assert_eq!(parts, p.total);
                prop_assert!(p.active <= p.total && p.total <= 1_000_000_000_000_000);
                prop_assert!(model.num_layers() >= 1 && model.num_layers() <= 10_000);
            }
            Err(faults) => prop_assert!(!faults.is_empty()),
        }
    }

    /// Any text at all.
    #[test]
    fn any_text_never_panics(text in ".{0,200}", quant in ".{0,50}") {
        prop_assert!(parse(&text).is_err());
        prop_assert!(from_text("t", "f", LLAMA, Some(("q", &quant))).is_err());
    }

    /// More layers, wider layers and more experts never mean fewer parameters.
    #[test]
    fn parameters_grow_with_every_dimension(layers in 1u64..100, inner in 1u64..10_000, experts in 8u64..200) {
        let text = |layers: u64, inner: u64, experts: u64| format!(
            r#"{{"architectures": ["MixtralForCausalLM"], "hidden_size": 64, "intermediate_size": {inner}, "vocab_size": 9,
            "num_hidden_layers": {layers}, "num_attention_heads": 4, "num_local_experts": {experts},
            "num_experts_per_tok": 2, "max_position_embeddings": 10}}"#
        );
        let total = |l, i, e| parameters(&parse(&text(l, i, e)).expect("a model")).total;
        let base = total(layers, inner, experts);
        prop_assert!(total(layers + 1, inner, experts) > base);
        prop_assert!(total(layers, inner + 1, experts) > base);
        prop_assert!(total(layers, inner, experts + 1) > base);
    }
}
