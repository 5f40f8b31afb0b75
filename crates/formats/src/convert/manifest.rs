//! The small files around the weights: configuration, index, the rest of the folder, and the manifest that says how
//! everything was made and what its bytes hash to.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::plan::{INDEX_NAME, Plan, hex};
use super::run::Outcome;
use crate::checkpoint::{Checkpoint, file, is_plain_file_name, read_json, safetensors};
use crate::{Container, Error, error::Result};

/// The name of the manifest.
pub const MANIFEST: &str = "steelyard-manifest.json";

/// Files that are written anew or hold other copies of the weights, and are not copied.
fn is_left_out(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let weights = ["safetensors", "gguf", "bin", "pt", "pth", "h5", "msgpack", "onnx", "ckpt"];
    let extension = lower.rsplit_once('.').map_or("", |(_, e)| e);
    weights.contains(&extension)
        || lower.starts_with('.')
        || lower.ends_with(".index.json")
        || [MANIFEST, "config.json", "hf_quant_config.json"].contains(&lower.as_str())
}

/// Writes everything but the weights.
pub(super) fn write(
    source: &Checkpoint,
    plan: &Plan,
    folder: &Path,
    hashes: &BTreeMap<String, String>,
    outcome: &Outcome,
) -> Result<()> {
    let mut others = Map::new();
    let mut own = |name: &str, value: &Option<Value>| -> Result<()> {
        if let Some(value) = value {
            let text = format!("{value:#}\n");
            put(&folder.join(name), text.as_bytes())?;
            others.insert(name.to_owned(), json!({ "bytes": text.len(), "sha256": sha256(text.as_bytes()) }));
        }
        Ok(())
    };
    own("config.json", &plan.config)?;
    own("hf_quant_config.json", &plan.modelopt)?;
    own(INDEX_NAME, &plan.index)?;
    if source.path.is_dir() {
        copy_rest(&source.path, folder, "", &mut others, 0)?;
    }
    let files: Map<String, Value> = plan
        .files
        .iter()
        .map(|f| (f.name.clone(), json!({ "bytes": f.len, "header_sha256": sha256(&f.header) })))
        .collect();
    let errors: BTreeMap<&str, _> = outcome.tensors.iter().map(|(n, s)| (n.as_str(), s)).collect();
    let mut tensors = Map::new();
    for task in &plan.tasks {
        let m = &source.matrices[task.matrix];
        let from = m.container().map_or_else(|| source.raw[m.codes].dtype.name().to_owned(), Container::name);
        for &t in &task.tensors {
            let out = &plan.files[task.file].tensors[t];
            let mut entry = json!({ "file": plan.files[task.file].name, "sha256": hashes.get(&out.name) });
            if let Some(entry) = entry.as_object_mut() {
                match task.kept {
                    Some(why) => entry.insert("kept".to_owned(), json!(why)),
                    None => entry.insert("from".to_owned(), json!(from)),
                };
                if let Some(stats) = errors.get(m.name.as_str()).filter(|_| Some(&t) == task.tensors.first()) {
                    entry.insert("error".to_owned(), stats.to_json());
                }
            }
            tensors.insert(out.name.clone(), entry);
        }
    }
    let container = plan.options.container;
    let rule = container.has_rule().then(|| plan.rule(container).name());
    let sources: Vec<Value> = source.files.iter().map(|f| json!({ "name": f.name, "bytes": f.len })).collect();
    let manifest = json!({
        "steelyard": env!("CARGO_PKG_VERSION"),
        "container": container.name(),
        "layout": plan.layout.name(),
        "scale_rule": rule,
        "rounding": if container == Container::Hif8 { "nearest, ties away" } else { "nearest, ties even" },
        "zero_block_scale": 1,
        "requantised": plan.tasks.iter().any(|t| t.requantised),
        "source": sources,
        "total_error": outcome.total.to_json(),
        "files": files,
        "tensors": tensors,
        "others": others,
    });
    put(&folder.join(MANIFEST), format!("{manifest:#}\n").as_bytes())
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|e| Error::io(path, "write", e))
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Copies tokenizers, code and whatever else the folder holds.
fn copy_rest(from: &Path, to: &Path, prefix: &str, others: &mut Map<String, Value>, depth: u32) -> Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(from)
        .map_err(|e| Error::io(from, "list", e))?
        .collect::<std::io::Result<_>>()
        .map_err(|e| Error::io(from, "list", e))?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        let Ok(kind) = std::fs::metadata(&path) else { continue };
        let linked_folder = kind.is_dir() && path.is_symlink();
        if is_left_out(&name) || linked_folder || kind.is_dir() && depth > 8 {
            continue;
        }
        let target = to.join(&name);
        if kind.is_dir() {
            std::fs::create_dir_all(&target).map_err(|e| Error::io(&target, "create", e))?;
            copy_rest(&path, &target, &format!("{prefix}{name}/"), others, depth + 1)?;
        } else if kind.is_file() {
            std::fs::copy(&path, &target).map_err(|e| Error::io(&path, "copy", e))?;
            let hash = hash_file(&target)?;
            others.insert(format!("{prefix}{name}"), json!({ "bytes": kind.len(), "sha256": hash }));
        }
    }
    Ok(())
}

