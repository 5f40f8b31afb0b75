//! Fits what a framework's host and exchanges cost, and what a chip loses in long runs, to measured training runs.
//!
//! A handful of numbers for each profile and for each chip; never for a row, a model or a source. A fit begins with neutral
//! values, so that it owes nothing to the one before, and moves each number up and down by shrinking factors as long as the
//! loss falls. Leaving its neutral value costs a number a little, so that what the runs do not tell stays, and what is a
//! product of several (time of attention: chip, framework, backward over forward) is shared among them instead of being put
//! into one. A group (model, chip, profile) counts as much as its root, so that one maker's many rows do not swamp the rest;
//! an error counts at most once.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Fact, Framework};
use cost::calibration::Basis;
use cost::train::{ChipFit, TrainingCalibration};
use rayon::prelude::*;
use units::{Range, Seconds};

use super::case::TrainingCase;
use super::rig::{Rig, stack};
use super::validate::{TrainingBench, predict};
use crate::interval::{Intervals, Residual};
use crate::validate::{Kind, Point, basis_name};

/// Errors of a logarithm count up to here.
const CAP: f64 = 0.7;
/// What a factor of e away from its neutral value costs a number, in errors of a row of full weight.
const LEAVING: f64 = 0.05;
/// Sweeps, with the factor of each.
const SWEEPS: [f64; 8] = [2.0, 1.5, 1.3, 1.15, 1.07, 1.05, 1.03, 1.02];

/// What a fit found.
#[derive(Debug, Clone)]
pub struct TrainingFit {
    /// Profiles as fitted.
    pub frameworks: BTreeMap<String, Framework>,
    /// Chips as fitted.
    pub chips: Vec<ChipFit>,
    /// Profiles that runs were found for; the others are as they were.
    pub fitted: BTreeSet<String>,
    /// Loss before and after.
    pub loss: (f64, f64),
    /// Rows that were fitted to.
    pub rows: usize,
}

struct Row<'a> {
    case: &'a TrainingCase,
    rig: Rig,
    fit: usize,
    weight: f64,
    gated: bool,
}

/// Number of a framework that is fitted: how to reach it, and the bounds of it.
type Knob = (&'static str, fn(&mut Framework) -> Part<'_>, f64, f64);

enum Part<'f> {
    Number(&'f mut Fact<f64>),
    Time(&'f mut Fact<Seconds>),
}

impl Part<'_> {
    fn get(&self) -> f64 {
        match self {
            Part::Number(f) => f.mid(),
            Part::Time(f) => f.mid().0,
        }
    }

    fn set(&mut self, value: f64) {
        match self {
            Part::Number(f) => f.value = Range::exact(value),
            Part::Time(f) => f.value = Range::exact(Seconds(value)),
        }
    }
}

const KNOBS: [Knob; 11] = [
    ("launch", |f| Part::Time(&mut f.launch), 1e-6, 40e-6),
    ("routing", |f| Part::Time(&mut f.routing), 1e-5, 5e-3),
    ("step", |f| Part::Time(&mut f.step), 1e-3, 0.05),
    ("small", |f| Part::Number(&mut f.small), 0.8, 3.0),
    ("grouped", |f| Part::Number(&mut f.grouped), 1.0, 5.0),
    ("attention", |f| Part::Number(&mut f.attention), 0.7, 4.0),
    ("attention_backward", |f| Part::Number(&mut f.attention_backward), 1.0, 2.5),
    ("tensor", |f| Part::Number(&mut f.overlap[0]), 0.01, 1.0),
    ("expert", |f| Part::Number(&mut f.overlap[2]), 0.01, 1.0),
    ("data", |f| Part::Number(&mut f.overlap[4]), 0.01, 1.0),
    ("maturity", |f| Part::Number(&mut f.maturity), 0.8, 2.0),
];

/// Whether the number of a profile with this key is fitted.
pub(super) fn is_fitted(key: &str) -> bool {
    KNOBS.iter().any(|(name, ..)| *name == key)
}

/// Number of a chip's fit: how to reach it, and its bounds.
type ChipKnob = (fn(&mut ChipFit) -> &mut f64, f64, f64);

const CHIP_KNOBS: [ChipKnob; 4] = [
    (|c| &mut c.half, 0.7, 2.5),
    (|c| &mut c.eight, 0.7, 2.5),
    (|c| &mut c.four, 0.7, 2.5),
    // Kernels of attention were measured one by one: a long run differs by clocks and power, not by a factor of two.
    (|c| &mut c.attention, 0.6, 1.6),
];

/// Neutral values that a fit starts from: for each knob in turn.
const STARTS: [f64; 11] = [8e-6, 2e-4, 1e-2, 1.2, 1.5, 1.0, 1.3, 0.5, 0.4, 0.7, 1.0];
/// The same of chips.
const CHIP_STARTS: [f64; 4] = [1.1, 1.1, 1.1, 1.0];

