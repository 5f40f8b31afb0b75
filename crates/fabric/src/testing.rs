//! Small graphs for tests.

use crate::graph::{Graph, Level, Link, Node, NodeKind};

/// `chips` chips on one switch; each link has this bandwidth and latency.
pub(crate) fn star(chips: u32, bandwidth: f64, latency: f64) -> Graph {
    let node = |n: u32| {
        let kind = if n < chips { NodeKind::Chip } else { NodeKind::Switch };
        Node { kind, name: format!("{n}"), tier: 0, members: 1, planes: 1, adds: false }
    };
    let link =
        |from, to, class| Link { from, to, bandwidth, latency, tier: 0, wires: 1, class, optical: false, ocs: None };
    let links = (0..chips).flat_map(|c| [link(c, chips, 0), link(chips, c, 1)]).collect();
    let mut graph = Graph::new((0..=chips).map(node).collect(), links, (0..chips).collect()).expect("sound");
    graph.levels =
        vec![Level { name: "switch".to_owned(), chips, bandwidth, links_stated: true, switches_stated: true }];
    graph
}
