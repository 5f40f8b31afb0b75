//! Laws, and figures that a formula or a person can check.

use proptest::prelude::*;

use super::*;
use crate::nanos::Nanos;

const SECOND: u64 = 1_000_000_000;
const DAY: f64 = 86_400.0;

fn secs(s: f64) -> Nanos {
    Nanos((s * SECOND as f64) as u64)
}

fn step(name: u8, seconds: f64) -> Step {
    Step { name, lasts: secs(seconds), chance: 1.0 }
}

/// 2,048 servers, sixty days, a save of 10 s every ten minutes, five minutes to come back, spares without end.
fn plain() -> Scenario {
    let path = vec![step(0, 60.0), step(1, 240.0)];
    Scenario {
        length: secs(60.0 * DAY),
        units: Units { used: 2048, spares: 1000, replica: 1, without: Without::Wait, repair: secs(DAY) },
        faults: vec![Fault { rate: 1.0 / 10_800.0, spare_rate: 0.0, response: Response::Replace }],
        paths: Paths { restart: path.clone(), replace: path.clone(), evict: path.clone(), resume: path },
        checkpoints: Checkpoints { every: secs(600.0), blocks: secs(10.0), durable: secs(10.0) },
        maintenance: None,
    }
}

/// Mean and standard error of the share of useful time.
fn ratio(scenario: &Scenario, runs: u64) -> (f64, f64) {
    let each: Vec<f64> = (0..runs)
        .map(|i| run(scenario, 7, i).unwrap().account.of(State::Useful).seconds() / scenario.length.seconds())
        .collect();
    let mean = each.iter().sum::<f64>() / runs as f64;
    let variance = each.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (runs - 1) as f64;
    (mean, (variance / runs as f64).sqrt())
}

#[test]
fn without_faults_only_saves_cost() {
    let scenario = Scenario { faults: Vec::new(), length: secs(6100.0), ..plain() };
    let run = run(&scenario, 1, 0).unwrap();
    assert_eq!(run.account.of(State::Useful), secs(6000.0));
    assert_eq!(run.account.of(State::Saving), secs(100.0));
    assert_eq!(run.account.total(), scenario.length);
    // A rate of nothing is the same.
    let zero = Fault { rate: 0.0, spare_rate: 0.0, response: Response::Replace };
    assert_eq!(super::run(&Scenario { faults: vec![zero], ..scenario }, 1, 0).unwrap().account, run.account);
}

#[test]
fn agrees_with_the_exact_formula_where_its_assumptions_hold() {
    for (every, cost, mean) in [(600.0, 10.0, 10_800.0), (1800.0, 60.0, 5_000.0), (200.0, 30.0, 3_000.0)] {
        let mut scenario = plain();
        scenario.faults[0].rate = 1.0 / mean;
        scenario.checkpoints = Checkpoints { every: secs(every), blocks: secs(cost), durable: secs(cost) };
        scenario.units.repair = secs(60.0);
        let (simulated, error) = ratio(&scenario, 200);
        let exact = daly_ratio(every, cost, 300.0, mean);
        assert!((simulated - exact).abs() < 4.0 * error + 1e-4, "{simulated} +- {error}, exactly {exact}");
    }
}

#[test]
fn the_best_interval_is_the_one_of_the_formula() {
    let (cost, mean) = (20.0, 10_800.0);
    let best = daly(cost, mean);
    let at = |factor: f64| {
        let mut scenario = plain();
        let every = secs(best * factor);
        scenario.checkpoints = Checkpoints { every, blocks: secs(cost), durable: secs(cost) };
        ratio(&scenario, 300).0
    };
    // Same seeds, so that noise cancels; the optimum is flat, hence the wide grid.
    let grid = [0.4, 0.6, 0.8, 1.0, 1.25, 1.6, 2.5];
    let ratios = grid.map(at);
    let top = ratios.iter().copied().fold(0.0, f64::max);
    assert!(top - ratios[3] < 2e-4, "{ratios:?}");
    assert!(ratios[0] < ratios[1] && ratios[1] < ratios[2] && ratios[6] < ratios[5] && ratios[5] < ratios[4]);
}

#[test]
fn more_spares_never_cost_anything() {
    let with = |spares: u32| {
        let mut scenario = plain();
        scenario.units = Units { used: 64, spares, repair: secs(4.0 * 3600.0), ..scenario.units };
        scenario.faults[0].rate = 1.0 / 7200.0;
        scenario.faults[0].spare_rate = scenario.faults[0].rate / 64.0;
        ratio(&scenario, 60)
    };
    let ratios: Vec<(f64, f64)> = [0, 1, 2, 4, 8, 32].map(with).to_vec();
    for pair in ratios.windows(2) {
        assert!(pair[1].0 >= pair[0].0 - 2.0 * pair[0].1, "{ratios:?}");
    }
    assert!(ratios[0].0 < 0.5 && ratios[5].0 > 0.9, "waiting for repairs costs most: {ratios:?}");
}

#[test]
fn a_job_that_shrinks_loses_less_than_one_that_waits() {
    let mut scenario = plain();
    scenario.units = Units { used: 64, spares: 0, repair: secs(4.0 * 3600.0), ..scenario.units };
    let waits = ratio(&scenario, 40).0;
    scenario.units.without = Without::Shrink(32);
    let shrinks = ratio(&scenario, 40).0;
    assert!(shrinks > waits + 0.2, "{shrinks} {waits}");
    let run = run(&scenario, 7, 0).unwrap();
    assert!(run.account.of(State::Shrunk) > Nanos::ZERO && run.planned.interruptions > 0, "units come back");
    assert_eq!(run.account.of(State::Waiting), Nanos::ZERO);
}

