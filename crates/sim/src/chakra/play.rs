//! Ranks under way: their servers, what their nodes wait for, and the clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use super::error::ReplayError;
use super::meet::{Mail, Meeting, Running};
use super::replay::{Demand, Exchange, ExchangeKind, Group, Lane, Occupied, Outcome, Ranks, Sink};
use super::share::Flows;
use super::trace::{Communication, Node, NodeKind, Trace};
use crate::time::Time;

/// One thing after the other.
#[derive(Debug, Default)]
struct Server {
    busy: bool,
    ready: BinaryHeap<Reverse<u32>>,
}

/// A rank under way.
#[derive(Debug)]
pub(super) struct Rank {
    pub(super) missing: Vec<u32>,
    servers: [Server; 3],
    /// Busy lanes of the network.
    pub(super) lanes: Vec<bool>,
    /// Next collective of each group, by place in `orders` of the trace, and whether it is ready.
    pub(super) next: Vec<u32>,
    pub(super) computes: u32,
    pub(super) exchanges: u32,
    pub(super) since: Time,
    pub(super) times: [f64; 4],
}

/// Collectives of one trace in one group, in order.
#[derive(Debug, Default)]
pub(super) struct Order {
    pub(super) nodes: Vec<u32>,
}

/// All ranks under way.
pub(super) struct Play<'a, 't> {
    pub(super) input: &'a Ranks<'t>,
    pub(super) groups: Vec<Group>,
    /// Group of each name of each trace; the last is that of nodes without a name.
    pub(super) group_of: Vec<Vec<u32>>,
    pub(super) orders: Vec<BTreeMap<u32, Order>>,
    pub(super) ranks: Vec<Rank>,
    pub(super) now: Time,
    pub(super) queue: BinaryHeap<Reverse<(Time, u32, u32)>>,
    pub(super) worklist: VecDeque<(u32, u32)>,
    /// Servers that may have something to begin.
    pub(super) idle: Vec<(u32, u8)>,
    pub(super) flows: Flows,
    pub(super) running: HashMap<usize, Running>,
    pub(super) meetings: HashMap<(u32, u32), Meeting>,
    pub(super) mail: HashMap<(u32, u32, u64), Mail>,
    pub(super) started: usize,
    pub(super) done: u64,
    pub(super) nodes: u64,
    pub(super) out: Outcome,
}

impl<'a, 't> Play<'a, 't> {
    pub(super) fn new(input: &'a Ranks<'t>, nodes: u64) -> Result<Self, ReplayError> {
        let count = input.of.len();
        let mut play = Play {
            input,
            groups: vec![Group { name: String::new(), ranks: (0..count as u32).collect() }],
            group_of: Vec::new(),
            orders: Vec::new(),
            ranks: Vec::with_capacity(count),
            now: Time::ZERO,
            queue: BinaryHeap::new(),
            worklist: VecDeque::new(),
            idle: Vec::new(),
            flows: Flows::default(),
            running: HashMap::new(),
            meetings: HashMap::new(),
            mail: HashMap::new(),
            started: 0,
            done: 0,
            nodes,
            out: Outcome::default(),
        };
        let mut users = vec![0u32; input.traces.len()];
        let mut owner = vec![0usize; input.traces.len()];
        for (rank, &t) in input.of.iter().enumerate() {
            users[t as usize] += 1;
            owner[t as usize] = rank;
        }
        for (t, trace) in input.traces.iter().enumerate() {
            let group_of = trace.groups.iter().map(|name| play.group(name)).collect::<Vec<_>>();
            play.orders.push(play.order(trace, owner[t], users[t], &group_of)?);
            play.group_of.push(group_of.into_iter().map(|g| g.unwrap_or(0)).collect());
        }
        for (rank, &t) in input.of.iter().enumerate() {
            play.check_membership(rank, t as usize)?;
            let trace = &input.traces[t as usize];
            play.ranks.push(Rank {
                missing: trace.needs().to_vec(),
                servers: Default::default(),
                lanes: Vec::new(),
                next: vec![0; play.orders[t as usize].len()],
                computes: 0,
                exchanges: 0,
                since: Time::ZERO,
                times: [0.0; 4],
            });
        }
        Ok(play)
    }

    /// Place of a named group; `None` if nobody described it.
    fn group(&mut self, name: &str) -> Option<u32> {
        if let Some(known) = self.groups.iter().position(|g| g.name == name) {
            return Some(known as u32);
        }
        let ranks: Arc<[u32]> = self.input.groups.get(name)?.as_slice().into();
        self.groups.push(Group { name: name.to_owned(), ranks });
        Some(self.groups.len() as u32 - 1)
    }

