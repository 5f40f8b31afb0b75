//! The built-in models: `catalog/models/<id>.json`, with names and aliases in `catalog/models/index.toml`.
//!
//! Only the file of the model that is asked for is parsed.

use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use serde::Deserialize;

use super::{Model, hf};
use crate::Diagnostic;

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../catalog/models");
const INDEX: &str = include_str!("../../../../catalog/models/index.toml");

/// A line of the index.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// `deepseek-v3.1`: the name of the file.
    pub id: String,
    /// Published name.
    pub name: String,
    /// Other names: of repositories, of measurements.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Where the facts are from.
    pub source: String,
}

#[derive(Deserialize)]
struct Index {
    model: Vec<Entry>,
}

/// All built-in models, in the order of the index.
pub fn entries() -> Vec<Entry> {
    // A test reads the index, so that it cannot be wrong here.
    toml::from_str::<Index>(INDEX).map(|index| index.model).unwrap_or_default()
}

/// `GPT-OSS 120B`, `gpt_oss_120b` and `gpt-oss-120b` are one name.
fn plain(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '_'], "-")
}

/// The built-in model that a name or an alias means; with or without the organisation before a slash.
pub fn resolve(name: &str) -> Option<Entry> {
    let wanted = plain(name);
    let entries = entries();
    let is = |entry: &Entry, wanted: &str| {
        let last = |alias: &str| alias.rsplit_once('/').map(|(_, last)| last.to_owned());
        let alias = |alias: &String| {
            let alias = plain(alias);
            alias == wanted || last(&alias).is_some_and(|last| last == wanted)
        };
        entry.id == wanted || plain(&entry.name) == wanted || entry.aliases.iter().any(alias)
    };
    let within = wanted.rsplit_once('/').map(|(_, last)| last);
    let found = entries.iter().find(|entry| is(entry, &wanted));
    found.or_else(|| within.and_then(|last| entries.iter().find(|entry| is(entry, last)))).cloned()
}

/// Loads a model: a path to a `config.json` or to its folder; a file `<name>.json` in the folder `models` of the user's
/// catalog; or a built-in model by any of its names. A path is what begins with `.` or `/`, ends in `.json`, or exists
/// and is no built-in name.
///
/// # Errors
/// As [`super::read`], or that there is no such model, with the nearest names.
pub fn load(name_or_path: &str, user: Option<&Path>) -> Result<Model, Vec<Diagnostic>> {
    let path = Path::new(name_or_path);
    if name_or_path.starts_with(['.', '/']) || name_or_path.ends_with(".json") || path.is_absolute() {
        return hf::read(path);
    }
    if let Some(file) = user.and_then(|folder| user_file(folder, name_or_path)) {
        let mut model = hf::read(&file)?;
        model.id = name_or_path.to_owned();
        model.name = name_or_path.to_owned();
        return Ok(model);
    }
    if let Some(entry) = resolve(name_or_path) {
        return built_in(&entry);
    }
    if path.exists() {
        return hf::read(path);
    }
    Err(vec![unknown(name_or_path)])
}

/// A file of the user's catalog; only plain names, so that none leads out of the folder.
fn user_file(folder: &Path, name: &str) -> Option<PathBuf> {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let models = folder.join("models");
    let candidates = [models.join(format!("{name}.json")), models.join(name).join("config.json")];
    if plain { candidates.into_iter().find(|file| file.is_file()) } else { None }
}

fn built_in(entry: &Entry) -> Result<Model, Vec<Diagnostic>> {
    let file = format!("{}.json", entry.id);
    let Some(text) = FILES.get_file(&file).and_then(|f| f.contents_utf8()) else {
        return Err(vec![unknown(&entry.id)]);
    };
    hf::named(&entry.id, &entry.name, &format!("catalog/models/{file}"), text, None)
}

fn unknown(name: &str) -> Diagnostic {
    let wanted = plain(name);
    let mut near: Vec<(usize, String)> = entries().into_iter().map(|e| (distance(&wanted, &e.id), e.id)).collect();
    near.sort();
    let near: Vec<String> = near.into_iter().take(3).map(|(_, id)| format!("`{id}`")).collect();
    Diagnostic {
        code: "model/unknown-model",
        message: "is neither a built-in model nor a file or folder".to_owned(),
        file: name.chars().take(200).collect(),
        line: 0,
        column: 0,
        help: format!("did you mean {}? `steelyard model list` shows all", near.join(", ")),
    }
}

/// Edits from one name to another.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(100).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let change = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
