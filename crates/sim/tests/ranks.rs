//! Attention-DP ranks in lock step, and lanes that are not.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Linear, close, instance, scheduler};
use sim::{Deployment, Instance, Lengths, Router, Scheduler, Settings, Workload, record, simulate};

const US: f64 = 1e-6;

/// Two ranks, prompts of 100 and 300 tokens: the step takes what the slower rank takes, and what both do together.
#[test]
fn a_step_takes_what_the_slowest_rank_takes() {
    let cost = Linear { cached: 0.0, shared: 1.0, ..Linear::default() };
    let deployment = Deployment::one(Instance { ranks: 2, ..instance(&cost) });
    let workload = Workload { input: Lengths::List(vec![100, 300]), ..Workload::closed(2, 2, 1, 3) };
    let record = record(&deployment, &workload, &Settings::default()).unwrap();
    for request in &record.served {
        // 400 tokens in all, 300 on the fullest rank; then a decode on each.
        close(request.first.seconds(), (5000.0 + 3000.0 + 700.0) * US);
        close(request.last.since(request.first), 2.0 * (5002.0 + 3.0) * US);
    }
}

/// Rank 0 decodes while rank 1 computes a long prompt in chunks: everyone waits for the prompt.
#[test]
fn a_prompt_on_one_rank_slows_the_others() {
    let cost = Linear { cached: 0.0, ..Linear::default() };
    let scheduler = Scheduler { max_batched_tokens: 1000, ..scheduler() };
    let deployment = Deployment::one(Instance { ranks: 2, scheduler, ..instance(&cost) });
    let workload = Workload {
        input: Lengths::List(vec![100, 2500]),
        output: Lengths::List(vec![4, 1]),
        ..Workload::closed(2, 2, 1, 1)
    };
    let record = record(&deployment, &workload, &Settings::default()).unwrap();
    close(record.served[0].first.seconds(), 15_000.0 * US);
    close(record.served[1].first.seconds(), (15_000.0 + 15_000.0 + 10_000.0) * US);
    // Two steps beside chunks, one alone.
    close(record.served[0].last.seconds(), (40_000.0 + 5002.0) * US);
}

/// The second prompt of rank 0 waits for company: for two steps, as the rule says, and then goes alone.
#[test]
fn prompts_wait_for_the_other_ranks() {
    let cost = Linear { cached: 0.0, ..Linear::default() };
    let first = |balance| {
        let scheduler = Scheduler { balance, ..scheduler() };
        let deployment = Deployment::one(Instance { ranks: 2, scheduler, ..instance(&cost) });
        let workload = Workload {
            arrivals: sim::Arrivals::Times(vec![0.0, 0.0, 8000.0 * US]),
            output: Lengths::Fixed(50),
            ..Workload::closed(3, 1, 100, 1)
        };
        record(&deployment, &workload, &Settings::default()).unwrap().served[2].first.seconds()
    };
    close(first(0), (6000.0 + 5002.0 + 6002.0) * US);
    close(first(2), (6000.0 + 5002.0 + 2.0 * 5002.0 + 6002.0) * US);
}

/// A prompt waits until a step is full to a share of 8,192 tokens, or for two steps.
#[test]
fn prompts_wait_for_fuller_steps() {
    let cost = Linear { cached: 0.0, ..Linear::default() };
    let first = |gather| {
        let scheduler = Scheduler { balance: 2, gather, ..scheduler() };
        let deployment = Deployment::one(Instance { scheduler, ..instance(&cost) });
        let workload = Workload {
            arrivals: sim::Arrivals::Times(vec![0.0, 0.0, 8000.0 * US]),
            output: Lengths::Fixed(50),
            ..Workload::closed(3, 1, 100, 1)
        };
        record(&deployment, &workload, &Settings::default()).unwrap().served[2].first.seconds()
    };
    // Both prompts in one step, a decode step during which the third arrives, and its own.
    close(first(0.0), (7000.0 + 5004.0 + 6004.0) * US);
    // Two decodes and 100 tokens are more than 82 of 8,192, but less than half.
    close(first(0.01), (7000.0 + 5004.0 + 6004.0) * US);
    close(first(0.5), (7000.0 + 5004.0 + 2.0 * 5004.0 + 6004.0) * US);
}

