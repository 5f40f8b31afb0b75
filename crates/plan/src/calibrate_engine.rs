//! Fits the host times of an engine profile to measured serving points.
//!
//! A handful of times an engine (never a row, a model or a source): the host's work per step, request and prompt token,
//! the front end's, and what launching kernels takes. All start from `calibration/host-times.toml`; each is moved up and
//! down by shrinking factors as long as the loss falls. The loss counts each error of a logarithm at most up to a cap, so
//! that no odd row pulls the whole; weighs rows so that a model on a chip with many rows does not swamp the others; and
//! charges for leaving the starting values, so that a time that the rows do not determine stays where it was.
//!
//! How well times carry over to a model and chip that nobody measured is told by leaving groups out: each fold of groups
//! is predicted with times that were fitted to the others, from the same starting values.

use std::collections::BTreeMap;

use catalog::{Engine, Fact};
use units::{Range, Seconds};

use crate::validate::case::Case;
use crate::validate::{Bench, Errors, Kind, Point};

/// A host time: its name in the profile, how to reach it, and the largest value that makes sense, in seconds.
type Time = (&'static str, fn(&mut Engine) -> &mut Fact<Seconds>, f64);

/// Host times that are fitted. What the client sees after the last step (`egress`) cannot be told from `ingress`.
const TIMES: [Time; 11] = [
    ("step", |e| &mut e.host.step, 40e-3),
    ("request", |e| &mut e.host.request, 400e-6),
    ("prefill", |e| &mut e.host.prefill, 60e-3),
    ("wait", |e| &mut e.host.wait, 20e-6),
    ("token", |e| &mut e.host.token, 2e-6),
    ("intake", |e| &mut e.host.intake, 30e-3),
    ("intake_token", |e| &mut e.host.intake_token, 20e-6),
    ("stream", |e| &mut e.host.stream, 200e-6),
    ("ingress", |e| &mut e.host.ingress, 60e-3),
    ("launch", |e| &mut e.host.launch, 20e-6),
    ("gap", |e| &mut e.host.gap, 20e-6),
];

/// Where fits start.
const START: &str = include_str!("../../../calibration/host-times.toml");

/// Errors of a logarithm count up to here.
const CAP: f64 = 0.8;
/// Weight of an error of TTFT against one of TPOT or throughput.
const TTFT_WEIGHT: f64 = 0.5;
/// What moving one time by a factor of e costs, in units of a mean error.
const RIDGE: f64 = 0.0005;
/// Sweeps over all times, with the factor of each.
const SWEEPS: [f64; 4] = [3.0, 2.0, 1.4, 1.15];
/// Rows of one model, chip, source and lengths that are fitted to: spread over their loads.
const THIN: usize = 4;
/// Parts that groups are dealt into to be left out in turn.
const FOLDS: usize = 4;

/// Errors of one kind of value before a fit, after it, and where its group was left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// What was measured.
    pub kind: Kind,
    /// With the profile as it was.
    pub before: Errors,
    /// In sample.
    pub fitted: Option<Errors>,
    /// Predicted with times that were fitted without the group; none where there is but one.
    pub held_out: Option<Errors>,
}

