//! The queue between the workers and the writer.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, PoisonError};

use super::piece::{Job, Made};
use super::work::{Work, lock};
use crate::error::Result;

/// Hands out jobs in order and takes results back in the same order, with a bound on how far apart they may be.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    window: usize,
}

struct State {
    tasks: std::vec::IntoIter<usize>,
    jobs: std::vec::IntoIter<Job>,
    taken: usize,
    given: usize,
    results: BTreeMap<usize, Result<Made>>,
    stopped: bool,
    exhausted: bool,
}

impl Queue {
    pub(super) fn new(tasks: Vec<usize>, window: usize) -> Queue {
        let state = State {
            tasks: tasks.into_iter(),
            jobs: Vec::new().into_iter(),
            taken: 0,
            given: 0,
            results: BTreeMap::new(),
            stopped: false,
            exhausted: false,
        };
        Queue { state: Mutex::new(state), changed: Condvar::new(), window }
    }

    /// The next job, when there is room for its result; `None` when there are no more.
    pub(super) fn take(&self, work: &Work<'_>) -> Option<(usize, Job)> {
        let mut s = lock(&self.state);
        loop {
            if s.stopped || s.exhausted {
                return None;
            }
            if s.taken < s.given + self.window {
                break;
            }
            s = self.changed.wait(s).unwrap_or_else(PoisonError::into_inner);
        }
        let job = loop {
            if let Some(job) = s.jobs.next() {
                break job;
            }
            let Some(task) = s.tasks.next() else {
                s.exhausted = true;
                self.changed.notify_all();
                return None;
            };
            s.jobs = work.jobs(task).into_iter();
        };
        s.taken += 1;
        Some((s.taken - 1, job))
    }

    pub(super) fn give(&self, sequence: usize, made: Result<Made>) {
        lock(&self.state).results.insert(sequence, made);
        self.changed.notify_all();
    }

    /// The next result in order; `None` after the last.
    pub(super) fn next(&self) -> Option<Result<Made>> {
        let mut s = lock(&self.state);
        loop {
            let at = s.given;
            if let Some(made) = s.results.remove(&at) {
                s.given += 1;
                self.changed.notify_all();
                return Some(made);
            }
            if s.stopped || s.exhausted && s.given == s.taken {
                return None;
            }
            s = self.changed.wait(s).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn stop(&self) {
        lock(&self.state).stopped = true;
        self.changed.notify_all();
    }
}
