//! What would have to change for one system to come level with another.
//!
//! Each lever is moved by itself and the systems are weighed again, search and all, until both cost the same (or give the
//! same tokens per chip): nothing is solved for in a formula. A lever that does not get there says how far it was moved.

use serde::{Deserialize, Serialize};
use units::{BytesPerSecond, Range};

use super::{Ground, engines, weigh_one};
use crate::findings::Answer;
use crate::money::Price;
use crate::search::Recall;
use crate::study::{Candidate, Study};
use crate::traffic::{Lengths, Traffic};

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Money per million tokens: less is better.
    Cost,
    /// Tokens per second and chip: more is better.
    TokensPerChip,
}

/// What is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lever {
    /// Price or rent of a chip of the challenger, US dollars.
    Price,
    /// Surcharge on the chips of the one to beat, a fraction.
    Surcharge,
    /// Memory bandwidth of a chip of the challenger, bytes per second.
    Bandwidth,
    /// Mean prompt of the traffic of both, tokens.
    Context,
}

/// Where a lever has to stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// Which.
    pub lever: Lever,
    /// Where it stands.
    pub now: f64,
    /// Where both are level; `None`: nowhere that was tried.
    pub level: Option<f64>,
    /// The furthest that was tried.
    pub furthest: f64,
    /// Whether the challenger is ahead beyond that point, seen from where the lever stands.
    pub ahead_beyond: bool,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BreakEven {
    /// Name of the challenger.
    pub challenger: String,
    /// Name of the one to beat.
    pub against: String,
    /// What is compared.
    pub measure: Measure,
    /// Both figures as things are.
    pub now: [f64; 2],
    /// Whether the challenger is ahead as things are.
    pub ahead: bool,
    /// Levers.
    pub levers: Vec<Moved>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoBreakEven {
    /// One of the two does not serve.
    #[error("one of the two systems does not serve this traffic within these levels")]
    Unserved,
    /// Nobody waits for it any more.
    #[error("given up")]
    Stopped,
}

/// The levers, with how far each is moved and how closely the point is sought: as factors of what is moved.
const LEVERS: [(Lever, f64, f64); 4] = [
    (Lever::Price, 100.0, 1.002),
    (Lever::Surcharge, 11.0, 1.002),
    (Lever::Bandwidth, 8.0, 1.02),
    (Lever::Context, 16.0, 1.04),
];
/// Steps in which a lever is moved to its end before the point is closed in.
const STRIDES: i32 = 4;
/// Longest prompt that is tried.
const LONGEST: f64 = 2e6;

/// What two systems do as levers move.
struct Scale<'a> {
    study: &'a Study,
    pair: [&'a Candidate; 2],
    ground: &'a Ground<'a>,
    /// Searches of the study's own traffic, which changes of money leave as they are.
    recall: [Recall; 2],
    measure: Measure,
    stop: &'a (dyn Fn() -> bool + Sync),
}

/// Moves each lever until `challenger` and `against` are level. `stop` is asked between two weighings; the ground's `done`
/// hears of each lever.
///
/// # Errors
/// One of them does not serve, or `stop` said so.
pub fn break_even(
    study: &Study,
    [challenger, against]: [&Candidate; 2],
    ground: &Ground,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<BreakEven, NoBreakEven> {
    let recall = [Recall::default(), Recall::default()];
    let mut scale = Scale { study, pair: [challenger, against], ground, recall, measure: Measure::Cost, stop };
    let priced = challenger.price.is_some() && against.price.is_some();
    if !priced || scale.figures(None)?.is_none() {
        scale.measure = Measure::TokensPerChip;
    }
    let now = scale.figures(None)?.ok_or(NoBreakEven::Unserved)?;
    let ahead = scale.lead(now) > 1.0;
    let mut levers = Vec::new();
    for (lever, reach, close) in LEVERS {
        let Some(at) = scale.now(lever) else { continue };
        levers.push(scale.cross(lever, at, (reach, close), ahead)?);
        (ground.done)(match lever {
            Lever::Price => "price",
            Lever::Surcharge => "surcharge",
            Lever::Bandwidth => "bandwidth",
            Lever::Context => "context",
        });
    }
    let [challenger, against] = [challenger, against].map(|c| c.system.name.clone());
    Ok(BreakEven { challenger, against, measure: scale.measure, now, ahead, levers })
}

impl Scale<'_> {
    /// Where a lever stands; `None` where there is none. A surcharge is moved as one plus it, so that it may start at none.
    fn now(&self, lever: Lever) -> Option<f64> {
        let money = self.measure == Measure::Cost;
        match lever {
            Lever::Price => self.pair[0].price.as_ref().filter(|_| money).map(|p| match p.price {
                Price::Rent(rent) => rent.mid.0,
                Price::Purchase(price) => price.mid.0,
            }),
            Lever::Surcharge => money.then(|| 1.0 + self.pair[1].surcharge.mid),
            Lever::Bandwidth => Some(self.pair[0].system.chip.bandwidth.mid().0),
            Lever::Context => Some(self.study.traffic.input.mean()),
        }
    }

    /// By how much the challenger is ahead; one is level.
    fn lead(&self, [challenger, against]: [f64; 2]) -> f64 {
        match self.measure {
            Measure::Cost => against / challenger.max(1e-300),
            Measure::TokensPerChip => challenger / against.max(1e-300),
        }
    }

    /// The figures of both with one lever at `at`; `None` where one of them does not serve.
    fn figures(&self, moved: Option<(Lever, f64)>) -> Result<Option<[f64; 2]>, NoBreakEven> {
        let mut found = [0.0; 2];
        for (place, found) in found.iter_mut().enumerate() {
            if (self.stop)() {
                return Err(NoBreakEven::Stopped);
            }
            let (study, candidate, simulates) = self.with(place, moved);
            let fresh = Recall::default();
            let recall = if simulates { &fresh } else { &self.recall[place] };
            let engines = engines(&Study { systems: vec![candidate.clone()], ..study.clone() }, self.ground.catalog);
            let none = Vec::new();
            let finding = weigh_one(&study, &candidate, engines.first().unwrap_or(&none), self.ground, recall);
            let figure = match (finding.answer, self.measure) {
                (Answer::Served(choice), Measure::Cost) => choice.cost.as_ref().map(|c| c.per_million.value),
                (Answer::Served(choice), Measure::TokensPerChip) => Some(choice.tokens_per_chip.value),
                _ => None,
            };
            match figure {
                Some(figure) => *found = figure,
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    }

    /// The question for one of the two with a lever moved, and whether that has to be simulated again.
    fn with(&self, place: usize, moved: Option<(Lever, f64)>) -> (Study, Candidate, bool) {
        let (mut study, mut candidate) =
            (Study { systems: Vec::new(), ..self.study.clone() }, self.pair[place].clone());
        let mut simulates = false;
        match moved {
            Some((Lever::Price, at)) if place == 0 => {
                let times = at / self.now(Lever::Price).unwrap_or(at).max(1e-300);
                if let Some(priced) = &mut candidate.price {
                    priced.price = match priced.price {
                        Price::Rent(rent) => Price::Rent(rent.map(|p| units::UsdPerHour(p.0 * times))),
                        Price::Purchase(price) => Price::Purchase(price.map(|p| units::Usd(p.0 * times))),
                    };
                }
            }
            Some((Lever::Surcharge, at)) if place == 1 => candidate.surcharge = Range::exact(at - 1.0),
            Some((Lever::Bandwidth, at)) if place == 0 => {
                let fact = &mut candidate.system.chip.bandwidth;
                let times = at / fact.mid().0;
                fact.value = fact.value.map(|b| BytesPerSecond(b.0 * times));
                simulates = true;
            }
            Some((Lever::Context, at)) => {
                let times = at / self.study.traffic.input.mean();
                study.traffic = Traffic { input: longer(&self.study.traffic.input, times), ..study.traffic };
                simulates = true;
            }
            _ => {}
        }
        (study, candidate, simulates)
    }

    /// Moves a lever out from where it stands until the lead turns, and closes in on the point.
    fn cross(&self, lever: Lever, now: f64, (reach, close): (f64, f64), ahead: bool) -> Result<Moved, NoBreakEven> {
        // Cheaper or faster helps the challenger, a surcharge on the other too; longer prompts may help either.
        let ways: &[f64] = match (lever, ahead) {
            (Lever::Price, false) | (Lever::Bandwidth, true) => &[-1.0],
            (Lever::Price, true) | (Lever::Bandwidth, false) => &[1.0],
            (Lever::Surcharge, false) => &[1.0],
            (Lever::Surcharge, true) => &[-1.0],
            (Lever::Context, _) => &[1.0, -1.0],
        };
        let mut furthest = now;
        let mut best: Option<f64> = None;
        for way in ways {
            let mut end = now * reach.powf(*way);
            match lever {
                // None is the least surcharge.
                Lever::Surcharge if *way < 0.0 => end = 1.0,
                Lever::Context => end = end.clamp(1.0, LONGEST),
                _ => {}
            }
            let (mut near, mut found) = (now, None);
            for stride in 1..=STRIDES {
                let at = now * (end / now).powf(f64::from(stride) / f64::from(STRIDES));
                // Where one of them does not serve any more there is nothing to compare.
                let Some(figures) = self.figures(Some((lever, at)))? else { break };
                furthest = at;
                if (self.lead(figures) > 1.0) != ahead {
                    found = Some(at);
                    break;
                }
                near = at;
            }
            let Some(mut far) = found else { continue };
            while (far / near).ln().abs() > close.ln() {
                let middle = (near * far).sqrt();
                let turned = self.figures(Some((lever, middle)))?.is_none_or(|f| (self.lead(f) > 1.0) != ahead);
                if turned { far = middle } else { near = middle }
            }
            let level = (near * far).sqrt();
            if best.is_none_or(|old: f64| (level / now).ln().abs() < (old / now).ln().abs()) {
                best = Some(level);
            }
        }
        let shown = |at: f64| if lever == Lever::Surcharge { at - 1.0 } else { at };
        Ok(Moved { lever, now: shown(now), level: best.map(shown), furthest: shown(furthest), ahead_beyond: !ahead })
    }
}

/// Lengths of another scale.
fn longer(lengths: &Lengths, times: f64) -> Lengths {
    let scaled = |n: u64| ((n as f64 * times).round() as u64).max(1);
    match lengths {
        Lengths::Fixed(n) => Lengths::Fixed(scaled(*n)),
        Lengths::Uniform(low, high) => Lengths::Uniform(scaled(*low), scaled(*high)),
        Lengths::LogNormal { median, sigma, max } => {
            Lengths::LogNormal { median: median * times, sigma: *sigma, max: scaled(*max) }
        }
        Lengths::List(list) => Lengths::List(list.iter().map(|n| scaled(*n)).collect()),
    }
}
