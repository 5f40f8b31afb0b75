//! Files that users name: only whole, small, regular ones, and only where a study may look.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

use catalog::written::{Diagnostic, short};

/// Longest study.
pub const STUDY_BYTES: u64 = 16 << 20;
/// Longest list of lengths.
pub const LENGTHS_BYTES: u64 = 64 << 20;

/// Why a file cannot be used.
#[derive(Debug, Clone, PartialEq)]
pub struct FileFault {
    /// Line, or 0.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub remedy: String,
}

impl FileFault {
    /// A fault of the whole file.
    pub fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        FileFault { line: 0, message: message.into(), remedy: remedy.into() }
    }

    /// As a diagnostic of that file.
    pub fn in_file(self, name: &str) -> Diagnostic {
        let column = usize::from(self.line > 0);
        let FileFault { line, message, remedy } = self;
        Diagnostic { line, column, ..Diagnostic::of_file(name, message, remedy) }
    }
}

/// The text of a file of at most `limit` bytes.
///
/// # Errors
/// No such file, a folder or device, too long, unreadable, packed, or not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> Result<String, FileFault> {
    let meta = std::fs::metadata(path).map_err(|e| match e.kind() {
        ErrorKind::NotFound => FileFault::new("there is no such file", "check the spelling of its path"),
        _ => FileFault::new(format!("cannot be opened: {e}"), ""),
    })?;
    if meta.is_dir() {
        return Err(FileFault::new("is a folder", "name a file"));
    }
    if !meta.is_file() {
        return Err(FileFault::new("is not a regular file", "name a file"));
    }
    let too_long = || FileFault::new(format!("is longer than {} MiB", limit >> 20), "shorten it");
    if meta.len() > limit {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    // The length is checked again while reading: a file may grow.
    let opened = File::open(path).and_then(|f| f.take(limit + 1).read_to_end(&mut bytes));
    opened.map_err(|e| FileFault::new(format!("cannot be read: {e}"), ""))?;
    if bytes.len() as u64 > limit {
        return Err(too_long());
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Err(FileFault::new("is packed with gzip", "unpack it first"));
    }
    String::from_utf8(bytes).map_err(|e| {
        let valid = e.utf8_error().valid_up_to();
        let line = e.as_bytes()[..valid].iter().filter(|&&b| b == b'\n').count() + 1;
        FileFault { line, ..FileFault::new("is not UTF-8 text", "save it as UTF-8") }
    })
}

/// Where a path written in a study leads: absolute ones as they are, relative ones inside the study's folder.
///
/// # Errors
/// A way out of the folder, by `..` or by a link.
pub fn resolve(folder: Option<&Path>, written: &str) -> Result<PathBuf, FileFault> {
    let path = Path::new(written);
    if written.contains('\0') {
        return Err(FileFault::new("holds a zero byte", "name a file"));
    }
    let Some(folder) = folder else {
        return Err(FileFault::new("names a file, which a study without a folder cannot", "save the study as a file"));
    };
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    let outside = || {
        let message = format!("'{}' leads out of the study's folder", short(written));
        FileFault::new(message, "put the file beside the study, or write its absolute path")
    };
    if path.components().any(|c| matches!(c, Component::ParentDir | Component::Prefix(_))) {
        return Err(outside());
    }
    let joined = folder.join(path);
    if let (Ok(real), Ok(home)) = (joined.canonicalize(), folder.canonicalize())
        && !real.starts_with(home)
    {
        return Err(outside());
    }
    Ok(joined)
}
