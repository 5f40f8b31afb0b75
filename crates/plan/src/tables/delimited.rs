//! CSV.

use std::path::Path;

use super::{Table, TableError, TextBuilder, check_size, malformed, too_large};

/// Reads CSV with a header line. Every column is text until a number is asked of it.
pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<Table, TableError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
    let names: Vec<String> =
        reader.headers().map_err(|e| malformed(path, e))?.iter().map(|n| n.trim().to_owned()).collect();
    check_size(path, 0, names.len())?;
    if names.iter().all(String::is_empty) {
        return Err(malformed(path, "no header line"));
    }
    let mut builders: Vec<TextBuilder> = names.iter().map(|_| TextBuilder::default()).collect();
    let mut record = csv::StringRecord::new();
    let mut rows = 0;
    while reader.read_record(&mut record).map_err(|e| malformed(path, e))? {
        rows += 1;
        check_size(path, rows as u64, names.len())?;
        for ((builder, field), name) in builders.iter_mut().zip(record.iter()).zip(&names) {
            if !builder.push(field) {
                return Err(too_large(path, format!("the text of column '{name}'")));
            }
        }
    }
    let columns = builders.into_iter().map(TextBuilder::finish).collect();
    Ok(Table { path: path.to_owned(), rows, names, columns })
}