/// Equal parts are simulated once: the same figures as all of them.
#[test]
fn folding_changes_nothing_where_parts_are_equal() {
    let cost = Linear::default();
    let workload = Workload::closed(240, 24, 300, 50);
    for (count, lanes) in [(3, 1), (1, 4), (2, 3)] {
        let instance = Instance { lanes, ..instance(&cost) };
        let deployment = Deployment::Together { instance, count, router: Router::RoundRobin };
        let folded = simulate(&deployment, &workload, &Settings::default()).unwrap();
        let whole = simulate(&deployment, &workload, &Settings { fold: false, ..Settings::default() }).unwrap();
        assert_eq!(folded.requests, whole.requests);
        close(folded.ttft.mean, whole.ttft.mean);
        close(folded.ttft.p99, whole.ttft.p99);
        close(folded.tpot.unwrap().mean, whole.tpot.unwrap().mean);
        close(folded.overall.output, whole.overall.output);
        close(folded.steady.unwrap().total, whole.steady.unwrap().total);
        close(folded.loads[0].batch, whole.loads[0].batch);
        close(folded.loads[0].steps, whole.loads[0].steps);
    }
}

/// In an open loop a part gets every n-th request: nearly the same figures.
#[test]
fn folding_an_open_loop() {
    let cost = Linear::default();
    let workload = Workload {
        arrivals: sim::Arrivals::Poisson { rate: 40.0 },
        input: Lengths::Uniform(100, 500),
        ..Workload::closed(16_000, 1, 1, 50)
    };
    let deployment = Deployment::Together { instance: instance(&cost), count: 4, router: Router::RoundRobin };
    let folded = simulate(&deployment, &workload, &Settings::default()).unwrap();
    let whole = simulate(&deployment, &workload, &Settings { fold: false, ..Settings::default() }).unwrap();
    let near = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 0.05, "{a} is not near {b}");
    near(folded.ttft.mean, whole.ttft.mean);
    near(folded.tpot.unwrap().mean, whole.tpot.unwrap().mean);
    near(folded.overall.output, whole.overall.output);
    near(whole.overall.requests, 40.0);
}

/// Where parts are not equal, folding is not done: 5 clients on 2 instances.
#[test]
fn unequal_parts_are_simulated() {
    let cost = Linear::default();
    let deployment = Deployment::Together { instance: instance(&cost), count: 2, router: Router::RoundRobin };
    let record = record(&deployment, &Workload::closed(50, 5, 300, 50), &Settings::default()).unwrap();
    assert_eq!((record.copies, record.served.len()), (1, 50));
}

/// Lanes share the cache and the seats of their instance.
#[test]
fn lanes_share_the_cache() {
    let cost = Linear::default();
    let scheduler = Scheduler { max_seqs: 8, ..scheduler() };
    let deployment = Deployment::one(Instance { lanes: 4, scheduler, kv_tokens: 4 * 128, ..instance(&cost) });
    let outcome = simulate(&deployment, &Workload::closed(16, 16, 60, 30), &Settings::default()).unwrap();
    assert!(outcome.loads[0].batch <= 2.0);
    assert!(simulate(&deployment, &Workload::closed(16, 16, 100, 30), &Settings::default()).is_err());
}

/// Shared work on devices of its own: two halves take turns, and the longer side sets the pace.
#[test]
fn own_and_shared_work_overlap() {
    let time = |shared: f64| {
        let cost = Linear { cached: 0.0, shared, overlaps: true, ..Linear::default() };
        let deployment = Deployment::one(instance(&cost));
        let record = record(&deployment, &Workload::closed(1, 1, 100, 2), &Settings::default()).unwrap();
        record.served[0].last.since(record.served[0].first)
    };
    // A decode step of its own 5,002 us beside 2 x 100, 2 x 2,000 and 2 x 10,000 us.
    close(time(100.0), (5002.0 + 0.125 * 200.0) * US);
    close(time(2000.0), (5002.0 + 0.125 * 4000.0) * US);
    close(time(10_000.0), (0.125 * 5002.0 + 20_000.0) * US);
}