/// Predictions of runs by fits that have not seen them.
#[derive(Debug, Clone, Default)]
pub struct Unseen {
    /// By fits that saw other models on the chip.
    pub groups: Vec<Point>,
    /// The same where of the chip no more is known than its class: what a chip of which nothing was measured may be off by.
    pub classes: Vec<Point>,
}

/// Predictions of every case by a fit that has seen no case of its group (model on a chip): the groups are dealt to
/// `folds` parts, and each part is predicted by a fit to the others, from neutral values.
pub fn held_out(
    bench: &TrainingBench<'_>,
    cases: &[TrainingCase],
    folds: usize,
    progress: &mut dyn FnMut(usize),
) -> Unseen {
    let key = |c: &TrainingCase| format!("{} on {}", c.model_name, c.chip);
    let mut groups: Vec<String> = cases.iter().map(key).collect();
    groups.sort_unstable();
    groups.dedup();
    let fold = |c: &TrainingCase| groups.binary_search(&key(c)).unwrap_or(0) % folds.max(1);
    let (neutral_frameworks, neutral_chips) = neutral(bench, cases);
    let mut points: [Vec<Option<Point>>; 2] = [vec![None; cases.len()], vec![None; cases.len()]];
    for part in 0..folds.max(1) {
        let start = TrainingBench {
            catalog: bench.catalog,
            fitted: bench.fitted,
            chips: &neutral_chips,
            frameworks: neutral_frameworks.clone(),
            intervals: bench.intervals,
        };
        let others: Vec<TrainingCase> = cases.iter().filter(|c| fold(c) != part).cloned().collect();
        let found = descend(&start, &others, &mut |_| ());
        let classes = found.chips.iter().filter(|c| !c.class.is_empty()).cloned().collect();
        let own: Vec<usize> = (0..cases.len()).filter(|&i| fold(&cases[i]) == part).collect();
        let unseen: Vec<TrainingCase> = own.iter().map(|&i| cases[i].clone()).collect();
        for (chips, points) in [found.chips, classes].into_iter().zip(&mut points) {
            let chips = TrainingCalibration { chip: chips };
            let fitted = TrainingBench { chips: &chips, frameworks: found.frameworks.clone(), ..start.clone() };
            for (i, point) in own.iter().zip(predict(&fitted, &unseen, &|| ())) {
                points[*i] = Some(point);
            }
        }
        progress(part + 1);
    }
    let [groups, classes] = points.map(|p| p.into_iter().flatten().collect());
    Unseen { groups, classes }
}

/// Intervals of steps from residuals of unseen groups, and of the same runs where only the class of the chip was known.
pub fn intervals(groups: &[Residual], classes: &[Residual]) -> Intervals {
    let mut found = Intervals::fit(groups);
    let of_class = basis_name(Basis::Class);
    found.stratum.extend(Intervals::fit(classes).stratum.into_iter().filter(|s| s.basis == of_class));
    found
}

/// Profiles and chips with neutral values for all that the cases can tell; what none of them tells is set by hand and stays.
fn neutral(bench: &TrainingBench<'_>, cases: &[TrainingCase]) -> (BTreeMap<String, Framework>, TrainingCalibration) {
    let mut frameworks = bench.frameworks.clone();
    let mut chips = bench.chips.clone();
    let (mut profiles, mut fitted) = (Vec::new(), Vec::new());
    for row in rows(bench, cases, &chips.chip) {
        profiles.push(row.case.framework.clone());
        fitted.push(row.fit);
    }
    for (_, framework) in frameworks.iter_mut().filter(|(id, _)| profiles.contains(id)) {
        for ((_, reach, low, high), start) in KNOBS.iter().zip(STARTS) {
            reach(framework).set(start.clamp(*low, *high));
        }
    }
    for (_, chip) in chips.chip.iter_mut().enumerate().filter(|(i, _)| fitted.contains(i)) {
        for ((reach, low, high), start) in CHIP_KNOBS.iter().zip(CHIP_STARTS) {
            *reach(chip) = start.clamp(*low, *high);
        }
    }
    (frameworks, chips)
}

/// Fits profiles and chips to the cases that can be judged, those of medium confidence with less weight.
pub fn fit(bench: &TrainingBench<'_>, cases: &[TrainingCase], progress: &mut dyn FnMut(f64)) -> TrainingFit {
    let (frameworks, chips) = neutral(bench, cases);
    let start = TrainingBench {
        catalog: bench.catalog,
        fitted: bench.fitted,
        chips: &chips,
        frameworks,
        intervals: bench.intervals,
    };
    descend(&start, cases, progress)
}

