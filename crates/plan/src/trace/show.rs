//! What traces hold.

use std::collections::BTreeMap;

use serde::Serialize;
use sim::chakra::{NodeKind, Summary};

use super::Traces;

/// What traces hold, all ranks together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// What was opened.
    pub name: String,
    /// Version of the schema.
    pub version: String,
    /// Ranks.
    pub ranks: u32,
    /// Traces that differ.
    pub traces: u32,
    /// Nodes of all ranks.
    pub nodes: u64,
    /// Dependencies of all ranks.
    pub dependencies: u64,
    /// Nodes by kind.
    pub kinds: Vec<KindShown>,
    /// Collectives and messages: bytes of one rank, all of them together.
    pub collectives: Vec<CollectiveShown>,
    /// Process groups and how many ranks they have.
    pub groups: Vec<(String, u32)>,
    /// Rank with the longest chain of nodes that need each other, by recorded times.
    pub critical_rank: u32,
    /// Seconds of that chain.
    pub critical_seconds: f64,
    /// Its nodes by kind.
    pub critical: Vec<KindShown>,
}

/// Nodes of a kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KindShown {
    /// Which kind.
    pub kind: &'static str,
    /// How many.
    pub nodes: u64,
    /// Recorded seconds together.
    pub seconds: f64,
}

/// Collectives of a kind, or messages.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CollectiveShown {
    /// Which kind.
    pub kind: &'static str,
    /// Nodes of all ranks.
    pub nodes: u64,
    /// Bytes that these nodes say, together.
    pub bytes: f64,
}

/// Tells what traces hold.
pub fn show(traces: &Traces) -> Shown {
    let summaries: Vec<Summary> = traces.traces.iter().map(sim::chakra::Trace::summary).collect();
    let mut kinds: BTreeMap<NodeKind, (u64, u64)> = BTreeMap::new();
    let mut collectives: BTreeMap<&'static str, (u64, f64)> = BTreeMap::new();
    let (mut nodes, mut dependencies) = (0, 0);
    let length = |s: &Summary| s.critical.values().map(|c| c.1).sum::<u64>();
    for &trace in &traces.of {
        let (summary, trace) = (&summaries[trace as usize], &traces.traces[trace as usize]);
        nodes += trace.nodes.len() as u64;
        dependencies += summary.needs;
        for (&kind, &(count, micros)) in &summary.kinds {
            let sum = kinds.entry(kind).or_default();
            *sum = (sum.0 + count, sum.1.saturating_add(micros));
        }
        let sent = (summary.sent.0 > 0).then_some(("send", summary.sent));
        for (kind, (count, bytes)) in summary.collectives.iter().map(|(k, v)| (*k, *v)).chain(sent) {
            let sum = collectives.entry(kind).or_default();
            *sum = (sum.0 + count, sum.1 + bytes as f64);
        }
    }
    let lengths: Vec<u64> = summaries.iter().map(length).collect();
    // The first of those that take equally long.
    let last = (0..traces.of.len()).rev().max_by_key(|&rank| lengths[traces.of[rank] as usize]).unwrap_or(0);
    let critical = traces.of.get(last).map(|&t| &summaries[t as usize]);
    let shown = |(&kind, &(nodes, micros)): (&NodeKind, &(u64, u64))| KindShown {
        kind: kind.name(),
        nodes,
        seconds: micros as f64 * 1e-6,
    };
    Shown {
        name: traces.name.clone(),
        version: traces.traces.first().map(|t| t.version.clone()).unwrap_or_default(),
        ranks: traces.of.len() as u32,
        traces: traces.traces.len() as u32,
        nodes,
        dependencies,
        kinds: kinds.iter().map(shown).collect(),
        collectives: collectives
            .into_iter()
            .map(|(kind, (nodes, bytes))| CollectiveShown { kind, nodes, bytes })
            .collect(),
        groups: traces.groups.iter().map(|(name, ranks)| (name.clone(), ranks.len() as u32)).collect(),
        critical_rank: last as u32,
        critical_seconds: critical.map_or(0.0, |s| length(s) as f64 * 1e-6),
        critical: critical.map(|s| s.critical.iter().map(shown).collect()).unwrap_or_default(),
    }
}
