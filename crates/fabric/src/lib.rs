//! Fabrics: chips, NICs, switches and the links between them as graphs; routes and flows over them; collectives as
//! schedules of flows; faults; bounds that nothing can beat; and the time of exchanges as libraries achieve it. Pure
//! functions: no files, no clock, no threads, no randomness.

pub mod bound;
pub mod collective;
pub mod estimate;
pub mod family;
pub mod fault;
mod fit;
pub mod flow;
pub mod graph;
pub mod map;
pub mod place;
pub mod price;
pub mod recovery;
pub mod route;
#[cfg(test)]
mod testing;

pub use fit::Fit;
pub use graph::{Graph, GraphError, Link, LinkId, Node, NodeId, NodeKind};
