//! Checkpoints on disk: which files, which tensors, and what the tensors stand for.

mod band;
mod dtype;
pub mod file;
pub mod gguf;
mod layout;
pub mod safetensors;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

pub use band::{Band, Rect};
pub(crate) use band::{decode_band, transpose};
pub use dtype::Dtype;
pub use gguf::GgufType;
pub use layout::{Matrix, Stored, TensorScaleAt};

use crate::{Error, Note, error::Result};

/// A tensor as a file stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawTensor {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub dtype: Dtype,
    /// Its shape, slowest dimension first.
    pub shape: Vec<u64>,
    /// Index of its file in [`Checkpoint::files`].
    pub file: usize,
    /// First byte, from the start of the file.
    pub offset: u64,
    /// Number of bytes.
    pub len: u64,
}

/// An open weight file.
#[derive(Debug)]
pub struct DataFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its name without folders.
    pub name: String,
    /// Its size.
    pub len: u64,
    /// Its metadata strings.
    pub metadata: Map<String, Value>,
    /// Bytes before the data.
    pub data_start: u64,
    handle: File,
}

impl DataFile {
    /// Fills `buffer` from byte `at` on.
    ///
    /// # Errors
    /// If the system refuses, or the file ends before.
    pub fn read(&self, buffer: &mut [u8], at: u64) -> Result<()> {
        file::read_at(&self.handle, &self.path, buffer, at)
    }
}

/// A checkpoint: a folder with safetensors files and their configuration, or one safetensors or GGUF file.
#[derive(Debug)]
pub struct Checkpoint {
    /// What was opened.
    pub path: PathBuf,
    /// The weight files, in order of name.
    pub files: Vec<DataFile>,
    /// The tensors as stored, by file and offset.
    pub raw: Vec<RawTensor>,
    /// What they stand for, in the same order.
    pub matrices: Vec<Matrix>,
    /// `config.json`, if there is one.
    pub config: Option<Value>,
    /// The index of shards as read, if there is one.
    pub index: Option<Value>,
    /// Things worth telling the user.
    pub notes: Vec<Note>,
    /// Quantised tensors whose format is not known, one line each. They can be looked at but not converted.
    pub unknown: Vec<String>,
    /// Whether the source is GGUF.
    pub gguf: bool,
    /// Why names and configuration of a GGUF file could not be put into Hugging Face terms, or were not to be.
    pub untranslated: Option<String>,
}

/// What tensors of GGUF files are called. Other files have one sort of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Names {
    /// As in a Hugging Face checkpoint, where the architecture is known; then there is a configuration too.
    #[default]
    HuggingFace,
    /// As stored.
    Stored,
}

impl Checkpoint {
    /// Opens a folder or a file. Reads headers, the configuration, and block scales in FP32; no other data.
    ///
    /// # Errors
    /// If it is not there, not a checkpoint, or malformed.
    pub fn open(path: &Path) -> Result<Checkpoint> {
        Checkpoint::open_as(path, Names::default())
    }

