//! What is wrong with a file, where, and what would be right.

use std::fmt;
use std::ops::Range;

/// One finding. All findings of a file are collected before anything stops.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// The file, relative to the catalog or as the user named it.
    pub file: String,
    /// From 1; 0 where the finding is about the file as a whole.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Stable name of what is wrong: `catalog/unknown-key`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What would be right; empty where the message says it.
    pub help: String,
}

impl Diagnostic {
    /// A finding about a whole file.
    pub(crate) fn of_file(file: &str, code: &'static str, message: String, help: String) -> Diagnostic {
        Diagnostic { file: file.to_owned(), line: 0, column: 0, code, message, help }
    }

    /// A finding at a byte range of `text`.
    pub(crate) fn at(file: &str, text: &str, span: Range<usize>, code: &'static str, message: String) -> Diagnostic {
        let (line, column) = line_and_column(text, span.start);
        Diagnostic { file: file.to_owned(), line, column, code, message, help: String::new() }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {} [{}]", self.message, self.code)?;
        if !self.help.is_empty() {
            write!(f, "\n  help: {}", self.help)?;
        }
        Ok(())
    }
}

/// Line and column of a byte, both from 1. A byte past the end counts as the end.
fn line_and_column(text: &str, byte: usize) -> (usize, usize) {
    let mut end = byte.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |n| n + 1);
    (line, before[start..].chars().count() + 1)
}

/// The one of `known` that `name` most likely means, if any is near.
pub(crate) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let name = name.to_lowercase();
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(&name, &k.to_lowercase()), k))
        .min_by_key(|&(distance, _)| distance)
        .filter(|&(distance, k)| distance <= 1 + k.chars().count() / 4)
        .map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_and_characters() {
        let text = "a\nbé = 1\n";
        assert_eq!(line_and_column(text, 0), (1, 1));
        assert_eq!(line_and_column(text, 2), (2, 1));
        assert_eq!(line_and_column(text, 5), (2, 3));
        assert_eq!(line_and_column(text, 4), (2, 2), "inside a character counts as its start");
        assert_eq!(line_and_column(text, 999), (3, 1));
    }

    #[test]
    fn suggests_only_what_is_near() {
        assert_eq!(nearest("bandwith", ["capacity", "bandwidth"]), Some("bandwidth"));
        assert_eq!(nearest("colour", ["capacity", "bandwidth"]), None);
    }
}
