//! Measured rows that no chip can have produced as described.

use catalog::Model;
use catalog::model::{parameters, weight_bytes};

use super::case::{Case, CaseLoad, Metric, Mode};
use crate::predict::{Pools, Setup};

/// Share of the dense peak beyond which a whole run, attention not counted, is not believed.
const BELIEVABLE: f64 = 0.75;

/// Largest numbers that a row may state: requests in flight or in all, tokens of a request, chips, and one degree of
/// parallelism. Beyond them a row is a mistake, and its simulation would take for ever.
const MOST_REQUESTS: u64 = 1_000_000;
const MOST_TOKENS: u64 = 10_000_000;
const MOST_CHIPS: u32 = 100_000;
const MOST_DEGREE: u32 = 4096;

/// Why the numbers of a case cannot be meant, whatever the machine.
pub fn absurd(case: &Case) -> Option<String> {
    let requests = match case.load {
        CaseLoad::Concurrency(n) | CaseLoad::Burst(n) | CaseLoad::Static(n) => n.max(case.requests.unwrap_or(0)),
        _ => case.requests.unwrap_or(0),
    };
    let pools = match case.mode {
        Mode::Aggregated(p) | Mode::PrefillOnly(p) | Mode::DecodeOnly(p) => vec![p],
        Mode::Disaggregated { prefill, decode } => vec![prefill, decode],
    };
    let degrees = pools.iter().flat_map(|p| {
        let s = p.split;
        [Some(p.workers), s.tp, s.pp, s.dp, s.ep, s.moe_tp]
    });
    let degree = degrees.flatten().max().unwrap_or(1);
    let says = |what: &str, value: u64| Some(format!("{what} {value}: more than any run has"));
    if requests > MOST_REQUESTS {
        return says("requests", requests);
    }
    if case.input.longest().max(case.output.longest()) > MOST_TOKENS {
        return says("tokens of a request", case.input.longest().max(case.output.longest()));
    }
    if case.chips.is_some_and(|c| c > MOST_CHIPS) {
        return says("chips", u64::from(case.chips.unwrap_or(0)));
    }
    if degree > MOST_DEGREE {
        return says("parallelism", u64::from(degree));
    }
    let unsound = |m: &super::case::Measured| !(m.value.is_finite() && m.value > 0.0);
    case.measured.iter().any(unsound).then(|| "the measured value is not a number above zero".to_owned())
}

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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::tables::Table;

    #[test]
    fn absurd_rows_are_named() {
        let text = "id,model_path,system,backend,isl,osl,concurrency,tp_size,silicon_ttft_ms,silicon_tpot_ms\n\
                    a,m,h100_sxm,vllm,1000,100,1e18,1,5,5\n\
                    b,m,h100_sxm,vllm,1e15,100,8,1,5,5\n\
                    c,m,h100_sxm,vllm,1000,100,8,1e9,5,5\n\
                    d,m,h100_sxm,vllm,1000,100,8,1,-5,5\n\
                    e,m,h100_sxm,vllm,1000,100,8,1,5,5\n";
        let table = Table::parse(Path::new("x.csv"), text.into()).expect("a table");
        let cases = crate::validate::silicon::cases(&table).expect("cases");
        let said: Vec<Option<String>> = cases.iter().map(absurd).collect();
        assert!(said[..4].iter().all(Option::is_some), "{said:?}");
        assert_eq!(said[4], None);
    }
}
