//! Tables for tools that read columns: the cells of a CSV, typed, as Parquet.

use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use plan::findings::Findings;

use super::csv;

/// One row a system, best first; a figure that there is none of is null. The same findings give the same bytes.
///
/// # Errors
/// What the writer of the format says; it does not fail on memory.
pub fn parquet(findings: &Findings) -> Result<Vec<u8>, ParquetError> {
    // A column of numbers is one whose name bears a unit, or that counts.
    of_csv(&csv(findings), |name, _| TEXTS.contains(&name))
}

/// A table with a heading: columns whose cells are all numbers become numbers, empty cells null. Letters that no name of a
/// column may have become `_`.
///
/// # Errors
/// Rows of different lengths, no column, or two columns of one name.
pub fn parquet_of_table(text: &[u8]) -> Result<Vec<u8>, ParquetError> {
    of_csv(text, |_, cells| cells.iter().any(|cell| !cell.is_empty() && cell.parse::<f64>().is_err()))
}

/// `is_text` of a column's name and cells.
fn of_csv(text: &[u8], is_text: impl Fn(&str, &[&str]) -> bool) -> Result<Vec<u8>, ParquetError> {
    let mut reader = ::csv::Reader::from_reader(text);
    let told = |e: ::csv::Error| ParquetError::General(e.to_string());
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let names: Vec<String> = reader.headers().map_err(told)?.iter().map(|n| n.chars().map(plain).collect()).collect();
    let alike = |(at, name): (usize, &String)| name.is_empty() || names[..at].contains(name);
    if names.is_empty() || names.len() > COLUMNS || names.iter().enumerate().any(alike) {
        return Err(ParquetError::General(format!("a table has 1 to {COLUMNS} columns, each with a name of its own")));
    }
    let rows: Vec<::csv::StringRecord> = reader.records().collect::<Result<_, _>>().map_err(told)?;
    let column = |at: usize| rows.iter().map(move |row| row.get(at).unwrap_or_default());
    let fields: String = names
        .iter()
        .enumerate()
        .map(|(at, name)| match is_text(name, &column(at).collect::<Vec<_>>()) {
            true => format!("OPTIONAL BYTE_ARRAY {name} (UTF8); "),
            false => format!("OPTIONAL DOUBLE {name}; "),
        })
        .collect();
    let schema = Arc::new(parse_message_type(&format!("message findings {{ {fields} }}"))?);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_created_by(concat!("steelyard ", env!("CARGO_PKG_VERSION")).to_owned());
    let mut bytes = Vec::new();
    let mut file = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties.build()))?;
    let mut group = file.next_row_group()?;
    let mut at = 0;
    while let Some(mut writer) = group.next_column()? {
        let there: Vec<i16> = column(at).map(|cell| i16::from(!cell.is_empty())).collect();
        match writer.untyped() {
            ColumnWriter::ByteArrayColumnWriter(out) => {
                let cells: Vec<ByteArray> = column(at).filter(|c| !c.is_empty()).map(ByteArray::from).collect();
                out.write_batch(&cells, Some(&there), None)?;
            }
            ColumnWriter::DoubleColumnWriter(out) => {
                let number =
                    |cell: &str| cell.parse::<f64>().map_err(|e| ParquetError::General(format!("{cell}: {e}")));
                let cells: Vec<f64> = column(at).filter(|c| !c.is_empty()).map(number).collect::<Result<_, _>>()?;
                out.write_batch(&cells, Some(&there), None)?;
            }
            _ => return Err(ParquetError::General("a column of another type than its schema says".into())),
        }
        writer.close()?;
        at += 1;
    }
    group.close()?;
    file.close()?;
    Ok(bytes)
}

/// Most columns of a table.
const COLUMNS: usize = 512;

/// Columns of texts.
const TEXTS: [&str; 10] =
    ["id", "name", "vendor", "chip", "answer", "setup", "weights", "arithmetic", "limit", "basis_of_cost"];
