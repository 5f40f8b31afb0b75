//! From sends to streams over links.

use thiserror::Error;

use super::{Schedule, Step, uniform};
use crate::flow::{Job, Phase, Streams};
use crate::graph::{Graph, LinkId, NodeId};
use crate::place::Placement;
use crate::route::{NoRoute, Router, Routing, cut_off};

/// More pairs of ranks are taken together, if they are alike.
const FEW_PAIRS: usize = 1 << 12;
/// Most pairs of unlike ranks that are followed one by one.
const MOST_PAIRS: usize = 1 << 14;

/// How closely flows were followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fidelity {
    /// Every stream.
    Streams,
    /// Streams of one rank for those of all, which are alike in a whole fabric.
    Alike,
    /// What every link carries in all, shared without loss: too many unlike streams to follow each.
    Loads,
}

/// A job for [`crate::flow::run`], with what it runs over.
#[derive(Debug, Clone)]
pub struct Lowered {
    /// Bytes per second of each resource.
    pub capacities: Vec<f64>,
    /// Tier of each resource.
    pub tiers: Vec<u8>,
    /// Outermost tier that each phase crosses.
    pub crossed: Vec<u8>,
    /// The schedule.
    pub job: Job,
    /// Bytes that each link carries in all; for alike streams, each link of a class.
    pub carried: Vec<f64>,
    /// How closely.
    pub fidelity: Fidelity,
}

/// Why there are no streams.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LowerError {
    /// Ranks that cannot reach the others.
    #[error("no route: {} {} cut off: {}", ranks.len(), if ranks.len() == 1 { "rank is" } else { "ranks are" }, list(ranks))]
    CutOff {
        /// Which.
        ranks: Vec<usize>,
    },
    /// A single pair, where all ranks reach some others.
    #[error(transparent)]
    NoRoute(#[from] NoRoute),
}

/// The first few of many.
fn list(ranks: &[usize]) -> String {
    let shown: Vec<String> = ranks.iter().take(8).map(usize::to_string).collect();
    shown.join(", ") + if ranks.len() > 8 { ", ..." } else { "" }
}

/// Seconds that software takes for a round of messages that cross a tier.
pub type StepTime<'a> = &'a dyn Fn(u8) -> f64;

/// Finds the ways of a schedule over links with these capacities left (0: dead). Steps pause for their rounds, each as long
/// as the outermost tier that a message crosses takes.
///
/// # Errors
/// [`LowerError`] if ranks are cut off.
pub fn lower(
    graph: &Graph,
    capacity: &[f64],
    placement: &Placement,
    schedule: &Schedule,
    routing: Routing,
    step: StepTime<'_>,
) -> Result<Lowered, LowerError> {
    let pairs = schedule.steps.iter().any(|s| s.every_pair > 0.0);
    let all = if pairs { placement.len() * placement.len() } else { 0 };
    let fidelity = if all > FEW_PAIRS && alike(graph, capacity, placement, routing, schedule) {
        Fidelity::Alike
    } else if all <= MOST_PAIRS {
        Fidelity::Streams
    } else {
        Fidelity::Loads
    };
    lower_as(graph, capacity, placement, schedule, (routing, step), fidelity)
}

