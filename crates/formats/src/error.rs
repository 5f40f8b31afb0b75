//! What can go wrong, and whose fault it is.

use std::path::{Path, PathBuf};

/// An error of reading, planning or writing a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file does not hold what it should.
    #[error("{path}: {problem}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, where in the file, and what would be right.
        problem: String,
    },
    /// The operating system refused.
    #[error("{path}: cannot {doing}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried: "read", "write".
        doing: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The request contradicts itself, or asks for what does not exist.
    #[error("{0}")]
    Request(String),
    /// The request is sound, but what it asks for cannot be had from this input.
    #[error("{0}")]
    Refused(String),
}

/// The usual result.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A file that does not hold what it should.
    pub fn malformed(path: &Path, problem: impl Into<String>) -> Error {
        Error::Malformed { path: path.to_owned(), problem: problem.into() }
    }

    /// A refusal of the operating system.
    pub fn io(path: &Path, doing: &'static str, source: std::io::Error) -> Error {
        Error::Io { path: path.to_owned(), doing, source }
    }

    /// The exit code of a command that ends with this error: 1 if the plan is impossible, 2 if the input is wrong.
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Error::Refused(_)) { 1 } else { 2 }
    }
}
