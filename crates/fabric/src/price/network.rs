//! A fabric with the curves of its tiers, resolved once.

use catalog::Fabric;

use crate::fit::Fit;
use crate::price::calibration::{CalibrationError, CommCalibration, Resolved, Scope};
use crate::price::curve::{Curve, Kind, Kinds};
use crate::price::exchange::{Collective, Exchange, Kernel, Library};
use crate::price::load::{Loads, MAX_TIERS, RankTier, loads};

/// Where a time comes from, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// This architecture on this fabric was measured.
    Measured,
    /// The fabric was measured under another architecture, or a kindred operation on it.
    SameFabric,
    /// Other fabrics of the same shape were measured.
    SameShape,
    /// Only other shapes were.
    Other,
}

/// How the data goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Around a ring.
    Ring,
    /// Around rings along every axis of a torus at once.
    TorusRings,
    /// Switches add and multiply.
    InNetwork,
    /// Every rank reads all of its peers.
    OneShot,
    /// Every rank reduces a part and reads the other parts.
    TwoShot,
    /// Every rank straight to each of its peers.
    Direct,
    /// Tier by tier.
    Hierarchical,
}

/// The time of an exchange.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExchangeTime {
    /// All of it.
    pub seconds: f64,
    /// Part that shrinks with bandwidth.
    pub bandwidth_part: f64,
    /// Part that does not.
    pub latency_part: f64,
    /// No library can be faster on this fabric.
    pub physical_bound: f64,
    /// Tier whose transfer decides, from 0.
    pub tier: usize,
    /// How the data goes.
    pub algorithm: Algorithm,
    /// Worst of the tiers.
    pub basis: Basis,
    /// 90th percentile of |ln(predicted / measured)| to be expected.
    pub spread: f64,
}

impl ExchangeTime {
    const NONE: ExchangeTime = ExchangeTime {
        seconds: 0.0,
        bandwidth_part: 0.0,
        latency_part: 0.0,
        physical_bound: 0.0,
        tier: 0,
        algorithm: Algorithm::Direct,
        basis: Basis::Measured,
        spread: 0.0,
    };
}

/// Prices exchanges between ranks of one system.
#[derive(Debug, Clone)]
pub struct Network {
    tiers: Vec<RankTier>,
    curves: Vec<Kinds<Resolved>>,
}

impl Network {
    /// Looks up the curves for every tier of `fabric` under chips of `architecture` with `ranks_per_chip` ranks each
    /// (2 where software sees two devices in a package, which then share its links).
    ///
    /// # Errors
    /// If the calibration has no curve at all for an operation.
    pub fn new(
        fabric: &Fabric,
        calibration: &CommCalibration,
        architecture: &str,
        ranks_per_chip: u32,
    ) -> Result<Network, CalibrationError> {
        Network::for_stack(fabric, calibration, architecture, ranks_per_chip, None)
    }

