//! From a layer, a plan and a recipe to the work of one rank.

use catalog::model::{Compressed, Dense, Gqa, Linear, Mla, Moe, Sparse};
use catalog::{Arithmetic, Attention, Ffn, LayerGroup};
use formats::Scheme;

use super::layer::{LayerWork, Product, Small, WorkPart};
use super::{ContextExchange, Job, Plan};
use crate::Op;
use crate::calibration::arithmetic_for;
use crate::op::{causal_pairs, visible};

/// Bytes of an activation in 16 bits.
const HALF: f64 = 2.0;
/// Backward over forward operations of fused attention: it computes the scores again, so five products for two.
const FUSED_BACKWARD: f64 = 2.5;
/// Backward over forward of everything that keeps its intermediate results.
const PLAIN_BACKWARD: f64 = 2.0;
/// Rows by which the work of an expert is padded on average: half of a tile of 128.
const TILE_PAD: u64 = 64;
/// Bytes of a score of unfused attention forward: written, masked and scaled, soft-maxed, dropped out, read.
const SCORE_FORWARD: f64 = 13.0;
/// The same backward.
const SCORE_BACKWARD: f64 = 17.0;
/// Bytes of a score kept: its soft-max, its dropout mask and what the mask leaves.
const SCORE_SAVED: f64 = 5.0;

/// Tokens as one rank sees them.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    /// Of the micro-batch after context parallelism.
    pub all: u64,
    /// Where norms and residuals are split among TP ranks.
    pub split: u64,
}

impl Job<'_> {
    pub(super) fn rows(&self, plan: &Plan) -> Rows {
        let all = u64::from(plan.micro_batch) * self.sequence / u64::from(plan.cp.max(1));
        let split = if plan.sequence_parallel { all.div_ceil(u64::from(plan.tp)) } else { all };
        Rows { all, split }
    }

    /// Arithmetic of products whose operands are stored as `scheme`.
    pub(super) fn arithmetic(&self, scheme: Scheme) -> Arithmetic {
        arithmetic_for(self.chip, scheme).map_or(Arithmetic::Bf16, |(a, _)| a)
    }

    /// The work of a layer of `group` on one rank.
    pub fn layer(&self, group: &LayerGroup, plan: &Plan) -> LayerWork {
        let rows = self.rows(plan);
        let mut lowering = Lowering { job: self, plan, rows, work: LayerWork::default() };
        lowering.work.saved.input = rows.split as f64 * self.model.hidden as f64 * HALF;
        lowering.attention(&group.attention);
        lowering.ffn(&group.ffn);
        lowering.work
    }
}

struct Lowering<'a> {
    job: &'a Job<'a>,
    plan: &'a Plan,
    rows: Rows,
    work: LayerWork,
}

