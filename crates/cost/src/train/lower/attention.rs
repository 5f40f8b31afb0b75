//! Token mixing: projections, attention fused or not, indexers, latents, states.

use catalog::model::{Compressed, Gqa, Linear, Mla, Sparse};
use formats::Scheme;

use super::super::ContextExchange;
use super::super::layer::{Small, WorkPart};
use super::{HALF, Lowering};
use crate::Op;
use crate::op::{causal_pairs, visible};

/// Backward over forward operations of fused attention: it computes the scores again, so five products for two.
const FUSED_BACKWARD: f64 = 2.5;
/// Backward over forward of everything that keeps its intermediate results.
const PLAIN_BACKWARD: f64 = 2.0;
/// Bytes of a score of unfused attention forward: written, masked and scaled, soft-maxed, dropped out, read.
const SCORE_FORWARD: f64 = 13.0;
/// The same backward.
const SCORE_BACKWARD: f64 = 17.0;
/// Bytes of a score kept: its soft-max, its dropout mask and what the mask leaves.
const SCORE_SAVED: f64 = 5.0;

impl Lowering<'_> {
    /// Queries of a rank and the tokens before them, so that the attended pairs are those of its share: with context
    /// parallelism a rank has a block from either end, which levels causal attention.
    fn span(&self) -> (u64, u64) {
        match self.plan.context {
            ContextExchange::Ulysses => (self.job.sequence, 0),
            _ => {
                let new = self.job.sequence / u64::from(self.plan.cp);
                (new, (self.job.sequence - new) / 2)
            }
        }
    }

    /// Heads of a rank inside attention.
    fn heads(&self, heads: u64) -> u64 {
        let split = match self.plan.context {
            ContextExchange::Ulysses => self.plan.tp * self.plan.cp,
            _ => self.plan.tp,
        };
        heads.div_ceil(u64::from(split))
    }

    pub(super) fn gqa(&mut self, a: &Gqa) {
        let (tp, hidden, rows) = (u64::from(self.plan.tp), self.hidden(), self.rows);
        let (heads, kv_heads) = (a.heads.div_ceil(tp), a.kv_heads.div_ceil(tp));
        let kv_width = a.head_dim + if a.shared_kv { 0 } else { a.v_head_dim };
        let kv = if a.reuses_kv { 0 } else { kv_heads * kv_width };
        let gate = if a.gated { heads * a.v_head_dim } else { 0 };
        self.norm();
        self.product(WorkPart::Projection, rows.all, heads * a.head_dim + kv + gate, hidden);
        let turned = rows.all as f64 * (heads * a.head_dim + kv) as f64 * HALF;
        let kernels = if a.qk_norm { 3 } else { 1 };
        self.work.small.push(Small {
            forward: 2.0 * kernels as f64 * turned,
            backward: 2.0 * kernels as f64 * turned,
            kernels,
            recomputed: a.qk_norm,
        });
        let window = a.window.map(|w| if a.chunked { w / 2 } else { w });
        let window = window.or_else(|| a.sparse.as_ref().map(|s| s.top_tokens));
        self.core(heads, kv_heads, a.head_dim, a.v_head_dim, window, kv as f64);
        if let Some(sparse) = &a.sparse {
            self.index(sparse, hidden);
        }
        self.product(WorkPart::Projection, rows.all, hidden, heads * a.v_head_dim);
        let weights = hidden * (a.heads * a.head_dim + a.kv_heads * kv_width + a.heads * a.v_head_dim)
            + if a.gated { hidden * a.heads * a.v_head_dim } else { 0 };
        self.count(weights as f64, self.pair_flop(a.heads, a.head_dim + a.v_head_dim, window));
    }

    /// Operations of attention per token, causal half counted.
    fn pair_flop(&self, heads: u64, width: u64, window: Option<u64>) -> f64 {
        let pairs = causal_pairs(self.job.sequence, 0, window) / self.job.sequence as f64;
        2.0 * pairs * (heads * width) as f64
    }

    /// Attention itself on `heads` heads of a rank, fused or not, and what it keeps.
    fn core(&mut self, heads: u64, kv_heads: u64, head_dim: u64, v_dim: u64, window: Option<u64>, kv: f64) {
        let arithmetic = self.job.arithmetic(Scheme::BF16);
        let rows = self.rows.all as f64;
        let batch = u64::from(self.plan.micro_batch);
        let (new, past) = self.span();
        self.work.kv_bytes += rows * kv * HALF;
        self.work.head_bytes += rows * ((heads * (head_dim + v_dim)) as f64 + kv) * HALF;
        // Queries, keys and values; the output is the next product's operand.
        self.work.saved.kept += rows * ((heads * head_dim) as f64 + kv) * HALF;
        let attended = rows * (heads * v_dim) as f64 * HALF;
        self.work.saved.kept += attended;
        self.work.attended += attended;
        let inner = if self.plan.context == ContextExchange::Ulysses { u64::from(self.plan.cp) } else { 1 };
        let (heads, kv_heads) = (heads.div_ceil(inner), kv_heads.div_ceil(inner));
        if self.job.stack.fused_attention {
            let kv = Scheme::BF16;
            let op =
                Op::AttentionPrefill { batch, new, past, heads, kv_heads, head_dim, v_dim, window, kv, arithmetic };
            self.work.attention.push((op, FUSED_BACKWARD));
            return;
        }
        let seen = visible(self.job.sequence as f64, window);
        let product =
            |n: u64, k: u64| Op::BatchedGemm { heads: batch * heads, m: new, n, k, weights: Scheme::BF16, arithmetic };
        let seen_tokens = seen.round() as u64;
        for op in [product(seen_tokens, head_dim), product(v_dim, seen_tokens)] {
            self.work.attention.push((op.clone(), PLAIN_BACKWARD));
            self.work.scores.push(op);
        }
        let scores = (batch * heads * new) as f64 * seen;
        let (forward, backward) = (scores * SCORE_FORWARD, scores * SCORE_BACKWARD);
        self.work.small.push(Small { forward, backward, kernels: 3, recomputed: true });
        self.work.saved.dropped += scores * SCORE_SAVED;
        // Dropout masks after attention and after the feed-forward block.
        self.work.saved.kept += 2.0 * self.rows.split as f64 * self.hidden() as f64;
    }

    fn index(&mut self, sparse: &Sparse, from: u64) {
        if sparse.index_heads == 0 || sparse.shared {
            return;
        }
        let rows = self.rows.all;
        self.product(WorkPart::Indexer, rows, sparse.index_heads * sparse.index_dim, from);
        let (new, past) = self.span();
        let keys = (past as f64 + new as f64 / 2.0) / sparse.index_block.max(1) as f64;
        let kv = Scheme::BF16;
        let arithmetic = self.job.arithmetic(kv);
        let (heads, dim) = (sparse.index_heads, sparse.index_dim);
        let op =
            Op::Indexer { batch: u64::from(self.plan.micro_batch), queries: new, keys, heads, dim, kv, arithmetic };
        self.work.attention.push((op, PLAIN_BACKWARD));
    }

    pub(super) fn mla(&mut self, a: &Mla) {
        let (hidden, rows) = (self.hidden(), self.rows);
        let heads = a.heads.div_ceil(u64::from(self.plan.tp));
        let (qk, latent) = (a.nope_dim + a.rope_dim, a.kv_rank + a.rope_dim);
        self.norm();
        // Down-projections are not split: every TP rank does its share of the tokens.
        let down = rows.split;
        let query_from = match a.q_rank {
            Some(rank) => {
                self.product(WorkPart::Projection, down, rank + latent, hidden);
                rank
            }
            None => {
                self.product(WorkPart::Projection, down, latent, hidden);
                hidden
            }
        };
        let compressed = down as f64 * (a.q_rank.unwrap_or(0) + a.kv_rank) as f64 * HALF;
        self.work.small.push(Small {
            forward: 2.0 * compressed,
            backward: 3.0 * compressed,
            kernels: 2,
            recomputed: true,
        });
        self.work.saved.kept += 2.0 * compressed;
        let first = self.work.products.len();
        if a.q_rank.is_some() {
            self.product(WorkPart::Projection, rows.all, heads * qk, query_from);
        }
        self.product(WorkPart::Projection, rows.all, heads * (a.nope_dim + a.v_dim), a.kv_rank);
        self.work.again.extend_from_slice(&self.work.products[first..]);
        if a.q_rank.is_none() {
            self.product(WorkPart::Projection, rows.all, heads * qk, query_from);
        }
        if a.gated {
            self.product(WorkPart::Projection, rows.all, heads * a.v_dim, hidden);
        }
        let turned = rows.all as f64 * (heads * (2 * qk)) as f64 * HALF;
        self.work.small.push(Small { forward: 2.0 * turned, backward: 2.0 * turned, kernels: 3, recomputed: false });
        let window = a.sparse.as_ref().map(|s| s.top_tokens);
        let kept = self.work.saved.kept;
        self.core(heads, heads, qk, a.v_dim, window, (heads * (qk + a.v_dim)) as f64);
        // Queries, keys and values come back from their latents; the output stays.
        let output = rows.all as f64 * (heads * a.v_dim) as f64 * HALF;
        let heads_only = (self.work.saved.kept - kept - output).max(0.0);
        self.work.saved.kept -= heads_only;
        self.work.saved.dropped += heads_only;
        // What travels between context ranks is expanded keys and values, as published implementations do.
        if let Some(sparse) = &a.sparse {
            self.index(sparse, query_from);
        }
        self.product(WorkPart::Projection, rows.all, hidden, heads * a.v_dim);
        let weights = a.q_rank.map_or(hidden * a.heads * qk, |r| r * (hidden + a.heads * qk))
            + hidden * latent
            + a.kv_rank * a.heads * (a.nope_dim + a.v_dim)
            + hidden * a.heads * a.v_dim * if a.gated { 2 } else { 1 };
        self.count(weights as f64, self.pair_flop(a.heads, qk + a.v_dim, window));
    }

    pub(super) fn linear(&mut self, a: &Linear) {
        let (tp, hidden, rows) = (u64::from(self.plan.tp), self.hidden(), self.rows);
        let values = (a.value_heads * a.value_dim).div_ceil(tp);
        let width = a.in_width.div_ceil(tp);
        self.norm();
        self.product(WorkPart::Projection, rows.all, width, hidden);
        let moved = rows.all as f64 * width as f64 * HALF;
        self.work.small.push(Small { forward: 4.0 * moved, backward: 6.0 * moved, kernels: 4, recomputed: true });
        self.work.saved.kept += moved + rows.all as f64 * values as f64 * HALF;
        self.work.saved.dropped += moved;
        let op = Op::State {
            batch: u64::from(self.plan.micro_batch),
            new: self.job.sequence / u64::from(self.plan.cp),
            key_heads: a.key_heads.div_ceil(tp),
            key_dim: a.key_dim,
            value_heads: self.heads(a.value_heads),
            value_dim: a.value_dim,
            state_bytes: a.state_bytes,
        };
        let flop = op.work().flop.0 / rows.all.max(1) as f64 * self.plan.tp as f64;
        self.work.attention.push((op, PLAIN_BACKWARD));
        self.product(WorkPart::Projection, rows.all, hidden, values);
        self.count((hidden * (a.in_width + a.value_heads * a.value_dim)) as f64, flop);
    }

    pub(super) fn compressed(&mut self, a: &Compressed) {
        let (hidden, rows) = (self.hidden(), self.rows);
        let heads = a.heads.div_ceil(u64::from(self.plan.tp));
        let groups = a.o_groups.div_ceil(u64::from(self.plan.tp)).max(1);
        let down = a.q_rank + a.head_dim * if a.ratio > 0 { 3 } else { 1 };
        self.norm();
        self.product(WorkPart::Projection, rows.split, down, hidden);
        self.product(WorkPart::Projection, rows.all, heads * a.head_dim, a.q_rank);
        let small = rows.split as f64 * down as f64 * HALF;
        self.work.small.push(Small { forward: 2.0 * small, backward: 3.0 * small, kernels: 3, recomputed: true });
        self.work.saved.kept += small;
        let entries = if a.ratio == 0 { 0 } else { self.job.sequence / (2 * a.ratio) };
        let chosen = a.sparse.as_ref().map_or(entries, |s| entries.min(s.top_tokens));
        let window = Some(a.window + chosen);
        self.core(heads, 1, a.head_dim, a.head_dim, window, a.head_dim as f64);
        if let Some(sparse) = &a.sparse {
            self.index(sparse, a.q_rank);
        }
        self.product(WorkPart::Projection, rows.all, groups * a.o_rank, heads * a.head_dim / groups);
        self.product(WorkPart::Projection, rows.all, hidden, groups * a.o_rank);
        let per_group = a.heads * a.head_dim / a.o_groups.max(1);
        let weights = hidden * down + a.q_rank * a.heads * a.head_dim + a.o_groups * a.o_rank * (per_group + hidden);
        self.count(weights as f64, self.pair_flop(a.heads, 2 * a.head_dim, window));
    }
}
