//! `config.json` and its `quantization_config`, rewritten together with the tensors.

use serde_json::{Map, Value, json};

use super::{Layout, Options};
use crate::{Container, Element};

/// The configuration of the output: unknown keys stay, `quantization_config` says what the tensors are.
pub(super) fn rewrite(source: &Value, layout: Layout, options: &Options, kept: &[String]) -> Value {
    let Some(root) = source.as_object() else { return source.clone() };
    let mut root = root.clone();
    let old = root.get("quantization_config").and_then(Value::as_object).cloned().unwrap_or_default();
    let kept = carry(&old, kept);
    if options.container == Container::Bf16 {
        // shift_remove keeps the order of the other keys.
        root.shift_remove("quantization_config");
        root.shift_remove("compression_config");
        for key in ["torch_dtype", "dtype"] {
            if root.contains_key(key) {
                root.insert(key.to_owned(), json!("bfloat16"));
            }
        }
        return Value::Object(root);
    }
    let new = match layout {
        Layout::DeepSeek => deepseek(&old, options, &kept),
        Layout::CompressedTensors => compressed_tensors(options.container, &kept),
        Layout::ModelOpt => modelopt(options.container, &kept),
        Layout::GptOss => json!({ "quant_method": "mxfp4", "modules_to_not_convert": kept }),
        Layout::Steelyard | Layout::Plain => json!({
            "quant_method": "steelyard",
            "format": options.container.name(),
            "scale_rule": options.rule.unwrap_or(options.container.default_rule()).name(),
            "ignore": kept,
        }),
    };
    root.insert("quantization_config".to_owned(), new);
    if layout == Layout::DeepSeek && options.container == Container::Mx(Element::E2m1) {
        root.insert("expert_dtype".to_owned(), json!("fp4"));
    }
    Value::Object(root)
}

/// Modules that stay: those that the source names, and those that we keep.
fn carry(old: &Map<String, Value>, kept: &[String]) -> Vec<String> {
    let named = ["modules_to_not_convert", "ignore", "ignored_layers", "exclude_modules"];
    let mut all: Vec<String> = named
        .iter()
        .filter_map(|key| old.get(*key).and_then(Value::as_array))
        .flatten()
        .filter_map(|v| v.as_str().map(str::to_owned))
        .collect();
    for name in kept {
        if !all.contains(name) {
            all.push(name.clone());
        }
    }
    all
}

fn deepseek(old: &Map<String, Value>, options: &Options, kept: &[String]) -> Value {
    let same_family = matches!(old.get("quant_method").and_then(Value::as_str), Some("fp8" | "mxfp8"));
    let mut q = if same_family { old.clone() } else { Map::new() };
    let mut set = |key: &str, value: Value| {
        q.insert(key.to_owned(), value);
    };
    let mx = options.container == Container::Mx(Element::E4m3);
    set("quant_method", json!(if mx { "mxfp8" } else { "fp8" }));
    set("fmt", json!("e4m3"));
    set("weight_block_size", if mx { json!([1, 32]) } else { json!([128, 128]) });
    if options.container != Container::DEEPSEEK_FP32 {
        set("scale_fmt", json!("ue8m0"));
    }
    if !kept.is_empty() {
        set("modules_to_not_convert", json!(kept));
    }
    if options.container == Container::DEEPSEEK_FP32 {
        q.shift_remove("scale_fmt");
    }
    q.entry("activation_scheme").or_insert_with(|| json!("dynamic"));
    Value::Object(q)
}

