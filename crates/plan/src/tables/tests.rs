use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::*;

fn parquet_bytes() -> Vec<u8> {
    let schema = "message m { optional binary kind (STRING); required int64 n; optional double ms; }";
    let schema = Arc::new(parse_message_type(schema).expect("schema"));
    let zstd = parquet::basic::Compression::ZSTD(Default::default());
    let properties = Arc::new(WriterProperties::builder().set_compression(zstd).build());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties).expect("writer");
    for first in [0_i64, 3] {
        let mut group = writer.next_row_group().expect("group");
        let mut column = group.next_column().expect("next").expect("kind");
        let kinds = [ByteArray::from("gemm"), ByteArray::from("moe")];
        column.typed::<ByteArrayType>().write_batch(&kinds, Some(&[1, 0, 1]), None).expect("kinds");
        column.close().expect("close");
        let mut column = group.next_column().expect("next").expect("n");
        column.typed::<Int64Type>().write_batch(&[first, first + 1, first + 2], None, None).expect("n");
        column.close().expect("close");
        let mut column = group.next_column().expect("next").expect("ms");
        column.typed::<DoubleType>().write_batch(&[0.5, 1.5], Some(&[1, 1, 0]), None).expect("ms");
        column.close().expect("close");
        group.close().expect("close");
    }
    writer.into_inner().expect("bytes")
}

#[test]
fn parquet_columns_by_name() {
    let table = columnar::read(Path::new("t.parquet"), parquet_bytes()).expect("own file");
    assert_eq!(table.len(), 6);
    assert!(table.has("ms") && !table.has("latency"));
    assert_eq!(table.text("kind").expect("text"), ["gemm", "", "moe", "gemm", "", "moe"]);
    assert_eq!(table.number("n").expect("numbers")[..], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let ms = table.number("ms").expect("numbers");
    assert_eq!(ms[..2], [0.5, 1.5]);
    assert!(ms[2].is_nan());
}

#[test]
fn csv_numbers_are_parsed_when_asked_for() {
    let table = delimited::read(Path::new("t.csv"), b"kind,n\na,1\nb,\nc,2.5e3\n").expect("csv");
    assert_eq!(table.text("kind").expect("text"), ["a", "b", "c"]);
    let n = table.number("n").expect("numbers");
    assert_eq!((n[0], n[2]), (1.0, 2500.0));
    assert!(n[1].is_nan());
}

#[test]
fn errors_name_path_column_and_row() {
    let table = delimited::read(Path::new("t.csv"), b"kind,n\na,1\nb,two\n").expect("csv");
    let text = |r: Result<Cow<'_, [f64]>, TableError>| r.expect_err("must fail").to_string();
    assert_eq!(text(table.number("m")), "t.csv: no column 'm'; it has kind, n");
    assert_eq!(text(table.number("n")), "t.csv: column 'n', row 2: 'two' is not a number");
    assert!(delimited::read(Path::new("t.csv"), b"").is_err());
    assert!(delimited::read(Path::new("t.csv"), b"a,b\n1\n").is_err(), "short line");
    assert!(matches!(Table::read(Path::new("/nonexistent/x.csv")), Err(TableError::Io { .. })));
}

#[test]
fn a_broken_parquet_file_is_an_error_or_a_table_never_a_panic() {
    let good = parquet_bytes();
    for cut in 0..good.len() {
        assert!(columnar::read(Path::new("cut"), good[..cut].to_vec()).is_err());
    }
    for place in 0..good.len() {
        for flip in [0xff, 0x80, 0x01] {
            let mut bad = good.clone();
            bad[place] ^= flip;
            let _ = columnar::read(Path::new("flipped"), bad);
        }
    }
}