    /// Collectives of a trace by group, each in order; checks what one trace can tell.
    fn order(
        &self,
        trace: &Trace,
        rank: usize,
        users: u32,
        group_of: &[Option<u32>],
    ) -> Result<BTreeMap<u32, Order>, ReplayError> {
        let ranks = self.input.of.len();
        let mut orders: BTreeMap<u32, Order> = BTreeMap::new();
        for (i, node) in trace.nodes.iter().enumerate() {
            let name = || trace.name(node).to_owned();
            match node.communication {
                Some(Communication::Collective { group, .. }) => {
                    let group = match group {
                        None => 0,
                        Some(g) => group_of[g as usize].ok_or_else(|| ReplayError::NoGroup {
                            rank,
                            id: node.id,
                            name: name(),
                            group: trace.groups[g as usize].clone(),
                        })?,
                    };
                    orders.entry(group).or_default().nodes.push(i as u32);
                }
                Some(Communication::Point { from, to, .. }) => {
                    if users > 1 {
                        return Err(ReplayError::Shared { id: node.id, name: name() });
                    }
                    let (attribute, partner) =
                        if node.kind == NodeKind::Send { ("comm_dst", to) } else { ("comm_src", from) };
                    if partner.is_none() {
                        return Err(ReplayError::NoPartner { rank, id: node.id, name: name(), attribute });
                    }
                    let beyond = [from, to].into_iter().flatten().find(|&r| r as usize >= ranks);
                    if let Some(other) = beyond {
                        let other = u64::from(other);
                        return Err(ReplayError::NoRank { rank, id: node.id, name: name(), other, ranks });
                    }
                }
                None => {}
            }
        }
        Ok(orders)
    }

    fn check_membership(&self, rank: usize, trace: usize) -> Result<(), ReplayError> {
        for (&group, order) in &self.orders[trace] {
            let group = &self.groups[group as usize];
            let nodes = &self.input.traces[trace];
            let Some(node) = order.nodes.first().map(|&n| &nodes.nodes[n as usize]) else { continue };
            let (id, name) = (node.id, nodes.name(node).to_owned());
            if let Some(&other) = group.ranks.iter().find(|&&r| r as usize >= self.input.of.len()) {
                let (other, ranks) = (u64::from(other), self.input.of.len());
                return Err(ReplayError::NoRank { rank, id, name, other, ranks });
            }
            if !group.ranks.contains(&(rank as u32)) {
                return Err(ReplayError::NotOfGroup { rank, id, name, group: group.name.clone() });
            }
        }
        Ok(())
    }

