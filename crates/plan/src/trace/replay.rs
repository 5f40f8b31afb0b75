//! Traces on the fabric of a system.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use catalog::{Arithmetic, System};
use fabric::estimate::{Bench, EstimateError, Place};
use fabric::family::Families;
use fabric::fault::Fault;
use fabric::price::CommCalibration;
use fabric::route::Routing;
use serde::Serialize;
use sim::Nanos;
use sim::chakra::{Lane, Node, NodeKind, Occupied, Outcome, Ranks, ReplayError};
use sim::timeline::{ChromeTrace, Event, Track};
use thiserror::Error;

use super::Traces;
use super::network::Network;
use crate::findings::Estimate;

/// Most nodes whose timeline is written: some hundred megabytes.
const MOST_SPANS: u64 = 2_000_000;

/// What a replay runs on.
pub struct Fabric<'a> {
    /// The system.
    pub system: &'a System,
    /// Where ranks are.
    pub place: Place,
    /// How ways are chosen.
    pub routing: Routing,
    /// What is broken.
    pub faults: Vec<Fault>,
    /// What libraries achieve.
    pub curves: &'a CommCalibration,
    /// What links achieve.
    pub families: &'a Families,
}

/// Traces as they were replayed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replayed {
    /// What was opened.
    pub traces: String,
    /// The system.
    pub system: String,
    /// Ranks.
    pub ranks: u32,
    /// Nodes of all ranks.
    pub nodes: u64,
    /// What was broken.
    pub faults: Vec<String>,
    /// When the last node is done; low and high with all exchanges at the ends of their intervals.
    pub seconds: Estimate,
    /// The same with nothing broken.
    pub healthy: Option<f64>,
    /// Mean of all ranks: shares of the time with computing alone, exchanging alone, both, neither.
    pub shares: [f64; 4],
    /// Exchanges by kind.
    pub exchanges: Vec<ExchangeFinding>,
    /// Nodes that compute or move memory without a recorded time: they take what the chip's peak takes, which is a bound.
    pub at_peak: u64,
}

/// Exchanges of a kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExchangeFinding {
    /// Which.
    pub kind: &'static str,
    /// How many.
    pub count: u64,
    /// Bytes that a rank puts in, all together.
    pub bytes: f64,
    /// Seconds that they took, all together.
    pub seconds: f64,
    /// Seconds that they would have taken one by one on an empty network.
    pub alone: f64,
}

/// Why there is no replay.
#[derive(Debug, Error)]
pub enum Stopped {
    /// The fabric has no place for the ranks, or the faults mean nothing on it.
    #[error(transparent)]
    Fabric(#[from] EstimateError),
    /// An exchange cannot be done: ranks are cut off.
    #[error("{0}")]
    CutOff(ReplayError),
    /// The traces do not go together.
    #[error(transparent)]
    Traces(#[from] ReplayError),
    /// Fewer chips than ranks.
    #[error("{ranks} ranks, and the fabric of {system} joins {most} chips")]
    TooMany {
        /// Asked for.
        ranks: u32,
        /// Its name.
        system: String,
        /// There are.
        most: u32,
    },
    /// Nodes without a time on a chip whose peak nobody states.
    #[error("{path} is missing: node {node} has no recorded time, and without the peak none can be given")]
    NoPeak {
        /// Path of the fact.
        path: String,
        /// Name of the node.
        node: String,
    },
    /// Too many nodes for a timeline.
    #[error("a timeline of {nodes} nodes would be too large to open; at most {most}")]
    Timeline {
        /// There are.
        nodes: u64,
        /// The limit.
        most: u64,
    },
}

/// Replays traces; writes the timeline into `timeline` if it is asked for.
///
/// # Errors
/// [`Stopped`].
pub fn replay(traces: &Traces, fabric: &Fabric, timeline: Option<&mut Vec<u8>>) -> Result<Replayed, Stopped> {
    let count = traces.of.len() as u32;
    let all = place(fabric, count)?;
    let ranks = Ranks { traces: &traces.traces, of: traces.of.clone(), groups: traces.groups.clone() };
    let peak = Peak::of(fabric.system, traces)?;
    let nodes: u64 = traces.of.iter().map(|&t| traces.traces[t as usize].nodes.len() as u64).sum();
    if timeline.is_some() && nodes > MOST_SPANS {
        return Err(Stopped::Timeline { nodes, most: MOST_SPANS });
    }
    let mut network = Network::new(all.as_ref(), fabric.curves, &fabric.faults)?;
    let value = match timeline {
        None => play(&ranks, &mut network, 0, &peak, &mut |_| Ok(()))?,
        Some(out) => {
            let mut drawing = Drawing::new(count).map_err(written)?;
            let value = play(&ranks, &mut network, 0, &peak, &mut |o| drawing.span(o).map_err(|e| e.to_string()))?;
            *out = drawing.out.finish().map_err(written)?;
            value
        }
    };
    let at = |network: &mut Network, end| play(&ranks, network, end, &peak, &mut |_| Ok(())).map(|o| o.end.seconds());
    let (low, high) = (at(&mut network, 1)?, at(&mut network, 2)?);
    let healthy = match fabric.faults.is_empty() {
        true => None,
        false => Some(at(&mut Network::new(all.as_ref(), fabric.curves, &[])?, 0)?),
    };
    let end = value.end.seconds();
    let mut shares = [0.0; 4];
    for times in &value.ranks {
        let all: f64 = times.iter().sum();
        // A rank that is done before the others waits for the end of the step.
        let rest = [0.0, 0.0, 0.0, (end - all).max(0.0)];
        (0..4).for_each(|i| shares[i] += (times[i] + rest[i]) / end.max(f64::MIN_POSITIVE) / value.ranks.len() as f64);
    }
    let exchanges = value.exchanges.iter().map(|(kind, t)| ExchangeFinding {
        kind: kind.name(),
        count: t.count,
        bytes: t.bytes,
        seconds: t.seconds,
        alone: t.alone,
    });
    Ok(Replayed {
        traces: traces.name.clone(),
        system: fabric.system.name.clone(),
        ranks: count,
        nodes,
        faults: fabric.faults.iter().map(ToString::to_string).collect(),
        // Of exchanges that overlap, slower ones may by chance end earlier.
        seconds: Estimate { value: end, low: low.min(end), high: high.max(end) },
        healthy,
        shares,
        exchanges: exchanges.collect(),
        at_peak: traces.of.iter().map(|&t| at_peak(&traces.traces[t as usize])).sum(),
    })
}

/// To memory; it does not fail.
fn written(error: io::Error) -> Stopped {
    Stopped::Traces(ReplayError::Sink(error.to_string()))
}

/// All ranks on the fabric; nothing for one rank, which exchanges nothing.
fn place<'a>(fabric: &Fabric<'a>, ranks: u32) -> Result<Option<Bench<'a>>, Stopped> {
    let most = fabric.system.most_chips();
    if ranks > most {
        return Err(Stopped::TooMany { ranks, system: fabric.system.name.clone(), most });
    }
    if ranks < 2 {
        return Ok(None);
    }
    let (system, curves, families) = (fabric.system, fabric.curves, fabric.families);
    Ok(Some(Bench::new(system, Some(ranks), &fabric.place, curves, families, fabric.routing)?))
}

