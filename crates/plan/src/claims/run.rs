//! Finds out what a claim says.

use rayon::prelude::*;

use super::quantity::fact;
use super::{CaseFinding, Claim, ClaimFinding, FATES, FIGURES, Fate, Figure, Outcome, Side, Test, Verdict};
use crate::findings::{Answer, Choice, Estimate};
use crate::goodput;
use crate::purchase::question::Ask;
use crate::study::Study;
use crate::train::findings::{TrainingAnswer, TrainingChoice};
use crate::train::study::{Best, TrainingCandidate};
use crate::train::{self, TrainingGround, TrainingStudy, Watch};
use crate::weigh::{Ground, weigh};

/// Puts a claim to the test. Nothing where `watch` stops it.
pub fn run(claim: &Claim, ground: &Ground, watch: Watch) -> Option<ClaimFinding> {
    let one = |c| if (watch.stopped)() { None } else { Some(case(c, ground, watch)) };
    let cases: Option<Vec<CaseFinding>> = claim.cases.par_iter().map(one).collect();
    let cases = cases.filter(|_| !(watch.stopped)())?;
    let outcomes: Vec<Outcome> = cases.iter().map(|c| c.outcome).collect();
    Some(ClaimFinding {
        id: claim.id.clone(),
        says: claim.says.clone(),
        by: claim.by.clone(),
        note: claim.note.clone(),
        verdict: Verdict::of(&outcomes),
        cases,
    })
}

fn case(case: &super::Case, ground: &Ground, watch: Watch) -> CaseFinding {
    let figure = match &case.test {
        Test::Done { figure, .. } => FIGURES.iter().find(|f| f.1 == *figure).map_or("", |f| f.0),
        Test::Fares { fate, .. } => FATES.iter().find(|f| f.1 == *fate).map_or("", |f| f.0),
        Test::LargestTier { .. } => "largest tier",
        Test::Facts { .. } | Test::Needs(_) => "",
    };
    let (unit, (what, found, sides)) = match &case.test {
        Test::Facts { of, over } => facts(of, over, ground),
        Test::LargestTier { medium } => ("", largest_tier(medium, ground)),
        Test::Needs(what) => ("", (String::new(), Err(format!("needs {what}")), Vec::new())),
        Test::Done { left, right, figure } => ("", done(left, right.as_deref(), *figure, (ground, watch))),
        Test::Fares { study, fate } => (fate.unit(), fares(study, *fate, watch)),
    };
    let outcome = found.as_ref().map_or(Outcome::Unknown, |e| case.bar.judge(e));
    let odds = found.as_ref().ok().filter(|_| outcome == Outcome::Open).map(|e| case.bar.odds(e));
    let figure = figure.to_owned();
    let (name, unit) = (case.name.clone(), unit.to_owned());
    CaseFinding { name, figure, what, bar: case.bar, unit, found, sides, outcome, odds }
}

type Told = (String, Result<Estimate, String>, Vec<(String, String)>);

/// A product over a product, with its unit where but one of the facts has one.
fn facts(of: &[String], over: &[String], ground: &Ground) -> (&'static str, Told) {
    let what = match over {
        [] => of.join(" x "),
        _ => format!("{} / {}", of.join(" x "), over.join(" x ")),
    };
    let mut all = Estimate { value: 1.0, low: 1.0, high: 1.0 };
    let (mut sides, mut units) = (Vec::new(), Vec::new());
    for (paths, up) in [(of, true), (over, false)] {
        for path in paths {
            let found = match fact(ground.catalog, path) {
                Ok(found) => found,
                Err(missing) => return ("", (what, Err(missing), sides)),
            };
            sides.push((path.clone(), found.told));
            units.extend(Some(found.unit).filter(|unit| !unit.is_empty()));
            let range = found.value;
            all = match up {
                true => {
                    Estimate { value: all.value * range.mid, low: all.low * range.low, high: all.high * range.high }
                }
                false => {
                    Estimate { value: all.value / range.mid, low: all.low / range.high, high: all.high / range.low }
                }
            };
        }
    }
    let unit = if let ([one], true) = (&units[..], over.is_empty()) { *one } else { "" };
    (unit, (what, Ok(all), sides))
}

fn span(low: f64, mid: f64, high: f64) -> String {
    if low == high { figures(mid) } else { format!("{} ({}–{})", figures(mid), figures(low), figures(high)) }
}

/// Three figures of a number.
fn figures(x: f64) -> String {
    let size = x.abs();
    match () {
        () if (1e-3..1e6).contains(&size) => {
            let places = (2 - size.log10().floor() as i32).max(0) as usize;
            format!("{x:.places$}")
        }
        () if size == 0.0 => "0".to_owned(),
        () => format!("{x:.2e}"),
    }
}

