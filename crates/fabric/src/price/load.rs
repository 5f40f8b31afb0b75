//! What each tier of a fabric must carry for an exchange, before any library's efficiency.

use catalog::{Tier, TierShape};

use crate::price::exchange::{Collective, Exchange, Group, Kernel, Library, Routed};
use crate::price::routing::distinct_places;

/// Most tiers of a fabric that are looked at.
pub const MAX_TIERS: usize = 6;

/// The load of one tier, per rank.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Load {
    /// Domains of the tier below that this tier joins; 0 or 1: the tier is not used.
    pub ranks: f64,
    /// Seconds of the usual algorithm's traffic at full bandwidth.
    pub ideal: f64,
    /// Seconds below which no algorithm can be: what must cross this tier, at full bandwidth.
    pub bound: f64,
}

/// The loads of all tiers, innermost first.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Loads {
    /// Unused beyond the fabric's tiers.
    pub tiers: [Load; MAX_TIERS],
}

impl Loads {
    /// No algorithm is faster.
    pub fn bound(&self) -> f64 {
        self.tiers.iter().fold(0.0, |most, t| most.max(t.bound))
    }
}

/// A tier as ranks see it.
#[derive(Debug, Clone)]
pub(super) struct RankTier {
    /// Ranks that reach each other inside it.
    pub ranks: f64,
    /// Bytes per second of one rank in one direction.
    pub bandwidth: f64,
    /// Ranks on one chip.
    pub ranks_per_chip: f64,
    /// How chips are joined.
    pub shape: TierShape,
    /// Whether switches add.
    pub reduction: bool,
}

/// How ranks talk.
#[derive(Clone, Copy, PartialEq)]
enum Pattern {
    /// Each with all, data that all need: rings along every axis. So many ranks of the group are on one chip: on a torus
    /// such data reaches a chip once, and its ranks hand it to each other inside the package.
    Shared(f64),
    /// Each with all, other data for each.
    Personal,
    /// One with one.
    Pair,
}

impl RankTier {
    pub fn new(tier: &Tier, ranks_per_chip: u32) -> RankTier {
        let ranks_per_chip = f64::from(ranks_per_chip.max(1));
        RankTier {
            ranks: f64::from(tier.chips.max(1)) * ranks_per_chip,
            bandwidth: tier.bandwidth.mid().0 / ranks_per_chip,
            ranks_per_chip,
            shape: tier.shape.clone(),
            reduction: tier.in_network_reduction,
        }
    }

    /// Seconds to carry `bytes` per rank between `members` of this tier.
    fn carry(&self, bytes: f64, members: f64, pattern: Pattern) -> f64 {
        match &self.shape {
            TierShape::Switch => bytes / self.bandwidth,
            TierShape::Clos { oversubscription_percent } => {
                bytes * f64::from(*oversubscription_percent).max(100.0) / 100.0 / self.bandwidth
            }
            TierShape::Mesh => {
                let links = (self.ranks - 1.0).max(1.0);
                let used = if pattern == Pattern::Pair { 1.0 } else { (members - 1.0).clamp(1.0, links) };
                bytes / (self.bandwidth * used / links)
            }
            TierShape::Torus { dims } => self.carry_torus(bytes, members, pattern, dims),
        }
    }

    /// On a torus the group is a block that fills one axis after the other. A full axis is a ring with two links per
    /// chip, a part of one is a line with one link at its ends. Data that all need goes around all axes at once; other
    /// data for each is bound by the cut through the middle of the longest axis.
    fn carry_torus(&self, bytes: f64, members: f64, pattern: Pattern, dims: &[u32]) -> f64 {
        let axes = dims.iter().filter(|&&d| d > 1).count().max(1) as f64;
        let axis = self.bandwidth / axes;
        let chips = (members / self.ranks_per_chip).ceil();
        if pattern == Pattern::Pair || chips <= 1.0 {
            return bytes / if chips <= 1.0 { self.bandwidth } else { axis / 2.0 };
        }
        let (mut rest, mut used, mut cut) = (chips, 0.0, 0.0f64);
        for &dim in dims.iter().filter(|&&d| d > 1) {
            let length = f64::from(dim).min(rest);
            if length > 1.0 {
                let ring = if length >= f64::from(dim) && dim > 2 { 1.0 } else { 0.5 };
                used += ring;
                // Half of each half's data crosses the middle, over `ring` pairs of links per line of `length`.
                cut = cut.max(self.ranks_per_chip * length / (4.0 * ring * axis * self.ranks_per_chip));
            }
            rest = (rest / length).ceil();
        }
        let rings = bytes / (axis * used.max(0.5));
        match pattern {
            Pattern::Personal => rings.max(bytes * cut),
            Pattern::Shared(together) => rings / together,
            Pattern::Pair => rings,
        }
    }
}

