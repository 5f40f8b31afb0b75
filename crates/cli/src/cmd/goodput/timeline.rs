//! One run of each machine of a study as a timeline.

use std::io::{self, Write};

use plan::goodput::{Candidate, Lowered, Refusal, Study, state_name, trace};
use serde_json::Value;
use sim::goodput::{Run, State};
use sim::timeline::{ChromeTrace, Event, Track};
use thiserror::Error;

/// Why there is no timeline.
#[derive(Debug, Error)]
pub enum TimelineError {
    /// A machine cannot be simulated.
    #[error("{name}: {source}")]
    Refused {
        /// Its name.
        name: String,
        /// Why.
        source: Refusal,
    },
    /// It cannot be written.
    #[error("cannot write the timeline: {0}")]
    Io(#[from] io::Error),
}

/// Rows of a machine: what the job does, what holds it up for a moment.
const JOB: u32 = 0;
const STALLS: u32 = 1;

/// The first run of each machine, facts at their values.
pub fn timeline(study: &Study) -> Result<Vec<u8>, TimelineError> {
    let mut out = ChromeTrace::new(Vec::new())?;
    for (i, candidate) in study.systems.iter().enumerate() {
        let name = &candidate.name;
        let refused = |source| TimelineError::Refused { name: name.clone(), source };
        let (run, lowered) = trace(&candidate.job, &candidate.machine, &study.runs).map_err(refused)?;
        machine(&mut out, i as u32, candidate, &run, &lowered)?;
    }
    Ok(out.finish()?)
}

fn machine<W: Write>(
    out: &mut ChromeTrace<W>,
    process: u32,
    candidate: &Candidate,
    run: &Run,
    lowered: &Lowered,
) -> io::Result<()> {
    let rows = [(Track { process, thread: JOB }, "job"), (Track { process, thread: STALLS }, "stalls")];
    out.event(&Event::Process { process, name: &candidate.name })?;
    for (track, name) in rows {
        out.event(&Event::Row { track, name })?;
    }
    for span in &run.spans {
        let thread = if span.state == State::Stalled { STALLS } else { JOB };
        let cause = span.fault.and_then(|f| lowered.faults.get(f as usize));
        let details: Vec<(&str, Value)> = cause
            .iter()
            .flat_map(|(kind, cause)| [("part", kind), ("cause", cause)])
            .map(|(k, v)| (k, Value::from(v.as_str())))
            .collect();
        out.event(&Event::Span {
            track: Track { process, thread },
            name: state_name(span.state, &lowered.steps),
            category: "goodput",
            start: span.start,
            length: span.length,
            details: &details,
        })?;
    }
    for &(at, active, spares) in &run.levels {
        let values = [("in use", f64::from(active)), ("spare", f64::from(spares))];
        out.event(&Event::Counter { process, name: "units", at, values: &values })?;
    }
    Ok(())
}
