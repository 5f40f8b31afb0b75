//! Lengths of requests: as a study writes them, and as lists in CSV or JSON-lines files.

use std::path::Path;

use catalog::written::{Value, nearest, short};

use super::Lengths;
use super::files::{self, FileFault};

/// Longest request that anybody serves today, with room: ten million tokens.
pub const MOST_TOKENS: u64 = 10_000_000;

const REMEDY: &str = "write a number, { uniform = [low, high] }, { lognormal = { median = .., sigma = .., max = .. } } \
                      or { file = \"lengths.csv\" }";

/// Which of the two counts of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Prompt tokens.
    Input,
    /// Generated tokens.
    Output,
}

impl Side {
    /// Names of the column in public traces: ours, Azure 2023, Mooncake, ShareGPT samples, Vidur's, vLLM's.
    pub(crate) fn columns(self) -> &'static [&'static str] {
        match self {
            Side::Input => &[
                "input",
                "input_tokens",
                "ContextTokens",
                "input_length",
                "input_toks",
                "num_prefill_tokens",
                "prompt_tokens",
            ],
            Side::Output => &[
                "output",
                "output_tokens",
                "GeneratedTokens",
                "output_length",
                "output_toks",
                "num_decode_tokens",
                "completion_tokens",
            ],
        }
    }
}

/// Lengths as a study writes them.
pub fn lengths(value: &Value, side: Side, folder: Option<&Path>) -> Option<Lengths> {
    if value.as_number().is_some() {
        return value.count(1, MOST_TOKENS).map(Lengths::Fixed);
    }
    let table = value.table(REMEDY)?;
    let uniform = table.get("uniform");
    let lognormal = table.get("lognormal");
    let file = table.get("file");
    let column = table.get("column");
    table.finish();
    if let (Some(column), None) = (&column, &file) {
        column.fault("goes with a file", "leave it out");
    }
    match (uniform, lognormal, file) {
        (Some(ends), None, None) => {
            let range = ends.range(|v| v.count(1, MOST_TOKENS), u64::midpoint)?;
            Some(Lengths::Uniform(range.low, range.high))
        }
        (None, Some(shape), None) => log_normal(&shape),
        (None, None, Some(file)) => {
            let column = match column {
                Some(column) => Some(column.text("write the name of a column")?),
                None => None,
            };
            let path = file.text("write the path of a CSV or JSON-lines file")?;
            let list = files::resolve(folder, path).and_then(|path| read_list(&path, side, column));
            match list {
                Ok(list) => Some(Lengths::List(list)),
                Err(fault) => {
                    let place = if fault.line > 0 { format!(", line {}", fault.line) } else { String::new() };
                    file.fault(format!("{}{place}: {}", short(path), fault.message), fault.remedy);
                    None
                }
            }
        }
        _ => {
            value.fault("says not one thing but none or several", REMEDY);
            None
        }
    }
}

fn log_normal(value: &Value) -> Option<Lengths> {
    let table = value.table("write { median = .., sigma = .., max = .. }")?;
    let median = table.need("median", "write the median in tokens").and_then(|v| v.number(1.0, MOST_TOKENS as f64));
    let sigma = table.need("sigma", "write the standard deviation of the logarithm").and_then(|v| v.number(0.0, 3.0));
    let max = table.need("max", "write the longest in tokens").and_then(|v| v.count(1, MOST_TOKENS));
    table.finish();
    let (median, sigma, max) = (median?, sigma?, max?);
    if median > max as f64 {
        value.fault(format!("median {median} is above max {max}"), "raise max");
        return None;
    }
    Some(Lengths::LogNormal { median, sigma, max })
}

/// The lengths in one column of a CSV file with a header, or of a file with one JSON object a line.
///
/// # Errors
/// As [`files::read_text`]; no such column; a count that is none, 0, or beyond [`MOST_TOKENS`]; no rows.
pub fn read_list(path: &Path, side: Side, column: Option<&str>) -> Result<Vec<u64>, FileFault> {
    let text = files::read_text(path, files::LENGTHS_BYTES)?;
    let list = if text.trim_start().starts_with('{') {
        json_lines(&text, side, column)
    } else {
        csv_column(&text, side, column)
    }?;
    if list.is_empty() {
        return Err(FileFault::new("lists no request", "give it at least one row"));
    }
    Ok(list)
}

fn csv_column(text: &str, side: Side, column: Option<&str>) -> Result<Vec<u64>, FileFault> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let broken = |e: csv::Error| {
        let line = e.position().map_or(0, |p| p.line() as usize);
        FileFault { line, ..FileFault::new("is not a CSV table", "give every row as many fields as the header") }
    };
    let header = reader.headers().map_err(broken)?.clone();
    let at = header.iter().position(|name| is_column(name, side, column));
    let at = at.ok_or_else(|| no_column(side, column, header.iter()))?;
    let mut list = Vec::new();
    let mut row = csv::StringRecord::new();
    while reader.read_record(&mut row).map_err(broken)? {
        let line = row.position().map_or(0, |p| p.line() as usize);
        list.push(tokens(row.get(at).unwrap_or(""), line)?);
    }
    Ok(list)
}

fn json_lines(text: &str, side: Side, column: Option<&str>) -> Result<Vec<u64>, FileFault> {
    let mut list = Vec::new();
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let at = |fault: FileFault| FileFault { line: i + 1, ..fault };
        let row: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line)
            .map_err(|_| at(FileFault::new("is not one JSON object", "write one object a line")))?;
        let found = row.iter().find(|(name, _)| is_column(name, side, column));
        let (_, value) = found.ok_or_else(|| at(no_column(side, column, row.keys().map(String::as_str))))?;
        list.push(tokens(&value.to_string(), i + 1)?);
    }
    Ok(list)
}

fn is_column(name: &str, side: Side, column: Option<&str>) -> bool {
    column.map_or_else(|| side.columns().contains(&name), |wanted| wanted == name)
}

fn no_column<'n>(side: Side, column: Option<&str>, names: impl Iterator<Item = &'n str> + Clone) -> FileFault {
    let present = names.clone().take(12).map(short).collect::<Vec<_>>().join(", ");
    match column {
        Some(column) => {
            let hint = nearest(column, names).map_or(String::new(), |near| format!("did you mean '{near}'? "));
            FileFault::new(format!("has no column '{}'", short(column)), format!("{hint}it has {present}"))
        }
        None => {
            let known = side.columns().join(", ");
            let remedy = format!("it has {present}; say which with column = \"..\", or name it one of {known}");
            FileFault::new("has no column of token counts", remedy)
        }
    }
}

fn tokens(text: &str, line: usize) -> Result<u64, FileFault> {
    match text.parse::<u64>() {
        Ok(n) if (1..=MOST_TOKENS).contains(&n) => Ok(n),
        _ => {
            let message = format!("'{}' is not a count of tokens", short(text));
            Err(FileFault { line, ..FileFault::new(message, format!("write whole numbers from 1 to {MOST_TOKENS}")) })
        }
    }
}
