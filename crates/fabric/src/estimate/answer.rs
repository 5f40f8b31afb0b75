//! The time of an operation: what libraries achieve, times what flows say of the difference.

use super::{Bench, EstimateError, Timed};
use crate::bound::{Bounds, bounds};
use crate::collective::{Algorithm, AlgorithmError, Operation};
use crate::fault::Damage;
use crate::place::Placement;
use crate::price::{Basis, Collective, Exchange, Group, Kernel, Phase, Routed};

/// Up to so many ranks every algorithm is followed, to be shown; beyond, only those that may be the fastest.
const FEW_RANKS: u32 = 512;

/// What is known of an algorithm.
#[derive(Debug, Clone, PartialEq)]
pub enum Tried {
    /// Seconds.
    Timed(f64),
    /// At least these seconds, which others beat: it was not followed.
    AtLeast(f64),
    /// Why it cannot be.
    Not(String),
}

/// One algorithm in an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Which.
    pub algorithm: Algorithm,
    /// What it takes.
    pub tried: Tried,
    /// Whether libraries have it, so that it may be chosen without being asked for.
    pub usual: bool,
}

/// What an exchange takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Seconds.
    pub seconds: f64,
    /// Lower end of the 90 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Nothing is faster.
    pub bounds: Bounds,
    /// How.
    pub algorithm: Algorithm,
    /// It by flows.
    pub flows: Timed,
    /// All of them.
    pub choices: Vec<Choice>,
    /// Where the library's curve is from.
    pub basis: Basis,
}

/// An operation of a size, with what its times are measured against.
pub struct Asked<'b, 'a> {
    pub(super) bench: &'b Bench<'a>,
    pub(super) operation: Operation,
    pub(super) bytes: f64,
    /// All algorithms that matter on the whole fabric with packed ranks.
    whole: Survey,
    /// Seconds by flows of the fastest usual one there.
    base: f64,
    /// Seconds of the vendor's library there, their spread and basis.
    library: (f64, f64, Basis),
}

/// Algorithms as far as they were followed.
type Survey = Vec<(Algorithm, Seen)>;

#[derive(Clone)]
enum Seen {
    Followed(Timed),
    /// Not followed: slower than these seconds.
    Slower(f64),
    Failed(EstimateError),
}

impl<'a> Bench<'a> {
    /// An operation with a buffer of `bytes` a rank, to be answered for states of the fabric.
    ///
    /// # Errors
    /// [`EstimateError`] if no usual algorithm can be done on the whole fabric.
    pub fn ask(&self, operation: Operation, bytes: f64) -> Result<Asked<'_, 'a>, EstimateError> {
        let packed = Placement::packed(self.ranks());
        let whole = self.survey(operation, bytes, None, &Damage::none(&self.graph), &packed);
        let usual = |a: &Algorithm| self.usual(operation, *a);
        let Some((_, fastest)) = fastest(&whole, usual) else { return Err(failure(&whole, usual, None)) };
        let (base, library) = (fastest.seconds, self.library(operation, bytes));
        Ok(Asked { bench: self, operation, bytes, whole, base, library })
    }

    /// The time of an operation with a buffer of `bytes` a rank, by the algorithm asked for or the fastest usual one.
    ///
    /// # Errors
    /// [`EstimateError`] if it cannot be done.
    pub fn answer(
        &self,
        operation: Operation,
        bytes: f64,
        algorithm: Option<Algorithm>,
        damage: &Damage,
    ) -> Result<Answer, EstimateError> {
        self.ask(operation, bytes)?.answer(algorithm, damage)
    }

    /// Follows the algorithm asked for, the usual ones that may be the fastest, and in small groups all.
    fn survey(
        &self,
        operation: Operation,
        bytes: f64,
        asked: Option<Algorithm>,
        damage: &Damage,
        placement: &Placement,
    ) -> Survey {
        let all = Algorithm::ALL.into_iter().map(|algorithm| {
            let schedule = self.schedule(placement, operation, bytes, algorithm);
            let floor = schedule.as_ref().map_or(f64::INFINITY, |s| self.floor(placement, s));
            (algorithm, schedule, floor)
        });
        let mut all: Vec<_> = all.collect();
        // The most promising first, so that it excludes the others.
        all.sort_by(|a, b| a.2.total_cmp(&b.2));
        let few = placement.len() <= FEW_RANKS as usize;
        let mut best = f64::INFINITY;
        let mut survey = Survey::new();
        for (algorithm, schedule, floor) in all {
            let usual = self.usual(operation, algorithm);
            let wanted = asked.map_or(usual && floor < best, |asked| asked == algorithm);
            let seen = match schedule {
                Err(error) => Seen::Failed(error),
                Ok(schedule) if wanted || few => match self.follow(damage, placement, &schedule) {
                    Ok(timed) => Seen::Followed(timed),
                    Err(error) => Seen::Failed(error),
                },
                Ok(_) => Seen::Slower(floor),
            };
            if let (Seen::Followed(timed), true) = (&seen, usual) {
                best = best.min(timed.seconds);
            }
            survey.push((algorithm, seen));
        }
        survey.sort_by_key(|(a, _)| *a);
        survey
    }

