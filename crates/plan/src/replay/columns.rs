//! Requests and series as Parquet, in memory: who writes it to a file does so whole or not at all.

use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use sim::{Fate, Replayed, Time};

use super::findings::ReplayFindings;
use super::study::ReplayStudy;

/// A column.
enum Values {
    Whole(Vec<i64>),
    Real(Vec<f64>),
    Text(Vec<ByteArray>),
}

/// One row a request, in the order of their arrival; what never happened is NaN.
///
/// # Errors
/// What the writer of the format says; it does not fail on memory.
pub fn requests_parquet(study: &ReplayStudy, replayed: &Replayed) -> Result<Vec<u8>, ParquetError> {
    let all = &replayed.requests;
    let whole = |of: &dyn Fn(&sim::Replay) -> i64| Values::Whole(all.iter().map(of).collect());
    let time = |of: &dyn Fn(&sim::Replay) -> Time| {
        let seconds = |time: Time| if time.seconds() > 1.8e7 { f64::NAN } else { time.seconds() };
        Values::Real(all.iter().map(|r| seconds(of(r))).collect())
    };
    let text =
        |of: &dyn Fn(&sim::Replay) -> String| Values::Text(all.iter().map(|r| of(r).into_bytes().into()).collect());
    let place = |r: &sim::Replay, which: usize| r.place.map_or(-1, |(pool, replica)| [pool, replica][which].into());
    let fate = |r: &sim::Replay| match r.fate {
        Fate::Served => "served".to_owned(),
        Fate::Lost => "lost".to_owned(),
        Fate::Refused(why) => format!(
            "refused: {}",
            serde_json::to_value(why).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
        ),
    };
    let class = |r: &sim::Replay| study.classes.get(usize::from(r.class)).map_or(String::new(), |c| c.name.clone());
    write(vec![
        ("sent_s", time(&|r| r.served.arrival)),
        ("admitted_s", time(&|r| r.served.started)),
        ("first_token_s", time(&|r| r.served.first)),
        ("last_token_s", time(&|r| r.served.last)),
        ("input_tokens", whole(&|r| r.served.input.into())),
        ("cached_tokens", whole(&|r| r.served.cached.into())),
        ("output_tokens", whole(&|r| r.served.output.into())),
        ("class", text(&class)),
        ("pool", whole(&|r| place(r, 0))),
        ("replica", whole(&|r| place(r, 1))),
        ("preemptions", whole(&|r| r.served.preemptions.into())),
        ("retries", whole(&|r| r.retries.into())),
        ("fate", text(&fate)),
    ])
}

/// One row a moment and pool.
///
/// # Errors
/// As [`requests_parquet`].
pub fn series_parquet(findings: &ReplayFindings) -> Result<Vec<u8>, ParquetError> {
    let points =
        || findings.series.iter().flat_map(|point| point.pools.iter().enumerate().map(move |(n, p)| (point, n, p)));
    type Point<'f> = (&'f super::SeriesPoint, usize, &'f super::PoolPoint);
    let real = |of: &dyn Fn(Point) -> f64| Values::Real(points().map(of).collect());
    let whole = |of: &dyn Fn(Point) -> i64| Values::Whole(points().map(of).collect());
    let pool = |n: usize| findings.pools.get(n).map_or(String::new(), |p| p.name.clone());
    write(vec![
        ("time_s", real(&|(point, ..)| point.time)),
        ("pool", Values::Text(points().map(|(_, n, _)| pool(n).into_bytes().into()).collect())),
        ("arrivals_per_s", real(&|(point, ..)| point.arrivals)),
        ("output_tokens_per_s", real(&|(point, ..)| point.throughput)),
        ("ttft_p50_s", real(&|(point, ..)| point.ttft.map_or(f64::NAN, |t| t[0]))),
        ("ttft_p99_s", real(&|(point, ..)| point.ttft.map_or(f64::NAN, |t| t[1]))),
        ("goodput", real(&|(point, ..)| point.goodput.unwrap_or(f64::NAN))),
        ("waiting", whole(&|(_, _, p)| p.waiting as i64)),
        ("running", whole(&|(_, _, p)| p.running as i64)),
        ("kv_used", real(&|(_, _, p)| p.kv)),
        ("kv_idle_prefixes", real(&|(_, _, p)| p.idle)),
        ("busy", real(&|(_, _, p)| p.busy)),
        ("replicas_up", whole(&|(_, _, p)| p.up.into())),
        ("power_w", real(&|(_, _, p)| p.power.unwrap_or(f64::NAN))),
        ("usd_per_hour", real(&|(_, _, p)| p.cost.unwrap_or(f64::NAN))),
    ])
}

fn write(columns: Vec<(&str, Values)>) -> Result<Vec<u8>, ParquetError> {
    let fields: String = columns
        .iter()
        .map(|(name, values)| match values {
            Values::Whole(_) => format!("REQUIRED INT64 {name}; "),
            Values::Real(_) => format!("REQUIRED DOUBLE {name}; "),
            Values::Text(_) => format!("REQUIRED BYTE_ARRAY {name} (UTF8); "),
        })
        .collect();
    let schema = Arc::new(parse_message_type(&format!("message replay {{ {fields} }}"))?);
    let level = ZstdLevel::try_new(3)?;
    // The file names no writer's version beyond ours: the same replay gives the same bytes.
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_created_by(concat!("steelyard ", env!("CARGO_PKG_VERSION")).to_owned());
    let mut bytes = Vec::new();
    let mut file = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties.build()))?;
    let mut group = file.next_row_group()?;
    let mut columns = columns.into_iter();
    while let Some(mut column) = group.next_column()? {
        match (column.untyped(), columns.next().map(|(_, values)| values)) {
            (ColumnWriter::Int64ColumnWriter(writer), Some(Values::Whole(values))) => {
                writer.write_batch(&values, None, None)?;
            }
            (ColumnWriter::DoubleColumnWriter(writer), Some(Values::Real(values))) => {
                writer.write_batch(&values, None, None)?;
            }
            (ColumnWriter::ByteArrayColumnWriter(writer), Some(Values::Text(values))) => {
                writer.write_batch(&values, None, None)?;
            }
            _ => return Err(ParquetError::General("a column of another type than its schema says".into())),
        }
        column.close()?;
    }
    group.close()?;
    file.close()?;
    Ok(bytes)
}
