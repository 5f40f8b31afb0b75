//! What is wrong with a file, where, and what would be right.

use std::fmt;

/// One finding. All findings of a file are collected before anything stops.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file, as the user named it.
    pub file: String,
    /// Line, from 1; 0 where the finding is of the whole file.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Stable name of what is wrong, where it has one: `unknown-model`.
    pub code: &'static str,
    /// What is wrong, after the path of the key: `memory.capacity: '80' has no unit`.
    pub message: String,
    /// What would be right; may be empty.
    pub help: String,
}

impl Diagnostic {
    /// A finding about a whole file.
    pub fn of_file(file: impl Into<String>, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        Diagnostic { file: file.into(), message: message.into(), help: help.into(), ..Diagnostic::default() }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)?;
        if !self.help.is_empty() {
            write!(f, "; {}", self.help)?;
        }
        Ok(())
    }
}
