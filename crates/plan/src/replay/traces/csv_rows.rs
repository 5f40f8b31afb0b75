//! Traces with a line of column names and a row for each request.

use super::columns::{find, no_time, tokens};
use super::open::{Input, unreadable};
use super::{Reading, Row, Rows, clock};
use crate::study::files::FileFault;

/// Reads all rows.
pub fn read(input: Input, how: &Reading, rows: &mut Rows) -> Result<(), FileFault> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(input);
    let broken = |e: csv::Error| {
        let line = e.position().map_or(0, |p| p.line() as usize);
        match e.into_kind() {
            csv::ErrorKind::Io(error) => unreadable(&error),
            csv::ErrorKind::Utf8 { .. } => {
                FileFault { line, ..FileFault::new("is not UTF-8 text", "save it as UTF-8") }
            }
            _ => FileFault {
                line,
                ..FileFault::new("is not a CSV table", "give every row as many fields as the header")
            },
        }
    };
    let header = reader.headers().map_err(broken)?.clone();
    let names = header.iter().map(|name| name.trim_start_matches('\u{feff}'));
    let (places, unit) = find(names, how.columns, how.unit).map_err(|fault| FileFault { line: 1, ..fault })?;
    let mut row = csv::StringRecord::new();
    while reader.read_record(&mut row).map_err(broken)? {
        let line = row.position().map_or(0, |p| p.line() as usize);
        let [time, input, output] = places.map(|place| row.get(place).unwrap_or(""));
        let time = clock::parse(time, unit).ok_or_else(|| no_time(time, line))?;
        let (input, output) = (tokens(input, line)?, tokens(output, line)?);
        rows.push(Row { line, time, input, output }, how, std::iter::empty())?;
    }
    Ok(())
}
