//! Mutation fuzzing of the reader of traces: `cargo run --example fuzz_traces -- SECONDS [SEED]`.
//!
//! Takes sound traces, damages them, reads and replays them. Either may refuse, but must not panic, and what is read must
//! keep its promises: needs stand before their needers, and a replay plays every node once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sim::chakra::{Demand, Exchange, Limits, Ranks, Writer, read, replay};

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let end = (at + random.below(24)).min(bytes.len());
        match random.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.next() as u8,
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let copy = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, copy));
            }
            // A length or a number becomes extreme.
            5 => drop(bytes.splice(at..at, [0xff, 0xff, 0xff, 0xff, 0x0f])),
            6 => drop(bytes.splice(at..at, std::iter::repeat_n(0xff, 9).chain([1]))),
            _ => {}
        }
    }
}

/// A few nodes of every kind.
fn seed(rank: u32) -> std::io::Result<Vec<u8>> {
    let mut out = Writer::new(Vec::new())?;
    let a = out.compute("forward", 100, &[])?;
    let b = out.collective("all-reduce", 1 << 20, None, &[a])?;
    let c = out.collective("all-to-all", 1 << 10, Some("ep"), &[a])?;
    let d = out.point(rank == 0, 0, 1, 3, 4096, &[b, c])?;
    out.compute("backward", 50, &[d])?;
    out.finish()
}

fn main() {
    let argument = |n: usize| std::env::args().nth(n).and_then(|a| a.parse().ok());
    let (seconds, seeded) = (argument(1).unwrap_or(10), argument(2).unwrap_or(1));
    let mut random = Random(seeded * 0x9e37_79b9_7f4a_7c15 + 1);
    let seeds: Vec<Vec<u8>> = (0..2).map(|rank| seed(rank).expect("memory")).collect();
    let (start, mut tried, mut accepted, mut replayed) = (Instant::now(), 0u64, 0u64, 0u64);
    while start.elapsed() < Duration::from_secs(seconds) {
        let mut bytes = seeds[random.below(2)].clone();
        damage(&mut bytes, &mut random);
        tried += 1;
        let limits = Limits { nodes: 1000, needs: 1000, ..Limits::default() };
        let Ok(trace) = read(&bytes[..], limits) else { continue };
        accepted += 1;
        for node in 0..trace.nodes.len() {
            assert!(trace.needers(node).iter().all(|&n| n as usize > node), "a need after its needer");
        }
        let other = read(&seeds[1][..], Limits::default()).expect("sound");
        let nodes = (trace.nodes.len() + other.nodes.len()) as u64;
        let traces = [trace, other];
        let groups = BTreeMap::from([("ep".to_owned(), vec![0, 1])]);
        let ranks = Ranks { traces: &traces, of: vec![0, 1], groups };
        let mut network = |e: &Exchange| Ok(Demand { seconds: e.bytes as f64 * 1e-10, uses: [(0, 0.7)].into() });
        let mut played = 0;
        let outcome = replay(&ranks, &mut network, &|_| 1e-6, &mut |_| {
            played += 1;
            Ok(())
        });
        if let Ok(outcome) = outcome {
            replayed += 1;
            assert!(outcome.nodes == nodes && played <= nodes, "{played} of {nodes}");
        }
    }
    println!("{tried} damaged traces: {accepted} read, {replayed} replayed, none panicked");
}