/// The same, followed as closely as told.
///
/// # Errors
/// As [`lower`].
pub fn lower_as(
    graph: &Graph,
    capacity: &[f64],
    placement: &Placement,
    schedule: &Schedule,
    (routing, step): (Routing, StepTime<'_>),
    fidelity: Fidelity,
) -> Result<Lowered, LowerError> {
    let nodes: Vec<NodeId> = placement.chips.iter().map(|&c| graph.chips[c as usize]).collect();
    let cut = cut_off(graph, capacity, &nodes);
    if !cut.is_empty() {
        return Err(LowerError::CutOff { ranks: cut });
    }
    let mut lowering =
        Lowering { graph, nodes, router: Router::new(graph, capacity, routing), classes: Classes::of(graph), tier: 0 };
    let mut phases = Vec::with_capacity(schedule.steps.len());
    let mut crossed = Vec::with_capacity(schedule.steps.len());
    for s in &schedule.steps {
        lowering.tier = 0;
        let mut streams = match fidelity {
            Fidelity::Streams => lowering.each(s)?,
            Fidelity::Alike => lowering.one_for_all(s)?,
            Fidelity::Loads => lowering.loads(s)?,
        };
        if s.chained {
            streams.level_latency();
        }
        crossed.push(lowering.tier);
        phases.push(Phase { streams, pause: s.rounds * step(lowering.tier), repeat: s.repeat });
    }
    // Dead links are in no way, but resources must have a capacity.
    let of_links = || capacity.iter().map(|&c| if c > 0.0 { c } else { 1.0 }).collect::<Vec<f64>>();
    let capacities = if fidelity == Fidelity::Alike { lowering.classes.bandwidth.clone() } else { of_links() };
    let mut sums = vec![0.0; capacities.len()];
    phases.iter().for_each(|p| p.streams.load(p.repeat as f64, &mut sums));
    let carried = match fidelity {
        Fidelity::Alike => lowering.classes.of_link.iter().map(|&c| sums[c as usize]).collect(),
        _ => sums,
    };
    let tiers = match fidelity {
        Fidelity::Alike => lowering.classes.tier.clone(),
        _ => graph.links.iter().map(|l| l.tier).collect(),
    };
    Ok(Lowered { capacities, tiers, crossed, job: Job { start: 0.0, phases }, carried, fidelity })
}

/// Whether what one rank sees is what all see: a whole fabric, all chips in it, ways that depend on differences only.
fn alike(graph: &Graph, capacity: &[f64], placement: &Placement, routing: Routing, schedule: &Schedule) -> bool {
    let whole = graph.links.iter().zip(capacity).all(|(l, &c)| l.bandwidth == c);
    let full = placement.is_packed() && placement.len() == graph.chips.len();
    let chips = graph.chips.len() as u32;
    let even = graph.levels.iter().all(|l| chips <= l.chips || chips.is_multiple_of(l.chips));
    let only_pairs = schedule.steps.iter().all(|s| s.sends.is_empty());
    whole && full && even && only_pairs && matches!(routing, Routing::Ecmp | Routing::DimensionOrder)
}

/// Links by class: alike in tier, ends, axis and direction.
pub(super) struct Classes {
    /// Class of each link.
    pub of_link: Vec<u32>,
    /// Links of each class.
    pub count: Vec<f64>,
    bandwidth: Vec<f64>,
    tier: Vec<u8>,
}

impl Classes {
    pub fn of(graph: &Graph) -> Classes {
        let mut known = std::collections::BTreeMap::new();
        let (mut count, mut bandwidth, mut tier) = (Vec::new(), Vec::new(), Vec::new());
        let mut place = |l: &crate::graph::Link| {
            let class = *known.entry((l.class, l.bandwidth.to_bits())).or_insert_with(|| {
                count.push(0.0);
                bandwidth.push(l.bandwidth);
                tier.push(l.tier);
                count.len() as u32 - 1
            });
            count[class as usize] += 1.0;
            class
        };
        let of_link = graph.links.iter().map(&mut place).collect();
        Classes { of_link, count, bandwidth, tier }
    }
}

struct Lowering<'g> {
    graph: &'g Graph,
    nodes: Vec<NodeId>,
    router: Router<'g>,
    classes: Classes,
    /// Outermost tier that the step crosses.
    tier: u8,
}

