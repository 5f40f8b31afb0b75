//! A step's timeline in the Chrome trace format, which ui.perfetto.dev opens.

use std::io;

use sim::Nanos;
use sim::timeline::{ChromeTrace, Event, Track};

use super::findings::Timeline;

/// Rows of a stage.
const COMPUTE: u32 = 0;
const NETWORK: u32 = 1;
/// Row for the second of two works that overlap: spans of one row must nest or be apart.
const PAIRED: u32 = 2;

/// The timeline as a document.
///
/// # Errors
/// None: it is written to memory.
pub fn trace(timeline: &Timeline) -> io::Result<Vec<u8>> {
    let mut out = ChromeTrace::new(Vec::new())?;
    for stage in 0..timeline.stages {
        let name = format!("stage {stage}");
        out.event(&Event::Process { process: stage, name: &name })?;
        for (thread, name) in
            [(COMPUTE, "compute"), (PAIRED, "compute, overlapped"), (NETWORK, "gradients and parameters")]
        {
            out.event(&Event::Row { track: Track { process: stage, thread }, name })?;
        }
    }
    let mut last: Option<(u32, f64, f64)> = None;
    for (stage, start, end, kind, chunk, micro) in &timeline.works {
        let thread = match kind.as_str() {
            "gather" | "reduce" => NETWORK,
            _ if last == Some((*stage, *start, *end)) => PAIRED,
            _ => COMPUTE,
        };
        last = Some((*stage, *start, *end));
        let at = |seconds: f64| Nanos((seconds * 1e9).round() as u64);
        let details = [("chunk", (*chunk).into()), ("micro-batch", (*micro).into())];
        out.event(&Event::Span {
            track: Track { process: *stage, thread },
            name: kind,
            category: kind,
            start: at(*start),
            length: Nanos(at(*end).0.saturating_sub(at(*start).0)),
            details: &details,
        })?;
    }
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapped_works_stand_in_two_rows() {
        let work = |kind: &str| (0, 0.0, 1e-3, kind.to_owned(), 0, 3);
        let timeline = Timeline { stages: 1, end: 1e-3, told: 5e-4, works: vec![work("forward"), work("backward")] };
        let text = String::from_utf8(trace(&timeline).expect("memory")).expect("text");
        assert!(
            text.contains("\"tid\":0") && text.contains("\"tid\":2") && text.contains("\"micro-batch\":3"),
            "{text}"
        );
    }
}
