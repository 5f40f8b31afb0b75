//! `quantize`, `inspect` and `compare-weights` as a user meets them: what they print, write, and refuse.

#![allow(clippy::unwrap_used)]

mod hostile;
mod interrupted;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use formats::Container;
use formats::checkpoint::{Dtype, safetensors};
use formats::codec::half::f32_to_bf16;
use formats::convert::Layout;
use serde_json::{Map, Value, json};

/// A folder that goes away with its test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("steelyard-weights-{}-{n}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a command did: exit code, standard output, standard error.
pub(crate) type Done = (i32, String, String);

pub(crate) fn command(folder: &Folder) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steelyard"));
    for name in ["LC_ALL", "LC_MESSAGES", "LANG", "COLUMNS", "NO_COLOR"] {
        command.env_remove(name);
    }
    command.current_dir(&folder.0);
    command
}

/// Runs `steelyard` inside the folder with words parted by blanks.
pub(crate) fn steelyard(folder: &Folder, words: &str) -> Done {
    let output = command(folder).args(words.split_whitespace()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// Runs a command that must succeed, and gives what it printed.
pub(crate) fn run(folder: &Folder, words: &str) -> String {
    let (exit, out, err) = steelyard(folder, words);
    assert_eq!(exit, 0, "steelyard {words}\n{out}{err}");
    out
}

pub(crate) fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A tensor: name, type, shape, bytes.
pub(crate) type Tensor<'a> = (&'a str, Dtype, Vec<u64>, Vec<u8>);

pub(crate) fn bf16<'a>(name: &'a str, shape: &[u64], seed: u64) -> Tensor<'a> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut uniform = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    let count = shape.iter().product::<u64>();
    let bytes = (0..count).flat_map(|_| f32_to_bf16((0..4).map(|_| uniform()).sum::<f32>() * 0.04).to_le_bytes());
    (name, Dtype::Bf16, shape.to_vec(), bytes.collect())
}

