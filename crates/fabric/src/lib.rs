//! Fabrics: chips, NICs, switches and the links between them as graphs; routes and flows over them; collectives as
//! schedules of flows; faults; bounds that nothing can beat; and the time of exchanges as libraries achieve it. Pure
//! functions: no files, no clock, no threads, no randomness.

pub mod flow;
pub mod graph;
pub mod price;

pub use graph::{Graph, GraphError, Link, LinkId, Node, NodeId, NodeKind};
