//! Ways through a graph.

use thiserror::Error;

use crate::graph::{Graph, LinkId, NodeId, NodeKind};

/// How a way is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Routing {
    /// One shortest way.
    Shortest,
    /// All shortest ways, each with the share of its wires.
    Ecmp,
    /// In a torus one axis after the other, both ways around where they are equally long; elsewhere as [`Routing::Ecmp`].
    #[default]
    DimensionOrder,
    /// The shortest way whose fullest link is least full so far, flow by flow.
    Adaptive,
}

/// There is no way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no route from node {from} to node {to}")]
pub struct NoRoute {
    /// Start.
    pub from: NodeId,
    /// End.
    pub to: NodeId,
}

const FAR: u32 = u32::MAX;

/// Finds ways over the links that are left.
#[derive(Debug, Clone)]
pub struct Router<'g> {
    graph: &'g Graph,
    routing: Routing,
    /// Bytes per second left of each link; 0: dead.
    capacity: &'g [f64],
    in_start: Vec<u32>,
    in_links: Vec<LinkId>,
    ahead: Side,
    back: Side,
    /// Bytes on each link so far, for adaptive routing.
    load: Vec<f64>,
    /// Ways that end in every chip of a torus may pass through others; elsewhere only if there is no other way.
    chips_pass: bool,
}

/// One half of a search from both ends.
#[derive(Debug, Clone)]
struct Side {
    depth: Vec<u32>,
    paths: Vec<f64>,
    /// Last links of the shortest ways to each node: switches have thousands of others.
    last: Vec<Vec<LinkId>>,
    touched: Vec<NodeId>,
    frontier: Vec<NodeId>,
    /// Depth of the frontier.
    level: u32,
}

impl Side {
    fn new(nodes: usize) -> Side {
        let last = vec![Vec::new(); nodes];
        let (touched, frontier) = (Vec::new(), Vec::new());
        Side { depth: vec![FAR; nodes], paths: vec![0.0; nodes], last, touched, frontier, level: 0 }
    }

    fn start(&mut self, node: NodeId) {
        for &n in &self.touched {
            (self.depth[n as usize], self.paths[n as usize]) = (FAR, 0.0);
            self.last[n as usize].clear();
        }
        self.touched.clear();
        self.touched.push(node);
        self.frontier.clear();
        self.frontier.push(node);
        self.level = 0;
        (self.depth[node as usize], self.paths[node as usize]) = (0, 1.0);
    }
}

