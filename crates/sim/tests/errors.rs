//! Absurd input is an error, never a hang and never a panic.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Linear, instance, scheduler};
use cost::{Batch, StepCost};
use proptest::prelude::*;
use sim::{
    Admission, Arrivals, Deployment, Host, Instance, Lengths, Link, Router, Scheduler, Settings, SimError, Speculation,
    Workload, simulate,
};

fn refused(workload: &Workload) -> SimError {
    let cost = Linear::default();
    simulate(&Deployment::one(instance(&cost)), workload, &Settings::default()).unwrap_err()
}

fn refused_instance(change: impl Fn(&mut Instance<'_, Linear>)) -> SimError {
    let cost = Linear::default();
    let mut instance = instance(&cost);
    change(&mut instance);
    simulate(&Deployment::one(instance), &Workload::closed(4, 2, 100, 10), &Settings::default()).unwrap_err()
}

fn field(error: SimError) -> &'static str {
    match error {
        SimError::Setting { field, .. } => field,
        other => panic!("{other}"),
    }
}

#[test]
fn workloads() {
    let fine = Workload::closed(4, 2, 100, 10);
    let arrivals = |arrivals| field(refused(&Workload { arrivals, ..fine.clone() }));
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(arrivals(Arrivals::Poisson { rate }), "workload.arrivals.rate");
        assert_eq!(arrivals(Arrivals::Gamma { rate, cv: 1.0 }), "workload.arrivals.rate");
    }
    for cv in [0.0, -1.0, f64::NAN, 1e9] {
        assert_eq!(arrivals(Arrivals::Gamma { rate: 1.0, cv }), "workload.arrivals.cv");
    }
    for bad in [-1.0, f64::NAN, 1e300] {
        let closed = |ramp, think| arrivals(Arrivals::Closed { concurrency: 1, ramp, think });
        assert_eq!(closed(bad, 0.0), "workload.arrivals.ramp");
        assert_eq!(closed(0.0, bad), "workload.arrivals.think");
        assert_eq!(arrivals(Arrivals::Times(vec![0.0, bad, 2.0, 3.0])), "workload.arrivals.times");
    }
    let none = Arrivals::Closed { concurrency: 0, ramp: 0.0, think: 0.0 };
    assert_eq!(arrivals(none), "workload.arrivals.concurrency");
    assert_eq!(arrivals(Arrivals::Times(vec![0.0])), "workload.arrivals.times");
    assert_eq!(arrivals(Arrivals::Times(vec![0.0, 2.0, 1.0, 3.0])), "workload.arrivals.times");
    for requests in [0, usize::MAX] {
        assert_eq!(field(refused(&Workload { requests, ..fine.clone() })), "workload.requests");
    }
    assert_eq!(field(refused(&Workload { warmup: 4, ..fine.clone() })), "workload.warmup");
    for prefix_hit in [-0.1, 1.1, f64::NAN] {
        assert_eq!(field(refused(&Workload { prefix_hit, ..fine.clone() })), "workload.prefix_hit");
    }
    for lengths in [
        Lengths::Fixed(0),
        Lengths::Fixed(u32::MAX),
        Lengths::Uniform(0, 5),
        Lengths::Uniform(6, 5),
        Lengths::Uniform(1, u32::MAX),
        Lengths::LogNormal { mean: f64::NAN, cv: 1.0, most: 10 },
        Lengths::LogNormal { mean: 10.0, cv: -1.0, most: 10 },
        Lengths::LogNormal { mean: 10.0, cv: 1.0, most: 0 },
        Lengths::List(vec![]),
        Lengths::List(vec![5, 0]),
    ] {
        assert_eq!(field(refused(&Workload { input: lengths.clone(), ..fine.clone() })), "workload.input");
        assert_eq!(field(refused(&Workload { output: lengths, ..fine.clone() })), "workload.output");
    }
}