/// The most chips that a scale-up tier of a medium joins: the tiers of a system but its last, which is the network
/// between systems, and the last where it joins no more chips than the system has.
fn largest_tier(medium: &str, ground: &Ground) -> Told {
    let mut most: Option<(u32, String)> = None;
    for listed in ground.catalog.systems() {
        let Ok(system) = &listed.checked else { continue };
        for tier in system.fabric.tiers.iter().filter(|t| t.medium == medium && t.chips <= system.chips) {
            if most.as_ref().is_none_or(|m| tier.chips > m.0) {
                most = Some((tier.chips, system.name.clone()));
            }
        }
    }
    let what = medium.to_owned();
    match most {
        Some((chips, name)) => {
            let chips = f64::from(chips);
            (what, Ok(Estimate { value: chips, low: chips, high: chips }), vec![(name, format!("{chips}"))])
        }
        None => (what, Err(format!("no system has a tier of {medium}")), Vec::new()),
    }
}

fn done(left: &Side, right: Option<&Side>, figure: Figure, (ground, watch): (&Ground, Watch)) -> Told {
    let name = |s: &Side| format!("{} ({})", s.unit.system.name, s.unit.chips);
    let what = match right {
        Some(right) => format!("{} / {}", name(left), name(right)),
        None => name(left),
    };
    let mut sides = Vec::new();
    let mut figures = Vec::new();
    for side in [Some(left), right].into_iter().flatten() {
        match of_side(side, figure, (ground, watch)) {
            Ok(e) => {
                sides.push((name(side), span(e.low, e.value, e.high)));
                figures.push(e);
            }
            Err(why) => return (what, Err(format!("{}: {why}", name(side))), sides),
        }
    }
    let found = match figures[..] {
        [a, b] => Ok(ratio(&a, &b)),
        [a] => Ok(a),
        _ => Err("no figure".to_owned()),
    };
    (what, found, sides)
}

/// The ratio of two predictions whose errors have nothing to do with each other: on the scale of logarithms the spreads
/// add up like the sides of a right angle, since both are rarely at their ends together.
fn ratio(a: &Estimate, b: &Estimate) -> Estimate {
    let value = a.value / b.value;
    let spread = |x: f64, y: f64| x.ln().hypot(y.ln()).exp();
    let low = value / spread(a.value / a.low, b.high / b.value);
    let high = value * spread(a.high / a.value, b.value / b.low);
    Estimate { value, low, high }
}

fn of_side(side: &Side, figure: Figure, (ground, watch): (&Ground, Watch)) -> Result<Estimate, String> {
    match &side.work {
        Ask::Serve(study) => serves(study, side, figure, ground),
        Ask::Train(study) => trains(study, side, figure, (ground, watch)),
    }
}

fn serves(study: &Study, side: &Side, figure: Figure, ground: &Ground) -> Result<Estimate, String> {
    let mut study = study.clone();
    study.systems = vec![side.unit.clone()];
    let findings = weigh(&study, ground);
    let Some(system) = findings.systems.first() else { return Err("no system".to_owned()) };
    match &system.answer {
        Answer::Served(choice) => of_choice(choice, figure),
        Answer::Unserved { .. } => Err("cannot serve it within the levels".to_owned()),
        Answer::Incomplete { missing } => Err(format!("lacks {}", missing.join(", "))),
    }
}

fn trains(
    study: &TrainingStudy,
    side: &Side,
    figure: Figure,
    (ground, watch): (&Ground, Watch),
) -> Result<Estimate, String> {
    let mut study = study.clone();
    study.systems = vec![TrainingCandidate { candidate: side.unit.clone(), framework: None }];
    if figure == Figure::TrainingCost {
        study.best = Best::Cost;
    }
    let chips = cost::train::TrainingCalibration::embedded().map_err(|e| e.to_string())?;
    let Ground { catalog, fitted, intervals, done } = *ground;
    let ground = TrainingGround { catalog, fitted, chips: &chips, intervals, done, watch };
    let findings = train::weigh(&study, &ground).map_err(|e| e.to_string())?;
    let Some(system) = findings.systems.first() else { return Err("no system".to_owned()) };
    match &system.answer {
        TrainingAnswer::Trains(choice) => of_training(choice, figure, study.tokens),
        TrainingAnswer::NoPlan { needs, has, .. } => {
            Err(format!("no plan fits: {:.0} GB needed on a device, {:.0} there", needs / 1e9, has / 1e9))
        }
        TrainingAnswer::Incomplete { missing } => Err(format!("lacks {}", missing.join(", "))),
    }
}

