//! Plays traces on a network, event by event.
//!
//! A node may begin when all that it needs is done. The host, the device and its memory each do one node after the other,
//! in the order of the trace among those that may begin. Collectives of a group happen in the order of the trace on every
//! rank, and begin when the last rank is there; a message begins when it is sent, whether or not the other waits for it.
//! Exchanges share links ([`super::share`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::ReplayError;
use super::play::Play;
use super::trace::{COLLECTIVES, Node, Trace};
use crate::time::Time;

/// Most nodes of all ranks together: each takes four bytes while it waits.
const MOST_NODES: u64 = 200_000_000;

/// Traces on ranks.
#[derive(Debug, Clone)]
pub struct Ranks<'t> {
    /// Traces, each of one rank or of several that do the same.
    pub traces: &'t [Trace],
    /// Trace of each rank, by place in `traces`.
    pub of: Vec<u32>,
    /// Ranks of each process group by name.
    pub groups: BTreeMap<String, Vec<u32>>,
}

/// A process group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name; empty for all ranks.
    pub name: String,
    /// Its ranks in order.
    pub ranks: Arc<[u32]>,
}

/// What kind of exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExchangeKind {
    /// Index into [`COLLECTIVES`].
    Collective(u8),
    /// From the first rank to the second.
    Point,
}

impl ExchangeKind {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            ExchangeKind::Collective(operation) => COLLECTIVES.get(usize::from(operation)).copied().unwrap_or(""),
            ExchangeKind::Point => "send",
        }
    }
}

/// Something that the network has to price.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// What.
    pub kind: ExchangeKind,
    /// Bytes: of one rank for a collective.
    pub bytes: u64,
    /// Who takes part, in order.
    pub ranks: Arc<[u32]>,
}

/// What an exchange takes alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Demand {
    /// Seconds.
    pub seconds: f64,
    /// Links, and the share of that time for which each is full.
    pub uses: Arc<[(u32, f64)]>,
}

/// Where in a rank a node was played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// On the host.
    Host,
    /// On the device.
    Device,
    /// Between memories.
    Memory,
    /// On the network, side by side with others.
    Network(u32),
}

/// A node as it was played.
#[derive(Debug, Clone, PartialEq)]
pub struct Occupied<'t> {
    /// On which rank.
    pub rank: u32,
    /// Where.
    pub lane: Lane,
    /// Name of the node.
    pub name: &'t str,
    /// The node.
    pub node: &'t Node,
    /// From.
    pub start: Time,
    /// To.
    pub end: Time,
    /// Number of the exchange, the same on all ranks of it.
    pub exchange: Option<u64>,
}

/// Hears of every node that was played, in order of its end.
pub type Sink<'s> = &'s mut dyn FnMut(&Occupied) -> Result<(), String>;

/// Exchanges of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// Bytes of one rank, all together.
    pub bytes: f64,
    /// Seconds that they took.
    pub seconds: f64,
    /// Seconds that they would have taken one by one on an empty network.
    pub alone: f64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    /// When the last node was done.
    pub end: Time,
    /// Nodes played.
    pub nodes: u64,
    /// Of each rank, seconds in which it computed only, exchanged only, did both, did neither.
    pub ranks: Vec<[f64; 4]>,
    /// Exchanges by kind.
    pub exchanges: BTreeMap<ExchangeKind, Tally>,
}

/// Plays the traces. `network` prices an exchange, `device` gives the seconds of a node without a recorded duration.
///
/// # Errors
/// [`ReplayError`]: ranks or groups that do not exist, ranks that do different things, nothing that can go on.
pub fn replay(
    ranks: &Ranks,
    network: &mut dyn FnMut(&Exchange) -> Result<Demand, String>,
    device: &dyn Fn(&Node) -> f64,
    sink: Sink,
) -> Result<Outcome, ReplayError> {
    let count = ranks.of.len();
    let of = |&t: &u32| ranks.traces.get(t as usize).map_or(0, |t| t.nodes.len() as u64);
    let nodes: u64 = ranks.of.iter().map(of).sum();
    if count == 0 || nodes > MOST_NODES || count > 1 << 20 {
        return Err(ReplayError::Size { ranks: count, nodes, most: MOST_NODES });
    }
    let mut play = Play::new(ranks, nodes)?;
    play.begin();
    play.run(network, device, sink)
}
