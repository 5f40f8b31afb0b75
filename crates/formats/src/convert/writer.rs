//! The one writer: results in order, to their places.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::journal::{Done, Journal};
use super::piece::Made;
use super::plan::hex;
use super::run::hash_range;
use super::work::Work;
use crate::checkpoint::file;
use crate::error::Result;
use crate::stats::ErrorStats;

/// Bytes written before they are sent on their way to the disk.
const FLUSH: u64 = 64 << 20;

/// Writes results in order, and hashes each output tensor on the way.
pub(super) struct Writer<'a> {
    pub(super) work: &'a Work<'a>,
    pub(super) files: &'a [(File, PathBuf)],
    pub(super) journal: &'a mut Journal,
    /// Hash and length so far of the open task's tensors; `None` if they were not written front to back.
    pub(super) open: BTreeMap<usize, Option<(Sha256, u64)>>,
    pub(super) stats: Option<ErrorStats>,
    /// Takes a file whose data should go to the disk now; full while it is busy.
    pub(super) flush: std::sync::mpsc::SyncSender<usize>,
    /// Bytes written since it was last asked.
    pub(super) unflushed: u64,
}

impl Writer<'_> {
    /// Writes one result. When it is the last of its matrix, notes that in the journal and returns it.
    pub(super) fn write(&mut self, made: Made) -> Result<Option<Done>> {
        let plan = self.work.plan;
        let task = &plan.tasks[made.job.task];
        let out = &plan.files[task.file];
        let (handle, path) = &self.files[task.file];
        for w in made.writes {
            let base = out.offsets[w.tensor] + w.at;
            let len = w.data.len().checked_div(w.rows).unwrap_or(0);
            let straight = w.rows <= 1 || len as u64 == w.stride;
            if straight {
                file::write_at(handle, path, &w.data, base)?;
            } else {
                for (i, row) in w.data.chunks_exact(len.max(1)).enumerate() {
                    file::write_at(handle, path, row, base + i as u64 * w.stride)?;
                }
            }
            self.unflushed += w.data.len() as u64;
            let slot = self.open.entry(w.tensor).or_insert_with(|| Some((Sha256::new(), 0)));
            match slot {
                Some((hasher, at)) if straight && *at == w.at => {
                    hasher.update(&w.data);
                    *at += w.data.len() as u64;
                }
                _ => *slot = None,
            }
        }
        if self.unflushed >= FLUSH && self.flush.try_send(task.file).is_ok() {
            self.unflushed = 0;
        }
        if let Some(stats) = made.stats {
            self.stats.get_or_insert_default().add(&stats);
        }
        if !made.job.last {
            return Ok(None);
        }
        let mut open = std::mem::take(&mut self.open);
        let mut hashes = Vec::with_capacity(task.tensors.len());
        for &t in &task.tensors {
            let len = out.tensors[t].len();
            hashes.push(match open.remove(&t).flatten() {
                Some((hasher, at)) if at == len => hex(&hasher.finalize()),
                _ => hash_range(&self.files[task.file], out.offsets[t], len)?,
            });
        }
        let done = Done { task: made.job.task, hashes, stats: self.stats.take() };
        self.journal.done(&done)?;
        Ok(Some(done))
    }
}
