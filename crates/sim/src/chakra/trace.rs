//! A trace as held for a replay: nodes in an order that obeys their needs.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use super::error::ChakraError;
use super::wire::Value;

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeKind {
    /// Says something, takes no time.
    Metadata,
    /// Reads memory beyond the device's.
    Load,
    /// Writes it.
    Store,
    /// Computes.
    Compute,
    /// Sends to one rank.
    Send,
    /// Receives from one rank.
    Receive,
    /// Exchanges with a group.
    Collective,
}

impl NodeKind {
    /// From the number on the wire; what is unknown says something.
    pub fn of(wire: i32) -> NodeKind {
        match wire {
            2 => NodeKind::Load,
            3 => NodeKind::Store,
            4 => NodeKind::Compute,
            5 => NodeKind::Send,
            6 => NodeKind::Receive,
            7 => NodeKind::Collective,
            _ => NodeKind::Metadata,
        }
    }

    /// The number on the wire.
    pub fn wire(self) -> i32 {
        match self {
            NodeKind::Metadata => 1,
            NodeKind::Load => 2,
            NodeKind::Store => 3,
            NodeKind::Compute => 4,
            NodeKind::Send => 5,
            NodeKind::Receive => 6,
            NodeKind::Collective => 7,
        }
    }

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            NodeKind::Metadata => "metadata",
            NodeKind::Load => "memory load",
            NodeKind::Store => "memory store",
            NodeKind::Compute => "compute",
            NodeKind::Send => "send",
            NodeKind::Receive => "receive",
            NodeKind::Collective => "collective",
        }
    }
}

/// Collectives by their number on the wire.
pub const COLLECTIVES: [&str; 10] = [
    "all-reduce",
    "reduce",
    "all-gather",
    "gather",
    "scatter",
    "broadcast",
    "all-to-all",
    "reduce-scatter",
    "reduce-scatter-block",
    "barrier",
];

/// What a communication says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Communication {
    /// Within a group.
    Collective {
        /// Index into [`COLLECTIVES`].
        operation: u8,
        /// Bytes.
        bytes: u64,
        /// Index into [`Trace::groups`]; `None`: all ranks.
        group: Option<u32>,
    },
    /// Between two ranks.
    Point {
        /// Sender; `None`: this rank.
        from: Option<u32>,
        /// Receiver; `None`: this rank.
        to: Option<u32>,
        /// Tells messages of a pair apart.
        tag: u64,
        /// Bytes.
        bytes: u64,
    },
}

/// A node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Node {
    /// Its id in the file.
    pub id: u64,
    /// Index into [`Trace::names`].
    pub name: u32,
    /// What it does.
    pub kind: NodeKind,
    /// Whether it runs on the host.
    pub host: bool,
    /// Recorded duration, microseconds.
    pub micros: u64,
    /// Operations of a compute node; 0 where not told.
    pub flop: f64,
    /// Bytes that a compute or memory node moves; 0 where not told.
    pub bytes: f64,
    /// Of a communication.
    pub communication: Option<Communication>,
}

/// A checked trace of one rank.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trace {
    /// Version of the schema.
    pub version: String,
    /// Nodes; each stands after all that it needs, in the order of the file otherwise.
    pub nodes: Vec<Node>,
    /// Names of nodes, each once.
    pub names: Vec<String>,
    /// Names of process groups, each once.
    pub groups: Vec<String>,
    /// Where the needers of each node begin in `needers`; one more than nodes.
    starts: Vec<u32>,
    /// Indices of the nodes that need a node.
    needers: Vec<u32>,
    /// How many nodes each one needs.
    needs: Vec<u32>,
}

/// What a trace holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Summary {
    /// Nodes of each kind, and their recorded time in microseconds.
    pub kinds: BTreeMap<NodeKind, (u64, u64)>,
    /// Collectives by name, and their bytes together.
    pub collectives: BTreeMap<&'static str, (u64, u64)>,
    /// Messages sent to one rank, and their bytes.
    pub sent: (u64, u64),
    /// Dependencies.
    pub needs: u64,
    /// The chain of nodes that need each other and take longest by their recorded times: by kind, nodes and microseconds.
    pub critical: BTreeMap<NodeKind, (u64, u64)>,
}

