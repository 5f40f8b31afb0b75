//! The built-in models against what their publishers say of them.

use catalog::model::{Parameters, cache, entries, kv_bytes_per_token, load, parameters, resolve, weight_bytes};
use catalog::{Attention, Model};
use formats::Scheme;

fn model(name: &str) -> Model {
    load(name, None).unwrap_or_else(|faults| panic!("{name}: {faults:?}"))
}

fn counts(name: &str) -> Parameters {
    parameters(&model(name))
}

fn scheme(name: &str) -> Scheme {
    Scheme::from_name(name).expect("a known scheme")
}

/// `value` is within `tolerance` of `published`.
fn near(name: &str, value: f64, published: f64, tolerance: f64) {
    let off = (value / published - 1.0).abs();
    assert!(off <= tolerance, "{name}: {value:.4e}, published {published:.4e}, off by {:.2} %", off * 100.0);
}

#[test]
fn dense_totals_are_exact() {
    // Sums over the tensors of the published checkpoints.
    for (name, total) in [
        ("llama-2-7b", 6_738_415_616),
        ("llama-3.1-8b", 8_030_261_248),
        ("llama-3.1-70b", 70_553_706_496),
        ("llama-3.1-405b", 405_853_388_800),
        ("qwen2.5-7b", 7_615_616_512),
        ("qwen3-0.6b", 596_049_920),
        ("qwen3-8b", 8_190_735_360),
        ("qwen3-32b", 32_762_123_264),
    ] {
        assert_eq!(counts(name).total, total, "{name}");
    }
    // Untied, the 0.6B model would have 0.75e9: 0.596 and another 151,936 x 1,024.
    let small = Model { tied_embeddings: false, ..model("qwen3-0.6b") };
    assert_eq!(parameters(&small).total, 596_049_920 + 151_936 * 1024);
}

#[test]
fn mixture_totals_are_exact() {
    for (name, total) in [
        ("mixtral-8x7b", 46_702_792_704),
        ("qwen3-30b-a3b", 30_532_122_624),
        ("qwen3-235b-a22b", 235_093_634_560),
        ("gpt-oss-20b", 20_914_757_184),
        ("gpt-oss-120b", 116_829_156_672),
    ] {
        assert_eq!(counts(name).total, total, "{name}");
    }
}

/// Total and active parameters as published, in 1e9, each with its tolerance: half of the last digit that is published,
/// or more where the reason is given. Active counts embedding and head.
const ROUNDED: &[(&str, f64, f64, f64, f64)] = &[
    ("mixtral-8x7b", 46.7, 0.001, 12.9, 0.004),
    ("mixtral-8x22b", 140.6, 0.001, 39.0, 0.005),
    ("qwen3-30b-a3b", 30.5, 0.002, 3.3, 0.02),
    ("qwen3-235b-a22b", 235.0, 0.002, 22.0, 0.02),
    ("qwen3-coder-480b-a35b", 480.0, 0.001, 35.0, 0.015),
    ("deepseek-v2", 236.0, 0.002, 21.0, 0.02),
    ("deepseek-v2-lite", 15.7, 0.002, 2.4, 0.11), // the 0.21 of the embedding is left out there
    ("deepseek-v3", 671.0, 0.0005, 37.0, 0.015),
    ("deepseek-v4-pro", 1600.0, 0.02, 49.0, 0.02), // 1,573 and 26 of the MTP module
    ("deepseek-v4-flash", 284.0, 0.002, 13.0, 0.065), // 13.3 without the embedding
    ("kimi-k2", 1030.0, 0.005, 32.0, 0.03),
    ("kimi-k3", 2779.93, 0.0005, 104.0, 0.015), // without the embedding 104.2
    ("glm-4.5-air", 106.0, 0.01, 12.0, 0.12),   // 12.2 without embedding and head
    ("glm-4.5", 355.0, 0.01, 32.0, 0.055),
    ("glm-5", 744.0, 0.001, 40.0, 0.05),        // 39.9 without embedding and head
    ("minimax-m2.5", 230.0, 0.006, 10.0, 0.11), // 9.8 without embedding and head
    ("minimax-m3", 428.0, 0.006, 23.0, 0.13),   // 23.5 without them; 428 has the vision tower
    ("llama-4-maverick", 400.0, 0.005, 17.0, 0.012),
    ("llama-4-scout", 109.0, 0.015, 17.0, 0.012), // 109 has the vision tower
    ("qwen3.5-35b-a3b", 35.0, 0.015, 3.0, 0.16),
    ("qwen3.5-122b-a10b", 122.0, 0.002, 10.0, 0.03),
    ("qwen3.5-397b-a17b", 397.0, 0.002, 17.0, 0.025),
    ("nemotron-3-nano-30b-a3b", 31.6, 0.001, 3.6, 0.01),
    ("nemotron-3-super-120b-a12b", 120.6, 0.001, 12.7, 0.01),
    ("nemotron-3-ultra-550b-a55b", 550.0, 0.002, 55.0, 0.02),
    ("gemma-4-26b-a4b", 25.2, 0.002, 3.8, 0.01),
];