/// Shares of a step stand without an interval: how far predictions of them are off is not known.
fn of_training(c: &TrainingChoice, figure: Figure, tokens: f64) -> Result<Estimate, String> {
    let exact = |x: f64| Estimate { value: x, low: x, high: x };
    let share = |seconds: f64| Ok(exact(seconds / c.step.value));
    match figure {
        Figure::TrainingCost => {
            let cost = c.cost.ok_or_else(|| "no price is known".to_owned())?;
            let of = |usd: f64| usd / tokens * 1e6;
            Ok(Estimate { value: of(cost.value), low: of(cost.low), high: of(cost.high) })
        }
        Figure::TrainingLinks => share(c.traffic.iter().map(|t| t.seconds).sum()),
        Figure::TrainingExposed => share(c.traffic.iter().map(|t| t.exposed).sum()),
        _ => Err("is a figure of serving".to_owned()),
    }
}

/// How a long job fares.
fn fares(study: &goodput::Study, fate: Fate, watch: Watch) -> Told {
    // What one case tells of its progress means nothing to who looks on at all of them.
    let findings = goodput::watched(study, Watch { told: &|_| (), ..watch });
    let system = findings.as_ref().and_then(|f| f.systems.first());
    let Some(system) = system else { return (String::new(), Err("no machine".into()), Vec::new()) };
    let what = system.name.clone();
    let of = match &system.answer {
        goodput::Answer::Effective(of) => of,
        goodput::Answer::Refused { reason } => return (what, Err(reason.clone()), Vec::new()),
    };
    let exact = |x: f64| Estimate { value: x, low: x, high: x };
    let steps = of.way_back.iter();
    let found = match fate {
        Fate::Up => Ok(of.up),
        Fate::EnoughUp => Ok(exact(of.enough_up)),
        Fate::WayBack => Ok(exact(steps.clone().map(|s| s.1 * s.2).sum())),
        Fate::ReWire => steps.clone().find(|s| s.0 == "re-wire").map(|s| exact(s.1)).ok_or("no such step".to_owned()),
    };
    let sides = match fate {
        Fate::WayBack | Fate::ReWire => steps.map(|s| (s.0.clone(), format!("{} s", figures(s.1 * s.2)))).collect(),
        Fate::Up | Fate::EnoughUp => vec![
            ("units".to_owned(), format!("{} + {} spare", system.units, system.spares)),
            ("one unit up".to_owned(), format!("{:.6}", of.unit_up)),
            ("enough units up".to_owned(), format!("{:.6}", of.enough_up)),
            ("time up".to_owned(), format!("{:.6}", of.up.value)),
        ],
    };
    (what, found, sides)
}

fn of_choice(c: &Choice, figure: Figure) -> Result<Estimate, String> {
    match figure {
        Figure::PerChip => Ok(c.tokens_per_chip),
        Figure::PerSystem => Ok(c.tokens_per_system),
        Figure::Cost => c.cost.as_ref().map(|c| c.per_million).ok_or_else(|| "no price is known".to_owned()),
        Figure::Energy => c.energy_per_token.ok_or_else(|| "its power is unknown".to_owned()),
        // A share of a step: how far predictions of it are off is not known, so it stands without an interval.
        Figure::Communication => Ok(Estimate { value: c.communication, low: c.communication, high: c.communication }),
        Figure::TrainingCost | Figure::TrainingLinks | Figure::TrainingExposed => {
            Err("is a figure of training".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_figures_tell_enough() {
        assert_eq!([156_519.84, 407.6, 0.0862, 7.52e14, 0.0].map(figures), ["156520", "408", "0.0862", "7.52e14", "0"]);
        assert_eq!(span(1.0, 2.0, 3.0), "2.00 (1.00–3.00)");
    }

    #[test]
    fn spreads_of_a_ratio_add_up_like_sides_of_a_right_angle() {
        // A factor of e^3 beside one of e^4 is one of e^5; an exact divisor adds nothing.
        let e = |x: f64| x.exp();
        let a = Estimate { value: 10.0, low: 10.0 * e(-3.0), high: 10.0 * e(3.0) };
        let b = Estimate { value: 5.0, low: 5.0 * e(-4.0), high: 5.0 * e(4.0) };
        let r = ratio(&a, &b);
        assert!(
            (r.value - 2.0).abs() < 1e-12
                && (r.low / 2.0 - e(-5.0)).abs() < 1e-9
                && (r.high / 2.0 / e(5.0) - 1.0).abs() < 1e-9
        );
        let exact = Estimate { value: 5.0, low: 5.0, high: 5.0 };
        assert!((ratio(&a, &exact).low / a.low - 0.2).abs() < 1e-12);
    }
}