impl Trace {
    /// Nodes that need a node.
    pub fn needers(&self, node: usize) -> &[u32] {
        &self.needers[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    /// How many others each node needs.
    pub fn needs(&self) -> &[u32] {
        &self.needs
    }

    /// Name of a node.
    pub fn name(&self, node: &Node) -> &str {
        self.names.get(node.name as usize).map_or("", String::as_str)
    }

    /// What it holds.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary { needs: self.needers.len() as u64, ..Summary::default() };
        let mut ends = vec![0u64; self.nodes.len()];
        let mut before = vec![u32::MAX; self.nodes.len()];
        for (i, node) in self.nodes.iter().enumerate() {
            let kind = summary.kinds.entry(node.kind).or_default();
            *kind = (kind.0 + 1, kind.1.saturating_add(node.micros));
            let add = |sum: &mut (u64, u64), bytes: u64| *sum = (sum.0 + 1, sum.1.saturating_add(bytes));
            match node.communication {
                Some(Communication::Collective { operation, bytes, .. }) => {
                    let name = COLLECTIVES.get(usize::from(operation)).copied().unwrap_or("");
                    add(summary.collectives.entry(name).or_default(), bytes);
                }
                Some(Communication::Point { bytes, .. }) if node.kind == NodeKind::Send => {
                    add(&mut summary.sent, bytes);
                }
                _ => {}
            }
            // Needs stand before their needers, so that one pass is enough.
            ends[i] = ends[i].saturating_add(node.micros);
            for &needer in self.needers(i) {
                if ends[i] > ends[needer as usize] {
                    ends[needer as usize] = ends[i];
                    before[needer as usize] = i as u32;
                }
            }
        }
        // Of equal chains the one that ends first in the file.
        let last = (0..ends.len()).rev().max_by_key(|&i| ends[i]);
        let mut at = last;
        while let Some(i) = at {
            let node = &self.nodes[i];
            let kind = summary.critical.entry(node.kind).or_default();
            *kind = (kind.0 + 1, kind.1.saturating_add(node.micros));
            at = self.nodes.get(before[i] as usize).map(|_| before[i] as usize);
        }
        summary
    }
}

/// A trace in the making: nodes as they come, with the ids that they need.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub version: String,
    pub nodes: Vec<Node>,
    pub names: Interner,
    pub groups: Interner,
    /// Ids that nodes need, one after the other, and where those of each node end.
    pub needs: Vec<u64>,
    pub ends: Vec<u32>,
}

/// Texts, each once.
#[derive(Debug, Default)]
pub(super) struct Interner {
    pub list: Vec<String>,
    known: HashMap<String, u32>,
    pub bytes: u64,
}

impl Interner {
    pub fn index(&mut self, text: &str) -> u32 {
        if let Some(&index) = self.known.get(text) {
            return index;
        }
        let index = self.list.len() as u32;
        self.list.push(text.to_owned());
        self.known.insert(text.to_owned(), index);
        self.bytes += 2 * text.len() as u64;
        index
    }
}

