//! Laws that hold for every workload.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Faster, Linear, instance, scheduler};
use proptest::prelude::*;
use sim::{Admission, Arrivals, Deployment, Instance, Lengths, Record, Scheduler, Settings, Steps, Workload, record};

fn scheduler_of_any_kind() -> impl Strategy<Value = Scheduler> {
    let steps = prop_oneof![Just(Steps::Mixed), Just(Steps::PrefillFirst), Just(Steps::DecodeFirst)];
    let admission = prop_oneof![Just(Admission::Input), Just(Admission::Expected(0.5)), Just(Admission::Whole)];
    (steps, admission, 1u32..30, any::<bool>()).prop_map(|(steps, admission, max_seqs, overlap)| Scheduler {
        steps,
        admission,
        max_seqs,
        overlap,
        max_batched_tokens: 128,
        ..scheduler()
    })
}

fn workload(arrivals: impl Strategy<Value = Arrivals>) -> impl Strategy<Value = Workload> {
    (1usize..40, arrivals, 1u32..150, 1u32..60).prop_map(|(requests, arrivals, input, output)| Workload {
        arrivals,
        input: Lengths::Uniform(input, input + 50),
        output: Lengths::LogNormal { mean: f64::from(output), cv: 0.5, most: 100 },
        ..Workload::closed(requests, 1, 1, 1)
    })
}

fn closed() -> impl Strategy<Value = Arrivals> {
    (1u32..30).prop_map(|concurrency| Arrivals::Closed { concurrency, ramp: 0.0, think: 0.0 })
}

fn run<C: cost::StepCost>(cost: &C, scheduler: Scheduler, ranks: u32, workload: &Workload, seed: u64) -> Record {
    let deployment = Deployment::one(Instance { scheduler, ranks, kv_tokens: 500, ..instance(cost) });
    record(&deployment, workload, &Settings { seed, ..Settings::default() }).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn same_seed_same_result(
        scheduler in scheduler_of_any_kind(),
        workload in workload((5.0..100.0, 0.5..3.0).prop_map(|(rate, cv)| Arrivals::Gamma { rate, cv })),
        seed: u64,
    ) {
        let cost = Linear::default();
        let once = run(&cost, scheduler, 2, &workload, seed);
        let again = std::thread::scope(|scope| {
            scope.spawn(|| run(&cost, scheduler, 2, &workload, seed)).join().unwrap()
        });
        prop_assert_eq!(once, again);
    }

    /// In a closed loop without thinking the order of events does not depend on how long steps take: a faster chip is
    /// faster for every request. (In an open loop a faster step may just miss an arrival that a slower one takes along.)
    #[test]
    fn more_bandwidth_is_never_slower(
        scheduler in scheduler_of_any_kind(),
        workload in workload(closed()),
        (seed, ranks, memory, all) in (any::<u64>(), 1u32..4, 0.0..1.0, 1.0..10.0),
    ) {
        let cost = Linear { shared: 0.1, ..Linear::default() };
        let slow = run(&cost, scheduler, ranks, &workload, seed);
        let faster_memory = Linear { cached: cost.cached * memory, ..cost };
        // Rounding to whole picoseconds, once a step.
        let slack = 10 + slow.loads[0].steps as u64;
        for fast in [
            run(&faster_memory, scheduler, ranks, &workload, seed),
            run(&Faster(cost, all), scheduler, ranks, &workload, seed),
        ] {
            for (fast, slow) in fast.served.iter().zip(&slow.served) {
                prop_assert!(fast.first.0 <= slow.first.0 + slack && fast.last.0 <= slow.last.0 + slack);
            }
        }
    }

    /// No request is faster than it would be alone, and none starts before it is sent.
    #[test]
    fn never_faster_than_alone(
        scheduler in scheduler_of_any_kind(),
        workload in workload((5.0..100.0).prop_map(|rate| Arrivals::Poisson { rate })),
        seed: u64,
    ) {
        let cost = Linear::default();
        for request in run(&cost, scheduler, 1, &workload, seed).served {
            let (input, steps) = (f64::from(request.input), f64::from(request.output - 1));
            let prompt = cost.step + cost.prefill * input;
            let decode = steps * (cost.step + cost.decode) + cost.cached * (steps * input + steps * (steps - 1.0) / 2.0);
            prop_assert!(request.first.since(request.arrival) >= prompt * 1e-6 - 1e-10);
            prop_assert!(request.last.since(request.first) >= decode * 1e-6 - 1e-10);
        }
    }

    /// The mean of what is drawn is the mean that was asked for.
    #[test]
    fn the_rate_is_the_rate(rate in 1.0..1000.0, cv in 0.2..2.0, seed: u64) {
        let workload = Workload { arrivals: Arrivals::Gamma { rate, cv }, ..Workload::closed(3000, 1, 1, 1) };
        let cost = Linear { step: 0.0, decode: 0.0, cached: 0.0, prefill: 0.0, pair: 0.0, shared: 0.0, overlaps: false };
        let record = run(&cost, scheduler(), 1, &workload, seed);
        let last = record.served.last().unwrap().arrival.seconds();
        prop_assert!((last * rate / 3000.0 - 1.0).abs() < 5.0 * cv / 3000f64.sqrt());
        // Steps that take no time: all is done at once, and nothing hangs.
        prop_assert!(record.served.iter().all(|request| request.last == request.arrival));
    }
}
