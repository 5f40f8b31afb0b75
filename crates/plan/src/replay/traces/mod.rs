//! Recorded traffic: when requests came and how long they were, as public traces write it.
//!
//! The columns tell the format: Azure 2023 and 2024 (`TIMESTAMP`, `ContextTokens`, `GeneratedTokens`), Mooncake (JSON lines
//! with `timestamp` in milliseconds and `hash_ids`), BurstGPT (`Timestamp`, `Request tokens`, `Response tokens`), ShareGPT
//! samples (`arrival_time_ns`, `input_toks`, `output_toks`), Vidur's (`arrived_at`, `num_prefill_tokens`,
//! `num_decode_tokens`), or plain tables with `time`, `input`, `output`. Files may be packed with gzip.
//!
//! What cannot be meant is an error with its line: a missing column, a time or count that is none, times that go back. A
//! request of no tokens (a failed one, in production logs) is counted and left out.

mod clock;
mod columns;
mod csv_rows;
mod json_rows;
mod open;
#[cfg(test)]
mod tests;

use std::path::Path;

use crate::study::files::FileFault;
pub use clock::Unit;

/// A request as recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Picoseconds since the first request of the file.
    pub time: u64,
    /// Prompt tokens.
    pub input: u32,
    /// Answer tokens.
    pub output: u32,
    /// Content blocks of the prompt: the place of the first in [`Trace::ids`], and how many.
    pub ids: (u32, u32),
}

/// A trace.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trace {
    /// The requests in order of time.
    pub requests: Vec<Recorded>,
    /// Content blocks by number: equal numbers at the end of equal prefixes mean equal content.
    pub ids: Vec<u64>,
    /// Tokens in a content block; 0 where the trace knows no contents.
    pub block: u32,
    /// Requests of no tokens, which were left out.
    pub empty: u64,
}

/// How to read a trace.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Reading<'a> {
    /// Columns by name, where they are not those of a known format: time, input, output.
    pub columns: [Option<&'a str>; 3],
    /// Unit of a time that is a number, where its column does not tell.
    pub unit: Option<Unit>,
    /// Whether a trace out of order is put in order; otherwise it is refused.
    pub sort: bool,
    /// Tokens in a content block, where the file does not follow Mooncake's 512.
    pub block: Option<u32>,
}

/// Tokens in a block of Mooncake's traces.
const MOONCAKE_BLOCK: u32 = 512;
/// Most requests of a trace.
const MOST_REQUESTS: usize = 50_000_000;

/// Reads a trace.
///
/// # Errors
/// All that is wrong with the file, with its line where it has one.
pub fn read(path: &Path, how: &Reading) -> Result<Trace, FileFault> {
    let mut input = open::open(path)?;
    let mut rows = Rows::default();
    if open::starts_object(&mut input)? {
        json_rows::read(input, how, &mut rows)?;
    } else {
        csv_rows::read(input, how, &mut rows)?;
    }
    rows.finish(how)
}

/// A row as it was read.
struct Row {
    line: usize,
    /// In picoseconds since any origin.
    time: i128,
    input: u64,
    output: u64,
}

/// The rows so far.
#[derive(Default)]
struct Rows {
    times: Vec<i128>,
    trace: Trace,
}

impl Rows {
    fn push(&mut self, row: Row, how: &Reading, ids: impl Iterator<Item = u64>) -> Result<(), FileFault> {
        let Row { line, time, input, output } = row;
        let fault = |message: String, remedy: &str| FileFault { line, ..FileFault::new(message, remedy) };
        if self.times.last().is_some_and(|last| time < *last) && !how.sort {
            let remedy = "sort the trace by time, or say sort = true";
            return Err(fault("goes back in time".into(), remedy));
        }
        if self.times.len() >= MOST_REQUESTS {
            return Err(fault(format!("is request number {}", MOST_REQUESTS + 1), "cut the trace"));
        }
        if input == 0 || output == 0 {
            self.trace.empty += 1;
            return Ok(());
        }
        let first = self.trace.ids.len();
        self.trace.ids.extend(ids);
        let span = u32::try_from(first).ok().zip(u32::try_from(self.trace.ids.len() - first).ok());
        let Some(ids) = span else {
            return Err(fault("names more content blocks than can be counted".into(), "cut the trace"));
        };
        self.times.push(time);
        // Both are at most ten million.
        self.trace.requests.push(Recorded { time: 0, input: input as u32, output: output as u32, ids });
        Ok(())
    }

    fn finish(self, how: &Reading) -> Result<Trace, FileFault> {
        let Rows { times, mut trace } = self;
        if trace.requests.is_empty() {
            return Err(FileFault::new("holds no request", "give it at least one row with tokens"));
        }
        let start = times.iter().min().copied().unwrap_or_default();
        for (request, time) in trace.requests.iter_mut().zip(&times) {
            request.time = u64::try_from(time - start)
                .map_err(|_| FileFault::new("spans more than 213 days", "cut it, or check the unit of its times"))?;
        }
        if how.sort {
            trace.requests.sort_by_key(|request| request.time);
        }
        if !trace.ids.is_empty() {
            trace.block = how.block.unwrap_or(MOONCAKE_BLOCK);
        }
        Ok(trace)
    }
}
