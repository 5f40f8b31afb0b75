//! Graphs of catalog systems: tier by tier from the innermost out.

use catalog::{System, Tier, TierShape};
use thiserror::Error;

use super::torus::coordinates;
use super::{Graph, GraphError, Level, Link, LinkId, Node, NodeId, NodeKind, TorusMap};

/// Most chips of a graph: beyond it a user means a formula, not a drawing.
pub const MOST_CHIPS: u32 = 65_536;

/// Why a system has no graph.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum BuildError {
    /// More chips than the fabric joins.
    #[error("{system} joins at most {most} chips, not {chips}")]
    TooFew {
        /// Its id.
        system: String,
        /// Chips asked for.
        chips: u64,
        /// Chips it joins.
        most: u32,
    },
    /// More chips than a graph may have.
    #[error("a graph of {chips} chips is larger than {MOST_CHIPS}; ask for a part of it (--chips or --ranks)")]
    TooMany {
        /// Chips asked for.
        chips: u64,
    },
    /// A fact that the catalog lacks.
    #[error("systems/{system}.{field} is missing: {why}")]
    Missing {
        /// Its id.
        system: String,
        /// `tier[0].switches`.
        field: String,
        /// What it is needed for.
        why: &'static str,
    },
    /// Facts that contradict each other.
    #[error("systems/{system}.{field}: {problem}")]
    Wrong {
        /// Its id.
        system: String,
        /// The field.
        field: String,
        /// What is wrong.
        problem: String,
    },
    /// Links that are none.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

/// The graph of `chips` chips of a system (rounded up to whole domains of the inner tiers). A torus behind optical circuit
/// switches is wired as a slice of just so many chips where whole cubes allow it.
///
/// # Errors
/// [`BuildError`] if the fabric joins fewer chips, or a fact is missing.
pub fn build(system: &System, chips: u32) -> Result<Graph, BuildError> {
    if chips > system.most_chips() || chips == 0 {
        let most = system.most_chips();
        return Err(BuildError::TooFew { system: system.id.clone(), chips: u64::from(chips), most });
    }
    let slice = system.with_chips(chips).unwrap_or_else(|| system.clone());
    let tiers = &slice.fabric.tiers;
    let mut whole = u64::from(chips);
    let mut inner = 1;
    for (place, tier) in tiers.iter().enumerate() {
        let closed = place + 1 < tiers.len() || matches!(tier.shape, TierShape::Torus { .. } | TierShape::Mesh);
        if closed && whole > inner {
            whole = whole.next_multiple_of(u64::from(tier.chips));
        }
        inner = u64::from(tier.chips);
    }
    if whole > u64::from(MOST_CHIPS) {
        return Err(BuildError::TooMany { chips: whole });
    }
    let whole = whole as u32;
    let cube = cube_edge(system)?;
    let mut builder = Builder {
        system: &slice,
        cube,
        nodes: Vec::new(),
        links: Vec::new(),
        tops: Vec::new(),
        ports: Vec::new(),
        torus: None,
    };
    builder.ports = (0..whole).map(|c| builder.node(NodeKind::Chip, format!("chip {c}"), 0)).collect();
    let nodes = builder.ports.clone();
    let mut inner = 1;
    for (place, tier) in tiers.iter().enumerate() {
        if inner >= whole {
            break;
        }
        builder.tier(place, tier, inner);
        inner = tier.chips;
    }
    let Builder { nodes: all, links, torus, .. } = builder;
    let mut graph = Graph::new(all, links, nodes)?;
    graph.torus = torus;
    let level = |t: &Tier| Level {
        name: t.name.clone(),
        chips: t.chips,
        bandwidth: t.bandwidth.mid().0,
        links_stated: t.wiring.links.is_some(),
        switches_stated: t.wiring.switches.is_some(),
    };
    graph.levels = tiers.iter().map(level).collect();
    Ok(graph)
}