/// What a fit found.
#[derive(Debug, Clone)]
pub struct EngineFit {
    /// The profile.
    pub engine: String,
    /// Host times by name, seconds, to three digits.
    pub times: Vec<(&'static str, f64)>,
    /// Measured values that it was fitted to.
    pub values: usize,
    /// Models on chips among them.
    pub groups: usize,
    /// Errors over all plain rows of the engine, by kind.
    pub quality: Vec<Quality>,
}

/// The rows of `engine` that a fit may use: no trap, no doubt, and nothing left open but what the profile says.
pub fn rows(engine: &str, cases: &[Case]) -> Vec<Case> {
    let usable = |c: &&Case| c.engine == engine && c.plain && c.refused.is_none() && !c.is_open();
    cases.iter().filter(usable).cloned().collect()
}

/// Errors of the profile as it is, by kind.
pub fn check(bench: &Bench<'_>, engine: &str, cases: &[Case]) -> Vec<Quality> {
    let points = bench.predict(&rows(engine, cases), &|| ());
    qualities(&points, &[], &[])
}

/// Fits the host times of `engine` to `cases` (those of another engine are ignored). `tick` is called with the share that
/// is done after each sweep. `None` where nothing was measured.
pub fn fit(bench: &Bench<'_>, engine: &str, cases: &[Case], tick: &mut dyn FnMut(f64)) -> Option<EngineFit> {
    let all = rows(engine, cases);
    let start = start(bench.engines.get(engine)?);
    let groups = Groups::of(&all);
    if all.is_empty() {
        return None;
    }
    let folds = if groups.sizes.len() > 1 { FOLDS.min(groups.sizes.len()) } else { 0 };
    let fits = 1 + folds;
    let mut done = 0;
    let mut descend = |train: &[Case]| {
        let found = Descent { bench, engine, rows: thin(train) }.run(start.clone(), &mut || {
            done += 1;
            tick(done as f64 / (fits * SWEEPS.len()) as f64);
        });
        rounded(found)
    };
    let mut fitted = descend(&all);
    let before = bench.predict(&all, &|| ());
    let after = with(bench, engine, &fitted).predict(&all, &|| ());
    let mut held_out = Vec::new();
    for fold in 0..folds {
        let (test, train): (Vec<Case>, Vec<Case>) = all.iter().cloned().partition(|c| groups.fold(c, folds) == fold);
        let profile = descend(&train);
        held_out.extend(with(bench, engine, &profile).predict(&test, &|| ()));
    }
    Some(EngineFit {
        engine: engine.to_owned(),
        times: TIMES.iter().map(|&(name, time, _)| (name, time(&mut fitted).mid().0)).collect(),
        values: thin(&all).iter().map(|c| c.measured.len()).sum(),
        groups: groups.sizes.len(),
        quality: qualities(&before, &after, &held_out),
    })
}

/// The text of a profile with fitted times in place of those it had; `note` says what they were fitted to.
pub fn written(text: &str, fit: &EngineFit, note: &str) -> String {
    let mut section = "";
    let line = |line: &str, section: &str| {
        let fitted = fit.times.iter().find(|(name, _)| line.split('=').next().is_some_and(|key| key.trim() == *name));
        match fitted.filter(|_| section == "[host]") {
            Some((name, seconds)) => format!(
                "{name} = {{ value = \"{}\", kind = \"derived\", source = \"derived\", note = \"{note}\" }}\n",
                shown(*seconds)
            ),
            None => format!("{line}\n"),
        }
    };
    let mut out = String::with_capacity(text.len());
    for l in text.lines() {
        if l.starts_with('[') {
            section = l.trim();
        }
        out.push_str(&line(l, section));
    }
    out
}

/// "3.13 ms".
fn shown(seconds: f64) -> String {
    let (scale, unit) = match seconds {
        s if s >= 1e-3 => (1e3, "ms"),
        s if s >= 1e-6 => (1e6, "us"),
        _ => (1e9, "ns"),
    };
    // Three digits: what is printed is what was fitted.
    let value = seconds * scale;
    let digits = (2 - value.max(1e-9).log10().floor() as i32).max(0) as usize;
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} {unit}")
}

/// The profile with the host times that every fit starts from.
fn start(profile: &Engine) -> Engine {
    let mut profile = profile.clone();
    let table: BTreeMap<String, String> = toml::from_str(START).unwrap_or_default();
    for (name, time, most) in TIMES {
        // A test holds that the built-in file names every time.
        let written = table.get(name).and_then(|text| text.parse::<Seconds>().ok());
        let value = written.unwrap_or(time(&mut profile).mid());
        time(&mut profile).value = Range::exact(Seconds(value.0.clamp(1e-9, most)));
    }
    profile
}

