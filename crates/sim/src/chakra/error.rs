//! What can be wrong with a trace, and with a replay.

use std::io;

use thiserror::Error;

/// Why a file is no trace.
#[derive(Debug, Error)]
pub enum ChakraError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It holds nothing.
    #[error("is empty; a trace begins with its metadata")]
    Empty,
    /// It ends within a record.
    #[error("ends within record {record}, {missing} bytes early: the file is cut off, or is no trace")]
    Cut {
        /// Which, from 0.
        record: u64,
        /// Bytes that are missing.
        missing: u64,
    },
    /// A length that no varint is, or that is larger than any record may be.
    #[error("record {record} claims {claimed} bytes; at most {most} are read: this is no trace")]
    TooLong {
        /// Which.
        record: u64,
        /// What it claims.
        claimed: u64,
        /// The limit.
        most: u64,
    },
    /// Bytes that are no message.
    #[error("record {record} is no {what}: {reason}{}", if *record == 0 { "; this is no trace" } else { "" })]
    Message {
        /// Which.
        record: u64,
        /// `GlobalMetadata` or `Node`.
        what: &'static str,
        /// What the decoder says.
        reason: String,
    },
    /// More nodes or needs than can be held.
    #[error("has more than {most} {what}; cut it into steps")]
    TooMany {
        /// `nodes`, `dependencies` or `bytes of names`.
        what: &'static str,
        /// The limit.
        most: u64,
    },
    /// One id on two nodes.
    #[error("node id {id} stands twice; ids are unique within a file")]
    Twice {
        /// The id.
        id: u64,
    },
    /// A dependency on a node that is not there.
    #[error("node {id} ('{name}') needs node {needs}, which is not in the file")]
    Dangling {
        /// The node.
        id: u64,
        /// Its name.
        name: String,
        /// What it needs.
        needs: u64,
    },
    /// Nodes that wait for each other.
    #[error("nodes need each other in a circle: {circle}")]
    Circle {
        /// Some of them.
        circle: String,
    },
    /// A communication that does not say enough.
    #[error("node {id} ('{name}') {what}")]
    Communication {
        /// The node.
        id: u64,
        /// Its name.
        name: String,
        /// What is wrong.
        what: String,
    },
}

/// Why a replay is refused or stops.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ReplayError {
    /// No rank, or too many to hold.
    #[error("{ranks} ranks with {nodes} nodes together; from 1 rank to {most} nodes can be replayed")]
    Size {
        /// Ranks.
        ranks: usize,
        /// Nodes of all.
        nodes: u64,
        /// The limit.
        most: u64,
    },
    /// A rank beyond those there are.
    #[error("rank {rank}: node {id} ('{name}') is with rank {other}, but there are {ranks} ranks")]
    NoRank {
        /// Whose trace.
        rank: usize,
        /// The node.
        id: u64,
        /// Its name.
        name: String,
        /// Who is meant.
        other: u64,
        /// How many there are.
        ranks: usize,
    },
    /// One trace for several ranks, with messages between two of them.
    #[error(
        "node {id} ('{name}') is a message between two ranks, so its trace is of one rank only; give a file for each rank"
    )]
    Shared {
        /// The node.
        id: u64,
        /// Its name.
        name: String,
    },
    /// A message that does not say with whom.
    #[error("rank {rank}: node {id} ('{name}') has no {attribute}, so nobody knows with whom it is")]
    NoPartner {
        /// Whose trace.
        rank: usize,
        /// The node.
        id: u64,
        /// Its name.
        name: String,
        /// `comm_dst` or `comm_src`.
        attribute: &'static str,
    },
    /// A process group that nobody described.
    #[error(
        "rank {rank}: node {id} ('{name}') is of process group '{group}', which is not described; give a JSON file of groups"
    )]
    NoGroup {
        /// Whose trace.
        rank: usize,
        /// The node.
        id: u64,
        /// Its name.
        name: String,
        /// The group.
        group: String,
    },
    /// A rank takes part in a group that it is not of.
    #[error("rank {rank}: node {id} ('{name}') is of process group '{group}', to which the rank does not belong")]
    NotOfGroup {
        /// Whose trace.
        rank: usize,
        /// The node.
        id: u64,
        /// Its name.
        name: String,
        /// The group.
        group: String,
    },
    /// Ranks that do different things together.
    #[error("collective {number} of group '{group}' is {one} on rank {first} and {two} on rank {second}")]
    Mismatch {
        /// Which, from 1.
        number: u64,
        /// The group.
        group: String,
        /// What one does.
        one: String,
        /// Who.
        first: usize,
        /// What another does.
        two: String,
        /// Who.
        second: usize,
    },
    /// Nothing can happen any more.
    #[error("{done} of {nodes} nodes are done and nothing can go on: {waiting}")]
    Stuck {
        /// Nodes done.
        done: u64,
        /// Nodes in all.
        nodes: u64,
        /// Some that wait, and for what.
        waiting: String,
    },
    /// The network has no time for an exchange.
    #[error("rank {rank}: node {id} ('{name}'): {reason}")]
    Network {
        /// Whose trace.
        rank: usize,
        /// The node.
        id: u64,
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// Time runs out of range.
    #[error("the replay runs longer than 213 days: a duration of the trace is absurd")]
    Horizon,
    /// The timeline cannot be written.
    #[error("cannot write the timeline: {0}")]
    Sink(String),
}
