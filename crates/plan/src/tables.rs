//! Tables of measurements, read from CSV or Parquet files into columns addressed by name.
//!
//! Column order, optional columns and integer or float storage differ between published tables of the same kind, so
//! nothing here depends on them. A file is foreign: sizes are bounded, and what is wrong is an error with path and column.

mod columnar;
mod delimited;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Largest file read, in bytes. The largest published table has 1 MB.
const MAX_FILE: u64 = 512 << 20;
/// Most rows times columns kept: 8 bytes each.
const MAX_CELLS: u64 = 64 << 20;
/// Most columns.
const MAX_COLUMNS: usize = 1024;
/// Most bytes of text kept in one column, each distinct text counted once.
const MAX_TEXT: usize = 256 << 20;

/// Why a table cannot be read.
#[derive(Debug, Error)]
pub enum TableError {
    /// The file system refuses.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Neither CSV nor Parquet, or broken.
    #[error("{path}: {message}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// Larger than any table of measurements.
    #[error("{path}: too large: {what}")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What exceeds which limit.
        what: String,
    },
    /// There is no such column.
    #[error("{path}: no column '{column}'; it has {columns}")]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        column: String,
        /// Those there are.
        columns: String,
    },
    /// A text where a number was asked for, or the reverse.
    #[error("{path}: column '{column}', row {row}: '{text}' is not {wanted}")]
    WrongType {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Data row, from 1.
        row: usize,
        /// What stands there.
        text: String,
        /// What was asked for.
        wanted: &'static str,
    },
}

/// A column as it is kept. Text repeats a few values over many rows, so each distinct one is kept once.
enum Column {
    Numbers(Vec<f64>),
    Text { distinct: Vec<String>, index: Vec<u32> },
}

/// A table in memory.
pub struct Table {
    path: PathBuf,
    rows: usize,
    names: Vec<String>,
    columns: Vec<Column>,
}

impl Table {
    /// Reads a file: Parquet if it begins like one, else CSV with a header line.
    ///
    /// # Errors
    /// [`TableError`] if the file cannot be opened, is malformed or is larger than any table of measurements.
    pub fn read(path: &Path) -> Result<Table, TableError> {
        let io = |source| TableError::Io { path: path.to_owned(), source };
        let file = fs::File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        if size > MAX_FILE {
            return Err(too_large(path, format!("{size} bytes, at most {MAX_FILE} are read")));
        }
        // Devices and pipes have no size, and need not end.
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(too_large(path, format!("more than {MAX_FILE} bytes")));
        }
        Table::parse(path, bytes)
    }

    /// The table that `bytes` hold; `path` names them in errors.
    ///
    /// # Errors
    /// [`TableError`] if they are malformed or more than any table of measurements has.
    pub fn parse(path: &Path, bytes: Vec<u8>) -> Result<Table, TableError> {
        if bytes.starts_with(b"PAR1") { columnar::read(path, bytes) } else { delimited::read(path, &bytes) }
    }

    /// The file, as named in errors.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Whether there is a column of this name.
    pub fn has(&self, column: &str) -> bool {
        self.names.iter().any(|n| n == column)
    }

    /// A column of text; a missing value is empty.
    ///
    /// # Errors
    /// [`TableError`] if there is no such column or it holds numbers.
    pub fn text(&self, column: &str) -> Result<Vec<&str>, TableError> {
        match self.column(column)? {
            Column::Text { distinct, index } => Ok(index.iter().map(|&i| distinct[i as usize].as_str()).collect()),
            Column::Numbers(n) => {
                Err(self.wrong(column, 0, n.first().map(f64::to_string).unwrap_or_default(), "a text"))
            }
        }
    }

    /// A column of text that may be missing: then every value is empty.
    ///
    /// # Errors
    /// [`TableError`] if it holds numbers.
    pub fn text_if_any(&self, column: &str) -> Result<Vec<&str>, TableError> {
        if self.has(column) { self.text(column) } else { Ok(vec![""; self.rows]) }
    }

    /// A column of numbers that may be missing: then every value is NaN.
    ///
    /// # Errors
    /// [`TableError`] if a text in it is no number.
    pub fn number_if_any(&self, column: &str) -> Result<Cow<'_, [f64]>, TableError> {
        if self.has(column) { self.number(column) } else { Ok(Cow::Owned(vec![f64::NAN; self.rows])) }
    }

    /// A column of numbers, whether written as integers, floats, booleans or text; a missing value is NaN.
    ///
    /// # Errors
    /// [`TableError`] if there is no such column or a text in it is no number.
    pub fn number(&self, column: &str) -> Result<Cow<'_, [f64]>, TableError> {
        match self.column(column)? {
            Column::Numbers(n) => Ok(Cow::Borrowed(n)),
            Column::Text { distinct, index } => {
                let parsed: Vec<Option<f64>> = distinct.iter().map(|t| number(t)).collect();
                let value = |(row, &i): (usize, &u32)| {
                    let i = i as usize;
                    parsed[i].ok_or_else(|| self.wrong(column, row, distinct[i].clone(), "a number"))
                };
                index.iter().enumerate().map(value).collect::<Result<_, _>>().map(Cow::Owned)
            }
        }
    }

    fn column(&self, name: &str) -> Result<&Column, TableError> {
        match self.names.iter().position(|n| n == name) {
            Some(i) => Ok(&self.columns[i]),
            None => Err(TableError::NoColumn {
                path: self.path.clone(),
                column: name.to_owned(),
                columns: self.names.join(", "),
            }),
        }
    }

    fn wrong(&self, column: &str, row: usize, mut text: String, wanted: &'static str) -> TableError {
        text.truncate(text.char_indices().nth(40).map_or(text.len(), |(i, _)| i));
        TableError::WrongType { path: self.path.clone(), column: column.to_owned(), row: row + 1, text, wanted }
    }
}

/// Empty is a missing number.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    if text.is_empty() { Some(f64::NAN) } else { text.parse().ok() }
}

/// Gathers a column of text.
#[derive(Default)]
struct TextBuilder {
    distinct: Vec<String>,
    places: HashMap<String, u32>,
    index: Vec<u32>,
    bytes: usize,
}

impl TextBuilder {
    /// False if the column holds more text than is kept.
    fn push(&mut self, text: &str) -> bool {
        let place = match self.places.get(text) {
            Some(&place) => place,
            None => {
                let place = self.distinct.len() as u32;
                self.bytes += text.len();
                if self.bytes > MAX_TEXT {
                    return false;
                }
                self.distinct.push(text.to_owned());
                self.places.insert(text.to_owned(), place);
                place
            }
        };
        self.index.push(place);
        true
    }

    fn finish(self) -> Column {
        Column::Text { distinct: self.distinct, index: self.index }
    }
}

fn too_large(path: &Path, what: String) -> TableError {
    TableError::TooLarge { path: path.to_owned(), what }
}

fn malformed(path: &Path, message: impl ToString) -> TableError {
    TableError::Malformed { path: path.to_owned(), message: message.to_string() }
}

/// Refuses a size before anything of it is allocated.
fn check_size(path: &Path, rows: u64, columns: usize) -> Result<(), TableError> {
    if columns > MAX_COLUMNS {
        return Err(too_large(path, format!("{columns} columns, at most {MAX_COLUMNS} are read")));
    }
    if rows.saturating_mul(columns as u64) > MAX_CELLS {
        return Err(too_large(path, format!("{rows} rows of {columns} columns, at most {MAX_CELLS} cells are read")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