    pub(super) fn trace(&self, rank: usize) -> &'t Trace {
        &self.input.traces[self.input.of[rank] as usize]
    }

    /// What needs nothing is ready.
    pub(super) fn begin(&mut self) {
        for rank in 0..self.ranks.len() {
            let free = self.ranks[rank].missing.iter().enumerate().filter(|(_, missing)| **missing == 0);
            self.worklist.extend(free.map(|(node, _)| (rank as u32, node as u32)));
        }
    }

    pub(super) fn run(
        mut self,
        network: &mut dyn FnMut(&Exchange) -> Result<Demand, String>,
        device: &dyn Fn(&Node) -> f64,
        sink: Sink,
    ) -> Result<Outcome, ReplayError> {
        loop {
            while let Some((rank, node)) = self.worklist.pop_front() {
                self.ready(rank, node, network, sink)?;
            }
            // Only now: what may begin at one moment is all known before one of it is chosen.
            for (rank, server) in std::mem::take(&mut self.idle) {
                self.serve(rank, usize::from(server), device)?;
            }
            let computed = self.queue.peek().map(|Reverse((at, ..))| *at);
            let exchanged = self.flows.next();
            let Some(next) = [computed, exchanged].into_iter().flatten().min() else { break };
            if next == Time::NEVER {
                return Err(ReplayError::Horizon);
            }
            self.now = next;
            while let Some(&Reverse((at, rank, node))) = self.queue.peek() {
                if at > next {
                    break;
                }
                self.queue.pop();
                self.computed(rank, node, device, sink)?;
            }
            if exchanged == Some(next) {
                for id in self.flows.end(next) {
                    self.exchanged(id, sink)?;
                }
            }
        }
        if self.done < self.nodes {
            return Err(ReplayError::Stuck { done: self.done, nodes: self.nodes, waiting: self.waiting() });
        }
        for rank in 0..self.ranks.len() {
            self.count(rank, |_| {});
        }
        self.out.end = self.now;
        self.out.nodes = self.nodes;
        self.out.ranks = self.ranks.iter().map(|r| r.times).collect();
        Ok(self.out)
    }

    /// All that a node needs is done.
    fn ready(
        &mut self,
        rank: u32,
        node: u32,
        network: &mut dyn FnMut(&Exchange) -> Result<Demand, String>,
        sink: Sink,
    ) -> Result<(), ReplayError> {
        let trace = self.trace(rank as usize);
        let this = &trace.nodes[node as usize];
        match (this.kind, this.communication) {
            (NodeKind::Metadata, _) => self.finish(rank, node),
            (NodeKind::Collective, Some(Communication::Collective { group, .. })) => {
                let group = group.map_or(0, |g| self.group_of[self.input.of[rank as usize] as usize][g as usize]);
                self.arrive(rank, node, group, network)?;
            }
            (NodeKind::Send, Some(Communication::Point { to: Some(to), tag, bytes, .. })) => {
                let exchange = Exchange { kind: ExchangeKind::Point, bytes, ranks: [rank, to].into() };
                let demand = self.price(&exchange, rank, this, trace, network)?;
                let part = vec![(rank, node, 0)];
                self.start(exchange, demand, part, Some((rank, to, tag)));
            }
            (NodeKind::Receive, Some(Communication::Point { from: Some(from), tag, .. })) => {
                let mail = self.mail.entry((from, rank, tag)).or_default();
                if mail.arrived > 0 && mail.waiting.is_empty() {
                    mail.arrived -= 1;
                    let now = self.now;
                    self.tell(rank, Lane::Network(0), node, now, None, sink)?;
                    self.finish(rank, node);
                } else {
                    mail.waiting.push_back((rank, node, self.now));
                }
            }
            (kind, _) => {
                let server = server(kind, this.host);
                self.ranks[rank as usize].servers[server].ready.push(Reverse(node));
                self.idle.push((rank, server as u8));
            }
        }
        Ok(())
    }

    fn serve(&mut self, rank: u32, server: usize, device: &dyn Fn(&Node) -> f64) -> Result<(), ReplayError> {
        let state = &mut self.ranks[rank as usize].servers[server];
        if state.busy {
            return Ok(());
        }
        let Some(Reverse(node)) = state.ready.pop() else { return Ok(()) };
        state.busy = true;
        let this = &self.trace(rank as usize).nodes[node as usize];
        let seconds = if this.micros > 0 { this.micros as f64 * 1e-6 } else { device(this) };
        let span = Time::from_seconds(seconds).map_err(|_| ReplayError::Horizon)?;
        let end = self.now.plus(span).map_err(|_| ReplayError::Horizon)?;
        if server != HOST {
            self.count(rank as usize, |r| r.computes += 1);
        }
        self.queue.push(Reverse((end, rank, node)));
        Ok(())
    }

    fn computed(&mut self, rank: u32, node: u32, device: &dyn Fn(&Node) -> f64, sink: Sink) -> Result<(), ReplayError> {
        let this = &self.trace(rank as usize).nodes[node as usize];
        let server = server(this.kind, this.host);
        if server != HOST {
            self.count(rank as usize, |r| r.computes -= 1);
        }
        let seconds = if this.micros > 0 { this.micros as f64 * 1e-6 } else { device(this) };
        let span = Time::from_seconds(seconds).map_err(|_| ReplayError::Horizon)?;
        let start = Time(self.now.0 - span.0);
        let lane = [Lane::Host, Lane::Device, Lane::Memory][server];
        self.tell(rank, lane, node, start, None, sink)?;
        self.ranks[rank as usize].servers[server].busy = false;
        self.finish(rank, node);
        self.idle.push((rank, server as u8));
        Ok(())
    }

    /// A node is done: its needers may be ready, and the next collective of its group.
    pub(super) fn finish(&mut self, rank: u32, node: u32) {
        self.done += 1;
        let trace = self.trace(rank as usize);
        let mut next = None;
        if let Some(Communication::Collective { group, .. }) = trace.nodes[node as usize].communication {
            let t = self.input.of[rank as usize] as usize;
            let group = group.map_or(0, |g| self.group_of[t][g as usize]);
            let place = self.orders[t].keys().position(|&g| g == group).unwrap_or(0);
            let number = &mut self.ranks[rank as usize].next[place];
            *number += 1;
            next = self.orders[t][&group].nodes.get(*number as usize).copied();
        }
        // One that was ready before has waited for its turn; one that becomes ready below comes by itself.
        if let Some(next) = next.filter(|&n| self.ranks[rank as usize].missing[n as usize] == 0) {
            self.worklist.push_back((rank, next));
        }
        for &needer in trace.needers(node as usize) {
            let missing = &mut self.ranks[rank as usize].missing[needer as usize];
            *missing -= 1;
            if *missing == 0 {
                self.worklist.push_back((rank, needer));
            }
        }
    }

    /// Books the time since the last change of a rank, and changes it.
    pub(super) fn count(&mut self, rank: usize, change: impl FnOnce(&mut Rank)) {
        let rank = &mut self.ranks[rank];
        let state = match (rank.computes > 0, rank.exchanges > 0) {
            (true, false) => 0,
            (false, true) => 1,
            (true, true) => 2,
            (false, false) => 3,
        };
        rank.times[state] += self.now.since(rank.since);
        rank.since = self.now;
        change(rank);
    }

    pub(super) fn tell(
        &self,
        rank: u32,
        lane: Lane,
        node: u32,
        start: Time,
        exchange: Option<u64>,
        sink: Sink,
    ) -> Result<(), ReplayError> {
        let trace = self.trace(rank as usize);
        let node = &trace.nodes[node as usize];
        let told = Occupied { rank, lane, name: trace.name(node), node, start, end: self.now, exchange };
        sink(&told).map_err(ReplayError::Sink)
    }
}

const HOST: usize = 0;

/// Which server of a rank does a node.
fn server(kind: NodeKind, host: bool) -> usize {
    match kind {
        NodeKind::Load | NodeKind::Store => 2,
        _ if host => HOST,
        _ => 1,
    }
}
