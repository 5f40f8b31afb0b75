//! A training study, checked: the question that `steelyard train` answers.

use catalog::Model;
use cost::train::{ContextExchange, Recipe, Schedule, Sharding};
use units::{BytesPerSecond, Range, Seconds, Usd, Watts};

pub(crate) use super::read::work;
pub use super::read::{check, is_training, read};
use crate::money::Priced;
use crate::study::{Candidate, Incomplete, Money};

/// The question.
#[derive(Debug, Clone)]
pub struct TrainingStudy {
    /// What it is about.
    pub title: String,
    /// What is trained.
    pub model: Model,
    /// Tokens of the whole run.
    pub tokens: f64,
    /// Tokens of a sequence.
    pub sequence: u64,
    /// Sequences of a step.
    pub batch: u64,
    /// Whether prediction modules are trained too.
    pub mtp: bool,
    /// Number formats.
    pub recipe: Recipe,
    /// Busiest expert rank over the mean.
    pub imbalance: f64,
    /// Capacity of experts; `None`: nothing is dropped.
    pub capacity: Option<f64>,
    /// Share of the time that is not lost to faults, restarts and checkpoints.
    pub effective: Useful,
    /// What makes one system better than another.
    pub best: Best,
    /// Limits that an answer should keep.
    pub limits: Limits,
    /// The candidates.
    pub systems: Vec<TrainingCandidate>,
    /// Systems that lack facts.
    pub incomplete: Vec<Incomplete>,
    /// Money beside prices.
    pub money: Money,
    /// What is searched.
    pub space: Space,
}

/// Share of the time that is not lost to faults, restarts and checkpoints.
#[derive(Debug, Clone, PartialEq)]
pub enum Useful {
    /// Not told: days are without faults.
    Whole,
    /// As the study states.
    Stated(Range<f64>),
    /// From the fault model of each system.
    Modelled(Saving),
}

/// How checkpoints are saved, and what stands by: what the fault model asks beside the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Saving {
    /// Rate of all chips together when a checkpoint is written.
    pub write: BytesPerSecond,
    /// When it is read.
    pub read: BytesPerSecond,
    /// How long training waits for a save in the background; `None`: until all is written.
    pub stall: Option<Seconds>,
    /// Units kept idle for failed ones.
    pub spares: u32,
}

/// A system with the framework asked for.
#[derive(Debug, Clone)]
pub struct TrainingCandidate {
    /// The system and its price.
    pub candidate: Candidate,
    /// Profile by name; `None`: those that run on it.
    pub framework: Option<String>,
}

/// What makes one system better than another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Best {
    /// Fewest days.
    Days,
    /// Least money.
    Cost,
    /// Least energy.
    Energy,
    /// Most tokens per second and chip.
    TokensPerChip,
}

/// Names of [`Best`] in studies.
pub const BESTS: [(&str, Best); 4] =
    [("days", Best::Days), ("cost", Best::Cost), ("energy", Best::Energy), ("tokens per chip", Best::TokensPerChip)];

/// Limits that an answer should keep.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// Longest run.
    pub time: Option<Seconds>,
    /// Most power, facility included.
    pub power: Option<Watts>,
    /// Most money.
    pub money: Option<Usd>,
}

/// What is searched; empty lists: everything that makes sense.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Space {
    /// Degrees by name.
    pub tp: Vec<u32>,
    /// Pipeline stages.
    pub pp: Vec<u32>,
    /// Context.
    pub cp: Vec<u32>,
    /// Experts.
    pub ep: Vec<u32>,
    /// Sequences of a micro-batch.
    pub micro_batch: Vec<u32>,
    /// Schedules.
    pub schedules: Vec<Schedule>,
    /// Ways of sharding.
    pub sharding: Vec<Sharding>,
    /// Ways of exchanging context.
    pub context: Vec<ContextExchange>,
    /// Whether states may live in the host's memory.
    pub offload: bool,
    /// Plans that the event engine plays for each system.
    pub played: u64,
}

impl TrainingCandidate {
    /// Its price, where one is known.
    pub fn price(&self) -> Option<&Priced> {
        self.candidate.price.as_ref()
    }
}
