//! The workers: jobs are cut, handed out, converted and handed on.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::journal::{Done, Journal};
use super::piece::{Job, Made, PIECE, Piece, Write, rects, share};
use super::plan::{Action, Plan, Task, turned};
use super::queue::Queue;
use super::run::Progress;
use super::tensor_scale::Prepared;
use super::writer::Writer;
use crate::Note;
use crate::checkpoint::{Band, Checkpoint, Matrix};
use crate::error::{Error, Result};
use crate::note::Rounding;
use crate::stats::ErrorStats;

/// A plan at work.
pub(super) struct Work<'a> {
    pub(super) source: &'a Checkpoint,
    pub(super) plan: &'a Plan,
    pub(super) prepared: Vec<Mutex<Option<Prepared>>>,
}

/// A lock whose holder panicked is taken over: the panic itself ends the run.
pub(super) fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Work<'a> {
    pub(super) fn new(source: &'a Checkpoint, plan: &'a Plan) -> Work<'a> {
        let prepared = plan.tasks.iter().map(|_| Mutex::new(None)).collect();
        Work { source, plan, prepared }
    }

    pub(super) fn matrix(&self, task: &Task) -> Matrix {
        let m = &self.source.matrices[task.matrix];
        if task.kept.is_none() { turned(m, self.plan.layout) } else { m.clone() }
    }

    pub(super) fn input_of(&self, task: usize) -> u64 {
        let m = &self.source.matrices[self.plan.tasks[task].matrix];
        m.parts().map(|p| self.source.raw[p].len).sum()
    }

    pub(super) fn jobs(&self, index: usize) -> Vec<Job> {
        let task = &self.plan.tasks[index];
        let m = self.matrix(task);
        let pieces: Vec<Piece> = match task.action {
            Action::Copy => m
                .parts()
                .enumerate()
                .flat_map(|(part, raw)| {
                    let len = self.source.raw[raw].len;
                    (0..len.div_ceil(PIECE).max(1)).map(move |i| {
                        let from = i * PIECE;
                        Piece::Bytes { part, from, len: PIECE.min(len - from) }
                    })
                })
                .collect(),
            _ => rects(&m, task.container).into_iter().map(Piece::Values).collect(),
        };
        let n = pieces.len();
        pieces.into_iter().enumerate().map(|(i, piece)| Job { task: index, piece, last: i + 1 == n }).collect()
    }

    /// Converts a sample of what was rounded before, writes nothing, and says what another rounding costs.
    pub(super) fn rehearse(&self, progress: &dyn Progress) -> Result<()> {
        let again: Vec<usize> = (0..self.plan.tasks.len()).filter(|&i| self.plan.tasks[i].requantised).collect();
        if again.is_empty() {
            return Ok(());
        }
        let mut total = ErrorStats::default();
        let mut tensors = 0;
        for &i in again.iter().step_by(again.len().div_ceil(16)) {
            let whole = |j: &Job| matches!(j.piece, Piece::Values(r) if r.count() > 0);
            let Some(job) = self.jobs(i).into_iter().find(whole) else { continue };
            if let Some(stats) = self.convert(job, &mut Band::default(), &mut Band::default(), false)?.stats {
                total.add(&stats);
                tensors += 1;
            }
        }
        let (sampled, matrices, values) = (tensors, again.len(), total.count);
        if total.changed == 0 {
            progress.note(&Note::SameSoFar { values, sampled, matrices });
            return Ok(());
        }
        let changed = total.changed as f64 / total.count as f64;
        let cost = Rounding { relative: total.relative(), changed, values, sampled, matrices };
        if self.plan.options.lossless || !self.plan.options.requant {
            let help = "start from the BF16 master if there is one, or accept it with --requant";
            return Err(Error::Refused(format!("{cost}; {help}")));
        }
        progress.note(&Note::RoundedAgain(cost));
        Ok(())
    }

    pub(super) fn stream(
        &self,
        files: &[(File, PathBuf)],
        journal: &mut Journal,
        mut done: BTreeMap<usize, Done>,
        progress: &dyn Progress,
    ) -> Result<BTreeMap<usize, Done>> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // Each thread holds about 20 MB.
        let threads = if self.plan.options.threads > 0 { self.plan.options.threads.min(8) } else { cores.clamp(2, 4) };
        let remaining: Vec<usize> = (0..self.plan.tasks.len()).filter(|t| !done.contains_key(t)).collect();
        let queue = Queue::new(remaining, threads + 3);
        let mut failure = None;
        let flushed = Mutex::new(Ok(()));
        std::thread::scope(|scope| {
            // Data goes to the disk while more is read. Left to the system, it would all be written at the end.
            let (flush, asked) = std::sync::mpsc::sync_channel::<usize>(1);
            scope.spawn(|| {
                for file in asked {
                    let (handle, path) = &files[file];
                    if let Err(e) = handle.sync_data() {
                        *lock(&flushed) = Err(Error::io(path, "write", e));
                    }
                }
            });
            for _ in 0..threads {
                scope.spawn(|| {
                    let (mut band, mut check) = (Band::default(), Band::default());
                    while let Some((sequence, job)) = queue.take(self) {
                        let made = self.convert(job, &mut band, &mut check, true);
                        queue.give(sequence, made);
                    }
                });
            }
            let mut writer =
                Writer { work: self, files, journal, open: BTreeMap::new(), stats: None, flush, unflushed: 0 };
            while let Some(made) = queue.next() {
                let written = made.and_then(|made| {
                    progress.advance(made.input);
                    writer.write(made)
                });
                match written {
                    Ok(Some(finished)) => {
                        done.insert(finished.task, finished);
                    }
                    Ok(None) => {}
                    Err(e) => {
                        failure = Some(e);
                        queue.stop();
                        break;
                    }
                }
            }
        });
        match failure {
            Some(e) => Err(e),
            None => flushed.into_inner().unwrap_or_else(PoisonError::into_inner).map(|()| done),
        }
    }

    /// Reads and converts one piece.
    pub(super) fn convert(&self, job: Job, band: &mut Band, check: &mut Band, write: bool) -> Result<Made> {
        let task = &self.plan.tasks[job.task];
        let m = self.matrix(task);
        let mut made = Made { job, writes: Vec::new(), stats: None, input: 0 };
        match job.piece {
            Piece::Bytes { part, from, len } => {
                let parts: Vec<usize> = m.parts().collect();
                let raw = &self.source.raw[parts[part]];
                let mut data = vec![0u8; len as usize];
                self.source.files[raw.file].read(&mut data, raw.offset + from)?;
                made.input = len;
                made.writes.push(Write { tensor: task.tensors[part], at: from, rows: 1, stride: 0, data });
            }
            Piece::Values(rect) => {
                made.input = share(self.input_of(job.task), rect.count() as u64, m.count());
                self.values(task, job, &m, rect, band, check, &mut made, write)?;
            }
        }
        Ok(made)
    }
}