fn compressed_tensors(container: Container, kept: &[String]) -> Value {
    let (format, bits, strategy, size, scale) = match container {
        Container::Nvfp4 => ("nvfp4-pack-quantized", 4, "tensor_group", json!(16), json!("torch.float8_e4m3fn")),
        Container::Mx(Element::E2m1) => ("mxfp4-pack-quantized", 4, "group", json!(32), json!("torch.uint8")),
        Container::Mx(Element::E2m3) => ("mxfp6-pack-quantized", 6, "group", json!(32), json!("torch.uint8")),
        Container::Mx(_) => ("mxfp8-quantized", 8, "group", json!(32), json!("torch.uint8")),
        _ => ("float-quantized", 8, "block", Value::Null, Value::Null),
    };
    let block = if strategy == "block" { json!([128, 128]) } else { Value::Null };
    json!({
        "quant_method": "compressed-tensors",
        "format": format,
        "quantization_status": "compressed",
        "global_compression_ratio": null,
        "kv_cache_scheme": null,
        "ignore": kept,
        "config_groups": {
            "group_0": {
                "targets": ["Linear"],
                "weights": {
                    "num_bits": bits,
                    "type": "float",
                    "symmetric": true,
                    "dynamic": false,
                    "strategy": strategy,
                    "group_size": size,
                    "block_structure": block,
                    "scale_dtype": scale,
                },
                "input_activations": null,
                "output_activations": null,
                "format": format,
            }
        },
    })
}

fn modelopt_algorithm(container: Container) -> (&'static str, u32) {
    if container == Container::Nvfp4 { ("NVFP4", 16) } else { ("MXFP8", 32) }
}

fn modelopt(container: Container, kept: &[String]) -> Value {
    let (algorithm, size) = modelopt_algorithm(container);
    json!({
        "quant_method": "modelopt",
        "quant_algo": algorithm,
        "kv_cache_scheme": null,
        "ignore": kept,
        "config_groups": {
            "group_0": {
                "targets": ["Linear"],
                "weights": {
                    "dynamic": false,
                    "num_bits": if algorithm == "NVFP4" { 4 } else { 8 },
                    "type": "float",
                    "group_size": size,
                },
            }
        },
        "producer": { "name": "steelyard", "version": env!("CARGO_PKG_VERSION") },
    })
}

/// The text of `hf_quant_config.json`.
pub(super) fn modelopt_file(options: &Options, kept: &[String]) -> Value {
    let (algorithm, size) = modelopt_algorithm(options.container);
    json!({
        "producer": { "name": "steelyard", "version": env!("CARGO_PKG_VERSION") },
        "quantization": {
            "quant_algo": algorithm,
            "kv_cache_quant_algo": null,
            "group_size": size,
            "exclude_modules": kept,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_stay_and_scale_fmt_is_never_dropped() {
        let source = json!({
            "model_type": "deepseek_v3", "future": {"a": 1},
            "quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128], "novel": 7},
        });
        let got = rewrite(&source, Layout::DeepSeek, &Options::to(Container::DEEPSEEK_UE8M0), &["lm_head".to_owned()]);
        assert_eq!(got["future"]["a"], 1);
        let q = &got["quantization_config"];
        assert_eq!((&q["novel"], &q["scale_fmt"]), (&json!(7), &json!("ue8m0")));
        assert_eq!(q["modules_to_not_convert"], json!(["lm_head"]));
        assert_eq!(q["activation_scheme"], "dynamic");
        let keys: Vec<&String> = got.as_object().expect("object").keys().collect();
        assert_eq!(keys, ["model_type", "future", "quantization_config"]);
    }

    #[test]
    fn bf16_has_no_quantization_config() {
        let source = json!({"torch_dtype": "float32", "quantization_config": {"quant_method": "fp8"}, "x": 1});
        let got = rewrite(&source, Layout::Plain, &Options::to(Container::Bf16), &[]);
        assert_eq!(got, json!({"torch_dtype": "bfloat16", "x": 1}));
    }

    #[test]
    fn ignored_modules_are_carried_across_families() {
        let source = json!({"quantization_config": {"quant_method": "fp8", "modules_to_not_convert": ["gate"]}});
        let got = rewrite(&source, Layout::CompressedTensors, &Options::to(Container::Nvfp4), &["lm_head".to_owned()]);
        assert_eq!(got["quantization_config"]["ignore"], json!(["gate", "lm_head"]));
        assert_eq!(got["quantization_config"]["format"], "nvfp4-pack-quantized");
    }
}
