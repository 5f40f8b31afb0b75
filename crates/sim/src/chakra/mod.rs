//! Chakra execution traces (MLCommons): read, written, and replayed on a network.
//!
//! A trace is one file a rank: a sequence of records, each a length as a varint and a protobuf message; the first is
//! [`wire::GlobalMetadata`], all others are [`wire::Node`]s. Files are read one record at a time and only what a replay
//! needs is kept; nothing that a file claims is believed before it is there.
//!
//! ```text
//! file ──read──> Trace (nodes in an order that obeys their needs) ──replay──> Outcome, timeline
//!                                            network: seconds and loads of an exchange
//! ```

mod error;
mod meet;
mod play;
mod read;
mod replay;
mod share;
#[cfg(test)]
mod tests;
mod trace;
pub mod wire;
mod write;

pub use error::{ChakraError, ReplayError};
pub use read::{Limits, read};
pub use replay::{Demand, Exchange, ExchangeKind, Group, Lane, Occupied, Outcome, Ranks, Sink, Tally, replay};
pub use trace::{COLLECTIVES, Communication, Node, NodeKind, Summary, Trace};
pub use write::{VERSION, Writer};
