//! Finds out what a claim says.

use rayon::prelude::*;

use super::quantity::fact;
use super::{CaseFinding, Claim, ClaimFinding, Figure, Outcome, Side, Test, Verdict};
use crate::findings::{Answer, Choice, Estimate};
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
        Test::Served { left, right, figure } => served(left, right.as_deref(), *figure, ground),
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

fn served(left: &Side, right: Option<&Side>, figure: Figure, ground: &Ground) -> Told {
    let name = |s: &Side| format!("{} ({})", s.unit.system.name, s.unit.chips);
    let noun = super::FIGURES.iter().find(|f| f.1 == figure).map_or("", |f| f.0);
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
    let mut study = side.study.clone();
    study.systems = vec![side.unit.clone()];
    let findings = weigh(&study, ground);
    let Some(system) = findings.systems.first() else { return Err("no system".to_owned()) };
    match &system.answer {
        Answer::Served(choice) => of_choice(choice, figure),
        Answer::Unserved { .. } => Err("cannot serve it within the levels".to_owned()),
        Answer::Incomplete { missing } => Err(format!("lacks {}", missing.join(", "))),
    }
}

fn of_choice(c: &Choice, figure: Figure) -> Result<Estimate, String> {
    match figure {
        Figure::PerChip => Ok(c.tokens_per_chip),
        Figure::PerSystem => Ok(c.tokens_per_system),
        Figure::Cost => c.cost.as_ref().map(|c| c.per_million).ok_or_else(|| "no price is known".to_owned()),
        Figure::Energy => c.energy_per_token.ok_or_else(|| "its power is unknown".to_owned()),
        // A share of a step: how far predictions of it are off is not known, so it stands without an interval.
        Figure::Communication => Ok(Estimate { value: c.communication, low: c.communication, high: c.communication }),
    }
}
