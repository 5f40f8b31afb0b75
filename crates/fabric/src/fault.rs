//! What is broken, and what is left.

use std::collections::BTreeSet;
use std::fmt;

use thiserror::Error;

use crate::graph::{Graph, LinkId, NodeId, NodeKind};
use crate::route::Routing;

/// One broken part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A wire between two nodes, both directions.
    Link(String),
    /// An optical module: the wire that it lights.
    Module(String),
    /// A chip with all of its links.
    Chip(u32),
    /// One switch chip: `TIER.DOMAIN` or `TIER.DOMAIN.MEMBER`.
    Switch(String),
    /// An optical circuit switch: every circuit through it.
    Ocs(u16),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Link(ends) => write!(f, "link={ends}"),
            Fault::Module(ends) => write!(f, "module={ends}"),
            Fault::Chip(chip) => write!(f, "chip={chip}"),
            Fault::Switch(name) => write!(f, "switch={name}"),
            Fault::Ocs(number) => write!(f, "ocs={number}"),
        }
    }
}

/// Why a fault means nothing here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FaultError {
    /// Neither of the five.
    #[error(
        "'{0}' is no fault; write link=A-B, module=A-B, chip=N, switch=TIER.DOMAIN or ocs=N, with commas between them"
    )]
    Unreadable(String),
    /// A node that does not exist.
    #[error("there is no '{name}' in this fabric; chips go from 0 to {last}, switches are {switches}")]
    NoNode {
        /// As written.
        name: String,
        /// Highest chip.
        last: u32,
        /// Names of some switches.
        switches: String,
    },
    /// Nodes without a link between them.
    #[error("no link joins '{0}'; write two neighbours, such as {1}")]
    NoLink(String, String),
    /// No light.
    #[error("the link '{0}' is copper: it has no optical module")]
    Copper(String),
    /// No such circuit switch.
    #[error("no circuit of this slice passes optical circuit switch {0}; {1}")]
    NoOcs(u16, String),
    /// The catalog does not say how many share the traffic.
    #[error("{field} is missing: without it nobody knows what one of them takes away")]
    Missing {
        /// `tier 'NVLink': switches`.
        field: String,
    },
}

impl Fault {
    /// Reads `link=3-4,chip=17`.
    ///
    /// # Errors
    /// The first part that is no fault.
    pub fn parse(text: &str) -> Result<Vec<Fault>, FaultError> {
        let one = |part: &str| {
            let bad = || FaultError::Unreadable(part.chars().filter(|c| !c.is_control()).take(60).collect());
            let (kind, value) = part.split_once('=').ok_or_else(bad)?;
            let value = value.trim().to_owned();
            Ok(match kind.trim() {
                "link" if !value.is_empty() => Fault::Link(value),
                "module" if !value.is_empty() => Fault::Module(value),
                "switch" if !value.is_empty() => Fault::Switch(value),
                "chip" => Fault::Chip(value.parse().map_err(|_| bad())?),
                "ocs" => Fault::Ocs(value.parse().map_err(|_| bad())?),
                _ => return Err(bad()),
            })
        };
        text.split(',').map(str::trim).filter(|p| !p.is_empty()).map(one).collect()
    }
}

/// What is left of a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Damage {
    /// Bytes per second left of each link; 0: dead.
    pub capacity: Vec<f64>,
    /// Chips that are dead.
    pub chips: BTreeSet<u32>,
    /// Links that lost something.
    pub links: usize,
}

impl Damage {
    /// None.
    pub fn none(graph: &Graph) -> Damage {
        let capacity = graph.links.iter().map(|l| l.bandwidth).collect();
        Damage { capacity, chips: BTreeSet::new(), links: 0 }
    }

