//! Collectives as schedules of sends.
//!
//! A [`Schedule`] says who sends how much to whom in which step; [`lower`] finds the ways and makes streams of it. What an
//! algorithm does is exact; what is left out is the time that a rank needs to add two buffers, which every library hides
//! behind the wire.

mod algorithms;
mod lower;
mod rings;
mod torus;
mod uniform;

#[cfg(test)]
mod tests;

pub use algorithms::{AlgorithmError, Plan, schedule};
pub use lower::{Fidelity, LowerError, Lowered, StepTime, lower, lower_as};

use crate::graph::NodeId;

/// What ranks do together. `bytes` of each follows nccl-tests: the larger of the two buffers of one rank.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operation {
    /// Every rank ends with the sum of all.
    AllReduce,
    /// Every rank ends with the parts of all.
    AllGather,
    /// Every rank ends with its part of the sum.
    ReduceScatter,
    /// Every rank sends another part to each.
    AllToAll,
    /// Tokens to their experts: `bytes` are the tokens of one rank, before they are copied.
    Dispatch(Routing),
    /// Results back, in the same volume.
    Combine(Routing),
    /// The buffer of rank 0 reaches all.
    Broadcast,
    /// Rank 0 to the last rank.
    Send,
}

/// How tokens choose experts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routing {
    /// Experts of a token.
    pub top_k: u64,
    /// Experts of the layer.
    pub experts: u64,
}

impl Operation {
    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Operation::AllReduce => "all-reduce",
            Operation::AllGather => "all-gather",
            Operation::ReduceScatter => "reduce-scatter",
            Operation::AllToAll => "all-to-all",
            Operation::Dispatch(_) => "dispatch",
            Operation::Combine(_) => "combine",
            Operation::Broadcast => "broadcast",
            Operation::Send => "send",
        }
    }
}

/// How they do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// Around rings: each rank sends to the next; along every axis of a torus at once.
    Ring,
    /// Up and down two binary trees, in pieces.
    Tree,
    /// With partners at distance 1, 2, 4, ...: needs a power of two.
    HalvingDoubling,
    /// Straight from each rank to each other.
    Direct,
    /// Inside the innermost domains, then between ranks of equal place.
    Hierarchical,
    /// Switches add and multiply.
    InNetwork,
}

impl Algorithm {
    /// All, in the order in which they are shown.
    pub const ALL: [Algorithm; 6] = [
        Algorithm::Ring,
        Algorithm::Tree,
        Algorithm::HalvingDoubling,
        Algorithm::Direct,
        Algorithm::Hierarchical,
        Algorithm::InNetwork,
    ];

    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Ring => "ring",
            Algorithm::Tree => "tree",
            Algorithm::HalvingDoubling => "halving-doubling",
            Algorithm::Direct => "direct",
            Algorithm::Hierarchical => "hierarchical",
            Algorithm::InNetwork => "in-network",
        }
    }
}

/// Bytes from one node to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Send {
    /// Sender.
    pub from: NodeId,
    /// Receiver.
    pub to: NodeId,
    /// How much.
    pub bytes: f64,
}

/// Sends that start together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Step {
    /// One by one.
    pub sends: Vec<Send>,
    /// Bytes from every rank to every other one, beside `sends`.
    pub every_pair: f64,
    /// Messages that a rank sends one after the other in it: what it pays software for.
    pub rounds: f64,
    /// How often the step is done.
    pub repeat: u64,
    /// Whether ranks go on as soon as they have heard from the one before them (a ring), so that long and short ways take
    /// turns instead of all waiting for the longest.
    pub chained: bool,
}

/// Steps one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// How.
    pub algorithm: Algorithm,
    /// In order.
    pub steps: Vec<Step>,
}

impl Schedule {
    /// Messages that a rank sends one after the other.
    pub fn rounds(&self) -> f64 {
        self.steps.iter().map(|s| s.rounds * s.repeat as f64).sum()
    }
}
