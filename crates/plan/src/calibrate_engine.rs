//! Fits the host times of an engine profile to measured serving points.
//!
//! A handful of times an engine (never a row, a model or a source): the host's work per step, request and prompt token,
//! the front end's, and what launching kernels takes. Each is moved up and down by shrinking factors as long as the loss
//! falls; the loss counts each error of a logarithm at most once, so that no odd row pulls the whole.

use std::collections::BTreeMap;

use catalog::{Engine, Fact};
use units::{Range, Seconds};

use crate::validate::case::Case;
use crate::validate::{Bench, Kind, Point};

/// A host time: its name in the profile and how to reach it.
type Time = (&'static str, fn(&mut Engine) -> &mut Fact<Seconds>, f64);

/// Host times with the largest value that makes sense, in seconds.
const TIMES: [Time; 11] = [
    ("step", |e| &mut e.host.step, 8e-3),
    ("request", |e| &mut e.host.request, 120e-6),
    ("prefill", |e| &mut e.host.prefill, 60e-3),
    ("wait", |e| &mut e.host.wait, 20e-6),
    ("token", |e| &mut e.host.token, 2e-6),
    ("intake", |e| &mut e.host.intake, 30e-3),
    ("intake_token", |e| &mut e.host.intake_token, 20e-6),
    ("stream", |e| &mut e.host.stream, 200e-6),
    ("ingress", |e| &mut e.host.ingress, 60e-3),
    ("launch", |e| &mut e.host.launch, 20e-6),
    ("gap", |e| &mut e.host.gap, 4e-6),
];

/// Errors of a logarithm count up to here.
const CAP: f64 = 0.8;
/// Weight of an error of TTFT against one of TPOT or throughput.
const TTFT_WEIGHT: f64 = 0.4;
/// Sweeps over all times, with the factor of each.
const SWEEPS: [f64; 5] = [3.0, 2.0, 1.6, 1.3, 1.15];

/// What a fit found.
#[derive(Debug, Clone)]
pub struct EngineFit {
    /// Host times by name, seconds.
    pub times: Vec<(&'static str, f64)>,
    /// Loss before and after, per value.
    pub loss: (f64, f64),
    /// Values that were fitted to.
    pub rows: usize,
}

/// Fits the host times of `engine` to `cases` (those of another engine are ignored), calling `progress` after each sweep.
pub fn fit(bench: &Bench<'_>, engine: &str, cases: &[Case], progress: &mut dyn FnMut(f64)) -> Option<EngineFit> {
    let cases: Vec<Case> = cases.iter().filter(|c| c.engine == engine).cloned().collect();
    let mut profile = bench.engines.get(engine)?.clone();
    let loss_of = |profile: &Engine| -> (f64, usize) {
        let mut engines: BTreeMap<String, Engine> = bench.engines.clone();
        engines.insert(engine.to_owned(), profile.clone());
        let bench = Bench { catalog: bench.catalog, fitted: bench.fitted, engines, intervals: bench.intervals };
        let rows = bench.predict(&cases, &|| ());
        let losses: Vec<f64> = rows.iter().filter_map(loss).collect();
        (losses.iter().sum::<f64>() / losses.len().max(1) as f64, losses.len())
    };
    let (before, rows) = loss_of(&profile);
    if rows == 0 {
        return None;
    }
    let mut best = before;
    for factor in SWEEPS {
        for (_, time, most) in TIMES {
            for factor in [factor, 1.0 / factor] {
                // As far as it helps in one direction.
                loop {
                    let mut moved = profile.clone();
                    let value = (time(&mut moved).mid().0.max(1e-9) * factor).min(most);
                    time(&mut moved).value = Range::exact(Seconds(value));
                    let (loss, _) = loss_of(&moved);
                    if loss >= best - 1e-5 {
                        break;
                    }
                    best = loss;
                    profile = moved;
                }
            }
        }
        progress(best);
    }
    let times = TIMES.iter().map(|&(name, time, _)| (name, time(&mut profile).mid().0)).collect();
    Some(EngineFit { times, loss: (before, best), rows })
}

fn loss(point: &Point) -> Option<f64> {
    let weight = if point.kind == Kind::Ttft { TTFT_WEIGHT } else { 1.0 };
    Some(weight * point.error()?.abs().min(CAP))
}
