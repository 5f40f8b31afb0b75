//! Mutation fuzzing of the parsers that read strangers' files: `cargo run --release --example fuzz -- SECONDS [SEED]`.
//!
//! Takes well-formed safetensors and GGUF headers, damages them, and parses. A parser may refuse or accept, but must not
//! panic, and what it accepts must keep its promises: tensors inside the file, no overlap, sizes that fit their shapes.

use std::path::Path;
use std::time::{Duration, Instant};

use formats::checkpoint::{Dtype, RawTensor, gguf, safetensors};
use serde_json::Map;

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

/// Pieces that parsers of these formats tend to trip over.
const TOKENS: [&[u8]; 16] = [
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"-1",
    b"18446744073709551615",
    b"9223372036854775808",
    b"1e308",
    b"null",
    b"\"data_offsets\"",
    b"\"__metadata__\"",
    b"\\u0000",
    b"../",
];

fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.next() as u8,
            2 => bytes.truncate(at),
            3 => drop(bytes.splice(at..at, TOKENS[random.below(TOKENS.len())].iter().copied())),
            4 => {
                let end = (at + random.below(16)).min(bytes.len());
                bytes.drain(at..end);
            }
            5 => {
                let end = (at + random.below(64)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, copy));
            }
            // A count or length becomes extreme.
            6 if at + 8 <= bytes.len() => {
                let value = [0, 1, u64::MAX, 1 << 32, 1 << 60, i64::MAX as u64, 0xffff_ffff][random.below(7)];
                bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
            _ if at + 4 <= bytes.len() => {
                let value = [0u32, 1, 8, 9, 30, u32::MAX, 1 << 31][random.below(7)];
                bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
            }
            _ => {}
        }
    }
}

/// What every accepted header promises.
fn check(tensors: &[RawTensor], start: u64, end: u64) {
    let mut at = start;
    for t in tensors {
        assert!(t.offset >= at, "{} overlaps", t.name);
        at = t.offset + t.len;
        assert!(at <= end, "{} ends outside the file", t.name);
        let count = t.shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).expect("a shape that fits 64 bits");
        assert_eq!(t.dtype.bits_of(count), Some(t.len * 8), "{}", t.name);
    }
}

fn gguf_seed() -> Vec<u8> {
    let mut b = b"GGUF".to_vec();
    let string = |b: &mut Vec<u8>, s: &str| {
        b.extend((s.len() as u64).to_le_bytes());
        b.extend(s.as_bytes());
    };
    b.extend(3u32.to_le_bytes());
    b.extend(3u64.to_le_bytes());
    b.extend(4u64.to_le_bytes());
    string(&mut b, "general.architecture");
    b.extend(8u32.to_le_bytes());
    string(&mut b, "llama");
    string(&mut b, "general.alignment");
    b.extend(4u32.to_le_bytes());
    b.extend(64u32.to_le_bytes());
    string(&mut b, "tokens");
    b.extend(9u32.to_le_bytes());
    b.extend(8u32.to_le_bytes());
    b.extend(3u64.to_le_bytes());
    ["a", "bb", "ccc"].iter().for_each(|s| string(&mut b, s));
    string(&mut b, "scores");
    b.extend(9u32.to_le_bytes());
    b.extend(6u32.to_le_bytes());
    b.extend(2u64.to_le_bytes());
    b.extend([0u8; 8]);
    for (name, kind, offset) in [("x", 0u32, 0u64), ("y", 8, 256), ("z", 3, 384)] {
        string(&mut b, name);
        b.extend(2u32.to_le_bytes());
        b.extend(32u64.to_le_bytes());
        b.extend(2u64.to_le_bytes());
        b.extend(kind.to_le_bytes());
        b.extend(offset.to_le_bytes());
    }
    b.resize(b.len().next_multiple_of(64) + 512, 7);
    b
}

fn main() {
    let seconds: u64 = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(10);
    let seed: u64 = std::env::args().nth(2).and_then(|a| a.parse().ok()).unwrap_or(1);
    let mut metadata = Map::new();
    metadata.insert("format".to_owned(), "pt".into());
    let tensors = [
        ("a.weight", Dtype::F8E4M3, vec![4u64, 8], 32u64),
        ("a.weight_scale_inv", Dtype::F32, vec![1, 1], 4),
        ("b", Dtype::F4, vec![4], 2),
    ];
    let built = safetensors::build(tensors.iter().map(|(n, d, s, l)| (*n, *d, s.as_slice(), *l)), &metadata);
    let header = built[8..].to_vec();
    let gguf_file = gguf_seed();
    let path = Path::new("fuzz");
    assert!(safetensors::parse(path, &header, 38, 0).is_ok() && gguf::parse(path, &gguf_file, 0).is_ok());

    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let (mut tried, mut accepted) = ([0u64; 2], [0u64; 2]);
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        for _ in 0..256 {
            let mut text = header.clone();
            damage(&mut text, &mut random);
            tried[0] += 1;
            if let Ok(h) = safetensors::parse(path, &text, 38, 0) {
                check(&h.tensors, h.data_start, h.data_start + 38);
                accepted[0] += 1;
            }
            let mut file = gguf_file.clone();
            damage(&mut file, &mut random);
            tried[1] += 1;
            if let Ok(h) = gguf::parse(path, &file, 0) {
                check(&h.tensors, 0, file.len() as u64);
                accepted[1] += 1;
            }
        }
    }
    println!(
        "safetensors: {} damaged headers, {} still sound; GGUF: {} damaged files, {} still sound; no panic",
        tried[0], accepted[0], tried[1], accepted[1]
    );
}