pub(crate) fn write(path: &Path, tensors: &[Tensor<'_>]) {
    let entries = tensors.iter().map(|t| (t.0, t.1, t.2.as_slice(), t.3.len() as u64));
    let mut bytes = safetensors::build(entries, &Map::new());
    tensors.iter().for_each(|t| bytes.extend(&t.3));
    fs::write(path, bytes).unwrap();
}

/// A checkpoint of two shards in `bf16/`: two linear layers, an embedding, a norm.
pub(crate) fn model(folder: &Folder) {
    let source = folder.at("bf16");
    fs::create_dir_all(&source).unwrap();
    let shards = [
        (
            "model-00001-of-00002.safetensors",
            vec![
                bf16("model.embed_tokens.weight", &[16, 128], 1),
                bf16("model.layers.0.mlp.up_proj.weight", &[160, 128], 2),
            ],
        ),
        (
            "model-00002-of-00002.safetensors",
            vec![bf16("model.layers.0.mlp.down_proj.weight", &[128, 160], 3), bf16("model.norm.weight", &[128], 4)],
        ),
    ];
    let mut map = Map::new();
    for (file, tensors) in &shards {
        write(&source.join(file), tensors);
        tensors.iter().for_each(|t| drop(map.insert(t.0.to_owned(), json!(file))));
    }
    let index = json!({ "metadata": { "total_size": 0 }, "weight_map": map });
    fs::write(source.join("model.safetensors.index.json"), index.to_string()).unwrap();
    fs::write(source.join("config.json"), r#"{"model_type":"llama","torch_dtype":"bfloat16"}"#).unwrap();
    fs::write(source.join("tokenizer.json"), "{}").unwrap();
}

/// Without the time that a run took, which ends its line.
fn timeless(text: &str) -> String {
    let cut = |line: &str| {
        let at = line.find("kept; ").and_then(|at| Some(at + line[at..].find(" in ")? + 4));
        match at.or_else(|| line.find("用时").map(|at| at + "用时".len())) {
            Some(at) => format!("{}[time]", &line[..at]),
            None => line.to_owned(),
        }
    };
    text.lines().map(cut).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_format_in_every_layout() {
    let f = Folder::new();
    model(&f);
    let mut made = Vec::new();
    for (format, container) in Container::NAMED {
        let layouts = Layout::NAMED.iter().filter(|(_, layout)| layout.stores(container)).map(|(name, _)| *name);
        let layouts: Vec<&str> = if format == "bf16" { vec![""] } else { layouts.collect() };
        for layout in layouts {
            let out = format!("{format}-{layout}");
            let flag = if layout.is_empty() { String::new() } else { format!("--layout {layout}") };
            run(&f, &format!("quantize bf16 {out} --to {format} {flag}"));
            assert!(run(&f, &format!("inspect {out} --verify")).ends_with(" are as written, 0 are not\n"), "{out}");
            let seen: Value = serde_json::from_str(&run(&f, &format!("inspect {out} --json"))).unwrap();
            let groups: Vec<&str> = seen["groups"].as_object().unwrap().keys().map(String::as_str).collect();
            let result: Value = serde_json::from_str(&run(&f, &format!("compare-weights bf16 {out} --json"))).unwrap();
            let error = result["total"]["relative_frobenius"].as_f64().unwrap();
            assert!(fs::read(f.at(&out).join("tokenizer.json")).is_ok() && f.at(&out).join("config.json").exists());
            made.push(format!("{out:32} {:28} {error:.4}", groups.join(" ")));
        }
    }
    insta::assert_snapshot!(made.join("\n"));
}

#[test]
fn what_is_printed() {
    let f = Folder::new();
    model(&f);
    let mut all = String::new();
    for words in [
        "quantize bf16 ue8m0 --to deepseek-ue8m0",
        "quantize ue8m0 mxfp8 --to mxfp8 --lossless-or-refuse",
        "quantize ue8m0 v4 --to deepseek-ue8m0 --scale-dtype e8m0",
        "quantize bf16 skipped --to mxfp4 --skip up_proj --scale-rule floor",
        "inspect ue8m0 --tensors",
        "inspect skipped",
        "compare-weights bf16 skipped --worst 1",
        "compare-weights ue8m0 mxfp8",
        "quantize bf16 zh --to nvfp4 --lang zh",
        "inspect bf16 --lang zh",
        "compare-weights bf16 zh --lang zh",
    ] {
        let (exit, out, err) = steelyard(&f, words);
        all.push_str(&format!("$ steelyard {words}\n{out}{err}"));
        assert_eq!(exit, 0, "{all}");
        all.push('\n');
    }
    insta::assert_snapshot!(timeless(&all));
}

#[test]
fn refusals() {
    let f = Folder::new();
    model(&f);
    run(&f, "quantize bf16 fp32 --to deepseek-fp32");
    let mut all = String::new();
    for (words, expected) in [
        ("quantize bf16 fp32 --to mxfp8", 2),
        ("quantize bf16 bf16/inside --to mxfp8", 2),
        ("quantize bf16 out --to mxfp8 --lossless-or-refuse", 1),
        ("quantize fp32 out --to deepseek-ue8m0", 1),
        ("quantize bf16 out --to mxint8 --layout modelopt", 2),
        ("quantize bf16 out --to nvfp4 --scale-rule ceil", 2),
        ("quantize bf16 out --to mxfp8 --scale-dtype e8m0", 2),
        ("quantize bf16 out --to fp9", 2),
        ("inspect bf16 --verify", 2),
        ("inspect nowhere", 2),
        ("compare-weights bf16 nowhere", 2),
    ] {
        let (exit, out, err) = steelyard(&f, words);
        assert_eq!((exit, out.as_str()), (expected, ""), "{words}: {err}");
        all.push_str(&format!("$ steelyard {words}\n{err}[{exit}]\n\n"));
    }
    assert!(!f.at("out").exists() && !f.at("out.partial").exists());
    insta::assert_snapshot!(all.replace(&f.0.display().to_string(), "DIR"));
}

#[test]
fn rounding_twice_is_told_before_it_is_done() {
    let f = Folder::new();
    model(&f);
    run(&f, "quantize bf16 fp32 --to deepseek-fp32");
    let (exit, _, err) = steelyard(&f, "quantize fp32 out --to deepseek-ue8m0 --requant");
    assert_eq!(exit, 0, "{err}");
    assert!(err.contains("rounding them again adds a relative error of 0.02"), "{err}");
    let manifest = json_of(&f.at("out/steelyard-manifest.json"));
    assert_eq!((&manifest["requantised"], &manifest["scale_rule"]), (&json!(true), &json!("ceil")));
}

#[test]
fn an_existing_output_is_replaced_only_when_told() {
    let f = Folder::new();
    model(&f);
    run(&f, "quantize bf16 out --to mxfp8");
    let before = fs::read(f.at("out/steelyard-manifest.json")).unwrap();
    assert_eq!(steelyard(&f, "quantize bf16 out --to mxfp4").0, 2);
    assert_eq!(fs::read(f.at("out/steelyard-manifest.json")).unwrap(), before);
    run(&f, "quantize bf16 out --to mxfp4 --overwrite");
    assert_eq!(json_of(&f.at("out/steelyard-manifest.json"))["container"], "mxfp4");
}

#[test]
fn damage_is_found_and_named() {
    let f = Folder::new();
    model(&f);
    run(&f, "quantize bf16 out --to mxfp8");
    let path = f.at("out/model-00001-of-00002.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (exit, out, err) = steelyard(&f, "inspect out --verify");
    assert_eq!(exit, 1, "{out}{err}");
    insta::assert_snapshot!(format!("{out}{err}"));
}

#[test]
fn the_page_is_whole_and_safe() {
    let f = Folder::new();
    model(&f);
    run(&f, "quantize bf16 out --to mxfp4");
    run(&f, "compare-weights bf16 out --html page.html");
    let page = fs::read_to_string(f.at("page.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
    assert!(page.contains("Content-Security-Policy") && !page.contains("http://") && !page.contains("https://"));
    for word in ["Weights compared", "权重比较", "model.layers.0.mlp.up_proj.weight", "BF16 / mxfp4", "2^-3"] {
        assert!(page.contains(word), "{word}");
    }
    // Names from files cannot become markup.
    fs::create_dir_all(f.at("evil")).unwrap();
    write(&f.at("evil/a.safetensors"), &[bf16("<img src=x>.weight", &[4, 32], 1)]);
    run(&f, "quantize evil evil4 --to mxfp4");
    run(&f, "compare-weights evil evil4 --html evil.html");
    assert!(!fs::read_to_string(f.at("evil.html")).unwrap().contains("<img"));
    // The same comparison gives the same bytes.
    run(&f, "compare-weights bf16 out --html again.html");
    assert_eq!(fs::read_to_string(f.at("again.html")).unwrap(), page);
}
