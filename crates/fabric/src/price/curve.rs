//! Time of a load on one tier, as a library achieves it.

use crate::price::exchange::{Collective, Exchange, Kernel, Library, Phase};

/// What a curve is fitted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// All-reduce of the vendor's library, added up by the ranks.
    AllReduce,
    /// All-reduce of the vendor's library on a tier whose switches add.
    InNetworkAllReduce,
    /// All-reduce of serving engines.
    EngineAllReduce,
    /// All-gather.
    AllGather,
    /// Reduce-scatter.
    ReduceScatter,
    /// All-to-all.
    AllToAll,
    /// Broadcast.
    Broadcast,
    /// One to one.
    SendRecv,
    /// Dispatch, once per node.
    HighThroughputDispatch,
    /// Combine, once per node.
    HighThroughputCombine,
    /// Dispatch, a copy per expert.
    LowLatencyDispatch,
    /// Combine, a copy per expert.
    LowLatencyCombine,
    /// Dispatch by writes into peers' memory.
    OneSidedDispatch,
    /// Combine by writes into peers' memory.
    OneSidedCombine,
}

/// One of something for every [`Kind`].
pub type Kinds<T> = [T; Kind::ALL.len()];

impl Kind {
    /// All, in order.
    pub const ALL: [Kind; 14] = [
        Kind::AllReduce,
        Kind::InNetworkAllReduce,
        Kind::EngineAllReduce,
        Kind::AllGather,
        Kind::ReduceScatter,
        Kind::AllToAll,
        Kind::Broadcast,
        Kind::SendRecv,
        Kind::HighThroughputDispatch,
        Kind::HighThroughputCombine,
        Kind::LowLatencyDispatch,
        Kind::LowLatencyCombine,
        Kind::OneSidedDispatch,
        Kind::OneSidedCombine,
    ];

    /// As calibration files write it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::AllReduce => "all_reduce",
            Kind::InNetworkAllReduce => "all_reduce_in_network",
            Kind::EngineAllReduce => "engine_all_reduce",
            Kind::AllGather => "all_gather",
            Kind::ReduceScatter => "reduce_scatter",
            Kind::AllToAll => "all_to_all",
            Kind::Broadcast => "broadcast",
            Kind::SendRecv => "send_recv",
            Kind::HighThroughputDispatch => "dispatch_high_throughput",
            Kind::HighThroughputCombine => "combine_high_throughput",
            Kind::LowLatencyDispatch => "dispatch_low_latency",
            Kind::LowLatencyCombine => "combine_low_latency",
            Kind::OneSidedDispatch => "dispatch_one_sided",
            Kind::OneSidedCombine => "combine_one_sided",
        }
    }

    /// Reads [`Kind::name`].
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| k.name() == name)
    }

    /// The kind of an exchange on a tier that has in-network `reduction` or not.
    pub fn of(exchange: &Exchange, reduction: bool) -> Kind {
        match exchange {
            Exchange::Collective { operation, library, .. } => match (operation, library) {
                (Collective::AllReduce, Library::Engine) => Kind::EngineAllReduce,
                (Collective::AllReduce, Library::Standard) if reduction => Kind::InNetworkAllReduce,
                (Collective::AllReduce, Library::Standard) => Kind::AllReduce,
                (Collective::AllGather, _) => Kind::AllGather,
                (Collective::ReduceScatter, _) => Kind::ReduceScatter,
                (Collective::AllToAll, _) => Kind::AllToAll,
                (Collective::Broadcast, _) => Kind::Broadcast,
            },
            Exchange::SendRecv { .. } => Kind::SendRecv,
            Exchange::Routed(routed) => match (routed.kernel, routed.phase) {
                (Kernel::HighThroughput, Phase::Dispatch) => Kind::HighThroughputDispatch,
                (Kernel::HighThroughput, Phase::Combine) => Kind::HighThroughputCombine,
                (Kernel::LowLatency, Phase::Dispatch) => Kind::LowLatencyDispatch,
                (Kernel::LowLatency, Phase::Combine) => Kind::LowLatencyCombine,
                (Kernel::OneSided, Phase::Dispatch) => Kind::OneSidedDispatch,
                (Kernel::OneSided, Phase::Combine) => Kind::OneSidedCombine,
            },
        }
    }

    /// The kinds whose code is most alike, for a fabric where this one was not measured; best first.
    pub(super) fn kin(self) -> &'static [Kind] {
        match self {
            Kind::AllReduce => &[Kind::ReduceScatter],
            Kind::InNetworkAllReduce => &[Kind::AllReduce],
            // Engines bring their kernel to most chips, and it is nothing like the vendor's library.
            Kind::EngineAllReduce => &[],
            Kind::AllGather | Kind::ReduceScatter => &[Kind::AllReduce],
            Kind::Broadcast => &[Kind::AllGather, Kind::AllReduce],
            Kind::AllToAll => &[Kind::OneSidedDispatch, Kind::LowLatencyDispatch],
            Kind::SendRecv => &[Kind::AllToAll, Kind::OneSidedDispatch, Kind::LowLatencyDispatch],
            Kind::LowLatencyDispatch => &[Kind::OneSidedDispatch, Kind::AllToAll],
            Kind::LowLatencyCombine => &[Kind::OneSidedCombine, Kind::LowLatencyDispatch, Kind::AllToAll],
            Kind::OneSidedDispatch => &[Kind::LowLatencyDispatch, Kind::AllToAll],
            Kind::OneSidedCombine => &[Kind::LowLatencyCombine, Kind::OneSidedDispatch, Kind::AllToAll],
            Kind::HighThroughputDispatch => &[Kind::OneSidedDispatch, Kind::AllToAll],
            Kind::HighThroughputCombine => &[Kind::OneSidedCombine, Kind::OneSidedDispatch, Kind::AllToAll],
        }
    }
}

