//! Whoever waits for an answer: is told how far it is, and may call it off.

use super::solver::Unsolved;

/// What is told and asked while a plan is made.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Told how many more steps are to come.
    pub expect: &'a (dyn Fn(u64) + Sync),
    /// Told of each step that is done, and what it was.
    pub step: &'a (dyn Fn(&str) + Sync),
    /// Asked between steps whether to stop.
    pub stopped: &'a (dyn Fn() -> bool + Sync),
}

impl Watch<'_> {
    /// Nobody waits.
    pub const NOBODY: Watch<'static> = Watch { expect: &|_| {}, step: &|_| {}, stopped: &|| false };

    /// Goes on, or not.
    ///
    /// # Errors
    /// It was called off.
    pub fn check(&self) -> Result<(), Unsolved> {
        if (self.stopped)() { Err(Unsolved::Stopped) } else { Ok(()) }
    }
}