/// Chips along an edge of the cubes behind optical circuit switches, if the system has any.
fn cube_edge(system: &System) -> Result<Option<Cube>, BuildError> {
    let (Some(cubes), Some(switches)) = (system.parts.get("cubes"), system.parts.get("optical_switches")) else {
        return Ok(None);
    };
    let chips = f64::from(system.chips) / cubes.mid();
    let edge = chips.cbrt().round();
    if (edge.powi(3) - chips).abs() > 1e-6 || edge < 1.0 {
        let problem = format!("{} chips in {} cubes are no cubes of equal edges", system.chips, cubes.mid());
        return Err(BuildError::Wrong { system: system.id.clone(), field: "parts.cubes".to_owned(), problem });
    }
    Ok(Some(Cube { edge: edge as u32, switches: switches.mid().max(1.0) as u32 }))
}

#[derive(Clone, Copy)]
struct Cube {
    edge: u32,
    switches: u32,
}

struct Builder<'a> {
    system: &'a System,
    cube: Option<Cube>,
    nodes: Vec<Node>,
    links: Vec<Link>,
    /// Switch on top of each domain of the tier before, with the chips below it; empty where it has none.
    tops: Vec<NodeId>,
    /// Where tiers attach to each chip: the chip, or its shared ports.
    ports: Vec<NodeId>,
    torus: Option<TorusMap>,
}

/// What links of a tier have in common.
#[derive(Clone, Copy)]
struct Wire {
    tier: u8,
    class: u16,
    bandwidth: f64,
    latency: f64,
    wires: u32,
    optical: bool,
}