    /// As [`Checkpoint::open`], with a choice of names.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn open_as(path: &Path, gguf_names: Names) -> Result<Checkpoint> {
        let kind = std::fs::metadata(path).map_err(|e| Error::io(path, "open", e))?;
        let (names, index) = if kind.is_dir() { weight_files(path)? } else { (vec![path.to_owned()], None) };
        let mut checkpoint = Checkpoint {
            path: path.to_owned(),
            files: Vec::new(),
            raw: Vec::new(),
            matrices: Vec::new(),
            config: None,
            index,
            notes: Vec::new(),
            unknown: Vec::new(),
            gguf: false,
            untranslated: None,
        };
        let mut gguf = None;
        for path in names {
            gguf = gguf.or(checkpoint.add(&path)?);
        }
        let by_name = unique_names(&checkpoint)?;
        checkpoint.check_index(&by_name)?;
        if kind.is_dir() {
            checkpoint.config = read_json(&path.join("config.json"))?;
        }
        layout::recognise(&mut checkpoint, &by_name)?;
        match (gguf, gguf_names) {
            (Some(header), Names::HuggingFace) => checkpoint.translate(&header),
            (Some(_), Names::Stored) => checkpoint.untranslated = Some("names are kept as GGUF has them".to_owned()),
            (None, _) => {}
        }
        Ok(checkpoint)
    }

    /// Names, order of rows and configuration of a GGUF file in Hugging Face terms, or a note of why not.
    fn translate(&mut self, header: &gguf::Header) {
        match gguf::translate(header) {
            Ok(t) => {
                for (m, (name, head)) in self.matrices.iter_mut().zip(t.names.into_iter().zip(t.heads)) {
                    (m.name, m.head) = (name, head);
                }
                self.config = Some(t.config);
            }
            Err(why) => {
                self.notes.push(Note::NotTranslated(why.clone()));
                self.untranslated = Some(why);
            }
        }
    }

    /// Opens a file of the checkpoint; the header, if it is GGUF.
    fn add(&mut self, path: &Path) -> Result<Option<gguf::Header>> {
        let handle = File::open(path).map_err(|e| Error::io(path, "open", e))?;
        let len = handle.metadata().map_err(|e| Error::io(path, "open", e))?.len();
        let index = self.files.len();
        let mut magic = [0u8; 4];
        if len >= 4 {
            file::read_at(&handle, path, &mut magic, 0)?;
        }
        let (tensors, metadata, data_start, gguf) = if &magic == b"GGUF" {
            if index > 0 {
                return Err(Error::malformed(
                    path,
                    "is one of several files; a GGUF checkpoint in one file is expected",
                ));
            }
            self.gguf = true;
            let header = gguf::read(path, &handle, len, index)?;
            let start = header.tensors.first().map_or(len, |t| t.offset);
            (header.tensors.clone(), Map::new(), start, Some(header))
        } else {
            let header = safetensors::read(path, &handle, len, index)?;
            (header.tensors, header.metadata, header.data_start, None)
        };
        self.raw.extend(tensors);
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        self.files.push(DataFile { path: path.to_owned(), name, len, metadata, data_start, handle });
        Ok(gguf)
    }

    /// Every tensor of the index must be where the index says.
    fn check_index(&mut self, by_name: &HashMap<String, usize>) -> Result<()> {
        let Some(map) = self.index.as_ref().and_then(|i| i.get("weight_map")).and_then(Value::as_object) else {
            return Ok(());
        };
        let path = self.path.join(INDEX);
        for (tensor, file) in map {
            let Some(&at) = by_name.get(tensor) else {
                return Err(Error::malformed(&path, format!("tensor {tensor:?} is in no file")));
            };
            let found = &self.files[self.raw[at].file].name;
            if file.as_str() != Some(found.as_str()) {
                let problem = format!("tensor {tensor:?} should be in {file}, but is in {found:?}");
                return Err(Error::malformed(&path, problem));
            }
        }
        let missing = by_name.keys().filter(|name| !map.contains_key(*name)).count();
        if missing > 0 {
            self.notes.push(Note::NotInIndex(missing));
        }
        Ok(())
    }

    /// The whole of a small tensor as FP32 values.
    ///
    /// # Errors
    /// If it cannot be read or is not of floats.
    pub(crate) fn floats(&self, at: usize) -> Result<Vec<f32>> {
        let raw = &self.raw[at];
        let file = &self.files[raw.file];
        let mut bytes = vec![0u8; raw.len as usize];
        file.read(&mut bytes, raw.offset)?;
        band::floats(raw.dtype, &bytes).ok_or_else(|| {
            let (name, dtype) = (&raw.name, raw.dtype.name());
            Error::malformed(&file.path, format!("tensor {name:?} is {dtype}; a float type is expected"))
        })
    }
}

/// The name of the file that says which shard holds which tensor.
pub const INDEX: &str = "model.safetensors.index.json";

/// The weight files of a folder, in order, and the index.
fn weight_files(folder: &Path) -> Result<(Vec<PathBuf>, Option<Value>)> {
    let index_path = folder.join(INDEX);
    if let Some(index) = read_json(&index_path)? {
        let map = index.get("weight_map").and_then(Value::as_object);
        let map = map.ok_or_else(|| Error::malformed(&index_path, "has no \"weight_map\" object"))?;
        let mut names = BTreeMap::new();
        for (tensor, file) in map {
            let file = file.as_str().filter(|f| is_plain_file_name(f)).ok_or_else(|| {
                let problem = format!("tensor {tensor:?} points to {file}; a file name without folders is expected");
                Error::malformed(&index_path, problem)
            })?;
            names.insert(file.to_owned(), ());
        }
        return Ok((names.into_keys().map(|n| folder.join(n)).collect(), Some(index)));
    }
    let mut safetensors = Vec::new();
    let mut gguf = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| Error::io(folder, "list", e))? {
        let path = entry.map_err(|e| Error::io(folder, "list", e))?.path();
        match path.extension().and_then(|e| e.to_str()) {
            Some("safetensors") => safetensors.push(path),
            Some("gguf") => gguf.push(path),
            _ => {}
        }
    }
    safetensors.sort();
    if !safetensors.is_empty() {
        return Ok((safetensors, None));
    }
    match gguf.len() {
        0 => Err(Error::malformed(folder, "holds no .safetensors and no .gguf file")),
        1 => Ok((gguf, None)),
        n => Err(Error::malformed(folder, format!("holds {n} GGUF files: name the one you mean"))),
    }
}

/// Whether a name has no folder parts.
pub(crate) fn is_plain_file_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0', ':'])
}

/// A JSON file, `None` if it is not there.
///
/// # Errors
/// If it is there but cannot be read or is not JSON.
pub(crate) fn read_json(path: &Path) -> Result<Option<Value>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io(path, "read", e)),
    };
    serde_json::from_slice(&text).map(Some).map_err(|e| Error::malformed(path, format!("is not JSON: {e}")))
}

fn unique_names(checkpoint: &Checkpoint) -> Result<HashMap<String, usize>> {
    let mut by_name: HashMap<String, usize> = HashMap::with_capacity(checkpoint.raw.len());
    for (i, raw) in checkpoint.raw.iter().enumerate() {
        if let Some(first) = by_name.insert(raw.name.clone(), i) {
            let (a, b) = (&checkpoint.files[checkpoint.raw[first].file].name, &checkpoint.files[raw.file].name);
            let problem = format!("tensor {:?} is in {a:?} and in {b:?}", raw.name);
            return Err(Error::malformed(&checkpoint.path, problem));
        }
    }
    Ok(by_name)
}