fn with<'c>(bench: &Bench<'c>, engine: &str, profile: &Engine) -> Bench<'c> {
    let mut engines = bench.engines.clone();
    engines.insert(engine.to_owned(), profile.clone());
    Bench { catalog: bench.catalog, fitted: bench.fitted, engines, intervals: bench.intervals }
}

/// Every time to three digits, as it is written.
fn rounded(mut profile: Engine) -> Engine {
    for (_, time, _) in TIMES {
        let value = time(&mut profile).mid().0.max(1e-9);
        let unit = 10f64.powi(value.log10().floor() as i32 - 2);
        time(&mut profile).value = Range::exact(Seconds((value / unit).round() * unit));
    }
    profile
}

/// A model on a chip: its rows share their error.
fn group(case: &Case) -> (&str, &str) {
    (&case.model, &case.chip)
}

/// Groups with their number of rows.
struct Groups {
    sizes: BTreeMap<(String, String), usize>,
}

impl Groups {
    fn of(cases: &[Case]) -> Groups {
        let mut sizes = BTreeMap::new();
        for case in cases {
            let (model, chip) = group(case);
            *sizes.entry((model.to_owned(), chip.to_owned())).or_insert(0) += 1;
        }
        Groups { sizes }
    }

    /// The part of `folds` that a case's group is dealt to: the largest groups first, each to the part with the fewest
    /// rows.
    fn fold(&self, case: &Case, folds: usize) -> usize {
        let mut order: Vec<_> = self.sizes.iter().collect();
        order.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let mut loads = vec![0; folds.max(1)];
        for ((model, chip), size) in order {
            let lightest = loads.iter().enumerate().min_by_key(|(place, load)| (**load, *place)).map_or(0, |(i, _)| i);
            loads[lightest] += size;
            if (model.as_str(), chip.as_str()) == group(case) {
                return lightest;
            }
        }
        0
    }
}

/// At most so many rows of one model, chip, source and lengths, spread evenly over them in order of load.
fn thin(cases: &[Case]) -> Vec<Case> {
    let mut sets: BTreeMap<String, Vec<&Case>> = BTreeMap::new();
    for case in cases {
        let key = format!("{:?} {} {:.0} {:.0}", group(case), case.source, case.input.mean(), case.output.mean());
        sets.entry(key).or_default().push(case);
    }
    let mut kept = Vec::new();
    for rows in sets.values_mut() {
        rows.sort_by(|a, b| load(a).total_cmp(&load(b)));
        let take = rows.len().min(THIN);
        let place = |i: usize| if take > 1 { i * (rows.len() - 1) / (take - 1) } else { rows.len() / 2 };
        kept.extend((0..take).map(|i| rows[place(i)].clone()));
    }
    kept
}

fn load(case: &Case) -> f64 {
    use crate::validate::case::CaseLoad;
    match case.load {
        CaseLoad::Concurrency(n) | CaseLoad::Burst(n) | CaseLoad::Static(n) => n as f64,
        CaseLoad::Rate(rate) => rate,
        CaseLoad::Saturated | CaseLoad::Bounded { .. } => f64::INFINITY,
    }
}

/// A descent along one time after the other.
struct Descent<'b, 'c> {
    bench: &'b Bench<'c>,
    engine: &'b str,
    rows: Vec<Case>,
}

