//! Which column of a trace is which.

use catalog::written::{nearest, short};

use super::clock::Unit;
use crate::study::files::FileFault;
use crate::study::lengths::{MOST_TOKENS, Side};

/// Names of columns of time in public traces, and their units where the value is a number.
const TIMES: [(&str, Unit); 13] = [
    ("TIMESTAMP", Unit::Second),
    ("Timestamp", Unit::Second),
    ("timestamp", Unit::Second),
    ("arrived_at", Unit::Second),
    ("arrival_time_ns", Unit::Nanosecond),
    ("time", Unit::Second),
    ("time_s", Unit::Second),
    ("time_ms", Unit::Millisecond),
    ("arrival", Unit::Second),
    ("arrival_s", Unit::Second),
    ("arrival_ms", Unit::Millisecond),
    ("arrival_time", Unit::Second),
    ("timestamp_ms", Unit::Millisecond),
];

/// Columns of tokens beside those that lists of lengths know: BurstGPT's.
const BURST: [&str; 2] = ["Request tokens", "Response tokens"];

/// Places of the three columns among `names`, and the unit of the time.
pub fn find<'n>(
    names: impl Iterator<Item = &'n str> + Clone,
    wanted: [Option<&str>; 3],
    unit: Option<Unit>,
) -> Result<([usize; 3], Unit), FileFault> {
    if names.clone().all(str::is_empty) {
        let remedy = "begin it with a line of column names, as in time,input,output, or write one JSON object a line";
        return Err(FileFault::new("names no columns", remedy));
    }
    let place = |which: usize, known: &dyn Fn(&str) -> bool, what: &str, like: &str| {
        let found = match wanted[which] {
            Some(name) => names.clone().position(|n| n == name),
            None => names.clone().position(known),
        };
        found.ok_or_else(|| {
            let present = names.clone().take(12).map(short).collect::<Vec<_>>().join(", ");
            match wanted[which] {
                Some(name) => {
                    let hint =
                        nearest(name, names.clone()).map_or(String::new(), |near| format!("did you mean '{near}'? "));
                    FileFault::new(format!("has no column '{}'", short(name)), format!("{hint}it has {present}"))
                }
                None => FileFault::new(format!("has no column of {what}"), format!("it has {present}; name it {like}")),
            }
        })
    };
    let time =
        place(0, &|n| TIMES.iter().any(|(name, _)| *name == n), "times", "'time', or say which with time = \"..\"")?;
    let input = place(
        1,
        &|n| Side::Input.columns().contains(&n) || n == BURST[0],
        "prompt tokens",
        "'input', or say which with input_column = \"..\"",
    )?;
    let output = place(
        2,
        &|n| Side::Output.columns().contains(&n) || n == BURST[1],
        "answer tokens",
        "'output', or say which with output_column = \"..\"",
    )?;
    let name = names.clone().nth(time).unwrap_or_default();
    // Mooncake counts milliseconds in a column that others use for seconds; its other columns tell.
    let mooncake = name == "timestamp" && names.clone().any(|n| n == "input_length");
    let usual = TIMES.iter().find(|(n, _)| *n == name).map_or(Unit::Second, |(_, unit)| *unit);
    let usual = if mooncake { Unit::Millisecond } else { usual };
    Ok(([time, input, output], unit.unwrap_or(usual)))
}

/// A count of tokens; 0 is one too.
pub fn tokens(text: &str, line: usize) -> Result<u64, FileFault> {
    let text = text.trim();
    // Some tools write counts with a point.
    let whole = text.strip_suffix(".0").unwrap_or(text);
    match whole.parse::<u64>() {
        Ok(n) if n <= MOST_TOKENS => Ok(n),
        _ => {
            let message = format!("'{}' is not a count of tokens", short(text));
            Err(FileFault { line, ..FileFault::new(message, format!("write whole numbers from 0 to {MOST_TOKENS}")) })
        }
    }
}

/// The fault of a time.
pub fn no_time(text: &str, line: usize) -> FileFault {
    let message = format!("'{}' is not a time", short(text.trim()));
    FileFault { line, ..FileFault::new(message, "write seconds since the start, or a date as 2023-11-16 18:15:46.68") }
}
