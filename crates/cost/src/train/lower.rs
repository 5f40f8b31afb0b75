//! From a layer, a plan and a recipe to the work of one rank.

use catalog::model::{Dense, Moe};
use catalog::{Arithmetic, Attention, Ffn, LayerGroup};
use formats::Scheme;

use super::layer::{LayerWork, Product, Small, WorkPart};
use super::{Job, Plan};
use crate::calibration::arithmetic_for;

mod attention;

/// Bytes of an activation in 16 bits.
const HALF: f64 = 2.0;
/// Rows by which the work of an expert is padded on average: half of a tile of 128.
const TILE_PAD: u64 = 64;
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
        if self.stack.recomputes_products {
            lowering.keep_every_other();
        }
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

    /// Selective recomputation by the kind of operator: the layer's input, what attention gives, and every other product's
    /// result are kept, half of them in the mean; all else is computed again.
    fn keep_every_other(&mut self) {
        let work = &mut self.work;
        let all = work.saved.kept + work.saved.dropped;
        let results: f64 = work.products.iter().map(|p| (p.m * p.n) as f64 * HALF).sum();
        work.saved.kept = (work.saved.input + work.attended + results / 2.0).min(all);
        work.saved.dropped = all - work.saved.kept;
        work.again.clear();
        work.products_again = 0.5;
        for small in &mut work.small {
            small.recomputed = true;
        }
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