impl Descent<'_, '_> {
    fn run(&self, start: Engine, swept: &mut dyn FnMut()) -> Engine {
        let sizes = Groups::of(&self.rows).sizes;
        let weight =
            |p: &Point| 1.0 / (sizes.get(&(p.model.clone(), p.chip.clone())).copied().unwrap_or(1) as f64).sqrt();
        let loss_of = |profile: &Engine| -> f64 {
            let points = with(self.bench, self.engine, profile).predict(&self.rows, &|| ());
            let terms = points.iter().filter_map(|p| Some((weight(p), loss(p)?)));
            let (weights, losses) = terms.fold((0.0, 0.0), |(w, l), (weight, loss)| (w + weight, l + weight * loss));
            losses / f64::max(weights, 1e-12) + RIDGE * moved(profile, &start)
        };
        let mut profile = start.clone();
        let mut best = loss_of(&profile);
        for factor in SWEEPS {
            for (_, time, most) in TIMES {
                for factor in [factor, 1.0 / factor] {
                    // As far as it helps in one direction.
                    loop {
                        let mut next = profile.clone();
                        let now = time(&mut next).mid().0;
                        let value = (now * factor).clamp(1e-9, most);
                        time(&mut next).value = Range::exact(Seconds(value));
                        let loss = if value == now { f64::INFINITY } else { loss_of(&next) };
                        if loss >= best - 1e-5 {
                            break;
                        }
                        best = loss;
                        profile = next;
                    }
                }
            }
            swept();
        }
        profile
    }
}

/// Squared logarithms of how far times have moved.
fn moved(profile: &Engine, start: &Engine) -> f64 {
    let (mut a, mut b) = (profile.clone(), start.clone());
    TIMES.iter().map(|&(_, time, _)| (time(&mut a).mid().0 / time(&mut b).mid().0).ln().powi(2)).sum()
}

fn loss(point: &Point) -> Option<f64> {
    let weight = if point.kind == Kind::Ttft { TTFT_WEIGHT } else { 1.0 };
    Some(weight * point.error()?.abs().min(CAP))
}

fn qualities(before: &[Point], fitted: &[Point], held_out: &[Point]) -> Vec<Quality> {
    let of = |points: &[Point], kind| {
        let errors = Errors::of(points.iter().filter(|p| p.kind == kind));
        (errors.count > 0).then_some(errors)
    };
    let one = |kind| {
        Some(Quality { kind, before: of(before, kind)?, fitted: of(fitted, kind), held_out: of(held_out, kind) })
    };
    Kind::SERVING.into_iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_they_were_fitted() {
        for (seconds, text) in
            [(3.13e-3, "3.13 ms"), (25e-3, "25 ms"), (0.152e-6, "152 ns"), (1e-9, "1 ns"), (40e-6, "40 us")]
        {
            assert_eq!(shown(seconds), text);
        }
        let fit = EngineFit { engine: "x".into(), times: vec![("step", 2e-3)], values: 1, groups: 1, quality: vec![] };
        let text = "name = \"X\"\n[host]\nstep = { value = \"1 ms\" } \negress = 1\n[features]\nstep = 1\n";
        let note = "n";
        let wanted = "name = \"X\"\n[host]\nstep = { value = \"2 ms\", kind = \"derived\", source = \"derived\", note = \"n\" }\n\
                      egress = 1\n[features]\nstep = 1\n";
        assert_eq!(written(text, &fit, note), wanted);
    }

    #[test]
    fn every_time_has_a_start() {
        let table: BTreeMap<String, String> = toml::from_str(START).expect("sound");
        assert_eq!(table.len(), TIMES.len());
        for (name, _, most) in TIMES {
            let start = table[name].parse::<Seconds>().expect("a time").0;
            assert!(start > 0.0 && start < most, "{name}");
        }
    }

    #[test]
    fn every_profile_can_be_written() {
        let times = TIMES.iter().map(|&(name, _, _)| (name, 1e-3)).collect();
        let fit = EngineFit { engine: String::new(), times, values: 1, groups: 1, quality: vec![] };
        for name in Engine::names() {
            let text = written(Engine::text(name).expect("built in"), &fit, "a note");
            let mut profile = Engine::parse(name, "x.toml", &text).expect("sound");
            assert!(TIMES.iter().all(|&(_, time, _)| (time(&mut profile).mid().0 - 1e-3).abs() < 1e-12), "{name}");
        }
    }
}
