//! How much of its time a long job on a machine that fails really trains.
//!
//! [`effective`] is the whole of it: a [`Job`], a [`Machine`], and the share of useful time with its 90 % interval. What
//! is in doubt (rates of failure that fleets disagree on, times of recovery) is drawn anew for every run; what is chance
//! comes from the run itself. [`Study`] asks it of several systems.

mod answer;
mod doubt;
mod findings;
mod lower;
mod measured;
mod parts;
mod study;
#[cfg(test)]
mod tests;

use catalog::Faults;
use thiserror::Error;
use units::{Bytes, BytesPerSecond, Seconds};

pub use answer::{Effective, effective, state_name, trace};
pub use findings::{
    Answer, CauseFinding, DoubtFinding, EffectiveFinding, Findings, Observed, PartFinding, StateFinding, SystemFinding,
    answer, watched,
};
pub use lower::Lowered;
pub use measured::measured;
pub(crate) use study::inside;
pub use study::{Candidate, Seen, SeenValue, SeenWhat, Study, check, read};

/// A long job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Wall clock from the first step on.
    pub length: Seconds,
    /// Chips that it trains on.
    pub chips: u32,
    /// Chips of one replica of the model: a job that goes on with fewer chips loses whole replicas.
    pub replica: u32,
    /// How it saves its state.
    pub checkpoint: Checkpoint,
    /// Planned stops, if there are any.
    pub maintenance: Option<Maintenance>,
}

/// How a job saves its state.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// All of it: weights, optimizer, position in the data.
    pub size: Bytes,
    /// Rate of all chips together when it is written.
    pub write: BytesPerSecond,
    /// Rate of all chips together when it is read.
    pub read: BytesPerSecond,
    /// Training between two saves; `None`: what is best by Daly's formula, and no less than a save takes.
    pub every: Option<Seconds>,
    /// Whether training waits for it.
    pub save: Save,
}

/// Whether training waits while its state is saved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Save {
    /// Until all is written.
    Blocking,
    /// For this long, to copy the state to memory of the host; it is written behind the back of training.
    Background(Seconds),
}

/// Planned stops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Maintenance {
    /// Wall clock from one to the next.
    pub every: Seconds,
    /// How long the machine is taken; the way back comes on top.
    pub lasts: Seconds,
}

/// A machine that fails.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// What fails and how it comes back; `Catalog::faults_of` knows it for a system.
    pub faults: Faults,
    /// Units kept idle for failed ones; machines where nothing is re-wired.
    pub spares: u32,
    /// What happens where no spare is left.
    pub without_spare: WithoutSpare,
    /// Chips of a unit of replacement; `None`: the catalog's.
    pub unit: Option<u32>,
    /// Whether any unit can take the place of any other. Without it a fault takes the whole machine out of the job.
    pub rewire: bool,
}

/// What a job does where no spare is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutSpare {
    /// Waits for a repair.
    Wait,
    /// Goes on with fewer replicas, down to this many chips.
    Shrink(u32),
}

/// How often to simulate, and how to rate the evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Runs {
    /// Runs with facts drawn, and as many with facts at their values.
    pub count: u32,
    /// Every draw starts here.
    pub seed: u64,
    /// Keys of sources whose counts of failures are left out: to predict what they saw.
    pub without: Vec<String>,
}

impl Default for Runs {
    fn default() -> Self {
        Runs { count: 400, seed: 1, without: Vec::new() }
    }
}

/// Why it cannot be told.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Refusal {
    /// No evidence of how often something fails is left.
    #[error("{path}: every count of failures is left out; keep at least one source")]
    NoEvidence {
        /// Path of the kind of fault.
        path: String,
    },
    /// The catalog knows no way back.
    #[error("{path} is missing; write the steps in a catalog folder of your own")]
    NoWay {
        /// Path of the way.
        path: String,
    },
    /// Nobody wants the answer any more.
    #[error("stopped")]
    Stopped,
    /// A setting that makes no sense.
    #[error(transparent)]
    Simulation(#[from] sim::SimError),
}
