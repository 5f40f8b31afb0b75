//! A fabric as a graph: nodes, and links that each carry data in one direction.
//!
//! Switch chips that share the traffic of the same neighbours evenly (the planes of a supernode, the spines of a Clos) are
//! one node with `members`, the wires between two nodes one link with `wires`: a system of ten thousand chips stays small,
//! and a dead member or wire takes its share of the bandwidth with it. An optical circuit switch is no node: light passes
//! through it without a hop, so a link names the one that it is mirrored by.

mod build;
mod torus;

#[cfg(test)]
mod tests;

pub use build::{BuildError, MOST_CHIPS, build};
pub use torus::TorusMap;

use thiserror::Error;

/// Place of a node in [`Graph::nodes`].
pub type NodeId = u32;
/// Place of a link in [`Graph::links`].
pub type LinkId = u32;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeKind {
    /// Sends, receives, and in a torus passes on.
    Chip,
    /// The ports of a chip where several tiers share them.
    Port,
    /// A network card.
    Nic,
    /// One switch chip or several that work as one.
    Switch,
}

/// A node.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// "chip 17", "NVLink 0": unique in a graph.
    pub name: String,
    /// Tier that it belongs to, from 0.
    pub tier: u8,
    /// Equal switch chips in it; 1 for other nodes and where their number is not stated.
    pub members: u32,
    /// Planes that the members are divided into.
    pub planes: u32,
    /// Whether it adds for the chips.
    pub adds: bool,
}

/// A link in one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// Sender.
    pub from: NodeId,
    /// Receiver.
    pub to: NodeId,
    /// Bytes per second, of all wires together.
    pub bandwidth: f64,
    /// Seconds from end to end for a small message; 0 where nobody states it, which keeps bounds bounds.
    pub latency: f64,
    /// Tier that it belongs to, from 0.
    pub tier: u8,
    /// Parallel wires in it; 1 where their number is not stated.
    pub wires: u32,
    /// Links of one class are alike: same tier, same kinds of ends, same axis and direction.
    pub class: u16,
    /// Whether it is light.
    pub optical: bool,
    /// Optical circuit switch that mirrors it.
    pub ocs: Option<u16>,
}

/// A tier as the graph sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// "NVLink".
    pub name: String,
    /// Chips of one domain.
    pub chips: u32,
    /// Bytes per second of one chip in one direction.
    pub bandwidth: f64,
    /// Whether the number of links of a chip is stated.
    pub links_stated: bool,
    /// Whether the number of switches of a domain is stated.
    pub switches_stated: bool,
}

/// Nodes and links.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// All nodes.
    pub nodes: Vec<Node>,
    /// All links.
    pub links: Vec<Link>,
    /// Node of each chip, in the order in which ranks are packed.
    pub chips: Vec<NodeId>,
    /// Tiers, innermost first.
    pub levels: Vec<Level>,
    /// Coordinates, where the innermost tier is a torus.
    pub torus: Option<TorusMap>,
    out_start: Vec<u32>,
    out_links: Vec<LinkId>,
}

/// Why nodes and links are no graph.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum GraphError {
    /// A link to or from a node that does not exist.
    #[error("link {link} joins node {node}, but there are {nodes} nodes")]
    NoNode {
        /// The link.
        link: usize,
        /// The missing node.
        node: NodeId,
        /// Nodes there are.
        nodes: usize,
    },
    /// Zero, negative or not finite.
    #[error("the link from '{from}' to '{to}' has a bandwidth of {bandwidth} B/s; it must be above 0")]
    Bandwidth {
        /// Sender.
        from: String,
        /// Receiver.
        to: String,
        /// As given.
        bandwidth: f64,
    },
    /// Negative or not finite.
    #[error("the link from '{from}' to '{to}' has a latency of {latency} s; it must be 0 or more")]
    Latency {
        /// Sender.
        from: String,
        /// Receiver.
        to: String,
        /// As given.
        latency: f64,
    },
}

impl Graph {
    /// A graph of these parts.
    ///
    /// # Errors
    /// [`GraphError`] if a link has no end, no bandwidth, or takes negative time.
    pub fn new(nodes: Vec<Node>, links: Vec<Link>, chips: Vec<NodeId>) -> Result<Graph, GraphError> {
        let name = |node: NodeId| nodes[node as usize].name.clone();
        for (link, l) in links.iter().enumerate() {
            if let Some(&node) = [l.from, l.to].iter().find(|&&n| n as usize >= nodes.len()) {
                return Err(GraphError::NoNode { link, node, nodes: nodes.len() });
            }
            let (from, to) = (name(l.from), name(l.to));
            if !(l.bandwidth.is_finite() && l.bandwidth > 0.0) {
                return Err(GraphError::Bandwidth { from, to, bandwidth: l.bandwidth });
            }
            if !(l.latency.is_finite() && l.latency >= 0.0) {
                return Err(GraphError::Latency { from, to, latency: l.latency });
            }
        }
        let mut out_start = vec![0u32; nodes.len() + 1];
        links.iter().for_each(|l| out_start[l.from as usize + 1] += 1);
        (0..nodes.len()).for_each(|n| out_start[n + 1] += out_start[n]);
        let mut place = out_start.clone();
        let mut out_links = vec![0; links.len()];
        for (id, l) in links.iter().enumerate() {
            out_links[place[l.from as usize] as usize] = id as LinkId;
            place[l.from as usize] += 1;
        }
        Ok(Graph { nodes, links, chips, levels: Vec::new(), torus: None, out_start, out_links })
    }

    /// Links that leave a node, in the order in which they were added.
    pub fn out(&self, node: NodeId) -> &[LinkId] {
        let range = self.out_start[node as usize] as usize..self.out_start[node as usize + 1] as usize;
        &self.out_links[range]
    }

    /// The link from one node to another, if there is one.
    pub fn between(&self, from: NodeId, to: NodeId) -> Option<LinkId> {
        self.out(from).iter().copied().find(|&l| self.links[l as usize].to == to)
    }

    /// The node of this name.
    pub fn named(&self, name: &str) -> Option<NodeId> {
        self.nodes.iter().position(|n| n.name.eq_ignore_ascii_case(name)).map(|n| n as NodeId)
    }

    /// Bytes per second that a chip can send over all of its links, those of its shared ports counted once.
    pub fn injection(&self, chip: NodeId) -> f64 {
        self.out(chip).iter().map(|&l| self.links[l as usize].bandwidth).sum()
    }
}
