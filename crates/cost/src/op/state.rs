//! Linear attention: a matrix of `key_dim x value_dim` per value head instead of a cache.

use catalog::Arithmetic;
use units::{Bytes, Flop};

use super::work::OUT;
use super::{Op, Work};

/// Tokens that the chunked form takes through the matrix unit at a time.
const CHUNK: f64 = 64.0;

pub(super) fn work(op: &Op) -> Work {
    let &Op::State { batch, new, key_heads, key_dim, value_heads, value_dim, state_bytes } = op else {
        unreachable!("only called for states")
    };
    let (b, n, heads) = (batch as f64, new as f64, value_heads as f64);
    let (k, v) = (key_dim as f64, value_dim as f64);
    // Read with the key, corrected, read with the query: three products with the state for every token.
    let through_state = 6.0 * b * n * heads * k * v;
    // Within a chunk every token meets half of the others, once by keys and once by values.
    let within = if new > 16 { 2.0 * b * n * heads * CHUNK / 2.0 * (k + v) } else { 0.0 };
    Work {
        flop: Flop(through_state + within),
        arithmetic: Arithmetic::Bf16,
        weights: Bytes::ZERO,
        activations: Bytes(b * n * (2.0 * key_heads as f64 * k + 2.0 * heads * v) * OUT),
        cache: Bytes(2.0 * b * heads * k * v * state_bytes as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_reads_and_writes_the_state() {
        let op = Op::State {
            batch: 8,
            new: 1,
            key_heads: 16,
            key_dim: 128,
            value_heads: 32,
            value_dim: 128,
            state_bytes: 4,
        };
        assert_eq!(op.work().cache, Bytes(2.0 * 8.0 * 32.0 * 128.0 * 128.0 * 4.0));
        assert_eq!(op.work().flop, Flop(6.0 * 8.0 * 32.0 * 128.0 * 128.0));
    }
}
