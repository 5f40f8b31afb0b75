//! Prefill and decode on different instances, by hand.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Linear, close, instance};
use sim::{Deployment, Instance, Link, Router, Settings, Workload, record};

const US: f64 = 1e-6;

fn deployment<'a>(
    cost: &'a Linear,
    seconds: &'a (dyn Fn(u64) -> f64 + Sync),
    first_token_after: bool,
    decode_kv: u64,
) -> Deployment<'a, Linear> {
    Deployment::Split {
        prefill: instance(cost),
        prefills: 1,
        decode: Instance { kv_tokens: decode_kv, ..instance(cost) },
        decodes: 1,
        router: Router::RoundRobin,
        link: Link { seconds, streams: 1, first_token_after },
    }
}

/// The prompt to 6000, the transfer to 6000 + 100 + 100 * 2 = 6300, four decodes.
#[test]
fn the_first_token_comes_before_or_after_the_transfer() {
    let cost = Linear { cached: 0.0, ..Linear::default() };
    let seconds = |tokens: u64| (100.0 + 2.0 * tokens as f64) * US;
    for (after, first) in [(false, 6000.0), (true, 6300.0)] {
        let deployment = deployment(&cost, &seconds, after, 1 << 20);
        let record = record(&deployment, &Workload::closed(1, 1, 100, 5), &Settings::default()).unwrap();
        close(record.served[0].first.seconds(), first * US);
        close(record.served[0].last.seconds(), (6300.0 + 4.0 * 5002.0) * US);
        assert_eq!(record.shipped, 100);
    }
}

/// Both prompts end together; the link carries one cache after the other. The second arrives within the first one's
/// decode step and joins after it.
#[test]
fn transfers_take_turns() {
    let cost = Linear { cached: 0.0, ..Linear::default() };
    let seconds = |tokens: u64| (100.0 + 2.0 * tokens as f64) * US;
    let deployment = deployment(&cost, &seconds, true, 1 << 20);
    let record = record(&deployment, &Workload::closed(2, 2, 100, 3), &Settings::default()).unwrap();
    let [first, second] = record.served[..] else { panic!() };
    close(first.first.seconds(), 7300.0 * US);
    close(second.first.seconds(), 7600.0 * US);
    close(first.last.seconds(), (7300.0 + 5002.0 + 5004.0) * US);
    close(second.last.seconds(), (7300.0 + 5002.0 + 5004.0 + 5002.0) * US);
}

/// The decode instance has room for one request: the second one's cache stays with the prefill instance until then.
#[test]
fn decode_admission_waits_for_room() {
    let cost = Linear { cached: 0.0, ..Linear::default() };
    let seconds = |tokens: u64| (100.0 + 2.0 * tokens as f64) * US;
    let deployment = deployment(&cost, &seconds, true, 112);
    let record = record(&deployment, &Workload::closed(2, 2, 100, 3), &Settings::default()).unwrap();
    let [first, second] = record.served[..] else { panic!() };
    close(first.last.seconds(), (7300.0 + 2.0 * 5002.0) * US);
    close(second.first.since(first.last), 300.0 * US);
    assert!(record.loads[0].kv_peak > 0.0 && record.loads.iter().all(|load| load.blocks_left == 0));
}
