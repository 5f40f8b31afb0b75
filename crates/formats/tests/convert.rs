//! Whole conversions of small checkpoints, through files.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use formats::checkpoint::{Checkpoint, Dtype, safetensors};
use formats::codec::half::f32_to_bf16;
use formats::convert::{self, Layout, NonFinite, Options, Outcome, Plan};
use formats::{Container, Error, ScaleRule, compare};
use serde_json::{Map, Value, json};

/// A folder that goes away with its test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("steelyard-convert-{}-{n}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Values like trained weights: a bell, with some outliers, zeros and tiny ones.
fn weights(count: usize, seed: u64) -> Vec<u16> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut uniform = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    (0..count)
        .map(|i| {
            let x = (0..6).map(|_| uniform()).sum::<f32>() * 0.03;
            f32_to_bf16(match i % 997 {
                0 => x * 20.0,
                1 => 0.0,
                2 => x * 1e-4,
                _ => x,
            })
        })
        .collect()
}

struct Tensor(&'static str, Dtype, Vec<u64>, Vec<u8>);

fn bf16(name: &'static str, shape: &[u64], seed: u64) -> Tensor {
    let count = shape.iter().product::<u64>() as usize;
    Tensor(name, Dtype::Bf16, shape.to_vec(), weights(count, seed).iter().flat_map(|x| x.to_le_bytes()).collect())
}

fn write(path: &Path, tensors: &[Tensor]) {
    let entries = tensors.iter().map(|t| (t.0, t.1, t.2.as_slice(), t.3.len() as u64));
    let mut bytes = safetensors::build(entries, &Map::new());
    tensors.iter().for_each(|t| bytes.extend(&t.3));
    fs::write(path, bytes).unwrap();
}

/// Two shards with an index, a configuration, a tokenizer, and everything that is kept.
fn model(folder: &Path) {
    fs::create_dir_all(folder.join("assets")).unwrap();
    let first = [
        bf16("model.embed_tokens.weight", &[64, 256], 1),
        bf16("model.layers.0.self_attn.q_proj.weight", &[256, 256], 2),
        bf16("model.layers.0.mlp.down_proj.weight", &[256, 320], 3),
        bf16("model.layers.0.input_layernorm.weight", &[256], 4),
    ];
    let bias = [0.5f32, -1.0, 3.25].iter().flat_map(|x| x.to_le_bytes()).collect();
    let second = [
        Tensor("model.layers.1.mlp.gate.e_score_correction_bias", Dtype::F32, vec![3], bias),
        bf16("model.layers.1.mlp.gate.weight", &[8, 256], 5),
        bf16("model.layers.1.mlp.experts.0.up_proj.weight", &[200, 256], 6),
        bf16("lm_head.weight", &[64, 256], 7),
    ];
    write(&folder.join("model-00001-of-00002.safetensors"), &first);
    write(&folder.join("model-00002-of-00002.safetensors"), &second);
    let mut map = Map::new();
    for (file, tensors) in [("model-00001-of-00002.safetensors", &first), ("model-00002-of-00002.safetensors", &second)]
    {
        tensors.iter().for_each(|t| drop(map.insert(t.0.to_owned(), json!(file))));
    }
    let index = json!({ "metadata": { "total_size": 0, "kept": 1 }, "weight_map": map });
    fs::write(folder.join("model.safetensors.index.json"), index.to_string()).unwrap();
    fs::write(folder.join("config.json"), r#"{"model_type":"llama","torch_dtype":"bfloat16","novel":{"x":[1]}}"#)
        .unwrap();
    fs::write(folder.join("tokenizer.json"), "{}").unwrap();
    fs::write(folder.join("assets/readme.txt"), "hello").unwrap();
}

fn convert(from: &Path, to: &Path, options: Options) -> Result<Outcome, Error> {
    let source = Checkpoint::open(from)?;
    let plan = Plan::new(&source, options)?;
    convert::run(&source, &plan, to, &())
}

fn differences(a: &Path, b: &Path) -> compare::Comparison {
    let (a, b) = (Checkpoint::open(a).unwrap(), Checkpoint::open(b).unwrap());
    compare::compare(&a, &b, &|_| {}).unwrap()
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn named(name: &str) -> Container {
    Container::from_name(name).unwrap()
}

/// Every container in every layout that has a place for it: written, read back, converted to BF16, all bytes checked.
#[test]
fn every_container_and_layout_reads_back() {
    let f = Folder::new();
    model(&f.at("src"));
    for (name, container) in Container::NAMED {
        for (layout_name, layout) in Layout::NAMED {
            if !layout.stores(container) || layout == Layout::GptOss {
                continue;
            }
            let out = f.at(&format!("{name}-{layout_name}"));
            let outcome =
                convert(&f.at("src"), &out, Options { layout: Some(layout), ..Options::to(container) }).unwrap();
            assert_eq!((outcome.converted, outcome.kept), (3, 5), "{name} {layout_name}");
            assert!(!f.at(&format!("{name}-{layout_name}.partial")).exists());
            let found = convert::verify(&out).unwrap();
            assert!(found.bad.is_empty() && found.good >= 12, "{:?}", found.bad);

            let opened = Checkpoint::open(&out).unwrap();
            let stored: Vec<String> =
                opened.matrices.iter().filter_map(|m| m.container().map(Container::name)).collect();
            let v4 = layout == Layout::DeepSeek && container == named("mxfp4");
            let expected = if v4 { vec!["deepseek-ue8m0", "deepseek-ue8m0", "mxfp4"] } else { vec![name; 3] };
            assert_eq!(stored, expected, "{layout_name}");
            // The error that was reported is the error that is there.
            let seen = differences(&f.at("src"), &out);
            assert!(seen.only_first.is_empty() && seen.only_second.is_empty() && seen.skipped.is_empty());
            let converted: Vec<_> = seen.pairs.iter().filter(|p| p.stats.changed > 0).collect();
            assert_eq!(converted.len(), 3);
            assert!(converted.iter().all(|p| p.stats.relative() < 0.2), "{name} {}", seen.total().relative());
            let d2: f64 = converted.iter().map(|p| p.stats.error_square_sum).sum();
            assert!((d2 / outcome.total.error_square_sum - 1.0).abs() < 1e-9);

            let back = f.at("back");
            convert(&out, &back, Options { overwrite: true, ..Options::to(Container::Bf16) }).unwrap();
            let again = differences(&out, &back);
            // Only products with scales that are no powers of two need rounding to BF16.
            let exact = !matches!(name, "deepseek-fp32" | "nvfp4");
            assert_eq!(again.total().changed == 0, exact, "{name}");
            assert!(again.total().relative() < 0.003);
            assert!(json_of(&back.join("config.json")).get("quantization_config").is_none());
        }
    }
}

#[test]
fn the_folder_is_whole() {
    let f = Folder::new();
    model(&f.at("src"));
    convert(&f.at("src"), &f.at("out"), Options::to(named("deepseek-ue8m0"))).unwrap();
    let config = json_of(&f.at("out/config.json"));
    assert_eq!(config["novel"]["x"][0], 1);
    let q = &config["quantization_config"];
    assert_eq!((q["quant_method"].as_str(), q["scale_fmt"].as_str()), (Some("fp8"), Some("ue8m0")));
    assert_eq!(q["weight_block_size"], json!([128, 128]));
    assert!(q["modules_to_not_convert"].as_array().unwrap().contains(&json!("lm_head")));
    let index = json_of(&f.at("out/model.safetensors.index.json"));
    assert_eq!(index["metadata"]["kept"], 1);
    let shard = "model-00002-of-00002.safetensors";
    assert_eq!(index["weight_map"]["model.layers.1.mlp.experts.0.up_proj.weight_scale_inv"], shard);
    let opened = Checkpoint::open(&f.at("out")).unwrap();
    let total: u64 = opened.raw.iter().map(|t| t.len).sum();
    assert_eq!(index["metadata"]["total_size"], total);
    assert_eq!(opened.files[0].metadata["steelyard.scale_rule"], "ceil");
    assert_eq!(fs::read_to_string(f.at("out/assets/readme.txt")).unwrap(), "hello");
    // Kept tensors have the same bytes.
    let same = differences(&f.at("src"), &f.at("out"));
    assert!(same.pairs.iter().filter(|p| !p.name.contains("proj")).all(|p| p.stats.changed == 0));
    // Every tensor starts at a multiple of its element size, as torch wants.
    for t in &opened.raw {
        assert!((t.offset).is_multiple_of(t.dtype.alignment()), "{}", t.name);
    }
}

#[test]
fn lossless_pairs_are_found_and_proven() {
    let f = Folder::new();
    model(&f.at("src"));
    let make = |name: &str, options: Options| {
        convert(&f.at("src"), &f.at(name), options).unwrap();
    };
    make("ue8m0", Options::to(named("deepseek-ue8m0")));
    make("mxfp4", Options::to(named("mxfp4")));
    make("nvfp4", Options::to(named("nvfp4")));
    let pairs = [
        ("ue8m0", "mxfp8", None),
        ("ue8m0", "deepseek-fp32", None),
        ("mxfp4", "nvfp4", None),
        ("mxfp4", "nvfp4", Some(Layout::ModelOpt)),
        ("mxfp4", "mxfp8", None),
        ("mxfp4", "deepseek-ue8m0", None),
        ("mxfp4", "mxfp6-e2m3", None),
        ("nvfp4", "nvfp4", Some(Layout::ModelOpt)),
    ];
    for (i, (from, to, layout)) in pairs.into_iter().enumerate() {
        let out = f.at(&format!("pair{i}"));
        let options = Options { layout, lossless: true, ..Options::to(named(to)) };
        convert(&f.at(from), &out, options).unwrap_or_else(|e| panic!("{from} to {to}: {e}"));
        assert_eq!(differences(&f.at(from), &out).total().changed, 0, "{from} to {to}");
    }
    // V3.1's FP32 scales to V4's E8M0 bytes and back: the same codes.
    let v4 = Options { e8m0_scales: true, lossless: true, ..Options::to(named("deepseek-ue8m0")) };
    convert(&f.at("ue8m0"), &f.at("v4"), v4).unwrap();
    let opened = Checkpoint::open(&f.at("v4")).unwrap();
    assert!(opened.raw.iter().any(|t| t.name == "model.layers.0.mlp.down_proj.scale" && t.dtype == Dtype::F8E8M0));
    assert_eq!(differences(&f.at("ue8m0"), &f.at("v4")).total().changed, 0);
}

#[test]
fn a_second_rounding_is_refused_unless_asked_for() {
    let f = Folder::new();
    model(&f.at("src"));
    convert(&f.at("src"), &f.at("fp32"), Options::to(named("deepseek-fp32"))).unwrap();
    let to = || Options::to(named("deepseek-ue8m0"));
    let error = convert(&f.at("fp32"), &f.at("out"), to()).unwrap_err();
    assert_eq!(error.exit_code(), 1);
    assert!(error.to_string().contains("--requant"), "{error}");
    assert!(!f.at("out").exists() && !f.at("out.partial").exists());
    let outcome = convert(&f.at("fp32"), &f.at("out"), Options { requant: true, ..to() }).unwrap();
    // Nearly the error of a first rounding: together they make sqrt(2) of it.
    assert!((0.024..0.029).contains(&outcome.total.relative()), "{}", outcome.total.relative());
    let total = differences(&f.at("src"), &f.at("out"));
    let proj: Vec<f64> = total.pairs.iter().filter(|p| p.stats.changed > 0).map(|p| p.stats.relative()).collect();
    assert!(proj.iter().all(|r| (0.033..0.041).contains(r)), "{proj:?}");
    // From a BF16 master, lossless cannot be.
    let error = convert(&f.at("src"), &f.at("no"), Options { lossless: true, ..to() }).unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error}");
    assert!(!f.at("no").exists() && !f.at("no.partial").exists());
}

#[test]
fn nothing_is_overwritten_unasked() {
    let f = Folder::new();
    model(&f.at("src"));
    let to = || Options::to(named("mxfp8"));
    fs::create_dir_all(f.at("out")).unwrap();
    fs::write(f.at("out/precious"), "x").unwrap();
    assert!(matches!(convert(&f.at("src"), &f.at("out"), to()), Err(Error::Request(_))));
    assert!(f.at("out/precious").exists());
    assert!(convert(&f.at("src"), &f.at("src/inside"), to()).is_err());
    convert(&f.at("src"), &f.at("out"), Options { overwrite: true, ..to() }).unwrap();
    assert!(!f.at("out/precious").exists() && f.at("out/config.json").exists() && !f.at("out.replaced").exists());
    // The source itself is never a target.
    assert!(convert(&f.at("src"), &f.at("src"), Options { overwrite: true, ..to() }).is_err());
    assert!(f.at("src/config.json").exists());
}

/// Reading fails in the middle; after the file is whole again, the rest is done, and every byte is that of a clean run.
#[test]
fn an_interrupted_run_resumes_to_the_same_bytes() {
    let f = Folder::new();
    model(&f.at("src"));
    let to = || Options::to(named("nvfp4"));
    convert(&f.at("src"), &f.at("clean"), to()).unwrap();

    let path = f.at("src/model-00002-of-00002.safetensors");
    let whole = fs::read(&path).unwrap();
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let source = Checkpoint::open(&f.at("src")).unwrap();
    let plan = Plan::new(&source, to()).unwrap();
    fs::write(&path, &whole[..whole.len() - 50_000]).unwrap();
    let error = convert::run(&source, &plan, &f.at("out"), &()).unwrap_err();
    assert!(error.to_string().contains("truncated"), "{error}");
    assert!(f.at("out.partial").exists() && !f.at("out").exists());
    fs::write(&path, &whole).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();

    assert!(matches!(convert(&f.at("src"), &f.at("out"), to()), Err(Error::Request(_))), "needs --resume");
    // A damaged part of what is there is noticed and made again.
    let half_done = f.at("out.partial/model-00001-of-00002.safetensors");
    let mut bytes = fs::read(&half_done).unwrap();
    let at = bytes.len() - 1;
    bytes[at] ^= 1;
    fs::write(&half_done, bytes).unwrap();
    let other = Options { resume: true, ..Options::to(named("mxfp4")) };
    assert!(convert(&f.at("src"), &f.at("out"), other).is_err(), "another plan must not go on with it");
    let outcome = convert(&f.at("src"), &f.at("out"), Options { resume: true, ..to() }).unwrap();
    assert!(outcome.resumed >= 3, "{}", outcome.resumed);
    for entry in fs::read_dir(f.at("clean")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            let name = entry.file_name();
            let same = fs::read(entry.path()).unwrap() == fs::read(f.at("out").join(&name)).unwrap();
            assert!(same, "{name:?} differs");
        }
    }
}

#[test]
fn threads_do_not_change_bytes() {
    let f = Folder::new();
    model(&f.at("src"));
    for threads in [1, 4] {
        let out = f.at(&format!("out{threads}"));
        convert(&f.at("src"), &out, Options { threads, ..Options::to(named("mxfp4")) }).unwrap();
    }
    for name in ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "steelyard-manifest.json"] {
        assert_eq!(fs::read(f.at("out1").join(name)).unwrap(), fs::read(f.at("out4").join(name)).unwrap(), "{name}");
    }
}

