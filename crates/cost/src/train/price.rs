//! Seconds of a layer: operators by the device's surfaces, exchanges by the network's curves.

use catalog::model::layer_parameters;
use catalog::{Arithmetic, LayerGroup};
use formats::Scheme;

use super::layer::{LayerWork, Product, Recomputed};
use super::{Job, Plan, Terms};
use crate::Op;
use crate::comm::Exchange;

/// Seconds of exchanges in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Comm {
    /// From start to end with nothing beside.
    pub seconds: f64,
    /// The part of it whose slowest transfer is on the innermost tier; the rest is on outer tiers.
    pub inner: f64,
}

impl Comm {
    fn add(&mut self, other: Comm, times: f64) {
        self.seconds += other.seconds * times;
        self.inner += other.inner * times;
    }
}

/// A layer on one rank for one micro-batch, priced. Sums and averages of layers are of the same type.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LayerCost {
    /// Operators forward.
    pub forward: f64,
    /// Operators of gradients of inputs.
    pub input_grad: f64,
    /// Operators of gradients of weights.
    pub weight_grad: f64,
    /// What selective recomputation computes again.
    pub selective: f64,
    /// Kernels forward, backward to inputs, backward to weights.
    pub kernels: [f64; 3],
    /// Share of layers with experts.
    pub routed: f64,
    /// Exchanges of tensor parallelism, forward and backward.
    pub tensor: [Comm; 2],
    /// Exchanges of context parallelism.
    pub context: [Comm; 2],
    /// Exchanges of expert parallelism.
    pub expert: [Comm; 2],
    /// Bytes saved for the backward pass.
    pub saved: Recomputed,
    /// Bytes of the residual stream of all tokens that TP ranks gather: a block's input, and its gradient.
    pub gathered: f64,
    /// Parameters on the rank outside experts.
    pub dense: f64,
    /// Parameters of experts on the rank.
    pub experts: f64,
    /// Parameters among them that learn, of both kinds.
    pub learned: [f64; 2],
    /// Parameters of the largest product on the rank; of several layers the largest of all.
    pub largest: f64,
    /// Operations that the model asks for, forward, per token.
    pub model_flop_per_token: f64,
    /// Operations that the rank's matrix unit does, forward and backward, and their least seconds at its peaks.
    pub light: f64,
}

impl LayerCost {
    /// Adds `times` another.
    pub fn add(&mut self, other: &LayerCost, times: f64) {
        self.forward += other.forward * times;
        self.input_grad += other.input_grad * times;
        self.weight_grad += other.weight_grad * times;
        self.selective += other.selective * times;
        for i in 0..3 {
            self.kernels[i] += other.kernels[i] * times;
        }
        for i in 0..2 {
            self.tensor[i].add(other.tensor[i], times);
            self.context[i].add(other.context[i], times);
            self.expert[i].add(other.expert[i], times);
            self.learned[i] += other.learned[i] * times;
        }
        self.saved.kept += other.saved.kept * times;
        self.saved.dropped += other.saved.dropped * times;
        self.saved.input += other.saved.input * times;
        self.gathered += other.gathered * times;
        self.routed += other.routed * times;
        self.dense += other.dense * times;
        self.experts += other.experts * times;
        self.model_flop_per_token += other.model_flop_per_token * times;
        self.light += other.light * times;
        self.largest = self.largest.max(other.largest);
    }
}

/// What stands before the first layer and after the last.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Ends {
    /// Embedding, forward and backward.
    pub embedding: f64,
    /// Output head and loss forward, and the same backward to inputs and to weights.
    pub head: [f64; 3],
    /// Parameters of the embedding on a rank.
    pub table: f64,
    /// Whether the head has a table of its own.
    pub own_head: bool,
    /// Bytes of the logits of a micro-batch.
    pub logits: f64,
    /// Operations of the head per token, forward.
    pub model_flop_per_token: f64,
}

/// Prices layers of one job: the part of a search that knows operators.
pub struct Pricer<'a> {
    job: Job<'a>,
}

impl<'a> Pricer<'a> {
    /// For one job.
    pub fn new(job: Job<'a>) -> Self {
        Pricer { job }
    }

