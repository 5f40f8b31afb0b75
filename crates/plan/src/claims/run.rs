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
use crate::train::{self, TrainingGround, TrainingStudy};
use crate::weigh::{Ground, weigh};

/// Puts a claim to the test.
pub fn run(claim: &Claim, ground: &Ground) -> ClaimFinding {
    let cases: Vec<CaseFinding> = claim.cases.par_iter().map(|c| case(c, ground)).collect();
    let outcomes: Vec<Outcome> = cases.iter().map(|c| c.outcome).collect();
    ClaimFinding {
        id: claim.id.clone(),
        says: claim.says.clone(),
        by: claim.by.clone(),
        note: claim.note.clone(),
        verdict: Verdict::of(&outcomes),
        cases,
    }
}

fn case(case: &super::Case, ground: &Ground) -> CaseFinding {
    let (what, found, sides) = match &case.test {
        Test::Facts { of, over } => facts(of, over, ground),
        Test::LargestTier { medium } => largest_tier(medium, ground),
        Test::Needs(what) => (String::new(), Err(format!("needs {what}")), Vec::new()),
        Test::Done { left, right, figure } => done(left, right.as_deref(), *figure, ground),
        Test::Fares { study, fate } => fares(study, *fate),
    };
    let outcome = found.as_ref().map_or(Outcome::Unknown, |e| case.bar.judge(e));
    CaseFinding { name: case.name.clone(), what, bar: case.bar, found, sides, outcome }
}

type Told = (String, Result<Estimate, String>, Vec<(String, String)>);

fn facts(of: &[String], over: &[String], ground: &Ground) -> Told {
    let what = match over {
        [] => of.join(" x "),
        _ => format!("{} / {}", of.join(" x "), over.join(" x ")),
    };
    let mut all = Estimate { value: 1.0, low: 1.0, high: 1.0 };
    let mut sides = Vec::new();
    for (paths, up) in [(of, true), (over, false)] {
        for path in paths {
            let range = match fact(ground.catalog, path) {
                Ok(range) => range,
                Err(missing) => return (what, Err(missing), sides),
            };
            sides.push((path.clone(), span(range.low, range.mid, range.high)));
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
    (what, Ok(all), sides)
}

fn span(low: f64, mid: f64, high: f64) -> String {
    if low == high { format!("{mid:e}") } else { format!("{mid:e} ({low:e} to {high:e})") }
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
    let what = format!("largest tier of {medium} within a system");
    match most {
        Some((chips, name)) => {
            let chips = f64::from(chips);
            (what, Ok(Estimate { value: chips, low: chips, high: chips }), vec![(name, format!("{chips}"))])
        }
        None => (what, Err(format!("no system has a tier of {medium}")), Vec::new()),
    }
}

fn done(left: &Side, right: Option<&Side>, figure: Figure, ground: &Ground) -> Told {
    let name = |s: &Side| format!("{} ({})", s.unit.system.name, s.unit.chips);
    let noun = FIGURES.iter().find(|f| f.1 == figure).map_or("", |f| f.0);
    let what = match right {
        Some(right) => format!("{noun}: {} / {}", name(left), name(right)),
        None => format!("{noun}: {}", name(left)),
    };
    let mut sides = Vec::new();
    let mut figures = Vec::new();
    for side in [Some(left), right].into_iter().flatten() {
        match of_side(side, figure, ground) {
            Ok(e) => {
                sides.push((name(side), format!("{:.4} ({:.4} to {:.4})", e.value, e.low, e.high)));
                figures.push(e);
            }
            Err(why) => return (what, Err(format!("{}: {why}", name(side))), sides),
        }
    }
    let found = match figures[..] {
        [a, b] => Ok(Estimate { value: a.value / b.value, low: a.low / b.high, high: a.high / b.low }),
        [a] => Ok(a),
        _ => Err("no figure".to_owned()),
    };
    (what, found, sides)
}

fn of_side(side: &Side, figure: Figure, ground: &Ground) -> Result<Estimate, String> {
    match &side.work {
        Ask::Serve(study) => serves(study, side, figure, ground),
        Ask::Train(study) => trains(study, side, figure, ground),
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

fn trains(study: &TrainingStudy, side: &Side, figure: Figure, ground: &Ground) -> Result<Estimate, String> {
    let mut study = study.clone();
    study.systems = vec![TrainingCandidate { candidate: side.unit.clone(), framework: None }];
    if figure == Figure::TrainingCost {
        study.best = Best::Cost;
    }
    let chips = cost::train::TrainingCalibration::embedded().map_err(|e| e.to_string())?;
    let Ground { catalog, fitted, intervals, done } = *ground;
    let ground = TrainingGround { catalog, fitted, chips: &chips, intervals, done, watch: train::Watch::NOBODY };
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
fn fares(study: &goodput::Study, fate: Fate) -> Told {
    let findings = goodput::answer(study, &|_| {});
    let noun = FATES.iter().find(|f| f.1 == fate).map_or("", |f| f.0);
    let Some(system) = findings.systems.first() else { return (noun.to_owned(), Err("no machine".into()), Vec::new()) };
    let what = format!("{noun}: {}", system.name);
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
        Fate::WayBack | Fate::ReWire => steps.map(|s| (s.0.clone(), format!("{:.4} s", s.1 * s.2))).collect(),
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