#[test]
fn a_rate_beyond_the_horizon() {
    let workload = Workload { arrivals: Arrivals::Poisson { rate: 1e-300 }, ..Workload::closed(4, 1, 1, 1) };
    assert_eq!(refused(&workload), SimError::Horizon);
}

#[test]
fn instances() {
    let scheduler_field = |change: &dyn Fn(&mut Scheduler)| field(refused_instance(|i| change(&mut i.scheduler)));
    assert_eq!(scheduler_field(&|s| s.max_seqs = 0), "scheduler.max_seqs");
    assert_eq!(scheduler_field(&|s| s.max_seqs = u32::MAX), "scheduler.max_seqs");
    assert_eq!(scheduler_field(&|s| s.max_batched_tokens = 0), "scheduler.max_batched_tokens");
    assert_eq!(scheduler_field(&|s| s.max_batched_tokens = 255), "scheduler.max_batched_tokens");
    assert_eq!(scheduler_field(&|s| s.block_size = 0), "scheduler.block_size");
    assert_eq!(scheduler_field(&|s| s.block_size = u32::MAX), "scheduler.block_size");
    assert_eq!(scheduler_field(&|s| s.watermark = f64::NAN), "scheduler.watermark");
    assert_eq!(scheduler_field(&|s| s.admission = Admission::Expected(-1.0)), "scheduler.admission.expected");
    let host = Host { step: units::Seconds(f64::NAN), ..Host::FREE };
    assert_eq!(scheduler_field(&|s| s.host = host), "scheduler.host.step");
    assert_eq!(field(refused_instance(|i| i.ranks = 0)), "instance.ranks");
    assert_eq!(field(refused_instance(|i| i.lanes = 0)), "instance.lanes");
    assert_eq!(field(refused_instance(|i| (i.ranks, i.lanes) = (1 << 16, 1 << 16))), "deployment.count");
    assert_eq!(field(refused_instance(|i| i.kv_tokens = u64::MAX)), "instance.kv_tokens");
    let speculation = |queries, emitted| field(refused_instance(|i| i.speculation = Speculation { queries, emitted }));
    assert_eq!(speculation(0, 1.0), "instance.speculation.queries");
    assert_eq!(speculation(2, 0.5), "instance.speculation.emitted");
    assert_eq!(speculation(2, 2.5), "instance.speculation.emitted");
    assert_eq!(speculation(2, f64::NAN), "instance.speculation.emitted");
}

#[test]
fn deployments() {
    let cost = Linear::default();
    let workload = Workload::closed(4, 2, 100, 10);
    let together = |count| Deployment::Together { instance: instance(&cost), count, router: Router::RoundRobin };
    for count in [0, u32::MAX] {
        let error = simulate(&together(count), &workload, &Settings::default()).unwrap_err();
        assert_eq!(field(error), "deployment.count");
    }
    let settings = Settings { longest_run: 0, ..Settings::default() };
    assert_eq!(field(simulate(&together(1), &workload, &settings).unwrap_err()), "settings.longest_run");
    let split = |prefills, decodes, streams, seconds: f64| {
        let seconds = move |_| seconds;
        let deployment = Deployment::Split {
            prefill: instance(&cost),
            prefills,
            decode: instance(&cost),
            decodes,
            router: Router::RoundRobin,
            link: Link { seconds: &seconds, streams, first_token_after: true },
        };
        simulate(&deployment, &workload, &Settings::default()).unwrap_err()
    };
    assert_eq!(field(split(0, 1, 1, 0.1)), "deployment.prefills");
    assert_eq!(field(split(1, 0, 1, 0.1)), "deployment.decodes");
    assert_eq!(field(split(1, 1, 0, 0.1)), "link.streams");
    assert!(matches!(split(1, 1, 1, f64::NAN), SimError::Transfer { tokens: 100, .. }));
    assert!(matches!(split(1, 1, 1, -1.0), SimError::Transfer { .. }));
}

