//! Whole fleets at random, with everything that can befall them: each request ends one way, nothing is left behind, and
//! runs of steps in closed form give what single steps give.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Linear, instance, scheduler};
use proptest::prelude::*;
use sim::{
    Admission, ExpertLoad, Fate, Fault, Fleet, Harm, Instance, Link, Refusal, ReplaySettings, Replayed, Replicas,
    Request, Requests, Role, Routing, Rule, Scaling, Scheduler, Speculation, Steps, Tiers, Time, chain, replay,
};
use units::Seconds;

const BLOCK: u32 = 32;

/// Requests with sessions, classes, and prompts that begin alike.
fn requests() -> impl Strategy<Value = Requests> {
    let one = (0.0..0.08f64, 1u32..150, 1u32..50, 0u16..3, 0u32..4, any::<bool>(), 0u32..90);
    prop::collection::vec(one, 1..40).prop_map(|drawn| {
        let mut requests = Requests { block: BLOCK, priorities: vec![0, 1, 0], ..Requests::default() };
        let mut time = 0.0;
        // For each text, its first so many tokens are the same in all requests of that text.
        for (gap, input, output, class, text, follows, own) in drawn {
            time += gap;
            let place = requests.list.len() as u32;
            let before = requests.list.last().copied();
            let (after, input, arrival) = match before {
                Some(before) if follows => {
                    (Some(place - 1), before.input + before.output + input.min(40), Time::from_seconds(gap).unwrap())
                }
                _ => (None, input, Time::from_seconds(time).unwrap()),
            };
            let first = requests.hashes.len() as u32;
            let mut name = 0;
            for block in 0..(input + output) / BLOCK {
                let content = if block * BLOCK < own { u64::from(text) } else { u64::from(place) << 8 | 99 };
                name = match before {
                    // A turn begins with all of the turn before it.
                    Some(before) if after.is_some() && block < before.content.1 => {
                        requests.hashes[(before.content.0 + block) as usize]
                    }
                    _ => chain(name, content),
                };
                requests.hashes.push(name);
            }
            let content = (first, requests.hashes.len() as u32 - first);
            requests.list.push(Request { arrival, after, input, output, class, model: 0, content });
        }
        requests
    })
}

fn any_scheduler() -> impl Strategy<Value = Scheduler> {
    let steps = prop_oneof![2 => Just(Steps::Mixed), 1 => Just(Steps::PrefillFirst), 1 => Just(Steps::DecodeFirst)];
    let admission = prop_oneof![3 => Just(Admission::Input), 1 => (0.0..=1.0).prop_map(Admission::Expected), 1 => Just(Admission::Whole)];
    (steps, admission, any::<bool>(), any::<bool>(), prop_oneof![Just(8u32), Just(16), Just(32)], 1u32..12, 0u32..6)
        .prop_map(|(steps, admission, chunked_prefill, overlap, block_size, max_seqs, balance)| Scheduler {
            steps,
            admission,
            chunked_prefill,
            overlap,
            block_size,
            max_seqs,
            balance,
            max_batched_tokens: 100,
            host: sim::Host {
                step: Seconds(3e-4),
                intake: Seconds(1e-4),
                ingress: Seconds(1e-3),
                stream: Seconds(1e-5),
                ..sim::Host::FREE
            },
            ..scheduler()
        })
}

fn routing() -> impl Strategy<Value = Routing> {
    prop_oneof![
        Just(Routing::RoundRobin),
        Just(Routing::LeastOutstanding),
        Just(Routing::ShortestQueue),
        (0.0..50.0).prop_map(|weight| Routing::Prefix { weight }),
        (1u64..5).prop_map(|full| Routing::Cheapest { full }),
    ]
}

#[derive(Debug, Clone)]
struct Shape {
    scheduler: Scheduler,
    ranks: u32,
    lanes: u32,
    kv_tokens: u64,
    speculation: Speculation,
    cache: bool,
    swap: bool,
    tiers: [u64; 2],
    split: bool,
    experts: bool,
    scaling: bool,
    routing: Routing,
    faults: Vec<(f64, usize, u32, u8)>,
    retries: u32,
    resumes: bool,
    limit: Option<u64>,
    delay: f64,
    spares: u32,
}

fn shape() -> impl Strategy<Value = Shape> {
    let fault = (0.0..2.0f64, 0usize..2, 0u32..2, 0u8..5);
    (
        (any_scheduler(), 1u32..3, 1u32..3, 400u64..1500, any::<bool>(), any::<bool>(), any::<bool>()),
        ([0u64..300, 0u64..300], any::<bool>(), any::<bool>(), any::<bool>(), routing()),
        (prop::collection::vec(fault, 0..4), 0u32..3, any::<bool>(), prop::option::of(1u64..6), 0.0..0.2f64, 0u32..2),
    )
        .prop_map(|(a, b, c)| Shape {
            scheduler: a.0,
            ranks: a.1,
            lanes: a.2,
            kv_tokens: a.3,
            speculation: if a.4 { Speculation { queries: 3, emitted: 1.7 } } else { Speculation::NONE },
            cache: a.5,
            swap: a.6,
            tiers: b.0,
            split: b.1,
            experts: b.2,
            scaling: b.3,
            routing: b.4,
            faults: c.0,
            retries: c.1,
            resumes: c.2,
            limit: c.3,
            delay: c.4,
            spares: c.5,
        })
}

fn seconds(tokens: u64) -> f64 {
    1e-3 + 1e-5 * tokens as f64
}

