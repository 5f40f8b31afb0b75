//! Attention over a cache: prefill, decode, decode over the latent of MLA, and the indexer of sparse attention.

use units::{Bytes, Flop};

use super::work::{OUT, activation};
use super::{Op, Work};

/// Tokens of a cache of `kv_len` that a window lets one query see.
pub fn visible(kv_len: f64, window: Option<u64>) -> f64 {
    window.map_or(kv_len, |w| kv_len.min(w as f64))
}

/// Pairs of (new token, token it may see) of one request: `new * past + new * (new + 1) / 2` without a window.
pub fn causal_pairs(new: u64, past: u64, window: Option<u64>) -> f64 {
    let (n, p) = (new as f64, past as f64);
    let all = n * p + n * (n + 1.0) / 2.0;
    let Some(w) = window.map(|w| w as f64) else { return all };
    // The first `grow` tokens still see everything, the rest see `w`.
    let grow = (w - p).clamp(0.0, n);
    grow * p + grow * (grow + 1.0) / 2.0 + (n - grow) * w
}

pub(super) fn work(op: &Op) -> Work {
    match *op {
        Op::AttentionPrefill { batch, new, past, heads, kv_heads, head_dim, v_dim, window, kv, arithmetic } => {
            let (b, n, width) = (batch as f64, new as f64, (head_dim + v_dim) as f64);
            let read = (past as f64).min(window.map_or(f64::INFINITY, |w| w as f64));
            Work {
                flop: Flop(2.0 * b * causal_pairs(new, past, window) * heads as f64 * width),
                arithmetic,
                weights: Bytes::ZERO,
                activations: Bytes(b * n * heads as f64 * width * OUT),
                cache: Bytes(b * (read + n) * kv_heads as f64 * width * kv.bytes_per_value()),
            }
        }
        Op::AttentionDecode { batch, kv_len, queries, heads, kv_heads, head_dim, v_dim, window, kv, arithmetic } => {
            let (rows, width) = ((batch * queries * heads) as f64, (head_dim + v_dim) as f64);
            let seen = visible(kv_len, window);
            Work {
                flop: Flop(2.0 * rows * seen * width),
                arithmetic,
                weights: Bytes::ZERO,
                activations: Bytes(rows * width * OUT),
                cache: Bytes(batch as f64 * seen * kv_heads as f64 * width * kv.bytes_per_value()),
            }
        }
        Op::MlaDecode { batch, kv_len, queries, heads, kv_rank, rope_dim, kv, arithmetic } => {
            let (rows, key, value) = ((batch * queries * heads) as f64, (kv_rank + rope_dim) as f64, kv_rank as f64);
            Work {
                flop: Flop(2.0 * rows * kv_len * (key + value)),
                arithmetic,
                weights: Bytes::ZERO,
                activations: Bytes(rows * (key + value) * OUT),
                cache: Bytes(batch as f64 * kv_len * key * kv.bytes_per_value()),
            }
        }
        Op::Indexer { batch, queries, keys, heads, dim, kv, arithmetic } => {
            let (rows, dim) = ((batch * queries) as f64, dim as f64);
            let query = rows * heads as f64 * dim * activation(arithmetic).bytes_per_value();
            Work {
                flop: Flop(2.0 * rows * keys * heads as f64 * dim),
                arithmetic,
                weights: Bytes::ZERO,
                // One FP32 score a pair is written.
                activations: Bytes(query + rows * keys * 4.0),
                cache: Bytes(batch as f64 * keys * dim * kv.bytes_per_value()),
            }
        }
        _ => unreachable!("only called for attention"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog::Arithmetic;
    use formats::Scheme;

    #[test]
    fn pairs_by_hand() {
        assert_eq!(causal_pairs(4, 0, None), 10.0);
        assert_eq!(causal_pairs(2, 10, None), 23.0);
        // 1 + 2 + 3 + 3 + 3.
        assert_eq!(causal_pairs(5, 0, Some(3)), 12.0);
        assert_eq!(causal_pairs(5, 100, Some(3)), 15.0);
    }

    #[test]
    fn mla_reads_the_latent_once_for_all_heads() {
        let op = Op::MlaDecode {
            batch: 2,
            kv_len: 1000.0,
            queries: 1,
            heads: 128,
            kv_rank: 512,
            rope_dim: 64,
            kv: Scheme::BF16,
            arithmetic: Arithmetic::Bf16,
        };
        assert_eq!(op.work().cache, Bytes(2.0 * 1000.0 * 576.0 * 2.0));
        assert_eq!(op.work().flop, Flop(2.0 * 2.0 * 128.0 * 1000.0 * 1088.0));
    }
}