/// The loads of an exchange.
pub(super) fn loads(tiers: &[RankTier], exchange: &Exchange) -> Loads {
    match exchange {
        Exchange::Collective { operation, library, group, bytes } => {
            each_tier(tiers, *group, |tier, span| collective(tier, span, *operation, *library, *bytes))
        }
        Exchange::SendRecv { stride, bytes } => {
            let mut all = Loads::default();
            let distance = f64::from((*stride).max(1));
            let place = tiers.iter().position(|t| t.ranks > distance).or(tiers.len().checked_sub(1));
            if let Some((place, tier)) = place.and_then(|p| Some((p, tiers.get(p)?))).filter(|(p, _)| *p < MAX_TIERS) {
                let ideal = tier.carry(*bytes, 2.0, Pattern::Pair);
                all.tiers[place] = Load { ranks: 2.0, ideal, bound: ideal };
            }
            all
        }
        Exchange::Routed(routed) => each_tier(tiers, routed.group, |tier, span| tokens(tier, span, routed)),
    }
}

/// What a tier joins: domains of `inner` ranks to domains of `outer`, of `all` ranks.
#[derive(Clone, Copy)]
struct Span {
    inner: f64,
    outer: f64,
    all: f64,
    /// Ranks of the group on one chip.
    together: f64,
}

fn each_tier(tiers: &[RankTier], group: Group, load: impl Fn(&RankTier, Span) -> (f64, f64)) -> Loads {
    let mut result = Loads::default();
    let all = f64::from(group.ranks);
    let stride = f64::from(group.stride.max(1));
    let mut inner = 1.0;
    for (place, tier) in tiers.iter().enumerate().take(MAX_TIERS) {
        let last = place + 1 == tiers.len().min(MAX_TIERS);
        let outer = if last { all } else { (tier.ranks / stride).floor().clamp(inner, all.max(inner)) };
        if outer > inner {
            let together = (tier.ranks_per_chip / stride).floor().clamp(1.0, all.max(1.0));
            let (ideal, bound) = load(tier, Span { inner, outer, all, together });
            result.tiers[place] = Load { ranks: outer / inner, ideal, bound };
        }
        inner = outer;
    }
    result
}

fn collective(tier: &RankTier, span: Span, operation: Collective, library: Library, bytes: f64) -> (f64, f64) {
    let Span { inner, outer, all, together } = span;
    let shared = Pattern::Shared(together);
    // Rings pass every domain, so its links carry nearly the whole; no algorithm can do with less than what the domain
    // has not got, spread over its ranks.
    let ring = bytes * (1.0 - 1.0 / all) / inner;
    let least = bytes * (1.0 / inner - 1.0 / outer);
    let carry = |bytes, pattern| tier.carry(bytes, outer, pattern);
    match operation {
        Collective::AllReduce if tier.reduction => {
            let once = carry(bytes / inner, shared);
            // Engines' own kernels do not use it, but might.
            let usual = if library == Library::Engine { carry(2.0 * ring, shared) } else { once };
            (usual.max(once), once)
        }
        Collective::AllReduce => (carry(2.0 * ring, shared), carry(2.0 * least, shared)),
        Collective::AllGather | Collective::ReduceScatter => (carry(ring, shared), carry(least, shared)),
        Collective::AllToAll => {
            let time = carry(bytes * (outer - inner) / all, Pattern::Personal);
            (time, time)
        }
        Collective::Broadcast => {
            let time = carry(bytes / inner, shared);
            (time, time)
        }
    }
}

fn tokens(tier: &RankTier, span: Span, routed: &Routed) -> (f64, f64) {
    let Span { inner, outer, all, .. } = span;
    let token = routed.hidden as f64 * routed.value_bits / 8.0;
    let (top_k, experts) = (routed.top_k, routed.experts);
    let share = (outer - inner) / all;
    let copies = match routed.kernel {
        Kernel::LowLatency => top_k as f64 * share,
        Kernel::OneSided => distinct_places(all, top_k, experts) * share,
        Kernel::HighThroughput if inner > 1.0 => {
            let nodes = distinct_places(all / inner, top_k, experts);
            nodes.min(routed.node_limit.map_or(f64::INFINITY, f64::from)) * share
        }
        Kernel::HighThroughput => {
            let reach = routed.node_limit.map_or(all, |limit| all.min(f64::from(limit) * outer));
            distinct_places(reach, top_k, experts) * (1.0 - 1.0 / outer)
        }
    };
    let time = tier.carry(routed.tokens * token * copies, outer, Pattern::Personal);
    (time, time)
}

#[cfg(test)]
mod tests;
