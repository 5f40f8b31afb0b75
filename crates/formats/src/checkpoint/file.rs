//! Reading and writing at a place in a file, whatever the system.

use std::fs::File;
use std::path::Path;

use crate::{Error, error::Result};

/// Fills `buffer` from byte `at` on.
///
/// # Errors
/// If the system refuses, or the file ends before.
pub fn read_at(file: &File, path: &Path, buffer: &mut [u8], at: u64) -> Result<()> {
    #[cfg(unix)]
    let done = std::os::unix::fs::FileExt::read_exact_at(file, buffer, at);
    #[cfg(windows)]
    let done = {
        let mut done = 0;
        loop {
            if done == buffer.len() {
                break Ok(());
            }
            match std::os::windows::fs::FileExt::seek_read(file, &mut buffer[done..], at + done as u64) {
                Ok(0) => break Err(std::io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => done += n,
                Err(e) => break Err(e),
            }
        }
    };
    done.map_err(|e| match e.kind() {
        std::io::ErrorKind::UnexpectedEof => {
            Error::malformed(path, format!("ends before byte {}: truncated?", at + buffer.len() as u64))
        }
        _ => Error::io(path, "read", e),
    })
}

/// Writes all of `bytes` at byte `at`.
///
/// # Errors
/// If the system refuses, for instance because the disk is full.
pub fn write_at(file: &File, path: &Path, bytes: &[u8], at: u64) -> Result<()> {
    #[cfg(unix)]
    let done = std::os::unix::fs::FileExt::write_all_at(file, bytes, at);
    #[cfg(windows)]
    let done = {
        let mut done = 0;
        loop {
            if done == bytes.len() {
                break Ok(());
            }
            match std::os::windows::fs::FileExt::seek_write(file, &bytes[done..], at + done as u64) {
                Ok(n) => done += n,
                Err(e) => break Err(e),
            }
        }
    };
    done.map_err(|e| Error::io(path, "write", e))
}