fn fleet<'a>(shape: &Shape, cost: &'a Linear) -> Fleet<'a, Linear> {
    let path: &'static (dyn Fn(u64) -> f64 + Sync) = &seconds;
    let Shape { mut scheduler, ranks, lanes, kv_tokens, speculation, .. } = *shape;
    scheduler.max_seqs = scheduler.max_seqs.min(100 / speculation.queries);
    let instance = Instance { scheduler, ranks, lanes, kv_tokens, speculation, ..instance(cost) };
    let experts = ExpertLoad { every: 3, spread: 0.2, drift: 0.01, rebalance: 4, pause: Seconds(2e-3) };
    let scaling = Scaling { least: 1, most: 3, target: 4.0, every: Seconds(0.1), patience: 1 };
    let base = Replicas {
        prefix_cache: shape.cache,
        tiers: Some(Tiers { tokens: shape.tiers, seconds: [path, path] }),
        swap: shape.swap,
        // Classes whose drafts are accepted more and less often, and one as the instance says.
        emitted: if speculation.queries > 1 { vec![2.9, 1.0] } else { Vec::new() },
        experts: shape.experts.then_some(experts),
        scaling: shape.scaling.then_some(scaling),
        startup: Seconds(0.05),
        spares: shape.spares,
        price: 1.0,
        context: 700,
        ..Replicas::plain(instance, 2)
    };
    let pools = if shape.split {
        let link = Link { seconds: path, streams: 1, first_token_after: true };
        let role = Role::Prefill { to: vec![1], routing: shape.routing, link, trunk: 1 };
        vec![Replicas { role, ..base.clone() }, Replicas { role: Role::Decode, ..base }]
    } else {
        vec![base.clone(), Replicas { price: 0.5, ..base }]
    };
    let entry: Vec<usize> = if shape.split { vec![0] } else { vec![0, 1] };
    let harm = |kind: u8| match kind {
        0 => Harm::Stop { repair: Some(Seconds(0.2)) },
        1 => Harm::Stop { repair: None },
        2 => Harm::Slow { factor: 2.5, span: Seconds(0.3) },
        3 => Harm::Link { factor: 4.0, span: Seconds(0.3) },
        _ => Harm::Drain,
    };
    let fault = |&(at, pool, first, kind): &(f64, usize, u32, u8)| Fault {
        at: Seconds(at),
        pool,
        replicas: first..first + 1,
        harm: harm(kind),
    };
    Fleet {
        rules: vec![
            Rule { class: Some(1), limit: shape.limit, ..Rule::all(entry.clone(), Routing::ShortestQueue) },
            Rule { input: (0, 400), ..Rule::all(entry, shape.routing) },
        ],
        faults: shape.faults.iter().map(fault).collect(),
        retries: shape.retries,
        resumes: shape.resumes,
        notice: Seconds(1e-2),
        view_delay: Seconds(shape.delay),
        ..Fleet::of(pools, shape.routing)
    }
}

/// Every request ends one way, and what happened to it is in order.
fn every_request_ends(replayed: &Replayed, requests: &Requests, shape: &Shape) {
    assert_eq!(replayed.requests.len(), requests.list.len());
    let mut waits = vec![false; requests.list.len()];
    for (place, told) in replayed.requests.iter().enumerate() {
        let request = &requests.list[place];
        let served = &told.served;
        assert_eq!((served.input, served.output, told.class), (request.input, request.output, request.class));
        let orphan = request.after.is_some_and(|other| replayed.requests[other as usize].fate != Fate::Served);
        assert_eq!(told.fate == Fate::Refused(Refusal::Orphan), orphan, "request {place}");
        waits[place] = orphan;
        match told.fate {
            Fate::Served => {
                assert!(
                    served.arrival <= served.started && served.started < served.first && served.first <= served.last
                );
                assert!(told.retries <= shape.retries && told.place.is_some());
                assert!(served.cached < served.input);
                if let Some(other) = request.after {
                    let before = &replayed.requests[other as usize].served;
                    assert_eq!(served.arrival.0, before.last.0 + request.arrival.0);
                }
            }
            Fate::Refused(_) => assert_eq!(served.last, Time::NEVER),
            Fate::Lost => assert_eq!(served.last, Time::NEVER),
        }
    }
    for pool in &replayed.pools {
        assert!(pool.cache.hit + pool.cache.fetched.iter().sum::<u64>() <= pool.cache.asked);
        assert!(pool.cache.written[0] <= pool.cache.evicted);
        assert!(pool.load.kv_peak <= 1.0);
    }
    if shape.faults.is_empty() {
        assert!(replayed.requests.iter().all(|told| told.fate != Fate::Lost && told.retries == 0));
        // Prefixes that nobody uses are in no use; a cache that is under way when the last request ends is none of its.
        assert!(replayed.pools.iter().all(|pool| pool.load.blocks_left == 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn each_request_ends_and_runs_are_what_steps_are(requests in requests(), shape in shape(), seed: u64, overlaps: bool) {
        let shared = if overlaps { 20.0 } else { 0.3 };
        let cost = Linear { shared, overlaps, ..Linear::default() };
        let fleet = fleet(&shape, &cost);
        let settings = ReplaySettings { seed, sample: Some(Time(50_000_000_000)), ..ReplaySettings::default() };
        let whole = replay(&fleet, &requests, &settings).unwrap();
        every_request_ends(&whole, &requests, &shape);
        let single = replay(&fleet, &requests, &ReplaySettings { longest_run: 1, ..settings }).unwrap();
        prop_assert_eq!(&whole.requests, &single.requests);
        prop_assert_eq!(&whole.samples, &single.samples);
        prop_assert_eq!(whole, single);
    }
}