/// A fitted curve at one number of ranks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Ranks (or domains of the tier below) that take part.
    pub ranks: f64,
    /// Seconds of an empty message.
    pub latency: f64,
    /// Cost of pipelining, times `sqrt(latency x ideal)`: 2 for chunks of the best size, 0 for none.
    pub fill: f64,
    /// Share of the full bandwidth that very large messages reach; at most 1.
    pub efficiency: f64,
    /// 90th percentile of |ln(fitted / measured)|.
    pub spread: f64,
}

impl Point {
    /// Seconds beyond the latency.
    pub fn transfer(&self, ideal: f64) -> f64 {
        self.fill * (self.latency * ideal).sqrt() + ideal / self.efficiency
    }
}

/// Points by rank count.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    points: Vec<Point>,
    growth: f64,
}

impl Curve {
    /// From points in any order, one per rank count. `None` if there are none or one has values that mean nothing.
    pub fn new(mut points: Vec<Point>) -> Option<Curve> {
        let sane = |p: &Point| {
            [p.ranks, p.latency, p.fill, p.efficiency, p.spread].iter().all(|v| v.is_finite() && *v >= 0.0)
                && p.ranks >= 1.0
                && p.efficiency > 0.0
                && p.efficiency <= 1.0
        };
        points.sort_by(|a, b| a.ranks.total_cmp(&b.ranks));
        if points.is_empty() || !points.iter().all(sane) || points.windows(2).any(|w| w[0].ranks == w[1].ranks) {
            return None;
        }
        // Beyond the largest measured group latency goes on growing as it did, at most as the square root: libraries
        // change from rings to trees there.
        let growth = match points.as_slice() {
            [.., a, b] if a.latency > 0.0 && b.latency > 0.0 => {
                ((b.latency / a.latency).ln() / (b.ranks / a.ranks).ln()).clamp(0.0, 0.5)
            }
            _ => 0.25,
        };
        Some(Curve { points, growth })
    }

    /// The curve at a number of ranks: between measured ones by the logarithm of it. Beyond the largest the error
    /// grows by a tenth per doubling.
    pub fn at(&self, ranks: f64) -> Point {
        let (first, last) = (self.points[0], self.points[self.points.len() - 1]);
        if ranks <= first.ranks {
            return first;
        }
        if ranks >= last.ranks {
            let more = (ranks / last.ranks).ln();
            let latency = last.latency * (self.growth * more).exp();
            return Point { latency, spread: last.spread + 0.1 * more / std::f64::consts::LN_2, ..last };
        }
        let above = self.points.partition_point(|p| p.ranks <= ranks);
        let (a, b) = (self.points[above - 1], self.points[above]);
        let weight = (ranks / a.ranks).ln() / (b.ranks / a.ranks).ln();
        let mix = |x: f64, y: f64| x + weight * (y - x);
        Point {
            ranks,
            latency: mix(a.latency, b.latency),
            fill: mix(a.fill, b.fill),
            efficiency: mix(a.efficiency, b.efficiency),
            spread: mix(a.spread, b.spread),
        }
    }

    /// The measured points, by ranks.
    pub fn points(&self) -> &[Point] {
        &self.points
    }
}