    /// Seconds of the vendor's library on the whole fabric, ranks packed; its spread and basis.
    fn library(&self, operation: Operation, bytes: f64) -> (f64, f64, Basis) {
        let group = Group::packed(self.ranks());
        let price = |exchange: Exchange| {
            let time = self.network.time(&exchange);
            (time.seconds, time.spread, time.basis)
        };
        let collective = |operation| price(Exchange::standard(operation, bytes, self.ranks()));
        match operation {
            Operation::AllReduce => collective(Collective::AllReduce),
            Operation::AllGather => collective(Collective::AllGather),
            Operation::ReduceScatter => collective(Collective::ReduceScatter),
            Operation::AllToAll => collective(Collective::AllToAll),
            Operation::Broadcast => collective(Collective::Broadcast),
            Operation::Send => price(Exchange::SendRecv { stride: self.ranks() - 1, bytes }),
            Operation::Dispatch(r) | Operation::Combine(r) => {
                let phase = if matches!(operation, Operation::Dispatch(_)) { Phase::Dispatch } else { Phase::Combine };
                let (top_k, experts) = (r.top_k, r.experts);
                let routed = |kernel| {
                    let (tokens, hidden, value_bits, node_limit) = (bytes, 1, 8.0, None);
                    price(Exchange::Routed(Routed {
                        phase,
                        kernel,
                        group,
                        tokens,
                        hidden,
                        value_bits,
                        top_k,
                        experts,
                        node_limit,
                    }))
                };
                let (once, each) = (routed(Kernel::HighThroughput), routed(Kernel::OneSided));
                if once.0 < each.0 { once } else { each }
            }
        }
    }
}

/// The fastest of those that were followed and may be chosen.
fn fastest(survey: &Survey, may: impl Fn(&Algorithm) -> bool) -> Option<(Algorithm, &Timed)> {
    let followed = survey.iter().filter(|(a, _)| may(a)).filter_map(|(a, seen)| match seen {
        Seen::Followed(timed) => Some((*a, timed)),
        _ => None,
    });
    followed.min_by(|a, b| a.1.seconds.total_cmp(&b.1.seconds))
}

/// Why none of those that may be chosen can be done: a dead end says more than an algorithm that does not apply.
fn failure(survey: &Survey, may: impl Fn(&Algorithm) -> bool, asked: Option<Algorithm>) -> EstimateError {
    let errors = survey.iter().filter(|(a, _)| may(a)).filter_map(|(_, seen)| match seen {
        Seen::Failed(error) => Some(error),
        _ => None,
    });
    let found = errors.min_by_key(|e| matches!(e, EstimateError::Algorithm { .. })).cloned();
    found.unwrap_or(EstimateError::Algorithm {
        algorithm: asked.map_or("auto", Algorithm::name),
        error: AlgorithmError::NotFor,
    })
}

impl Asked<'_, '_> {
    /// The time by the algorithm asked for or the fastest usual one, with what is broken.
    ///
    /// # Errors
    /// [`EstimateError`] if it cannot be done.
    pub fn answer(&self, algorithm: Option<Algorithm>, damage: &Damage) -> Result<Answer, EstimateError> {
        self.answer_on(algorithm, damage, &self.bench.placement)
    }

    pub(super) fn answer_on(
        &self,
        algorithm: Option<Algorithm>,
        damage: &Damage,
        placement: &Placement,
    ) -> Result<Answer, EstimateError> {
        let (bench, operation, bytes) = (self.bench, self.operation, self.bytes);
        let whole = damage.links == 0 && damage.chips.is_empty() && *placement == Placement::packed(bench.ranks());
        let known = |a: Algorithm| self.whole.iter().any(|(b, seen)| a == *b && !matches!(seen, Seen::Slower(_)));
        let survey = if whole && algorithm.is_none_or(known) {
            self.whole.clone()
        } else {
            bench.survey(operation, bytes, algorithm, damage, placement)
        };
        let may = |a: &Algorithm| algorithm.map_or_else(|| bench.usual(operation, *a), |asked| asked == *a);
        let Some((chosen, flows)) = fastest(&survey, may) else { return Err(failure(&survey, may, algorithm)) };
        let bound_of = |a| bounds(&bench.graph, &damage.capacity, placement, operation, bytes, Some(a));
        let (adding, plain) = (bound_of(Algorithm::InNetwork), bound_of(Algorithm::Ring));
        let bound_of = |a| if a == Algorithm::InNetwork { adding } else { plain };
        let (library, spread, basis) = self.library;
        let scaled = |a: Algorithm, seconds: f64| (seconds * library / self.base).max(bound_of(a).seconds());
        let choice = |(a, seen): &(Algorithm, Seen)| {
            let tried = match seen {
                Seen::Followed(timed) => Tried::Timed(scaled(*a, timed.seconds)),
                Seen::Slower(floor) => Tried::AtLeast(scaled(*a, *floor)),
                Seen::Failed(EstimateError::Algorithm { error, .. }) => Tried::Not(error.to_string()),
                Seen::Failed(other) => Tried::Not(other.to_string()),
            };
            Choice { algorithm: *a, tried, usual: bench.usual(operation, *a) }
        };
        let (bounds, seconds) = (bound_of(chosen), scaled(chosen, flows.seconds));
        // What the library's curve was not measured for costs certainty.
        let as_measured = (flows.seconds / self.base - 1.0).abs() < 1e-9;
        let spread = if as_measured { spread } else { spread.hypot(flows.spread) };
        let (low, high) = ((seconds / spread.exp()).max(bounds.seconds()), seconds * spread.exp());
        let choices = survey.iter().map(choice).collect();
        Ok(Answer { seconds, low, high, bounds, algorithm: chosen, flows: flows.clone(), choices, basis })
    }
}
