//! Measured rows that no chip can have produced as described.

use catalog::Model;
use catalog::model::{parameters, weight_bytes};

use super::case::{Case, CaseLoad, Metric};
use crate::predict::{Pools, Setup};

/// Share of the dense peak beyond which a whole run, attention not counted, is not believed.
const BELIEVABLE: f64 = 0.75;

/// Why the measured values of a case cannot be what they are said to be.
pub fn beyond(case: &Case, setup: &Setup<'_>) -> Option<String> {
    let (model, machine) = (setup.model, setup.machine);
    let devices = f64::from(setup.pools.devices());
    if let Some(requests) = requests_per_second(case) {
        let prompt = case.input.mean() * (1.0 - case.prefix_hit);
        let flop = 2.0 * parameters(model).active as f64 * (prompt + case.output.mean()) * requests;
        let share = flop / (peak(setup) * devices);
        if share > BELIEVABLE {
            return Some(format!("faster than the chip without a prefix cache: {:.0} % of its peak", share * 100.0));
        }
    }
    let bytes = active_bytes(model, setup);
    let one = match &setup.pools {
        Pools::Together(pool) => pool.parallel.devices(),
        Pools::Split { decode, .. } => decode.parallel.devices(),
    };
    let bandwidth = machine.system.chip.bandwidth.value.high.0 / f64::from(machine.system.chip.devices.max(1));
    let least = bytes / (bandwidth * f64::from(one));
    let tpot = case.measured.iter().find(|m| matches!(m.metric, Metric::TpotMean | Metric::TpotP50))?;
    (case.speculation.is_none() && case.plain && tpot.plain_value() < least)
        .then(|| format!("TPOT below the {:.2} ms that reading the active weights takes", least * 1e3))
}

/// Requests per second that the measured values speak of; of a closed loop from its latencies.
fn requests_per_second(case: &Case) -> Option<f64> {
    let of = |metric| case.measured.iter().find(|m| m.metric == metric).map(super::case::Measured::plain_value);
    let (input, output) = (case.input.mean(), case.output.mean());
    let whole = || match case.load {
        CaseLoad::Concurrency(c) => Some(c as f64 / (of(Metric::TtftMean)? + of(Metric::TpotMean)? * (output - 1.0))),
        _ => None,
    };
    of(Metric::Requests)
        .or_else(|| of(Metric::OutputTokens).map(|r| r / output))
        .or_else(|| of(Metric::InputTokens).map(|r| r / input))
        .or_else(|| of(Metric::TotalTokens).map(|r| r / (input + output)))
        .or_else(whole)
}

/// Largest peak of a device in the arithmetic of its products with weights.
fn peak(setup: &Setup<'_>) -> f64 {
    let chip = &setup.machine.system.chip;
    let weights = &setup.storage.weights;
    let of = |scheme| {
        let arithmetic = cost::calibration::arithmetic_for(chip, scheme).map(|(a, _)| a)?;
        chip.peak.get(&arithmetic).map(|fact| fact.value.high.0)
    };
    let peaks = [weights.attention, weights.dense, weights.experts].into_iter().filter_map(of);
    peaks.fold(0.0, f64::max) / f64::from(chip.devices.max(1))
}

/// Bytes of the weights that one token uses.
fn active_bytes(model: &Model, setup: &Setup<'_>) -> f64 {
    let p = parameters(model);
    weight_bytes(model, &setup.storage.weights).total * p.active as f64 / p.total.max(1) as f64
}