impl Builder<'_> {
    fn node(&mut self, kind: NodeKind, name: String, tier: u8) -> NodeId {
        self.nodes.push(Node { kind, name, tier, members: 1, planes: 1, adds: false });
        self.nodes.len() as NodeId - 1
    }

    fn link(&mut self, from: NodeId, to: NodeId, wire: Wire) -> LinkId {
        let Wire { tier, class, bandwidth, latency, wires, optical } = wire;
        self.links.push(Link { from, to, bandwidth, latency, tier, wires, class, optical, ocs: None });
        self.links.len() as LinkId - 1
    }

    /// Up and down between two nodes, with the next class for the way down.
    fn pair(&mut self, low: NodeId, high: NodeId, wire: Wire) {
        self.link(low, high, wire);
        self.link(high, low, Wire { class: wire.class + 1, ..wire });
    }

    fn chips(&self) -> u32 {
        self.ports.len() as u32
    }

    fn switch(&mut self, place: usize, tier: &Tier, index: u32) -> NodeId {
        let node = self.node(NodeKind::Switch, format!("{} {index}", tier.name), place as u8);
        let count = |fact: &Option<catalog::Fact<f64>>| fact.as_ref().map_or(1, |f| f.mid().round().max(1.0) as u32);
        let all = &mut self.nodes[node as usize];
        all.members = count(&tier.wiring.switches);
        all.planes = count(&tier.wiring.planes).min(all.members);
        all.adds = tier.in_network_reduction;
        node
    }

    fn tier(&mut self, place: usize, tier: &Tier, inner: u32) {
        let next = self.system.fabric.tiers.get(place + 1);
        let shared = next.is_some_and(|n| n.wiring.uplink) && inner.max(tier.chips) < self.chips();
        let latency = tier.latency.as_ref().map_or(0.0, |l| l.mid().0);
        let wire = Wire {
            tier: place as u8,
            class: 16 * place as u16,
            bandwidth: tier.bandwidth.mid().0,
            latency,
            wires: tier.wiring.links.as_ref().map_or(1, |l| l.mid().round().max(1.0) as u32),
            optical: tier.medium != "copper",
        };
        match &tier.shape {
            TierShape::Switch => self.switched(place, tier, inner, wire, 1.0),
            TierShape::Clos { oversubscription_percent } => {
                self.switched(place, tier, inner, wire, f64::from(*oversubscription_percent).max(100.0) / 100.0);
            }
            TierShape::Mesh => {
                self.share(place, shared, wire);
                self.mesh(tier, inner, wire);
            }
            TierShape::Torus { dims } => {
                self.share(place, shared, wire);
                self.torus(tier, inner, wire, dims);
            }
        }
    }

    /// Ports of their own for chips whose links the next tier shares.
    fn share(&mut self, place: usize, shared: bool, wire: Wire) {
        if !shared {
            return;
        }
        for chip in 0..self.chips() {
            let port = self.node(NodeKind::Port, format!("ports {chip}"), place as u8);
            let from = self.ports[chip as usize];
            self.pair(from, port, Wire { class: wire.class + 14, latency: 0.0, optical: false, ..wire });
            self.ports[chip as usize] = port;
        }
    }

    fn switched(&mut self, place: usize, tier: &Tier, inner: u32, wire: Wire, over: f64) {
        let domains = self.chips().div_ceil(tier.chips);
        let before = std::mem::take(&mut self.tops);
        let within = place.checked_sub(1).and_then(|p| self.system.fabric.tiers.get(p));
        let known = within.and_then(|t| t.latency.as_ref()).map_or(0.0, |l| l.mid().0);
        for domain in 0..domains {
            let top = self.switch(place, tier, domain);
            self.tops.push(top);
            let chips = domain * tier.chips..((domain + 1) * tier.chips).min(self.chips());
            if tier.wiring.uplink && !before.is_empty() {
                // On from the switches of the tier within.
                for unit in chips.start / inner..chips.end.div_ceil(inner) {
                    let share = f64::from(inner.min(self.chips() - unit * inner));
                    let bandwidth = wire.bandwidth * share / over;
                    let latency = ((wire.latency - known) / 2.0).max(0.0);
                    let wires = wire.wires * share as u32;
                    self.pair(before[unit as usize], top, Wire { bandwidth, latency, wires, ..wire });
                }
            } else if inner == 1 || tier.wiring.uplink {
                for chip in chips {
                    let port = self.ports[chip as usize];
                    let bandwidth = wire.bandwidth / over;
                    self.pair(port, top, Wire { bandwidth, latency: wire.latency / 2.0, ..wire });
                }
            } else {
                self.cards(place, inner, wire, over, top, chips);
            }
        }
    }

    /// A card for each chip, leaves where there are any, and the switches above.
    fn cards(&mut self, place: usize, inner: u32, wire: Wire, over: f64, top: NodeId, chips: std::ops::Range<u32>) {
        let tier = &self.system.fabric.tiers[place];
        let leaf_size = tier.wiring.leaf.as_ref().map(|l| l.mid().round() as u32);
        let leaves = over > 1.0 || leaf_size.is_some() || tier.wiring.rails;
        let width = leaf_size.unwrap_or(inner).max(1);
        // Rail-optimised: leaf r of a pod joins the r-th chip of `width` domains.
        let leaf_of = |chip: u32| match tier.wiring.rails {
            true => (chip / inner / width) * inner + chip % inner,
            false => chip / width,
        };
        let hop = wire.latency / if leaves { 4.0 } else { 2.0 };
        let mut made: std::collections::BTreeMap<u32, (NodeId, u32)> = std::collections::BTreeMap::new();
        for chip in chips {
            let card = self.node(NodeKind::Nic, format!("NIC {chip}"), place as u8);
            let from = self.ports[chip as usize];
            self.pair(from, card, Wire { latency: 0.0, optical: false, wires: 1, ..wire });
            let mut above = top;
            if leaves {
                let leaf = leaf_of(chip);
                above = match made.get_mut(&leaf) {
                    Some((node, below)) => {
                        *below += 1;
                        *node
                    }
                    None => {
                        let node = self.node(NodeKind::Switch, format!("{} leaf {leaf}", tier.name), place as u8);
                        made.insert(leaf, (node, 1));
                        node
                    }
                };
            }
            self.pair(card, above, Wire { class: wire.class + 2, latency: hop, ..wire });
        }
        for (node, below) in made.into_values() {
            let (bandwidth, wires) = (wire.bandwidth * f64::from(below) / over, wire.wires * below);
            self.pair(node, top, Wire { class: wire.class + 4, bandwidth, wires, latency: hop, ..wire });
        }
    }

    fn mesh(&mut self, tier: &Tier, inner: u32, wire: Wire) {
        self.tops.clear();
        let units = tier.chips / inner;
        let bandwidth = wire.bandwidth / f64::from(units.saturating_sub(1).max(1));
        let wires = (wire.wires / units.saturating_sub(1).max(1)).max(1);
        for from in 0..self.chips() {
            let domain = from / tier.chips * tier.chips;
            for unit in 0..units {
                let to = domain + unit * inner + from % inner;
                if to != from && to < self.chips() {
                    let (a, b) = (self.ports[from as usize], self.ports[to as usize]);
                    self.link(a, b, Wire { bandwidth, wires, ..wire });
                }
            }
        }
    }

    fn torus(&mut self, tier: &Tier, inner: u32, wire: Wire, dims: &[u32]) {
        self.tops.clear();
        let axes = dims.iter().filter(|&&d| d > 1).count().max(1) as f64;
        // An axis has a link up and a link down; a line of two only one of them.
        let bandwidth = wire.bandwidth / axes / 2.0;
        let units: u32 = dims.iter().product();
        let inner = if units == tier.chips { 1 } else { inner };
        let size = units * inner;
        let mut map = TorusMap {
            dims: dims.to_vec(),
            twisted: tier.wiring.twisted,
            steps: vec![[None, None]; self.chips() as usize * dims.len()],
            size,
            ports: self.ports.clone(),
        };
        for chip in 0..self.chips() {
            let unit = chip % size / inner;
            let at = coordinates(dims, unit);
            for axis in (0..dims.len()).filter(|&a| dims[a] > 1) {
                for (side, by) in [1i64, -1].into_iter().enumerate() {
                    let Some(to) = neighbour(&at, dims, axis, by, tier.wiring.twisted) else { continue };
                    let target = chip / size * size + to * inner + chip % inner;
                    // A line of two has one link a chip: up for the one, down for the other.
                    let side_class = if dims[axis] == 2 { 0 } else { side as u16 };
                    let class = wire.class + 2 * axis as u16 + side_class;
                    let crossing = self.crossing(&at, dims, axis, by);
                    let optical = wire.optical && (self.cube.is_none() || crossing.is_some());
                    let (a, b) = (self.ports[chip as usize], self.ports[target as usize]);
                    let link = self.link(a, b, Wire { class, bandwidth, wires: 1, optical, ..wire });
                    self.links[link as usize].ocs = crossing;
                    map.steps[chip as usize * dims.len() + axis][side] = Some(link);
                }
            }
        }
        if inner == 1 && self.torus.is_none() {
            self.torus = Some(map);
        }
    }

    /// The optical circuit switch between two cubes: one for each place on the faces of an axis.
    fn crossing(&self, at: &[u32], dims: &[u32], axis: usize, by: i64) -> Option<u16> {
        let Cube { edge, switches } = self.cube?;
        let inside = at[axis] % edge;
        let leaves = if by > 0 { inside == edge - 1 || at[axis] == dims[axis] - 1 } else { inside == 0 };
        let others = (0..at.len()).filter(|&a| a != axis);
        let face = others.fold(0, |face, a| face * edge + at[a] % edge);
        let faces = edge.pow(at.len() as u32 - 1);
        leaves.then(|| ((axis as u32 * faces + face) % switches) as u16)
    }
}

/// The unit next to another one along an axis; `None` beyond the end of a line of two. In a twisted torus the wrap-around
/// of an axis half as long as the longest shifts by half along that one.
fn neighbour(at: &[u32], dims: &[u32], axis: usize, by: i64, twisted: bool) -> Option<u32> {
    let to = i64::from(at[axis]) + by;
    let wraps = to < 0 || to >= i64::from(dims[axis]);
    if wraps && dims[axis] == 2 {
        return None;
    }
    let mut next = at.to_vec();
    next[axis] = to.rem_euclid(i64::from(dims[axis])) as u32;
    let longest = (0..dims.len()).rev().max_by_key(|&a| dims[a]).unwrap_or(0);
    if wraps && twisted && 2 * dims[axis] == dims[longest] {
        next[longest] = (next[longest] + dims[axis]) % dims[longest];
    }
    Some(dims.iter().zip(&next).rev().fold(0, |unit, (&dim, &n)| unit * dim + n))
}