    /// What faults leave. A dead member of a switch takes its share of the traffic with it: where ways are chosen without
    /// looking, the plane that it was in holds all others back; adaptive ways spread what is left.
    ///
    /// # Errors
    /// [`FaultError`] for a part that does not exist.
    pub fn of(graph: &Graph, faults: &[Fault], routing: Routing) -> Result<Damage, FaultError> {
        let mut damage = Damage::none(graph);
        let mut wires = vec![0u32; graph.links.len()];
        let mut members: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); graph.nodes.len()];
        for fault in faults {
            match fault {
                Fault::Link(ends) | Fault::Module(ends) => {
                    let [up, down] = ends_of(graph, ends)?;
                    if matches!(fault, Fault::Module(_)) && !graph.links[up as usize].optical {
                        return Err(FaultError::Copper(ends.clone()));
                    }
                    let level = &graph.levels[graph.links[up as usize].tier as usize];
                    if !level.links_stated && graph.links[up as usize].wires == 1 && to_switch(graph, up) {
                        return Err(FaultError::Missing { field: format!("tier '{}': links", level.name) });
                    }
                    [up, down].iter().for_each(|&l| wires[l as usize] += 1);
                }
                Fault::Chip(chip) => {
                    let node = *graph.chips.get(*chip as usize).ok_or_else(|| no_node(graph, &chip.to_string()))?;
                    damage.chips.insert(*chip);
                    let touches = |l: &crate::graph::Link| l.from == node || l.to == node;
                    for (l, wires) in graph.links.iter().zip(&mut wires).filter(|(l, _)| touches(l)) {
                        *wires = l.wires;
                    }
                }
                Fault::Switch(name) => {
                    let (node, member) = switch_of(graph, name)?;
                    members[node as usize].insert(member);
                }
                Fault::Ocs(number) => {
                    let through = |l: &crate::graph::Link| l.ocs == Some(*number);
                    let mut any = false;
                    for (l, wires) in graph.links.iter().zip(&mut wires).filter(|(l, _)| through(l)) {
                        (*wires, any) = (l.wires, true);
                    }
                    if !any {
                        let all: BTreeSet<u16> = graph.links.iter().filter_map(|l| l.ocs).collect();
                        let which = match (all.first(), all.last()) {
                            (Some(first), Some(last)) => format!("those used go from {first} to {last}"),
                            _ => "it uses none".to_owned(),
                        };
                        return Err(FaultError::NoOcs(*number, which));
                    }
                }
            }
        }
        for (id, l) in graph.links.iter().enumerate() {
            let left = f64::from(l.wires - wires[id].min(l.wires)) / f64::from(l.wires);
            let ends = [l.from, l.to].map(|n| share_left(graph, n, &members[n as usize], routing));
            damage.capacity[id] = l.bandwidth * left * ends[0].min(ends[1]);
        }
        damage.links = graph.links.iter().zip(&damage.capacity).filter(|(l, c)| l.bandwidth != **c).count();
        Ok(damage)
    }
}

/// Whether a link ends at a switch with more than one wire to count.
fn to_switch(graph: &Graph, link: LinkId) -> bool {
    let l = &graph.links[link as usize];
    let kind = |n: NodeId| graph.nodes[n as usize].kind;
    let plain = |n: NodeId| matches!(kind(n), NodeKind::Chip | NodeKind::Port);
    (kind(l.to) == NodeKind::Switch && plain(l.from)) || (kind(l.from) == NodeKind::Switch && plain(l.to))
}

/// Share of a switch's traffic that it still carries.
fn share_left(graph: &Graph, node: NodeId, dead: &BTreeSet<u32>, routing: Routing) -> f64 {
    let node = &graph.nodes[node as usize];
    if dead.is_empty() {
        return 1.0;
    }
    let (members, planes) = (f64::from(node.members), node.planes.max(1));
    let all = 1.0 - dead.len() as f64 / members;
    if routing == Routing::Adaptive || planes == 1 || all <= 0.0 {
        return all.max(0.0);
    }
    // Traffic is spread evenly over the planes that live; the weakest of them sets the pace.
    let per_plane = members / f64::from(planes);
    let left = |plane: u32| 1.0 - dead.iter().filter(|&&m| m % planes == plane).count() as f64 / per_plane;
    let alive: Vec<f64> = (0..planes).map(left).filter(|l| *l > 1e-9).collect();
    let weakest = alive.iter().copied().fold(1.0, f64::min);
    weakest * alive.len() as f64 / f64::from(planes)
}

fn no_node(graph: &Graph, name: &str) -> FaultError {
    let switches = graph.nodes.iter().filter(|n| n.kind == NodeKind::Switch).take(3).map(|n| n.name.replace(' ', "."));
    let switches: Vec<String> = switches.collect();
    let switches = if switches.is_empty() { "none".to_owned() } else { switches.join(", ") + " and so on" };
    let short: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
    FaultError::NoNode { name: short, last: graph.chips.len() as u32 - 1, switches }
}

/// "17", "NIC.3", "NVLink.0", "UB node.5".
fn node_of(graph: &Graph, name: &str) -> Option<NodeId> {
    let name = name.trim();
    match name.parse::<usize>() {
        Ok(chip) => graph.chips.get(chip).copied(),
        Err(_) => graph.named(name).or_else(|| graph.named(&name.replace('.', " "))),
    }
}

/// The links there and back between two nodes, "A-B".
fn ends_of(graph: &Graph, ends: &str) -> Result<[LinkId; 2], FaultError> {
    let pairs = ends.match_indices('-').map(|(at, _)| (&ends[..at], &ends[at + 1..]));
    let mut unknown = None;
    for (a, b) in pairs {
        let (Some(from), Some(to)) = (node_of(graph, a), node_of(graph, b)) else {
            unknown = unknown.or(if node_of(graph, a).is_none() { Some(a) } else { Some(b) });
            continue;
        };
        // Chips with shared ports meet at these.
        let port = |n: NodeId| {
            let links = graph.out(n).iter().map(|&l| graph.links[l as usize].to);
            links.into_iter().find(|&t| graph.nodes[t as usize].kind == NodeKind::Port).unwrap_or(n)
        };
        for (x, y) in [(from, to), (port(from), port(to)), (port(from), to), (from, port(to))] {
            if let (Some(up), Some(down)) = (graph.between(x, y), graph.between(y, x)) {
                return Ok([up, down]);
            }
        }
        return Err(FaultError::NoLink(ends.to_owned(), example(graph)));
    }
    Err(match unknown {
        Some(name) => no_node(graph, name),
        None => FaultError::NoLink(ends.to_owned(), example(graph)),
    })
}