/// One fault of each kind at known moments would need a script; rates of one kind alone do.
#[test]
fn each_kind_of_fault_costs_what_it_should() {
    let only = |response: Response| {
        let mut scenario = plain();
        scenario.faults = vec![Fault { rate: 1.0 / 20_000.0, spare_rate: 0.0, response }];
        run(&scenario, 3, 1).unwrap()
    };
    let stalled = only(Response::Stall { lasts: secs(5.0) });
    let strikes = u64::from(stalled.tolls[0].others);
    assert!(strikes > 200 && stalled.interruptions() == 0);
    assert_eq!(stalled.account.of(State::Stalled), Nanos(strikes * 5 * SECOND));
    assert_eq!(stalled.account.of(State::Lost), Nanos::ZERO);

    let slow = only(Response::Slow { slower: 100_000, unnoticed: secs(3600.0) });
    // An hour at 1 / 1.1 loses 327 s each, less where two overlap.
    let each = slow.account.of(State::Slow).seconds() / f64::from(slow.interruptions());
    assert!((250.0..=330.0).contains(&each), "{each}");
    assert_eq!(slow.account.of(State::Lost), Nanos::ZERO, "saved before it is replaced");

    let corrupt = only(Response::Corrupt { unnoticed: secs(3600.0) });
    let each = corrupt.tolls[0].lost.seconds() / f64::from(corrupt.interruptions());
    // An hour and up to one interval.
    assert!((3500.0..4250.0).contains(&each), "{each}");

    let detour = only(Response::Reroute { slower: 50_000, healed: secs(7200.0) });
    assert!(detour.account.of(State::Slow) > Nanos::ZERO && detour.account.of(State::Waiting) == Nanos::ZERO);
}

#[test]
fn planned_stops_lose_no_work() {
    let mut scenario = plain();
    scenario.faults.clear();
    scenario.maintenance = Some(Maintenance { every: secs(DAY), lasts: secs(1800.0) });
    let run = run(&scenario, 1, 0).unwrap();
    assert_eq!(run.planned.interruptions, 59);
    assert_eq!(run.account.of(State::Maintenance), secs(59.0 * 1800.0));
    assert_eq!(run.account.of(State::Lost), Nanos::ZERO);
    assert_eq!(run.planned.down, secs(59.0 * 2100.0), "with five minutes to come back");
}

#[test]
fn a_trace_tells_the_same_as_a_run() {
    let scenario = everything(3, 0.5);
    let (plain, traced) = (run(&scenario, 5, 2).unwrap(), trace(&scenario, 5, 2).unwrap());
    assert_eq!(plain.account, traced.account);
    let mut at = Nanos::ZERO;
    for span in traced.spans.iter().filter(|s| s.state != State::Stalled) {
        assert!(span.start >= at, "spans do not overlap");
        at = span.start + span.length;
    }
    assert!(at <= scenario.length && traced.levels.len() > 2);
}

#[test]
fn absurd_scenarios_are_refused() {
    let cases: [fn(&mut Scenario); 8] = [
        |s| s.length = Nanos::ZERO,
        |s| s.units.used = 0,
        |s| s.units.replica = 4000,
        |s| s.checkpoints.every = Nanos::ZERO,
        |s| s.checkpoints.durable = Nanos::ZERO,
        |s| s.faults[0].rate = f64::NAN,
        |s| s.faults[0].rate = 1e6,
        |s| s.paths.replace[0].chance = 1.5,
    ];
    for (i, spoil) in cases.iter().enumerate() {
        let mut scenario = plain();
        spoil(&mut scenario);
        assert!(run(&scenario, 1, 0).is_err(), "{i}");
    }
}

/// Every kind of fault at once, scarce spares, planned stops.
fn everything(spares: u32, days: f64) -> Scenario {
    let responses = [
        Response::Restart,
        Response::Replace,
        Response::Reroute { slower: 86_000, healed: secs(7200.0) },
        Response::Stall { lasts: secs(4.0) },
        Response::Slow { slower: 100_000, unnoticed: secs(5000.0) },
        Response::Corrupt { unnoticed: secs(9000.0) },
    ];
    let fault = |(i, response)| Fault { rate: (i as f64 + 1.0) / 10_000.0, spare_rate: 1e-5, response };
    let mut scenario = plain();
    scenario.length = secs(days * DAY);
    scenario.faults = responses.into_iter().enumerate().map(fault).collect();
    scenario.units = Units { used: 40, spares, replica: 3, without: Without::Wait, repair: secs(3000.0) };
    scenario.paths.replace.push(Step { name: 9, lasts: secs(900.0), chance: 0.3 });
    scenario.checkpoints.durable = secs(75.0);
    scenario.maintenance = Some(Maintenance { every: secs(20_000.0), lasts: secs(500.0) });
    scenario
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn time_is_conserved_to_the_nanosecond(
        seed in any::<u64>(), spares in 0u32..6, days in 0.01f64..8.0, shrink in any::<bool>(),
        every in 1.0f64..4000.0, blocks in 0.0f64..100.0, later in 0.0f64..6000.0,
    ) {
        let mut scenario = everything(spares, days);
        if shrink {
            scenario.units.without = Without::Shrink(7);
        }
        scenario.checkpoints = Checkpoints { every: secs(every), blocks: secs(blocks), durable: secs(blocks + later) };
        let one = run(&scenario, seed, 0).unwrap();
        prop_assert_eq!(one.account.total(), scenario.length);
        prop_assert_eq!(&one, &run(&scenario, seed, 0).unwrap());
        let lost: u64 = one.tolls.iter().map(|t| t.lost.0).sum();
        prop_assert_eq!(lost, one.account.of(State::Lost).0);
    }
}