fn hash_file(path: &Path) -> Result<String> {
    let mut file = std::fs::File::open(path).map_err(|e| Error::io(path, "read", e))?;
    let mut hasher = Sha256::new();
    std::io::copy(&mut file, &mut hasher).map_err(|e| Error::io(path, "read", e))?;
    Ok(hex(&hasher.finalize()))
}

/// What [`verify`] found.
#[derive(Debug, Default)]
pub struct Verified {
    /// Tensors and files whose bytes are as the manifest says.
    pub good: usize,
    /// What is not, one line each.
    pub bad: Vec<String>,
}

/// Hashes everything that the manifest of a folder names.
///
/// # Errors
/// If there is no manifest, or files cannot be read. Damage is not an error but in [`Verified::bad`].
pub fn verify(folder: &Path) -> Result<Verified> {
    let path = folder.join(MANIFEST);
    let Some(manifest) = read_json(&path)? else {
        return Err(Error::malformed(folder, format!("has no {MANIFEST}; only folders that steelyard wrote have one")));
    };
    let section = |key: &str| manifest.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
    let mut found = Verified::default();
    let mut judge = |what: String, same: bool| if same { found.good += 1 } else { found.bad.push(what) };
    let tensors = section("tensors");
    let mut seen = std::collections::BTreeSet::new();
    for (name, entry) in section("files") {
        if !is_plain_file_name(&name) {
            return Err(Error::malformed(&path, format!("{name:?} is not a file name")));
        }
        let at = folder.join(&name);
        let Ok(handle) = std::fs::File::open(&at) else {
            judge(format!("{name}: missing"), false);
            continue;
        };
        let len = handle.metadata().map_err(|e| Error::io(&at, "read", e))?.len();
        let header = match safetensors::read(&at, &handle, len, 0) {
            Ok(header) => header,
            Err(e) => {
                judge(format!("{name}: {e}"), false);
                continue;
            }
        };
        let start = hash_part(&handle, &at, 0, header.data_start)?;
        judge(format!("{name}: header changed"), entry.get("header_sha256").and_then(Value::as_str) == Some(&start));
        for t in header.tensors {
            let want = tensors.get(&t.name).and_then(|e| e.get("sha256")).and_then(Value::as_str);
            let got = hash_part(&handle, &at, t.offset, t.len)?;
            judge(format!("{name}: tensor {:?} changed", t.name), want == Some(&got));
            seen.insert(t.name);
        }
    }
    for name in tensors.keys().filter(|n| !seen.contains(*n)) {
        judge(format!("tensor {name:?} is missing"), false);
    }
    for (name, entry) in section("others") {
        let inside = name.split('/').all(is_plain_file_name);
        let got = if inside { hash_file(&folder.join(&name)).ok() } else { None };
        judge(
            format!("{name}: changed or missing"),
            got.is_some() && got.as_deref() == entry.get("sha256").and_then(Value::as_str),
        );
    }
    Ok(found)
}

fn hash_part(handle: &std::fs::File, path: &Path, mut at: u64, len: u64) -> Result<String> {
    let end = at + len;
    let mut buffer = vec![0u8; len.min(4 << 20) as usize];
    let mut hasher = Sha256::new();
    while at < end {
        let n = (end - at).min(buffer.len() as u64) as usize;
        file::read_at(handle, path, &mut buffer[..n], at)?;
        hasher.update(&buffer[..n]);
        at += n as u64;
    }
    Ok(hex(&hasher.finalize()))
}