impl Lowering<'_> {
    fn hidden(&self) -> u64 {
        self.job.model.hidden
    }

    /// Bytes of a saved operand of a product.
    fn operand(&self) -> f64 {
        self.job.recipe.linear.bytes_per_value().min(HALF)
    }

    /// A product of `m` rows; `whole` is its number of weights before any split.
    fn product(&mut self, part: WorkPart, m: u64, n: u64, k: u64) {
        let format = self.job.recipe.linear;
        let arithmetic = self.job.arithmetic(format);
        let learns = self.job.recipe.lora.is_none();
        self.work.products.push(Product { part, m, n, k, groups: 1, format, arithmetic, learns });
        if let (Some(lora), WorkPart::Projection) = (self.job.recipe.lora, part) {
            let half = Scheme::BF16;
            let adapter = |m, n, k| Product {
                part,
                m,
                n,
                k,
                groups: 1,
                format: half,
                arithmetic: self.job.arithmetic(half),
                learns: true,
            };
            self.work.products.push(adapter(m, lora.rank, k));
            self.work.products.push(adapter(m, n, lora.rank));
        }
    }

    /// Counts operations of the model: `weights` values that a token meets, and `pairs` products of attention.
    fn count(&mut self, weights: f64, attention: f64) {
        self.work.model_flop_per_token += 2.0 * weights + attention;
    }

    /// Residual, norm: before a block.
    fn norm(&mut self) {
        let bytes = self.rows.split as f64 * self.hidden() as f64 * HALF;
        self.work.small.push(Small { forward: 2.0 * bytes, backward: 3.0 * bytes, kernels: 1, recomputed: true });
        self.work.small.push(Small { forward: 3.0 * bytes, backward: 2.0 * bytes, kernels: 1, recomputed: false });
        // The block's input, and what the norm makes of it.
        self.work.saved.kept += bytes;
        self.work.saved.dropped += bytes / HALF * self.operand();
    }

    fn attention(&mut self, attention: &Attention) {
        match attention {
            Attention::None => {}
            Attention::Gqa(a) => self.gqa(a),
            Attention::Mla(a) => self.mla(a),
            Attention::Linear(a) => self.linear(a),
            Attention::Compressed(a) => self.compressed(a),
        }
    }

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

    fn gqa(&mut self, a: &Gqa) {
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
        self.work.saved.kept += rows * (heads * v_dim) as f64 * HALF;
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

    fn mla(&mut self, a: &Mla) {
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

    fn linear(&mut self, a: &Linear) {
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

    fn compressed(&mut self, a: &Compressed) {
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

    fn ffn(&mut self, ffn: &Ffn) {
        match ffn {
            Ffn::None => {}
            Ffn::Dense(f) => {
                self.norm();
                self.dense(f);
            }
            Ffn::Moe(f) => {
                self.norm();
                self.moe(f);
            }
        }
    }

    fn dense(&mut self, f: &Dense) {
        let (hidden, rows) = (self.hidden(), self.rows.all);
        let inner = f.inner.div_ceil(u64::from(self.plan.tp));
        let up = if f.gated { 2 } else { 1 };
        self.product(WorkPart::Dense, rows, up * inner, hidden);
        self.activation(rows as f64 * inner as f64, up as f64, 1);
        self.product(WorkPart::Dense, rows, hidden, inner);
        self.count((hidden * f.inner * (up + 1)) as f64, 0.0);
    }

    /// The activation between two products of `values` values.
    fn activation(&mut self, values: f64, up: f64, kernels: u64) {
        self.work.small.push(Small {
            forward: values * (up + 1.0) * HALF,
            backward: values * (2.0 * up + 1.0) * HALF,
            kernels,
            recomputed: true,
        });
        self.work.saved.kept += values * up * HALF;
        self.work.saved.dropped += values * self.operand();
    }

    fn moe(&mut self, f: &Moe) {
        let hidden = self.hidden();
        let router = Product {
            part: WorkPart::Router,
            m: self.rows.split,
            n: f.experts,
            k: hidden,
            groups: 1,
            format: Scheme::BF16,
            arithmetic: self.job.arithmetic(Scheme::BF16),
            learns: self.job.recipe.lora.is_none(),
        };
        self.work.products.push(router);
        for inner in [f.shared_inner, f.parallel_dense_inner] {
            if inner > 0 {
                self.dense(&Dense { inner, gated: f.gated });
            }
        }
        let width = f.latent.unwrap_or(hidden);
        if f.latent.is_some() {
            self.product(WorkPart::Dense, self.rows.split, width, hidden);
            self.product(WorkPart::Dense, self.rows.split, hidden, width);
            self.count((2 * hidden * width) as f64, 0.0);
        }
        let local = (f.experts / u64::from(self.plan.ep)).max(1);
        let inner = f.inner.div_ceil(u64::from(self.plan.etp));
        let up = if f.gated { 2 } else { 1 };
        let slots = self.slots(f);
        // Sorting, permuting to experts and back, weighing by the router: forward and backward alike.
        let routed = slots * width as f64 * HALF;
        let sorted = self.rows.split as f64 * f.experts as f64 * 4.0;
        let small =
            Small { forward: 4.0 * routed + 4.0 * sorted, backward: 6.0 * routed, kernels: 12, recomputed: false };
        self.work.small.push(small);
        self.work.saved.kept += slots * width as f64 * self.operand();
        let rows = slots.ceil() as u64 + TILE_PAD * local;
        let format = self.job.recipe.linear;
        let grouped = |n: u64, k: u64| Product {
            part: WorkPart::Experts,
            m: rows,
            n,
            k,
            groups: local,
            format,
            arithmetic: self.job.arithmetic(format),
            learns: self.job.recipe.lora.is_none(),
        };
        self.work.products.push(grouped(up * inner, width));
        self.activation(slots * inner as f64, up as f64, 1);
        self.work.products.push(grouped(width, inner));
        self.count((width * f.inner * (up + 1) * f.top_k + hidden * f.experts) as f64, 0.0);
    }

    /// (token, expert) pairs that the busiest rank computes: its own share of its group's, all of the group's tokens for
    /// each of the ranks that split an expert.
    fn slots(&self, f: &Moe) -> f64 {
        let even = (self.rows.split * f.top_k) as f64 * f64::from(self.plan.etp);
        match self.job.capacity {
            Some(capacity) => even * capacity.max(1e-3),
            None if self.plan.ep > 1 => even * self.job.imbalance.clamp(1.0, f64::from(self.plan.ep)),
            None => even,
        }
    }
}
