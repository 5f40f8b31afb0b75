//! Long searches: who looks on, and who may end them.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Who looks on while plans are searched, and may end it.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Told the share of the work that is done, 0 to 1, from any thread.
    pub told: &'a (dyn Fn(f64) + Sync),
    /// Asked often, from any thread: whether nobody wants the answer any more. The search then ends within a fraction of a
    /// second, with an error that says so.
    pub stopped: &'a (dyn Fn() -> bool + Sync),
}

impl Watch<'_> {
    /// Nobody looks on.
    pub const NOBODY: Watch<'static> = Watch { told: &|_| (), stopped: &|| false };
}

/// Equal parts of some work, counted from many threads.
pub(super) struct Parts<'a> {
    watch: Watch<'a>,
    done: AtomicUsize,
    all: usize,
}

impl<'a> Parts<'a> {
    pub fn new(watch: Watch<'a>, all: usize) -> Parts<'a> {
        Parts { watch, done: AtomicUsize::new(0), all }
    }

    /// One more is done.
    pub fn one(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        (self.watch.told)((done as f64 / self.all.max(1) as f64).min(1.0));
    }
}