#[test]
fn infinities_are_named_or_marked() {
    let f = Folder::new();
    let mut tensor = bf16("a.weight", &[4, 64], 9);
    tensor.3[2 * 100..2 * 100 + 2].copy_from_slice(&0x7f80u16.to_le_bytes());
    fs::create_dir_all(f.at("src")).unwrap();
    write(&f.at("src/model.safetensors"), &[tensor]);
    let error = convert(&f.at("src"), &f.at("out"), Options::to(named("mxfp8"))).unwrap_err().to_string();
    assert!(error.contains("\"a.weight\" holds inf at row 1, column 36"), "{error}");
    let mark = Options { non_finite: NonFinite::Mark, resume: true, ..Options::to(named("mxfp8")) };
    assert!(convert(&f.at("src"), &f.at("out"), mark.clone()).is_err(), "other options do not resume");
    fs::remove_dir_all(f.at("out.partial")).unwrap();
    convert(&f.at("src"), &f.at("out"), Options { resume: false, ..mark }).unwrap();
    let opened = Checkpoint::open(&f.at("out")).unwrap();
    let scales = opened.raw.iter().find(|t| t.name == "a.weight_scale").unwrap();
    let bytes = fs::read(f.at("out/model.safetensors")).unwrap();
    let nan = bytes[scales.offset as usize..][..scales.len as usize].iter().filter(|&&b| b == 0xff).count();
    assert_eq!(nan, 1);
}