impl Lowering<'_> {
    fn each(&mut self, step: &Step) -> Result<Streams, NoRoute> {
        let mut streams = Streams::new();
        let mut way: Vec<(LinkId, f64)> = Vec::new();
        let (graph, tier) = (self.graph, &mut self.tier);
        let mut add = |router: &mut Router<'_>, from, to, bytes| -> Result<(), NoRoute> {
            way.clear();
            let latency = router.route(from, to, bytes, &mut way)?;
            *tier = way.iter().map(|&(l, _)| graph.links[l as usize].tier).fold(*tier, u8::max);
            streams.push(bytes, latency, way.iter().copied());
            Ok(())
        };
        for s in &step.sends {
            add(&mut self.router, s.from, s.to, s.bytes)?;
        }
        if step.every_pair > 0.0 {
            for &from in &self.nodes {
                for &to in self.nodes.iter().filter(|&&to| to != from) {
                    add(&mut self.router, from, to, step.every_pair)?;
                }
            }
        }
        Ok(streams)
    }

    /// The streams of the first rank, each for as many as there are ranks, over one link of each class.
    fn one_for_all(&mut self, step: &Step) -> Result<Streams, NoRoute> {
        let mut alike: std::collections::BTreeMap<Vec<(u32, u64)>, (f64, f64)> = std::collections::BTreeMap::new();
        let mut way: Vec<(LinkId, f64)> = Vec::new();
        let from = self.nodes[0];
        for &to in &self.nodes[1..] {
            way.clear();
            let latency = self.router.route(from, to, step.every_pair, &mut way)?;
            let mut uses = std::collections::BTreeMap::new();
            for &(link, share) in &way {
                self.tier = self.tier.max(self.graph.links[link as usize].tier);
                *uses.entry(self.classes.of_link[link as usize]).or_insert(0.0) += share;
            }
            let key = uses.into_iter().map(|(c, share): (u32, f64)| (c, share.to_bits())).collect();
            let known = alike.entry(key).or_insert((0.0, 0.0));
            *known = (known.0 + 1.0, known.1.max(latency));
        }
        let n = self.nodes.len() as f64;
        let mut streams = Streams::new();
        for (uses, (count, latency)) in alike {
            let share =
                |&(c, bits): &(u32, u64)| (c, f64::from_bits(bits) * count * n / self.classes.count[c as usize]);
            streams.push(step.every_pair, latency, uses.iter().map(share));
        }
        Ok(streams)
    }

    /// One stream for each link, of all that it carries.
    fn loads(&mut self, step: &Step) -> Result<Streams, NoRoute> {
        let mut carried = vec![0.0; self.graph.links.len()];
        let mut way: Vec<(LinkId, f64)> = Vec::new();
        let mut slowest = 0.0f64;
        let mut add = |router: &mut Router<'_>, from, to, bytes: f64| -> Result<(), NoRoute> {
            way.clear();
            slowest = slowest.max(router.route(from, to, bytes, &mut way)?);
            way.iter().for_each(|&(l, share)| carried[l as usize] += share * bytes);
            Ok(())
        };
        for s in &step.sends {
            add(&mut self.router, s.from, s.to, s.bytes)?;
        }
        let quick = if step.every_pair > 0.0 {
            uniform::loads(self.graph, self.router.capacity(), self.router.routing(), &self.nodes, step.every_pair)
        } else {
            None
        };
        if quick.is_none() && step.every_pair > 0.0 {
            for &from in &self.nodes {
                for &to in self.nodes.iter().filter(|&&to| to != from) {
                    add(&mut self.router, from, to, step.every_pair)?;
                }
            }
        }
        if let Some(quick) = quick {
            let (bytes, latency) = quick?;
            carried.iter_mut().zip(bytes).for_each(|(sum, bytes)| *sum += bytes);
            slowest = slowest.max(latency);
        }
        let used = carried.iter().zip(&self.graph.links).filter(|(b, _)| **b > 0.0);
        self.tier = used.map(|(_, l)| l.tier).max().unwrap_or(0);
        let mut streams = Streams::new();
        for (link, bytes) in carried.into_iter().enumerate().filter(|(_, b)| *b > 0.0) {
            streams.push(bytes, slowest, [(link as u32, 1.0)]);
        }
        Ok(streams)
    }
}
