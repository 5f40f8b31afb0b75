//! Small cases, computed by hand.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Linear, close, instance, scheduler};
use sim::{Arrivals, Deployment, Instance, Lengths, Scheduler, Settings, Steps, Time, Workload, record, simulate};

const US: f64 = 1e-6;

/// One request: a prompt of 100 tokens takes 5000 + 10 * 100 us; then 4 decode steps at 100, 101, 102, 103 cached.
#[test]
fn one_request() {
    let cost = Linear::default();
    let outcome =
        simulate(&Deployment::one(instance(&cost)), &Workload::closed(1, 1, 100, 5), &Settings::default()).unwrap();
    close(outcome.ttft.mean, 6000.0 * US);
    let decode = 4.0 * 5002.0 + 0.01 * (100.0 + 101.0 + 102.0 + 103.0);
    close(outcome.tpot.unwrap().mean, decode / 4.0 * US);
    close(outcome.itl_mean.unwrap(), decode / 4.0 * US);
    close(outcome.e2e.mean, (6000.0 + decode) * US);
    close(outcome.makespan, (6000.0 + decode) * US);
    assert_eq!(outcome.loads[0].steps, 5.0);
    assert_eq!(outcome.loads[0].prefill_steps, 1.0);
    close(outcome.overall.output, 5.0 / ((6000.0 + decode) * US));
    assert_eq!(outcome.steady, None);
}

/// Chunks of 40: 40 + 40 + 20 tokens, three steps.
#[test]
fn chunks() {
    let cost = Linear { pair: 1.0, ..Linear::default() };
    let scheduler = Scheduler { max_batched_tokens: 40, max_seqs: 8, ..scheduler() };
    let deployment = Deployment::one(Instance { scheduler, ..instance(&cost) });
    let outcome = simulate(&deployment, &Workload::closed(1, 1, 100, 1), &Settings::default()).unwrap();
    // Pairs of a whole prompt: 100 * 101 / 2, however it is cut.
    close(outcome.ttft.mean, (3.0 * 5000.0 + 10.0 * 100.0 + 5050.0) * US);
    assert_eq!(outcome.tpot, None);
}

/// A prefix hit of a half, in chunks of 40: 50 tokens are computed, 40 + 10, against 50 that are there.
#[test]
fn prefix_hit_is_subtracted_once() {
    let cost = Linear { pair: 1.0, ..Linear::default() };
    let scheduler = Scheduler { max_batched_tokens: 40, max_seqs: 8, ..scheduler() };
    let deployment = Deployment::one(Instance { scheduler, ..instance(&cost) });
    let workload = Workload { prefix_hit: 0.5, ..Workload::closed(1, 1, 100, 1) };
    let outcome = simulate(&deployment, &workload, &Settings::default()).unwrap();
    let pairs = 40.0 * 50.0 + 40.0 * 41.0 / 2.0 + 10.0 * 90.0 + 10.0 * 11.0 / 2.0;
    close(outcome.ttft.mean, (2.0 * 5000.0 + 10.0 * 50.0 + pairs) * US);
}

/// The second request comes during the first one's second decode step and joins at its end.
fn pair_of_requests(steps: Steps) -> Vec<(f64, f64)> {
    let cost = Linear { cached: 0.0, ..Linear::default() };
    let deployment = Deployment::one(Instance { scheduler: Scheduler { steps, ..scheduler() }, ..instance(&cost) });
    let workload = Workload {
        arrivals: Arrivals::Times(vec![0.0, 12_000.0 * US]),
        output: Lengths::List(vec![5, 2]),
        ..Workload::closed(2, 1, 100, 1)
    };
    let record = record(&deployment, &workload, &Settings::default()).unwrap();
    record.served.iter().map(|r| (r.first.seconds() / US, r.last.seconds() / US)).collect()
}

#[test]
fn mixed_steps() {
    // Prompt to 6000; decodes to 11002, 16004; prompt and decode to 22006; both decode to 27010: the first is done with
    // 5 tokens, the second with 2.
    let served = pair_of_requests(Steps::Mixed);
    let wanted = [(6000.0, 27_010.0), (22_006.0, 27_010.0)];
    for (got, wanted) in served.iter().zip(wanted) {
        close(got.0, wanted.0);
        close(got.1, wanted.1);
    }
}