#[test]
fn damage_is_found() {
    let f = Folder::new();
    model(&f.at("src"));
    convert(&f.at("src"), &f.at("out"), Options::to(named("mxfp8"))).unwrap();
    let path = f.at("out/model-00001-of-00002.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() - 5;
    bytes[at] ^= 0x40;
    fs::write(&path, bytes).unwrap();
    fs::remove_file(f.at("out/tokenizer.json")).unwrap();
    let bad = convert::verify(&f.at("out")).unwrap().bad;
    assert_eq!(bad.len(), 2, "{bad:?}");
    assert!(bad.iter().any(|b| b.contains("input_layernorm")) && bad.iter().any(|b| b.contains("tokenizer.json")));
}

/// Fused experts lie [experts, in, out]; gpt-oss stores blocks along `in`.
#[test]
fn gpt_oss_experts_are_turned() {
    let f = Folder::new();
    fs::create_dir_all(f.at("src")).unwrap();
    write(
        &f.at("src/model.safetensors"),
        &[
            bf16("model.layers.0.mlp.experts.gate_up_proj", &[3, 96, 160], 1),
            bf16("model.layers.0.attn.q.weight", &[64, 64], 2),
        ],
    );
    let options = Options { layout: Some(Layout::GptOss), ..Options::to(named("mxfp4")) };
    convert(&f.at("src"), &f.at("out"), options).unwrap();
    let opened = Checkpoint::open(&f.at("out")).unwrap();
    let blocks = opened.raw.iter().find(|t| t.name.ends_with("gate_up_proj_blocks")).unwrap();
    assert_eq!(blocks.shape, [3, 160, 3, 16]);
    let seen = differences(&f.at("src"), &f.at("out"));
    let pair = seen.pairs.iter().find(|p| p.name.ends_with("gate_up_proj")).unwrap();
    assert!((0.05..0.2).contains(&pair.stats.relative()), "{}", pair.stats.relative());
    convert(&f.at("out"), &f.at("back"), Options::to(Container::Bf16)).unwrap();
    let back = Checkpoint::open(&f.at("back")).unwrap();
    assert_eq!(back.raw.iter().find(|t| t.name.ends_with("gate_up_proj")).unwrap().shape, [3, 96, 160]);
    assert_eq!(differences(&f.at("out"), &f.at("back")).total().changed, 0);
    let again = differences(&f.at("src"), &f.at("back"));
    let same = again.pairs.iter().find(|p| p.name.ends_with("gate_up_proj")).unwrap();
    assert_eq!(same.stats.error_square_sum.to_bits() >> 20, pair.stats.error_square_sum.to_bits() >> 20);
    assert!(convert::verify(&f.at("back")).unwrap().bad.is_empty());
}

/// Rows so long that a band is cut into columns, for reading and writing.
#[test]
fn very_wide_matrices_are_cut_by_columns() {
    let f = Folder::new();
    fs::create_dir_all(f.at("src")).unwrap();
    write(&f.at("src/model.safetensors"), &[bf16("w.weight", &[130, 40_064], 1)]);
    for name in ["deepseek-ue8m0", "mxfp4"] {
        let out = f.at(name);
        let outcome = convert(&f.at("src"), &out, Options::to(named(name))).unwrap();
        assert_eq!(outcome.total.count, 130 * 40_064);
        assert!(convert::verify(&out).unwrap().bad.is_empty());
        let total = differences(&f.at("src"), &out).total();
        assert!((total.error_square_sum / outcome.total.error_square_sum - 1.0).abs() < 1e-9);
    }
    let up = Options { lossless: true, ..Options::to(named("mxfp8")) };
    convert(&f.at("deepseek-ue8m0"), &f.at("mx"), up).unwrap();
    assert_eq!(differences(&f.at("deepseek-ue8m0"), &f.at("mx")).total().changed, 0);
}

/// A GGUF file with these keys (text or a number) and tensors: name, type, shape, bytes.
fn gguf(keys: &[(&str, Value)], tensors: &[(&str, u32, [u64; 2], Vec<u8>)]) -> Vec<u8> {
    let mut b = b"GGUF".to_vec();
    let string = |b: &mut Vec<u8>, s: &str| {
        b.extend((s.len() as u64).to_le_bytes());
        b.extend(s.as_bytes());
    };
    b.extend(3u32.to_le_bytes());
    b.extend((tensors.len() as u64).to_le_bytes());
    b.extend((keys.len() as u64).to_le_bytes());
    for (key, value) in keys {
        string(&mut b, key);
        match value {
            Value::String(s) => {
                b.extend(8u32.to_le_bytes());
                string(&mut b, s);
            }
            n if n.is_u64() => {
                b.extend(4u32.to_le_bytes());
                b.extend((n.as_u64().unwrap() as u32).to_le_bytes());
            }
            x => {
                b.extend(6u32.to_le_bytes());
                b.extend((x.as_f64().unwrap() as f32).to_le_bytes());
            }
        }
    }
    let mut at = 0u64;
    for (name, kind, [rows, cols], data) in tensors {
        string(&mut b, name);
        b.extend(2u32.to_le_bytes());
        b.extend(cols.to_le_bytes());
        b.extend(rows.to_le_bytes());
        b.extend(kind.to_le_bytes());
        b.extend(at.to_le_bytes());
        at += (data.len() as u64).next_multiple_of(32);
    }
    b.resize(b.len().next_multiple_of(32), 0);
    for (.., data) in tensors {
        b.extend(data);
        b.resize(b.len().next_multiple_of(32), 0);
    }
    b
}

/// A llama of one layer with two heads of 16 rows; the query weight holds its row numbers as Hugging Face counts them.
fn small_llama(architecture: &str) -> Vec<u8> {
    let of = |key: &str| format!("{architecture}.{key}");
    let keys = [
        ("general.architecture".to_owned(), json!(architecture)),
        (of("block_count"), json!(1)),
        (of("embedding_length"), json!(32)),
        (of("feed_forward_length"), json!(64)),
        (of("context_length"), json!(128)),
        (of("attention.head_count"), json!(2)),
        (of("attention.layer_norm_rms_epsilon"), json!(1e-5)),
    ];
    let keys: Vec<(&str, Value)> = keys.iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
    let blocks = |rows: u8, bytes: u8, mix: u8| -> Vec<u8> {
        (0..rows)
            .flat_map(|i| {
                let codes = (0..bytes).map(move |j| j.wrapping_mul(mix) ^ i.wrapping_mul(5));
                0x2c00u16.to_le_bytes().into_iter().chain(codes)
            })
            .collect()
    };
    // Row 2 i + p of a head holds what Hugging Face has in row 8 p + i.
    let query = (0..32u32).flat_map(|row| {
        let (head, at) = (row / 16, row % 16);
        let number = 16 * head + 8 * (at % 2) + at / 2;
        (0..32).flat_map(move |_| (number as f32).to_le_bytes())
    });
    let norm = (0..32).flat_map(|_| 1f32.to_le_bytes()).collect();
    gguf(
        &keys,
        &[
            ("token_embd.weight", 8, [40, 32], blocks(40, 32, 7)),
            ("blk.0.attn_q.weight", 0, [32, 32], query.collect()),
            ("blk.0.ffn_up.weight", 2, [64, 32], blocks(64, 16, 13)),
            ("output_norm.weight", 0, [1, 32], norm),
        ],
    )
}

#[test]
fn a_gguf_source_becomes_a_hugging_face_checkpoint() {
    let f = Folder::new();
    fs::write(f.at("m.gguf"), small_llama("llama")).unwrap();
    let outcome = convert(&f.at("m.gguf"), &f.at("out"), Options::to(named("mxfp8"))).unwrap();
    assert_eq!((outcome.converted, outcome.kept), (2, 2));
    let config = json_of(&f.at("out/config.json"));
    assert_eq!((&config["model_type"], &config["vocab_size"]), (&json!("llama"), &json!(40)));
    assert_eq!(config["quantization_config"]["format"], "mxfp8-quantized");
    let opened = Checkpoint::open(&f.at("out")).unwrap();
    let embedding = opened.raw.iter().find(|t| t.name == "model.embed_tokens.weight").unwrap();
    assert_eq!(embedding.dtype, Dtype::Bf16);
    assert!(opened.raw.iter().any(|t| t.name == "model.layers.0.mlp.up_proj.weight"));
    // Q4_0 values are small integers times a scale: E4M3 holds them. Row numbers up to 31 need 5 bits.
    let seen = differences(&f.at("m.gguf"), &f.at("out"));
    assert_eq!((seen.pairs.len(), seen.only_first.len(), seen.only_second.len()), (4, 0, 0));
    let changed: Vec<&str> = seen.worst().iter().map(|p| p.name.as_str()).collect();
    assert_eq!(changed, ["model.layers.0.self_attn.q_proj.weight"]);
    // The rows are in order, converted or kept.
    for (name, skip) in [("bf16", vec![]), ("mxfp8", vec!["q_proj".to_owned()])] {
        let options = Options { skip, ..Options::to(named(name)) };
        convert(&f.at("m.gguf"), &f.at(name), options).unwrap();
        let opened = Checkpoint::open(&f.at(name)).unwrap();
        let query = opened.raw.iter().find(|t| t.name.ends_with("q_proj.weight")).unwrap();
        let bytes = &fs::read(f.at(name).join("model.safetensors")).unwrap()[query.offset as usize..][..2048];
        for (row, values) in bytes.chunks(64).enumerate() {
            assert!(
                values.as_chunks::<2>().0.iter().all(|&b| u16::from_le_bytes(b) == f32_to_bf16(row as f32)),
                "{row}"
            );
        }
    }
}

#[test]
fn a_gguf_architecture_that_is_not_known_is_named() {
    let f = Folder::new();
    fs::write(f.at("m.gguf"), small_llama("gemma9")).unwrap();
    let error = convert(&f.at("m.gguf"), &f.at("out"), Options::to(named("mxfp8"))).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let error = error.to_string();
    assert!(error.contains("\"gemma9\" are not known") && error.contains("--keep-names"), "{error}");
    assert!(!f.at("out").exists() && !f.at("out.partial").exists());
    let keep = Options { keep_names: true, ..Options::to(named("mxfp8")) };
    convert(&f.at("m.gguf"), &f.at("out"), keep).unwrap();
    assert!(!f.at("out/config.json").exists());
    assert!(Checkpoint::open(&f.at("out")).unwrap().raw.iter().any(|t| t.name == "blk.0.ffn_up.weight"));
}

/// INT8 with a scale a row is nothing we know: it can be looked at, but not converted into something else.
#[test]
fn unknown_formats_are_not_translated() {
    let f = Folder::new();
    fs::create_dir_all(f.at("src")).unwrap();
    let scales = Tensor("a.weight_scale", Dtype::F32, vec![4, 1], vec![0; 16]);
    write(&f.at("src/model.safetensors"), &[scales, Tensor("a.weight", Dtype::I8, vec![4, 64], vec![1; 256])]);
    let opened = Checkpoint::open(&f.at("src")).unwrap();
    assert!(opened.notes[0].to_string().contains("not understood"), "{:?}", opened.notes);
    let error = convert(&f.at("src"), &f.at("out"), Options::to(named("mxfp8"))).unwrap_err().to_string();
    assert!(error.contains("nothing is converted") && error.contains("a.weight_scale"), "{error}");
}

/// What is skipped in a quantised source, or does not divide into the new blocks, becomes BF16.
#[test]
fn leftovers_of_a_quantised_source_become_bf16() {
    let f = Folder::new();
    fs::create_dir_all(f.at("src")).unwrap();
    let tensors = [bf16("a.weight", &[64, 144], 1), bf16("b.weight", &[64, 128], 2), bf16("c.weight", &[64, 128], 3)];
    write(&f.at("src/model.safetensors"), &tensors);
    convert(&f.at("src"), &f.at("fp8"), Options::to(named("deepseek-ue8m0"))).unwrap();
    let options = Options { skip: vec!["c.w".to_owned()], ..Options::to(named("mxfp8")) };
    let outcome = convert(&f.at("fp8"), &f.at("mx"), options).unwrap();
    assert_eq!((outcome.converted, outcome.kept), (1, 2));
    let opened = Checkpoint::open(&f.at("mx")).unwrap();
    let dtype = |name: &str| opened.raw.iter().find(|t| t.name == name).unwrap().dtype;
    assert_eq!((dtype("a.weight"), dtype("b.weight"), dtype("c.weight")), (Dtype::Bf16, Dtype::F8E4M3, Dtype::Bf16));
    assert_eq!(differences(&f.at("fp8"), &f.at("mx")).total().changed, 0);
}

#[test]
fn requests_that_contradict_themselves_are_refused() {
    let f = Folder::new();
    model(&f.at("src"));
    let source = Checkpoint::open(&f.at("src")).unwrap();
    let message = |o: Options| Plan::new(&source, o).unwrap_err().to_string();
    let wrong = message(Options { layout: Some(Layout::ModelOpt), ..Options::to(named("mxint8")) });
    assert!(wrong.contains("modelopt has no place for mxint8") && wrong.contains("steelyard"), "{wrong}");
    let wrong = message(Options { rule: Some(ScaleRule::Floor), ..Options::to(named("nvfp4")) });
    assert!(wrong.contains("--scale-rule does not apply"), "{wrong}");
    let wrong = message(Options { e8m0_scales: true, ..Options::to(named("mxfp8")) });
    assert!(wrong.contains("--scale-dtype"), "{wrong}");
}

#[test]
fn hostile_folders_are_refused() {
    let f = Folder::new();
    let refuse = |name: &str, expected: &str| {
        let error = Checkpoint::open(&f.at(name)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    fs::create_dir_all(f.at("empty")).unwrap();
    refuse("empty", "no .safetensors and no .gguf");
    fs::create_dir_all(f.at("huge")).unwrap();
    let mut bytes = (1u64 << 60).to_le_bytes().to_vec();
    bytes.extend(b"{}");
    fs::write(f.at("huge/model.safetensors"), bytes).unwrap();
    refuse("huge", "1152921504606846976 bytes");
    fs::create_dir_all(f.at("escape")).unwrap();
    let index = json!({ "weight_map": { "a": "../../secret.safetensors" } });
    fs::write(f.at("escape/model.safetensors.index.json"), index.to_string()).unwrap();
    refuse("escape", "a file name without folders");
    fs::create_dir_all(f.at("twice")).unwrap();
    write(&f.at("twice/a.safetensors"), &[bf16("x.weight", &[2, 2], 1)]);
    write(&f.at("twice/b.safetensors"), &[bf16("x.weight", &[2, 2], 1)]);
    refuse("twice", "is in \"a.safetensors\" and in \"b.safetensors\"");
    refuse("nowhere", "cannot open");
}