#[test]
fn totals_and_active_agree_with_rounded_figures() {
    for &(name, total, total_tolerance, active, active_tolerance) in ROUNDED {
        let p = counts(name);
        near(&format!("{name} total"), p.total as f64, total * 1e9, total_tolerance);
        near(&format!("{name} active"), p.active as f64, active * 1e9, active_tolerance);
    }
    for (name, total, tolerance) in
        [("qwen3.5-9b", 9.0, 0.006), ("qwen3.5-27b", 27.0, 0.005), ("falcon-180b", 179.52, 0.0001)]
    {
        near(name, counts(name).total as f64, total * 1e9, tolerance);
    }
}

#[test]
fn gpt_oss_by_part() {
    // The model card: 120b has 114.71 in feed-forward, 0.96 in attention, 1.16 in both tables; active 5.13 counts the
    // head but not the embedding.
    let p = counts("gpt-oss-120b");
    let feed_forward = p.experts as f64 + 128.0 * 2880.0 * 36.0;
    near("feed-forward", feed_forward, 114.71e9, 0.0005);
    near("attention", (p.attention + p.attention_out) as f64, 0.96e9, 0.005);
    near("tables", (p.embedding + p.head) as f64, 1.16e9, 0.002);
    near("active", (p.active - p.embedding) as f64, 5.13e9, 0.001);
    let p = counts("gpt-oss-20b");
    near("active of 20b", (p.active - p.embedding) as f64, 3.61e9, 0.002);
}

#[test]
fn multi_token_prediction_is_apart() {
    // DeepSeek-V3's module: 11.5e9 of its own beside the embedding and head that it shares.
    near("deepseek-v3", counts("deepseek-v3").mtp as f64, 11.5e9, 0.01);
    assert_eq!(counts("llama-3.1-8b").mtp, 0);
}

#[test]
fn kv_bytes_per_token_agree() {
    for (name, bytes) in [
        ("llama-3.1-8b", 131_072.0),
        ("llama-3.1-70b", 327_680.0),
        ("llama-3.1-405b", 516_096.0),
        ("qwen3-32b", 262_144.0),
        ("deepseek-v3", 70_272.0), // 61 x 576 x 2
        ("kimi-k2", 70_272.0),
        ("gpt-oss-120b", 73_728.0),           // 36 x 2 x 8 x 64 x 2
        ("qwen3.5-397b-a17b", 30_720.0),      // 15 of 60 layers x 2 x 2 x 256 x 2
        ("kimi-k3", 27_648.0),                // 24 x 576 x 2
        ("nemotron-3-nano-30b-a3b", 6_144.0), // 6 x 2 x 2 x 128 x 2
        ("deepseek-v3.2", 78_324.0),          // an index key of 132 bytes more in each of 61 layers
        ("glm-5.2", 92_628.0),                // 78 x 1,152; index keys in 21 layers only
    ] {
        assert_eq!(kv_bytes_per_token(&model(name), Scheme::BF16), bytes, "{name}");
    }
    assert_eq!(kv_bytes_per_token(&model("llama-3.1-8b"), scheme("fp8")), 65_536.0);
}

#[test]
fn windows_bound_the_cache() {
    // Half of gpt-oss's layers keep 128 tokens: 18 x 2,048 bytes a token, and 18 x 128 x 2,048 for the windows.
    let c = cache(&model("gpt-oss-120b"), Scheme::BF16);
    assert_eq!(c.per_token(), 18.0 * 2048.0);
    assert_eq!(c.bytes(100), 36.0 * 100.0 * 2048.0);
    assert_eq!(c.bytes(10_000), 18.0 * (10_000.0 + 128.0) * 2048.0);
    // Gemma 4: five global layers of 2 heads x 512, twenty-five local ones of 8 x 256 that keep 1,024 tokens.
    let c = cache(&model("gemma-4-26b-a4b"), Scheme::BF16);
    assert_eq!(c.per_token(), 5.0 * 2.0 * 2.0 * 512.0 * 2.0);
    assert_eq!(c.bytes(5000) - c.per_token() * 5000.0, 25.0 * 1024.0 * 2.0 * 8.0 * 256.0 * 2.0);
}

