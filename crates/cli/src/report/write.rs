//! Files appear whole or not at all, also when the program is interrupted.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use thiserror::Error;

/// Why a file was not written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The path names a folder.
    #[error("cannot write {0}: it is a folder; name a file")]
    Folder(PathBuf),
    /// The path names no file.
    #[error("cannot write {0}: it does not end in a file name")]
    NoName(PathBuf),
    /// Something on the way to it is not a folder, or may not be written.
    #[error("cannot write {path}: {source}")]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Held while a file is being written.
static WRITING: Mutex<()> = Mutex::new(());

/// Exit of a program that was interrupted, as shells have it: 128 and the number of the signal.
const INTERRUPTED: i32 = 130;

/// From here on an interruption (Ctrl-C) ends the program at once, unless a file is being written: then when it is
/// whole, and before the next. Without, one that is being written leaves its temporary file behind.
pub fn stop_between_files() {
    let wait = || -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(tokio::signal::ctrl_c())?;
        let _whole = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        std::process::exit(INTERRUPTED)
    };
    // Where the system gives no thread or no signal, an interruption does what it always does.
    std::thread::spawn(wait);
}

/// Writes through a temporary file beside the target, then renames it, so that a reader never sees half of it and a
/// failure leaves the old file as it was. Folders on the way are made.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    if path.is_dir() {
        return Err(WriteError::Folder(path.to_owned()));
    }
    let Some(name) = path.file_name() else { return Err(WriteError::NoName(path.to_owned())) };
    let failed = |source| WriteError::Io { path: path.to_owned(), source };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(failed)?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.tmp", std::process::id()));
    let temporary = folder.join(hidden);
    let _whole = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let result = fill(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if result.is_err() {
        // Best effort: the first error is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    result.map_err(failed)
}

fn fill(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("steelyard-write-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn replaces_whole_files_and_leaves_nothing_behind() {
        let dir = folder("whole");
        let path = dir.join("new/report.html");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn refuses_folders() {
        let dir = folder("folder");
        assert!(matches!(write(&dir, b"x"), Err(WriteError::Folder(_))));
        assert!(matches!(write(&dir.join(".."), b"x"), Err(WriteError::Folder(_))));
        let file = dir.join("file");
        write(&file, b"x").unwrap();
        assert!(matches!(write(&file.join("below"), b"x"), Err(WriteError::Io { .. })));
        fs::remove_dir_all(dir).unwrap();
    }
}
