//! Traces with one JSON object a line.

use std::io::BufRead;

use serde_json::{Map, Value};

use super::columns::{find, no_time, tokens};
use super::open::{Input, unreadable};
use super::{MOONCAKE_BLOCK, Reading, Row, Rows, clock};
use crate::study::files::FileFault;

/// Longest line.
const LONGEST: u64 = 16 << 20;

/// Reads all lines.
pub fn read(mut input: Input, how: &Reading, rows: &mut Rows) -> Result<(), FileFault> {
    let mut text = String::new();
    let mut line = 0;
    let block = u64::from(how.block.unwrap_or(MOONCAKE_BLOCK));
    loop {
        text.clear();
        line += 1;
        let at = |fault: FileFault| FileFault { line, ..fault };
        let read = std::io::Read::take(&mut input, LONGEST).read_line(&mut text).map_err(|e| at(unreadable(&e)))?;
        if read == 0 {
            return Ok(());
        }
        if read as u64 == LONGEST {
            return Err(at(FileFault::new("is longer than 16 MiB", "write one object a line")));
        }
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            continue;
        }
        let row: Map<String, Value> = serde_json::from_str(text)
            .map_err(|_| at(FileFault::new("is not one JSON object", "write one object a line")))?;
        let (places, unit) = find(row.keys().map(String::as_str), how.columns, how.unit).map_err(at)?;
        let [time, input, output] = places.map(|place| {
            row.values().nth(place).map_or(String::new(), |value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
        });
        let time = clock::parse(&time, unit).ok_or_else(|| no_time(&time, line))?;
        let (input, output) = (tokens(&input, line)?, tokens(&output, line)?);
        let ids = match row.get("hash_ids") {
            None => Vec::new(),
            Some(Value::Array(list)) => {
                list.iter().map(Value::as_u64).collect::<Option<Vec<u64>>>().unwrap_or_default()
            }
            Some(_) => Vec::new(),
        };
        let said = row.get("hash_ids").and_then(Value::as_array).map_or(0, Vec::len);
        if row.contains_key("hash_ids") && (ids.len() != said || row["hash_ids"].as_array().is_none()) {
            return Err(at(FileFault::new("has hash_ids that are no list of whole numbers", "write [0, 1, 2]")));
        }
        // The last block of a prompt is seldom full; one that is not cannot be shared.
        let full = usize::try_from(input / block).unwrap_or(usize::MAX);
        rows.push(Row { line, time, input, output }, how, ids.into_iter().take(full))?;
    }
}