fn descend(bench: &TrainingBench<'_>, cases: &[TrainingCase], progress: &mut dyn FnMut(f64)) -> TrainingFit {
    let mut frameworks = bench.frameworks.clone();
    let mut chips = bench.chips.chip.clone();
    let rows = rows(bench, cases, &chips);
    let loss = |frameworks: &BTreeMap<String, Framework>, chips: &[ChipFit], only: Option<&dyn Fn(&Row) -> bool>| {
        let of = |row: &Row| -> (f64, f64) {
            let Some(framework) = frameworks.get(&row.case.framework) else { return (0.0, 0.0) };
            let mut rig = row.rig.clone();
            rig.stack = stack(framework, &chips[row.fit]);
            let seen = bench.see(row.case, &rig, false).ok().and_then(|s| row.case.value_of(s.seconds));
            let error = seen.map_or(CAP, |v| (v / row.case.value).ln().abs().min(CAP));
            // A gentle pull: absolute errors, with a little of the square.
            (row.weight * (error + error * error), row.weight)
        };
        let chosen: Vec<&Row> = rows.iter().filter(|r| only.is_none_or(|keep| keep(r))).collect();
        let sums: Vec<(f64, f64)> = chosen.par_iter().map(|r| of(r)).collect();
        sums.iter().fold(0.0, |a, s| a + s.0)
    };
    let away = |value: f64, neutral: f64| LEAVING * (value / neutral.max(1e-9)).ln().abs();
    let total: f64 = rows.iter().map(|r| r.weight).sum::<f64>().max(1e-9);
    let before = loss(&frameworks, &chips, None) / total;
    for factor in SWEEPS {
        for index in 0..chips.len() {
            if !rows.iter().any(|r| r.fit == index) {
                continue;
            }
            let keep = |r: &Row| r.fit == index;
            for (reach, low, high) in CHIP_KNOBS {
                let neutral = *reach(&mut bench.chips.chip[index].clone());
                let mut best = loss(&frameworks, &chips, Some(&keep)) + away(*reach(&mut chips[index]), neutral);
                for step in [factor, 1.0 / factor] {
                    loop {
                        let mut moved = chips.clone();
                        let value = reach(&mut moved[index]);
                        let next = (*value * step).clamp(low, high);
                        if next == *value {
                            break;
                        }
                        *value = next;
                        let found = loss(&frameworks, &moved, Some(&keep)) + away(next, neutral);
                        if found >= best - 1e-6 {
                            break;
                        }
                        (best, chips) = (found, moved);
                    }
                }
            }
        }
        let names: Vec<String> = frameworks.keys().cloned().collect();
        for name in names {
            let keep = |r: &Row| r.case.framework == name;
            if !rows.iter().any(keep) {
                continue;
            }
            for (_, reach, low, high) in KNOBS {
                let value = |of: &BTreeMap<String, Framework>| of.get(&name).map(|f| reach(&mut f.clone()).get());
                let (Some(neutral), Some(now)) = (value(&bench.frameworks), value(&frameworks)) else { continue };
                let mut best = loss(&frameworks, &chips, Some(&keep)) + away(now.max(low), neutral.max(low));
                for step in [factor, 1.0 / factor] {
                    loop {
                        let mut moved = frameworks.clone();
                        let Some(framework) = moved.get_mut(&name) else { break };
                        let mut part = reach(framework);
                        let value = part.get();
                        let next = (value.max(low) * step).clamp(low, high);
                        if next == value {
                            break;
                        }
                        part.set(next);
                        let found = loss(&moved, &chips, Some(&keep)) + away(next, neutral.max(low));
                        if found >= best - 1e-6 {
                            break;
                        }
                        (best, frameworks) = (found, moved);
                    }
                }
            }
        }
        progress(loss(&frameworks, &chips, None) / total);
    }
    for (index, chip) in chips.iter_mut().enumerate() {
        let judged = rows.iter().filter(|r| r.fit == index && r.gated).count();
        chip.rows = judged as u32;
    }
    let after = loss(&frameworks, &chips, None) / total;
    let fitted = rows.iter().map(|r| r.case.framework.clone()).collect();
    TrainingFit { frameworks, chips, fitted, loss: (before, after), rows: rows.len() }
}

fn rows<'a>(bench: &TrainingBench<'_>, cases: &'a [TrainingCase], chips: &[ChipFit]) -> Vec<Row<'a>> {
    let mut groups: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    let key = |c: &TrainingCase| (c.model_name.clone(), c.chip.clone(), c.framework.clone());
    let usable =
        |c: &&TrainingCase| c.refused.is_none() && c.confidence != "low" && !special(c) && c.kind() == Kind::Step;
    for case in cases.iter().filter(usable) {
        *groups.entry(key(case)).or_default() += 1;
    }
    let row = |case: &'a TrainingCase| {
        let rig = bench.rig(case).ok()?;
        bench.see(case, &rig, false).ok()?;
        let found = bench.chips.of(&rig.system.chip).ok()?.0;
        let fit = chips.iter().position(|c| c == found)?;
        let trust = if case.is_plain() { 1.0 } else { 0.4 };
        let weight = trust / (groups[&key(case)] as f64).sqrt();
        Some(Row { case, rig, fit, weight, gated: true })
    };
    cases.iter().filter(usable).filter_map(row).collect()
}

/// Rows whose doubt is about what was run, not about how well it is told.
fn special(case: &TrainingCase) -> bool {
    case.doubt.as_ref().is_some_and(|d| !d.starts_with("time from"))
}