impl<'g> Router<'g> {
    /// Over a graph whose links have these capacities left (0: dead).
    pub fn new(graph: &'g Graph, capacity: &'g [f64], routing: Routing) -> Router<'g> {
        let n = graph.nodes.len();
        let mut in_start = vec![0u32; n + 1];
        graph.links.iter().for_each(|l| in_start[l.to as usize + 1] += 1);
        (0..n).for_each(|i| in_start[i + 1] += in_start[i]);
        let mut place = in_start.clone();
        let mut in_links = vec![0; graph.links.len()];
        for (id, l) in graph.links.iter().enumerate() {
            in_links[place[l.to as usize] as usize] = id as LinkId;
            place[l.to as usize] += 1;
        }
        let load = if routing == Routing::Adaptive { vec![0.0; graph.links.len()] } else { Vec::new() };
        let (ahead, back) = (Side::new(n), Side::new(n));
        Router { graph, routing, capacity, in_start, in_links, ahead, back, load, chips_pass: graph.torus.is_some() }
    }

    /// Bytes per second left of each link.
    pub fn capacity(&self) -> &'g [f64] {
        self.capacity
    }

    /// How ways are chosen.
    pub fn routing(&self) -> Routing {
        self.routing
    }

    /// The links of a way for `bytes`, each with the share that takes it, appended to `way`; and the latency of the way.
    ///
    /// # Errors
    /// [`NoRoute`] if dead links leave none.
    pub fn route(
        &mut self,
        from: NodeId,
        to: NodeId,
        bytes: f64,
        way: &mut Vec<(LinkId, f64)>,
    ) -> Result<f64, NoRoute> {
        if from == to {
            return Ok(0.0);
        }
        let start = way.len();
        if self.routing == Routing::DimensionOrder && self.by_dimension(from, to, way) {
            return Ok(self.latency(&way[start..]));
        }
        way.truncate(start);
        if !(self.search(from, to, self.chips_pass) || !self.chips_pass && self.search(from, to, true)) {
            return Err(NoRoute { from, to });
        }
        match self.routing {
            Routing::Ecmp | Routing::DimensionOrder => self.all(from, to, way),
            Routing::Shortest => self.one(from, to, way, |_| 0.0),
            Routing::Adaptive => {
                let load = std::mem::take(&mut self.load);
                let capacity = self.capacity;
                self.one(from, to, way, |link| (load[link as usize] + bytes) / capacity[link as usize]);
                self.load = load;
                way[start..].iter().for_each(|&(link, share)| self.load[link as usize] += share * bytes);
            }
        }
        Ok(self.latency(&way[start..]))
    }

    /// Latency of a way: of its links, or their mean where it is several ways.
    fn latency(&self, way: &[(LinkId, f64)]) -> f64 {
        way.iter().map(|&(l, share)| share * self.graph.links[l as usize].latency).sum()
    }

    fn alive(&self, link: LinkId) -> bool {
        self.capacity[link as usize] > 0.0
    }

    /// Axis after axis; where a link is dead in another order of axes, or from a neighbour on. False if the ends are not in
    /// one straight torus or all of that fails.
    fn by_dimension(&self, from: NodeId, to: NodeId, way: &mut Vec<(LinkId, f64)>) -> bool {
        let Some(map) = self.graph.torus.as_ref().filter(|m| !m.twisted) else { return false };
        // Chips are the first nodes.
        let chip = |n: NodeId| (n as usize) < map.ports.len() && map.ports[n as usize] == n;
        if !chip(from) || !chip(to) || from / map.size != to / map.size || self.graph.chips.len() != map.ports.len() {
            return false;
        }
        let start = way.len();
        let axes = map.dims.len();
        for order in 0..axes * 2 {
            way.truncate(start);
            if self.by_axes(from, to, order, way) {
                return true;
            }
        }
        for axis in 0..axes {
            for side in map.links(from, axis).into_iter().flatten().filter(|&l| self.alive(l)) {
                for order in 0..axes {
                    way.truncate(start);
                    way.push((side, 1.0));
                    let next = self.graph.links[side as usize].to;
                    // Not back over where it came from.
                    let back = self.graph.between(next, from);
                    if self.by_axes(next, to, order, way) && way.iter().all(|&(l, _)| Some(l) != back) {
                        return true;
                    }
                }
            }
        }
        false
    }

    /// Along the axes in one of their orders: turned by `order`, backwards from `axes` on.
    fn by_axes(&self, from: NodeId, to: NodeId, order: usize, way: &mut Vec<(LinkId, f64)>) -> bool {
        let Some(map) = &self.graph.torus else { return false };
        let axes = map.dims.len();
        let mut at = from;
        for place in 0..axes {
            let axis = if order < axes { (place + order) % axes } else { (2 * axes - 1 - place + order) % axes };
            let dim = map.dims[axis];
            let stride: u32 = map.dims[..axis].iter().product();
            let (here, there) = (at % map.size / stride % dim, to % map.size / stride % dim);
            let up = (there + dim - here) % dim;
            if up == 0 {
                continue;
            }
            let end = if 2 * up == dim && dim > 2 {
                // Both ways are equally long: half each, or all by the one that lives.
                let first = way.len();
                match self.line(at, axis, 0, up, 0.5, way) {
                    Some(_) => {
                        let second = way.len();
                        match self.line(at, axis, 1, up, 0.5, way) {
                            Some(end) => Some(end),
                            None => {
                                way.truncate(second);
                                way[first..].iter_mut().for_each(|w| w.1 = 1.0);
                                way.last().map(|&(l, _)| self.graph.links[l as usize].to)
                            }
                        }
                    }
                    None => {
                        way.truncate(first);
                        self.line(at, axis, 1, up, 1.0, way)
                    }
                }
            } else if dim == 2 {
                self.line(at, axis, usize::from(here == 1), 1, 1.0, way)
            } else if 2 * up < dim {
                self.line(at, axis, 0, up, 1.0, way)
            } else {
                self.line(at, axis, 1, dim - up, 1.0, way)
            };
            let Some(end) = end else { return false };
            at = end;
        }
        true
    }

    /// So many steps along an axis, up or down; where they end, if no link is dead.
    fn line(
        &self,
        from: NodeId,
        axis: usize,
        side: usize,
        steps: u32,
        share: f64,
        way: &mut Vec<(LinkId, f64)>,
    ) -> Option<NodeId> {
        let map = self.graph.torus.as_ref()?;
        let mut at = from;
        for _ in 0..steps {
            let link = map.links(at, axis)[side].filter(|&l| self.alive(l))?;
            way.push((link, share));
            at = self.graph.links[link as usize].to;
        }
        Some(at)
    }

    /// Depths and numbers of shortest ways from both ends, until they meet.
    fn search(&mut self, from: NodeId, to: NodeId, chips_pass: bool) -> bool {
        self.ahead.start(from);
        self.back.start(to);
        loop {
            let work = |side: &Side, degree: &dyn Fn(NodeId) -> usize| -> usize {
                side.frontier.iter().map(|&n| degree(n)).sum()
            };
            let graph = self.graph;
            let into = |n: NodeId| (self.in_start[n as usize + 1] - self.in_start[n as usize]) as usize;
            if self.ahead.frontier.is_empty() || self.back.frontier.is_empty() {
                return false;
            }
            let forward = work(&self.ahead, &|n| graph.out(n).len()) <= work(&self.back, &into);
            self.expand(forward, if forward { to } else { from }, chips_pass);
            let (ahead, back) = (&self.ahead, &self.back);
            let grown = if forward { &ahead.frontier } else { &back.frontier };
            let other = if forward { &back.depth } else { &ahead.depth };
            if grown.iter().any(|&n| other[n as usize] != FAR) {
                return true;
            }
        }
    }

    /// One step further on one side, towards `end`.
    fn expand(&mut self, forward: bool, end: NodeId, chips_pass: bool) {
        let (graph, capacity) = (self.graph, self.capacity);
        let (in_start, in_links) = (&self.in_start, &self.in_links);
        let side = if forward { &mut self.ahead } else { &mut self.back };
        let mut next = Vec::new();
        for node in std::mem::take(&mut side.frontier) {
            let links = if forward {
                graph.out(node)
            } else {
                &in_links[in_start[node as usize] as usize..in_start[node as usize + 1] as usize]
            };
            let (depth, paths) = (side.depth[node as usize] + 1, side.paths[node as usize]);
            for &link in links.iter().filter(|&&l| capacity[l as usize] > 0.0) {
                let l = &graph.links[link as usize];
                let to = if forward { l.to } else { l.from };
                if to != end && !chips_pass && graph.nodes[to as usize].kind == NodeKind::Chip {
                    continue;
                }
                let to = to as usize;
                if side.depth[to] == FAR {
                    side.depth[to] = depth;
                    side.touched.push(to as NodeId);
                    next.push(to as NodeId);
                }
                if side.depth[to] == depth {
                    side.paths[to] += paths * f64::from(l.wires);
                    side.last[to].push(link);
                }
            }
        }
        side.frontier = next;
        side.level += 1;
    }

    /// Nodes where both halves meet: each shortest way has one of them, for all nodes up to both depths are known.
    fn meeting(&self) -> Vec<NodeId> {
        let met = |n: &NodeId| {
            self.ahead.depth[*n as usize] == self.ahead.level && self.back.depth[*n as usize] == self.back.level
        };
        self.ahead.touched.iter().copied().filter(met).collect()
    }

    /// Every shortest way, by its number of wires.
    fn all(&self, from: NodeId, to: NodeId, way: &mut Vec<(LinkId, f64)>) {
        let meeting = self.meeting();
        let total: f64 = meeting.iter().map(|&n| self.ahead.paths[n as usize] * self.back.paths[n as usize]).sum();
        let mut shares: std::collections::BTreeMap<LinkId, f64> = std::collections::BTreeMap::new();
        let share = |n: NodeId| self.ahead.paths[n as usize] * self.back.paths[n as usize] / total;
        let mut level: std::collections::BTreeMap<NodeId, f64> = meeting.iter().map(|&n| (n, share(n))).collect();
        // Back to the start.
        while level.keys().any(|&n| n != from) {
            let mut before = std::collections::BTreeMap::new();
            for (&node, &share) in &level {
                for &link in &self.ahead.last[node as usize] {
                    let l = &self.graph.links[link as usize];
                    let part = share * self.ahead.paths[l.from as usize] * f64::from(l.wires)
                        / self.ahead.paths[node as usize];
                    *shares.entry(link).or_insert(0.0) += part;
                    *before.entry(l.from).or_insert(0.0) += part;
                }
            }
            level = before;
        }
        let mut level: std::collections::BTreeMap<NodeId, f64> = meeting.iter().map(|&n| (n, share(n))).collect();
        while level.keys().any(|&n| n != to) {
            let mut after = std::collections::BTreeMap::new();
            for (&node, &share) in &level {
                for &link in &self.back.last[node as usize] {
                    let l = &self.graph.links[link as usize];
                    let part =
                        share * self.back.paths[l.to as usize] * f64::from(l.wires) / self.back.paths[node as usize];
                    *shares.entry(link).or_insert(0.0) += part;
                    *after.entry(l.to).or_insert(0.0) += part;
                }
            }
            level = after;
        }
        way.extend(shares);
    }

    /// One shortest way: the one whose largest cost of a link is least, then their sum; lower links first among equals.
    fn one(&self, from: NodeId, to: NodeId, way: &mut Vec<(LinkId, f64)>, cost: impl Fn(LinkId) -> f64) {
        let mut whole = Vec::new();
        self.all(from, to, &mut whole);
        // The links of all shortest ways, as a graph without cycles, walked from the start in order of depth.
        let mut best: std::collections::BTreeMap<NodeId, (f64, f64, Option<LinkId>)> =
            std::collections::BTreeMap::new();
        best.insert(from, (0.0, 0.0, None));
        let mut left = whole;
        while !left.is_empty() {
            let waits: std::collections::BTreeSet<NodeId> =
                left.iter().map(|&(l, _)| self.graph.links[l as usize].to).collect();
            let (ready, rest): (Vec<_>, Vec<_>) =
                left.into_iter().partition(|&(l, _)| !waits.contains(&self.graph.links[l as usize].from));
            for (link, _) in ready {
                let l = &self.graph.links[link as usize];
                let Some(&(worst, sum, _)) = best.get(&l.from) else { continue };
                let (worst, sum) = (worst.max(cost(link)), sum + cost(link));
                let known = best.get(&l.to).map_or((f64::INFINITY, 0.0), |b| (b.0, b.1));
                if (worst, sum) < known {
                    best.insert(l.to, (worst, sum, Some(link)));
                }
            }
            left = rest;
        }
        let start = way.len();
        let mut node = to;
        while let Some(&(_, _, Some(link))) = best.get(&node) {
            way.push((link, 1.0));
            node = self.graph.links[link as usize].from;
        }
        way[start..].reverse();
    }
}

