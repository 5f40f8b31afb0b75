//! What goes in comes out: tokens, blocks, requests. Each is served once, computed once but for preemptions, and shipped
//! once.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Linear, instance, scheduler};
use proptest::prelude::*;
use sim::{
    Admission, Arrivals, Deployment, Instance, Lengths, Link, Record, Router, Scheduler, Settings, Workload, record,
};

fn workload() -> impl Strategy<Value = Workload> {
    let arrivals = prop_oneof![
        (1u32..30).prop_map(|concurrency| Arrivals::Closed { concurrency, ramp: 0.0, think: 0.0 }),
        (5.0..200.0).prop_map(|rate| Arrivals::Poisson { rate }),
    ];
    (1usize..50, arrivals, 1u32..100, 1u32..100, prop_oneof![Just(0.0), 0.0..1.0]).prop_map(
        |(requests, arrivals, input, output, prefix_hit)| Workload {
            arrivals,
            input: Lengths::Uniform(input, input + 50),
            output: Lengths::Uniform(output, output + 50),
            prefix_hit,
            ..Workload::closed(requests, 1, 1, 1)
        },
    )
}

fn every_request_is_served_once(record: &Record) {
    for request in &record.served {
        assert!(request.arrival <= request.started && request.started < request.first);
        assert!(request.first <= request.last && request.last.seconds().is_finite());
        assert_eq!(request.first == request.last, request.output == 1);
        // Every token after the first is an emission of its own, also after a preemption.
        assert_eq!(request.emissions, u64::from(request.output) - 1);
    }
    for load in &record.loads {
        assert_eq!(load.blocks_left, 0, "all blocks are returned");
        assert!(load.kv_peak <= 1.0 && load.kv <= 1.0 && load.busy <= 1.0 + 1e-9);
    }
}

fn computed(record: &Record, pool: usize) -> u64 {
    let load = &record.loads[pool];
    (load.tokens * load.steps * load.engines as f64).round() as u64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn together(
        workload in workload(),
        (seed, kv_tokens, ranks) in (any::<u64>(), 300u64..2000, 1u32..4),
        admission in prop_oneof![Just(Admission::Input), Just(Admission::Whole)],
    ) {
        let cost = Linear::default();
        let scheduler = Scheduler { admission, max_batched_tokens: 64, max_seqs: 32, ..scheduler() };
        let deployment = Deployment::one(Instance { scheduler, kv_tokens, ranks, ..instance(&cost) });
        let record = record(&deployment, &workload, &Settings { seed, ..Settings::default() }).unwrap();
        prop_assert_eq!(record.served.len(), workload.requests);
        every_request_is_served_once(&record);
        let new: u64 = record.served.iter().map(|r| u64::from(r.input - r.cached + r.output - 1)).sum();
        prop_assert_eq!(computed(&record, 0), new + record.loads[0].recomputed);
        let preemptions: u32 = record.served.iter().map(|r| r.preemptions).sum();
        prop_assert_eq!(u64::from(preemptions), record.loads[0].preemptions);
        if admission == Admission::Whole {
            prop_assert_eq!(preemptions, 0);
        }
    }

    #[test]
    fn split(workload in workload(), seed: u64, kv_tokens in 300u64..2000, sizes in (1u32..4, 1u32..4), streams in 1u32..3) {
        let cost = Linear::default();
        let scheduler = Scheduler { max_batched_tokens: 64, max_seqs: 32, ..scheduler() };
        let instance = Instance { scheduler, kv_tokens, ..instance(&cost) };
        let moved = std::sync::atomic::AtomicU64::new(0);
        let seconds = |tokens: u64| {
            moved.fetch_add(tokens, std::sync::atomic::Ordering::Relaxed);
            1e-4 + 1e-6 * tokens as f64
        };
        let deployment = Deployment::Split {
            prefill: instance.clone(),
            prefills: sizes.0,
            decode: instance,
            decodes: sizes.1,
            router: Router::LeastLoaded,
            link: Link { seconds: &seconds, streams, first_token_after: true },
        };
        let record = record(&deployment, &workload, &Settings { seed, ..Settings::default() }).unwrap();
        every_request_is_served_once(&record);
        let decoded = || record.served.iter().filter(|r| r.output > 1);
        let inputs: u64 = record.served.iter().map(|r| u64::from(r.input - r.cached)).sum();
        let outputs: u64 = record.served.iter().map(|r| u64::from(r.output - 1)).sum();
        let shipped: u64 = decoded().map(|r| u64::from(r.input)).sum();
        prop_assert_eq!(computed(&record, 0), inputs);
        prop_assert_eq!(computed(&record, 1), outputs + record.loads[1].recomputed);
        prop_assert_eq!(record.shipped, shipped);
        prop_assert_eq!(moved.into_inner(), shipped);
    }
}

/// Two requests of 32 + 32 tokens in a cache of 96: both fit at first, then the later one gives way and is computed anew.
#[test]
fn preemption_frees_blocks_and_keeps_the_first_token() {
    let cost = Linear { cached: 0.0, ..Linear::default() };
    let deployment = Deployment::one(Instance { kv_tokens: 96, ..instance(&cost) });
    let record = record(&deployment, &Workload::closed(2, 2, 32, 33), &Settings::default()).unwrap();
    let us = |time: sim::Time| time.0 / 1_000_000;
    let [first, second] = record.served[..] else { panic!() };
    // Both prompts in one step: 5640 us. 16 steps of 5004 us fill 2 * 48 tokens, 6 blocks. The 17th needs 2 more: the second
    // request goes, having 17 tokens. The first one's other 16 steps take 5002 us each.
    assert_eq!((us(first.first), us(second.first)), (5640, 5640));
    assert_eq!(us(first.last), 5640 + 16 * 5004 + 16 * 5002);
    assert_eq!((first.preemptions, second.preemptions), (0, 1));
    // Its prompt is now 32 + 17 tokens; that gives the 18th token, and 15 steps the others.
    assert_eq!(us(second.last), us(first.last) + 5000 + 490 + 15 * 5002);
    assert_eq!(record.loads[0].recomputed, 48);
}
