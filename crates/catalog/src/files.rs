//! The files of a catalog: embedded in the binary, or in a folder of the user's.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use include_dir::{Dir, include_dir};

use crate::Diagnostic;

static CHIPS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../catalog/chips");
static SYSTEMS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../catalog/systems");
static FAULTS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../catalog/faults");
static ENGINES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../catalog/engines");

/// Longest file that is read: a catalog file has a few kilobytes.
const LONGEST_FILE: u64 = 16 << 20;

/// Most files of a folder of the user's, and most bytes of all together.
const MOST_FILES: usize = 10_000;
const MOST_BYTES: u64 = 4 * LONGEST_FILE;

/// A file: its id, how it is named to the user, and its text.
pub(crate) struct File {
    pub id: String,
    pub name: String,
    pub text: Cow<'static, str>,
}

/// Everything a catalog is read from.
#[derive(Default)]
pub(crate) struct Files {
    pub sources: Option<File>,
    pub prices: Option<File>,
    pub policies: Option<File>,
    pub regions: Option<File>,
    pub chips: Vec<File>,
    pub systems: Vec<File>,
    pub faults: Vec<File>,
    pub engines: Vec<File>,
}

/// The files in the binary.
pub(crate) fn embedded() -> Files {
    let one = |id: &str, text: &'static str| {
        Some(File { id: id.to_owned(), name: format!("{id}.toml"), text: Cow::Borrowed(text) })
    };
    Files {
        sources: one("sources", include_str!("../../../catalog/sources.toml")),
        prices: one("prices", include_str!("../../../catalog/prices.toml")),
        policies: one("policies", include_str!("../../../catalog/policies.toml")),
        regions: one("regions", include_str!("../../../catalog/regions.toml")),
        chips: embedded_folder(&CHIPS, "chips"),
        systems: embedded_folder(&SYSTEMS, "systems"),
        faults: embedded_folder(&FAULTS, "faults"),
        engines: embedded_folder(&ENGINES, "engines"),
    }
}

fn embedded_folder(dir: &Dir<'static>, folder: &str) -> Vec<File> {
    let mut files: Vec<File> = dir
        .files()
        .filter_map(|file| {
            let id = file.path().file_stem()?.to_str()?.to_owned();
            Some(File { name: format!("{folder}/{id}.toml"), id, text: Cow::Borrowed(file.contents_utf8()?) })
        })
        .collect();
    files.sort_by(|a, b| a.id.cmp(&b.id));
    files
}

/// The files of a folder with the layout of `catalog/`, every part optional.
pub(crate) fn folder(path: &Path) -> (Files, Vec<Diagnostic>) {
    let mut load = Load { left: MOST_BYTES, count: 0, found: Vec::new() };
    let mut files = Files::default();
    if !path.is_dir() {
        let remedy =
            "give a folder laid out as catalog/: chips/, systems/, engines/, faults/, sources.toml, prices.toml...";
        load.found.push(Diagnostic::of_file(path.display().to_string(), "is not a folder", remedy));
        return (files, load.found);
    }
    files.sources = load.optional(path, "sources");
    files.prices = load.optional(path, "prices");
    files.policies = load.optional(path, "policies");
    files.regions = load.optional(path, "regions");
    files.chips = load.all(&path.join("chips"));
    files.systems = load.all(&path.join("systems"));
    files.faults = load.all(&path.join("faults"));
    files.engines = load.all(&path.join("engines"));
    // Models are read where a study names them.
    if load.count == 0 && load.found.is_empty() && !path.join("models").is_dir() {
        let remedy = "put files under chips/, systems/, engines/, faults/ or models/, or a sources.toml, prices.toml, \
                      policies.toml or regions.toml";
        load.found.push(Diagnostic::of_file(path.display().to_string(), "has nothing of a catalog", remedy));
    }
    (files, load.found)
}

struct Load {
    left: u64,
    count: usize,
    found: Vec<Diagnostic>,
}

impl Load {
    fn optional(&mut self, folder: &Path, id: &str) -> Option<File> {
        let path = folder.join(format!("{id}.toml"));
        if path.exists() { self.one(&path) } else { None }
    }

    fn all(&mut self, folder: &Path) -> Vec<File> {
        if !folder.exists() {
            return Vec::new();
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                self.refuse(folder, error.to_string());
                return Vec::new();
            }
        };
        let mut paths: Vec<_> = entries.filter_map(|e| e.ok().map(|e| e.path())).take(MOST_FILES + 1).collect();
        if paths.len() > MOST_FILES {
            self.refuse(folder, format!("has more than {MOST_FILES} files"));
            return Vec::new();
        }
        paths.sort();
        paths.retain(|p| p.extension().is_some_and(|e| e == "toml"));
        paths.iter().filter_map(|path| self.one(path)).collect()
    }

    fn one(&mut self, path: &Path) -> Option<File> {
        self.count += 1;
        let size = match fs::metadata(path) {
            Ok(meta) if meta.is_file() => meta.len(),
            Ok(_) => {
                self.refuse(path, "is not a plain file".to_owned());
                return None;
            }
            Err(error) => {
                self.refuse(path, error.to_string());
                return None;
            }
        };
        if size > LONGEST_FILE.min(self.left) {
            let most = LONGEST_FILE >> 20;
            self.refuse(path, format!("is too long: {most} MiB a file, {} in all", 4 * most));
            return None;
        }
        self.left -= size;
        let text = match fs::read(path).map(String::from_utf8) {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => {
                self.refuse(path, "is not UTF-8 text".to_owned());
                return None;
            }
            Err(error) => {
                self.refuse(path, error.to_string());
                return None;
            }
        };
        let id = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        Some(File { id, name: path.display().to_string(), text: Cow::Owned(text) })
    }

    fn refuse(&mut self, path: &Path, message: String) {
        self.found.push(Diagnostic::of_file(path.display().to_string(), message, ""));
    }
}