/// Ranks that have no way to the first of the largest group of ranks that reach each other.
pub fn cut_off(graph: &Graph, capacity: &[f64], chips: &[NodeId]) -> Vec<usize> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut seen = vec![false; graph.nodes.len()];
    let mut back: Vec<Vec<NodeId>> = vec![Vec::new(); graph.nodes.len()];
    for (l, _) in graph.links.iter().zip(capacity).filter(|(_, c)| **c > 0.0) {
        back[l.to as usize].push(l.from);
    }
    for (rank, &chip) in chips.iter().enumerate() {
        if seen[chip as usize] {
            continue;
        }
        let reach = |next: &dyn Fn(NodeId) -> Vec<NodeId>| {
            let mut found = vec![false; graph.nodes.len()];
            let mut open = vec![chip];
            found[chip as usize] = true;
            while let Some(node) = open.pop() {
                for to in next(node) {
                    if !std::mem::replace(&mut found[to as usize], true) {
                        open.push(to);
                    }
                }
            }
            found
        };
        let ahead = reach(&|n| {
            let alive = |l: &&LinkId| capacity[**l as usize] > 0.0;
            graph.out(n).iter().filter(alive).map(|&l| graph.links[l as usize].to).collect()
        });
        let behind = reach(&|n| back[n as usize].clone());
        let both = |r: &usize| ahead[chips[*r] as usize] && behind[chips[*r] as usize];
        let group: Vec<usize> = (rank..chips.len()).filter(both).collect();
        group.iter().for_each(|&r| seen[chips[r] as usize] = true);
        groups.push(group);
    }
    let largest = (0..groups.len()).rev().max_by_key(|&g| groups[g].len());
    let mut cut: Vec<usize> =
        groups.into_iter().enumerate().filter(|(g, _)| Some(*g) != largest).flat_map(|(_, g)| g).collect();
    cut.sort_unstable();
    cut
}

#[cfg(test)]
mod tests;
