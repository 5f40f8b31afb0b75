//! The ranking for tools that read columns: the cells of the CSV, typed, as Parquet.

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
    let text = csv(findings);
    let mut reader = ::csv::Reader::from_reader(&text[..]);
    let told = |e: ::csv::Error| ParquetError::General(e.to_string());
    let names: Vec<String> = reader.headers().map_err(told)?.iter().map(str::to_owned).collect();
    let rows: Vec<::csv::StringRecord> = reader.records().collect::<Result<_, _>>().map_err(told)?;
    let column = |at: usize| rows.iter().map(move |row| row.get(at).unwrap_or_default());
    // A column of numbers is one whose name bears a unit, or that counts.
    let is_text = |name: &str| TEXTS.contains(&name);
    let fields: String = names
        .iter()
        .map(|name| match is_text(name) {
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

/// Columns of texts.
const TEXTS: [&str; 10] =
    ["id", "name", "vendor", "chip", "answer", "setup", "weights", "arithmetic", "limit", "basis_of_cost"];
