//! Timelines of simulated worlds in the Chrome trace format, which ui.perfetto.dev and chrome://tracing open and in which
//! profilers write measured runs: a simulated timeline can be laid beside a measured one.
//!
//! [`Event`]s are plain values; [`ChromeTrace`] writes them one by one, so a timeline never stands in memory as a whole.
//! Same events, same bytes. Times are whole nanoseconds, the finest that Perfetto keeps.

use std::io::{self, Write};

use serde_json::{Value, to_writer};

use crate::nanos::Nanos;

/// A row of a timeline: a thread of a process, both as numbers of the writer's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Track {
    /// Group of rows, e.g. a rank or a job.
    pub process: u32,
    /// Row within the group, e.g. compute or communication.
    pub thread: u32,
}

/// Something to tell with a span.
pub type Detail<'a> = (&'a str, Value);

/// One entry of a timeline.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// Names a group of rows (phase `M`); groups stand in order of their number.
    Process {
        /// Which.
        process: u32,
        /// Its name.
        name: &'a str,
    },
    /// Names a row (phase `M`).
    Row {
        /// Which.
        track: Track,
        /// Its name.
        name: &'a str,
    },
    /// Something that lasts (phase `X`). Spans of one row must nest or be apart.
    Span {
        /// Its row.
        track: Track,
        /// What is written in it; spans of one name have one colour.
        name: &'a str,
        /// Category, by which viewers filter.
        category: &'a str,
        /// When it starts.
        start: Nanos,
        /// How long it lasts.
        length: Nanos,
        /// More about it.
        details: &'a [Detail<'a>],
    },
    /// Something that lasts beside others of its kind (phases `b` and `e`): they may overlap as they like.
    Beside {
        /// Its row's group.
        track: Track,
        /// What is written in it.
        name: &'a str,
        /// Category; what has the same category and id is drawn in one row.
        category: &'a str,
        /// Tells it apart.
        id: u64,
        /// When it starts.
        start: Nanos,
        /// How long it lasts.
        length: Nanos,
        /// More about it.
        details: &'a [Detail<'a>],
    },
    /// Numbers that hold from now on (phase `C`), drawn as a stacked area.
    Counter {
        /// Its group of rows.
        process: u32,
        /// What is counted.
        name: &'a str,
        /// From when.
        at: Nanos,
        /// Series and their values.
        values: &'a [(&'a str, f64)],
    },
    /// Start of an arrow between spans (phase `s`); it leaves the span around this moment.
    Leave {
        /// Row of the span.
        track: Track,
        /// What flows.
        name: &'a str,
        /// The same at both ends.
        id: u64,
        /// Moment within the span.
        at: Nanos,
    },
    /// End of an arrow (phase `f`); it arrives at the span around this moment.
    Arrive {
        /// Row of the span.
        track: Track,
        /// What flows.
        name: &'a str,
        /// The same at both ends.
        id: u64,
        /// Moment within the span.
        at: Nanos,
    },
}

/// Writes events as they come.
#[derive(Debug)]
pub struct ChromeTrace<W: Write> {
    out: W,
    empty: bool,
}