#[test]
fn states_are_per_request() {
    // Qwen3.5-397B: 45 layers of 64 heads x 128 x 128 in FP32, and 3 inputs of the convolution over 12,288 channels.
    let c = cache(&model("qwen3.5-397b-a17b"), Scheme::BF16);
    assert_eq!(c.state(), 45.0 * (64.0 * 128.0 * 128.0 * 4.0 + 3.0 * 12_288.0 * 2.0));
    // Nemotron 3 Nano: 23 layers of 64 heads x 64 x 128.
    let c = cache(&model("nemotron-3-nano-30b-a3b"), Scheme::BF16);
    assert_eq!(c.state(), 23.0 * (64.0 * 64.0 * 128.0 * 4.0 + 3.0 * 6144.0 * 2.0));
}

#[test]
fn compressed_cache_of_deepseek_v4() {
    // V4-Pro: 31 layers keep one entry of 512 for 128 tokens, 30 one for 4 with an index key of 132 bytes; each a
    // window of 128.
    let c = cache(&model("deepseek-v4-pro"), Scheme::BF16);
    let per_token = 31.0 * 1024.0 / 128.0 + 30.0 * (1024.0 + 132.0) / 4.0;
    assert!((c.per_token() - per_token).abs() < 1e-9);
    assert!((c.bytes(1_000_000) - (per_token * 1e6 + 61.0 * 128.0 * 1024.0)).abs() < 1.0);
    // The publisher's comparison: about a tenth of V3.2's cache at a million tokens.
    let old = cache(&model("deepseek-v3.2"), Scheme::BF16).bytes(1_000_000);
    assert!(c.bytes(1_000_000) / old < 0.13);
}

#[test]
fn stored_formats_follow_the_files() {
    let formats = |name: &str| {
        let w = model(name).weights;
        [w.attention, w.attention_out, w.dense, w.experts, w.embedding].map(|s| s.to_string()).join(" ")
    };
    assert_eq!(formats("llama-3.1-8b"), "bf16 bf16 bf16 bf16 bf16");
    assert_eq!(formats("deepseek-v3"), "fp8-block fp8-block fp8-block fp8-block bf16");
    assert_eq!(formats("deepseek-v3.1"), "ue8m0-fp8 ue8m0-fp8 ue8m0-fp8 ue8m0-fp8 bf16");
    assert_eq!(formats("deepseek-v3.1-nvfp4"), "bf16 nvfp4 nvfp4 nvfp4 bf16");
    assert_eq!(formats("deepseek-v4-pro"), "ue8m0-fp8 ue8m0-fp8 ue8m0-fp8 mxfp4 bf16");
    assert_eq!(formats("kimi-k2.5"), "bf16 bf16 bf16 int4-g32 bf16");
    assert_eq!(formats("kimi-k2.5-nvfp4"), "bf16 bf16 nvfp4 nvfp4 bf16");
    assert_eq!(formats("kimi-k3"), "bf16 bf16 bf16 mxfp4 bf16");
    assert_eq!(formats("gpt-oss-120b"), "bf16 bf16 bf16 mxfp4 bf16");
    assert_eq!(formats("qwen3-32b-nvfp4"), "nvfp4 nvfp4 nvfp4 nvfp4 bf16");
    assert_eq!(model("qwen3-32b-nvfp4").kv, Some(scheme("fp8")));
    assert_eq!(model("qwen3-32b").kv, None);
}

#[test]
fn weight_bytes_by_part() {
    // The published files: gpt-oss-120b 65 GB (60.8 GiB), DeepSeek-V3.1 about 690 GB with its MTP module.
    let bytes = |name: &str| weight_bytes(&model(name), &model(name).weights);
    near("gpt-oss-120b", bytes("gpt-oss-120b").total, 65.2e9, 0.01);
    let w = bytes("deepseek-v3.1");
    near("deepseek-v3.1", w.total, 671.026e9 + 1.853e9, 0.001);
    near("deepseek-v3.1", w.attention + w.dense + w.experts + w.embedding, w.total, 1e-12);
    near("llama-3.1-70b", bytes("llama-3.1-70b").total, 2.0 * 70_553_706_496.0, 1e-12);
}

