//! Ranks that meet: collectives begin when the last is there, messages when they are sent; both share links.

use std::collections::VecDeque;
use std::sync::Arc;

use super::error::ReplayError;
use super::play::Play;
use super::replay::{Demand, Exchange, ExchangeKind, Lane, Sink};
use super::trace::{Communication, Node, Trace};
use crate::time::Time;

/// Ranks that have come to a collective.
#[derive(Debug)]
pub(super) struct Meeting {
    pub(super) arrived: u32,
    pub(super) first: usize,
    pub(super) operation: u8,
    pub(super) bytes: u64,
}

/// An exchange under way.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) kind: ExchangeKind,
    pub(super) bytes: u64,
    pub(super) alone: f64,
    pub(super) start: Time,
    /// Rank, node and lane of all that take part.
    pub(super) parts: Vec<(u32, u32, u32)>,
    /// Pair and tag of a message.
    pub(super) mail: Option<(u32, u32, u64)>,
}

/// Messages of one pair and tag.
#[derive(Debug, Default)]
pub(super) struct Mail {
    pub(super) arrived: u64,
    pub(super) waiting: VecDeque<(u32, u32, Time)>,
}

impl Play<'_, '_> {
    /// A rank can begin a collective of a group: its next, if that one is ready.
    pub(super) fn arrive(
        &mut self,
        rank: u32,
        node: u32,
        group: u32,
        network: &mut dyn FnMut(&Exchange) -> Result<Demand, String>,
    ) -> Result<(), ReplayError> {
        let t = self.input.of[rank as usize] as usize;
        let trace = self.trace(rank as usize);
        let place = self.orders[t].keys().position(|&g| g == group).unwrap_or(0);
        let number = self.ranks[rank as usize].next[place];
        // One that is not the next of its group is taken up when those before it are done.
        if self.orders[t][&group].nodes.get(number as usize) != Some(&node) {
            return Ok(());
        }
        let this = &trace.nodes[node as usize];
        let Some(Communication::Collective { operation, bytes, .. }) = this.communication else { return Ok(()) };
        let members = Arc::clone(&self.groups[group as usize].ranks);
        let meeting = self.meetings.entry((group, number)).or_insert(Meeting {
            arrived: 0,
            first: rank as usize,
            operation,
            bytes,
        });
        if (meeting.operation, meeting.bytes) != (operation, bytes) {
            let told =
                |operation: u8, bytes: u64| format!("{} of {bytes} bytes", ExchangeKind::Collective(operation).name());
            return Err(ReplayError::Mismatch {
                number: u64::from(number) + 1,
                group: self.groups[group as usize].name.clone(),
                one: told(meeting.operation, meeting.bytes),
                first: meeting.first,
                two: told(operation, bytes),
                second: rank as usize,
            });
        }
        meeting.arrived += 1;
        if (meeting.arrived as usize) < members.len() {
            return Ok(());
        }
        self.meetings.remove(&(group, number));
        let kind = ExchangeKind::Collective(operation);
        let exchange = Exchange { kind, bytes, ranks: Arc::clone(&members) };
        let demand = self.price(&exchange, rank, this, trace, network)?;
        let mut parts = Vec::with_capacity(members.len());
        for &member in members.iter() {
            let t = self.input.of[member as usize] as usize;
            parts.push((member, self.orders[t][&group].nodes[number as usize], 0));
        }
        self.start(exchange, demand, parts, None);
        Ok(())
    }

    pub(super) fn price(
        &self,
        exchange: &Exchange,
        rank: u32,
        node: &Node,
        trace: &Trace,
        network: &mut dyn FnMut(&Exchange) -> Result<Demand, String>,
    ) -> Result<Demand, ReplayError> {
        let wrong = |reason: String| {
            let name = trace.name(node).to_owned();
            ReplayError::Network { rank: rank as usize, id: node.id, name, reason }
        };
        // With itself a rank has nothing to exchange.
        if exchange.ranks.len() < 2 || exchange.ranks.iter().all(|&r| r == exchange.ranks[0]) {
            return Ok(Demand { seconds: 0.0, uses: [].into() });
        }
        let demand = network(exchange).map_err(wrong)?;
        if demand.seconds >= 0.0 && demand.seconds.is_finite() {
            return Ok(demand);
        }
        Err(wrong(format!("takes {} s, which is no time", demand.seconds)))
    }

    pub(super) fn start(
        &mut self,
        exchange: Exchange,
        demand: Demand,
        mut parts: Vec<(u32, u32, u32)>,
        mail: Option<(u32, u32, u64)>,
    ) {
        for (rank, _, lane) in &mut parts {
            self.count(*rank as usize, |r| r.exchanges += 1);
            let lanes = &mut self.ranks[*rank as usize].lanes;
            let free = lanes.iter().position(|busy| !busy).unwrap_or(lanes.len());
            if free == lanes.len() {
                lanes.push(false);
            }
            lanes[free] = true;
            *lane = free as u32;
        }
        let Exchange { kind, bytes, .. } = exchange;
        let running = Running { kind, bytes, alone: demand.seconds, start: self.now, parts, mail };
        self.running.insert(self.started, running);
        self.flows.start(self.now, self.started, demand.seconds, demand.uses);
        self.started += 1;
    }

    pub(super) fn exchanged(&mut self, id: usize, sink: Sink) -> Result<(), ReplayError> {
        let Some(running) = self.running.remove(&id) else { return Ok(()) };
        let tally = self.out.exchanges.entry(running.kind).or_default();
        tally.count += 1;
        tally.bytes += running.bytes as f64;
        tally.seconds += self.now.since(running.start);
        tally.alone += running.alone;
        for &(rank, node, lane) in &running.parts {
            self.count(rank as usize, |r| r.exchanges -= 1);
            self.ranks[rank as usize].lanes[lane as usize] = false;
            self.tell(rank, Lane::Network(lane), node, running.start, Some(id as u64), sink)?;
            self.finish(rank, node);
        }
        let Some(key) = running.mail else { return Ok(()) };
        let mail = self.mail.entry(key).or_default();
        match mail.waiting.pop_front() {
            Some((rank, node, since)) => {
                self.tell(rank, Lane::Network(0), node, since, Some(id as u64), sink)?;
                self.finish(rank, node);
            }
            None => mail.arrived += 1,
        }
        Ok(())
    }

    /// A few nodes that cannot go on, and what they wait for.
    pub(super) fn waiting(&self) -> String {
        let mut told = Vec::new();
        for ((group, number), meeting) in &self.meetings {
            let group = &self.groups[*group as usize];
            let name = if group.name.is_empty() { "all ranks".to_owned() } else { format!("group '{}'", group.name) };
            let (has, all) = (meeting.arrived, group.ranks.len());
            told.push(format!("collective {} of {name} has {has} of {all} ranks", number + 1));
        }
        for ((from, to, tag), mail) in &self.mail {
            if let Some((rank, node, _)) = mail.waiting.front() {
                let id = self.trace(*rank as usize).nodes[*node as usize].id;
                told.push(format!("node {id} of rank {to} waits for a message of rank {from} with tag {tag}"));
            }
        }
        told.sort();
        told.truncate(4);
        told.join("; ")
    }
}