#[test]
fn requests_that_can_never_be_served() {
    assert_eq!(refused_instance(|i| i.kv_tokens = 100), SimError::ExceedsCache { request: 0, needs: 112, has: 96 });
    // 100 + 10 - 1 tokens fit exactly into 112.
    let cost = Linear::default();
    let tight = Deployment::one(Instance { kv_tokens: 112, ..instance(&cost) });
    assert!(simulate(&tight, &Workload::closed(4, 4, 100, 10), &Settings::default()).is_ok());
    assert_eq!(
        refused_instance(|i| {
            i.scheduler = Scheduler { chunked_prefill: false, max_seqs: 8, max_batched_tokens: 99, ..scheduler() };
        }),
        SimError::ExceedsStep { request: 0, tokens: 100, budget: 99 }
    );
}

struct Bad(f64);

impl StepCost for Bad {
    fn local(&self, batch: &Batch) -> f64 {
        if batch.prefill > 0 { 1e-3 } else { self.0 }
    }
    fn shared(&self, _: u64, _: u64) -> f64 {
        0.0
    }
}

#[test]
fn a_cost_that_is_no_time() {
    for seconds in [f64::NAN, -1e-3, f64::INFINITY, 1e30] {
        let cost = Bad(seconds);
        let error = simulate(&Deployment::one(instance(&cost)), &Workload::closed(4, 2, 100, 10), &Settings::default());
        assert!(matches!(error, Err(SimError::Cost { decode: 2, prefill_tokens: 0, .. })), "{error:?}");
    }
}

/// Long answers of slow steps end beyond the horizon, at once.
#[test]
fn steps_beyond_the_horizon() {
    let cost = Bad(1000.0);
    let deployment = Deployment::one(Instance { kv_tokens: 1 << 40, ..instance(&cost) });
    let workload = Workload::closed(1, 1, 1, 1 << 30);
    assert_eq!(simulate(&deployment, &workload, &Settings::default()), Err(SimError::Horizon));
}

/// A thousand million tokens are a few events.
#[test]
fn very_long_answers() {
    let cost = Linear { cached: 1e-7, ..Linear::default() };
    let deployment = Deployment::one(Instance { kv_tokens: 1 << 40, ..instance(&cost) });
    let outcome = simulate(&deployment, &Workload::closed(8, 4, 1, 1 << 30), &Settings::default()).unwrap();
    assert!(outcome.tpot.unwrap().mean > 5e-3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever the values, the answer is a result or an error.
    #[test]
    fn anything_ends(
        (requests, concurrency, input, output) in (0usize..20, 0u32..9, any::<u32>(), any::<u32>()),
        (small, seqs, tokens, block) in (any::<bool>(), any::<u32>(), any::<u32>(), any::<u32>()),
        (kv, ranks, lanes) in (any::<u64>(), 0u32..5, 0u32..5),
        (share, rate) in (prop_oneof![4 => 0.0..1.0, 1 => any::<f64>()], prop_oneof![0.1..1e3, any::<f64>()]),
        open: bool,
    ) {
        let cost = Linear::default();
        let cut = |value: u32, most: u32| if small { value % most } else { value };
        let scheduler = Scheduler {
            max_seqs: cut(seqs, 9),
            max_batched_tokens: cut(tokens, 300),
            block_size: cut(block, 33),
            watermark: share,
            ..scheduler()
        };
        let kv_tokens = if small { kv % 2000 } else { kv };
        let deployment = Deployment::one(Instance { scheduler, ranks, lanes, kv_tokens, ..instance(&cost) });
        let closed = Arrivals::Closed { concurrency, ramp: share, think: 0.0 };
        let workload = Workload {
            arrivals: if open { Arrivals::Poisson { rate } } else { closed },
            prefix_hit: share,
            ..Workload::closed(requests, 1, cut(input, 400), cut(output, 400))
        };
        match simulate(&deployment, &workload, &Settings::default()) {
            Ok(outcome) => prop_assert_eq!(outcome.requests, requests as u64),
            Err(error) => prop_assert!(!matches!(error, SimError::Deadlock { .. }), "{}", error),
        }
    }
}