#[test]
fn layers_add_up() {
    for entry in entries() {
        let model = model(&entry.id);
        assert!(model.num_layers() > 0 && !model.layers.is_empty(), "{}", entry.id);
        assert_eq!(resolve(&entry.id).map(|e| e.id), Some(entry.id.clone()));
        let (total, parts) = (parameters(&model), model.layers.len());
        let sum = total.embedding + total.head + total.attention + total.attention_out + total.dense;
        assert_eq!(sum + total.experts + total.other, total.total, "{}", entry.id);
        assert!(total.active <= total.total && parts <= 4, "{}", entry.id);
    }
    assert_eq!(model("kimi-k3").num_layers(), 93);
    assert_eq!(model("nemotron-3-ultra-550b-a55b").num_layers(), 108);
    let linear = |g: &&catalog::LayerGroup| matches!(g.attention, Attention::Linear(_));
    assert_eq!(model("kimi-k3").layers.iter().filter(linear).map(|g| g.count).sum::<u32>(), 69);
}

#[test]
fn names_of_measurements_resolve() {
    for (name, id) in [
        ("deepseek-ai/DeepSeek-R1", "deepseek-r1"),
        ("deepseek-ai/DeepSeek-V3", "deepseek-v3"),
        ("openai/gpt-oss-120b", "gpt-oss-120b"),
        ("meta-llama/Llama-3.1-70B", "llama-3.1-70b"),
        ("MiniMaxAI/MiniMax-M2.5", "minimax-m2.5"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b"),
        ("Qwen/Qwen3-32B", "qwen3-32b"),
        ("Qwen/Qwen3-235B-A22B-FP8", "qwen3-235b-a22b-fp8"),
        ("moonshotai/Kimi-K2.5", "kimi-k2.5"),
        ("Qwen/Qwen3.5-397B-A17B", "qwen3.5-397b-a17b"),
        ("nvidia/Llama-3.1-8B-Instruct-FP8", "llama-3.1-8b-fp8"),
        ("nvidia/DeepSeek-R1-NVFP4", "deepseek-r1-nvfp4"),
        ("nvidia/Qwen3-32B-NVFP4", "qwen3-32b-nvfp4"),
        ("nvidia/DeepSeek-V3.1-NVFP4", "deepseek-v3.1-nvfp4"),
        ("GPT-OSS 120B", "gpt-oss-120b"),
        ("GPT-OSS 20B", "gpt-oss-20b"),
        ("Llama 3.1 405B", "llama-3.1-405b"),
        ("Llama 2 70B", "llama-2-70b"),
        ("Llama 2 13B", "llama-2-13b"),
        ("Llama 2 7B", "llama-2-7b"),
        ("Llama 3 8B", "llama-3-8b"),
        ("Llama 3 70B", "llama-3-70b"),
        ("Llama 3.1 8B", "llama-3.1-8b"),
        ("Llama 3.3 70B", "llama-3.3-70b"),
        ("Llama 4 Maverick", "llama-4-maverick"),
        ("Qwen3.5-35B-A3B", "qwen3.5-35b-a3b"),
        ("Qwen3.5-9B", "qwen3.5-9b"),
        ("Qwen3-235B-A22B", "qwen3-235b-a22b"),
        ("Qwen3-30B-A3B", "qwen3-30b-a3b"),
        ("Qwen3-14B", "qwen3-14b"),
        ("Qwen3-8B", "qwen3-8b"),
        ("Qwen3-Coder-480B-A35B", "qwen3-coder-480b-a35b"),
        ("Qwen3-VL-235B-A22B", "qwen3-vl-235b-a22b"),
        ("Qwen2.5-72B-Instruct", "qwen2.5-72b"),
        ("GLM-5.2", "glm-5.2"),
        ("GLM-4.5-Air", "glm-4.5-air"),
        ("GLM-4.6", "glm-4.6"),
        ("MiniMax-M3", "minimax-m3"),
        ("Kimi-K2", "kimi-k2"),
        ("Falcon 180B", "falcon-180b"),
        ("Mixtral 8x7B", "mixtral-8x7b"),
        ("DeepSeek-V3.1", "deepseek-v3.1"),
        ("DeepSeek-V3.2", "deepseek-v3.2"),
        ("DeepSeek-V3/R1", "deepseek-v3"),
        ("DeepSeek-V3/R1 (assumed)", "deepseek-v3"),
        ("DeepSeek-R1/V3", "deepseek-r1"),
        ("DeepSeek-R1/V3/V3.1", "deepseek-r1"),
    ] {
        assert_eq!(resolve(name).map(|entry| entry.id).as_deref(), Some(id), "{name}");
    }
}

#[test]
fn an_unknown_name_says_what_is_near() {
    let faults = load("lama-3.1-8b", None).expect_err("no such model");
    assert_eq!(faults[0].code, "model/unknown-model");
    assert!(faults[0].help.contains("`llama-3.1-8b`"));
}