    /// What is priced.
    pub fn job(&self) -> &Job<'a> {
        &self.job
    }

    /// All that a plan's step and memory are combined from, under its split inside a stage: degrees other than `tp`, `cp`,
    /// `ep`, `etp`, the micro-batch, sequence parallelism and the way of `cp` do not matter.
    pub fn terms(&self, plan: &Plan) -> Terms {
        let all = self.job.model.num_layers().max(1) as f64;
        let (mut layer, mut heavy) = (LayerCost::default(), (LayerCost::default(), 0.0));
        for group in &self.job.model.layers {
            let (one, count) = (self.group(group, plan), f64::from(group.count));
            layer.add(&one, count / all);
            let values = |l: &LayerCost| l.dense + l.experts;
            if values(&one) > values(&heavy.0) * (1.0 + 1e-9) {
                heavy = (one, count);
            } else if values(&one) >= values(&heavy.0) * (1.0 - 1e-9) {
                heavy.1 += count;
            }
        }
        Terms { layer, heavy, ends: self.ends(plan) }
    }

    /// One layer of a group.
    pub fn group(&self, group: &LayerGroup, plan: &Plan) -> LayerCost {
        let job = &self.job;
        let work = job.layer(group, plan);
        let mut cost = self.operators(&work);
        let stage = |list: &[(Exchange, f64)]| self.comm(list);
        let (forward, backward) =
            (job.forward_exchanges(group, plan, &work), job.backward_exchanges(group, plan, &work));
        cost.tensor = [stage(&forward.tensor), stage(&backward.tensor)];
        cost.context = [stage(&forward.context), stage(&backward.context)];
        cost.expert = [stage(&forward.expert), stage(&backward.expert)];
        // An exchange is a kernel too.
        for (i, side) in [&forward, &backward].into_iter().enumerate() {
            let count = |l: &[(Exchange, f64)]| l.iter().map(|(_, n)| n).sum::<f64>();
            cost.kernels[i] += count(&side.tensor) + count(&side.context) + count(&side.expert);
        }
        let parameters = layer_parameters(group, job.model.hidden, job.model.residual_streams);
        let tp = f64::from(plan.tp);
        cost.dense =
            (parameters.attention + parameters.attention_out + parameters.dense) as f64 / tp + parameters.other as f64;
        cost.experts = parameters.experts as f64 / f64::from(plan.ep * plan.etp);
        cost.learned = match job.recipe.lora {
            None => [cost.dense, cost.experts],
            Some(_) => {
                let adapters = work.products.iter().filter(|p| p.learns);
                [adapters.map(|p| (p.n * p.k) as f64).sum(), 0.0]
            }
        };
        cost.largest = work.products.iter().map(|p| (p.groups * p.n * p.k) as f64).fold(0.0, f64::max);
        cost.saved = work.saved;
        cost.gathered = job.rows(plan).all as f64 * job.model.hidden as f64 * 2.0;
        cost.routed = f64::from(u8::from(matches!(group.ffn, catalog::Ffn::Moe(_))));
        cost.model_flop_per_token = work.model_flop_per_token;
        cost
    }

    /// The embedding and the output head.
    pub fn ends(&self, plan: &Plan) -> Ends {
        let job = &self.job;
        let rows = job.rows(plan);
        let vocab = job.model.vocab.div_ceil(u64::from(plan.tp));
        let half = Scheme::BF16;
        let head = Product {
            part: super::WorkPart::Head,
            m: rows.all,
            n: vocab,
            k: job.model.hidden,
            groups: 1,
            format: half,
            arithmetic: job.arithmetic(half),
            learns: true,
        };
        let [forward, input, weight] = self.product(&head);
        let logits = rows.all as f64 * vocab as f64;
        let loss = self.traffic(logits * 8.0, 3);
        let lookup = self.traffic(rows.split as f64 * job.model.hidden as f64 * 6.0, 2);
        let learns = job.recipe.lora.is_none();
        Ends {
            embedding: 2.0 * lookup,
            head: [forward + loss, input + loss, if learns { weight } else { 0.0 }],
            table: vocab as f64 * job.model.hidden as f64,
            own_head: !job.model.tied_embeddings,
            logits: logits * job.stack.logits,
            model_flop_per_token: 2.0 * (job.model.vocab * job.model.hidden) as f64,
        }
    }

    fn operators(&self, work: &LayerWork) -> LayerCost {
        let mut cost = LayerCost::default();
        let stack = self.job.stack;
        for product in &work.products {
            let [forward, input, weight] = self.product(product);
            cost.forward += forward;
            cost.selective += forward * work.products_again;
            cost.input_grad += input;
            cost.weight_grad += if product.learns { weight + self.accumulate(product) } else { 0.0 };
            let kernels = if product.groups > 1 { 2.0 } else { 1.0 };
            // Casting to fewer bits is a kernel of its own, forward and (transposed) backward.
            let casts = if product.format.bytes_per_value() < 2.0 { 1.0 } else { 0.0 };
            cost.kernels[0] += kernels + casts;
            cost.kernels[1] += kernels + casts;
            cost.kernels[2] += if product.learns { kernels } else { 0.0 };
            let passes = if product.learns { 3.0 } else { 2.0 };
            cost.light += passes * self.light(&product_op(product));
        }
        for (op, backward) in &work.attention {
            let seconds = self.attention(op);
            cost.forward += seconds;
            cost.input_grad += seconds * backward * stack.attention_backward;
            cost.kernels[0] += 1.0;
            cost.kernels[1] += 3.0;
            cost.light += (1.0 + backward) * self.light(op);
        }
        for op in &work.scores {
            cost.selective += self.attention(op);
        }
        for product in &work.again {
            cost.selective += self.product(product)[0];
        }
        for small in &work.small {
            let forward = self.traffic(small.forward, small.kernels);
            cost.forward += forward;
            cost.input_grad += self.traffic(small.backward, small.kernels);
            cost.kernels[0] += small.kernels as f64;
            cost.kernels[1] += small.kernels as f64;
            if small.recomputed {
                cost.selective += forward;
            }
        }
        cost
    }

    /// Seconds forward, to inputs and to weights.
    fn product(&self, p: &Product) -> [f64; 3] {
        let Product { m, n, k, .. } = *p;
        [self.one_product(p, m, n, k), self.one_product(p, m, k, n), self.one_product(p, n, k, m)]
    }

    fn one_product(&self, p: &Product, m: u64, n: u64, k: u64) -> f64 {
        let op = Op::Gemm { m, n, k, weights: p.format, arithmetic: p.arithmetic };
        let time = self.job.device.time(&op);
        let stack = self.job.stack;
        let mut seconds = time.seconds * stack.product(p.arithmetic);
        if p.groups > 1 {
            // Each expert's weights are read, not one expert's.
            let values = (p.groups * p.n * p.k) as f64;
            let read = values * p.format.bytes_per_value() / (self.job.chip.bandwidth.mid().0 / self.devices());
            seconds = (seconds * stack.grouped).max(read);
        }
        seconds.max(time.speed_of_light)
    }

    /// Seconds to add a weight gradient to the sum over micro-batches: read and written once.
    fn accumulate(&self, p: &Product) -> f64 {
        let values = (p.groups * p.n * p.k) as f64;
        2.0 * values * self.job.recipe.gradients.bytes() / (self.job.chip.bandwidth.mid().0 / self.devices())
    }

    fn devices(&self) -> f64 {
        f64::from(self.job.chip.devices.max(1))
    }

    fn attention(&self, op: &Op) -> f64 {
        let time = self.job.device.time(op);
        (time.seconds * self.job.stack.attention).max(time.speed_of_light)
    }

    fn traffic(&self, bytes: f64, kernels: u64) -> f64 {
        self.job.device.time(&Op::Elementwise { bytes: bytes * self.job.stack.small, kernels }).seconds
    }

    fn light(&self, op: &Op) -> f64 {
        self.job.device.time(op).speed_of_light
    }

    fn comm(&self, list: &[(Exchange, f64)]) -> Comm {
        let mut comm = Comm::default();
        for (exchange, times) in list {
            let time = self.job.network.time(exchange);
            let seconds = (time.seconds * self.job.stack.network).max(time.physical_bound) * times;
            comm.seconds += seconds;
            if time.tier == 0 {
                comm.inner += seconds;
            }
        }
        comm
    }
}

fn product_op(p: &Product) -> Op {
    Op::Gemm { m: p.m, n: p.n, k: p.k, weights: p.format, arithmetic: p.arithmetic }
}

/// Bits of an operand, as far as efficiencies are told apart.
pub(super) fn bits(arithmetic: Arithmetic) -> usize {
    match arithmetic {
        Arithmetic::Fp32 | Arithmetic::Bf16 | Arithmetic::Fp16 => 0,
        Arithmetic::Fp8 | Arithmetic::Mxfp8 | Arithmetic::Fp6 | Arithmetic::Int8 => 1,
        Arithmetic::Fp4 => 2,
    }
}