fn play(
    ranks: &Ranks,
    network: &mut Network,
    end: usize,
    peak: &Peak,
    sink: sim::chakra::Sink,
) -> Result<Outcome, Stopped> {
    let played = sim::chakra::replay(ranks, &mut |e| network.demand(e, end), &|n| peak.seconds(n), sink);
    played.map_err(|error| match network.stopped.take() {
        Some(EstimateError::Lower(_) | EstimateError::DeadChip { .. }) => Stopped::CutOff(error),
        _ => Stopped::Traces(error),
    })
}

/// Nodes that only the chip can time.
fn at_peak(trace: &sim::chakra::Trace) -> u64 {
    trace.nodes.iter().filter(|n| untimed(n)).count() as u64
}

fn untimed(node: &Node) -> bool {
    let works = matches!(node.kind, NodeKind::Compute | NodeKind::Load | NodeKind::Store) && !node.host;
    works && node.micros == 0 && (node.flop > 0.0 || node.bytes > 0.0)
}

/// The speed of light of a chip.
struct Peak {
    flop: f64,
    bytes: f64,
}

impl Peak {
    fn of(system: &System, traces: &Traces) -> Result<Peak, Stopped> {
        let chip = &system.chip;
        let flop = chip.peak.get(&Arithmetic::Bf16).map(|p| p.mid().0);
        let needy =
            |t: &sim::chakra::Trace| t.nodes.iter().find(|n| untimed(n) && n.flop > 0.0).map(|n| t.name(n).to_owned());
        match (flop, traces.traces.iter().find_map(needy)) {
            (None, Some(node)) => Err(Stopped::NoPeak { path: format!("chips/{}.peak.bf16", chip.id), node }),
            (flop, _) => Ok(Peak { flop: flop.unwrap_or(f64::INFINITY), bytes: chip.bandwidth.mid().0 }),
        }
    }

    fn seconds(&self, node: &Node) -> f64 {
        if untimed(node) { (node.flop / self.flop).max(node.bytes / self.bytes) } else { 0.0 }
    }
}

/// A timeline in the making: a process for each rank.
struct Drawing {
    out: ChromeTrace<Vec<u8>>,
    rows: BTreeSet<Track>,
}

impl Drawing {
    fn new(ranks: u32) -> io::Result<Drawing> {
        let mut out = ChromeTrace::new(Vec::new())?;
        for rank in 0..ranks {
            out.event(&Event::Process { process: rank, name: &format!("rank {rank}") })?;
        }
        Ok(Drawing { out, rows: BTreeSet::new() })
    }

    fn span(&mut self, played: &Occupied) -> io::Result<()> {
        let (thread, row) = match played.lane {
            Lane::Host => (0, "host".to_owned()),
            Lane::Device => (1, "device".to_owned()),
            Lane::Memory => (2, "memory".to_owned()),
            Lane::Network(0) => (3, "network".to_owned()),
            Lane::Network(n) => (3 + n, format!("network {}", n + 1)),
        };
        let track = Track { process: played.rank, thread };
        if self.rows.insert(track) {
            self.out.event(&Event::Row { track, name: &row })?;
        }
        let (start, end) = (Nanos(played.start.0 / 1000), Nanos(played.end.0 / 1000));
        let details: BTreeMap<&str, serde_json::Value> =
            [("node", Some(played.node.id)), ("exchange", played.exchange)]
                .into_iter()
                .filter_map(|(key, value)| Some((key, value?.into())))
                .collect();
        let details: Vec<_> = details.into_iter().collect();
        self.out.event(&Event::Span {
            track,
            name: played.name,
            category: played.node.kind.name(),
            start,
            length: Nanos(end.0 - start.0),
            details: &details,
        })
    }
}
