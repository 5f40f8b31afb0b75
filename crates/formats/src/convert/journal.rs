//! What an interrupted conversion leaves behind, and what of it can be trusted.
//!
//! The journal has one line for the plan and one for each finished matrix: the hashes of its tensors and its error sums.
//! On resuming, finished tensors are hashed again, so a line without its data (or with damaged data) costs time only.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::stats::ErrorStats;
use crate::{Error, error::Result};

/// The name of the journal in the unfinished folder.
pub(super) const JOURNAL: &str = ".steelyard-journal";

/// A finished matrix.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Done {
    /// Index of the task.
    pub task: usize,
    /// SHA-256 of each of its tensors.
    pub hashes: Vec<String>,
    /// Its error, if values were encoded.
    pub stats: Option<ErrorStats>,
}

/// An open journal.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Starts a journal for a plan.
    pub fn create(folder: &Path, fingerprint: &str) -> Result<Journal> {
        let path = folder.join(JOURNAL);
        let file = File::create(&path).map_err(|e| Error::io(&path, "create", e))?;
        let mut journal = Journal { path, file };
        journal.line(json!({ "plan": fingerprint }))?;
        Ok(journal)
    }

    /// Opens the journal of an interrupted run of the same plan, and what it says is done.
    pub fn open(folder: &Path, fingerprint: &str) -> Result<(Journal, Vec<Done>)> {
        let path = folder.join(JOURNAL);
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io(&path, "read", e))?;
        // A last line that was cut off by the interruption does not count.
        let mut lines = text.split_inclusive('\n').filter_map(|l| l.strip_suffix('\n'));
        let plan = lines.next().and_then(|l| serde_json::from_str::<Value>(l).ok());
        if plan.as_ref().and_then(|p| p.get("plan")).and_then(Value::as_str) != Some(fingerprint) {
            let problem =
                "was begun with another source, other options or another version; remove the folder to start again";
            return Err(Error::malformed(folder, problem));
        }
        let done = lines.map_while(parse).collect();
        let file = OpenOptions::new().append(true).open(&path).map_err(|e| Error::io(&path, "open", e))?;
        let mut journal = Journal { path, file };
        if !text.ends_with('\n') {
            journal.file.write_all(b"\n").map_err(|e| Error::io(&journal.path, "write", e))?;
        }
        Ok((journal, done))
    }

    /// Notes a finished matrix.
    pub fn done(&mut self, done: &Done) -> Result<()> {
        let stats = done.stats.map(ErrorStats::to_journal);
        self.line(json!({ "task": done.task, "sha256": done.hashes, "stats": stats }))
    }

    fn line(&mut self, value: Value) -> Result<()> {
        let line = format!("{value}\n");
        self.file.write_all(line.as_bytes()).map_err(|e| Error::io(&self.path, "write", e))
    }
}

fn parse(line: &str) -> Option<Done> {
    let v: Value = serde_json::from_str(line).ok()?;
    let task = usize::try_from(v.get("task")?.as_u64()?).ok()?;
    let hashes = v.get("sha256")?.as_array()?.iter().map(|h| h.as_str().map(str::to_owned)).collect::<Option<_>>()?;
    let stats = match v.get("stats")? {
        Value::Null => None,
        words => {
            let words: Option<Vec<u64>> = words.as_array()?.iter().map(Value::as_u64).collect();
            Some(ErrorStats::from_journal(&words?)?)
        }
    };
    Some(Done { task, hashes, stats })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_line_does_not_count() {
        let folder = std::env::temp_dir().join(format!("steelyard-journal-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("temp folder");
        let mut journal = Journal::create(&folder, "abc").expect("created");
        let stats = ErrorStats { count: 7, square_sum: 0.1 + 0.2, ..ErrorStats::default() };
        let done = Done { task: 3, hashes: vec!["00".to_owned()], stats: Some(stats) };
        journal.done(&done).expect("written");
        journal.file.write_all(b"{\"task\": 4, \"sha").expect("written");
        let (_, again) = Journal::open(&folder, "abc").expect("opened");
        assert_eq!(again, [done]);
        assert!(Journal::open(&folder, "other").is_err());
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
