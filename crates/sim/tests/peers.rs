//! Faults that other simulators had, each as a test by hand.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Linear, close, instance, scheduler};
use sim::{
    Admission, Fate, Fault, Fleet, Harm, Instance, Link, Refusal, ReplaySettings, Replayed, Replicas, Request,
    Requests, Role, Routing, Rule, Scheduler, Tiers, Time, chain, replay,
};
use units::Seconds;

const US: f64 = 1e-6;

fn request(at: f64, input: u32, output: u32, content: (u32, u32)) -> Request {
    Request { arrival: Time::from_seconds(at).unwrap(), after: None, input, output, class: 0, model: 0, content }
}

/// Requests of texts: each text is a list of content blocks of 16 tokens.
fn texts(list: &[(f64, u32, u32, &[u64])]) -> Requests {
    let mut requests = Requests { block: 16, ..Requests::default() };
    for (at, input, output, text) in list {
        let first = requests.hashes.len() as u32;
        let mut name = 0;
        for block in *text {
            name = chain(name, *block);
            requests.hashes.push(name);
        }
        requests.list.push(request(*at, *input, *output, (first, text.len() as u32)));
    }
    requests
}

fn linear() -> Linear {
    Linear { cached: 0.0, ..Linear::default() }
}

fn cached<'a>(cost: &'a Linear, kv_tokens: u64) -> Replicas<'a, Linear> {
    Replicas { prefix_cache: true, ..Replicas::plain(Instance { kv_tokens, ..instance(cost) }, 1) }
}

fn run(fleet: &Fleet<'_, Linear>, requests: &Requests) -> Replayed {
    replay(fleet, requests, &ReplaySettings::default()).unwrap()
}

