//! From a model, a split and a batch to the operators of one step on one rank.
//!
//! What is exact here: shapes after the split, weights and cache read once, activations of each operator. What is a
//! choice: which small operators engines fuse (see [`small`]), and how experts exchange tokens (see [`exchange_experts`]).

use catalog::model::{Compressed, Dense, Gqa, Linear, Mla, Moe, Sparse};
use catalog::{Arithmetic, Attention, Ffn, LayerGroup};

use crate::comm::{Collective, Exchange, Group, Kernel, Phase, Routed};
use crate::op::Op;
use crate::step::Batch;

use super::Deployment;

/// The part of a model that an operator belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Projections before and after attention.
    Projection,
    /// Attention itself, or the update of a linear-attention state.
    Attention,
    /// Selection of keys in sparse attention.
    Indexer,
    /// Dense feed-forward and shared experts.
    Dense,
    /// Router of the experts.
    Router,
    /// Routed experts.
    Experts,
    /// Norms, rotary embedding, activation, residuals, quantization.
    Small,
    /// Embedding, output head and sampling.
    Head,
    /// All-reduce, all-gather and reduce-scatter of tensor parallelism.
    TensorExchange,
    /// Dispatch and combine of expert parallelism.
    ExpertExchange,
    /// Hand-over between pipeline stages.
    StageExchange,
}

/// An operator or an exchange.
#[derive(Debug, Clone, PartialEq)]
pub enum Task {
    /// On the device.
    Compute(Op),
    /// On the network.
    Exchange(Exchange),
}

/// A task and how often it occurs in a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// Where it belongs.
    pub part: Part,
    /// Times in a step (layers of the group).
    pub count: f64,
    /// What is done.
    pub task: Task,
}

/// Keys of an indexer are cached in FP8.
const INDEX_KEYS: formats::Scheme = formats::Scheme::plain(formats::Element::E4m3);

/// Bytes of an activation value between operators.
pub(super) const ACTIVATION: f64 = 2.0;

