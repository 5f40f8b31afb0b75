//! What is simulated: the job, the units it runs on, what fails, and the way back.

use crate::error::SimError;
use crate::nanos::Nanos;

/// Most events of one kind that a run may be expected to have: beyond it a rate is a slip of the unit.
const MOST_EVENTS: f64 = 2e6;
/// Parts in a million.
pub(super) const PPM: u64 = 1_000_000;

/// A job on a machine that fails.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Wall clock from the first step on.
    pub length: Nanos,
    /// What the job runs on.
    pub units: Units,
    /// What can happen to it.
    pub faults: Vec<Fault>,
    /// The ways back.
    pub paths: Paths,
    /// How it saves.
    pub checkpoints: Checkpoints,
    /// Stops that are planned.
    pub maintenance: Option<Maintenance>,
}

/// Units of replacement: servers, racks, or cubes behind optical switches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Units {
    /// Units that the job runs on.
    pub used: u32,
    /// Units that wait to take the place of a failed one.
    pub spares: u32,
    /// Units of one replica of the model: a job that goes on with fewer units loses whole replicas.
    pub replica: u32,
    /// What happens where no spare is left.
    pub without: Without,
    /// Mean time to repair a unit, after which it is a spare (exponential).
    pub repair: Nanos,
}

/// What a job does where no spare is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    /// Waits for a repair.
    Wait,
    /// Goes on with fewer units, down to this many; then it waits.
    Shrink(u32),
}

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    /// Events per second of all parts that the job uses together.
    pub rate: f64,
    /// Events per second that take one spare unit out of service.
    pub spare_rate: f64,
    /// What it does to the job.
    pub response: Response,
}

/// What a fault does to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Response {
    /// Processes die; the same units start again.
    Restart,
    /// A unit fails and goes to repair; another takes its place.
    Replace,
    /// Processes die and start again around the dead part; steps take longer until it is repaired.
    Reroute {
        /// Longer by this many millionths.
        slower: u64,
        /// Until when, from the fault on.
        healed: Nanos,
    },
    /// Everything waits and goes on; nothing is lost.
    Stall {
        /// How long.
        lasts: Nanos,
    },
    /// A unit becomes slow and all wait for it, until somebody notices and replaces it.
    Slow {
        /// Steps take longer by this many millionths.
        slower: u64,
        /// How long nobody notices.
        unnoticed: Nanos,
    },
    /// Numbers go wrong; all work since is worthless, and the unit is replaced once somebody notices.
    Corrupt {
        /// How long nobody notices.
        unnoticed: Nanos,
    },
}

/// One step of a way back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Which step it is: an index of the caller's, below 64.
    pub name: u8,
    /// How long it takes.
    pub lasts: Nanos,
    /// How often it is needed, from 0 to 1.
    pub chance: f64,
}

/// The ways back to training, each step by step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Paths {
    /// After the death of processes, and of a unit that was waited for.
    pub restart: Vec<Step>,
    /// With another unit in the place of a failed one.
    pub replace: Vec<Step>,
    /// With another unit in the place of one that was slow or wrong: the job was stopped, it did not die.
    pub evict: Vec<Step>,
    /// After a planned stop.
    pub resume: Vec<Step>,
}

/// How a job saves its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoints {
    /// Training between two saves.
    pub every: Nanos,
    /// How long a save holds the job up.
    pub blocks: Nanos,
    /// From the start of a save until a restart can use it; at least `blocks`.
    pub durable: Nanos,
}

/// Planned stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Maintenance {
    /// Wall clock from one to the next.
    pub every: Nanos,
    /// How long the machine is taken, recovery not counted.
    pub lasts: Nanos,
}

impl Scenario {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// [`SimError::Setting`] with the field and what would be right.
    pub fn check(&self) -> Result<(), SimError> {
        let Units { used, spares, replica, without, .. } = self.units;
        refuse(self.length == Nanos::ZERO, "length", "0 s", "longer than nothing")?;
        refuse(used == 0, "units.used", used, "at least 1")?;
        refuse(u64::from(used) + u64::from(spares) > 1 << 24, "units", u64::from(used) + u64::from(spares), "to 2^24")?;
        refuse(replica == 0 || replica > used, "units.replica", replica, "from 1 to the units used")?;
        if let Without::Shrink(least) = without {
            refuse(least < replica || least > used, "units.without", least, "from one replica to the units used")?;
        }
        let Checkpoints { every, blocks, durable } = self.checkpoints;
        refuse(every == Nanos::ZERO, "checkpoints.every", "0 s", "longer than nothing")?;
        refuse(durable < blocks, "checkpoints.durable", durable.seconds(), "no shorter than what it blocks")?;
        if let Some(Maintenance { every, .. }) = self.maintenance {
            refuse(every.0 < 1_000_000_000, "maintenance.every", every.seconds(), "at least 1 s")?;
        }
        for fault in &self.faults {
            let sane = |rate: f64| rate >= 0.0 && rate * self.length.seconds() <= MOST_EVENTS;
            refuse(!sane(fault.rate), "faults.rate", fault.rate, "from 0 to two million in the length of the job")?;
            let spare = fault.spare_rate * f64::from(spares.max(1));
            refuse(!sane(spare), "faults.spare_rate", spare, "from 0 to two million in the length of the job")?;
        }
        let Paths { restart, replace, evict, resume } = &self.paths;
        for step in restart.iter().chain(replace).chain(evict).chain(resume) {
            refuse(!(0.0..=1.0).contains(&step.chance), "paths.chance", step.chance, "from 0 to 1")?;
            refuse(step.name >= 64, "paths.name", step.name, "below 64")?;
        }
        Ok(())
    }
}

fn refuse(bad: bool, field: &'static str, value: impl ToString, expected: &'static str) -> Result<(), SimError> {
    if bad { Err(SimError::Setting { field, value: value.to_string(), expected }) } else { Ok(()) }
}