#[test]
fn prefill_first() {
    // The prompt alone to 22004; both decode to 27008: the second is done; the first alone to 32010.
    let served = pair_of_requests(Steps::PrefillFirst);
    let wanted = [(6000.0, 32_010.0), (22_004.0, 27_008.0)];
    for (got, wanted) in served.iter().zip(wanted) {
        close(got.0, wanted.0);
        close(got.1, wanted.1);
    }
}

#[test]
fn decode_first() {
    // The first decodes to its end at 6000 + 4 * 5002 = 26008; then the second one's prompt to 32008, decode to 37010.
    let served = pair_of_requests(Steps::DecodeFirst);
    let wanted = [(6000.0, 26_008.0), (32_008.0, 37_010.0)];
    for (got, wanted) in served.iter().zip(wanted) {
        close(got.0, wanted.0);
        close(got.1, wanted.1);
    }
}

/// With 2.5 tokens a step, 10 tokens after the first take 4 steps: 2, 5, 7, 10.
#[test]
fn speculation() {
    let cost = Linear { cached: 0.0, ..Linear::default() };
    let speculation = sim::Speculation { queries: 3, emitted: 2.5 };
    let deployment = Deployment::one(Instance { speculation, ..instance(&cost) });
    let outcome = simulate(&deployment, &Workload::closed(1, 1, 100, 11), &Settings::default()).unwrap();
    close(outcome.tpot.unwrap().mean, 4.0 * 5002.0 / 10.0 * US);
    close(outcome.itl_mean.unwrap(), 5002.0 * US);
}

/// Clients see a step's end after the egress delay, and their requests come after the ingress delay.
#[test]
fn host() {
    let cost = Linear { cached: 0.0, ..Linear::default() };
    let seconds = |us: f64| units::Seconds(us * US);
    let host = sim::Host {
        step: seconds(300.0),
        request: seconds(10.0),
        prefill: seconds(1000.0),
        ingress: seconds(50.0),
        egress: seconds(7.0),
        ..sim::Host::FREE
    };
    let mut scheduler = Scheduler { host, ..scheduler() };
    let run = |scheduler| {
        let deployment = Deployment::one(Instance { scheduler, ..instance(&cost) });
        record(&deployment, &Workload::closed(2, 1, 100, 2), &Settings::default()).unwrap().served
    };
    let served = run(scheduler);
    // Prompt: 6000 + 300 + 10 + 1000; decode: 5002 + 310.
    assert_eq!(served[0].first, Time((50 + 7310 + 7) * 1_000_000));
    assert_eq!(served[0].last, Time((50 + 7310 + 5312 + 7) * 1_000_000));
    assert_eq!(served[1].arrival, served[0].last);
    assert_eq!(served[1].started, Time(served[0].last.0 + 50_000_000));
    // The host works while the chip does, and is faster.
    scheduler.overlap = true;
    assert_eq!(run(scheduler)[0].last, Time((50 + 6000 + 5002 + 7) * 1_000_000));
}

/// A request under way: taken in before, one token of its prompt left to compute. The next one comes new.
#[test]
fn resident() {
    let cost = Linear::default();
    let intake = units::Seconds(0.5);
    let scheduler = Scheduler { host: sim::Host { intake, ..sim::Host::FREE }, ..scheduler() };
    let deployment = Deployment::one(Instance { scheduler, ..instance(&cost) });
    let settings = Settings { resident: 1, ..Settings::default() };
    let record = record(&deployment, &Workload::closed(2, 1, 100, 1), &settings).unwrap();
    let ttft = |i: usize| record.served[i].first.since(record.served[i].arrival);
    close(ttft(0), (5000.0 + 10.0) * US);
    close(ttft(1), 0.5 + (5000.0 + 1000.0) * US);
    assert_eq!((record.served[0].cached, record.served[1].cached), (99, 0));
}