impl<W: Write> ChromeTrace<W> {
    /// Opens the document. Wrap a file in a `BufWriter`.
    ///
    /// # Errors
    /// What the writer says.
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(b"{\"displayTimeUnit\":\"ns\",\"traceEvents\":[")?;
        Ok(ChromeTrace { out, empty: true })
    }

    /// Writes one event.
    ///
    /// # Errors
    /// What the writer says.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        self.out.write_all(if self.empty { b"\n" } else { b",\n" })?;
        self.empty = false;
        match *event {
            Event::Process { process, name } => {
                self.head("M", "process_name", process, 0)?;
                self.named(name)?;
                self.out.write_all(b",\n")?;
                self.head("M", "process_sort_index", process, 0)?;
                write!(self.out, ",\"args\":{{\"sort_index\":{process}}}}}")
            }
            Event::Row { track, name } => {
                self.head("M", "thread_name", track.process, track.thread)?;
                self.named(name)
            }
            Event::Span { track, name, category, start, length, details } => {
                self.head("X", name, track.process, track.thread)?;
                self.out.write_all(b",\"cat\":")?;
                to_writer(&mut self.out, category)?;
                self.time("ts", start)?;
                self.time("dur", length)?;
                self.args(details.iter().map(|(key, value)| (*key, value.clone())))
            }
            Event::Beside { track, name, category, id, start, length, details } => {
                for (phase, at) in [("b", start), ("e", Nanos(start.0.saturating_add(length.0)))] {
                    if phase == "e" {
                        self.out.write_all(b",\n")?;
                    }
                    self.head(phase, name, track.process, track.thread)?;
                    self.out.write_all(b",\"cat\":")?;
                    to_writer(&mut self.out, category)?;
                    write!(self.out, ",\"id\":{id}")?;
                    self.time("ts", at)?;
                    self.args(details.iter().map(|(key, value)| (*key, value.clone())))?;
                }
                Ok(())
            }
            Event::Counter { process, name, at, values } => {
                self.head("C", name, process, 0)?;
                self.time("ts", at)?;
                self.args(values.iter().map(|&(key, value)| (key, Value::from(value))))
            }
            Event::Leave { track, name, id, at } => self.arrow("s", "", track, name, id, at),
            Event::Arrive { track, name, id, at } => self.arrow("f", ",\"bp\":\"e\"", track, name, id, at),
        }
    }

    /// Closes the document and gives back the writer, flushed.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(b"\n]}\n")?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn head(&mut self, phase: &str, name: &str, process: u32, thread: u32) -> io::Result<()> {
        write!(self.out, "{{\"ph\":\"{phase}\",\"name\":")?;
        to_writer(&mut self.out, name)?;
        write!(self.out, ",\"pid\":{process},\"tid\":{thread}")
    }

    fn named(&mut self, name: &str) -> io::Result<()> {
        self.args([("name", Value::from(name))].into_iter())
    }

    /// Microseconds with three decimals: exact.
    fn time(&mut self, key: &str, time: Nanos) -> io::Result<()> {
        write!(self.out, ",\"{key}\":{}.{:03}", time.0 / 1000, time.0 % 1000)
    }

    fn args<'v>(&mut self, values: impl Iterator<Item = (&'v str, Value)>) -> io::Result<()> {
        self.out.write_all(b",\"args\":{")?;
        for (i, (key, value)) in values.enumerate() {
            self.out.write_all(if i == 0 { b"" } else { b"," })?;
            to_writer(&mut self.out, key)?;
            self.out.write_all(b":")?;
            to_writer(&mut self.out, &value)?;
        }
        self.out.write_all(b"}}")
    }

    fn arrow(&mut self, phase: &str, end: &str, track: Track, name: &str, id: u64, at: Nanos) -> io::Result<()> {
        self.head(phase, name, track.process, track.thread)?;
        write!(self.out, ",\"cat\":\"flow\",\"id\":{id}{end}")?;
        self.time("ts", at)?;
        self.out.write_all(b"}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACK: Track = Track { process: 1, thread: 2 };

    fn written(events: &[Event]) -> String {
        let mut trace = ChromeTrace::new(Vec::new()).unwrap();
        events.iter().for_each(|event| trace.event(event).unwrap());
        String::from_utf8(trace.finish().unwrap()).unwrap()
    }

    #[test]
    fn every_kind_of_event_is_json_of_the_trace_format() {
        let text = written(&[
            Event::Process { process: 1, name: "rank 0 \"a\"\n" },
            Event::Row { track: TRACK, name: "compute" },
            Event::Span {
                track: TRACK,
                name: "GEMM",
                category: "compute",
                start: Nanos(1_234_567),
                length: Nanos(89),
                details: &[("flop", Value::from(12u64)), ("layer", Value::from("q"))],
            },
            Event::Counter { process: 1, name: "units", at: Nanos(5), values: &[("active", 3.0), ("spare", 0.5)] },
            Event::Leave { track: TRACK, name: "send", id: 7, at: Nanos(1_000) },
            Event::Arrive { track: Track { process: 2, thread: 0 }, name: "send", id: 7, at: Nanos(2_001) },
            Event::Beside {
                track: TRACK,
                name: "queue",
                category: "request",
                id: 3,
                start: Nanos(10),
                length: Nanos(5),
                details: &[("input", Value::from(9u64))],
            },
        ]);
        let whole: Value = serde_json::from_str(&text).unwrap();
        let events = whole["traceEvents"].as_array().unwrap();
        assert_eq!(events.len(), 9);
        assert_eq!((&events[7]["ph"], &events[8]["ph"], &events[8]["ts"]), (&"b".into(), &"e".into(), &0.015.into()));
        assert_eq!(events[0]["args"]["name"], "rank 0 \"a\"\n");
        assert_eq!(events[1]["name"], "process_sort_index");
        assert_eq!((events[3]["ts"].as_f64(), events[3]["dur"].as_f64()), (Some(1234.567), Some(0.089)));
        assert_eq!(events[3]["args"]["flop"], 12);
        assert_eq!(events[4]["args"]["spare"], 0.5);
        assert_eq!((&events[5]["ph"], &events[6]["ph"], &events[6]["bp"]), (&"s".into(), &"f".into(), &"e".into()));
        assert_eq!(
            text.lines().nth(4).unwrap(),
            concat!(
                r#"{"ph":"X","name":"GEMM","pid":1,"tid":2,"cat":"compute","ts":1234.567,"dur":0.089,"#,
                r#""args":{"flop":12,"layer":"q"}},"#
            )
        );
    }

    #[test]
    fn no_event_is_a_document_too() {
        let whole: Value = serde_json::from_str(&written(&[])).unwrap();
        assert_eq!(whole["traceEvents"].as_array().map(Vec::len), Some(0));
    }
}
