//! Where the time goes: spans of states that add up to the length of the run.

use crate::nanos::Nanos;

/// What a job is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Trains, and the work stays.
    Useful,
    /// Trained, and the work was lost with a fault.
    Lost,
    /// The part of training that slow parts and detours cost.
    Slow,
    /// The part of training that missing units cost.
    Shrunk,
    /// Is held up by a save.
    Saving,
    /// Waits for something that passes: a link that flaps.
    Stalled,
    /// Waits for a repair because no spare is left.
    Waiting,
    /// Is stopped for planned work.
    Maintenance,
    /// A step of the way back, by its name.
    Step(u8),
}

const STEPS: usize = 64;
const OTHERS: usize = 8;

impl State {
    const PLAIN: [State; OTHERS] = [
        State::Useful,
        State::Lost,
        State::Slow,
        State::Shrunk,
        State::Saving,
        State::Stalled,
        State::Waiting,
        State::Maintenance,
    ];

    fn index(self) -> usize {
        match self {
            State::Step(name) => OTHERS + usize::from(name),
            plain => State::PLAIN.iter().position(|&s| s == plain).unwrap_or(0),
        }
    }

    fn of(index: usize) -> State {
        State::PLAIN.get(index).copied().unwrap_or_else(|| State::Step((index - OTHERS) as u8))
    }
}

/// The sum of the spans of each state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account([u64; OTHERS + STEPS]);

impl Default for Account {
    fn default() -> Self {
        Account([0; OTHERS + STEPS])
    }
}

impl Account {
    /// Time in a state.
    pub fn of(&self, state: State) -> Nanos {
        Nanos(self.0[state.index()])
    }

    /// States that took any time, in their order, with it.
    pub fn states(&self) -> impl Iterator<Item = (State, Nanos)> + '_ {
        self.0.iter().enumerate().filter(|(_, t)| **t > 0).map(|(i, t)| (State::of(i), Nanos(*t)))
    }

    /// Time in all states.
    pub fn total(&self) -> Nanos {
        Nanos(self.0.iter().sum())
    }

    pub(super) fn add(&mut self, state: State, span: Nanos) {
        self.0[state.index()] += span.0;
    }

    pub(super) fn train(&mut self, training: &Training) {
        self.add(State::Useful, training.useful);
        self.add(State::Slow, training.slow);
        self.add(State::Shrunk, training.shrunk);
        self.add(State::Saving, training.saving);
    }

    /// What was kept is lost after all; gives the training that was.
    pub(super) fn disown(&mut self, training: &Training) -> Nanos {
        let lost = training.useful + training.slow + training.shrunk;
        for (state, span) in
            [(State::Useful, training.useful), (State::Slow, training.slow), (State::Shrunk, training.shrunk)]
        {
            self.0[state.index()] -= span.0;
        }
        self.add(State::Lost, lost);
        lost
    }
}

/// A settled part of training.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Training {
    pub useful: Nanos,
    pub slow: Nanos,
    pub shrunk: Nanos,
    pub saving: Nanos,
}

impl Training {
    pub fn add(&mut self, other: &Training) {
        self.useful += other.useful;
        self.slow += other.slow;
        self.shrunk += other.shrunk;
        self.saving += other.saving;
    }

    #[cfg(test)]
    pub fn total(&self) -> Nanos {
        self.useful + self.slow + self.shrunk + self.saving
    }
}

/// What one kind of fault cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Toll {
    /// Interruptions of a job that trained.
    pub interruptions: u32,
    /// Strikes that did not interrupt it: it was down already, or went on.
    pub others: u32,
    /// Training lost.
    pub lost: Nanos,
    /// Time until it trained again.
    pub down: Nanos,
}

/// A state of the job, when, and which fault brought it there. Spans of a trace follow each other, but for
/// [`State::Stalled`], which lies within training: training around a stall is told as if the stall came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// State. Training that went slower is told as useful.
    pub state: State,
    /// From.
    pub start: Nanos,
    /// For how long.
    pub length: Nanos,
    /// Index of the fault, if one brought it there.
    pub fault: Option<u32>,
}