    /// The same for the kernels of one serving engine, where these were measured apart.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn for_stack(
        fabric: &Fabric,
        calibration: &CommCalibration,
        architecture: &str,
        ranks_per_chip: u32,
        stack: Option<&str>,
    ) -> Result<Network, CalibrationError> {
        let tiers = fabric.tiers.iter().take(MAX_TIERS);
        let curves = tiers.clone().map(|t| calibration.resolve(architecture, t, stack)).collect::<Result<_, _>>()?;
        Ok(Network { tiers: tiers.map(|t| RankTier::new(t, ranks_per_chip)).collect(), curves })
    }

    /// A network without curves, to ask for [`Network::loads`] only: every time is zero.
    pub fn unpriced(fabric: &Fabric, ranks_per_chip: u32) -> Network {
        let tiers = fabric.tiers.iter().take(MAX_TIERS);
        Network { tiers: tiers.map(|t| RankTier::new(t, ranks_per_chip)).collect(), curves: Vec::new() }
    }

    /// What each tier must carry.
    pub fn loads(&self, exchange: &Exchange) -> Loads {
        loads(&self.tiers, exchange)
    }

    /// The curve used for an exchange on a tier and where it is from.
    pub fn curve(&self, tier: usize, exchange: &Exchange) -> Option<(&Curve, Basis)> {
        let resolved = &self.curves.get(tier)?[self.kind(tier, exchange) as usize];
        Some((resolved.curve.as_ref(), resolved.basis))
    }

    /// For whom the curve was fitted that prices an exchange on a tier, to how many rows, and how well.
    pub fn origin(&self, tier: usize, exchange: &Exchange) -> Option<(&Scope, Fit)> {
        let resolved = &self.curves.get(tier)?[self.kind(tier, exchange) as usize];
        Some((&resolved.scope, resolved.fit))
    }

    /// The kind of curve an exchange needs on a tier.
    pub fn kind(&self, tier: usize, exchange: &Exchange) -> Kind {
        Kind::of(exchange, self.tiers.get(tier).is_some_and(|t| t.reduction))
    }

    /// The time of an exchange; nothing for a single rank or no bytes.
    pub fn time(&self, exchange: &Exchange) -> ExchangeTime {
        let time = self.price(exchange);
        // A sum that everyone gets costs no less than the parts of the sum.
        if let Exchange::Collective { operation: Collective::AllReduce, library: Library::Standard, group, bytes } =
            *exchange
        {
            let part =
                Exchange::Collective { operation: Collective::ReduceScatter, library: Library::Standard, group, bytes };
            let part = self.price(&part);
            if part.seconds > time.seconds {
                return ExchangeTime {
                    physical_bound: time.physical_bound,
                    seconds: part.seconds.max(time.physical_bound),
                    algorithm: time.algorithm,
                    ..part
                };
            }
        }
        time
    }

    fn price(&self, exchange: &Exchange) -> ExchangeTime {
        let loads = self.loads(exchange);
        let mut time = ExchangeTime::NONE;
        let mut used = 0;
        for (tier, load) in loads.tiers.iter().enumerate() {
            // An empty exchange is not started.
            if load.ranks <= 1.0 || load.ideal <= 0.0 {
                continue;
            }
            let Some(kinds) = self.curves.get(tier) else { continue };
            let resolved = &kinds[self.kind(tier, exchange) as usize];
            let point = resolved.curve.at(load.ranks);
            let transfer = point.transfer(load.ideal);
            used += 1;
            time.latency_part += point.latency;
            time.spread = time.spread.max(point.spread);
            time.basis = time.basis.max(resolved.basis);
            time.physical_bound = time.physical_bound.max(load.bound);
            if transfer > time.bandwidth_part {
                time.bandwidth_part = transfer;
                time.tier = tier;
            }
        }
        time.seconds = (time.latency_part + time.bandwidth_part).max(time.physical_bound);
        time.algorithm = self.algorithm(exchange, &time, used);
        time
    }

    fn algorithm(&self, exchange: &Exchange, time: &ExchangeTime, used: u32) -> Algorithm {
        let Some(tier) = self.tiers.get(time.tier) else { return Algorithm::Direct };
        match exchange {
            Exchange::SendRecv { .. } => Algorithm::Direct,
            Exchange::Routed(routed) if routed.kernel != Kernel::HighThroughput => Algorithm::Direct,
            _ if used > 1 => Algorithm::Hierarchical,
            Exchange::Routed(_) | Exchange::Collective { operation: Collective::AllToAll, .. } => Algorithm::Direct,
            Exchange::Collective { library: Library::Engine, .. } => {
                if time.bandwidth_part < time.latency_part {
                    Algorithm::OneShot
                } else {
                    Algorithm::TwoShot
                }
            }
            Exchange::Collective { operation: Collective::AllReduce, .. } if tier.reduction => Algorithm::InNetwork,
            Exchange::Collective { .. } => match tier.shape {
                catalog::TierShape::Torus { .. } => Algorithm::TorusRings,
                catalog::TierShape::Mesh => Algorithm::Direct,
                _ => Algorithm::Ring,
            },
        }
    }
}
