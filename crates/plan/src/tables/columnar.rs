//! Parquet.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::file::reader::{ChunkReader, FileReader, RowGroupReader, SerializedFileReader};

use super::{Column, Table, TableError, TextBuilder, check_size, malformed, too_large};

/// Values decoded at a time, so that a lying row count allocates nothing.
const BATCH: usize = 1 << 16;

/// Reads flat columns of a Parquet file.
pub(super) fn read(path: &Path, bytes: Vec<u8>) -> Result<Table, TableError> {
    // The decoder returns errors for what it foresaw; a file made to break it must not take the program down.
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).map_err(|e| malformed(path, e))?;
        decode(path, &reader)
    }));
    decoded.unwrap_or_else(|_| Err(malformed(path, "a Parquet file that cannot be decoded")))
}

fn decode<R: ChunkReader + 'static>(path: &Path, reader: &SerializedFileReader<R>) -> Result<Table, TableError> {
    let meta = reader.metadata();
    let schema = meta.file_metadata().schema_descr();
    let rows = u64::try_from(meta.file_metadata().num_rows()).map_err(|_| malformed(path, "negative row count"))?;
    check_size(path, rows, schema.num_columns())?;
    let rows = rows as usize;
    let names: Vec<String> = schema.columns().iter().map(|c| c.path().string()).collect();
    let mut columns = Vec::with_capacity(names.len());
    for (i, name) in names.iter().enumerate() {
        let descriptor = schema.column(i);
        let wrong = |message: &str| malformed(path, format!("column '{name}': {message}"));
        if descriptor.max_rep_level() != 0 || descriptor.max_def_level() > 1 {
            return Err(wrong("nested columns are not read"));
        }
        let mut gathered = Gathered::default();
        for group in 0..meta.num_row_groups() {
            let chunk = meta.row_group(group).column(i);
            let places =
                [chunk.data_page_offset(), chunk.dictionary_page_offset().unwrap_or(0), chunk.compressed_size()];
            if places.iter().any(|&p| p < 0) {
                return Err(wrong("negative offset"));
            }
            let group = reader.get_row_group(group).map_err(|e| malformed(path, e))?;
            let nullable = descriptor.max_def_level() == 1;
            gathered.append(path, name, group.as_ref(), i, nullable, rows)?;
        }
        if gathered.rows != rows {
            return Err(wrong("fewer or more values than rows"));
        }
        columns.push(gathered.finish());
    }
    Ok(Table { path: path.to_owned(), rows, names, columns })
}

/// A column as far as it was read.
#[derive(Default)]
struct Gathered {
    rows: usize,
    numbers: Vec<f64>,
    text: Option<TextBuilder>,
}

impl Gathered {
    fn append(
        &mut self,
        path: &Path,
        name: &str,
        group: &dyn RowGroupReader,
        column: usize,
        nullable: bool,
        rows: usize,
    ) -> Result<(), TableError> {
        let fail = |e| malformed(path, format!("column '{name}': {e}"));
        let most = rows - self.rows.min(rows);
        let (nan, numbers) = (f64::NAN, &mut self.numbers);
        self.rows += match group.get_column_reader(column).map_err(fail)? {
            ColumnReader::BoolColumnReader(r) => {
                values(r, nullable, most, |v| numbers.push(v.map_or(nan, |&b| f64::from(u8::from(b)))))
            }
            ColumnReader::Int32ColumnReader(r) => {
                values(r, nullable, most, |v| numbers.push(v.map_or(nan, |&n| f64::from(n))))
            }
            ColumnReader::Int64ColumnReader(r) => {
                values(r, nullable, most, |v| numbers.push(v.map_or(nan, |&n| n as f64)))
            }
            ColumnReader::FloatColumnReader(r) => {
                values(r, nullable, most, |v| numbers.push(v.map_or(nan, |&n| f64::from(n))))
            }
            ColumnReader::DoubleColumnReader(r) => {
                values(r, nullable, most, |v| numbers.push(v.copied().unwrap_or(nan)))
            }
            ColumnReader::ByteArrayColumnReader(r) => {
                let text = self.text.get_or_insert_default();
                let mut fits = true;
                let read = values(r, nullable, most, |v: Option<&ByteArray>| {
                    fits &= text.push(&String::from_utf8_lossy(v.map_or(&[], ByteArray::data)));
                });
                if !fits {
                    return Err(too_large(path, format!("the text of column '{name}'")));
                }
                read
            }
            _ => return Err(malformed(path, format!("column '{name}': a physical type that is not read"))),
        }
        .map_err(fail)?;
        Ok(())
    }

    fn finish(self) -> Column {
        self.text.map_or(Column::Numbers(self.numbers), TextBuilder::finish)
    }
}

/// Hands every value of a column chunk to `take`, `None` for null, and counts them. Stops beyond `most`.
fn values<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    nullable: bool,
    most: usize,
    mut take: impl FnMut(Option<&T::T>),
) -> Result<usize, parquet::errors::ParquetError> {
    let mut total = 0;
    let (mut levels, mut batch) = (Vec::new(), Vec::new());
    loop {
        levels.clear();
        batch.clear();
        let (records, _, _) = reader.read_records(BATCH, nullable.then_some(&mut levels), None, &mut batch)?;
        total += records;
        if records == 0 || total > most {
            return Ok(total);
        }
        if nullable {
            let mut present = batch.iter();
            levels.iter().for_each(|&level| take(if level == 1 { present.next() } else { None }));
        } else {
            batch.iter().for_each(|v| take(Some(v)));
        }
    }
}