fn example(graph: &Graph) -> String {
    let name = |n: NodeId| {
        let node = &graph.nodes[n as usize];
        node.name.strip_prefix("chip ").map_or(node.name.replace(' ', "."), str::to_owned)
    };
    graph.links.first().map_or_else(String::new, |l| format!("{}-{}", name(l.from), name(l.to)))
}

/// "NVLink.0.5": the sixth switch chip of the first domain; without the last number the first one.
fn switch_of(graph: &Graph, name: &str) -> Result<(NodeId, u32), FaultError> {
    let switch = |name: &str| node_of(graph, name).filter(|&n| graph.nodes[n as usize].kind == NodeKind::Switch);
    let (node, member) = match (switch(name), name.rsplit_once('.')) {
        (Some(node), _) => (node, 0),
        (None, Some((domain, member))) => {
            let node = switch(domain).ok_or_else(|| no_node(graph, name))?;
            (node, member.trim().parse().map_err(|_| no_node(graph, name))?)
        }
        (None, None) => return Err(no_node(graph, name)),
    };
    let n = &graph.nodes[node as usize];
    let level = &graph.levels[n.tier as usize];
    if !level.switches_stated && n.members == 1 {
        return Err(FaultError::Missing { field: format!("tier '{}': switches", level.name) });
    }
    if member >= n.members { Err(no_node(graph, name)) } else { Ok((node, member)) }
}

#[cfg(test)]
mod tests {
    use catalog::Catalog;

    use super::*;
    use crate::graph::build;

    fn graph(system: &str, chips: u32) -> Graph {
        build(Catalog::embedded().system(system).expect("known"), chips).expect("a graph")
    }

    fn after(graph: &Graph, faults: &str, routing: Routing) -> Result<Damage, FaultError> {
        Damage::of(graph, &Fault::parse(faults)?, routing)
    }

    #[test]
    fn parts_take_their_share_with_them() {
        let rack = graph("nvidia_gb200_nvl72", 72);
        // One of 18 switches; one of 18 links of one chip.
        let switch = after(&rack, "switch=NVLink.0.5", Routing::Ecmp).expect("a switch");
        assert!(switch.capacity.iter().all(|c| (c / 900e9 - 17.0 / 18.0).abs() < 1e-12));
        let link = after(&rack, "link=7-NVLink.0", Routing::Ecmp).expect("a link");
        assert_eq!(link.links, 2);
        // An L2 switch of a CloudMatrix: 1 of 16 of its plane, 1 of 112 of all.
        let cm = graph("huawei_cloudmatrix384", 384);
        let least = |routing| {
            let left = after(&cm, "switch=UB.0", routing).expect("a switch").capacity;
            left.iter().zip(&cm.links).map(|(c, l)| c / l.bandwidth).fold(1.0, f64::min)
        };
        assert!((least(Routing::Ecmp) - 15.0 / 16.0).abs() < 1e-12);
        assert!((least(Routing::Adaptive) - 111.0 / 112.0).abs() < 1e-12);
    }

    #[test]
    fn a_circuit_switch_takes_one_line_in_sixteen() {
        let slice = graph("google_ironwood_9216", 512);
        let damage = after(&slice, "ocs=5", Routing::DimensionOrder).expect("used");
        // One place on the faces of one axis: a link up from each of 8 cubes, and one down.
        assert_eq!(damage.links, 16);
        assert!(matches!(after(&slice, "ocs=48", Routing::Ecmp), Err(FaultError::NoOcs(48, _))));
    }

    #[test]
    fn what_does_not_exist_is_named() {
        let rack = graph("nvidia_gb200_nvl72", 72);
        let says = |faults: &str| after(&rack, faults, Routing::Ecmp).expect_err("nothing there").to_string();
        assert!(says("chip=72").contains("no '72' in this fabric; chips go from 0 to 71"));
        assert!(says("switch=NVLnk.0").contains("no 'NVLnk.0'"));
        assert!(says("switch=NVLink.0.18").contains("no 'NVLink.0.18'"));
        assert!(says("link=1-2").contains("no link joins '1-2'; write two neighbours, such as 0-NVLink.0"));
        assert!(says("cable=1").contains("'cable=1' is no fault"));
        assert!(says("module=3-NVLink.0").contains("copper"));
        assert!(says("ocs=1").contains("it uses none"));
        let node = graph("nvidia_hgx_h800", 8);
        let says = after(&node, "switch=NVLink.0", Routing::Ecmp).expect_err("not stated").to_string();
        assert!(says.starts_with("tier 'NVLink': switches is missing"), "{says}");
    }
}