impl Draft {
    /// Orders the nodes by their needs.
    pub fn finish(self) -> Result<Trace, ChakraError> {
        let count = self.nodes.len();
        let mut places = HashMap::with_capacity(count);
        for (i, node) in self.nodes.iter().enumerate() {
            if places.insert(node.id, i as u32).is_some() {
                return Err(ChakraError::Twice { id: node.id });
            }
        }
        let mut edges: Vec<(u32, u32)> = Vec::with_capacity(self.needs.len());
        let mut start = 0;
        for (i, node) in self.nodes.iter().enumerate() {
            let end = self.ends[i] as usize;
            let mut needs: Vec<u32> = Vec::with_capacity(end - start);
            for id in &self.needs[start..end] {
                let Some(&place) = places.get(id) else {
                    let name = self.names.list[node.name as usize].clone();
                    return Err(ChakraError::Dangling { id: node.id, name, needs: *id });
                };
                needs.push(place);
            }
            // Data and control may name the same node.
            needs.sort_unstable();
            needs.dedup();
            edges.extend(needs.into_iter().map(|need| (need, i as u32)));
            start = end;
        }
        drop(places);
        let order = self.order(&edges)?;
        let mut rank = vec![0u32; count];
        for (new, &old) in order.iter().enumerate() {
            rank[old as usize] = new as u32;
        }
        for edge in &mut edges {
            *edge = (rank[edge.0 as usize], rank[edge.1 as usize]);
        }
        edges.sort_unstable();
        let mut starts = vec![0u32; count + 1];
        let mut needs = vec![0u32; count];
        for &(need, needer) in &edges {
            starts[need as usize + 1] += 1;
            needs[needer as usize] += 1;
        }
        for i in 0..count {
            starts[i + 1] += starts[i];
        }
        Ok(Trace {
            version: self.version,
            nodes: order.iter().map(|&old| self.nodes[old as usize]).collect(),
            names: self.names.list,
            groups: self.groups.list,
            starts,
            needers: edges.into_iter().map(|(_, needer)| needer).collect(),
            needs,
        })
    }

    /// An order in which every node stands after its needs; of those that could be next, the first in the file.
    fn order(&self, edges: &[(u32, u32)]) -> Result<Vec<u32>, ChakraError> {
        let count = self.nodes.len();
        let mut sorted = edges.to_vec();
        sorted.sort_unstable();
        let mut waiting = vec![0u32; count];
        sorted.iter().for_each(|&(_, needer)| waiting[needer as usize] += 1);
        let mut ready: BinaryHeap<Reverse<u32>> =
            (0..count as u32).filter(|&i| waiting[i as usize] == 0).map(Reverse).collect();
        let mut order = Vec::with_capacity(count);
        while let Some(Reverse(node)) = ready.pop() {
            order.push(node);
            let from = sorted.partition_point(|e| e.0 < node);
            for &(_, needer) in sorted[from..].iter().take_while(|e| e.0 == node) {
                waiting[needer as usize] -= 1;
                if waiting[needer as usize] == 0 {
                    ready.push(Reverse(needer));
                }
            }
        }
        if order.len() == count {
            return Ok(order);
        }
        Err(ChakraError::Circle { circle: self.circle(&sorted, &waiting) })
    }

    /// A circle among the nodes that still wait, in words.
    fn circle(&self, edges: &[(u32, u32)], waiting: &[u32]) -> String {
        let mut need_of: HashMap<u32, u32> = HashMap::new();
        for &(need, needer) in edges {
            if waiting[need as usize] > 0 {
                need_of.entry(needer).or_insert(need);
            }
        }
        // Going from need to need among those that wait must come back to where it was.
        let mut at =
            (0..waiting.len() as u32).find(|&i| waiting[i as usize] > 0 && need_of.contains_key(&i)).unwrap_or(0);
        let mut seen = HashMap::new();
        let mut path = Vec::new();
        while !seen.contains_key(&at) {
            seen.insert(at, path.len());
            path.push(at);
            let Some(&next) = need_of.get(&at) else { break };
            at = next;
        }
        let from = seen.get(&at).copied().unwrap_or(0);
        let ids: Vec<String> = path[from..].iter().take(8).map(|&i| self.nodes[i as usize].id.to_string()).collect();
        let more = if path.len() - from > 8 { " needs ..." } else { "" };
        format!("{}{more} needs {}", ids.join(" needs "), ids[0])
    }
}

/// A number of an attribute that may be whole or not.
pub(super) fn real(value: &Value) -> Option<f64> {
    match value {
        Value::Double(x) => Some(*x),
        Value::Float(x) => Some(f64::from(*x)),
        _ => None,
    }
}