impl Deployment<'_> {
    /// Operators of the layers on one rank whose time depends on the number of rows only; with one attention rank,
    /// experts too.
    pub fn body(&self, rows: u64, out: &mut Vec<Placed>) {
        let hidden = self.model.hidden;
        out.push(Placed { part: Part::Head, count: 1.0, task: small(rows, 2 * hidden, 1) });
        for group in &self.model.layers {
            let layers = f64::from(group.count);
            self.attention_rowwise(group, rows, layers, out);
            self.ffn_rowwise(group, rows, layers, out);
        }
        if self.parallel.pp > 1 {
            let exchange = Exchange::SendRecv {
                stride: self.parallel.tp * self.parallel.dp,
                bytes: rows as f64 * hidden as f64 * ACTIVATION,
            };
            out.push(Placed {
                part: Part::StageExchange,
                count: f64::from(self.parallel.pp - 1),
                task: Task::Exchange(exchange),
            });
        }
    }

    /// Output head and sampling of `sampled` tokens, and with speculation the drafting layers of as many requests as
    /// `sampled / queries`.
    pub fn head(&self, sampled: u64, out: &mut Vec<Placed>) {
        if sampled == 0 {
            return;
        }
        let hidden = self.model.hidden;
        self.logits(sampled, 1.0, out);
        if let Some(speculation) = self.speculation
            && let Some(last) = self.model.layers.last()
        {
            let drafts = f64::from(speculation.drafts);
            let requests = sampled.div_ceil(self.queries());
            out.push(Placed {
                part: Part::Projection,
                count: drafts,
                task: self.gemm(requests, hidden, 2 * hidden, self.storage.weights.dense),
            });
            self.attention_rowwise(last, requests, drafts, out);
            self.ffn_rowwise(last, requests, drafts, out);
            self.logits(requests, drafts, out);
        }
    }

    fn logits(&self, rows: u64, count: f64, out: &mut Vec<Placed>) {
        let tp = self.parallel.tp;
        let vocab = self.model.vocab.div_ceil(u64::from(tp));
        let mut push = |part, task| out.push(Placed { part, count, task });
        push(Part::Head, self.gemm(rows, vocab, self.model.hidden, self.storage.weights.embedding));
        push(Part::Head, small(rows, 4 * vocab, 2));
        if tp > 1 {
            let bytes = rows as f64 * self.model.vocab as f64 * ACTIVATION;
            push(Part::TensorExchange, Task::Exchange(Exchange::standard(Collective::AllGather, bytes, tp)));
        }
    }

    /// Experts and the exchange of their tokens, for a group of attention ranks with `tokens` rows in all and
    /// `fullest` on the fullest.
    pub fn experts(&self, tokens: u64, fullest: u64, out: &mut Vec<Placed>) {
        if let Some(apart) = self.apart {
            return self.feed_forward(apart, tokens, fullest, out);
        }
        for (index, group) in self.model.layers.iter().enumerate() {
            if let Ffn::Moe(moe) = &group.ffn {
                let mut layers = f64::from(group.count);
                let last = index + 1 == self.model.layers.len();
                if let Some(s) = self.speculation.filter(|_| last) {
                    // The drafting layer routes the decoding requests once more; close to one more layer per draft.
                    layers += f64::from(s.drafts) / self.queries() as f64;
                }
                self.routed(moe, tokens, layers, out);
                self.exchange_experts(moe, tokens, fullest, layers, out);
            }
        }
    }

    /// Attention over the cache of the requests that decode and prefill in `batch`.
    pub fn attention(&self, batch: &Batch, out: &mut Vec<Placed>) {
        let extra = self.speculation.map_or(0.0, |s| f64::from(s.drafts));
        for (index, group) in self.model.layers.iter().enumerate() {
            let last = index + 1 == self.model.layers.len();
            let count = f64::from(group.count) + if last { extra / self.queries() as f64 } else { 0.0 };
            match &group.attention {
                Attention::None => {}
                Attention::Gqa(a) => self.gqa(a, batch, count, out),
                Attention::Mla(a) => self.mla(a, batch, count, out),
                Attention::Linear(a) => self.linear(a, batch, count, out),
                Attention::Compressed(a) => self.compressed(a, batch, count, out),
            }
        }
    }

    /// Residual and norm before a block. Behind an all-reduce many engines let its kernel do this.
    fn norm(&self, rows: u64) -> Task {
        let fused = self.fused_norm && self.parallel.tp > 1;
        small(rows, 3 * self.model.hidden, u64::from(!fused))
    }

    fn gemm(&self, m: u64, n: u64, k: u64, weights: formats::Scheme) -> Task {
        let arithmetic = self.arithmetic(weights);
        Task::Compute(Op::Gemm { m, n, k, weights, arithmetic })
    }

    fn attention_rowwise(&self, group: &LayerGroup, rows: u64, layers: f64, out: &mut Vec<Placed>) {
        let hidden = self.model.hidden;
        let tp = u64::from(self.parallel.tp);
        let stored = self.storage.weights.attention;
        let mut push = |part, task| out.push(Placed { part, count: layers, task });
        let project = |n: u64, k: u64| self.gemm(rows, n, k, stored);
        let project_out = |k: u64| self.gemm(rows, hidden, k, self.storage.weights.attention_out);
        match &group.attention {
            Attention::None => return,
            Attention::Gqa(a) => {
                let heads = a.heads.div_ceil(tp);
                let kv_heads = a.kv_heads.div_ceil(tp);
                let gate = if a.gated { heads * a.v_head_dim } else { 0 };
                let kv = kv_heads * (a.head_dim + if a.shared_kv { 0 } else { a.v_head_dim });
                push(Part::Small, self.norm(rows));
                push(Part::Projection, project(heads * a.head_dim + kv + gate, hidden));
                // Rotary embedding is part of the attention operator as it is measured, unless norms come between: then
                // engines split, norm queries, norm keys and rotate.
                let kernels = if a.qk_norm { 4 } else { u64::from(!self.fused_norm) };
                push(Part::Small, small(rows, kernels * (heads * a.head_dim + kv), kernels));
                push(Part::Projection, project_out(heads * a.v_head_dim));
                if let Some(sparse) = &a.sparse {
                    self.indexer_projection(sparse, hidden, rows, layers, out);
                }
            }
            Attention::Mla(a) => {
                let heads = a.heads.div_ceil(tp);
                let width = heads * (a.nope_dim + a.rope_dim);
                push(Part::Small, self.norm(rows));
                match a.q_rank {
                    Some(rank) => {
                        push(Part::Projection, project(rank + a.kv_rank + a.rope_dim, hidden));
                        push(Part::Small, small(rows, 2 * (rank + a.kv_rank), 1));
                        push(Part::Projection, project(width, rank));
                    }
                    None => push(Part::Projection, project(width + a.kv_rank + a.rope_dim, hidden)),
                }
                if a.gated {
                    push(Part::Projection, project(heads * a.v_dim, hidden));
                }
                push(Part::Projection, project_out(heads * a.v_dim));
                if let Some(sparse) = &a.sparse {
                    self.indexer_projection(sparse, a.q_rank.unwrap_or(hidden), rows, layers, out);
                }
            }
            Attention::Linear(a) => {
                let values = a.value_heads * a.value_dim / tp.max(1);
                push(Part::Small, self.norm(rows));
                push(Part::Projection, project(a.in_width.div_ceil(tp), hidden));
                push(Part::Small, small(rows, 2 * a.in_width.div_ceil(tp), 2));
                push(Part::Projection, project_out(values));
            }
            Attention::Compressed(a) => {
                let heads = a.heads.div_ceil(tp);
                let groups = a.o_groups.div_ceil(tp).max(1);
                let per_group = heads * a.head_dim / groups;
                push(Part::Small, self.norm(rows));
                push(Part::Projection, project(a.q_rank + a.head_dim * if a.ratio > 0 { 3 } else { 1 }, hidden));
                push(Part::Small, small(rows, 2 * (a.q_rank + a.head_dim), 2));
                push(Part::Projection, project(heads * a.head_dim, a.q_rank));
                let arithmetic = self.arithmetic(stored);
                push(
                    Part::Projection,
                    Task::Compute(Op::BatchedGemm {
                        heads: groups,
                        m: rows,
                        n: a.o_rank,
                        k: per_group,
                        weights: stored,
                        arithmetic,
                    }),
                );
                push(Part::Projection, project_out(groups * a.o_rank));
                if let Some(sparse) = &a.sparse {
                    self.indexer_projection(sparse, a.q_rank, rows, layers, out);
                }
            }
        }
        if self.parallel.tp > 1 {
            self.reduce(rows, layers, out);
        }
    }

    fn indexer_projection(&self, sparse: &Sparse, from: u64, rows: u64, layers: f64, out: &mut Vec<Placed>) {
        if sparse.index_heads > 0 {
            let queries = self.gemm(rows, sparse.index_heads * sparse.index_dim, from, self.storage.weights.attention);
            let keys = self.gemm(
                rows,
                sparse.index_dim + sparse.index_heads,
                self.model.hidden,
                self.storage.weights.attention,
            );
            out.push(Placed { part: Part::Indexer, count: layers, task: queries });
            out.push(Placed { part: Part::Indexer, count: layers, task: keys });
        }
    }

    fn reduce(&self, rows: u64, layers: f64, out: &mut Vec<Placed>) {
        let bytes = rows as f64 * self.model.hidden as f64 * ACTIVATION;
        let exchange = Exchange::engine_all_reduce(bytes, self.parallel.tp);
        out.push(Placed { part: Part::TensorExchange, count: layers, task: Task::Exchange(exchange) });
    }

    fn ffn_rowwise(&self, group: &LayerGroup, rows: u64, layers: f64, out: &mut Vec<Placed>) {
        let hidden = self.model.hidden;
        match &group.ffn {
            Ffn::None => {}
            Ffn::Dense(_) if self.apart.is_some() => {
                out.push(Placed { part: Part::Small, count: layers, task: self.norm(rows) });
            }
            Ffn::Dense(dense) => {
                out.push(Placed { part: Part::Small, count: layers, task: self.norm(rows) });
                self.dense(dense, rows, layers, out);
                if self.parallel.tp > 1 {
                    self.reduce(rows, layers, out);
                }
            }
            Ffn::Moe(moe) => {
                out.push(Placed { part: Part::Small, count: layers, task: self.norm(rows) });
                // Choosing the experts and sorting tokens by them is part of the experts' operator as it is measured.
                let router = self.gemm(rows, moe.experts, hidden, formats::Scheme::BF16);
                out.push(Placed { part: Part::Router, count: layers, task: router });
                for inner in [moe.shared_inner, moe.parallel_dense_inner] {
                    if inner > 0 && self.apart.is_none() {
                        self.dense(&Dense { inner, gated: moe.gated }, rows, layers, out);
                    }
                }
                if let Some(latent) = moe.latent {
                    for (n, k) in [(latent, hidden), (hidden, latent)] {
                        let task = self.gemm(rows, n, k, self.storage.weights.dense);
                        out.push(Placed { part: Part::Dense, count: layers, task });
                    }
                }
                // With one attention rank every device has all tokens: experts are local and one all-reduce ends the layer.
                if self.parallel.dp == 1 && self.apart.is_none() {
                    self.routed(moe, rows, layers, out);
                    if self.parallel.tp > 1 {
                        self.reduce(rows, layers, out);
                    }
                }
            }
        }
    }

    pub(super) fn dense(&self, dense: &Dense, rows: u64, layers: f64, out: &mut Vec<Placed>) {
        let hidden = self.model.hidden;
        let inner = dense.inner.div_ceil(u64::from(self.parallel.tp));
        let up = if dense.gated { 2 * inner } else { inner };
        let mut push = |part, task| out.push(Placed { part, count: layers, task });
        push(Part::Dense, self.gemm(rows, up, hidden, self.storage.weights.dense));
        push(Part::Small, small(rows, up + inner, 1));
        push(Part::Dense, self.gemm(rows, hidden, inner, self.storage.weights.dense));
    }

    pub(super) fn routed(&self, moe: &Moe, tokens: u64, layers: f64, out: &mut Vec<Placed>) {
        let parallel = &self.parallel;
        // A copied expert counts as two that are each half as popular.
        let (local_experts, experts) = parallel.expert_places(moe.experts);
        let task = Task::Compute(Op::Moe {
            tokens,
            hidden: moe.latent.unwrap_or(self.model.hidden),
            inner: moe.inner.div_ceil(u64::from(parallel.moe_tp)),
            top_k: moe.top_k,
            experts,
            local_experts,
            gated: moe.gated,
            weights: self.storage.weights.experts,
            arithmetic: self.arithmetic(self.storage.weights.experts),
            imbalance: self.imbalance(tokens, moe),
            skew: self.expert_skew,
        });
        out.push(Placed { part: Part::Experts, count: layers, task });
    }

    /// Attention ranks hand their tokens to the experts' ranks and take the results back.
    ///
    /// Several ways are in use: all-gather before and reduce-scatter after (every rank sees all tokens), or dispatch and
    /// combine of routed tokens only, by kernels for many tokens or for few. Engines choose by size; so does this, by time.
    fn exchange_experts(&self, moe: &Moe, tokens: u64, fullest: u64, layers: f64, out: &mut Vec<Placed>) {
        let ranks = self.parallel.tp * self.parallel.dp;
        if ranks <= 1 {
            return;
        }
        let hidden = moe.latent.unwrap_or(self.model.hidden);
        let bytes = tokens as f64 * hidden as f64 * ACTIVATION;
        let mut chosen = [
            Exchange::standard(Collective::AllGather, bytes, ranks),
            Exchange::standard(Collective::ReduceScatter, bytes, ranks),
        ];
        let time = |pair: &[Exchange; 2]| pair.iter().map(|e| self.network.time(e).seconds).sum::<f64>();
        let mut least = time(&chosen);
        for kernel in [Kernel::HighThroughput, Kernel::LowLatency, Kernel::OneSided] {
            let routed = |phase, value_bits| {
                Exchange::Routed(Routed {
                    phase,
                    kernel,
                    group: Group::packed(ranks),
                    tokens: fullest as f64 / f64::from(self.parallel.tp),
                    hidden,
                    value_bits,
                    top_k: moe.top_k,
                    experts: self.parallel.expert_places(moe.experts).1,
                    node_limit: None,
                })
            };
            let pair = [routed(Phase::Dispatch, self.dispatch_bits()), routed(Phase::Combine, ACTIVATION * 8.0)];
            let seconds = time(&pair);
            if seconds < least {
                (chosen, least) = (pair, seconds);
            }
        }
        for exchange in chosen {
            out.push(Placed { part: Part::ExpertExchange, count: layers, task: Task::Exchange(exchange) });
        }
    }

    /// Bits of a dispatched value: 8 and a scale for 128 where experts compute in 8 bits or fewer.
    pub(super) fn dispatch_bits(&self) -> f64 {
        match self.arithmetic(self.storage.weights.experts) {
            Arithmetic::Fp32 => 32.0,
            Arithmetic::Bf16 | Arithmetic::Fp16 => 16.0,
            Arithmetic::Fp8 | Arithmetic::Mxfp8 | Arithmetic::Fp6 | Arithmetic::Fp4 | Arithmetic::Int8 => {
                formats::Scheme::FP8_ROWS_OF_128.bits_per_value()
            }
        }
    }

    fn gqa(&self, a: &Gqa, batch: &Batch, layers: f64, out: &mut Vec<Placed>) {
        let tp = u64::from(self.parallel.tp);
        let (heads, kv_heads) = (a.heads.div_ceil(tp), a.kv_heads.div_ceil(tp));
        let kv = self.storage.kv;
        let arithmetic = self.arithmetic(formats::Scheme::BF16);
        let (head_dim, v_dim) = (a.head_dim, a.v_head_dim);
        let limit = a.sparse.as_ref().map_or(f64::INFINITY, |s| s.top_tokens as f64);
        if batch.decode > 0 {
            let kv_len = batch.decode_kv / batch.decode as f64;
            let task = Task::Compute(Op::AttentionDecode {
                batch: batch.decode,
                kv_len: kv_len.min(limit),
                queries: self.queries(),
                heads,
                kv_heads,
                head_dim,
                v_dim,
                window: a.window,
                kv,
                arithmetic,
            });
            out.push(Placed { part: Part::Attention, count: layers, task });
            if let Some(sparse) = &a.sparse {
                self.index(sparse, batch.decode * self.queries(), batch.decode, kv_len, layers, out);
            }
        }
        if batch.prefill > 0 {
            let (new, past) = prompt(batch);
            let task = Task::Compute(Op::AttentionPrefill {
                batch: batch.prefill,
                new,
                past,
                heads,
                kv_heads,
                head_dim,
                v_dim,
                window: a.window.or_else(|| a.sparse.as_ref().map(|s| s.top_tokens)),
                kv,
                arithmetic,
            });
            out.push(Placed { part: Part::Attention, count: layers, task });
            if let Some(sparse) = &a.sparse {
                let seen = batch.prefill_pairs / batch.prefill_tokens.max(1) as f64;
                self.index(sparse, batch.prefill_tokens, batch.prefill, seen, layers, out);
            }
        }
    }

    /// The indexer's scores of `queries` query tokens over the keys of `requests` requests, `keys` tokens each.
    fn index(&self, sparse: &Sparse, queries: u64, requests: u64, keys: f64, layers: f64, out: &mut Vec<Placed>) {
        if sparse.index_heads == 0 || keys <= sparse.top_tokens as f64 {
            return;
        }
        let task = Task::Compute(Op::Indexer {
            batch: requests,
            queries: queries.div_ceil(requests.max(1)),
            keys: keys / sparse.index_block.max(1) as f64,
            heads: sparse.index_heads,
            dim: sparse.index_dim,
            kv: INDEX_KEYS,
            arithmetic: self.arithmetic(INDEX_KEYS),
        });
        out.push(Placed { part: Part::Indexer, count: layers, task });
    }

    fn mla(&self, a: &Mla, batch: &Batch, layers: f64, out: &mut Vec<Placed>) {
        let heads = a.heads.div_ceil(u64::from(self.parallel.tp));
        let kv = self.storage.kv;
        let arithmetic = self.arithmetic(formats::Scheme::BF16);
        let limit = a.sparse.as_ref().map_or(f64::INFINITY, |s| s.top_tokens as f64);
        let weights = self.storage.weights.attention;
        let absorbed = |m: u64, n: u64, k: u64| {
            Task::Compute(Op::BatchedGemm { heads, m, n, k, weights, arithmetic: self.arithmetic(weights) })
        };
        let mut push = |part, task| out.push(Placed { part, count: layers, task });
        if batch.decode > 0 {
            let rows = batch.decode * self.queries();
            push(Part::Projection, absorbed(rows, a.kv_rank, a.nope_dim));
            push(
                Part::Attention,
                Task::Compute(Op::MlaDecode {
                    batch: batch.decode,
                    kv_len: (batch.decode_kv / batch.decode as f64).min(limit),
                    queries: self.queries(),
                    heads,
                    kv_rank: a.kv_rank,
                    rope_dim: a.rope_dim,
                    kv,
                    arithmetic,
                }),
            );
            push(Part::Projection, absorbed(rows, a.v_dim, a.kv_rank));
        }
        if batch.prefill > 0 {
            let (new, past) = prompt(batch);
            // Keys and values of past tokens are expanded from the latent again in every chunk.
            let expanded = batch.prefill * (new + past);
            push(Part::Projection, self.gemm(expanded, heads * (a.nope_dim + a.v_dim), a.kv_rank, weights));
            push(
                Part::Attention,
                Task::Compute(Op::AttentionPrefill {
                    batch: batch.prefill,
                    new,
                    past,
                    heads,
                    kv_heads: heads,
                    head_dim: a.nope_dim + a.rope_dim,
                    v_dim: a.v_dim,
                    window: a.sparse.as_ref().map(|s| s.top_tokens),
                    kv,
                    arithmetic,
                }),
            );
        }
        if let Some(sparse) = &a.sparse {
            if batch.decode > 0 {
                let keys = batch.decode_kv / batch.decode as f64;
                self.index(sparse, batch.decode * self.queries(), batch.decode, keys, layers, out);
            }
            if batch.prefill > 0 {
                let seen = batch.prefill_pairs / batch.prefill_tokens.max(1) as f64;
                self.index(sparse, batch.prefill_tokens, batch.prefill, seen, layers, out);
            }
        }
    }

    fn linear(&self, a: &Linear, batch: &Batch, layers: f64, out: &mut Vec<Placed>) {
        let tp = u64::from(self.parallel.tp);
        let state = |batch: u64, new: u64| {
            Task::Compute(Op::State {
                batch,
                new,
                key_heads: a.key_heads.div_ceil(tp),
                key_dim: a.key_dim,
                value_heads: a.value_heads.div_ceil(tp),
                value_dim: a.value_dim,
                state_bytes: a.state_bytes,
            })
        };
        let mut push = |task| out.push(Placed { part: Part::Attention, count: layers, task });
        if batch.decode > 0 {
            push(state(batch.decode, self.queries()));
        }
        if batch.prefill > 0 {
            push(state(batch.prefill, batch.prefill_tokens.div_ceil(batch.prefill)));
        }
    }

    fn compressed(&self, a: &Compressed, batch: &Batch, layers: f64, out: &mut Vec<Placed>) {
        let heads = a.heads.div_ceil(u64::from(self.parallel.tp));
        let kv = self.storage.kv;
        let arithmetic = self.arithmetic(formats::Scheme::BF16);
        // A query sees its window and the compressed entries of all before, or the selected of them.
        let seen = |context: f64| {
            let entries = if a.ratio == 0 { 0.0 } else { context / a.ratio as f64 };
            let chosen = a.sparse.as_ref().map_or(entries, |s| entries.min(s.top_tokens as f64));
            context.min(a.window as f64) + chosen
        };
        let attend = |requests: u64, queries: u64, context: f64| {
            Task::Compute(Op::MlaDecode {
                batch: requests,
                kv_len: seen(context),
                queries,
                heads,
                kv_rank: a.head_dim - a.rope_dim.min(a.head_dim),
                rope_dim: a.rope_dim,
                kv,
                arithmetic,
            })
        };
        let entries = |context: f64| context / a.ratio.max(1) as f64;
        if batch.decode > 0 {
            let context = batch.decode_kv / batch.decode as f64;
            let task = attend(batch.decode, self.queries(), context);
            out.push(Placed { part: Part::Attention, count: layers, task });
            if let Some(sparse) = &a.sparse {
                self.index(sparse, batch.decode * self.queries(), batch.decode, entries(context), layers, out);
            }
        }
        if batch.prefill > 0 {
            let context = batch.prefill_pairs / batch.prefill_tokens.max(1) as f64;
            let (new, _) = prompt(batch);
            let task = attend(batch.prefill, new, context);
            out.push(Placed { part: Part::Attention, count: layers, task });
            if let Some(sparse) = &a.sparse {
                self.index(sparse, batch.prefill_tokens, batch.prefill, entries(context), layers, out);
            }
        }
    }
}

/// Mean new tokens and past tokens of the prefilling requests, keeping the number of attended pairs.
fn prompt(batch: &Batch) -> (u64, u64) {
    let tokens = batch.prefill_tokens.max(1) as f64;
    let new = (tokens / batch.prefill.max(1) as f64).max(1.0);
    let past = batch.prefill_pairs / tokens - (new + 1.0) / 2.0;
    (new.round() as u64, past.max(0.0).round() as u64)
}

/// An operator bound by traffic: `values` activations per row read or written by `kernels` kernels.
fn small(rows: u64, values: u64, kernels: u64) -> Task {
    Task::Compute(Op::Elementwise { bytes: rows as f64 * values as f64 * ACTIVATION, kernels })
}