fn one(pool: Replicas<'_, Linear>) -> Fleet<'_, Linear> {
    Fleet::of(vec![pool], Routing::RoundRobin)
}

/// Blocks 7 and 8 are in both texts, but not after the same beginning: nothing is shared.
#[test]
fn hashes_are_chained() {
    let cost = linear();
    let requests = texts(&[(0.0, 49, 1, &[1, 7, 8]), (1.0, 49, 1, &[2, 7, 8]), (2.0, 49, 1, &[1, 7, 9])]);
    let replayed = run(&one(cached(&cost, 1 << 16)), &requests);
    let hits: Vec<u32> = replayed.requests.iter().map(|r| r.served.cached).collect();
    assert_eq!(hits, [0, 0, 32]);
}

/// 160 tokens, of which 96 are known, in chunks of 40: two steps, of 40 and 24 tokens.
#[test]
fn a_hit_is_subtracted_once_from_a_prompt_in_chunks() {
    let cost = linear();
    let mut pool = cached(&cost, 1 << 16);
    pool.instance.scheduler = Scheduler { max_batched_tokens: 40, max_seqs: 8, ..scheduler() };
    let text: Vec<u64> = (0..10).collect();
    let requests = texts(&[(0.0, 97, 1, &text[..6]), (1.0, 160, 1, &text)]);
    let replayed = run(&one(pool), &requests);
    let second = &replayed.requests[1].served;
    assert_eq!(second.cached, 96);
    close(second.first.since(second.arrival), (5000.0 + 400.0 + 5000.0 + 240.0) * US);
    assert_eq!((replayed.pools[0].cache.asked, replayed.pools[0].cache.hit), (96 + 144, 96));
}

/// A prompt that is known to its end computes its last block anew: a token must come out.
#[test]
fn the_last_token_is_always_computed() {
    let cost = linear();
    let replayed = run(&one(cached(&cost, 1 << 16)), &texts(&[(0.0, 32, 1, &[1, 2]), (1.0, 32, 1, &[1, 2])]));
    assert_eq!(replayed.requests[1].served.cached, 16);
}

/// A cache of 6 blocks: two requests of 2 + 2 blocks each. The later is preempted, frees its blocks and gets its first
/// token once; what it left in the cache is not computed again.
#[test]
fn preemption_frees_blocks_and_keeps_the_first_token() {
    let cost = linear();
    for prefix_cache in [false, true] {
        let pool = Replicas { prefix_cache, ..cached(&cost, 96) };
        let requests = texts(&[(0.0, 32, 33, &[1, 2]), (0.0, 32, 33, &[3, 4])]);
        let replayed = run(&one(pool), &requests);
        let [first, second] = &replayed.requests[..] else { panic!() };
        assert_eq!((first.served.preemptions, second.served.preemptions), (0, 1));
        close(second.served.first.seconds(), 5640.0 * US);
        assert_eq!(replayed.pools[0].load.blocks_left, 0);
        close(first.served.last.seconds(), (5640.0 + 16.0 * 5004.0 + 16.0 * 5002.0) * US);
        // Alone, the first needs 4 blocks at its end: the second's two stay in the cache and are found again.
        let new = if prefix_cache { 49.0 - 32.0 } else { 49.0 };
        let last = first.served.last.seconds() + (5000.0 + 10.0 * new + 15.0 * 5002.0) * US;
        close(second.served.last.seconds(), last);
    }
}

/// The same with a host memory to swap to: out and in again take 1000 + 48 x 10 us each, one after the other, and nothing
/// is computed twice.
#[test]
fn a_swapped_request_comes_back_as_it_was() {
    let cost = linear();
    let seconds = |tokens: u64| (1000.0 + 10.0 * tokens as f64) * US;
    let tiers = Tiers { tokens: [0, 0], seconds: [&seconds, &seconds] };
    let pool = Replicas { prefix_cache: false, swap: true, tiers: Some(tiers), ..cached(&cost, 96) };
    let replayed = run(&one(pool), &texts(&[(0.0, 32, 33, &[1, 2]), (0.0, 32, 33, &[3, 4])]));
    let [first, second] = &replayed.requests[..] else { panic!() };
    assert_eq!((replayed.swapped, replayed.pools[0].load.recomputed, second.served.preemptions), (48, 0, 1));
    // It had 17 tokens, 16 of them in the cache with its prompt; 16 steps are left.
    let back = first.served.last.seconds() + 1480.0 * US;
    close(second.served.last.seconds(), back + 16.0 * 5002.0 * US);
    assert_eq!(replayed.pools[0].load.blocks_left, 0);
}

/// Four tensor-parallel devices hold parts of one block: what is evicted is counted once, whatever their number, and what
/// is fetched again takes its time once.
#[test]
fn tiers_count_each_block_once() {
    let cost = linear();
    let seconds = |tokens: u64| (100.0 + 2.0 * tokens as f64) * US;
    let tiers = Tiers { tokens: [1 << 16, 0], seconds: [&seconds, &seconds] };
    let pool = Replicas { tiers: Some(tiers), ..cached(&cost, 64) };
    // The second text takes the whole cache of 4 blocks; the third begins like the first.
    let requests = texts(&[(0.0, 33, 1, &[1, 2]), (1.0, 64, 1, &[3, 4, 5, 6]), (2.0, 48, 1, &[1, 2, 7])]);
    let replayed = run(&one(pool), &requests);
    let cache = replayed.pools[0].cache;
    assert_eq!((cache.written, cache.fetched), ([32 + 48, 0], [32, 0]));
    let third = &replayed.requests[2].served;
    assert_eq!(third.cached, 32);
    close(third.first.since(third.arrival), (100.0 + 64.0 + 5000.0 + 160.0) * US);
}

/// Each byte of the cache is moved once: the prompt's tokens, whatever prefill knew of them before.
#[test]
fn prefill_ships_each_token_once() {
    let cost = linear();
    let seconds = |tokens: u64| (100.0 + 2.0 * tokens as f64) * US;
    let link = Link { seconds: &seconds, streams: 1, first_token_after: true };
    let role = Role::Prefill { to: vec![1], routing: Routing::RoundRobin, link, trunk: 0 };
    let prefill = Replicas { role, ..cached(&cost, 1 << 16) };
    let decode = Replicas { role: Role::Decode, prefix_cache: false, ..cached(&cost, 1 << 16) };
    let fleet = Fleet::of(vec![prefill, decode], Routing::RoundRobin);
    let replayed = run(&fleet, &texts(&[(0.0, 33, 3, &[1, 2]), (1.0, 33, 3, &[1, 2])]));
    assert_eq!(replayed.shipped, 66);
    for (told, new) in replayed.requests.iter().zip([33.0, 1.0]) {
        close(told.served.first.since(told.served.arrival), (5000.0 + 10.0 * new + 166.0) * US);
        close(told.served.last.since(told.served.first), 2.0 * 5002.0 * US);
    }
    assert!(replayed.pools.iter().all(|pool| pool.load.blocks_left == 0));
}

/// Two prompts end together on two engines; a trunk that carries one transfer at a time makes the second wait.
#[test]
fn transfers_contend_for_the_trunk() {
    let cost = linear();
    let seconds = |_: u64| 1000.0 * US;
    let link = Link { seconds: &seconds, streams: 1, first_token_after: true };
    let firsts = [0, 1].map(|trunk| {
        let role = Role::Prefill { to: vec![1], routing: Routing::RoundRobin, link, trunk };
        let prefill = Replicas { role, ..Replicas::plain(instance(&cost), 2) };
        let decode = Replicas { role: Role::Decode, ..Replicas::plain(instance(&cost), 2) };
        let fleet = Fleet::of(vec![prefill, decode], Routing::RoundRobin);
        let requests = Requests { list: vec![request(0.0, 10, 2, (0, 0)); 2], ..Requests::default() };
        run(&fleet, &requests).requests[1].served.first.seconds()
    });
    close(firsts[0], (5100.0 + 1000.0) * US);
    close(firsts[1], (5100.0 + 2000.0) * US);
}

/// The urgent class is admitted first and preempted last, whenever it came.
#[test]
fn priorities_order_the_queue_and_the_victims() {
    let cost = linear();
    let mut pool = Replicas::plain(Instance { kv_tokens: 96, ..instance(&cost) }, 1);
    pool.instance.scheduler.max_seqs = 2;
    let mut list = vec![request(0.0, 32, 33, (0, 0)); 3];
    (list[1].class, list[2].class) = (0, 1);
    list[0].class = 1;
    let requests = Requests { list, priorities: vec![0, 1], ..Requests::default() };
    let replayed = run(&one(pool), &requests);
    let preemptions: Vec<u32> = replayed.requests.iter().map(|r| r.served.preemptions).collect();
    // The first came a moment before the second, which then overtakes the third; when blocks run out the first goes.
    assert_eq!(preemptions[1], 0);
    assert!(preemptions[0] + preemptions[2] > 0);
    assert!(replayed.requests[1].served.last < replayed.requests[0].served.last);
    assert!(replayed.requests[1].served.last < replayed.requests[2].served.last);
}

/// A request longer than the cache is turned away and counted; one that nobody takes is too; the others are served.
#[test]
fn what_cannot_be_served_is_said() {
    let cost = linear();
    let pool = Replicas::plain(Instance { kv_tokens: 128, ..instance(&cost) }, 1);
    let mut fleet = one(pool);
    fleet.rules = vec![Rule { class: Some(0), limit: Some(1), ..Rule::all(vec![0], Routing::LeastOutstanding) }];
    let mut list: Vec<Request> = (0..4).map(|_| request(0.0, 32, 8, (0, 0))).collect();
    list[1].input = 4000;
    list[2].class = 5;
    let replayed = run(&fleet, &Requests { list, ..Requests::default() });
    let fates: Vec<Fate> = replayed.requests.iter().map(|r| r.fate).collect();
    assert_eq!(
        fates,
        [Fate::Served, Fate::Refused(Refusal::TooLong), Fate::Refused(Refusal::NoRoute), Fate::Refused(Refusal::Full)]
    );
}

/// The only replica fails while it decodes the 4th token; it is back 1 s later. The client starts over, or goes on.
#[test]
fn a_failure_is_seen_and_survived() {
    let cost = linear();
    for (resumes, first) in [(false, 1.018 + 0.005_320), (true, 0.005_320)] {
        let mut fleet = one(Replicas::plain(instance(&cost), 1));
        let stop = Harm::Stop { repair: Some(Seconds(1.0)) };
        fleet.faults = vec![Fault { at: Seconds(0.018), pool: 0, replicas: 0..1, harm: stop }];
        fleet.resumes = resumes;
        let requests = Requests { list: vec![request(0.0, 32, 11, (0, 0))], ..Requests::default() };
        let told = run(&fleet, &requests).requests[0];
        assert_eq!((told.fate, told.retries), (Fate::Served, 1));
        close(told.served.first.seconds(), first);
        // Prompt at 5320 us, then tokens at 10322 and 15324; the failure comes at 18000.
        let rest = if resumes { 5000.0 + 35.0 * 10.0 + 7.0 * 5002.0 } else { 5320.0 + 10.0 * 5002.0 };
        close(told.served.last.seconds(), 1.018 + rest * US);
        fleet.retries = 0;
        let lost = run(&fleet, &requests).requests[0];
        assert_eq!((lost.fate, lost.served.last), (Fate::Lost, Time::NEVER));
    }
}

/// A replica at half speed for its second step.
#[test]
fn a_slow_node_is_slow_from_its_next_step_on() {
    let cost = linear();
    let mut fleet = one(Replicas::plain(instance(&cost), 1));
    let slow = Harm::Slow { factor: 2.0, span: Seconds(0.007) };
    fleet.faults = vec![Fault { at: Seconds(0.004), pool: 0, replicas: 0..1, harm: slow }];
    let told = run(&fleet, &Requests { list: vec![request(0.0, 32, 4, (0, 0))], ..Requests::default() });
    // Prompt 5320, a step of 2 x 5002 that begins while it is slow, two of 5002.
    close(told.requests[0].served.last.seconds(), (5320.0 + 4.0 * 5002.0) * US);
}

/// A replay that lasts long after its requests were sent is looked at less and less often.
#[test]
fn samples_stay_few() {
    let cost = linear();
    let requests = Requests { list: vec![request(0.0, 10, 20_000, (0, 0))], ..Requests::default() };
    let settings = ReplaySettings { sample: Some(Time(1_000_000_000)), ..ReplaySettings::default() };
    let replayed = replay(&one(Replicas::plain(instance(&cost), 1)), &requests, &settings).unwrap();
    // 100 s of steps at a look a millisecond.
    assert!((2048..=4097).contains(&replayed.samples.len()), "{}", replayed.samples.len());
    let gap = replayed.samples[1].time;
    assert!(replayed.samples.windows(2).all(|pair| pair[1].time.0 - pair[0].time.0 == gap.0));
    assert!(replayed.samples[1..].iter().all(|sample| (sample.busy - 1.0).abs() < 1e-6));
}

/// Nothing is preempted where everything is reserved, and shared prefixes are reserved once.
#[test]
fn reservations_share_prefixes() {
    let cost = linear();
    let mut pool = cached(&cost, 16 * 7);
    pool.instance.scheduler.admission = Admission::Whole;
    // 64 + 16 tokens each, 5 blocks; 3 of them are shared once known: 5 + 2 fit into 7.
    let requests = texts(&[(0.0, 64, 17, &[1, 2, 3]), (0.02, 64, 17, &[1, 2, 3])]);
    let replayed = run(&one(pool), &requests);
    let [first, second] = &replayed.requests[..] else { panic!() };
    assert_eq!(second.served.cached, 48);
    assert!(second.served.first < first.served.last, "both run together");
    assert_eq!((first.served.preemptions, second.served.preemptions), (0, 0));
}
