//! Layers dealt to stages: what one chunk of a stage costs for one micro-batch.

use super::price::{Comm, Ends, LayerCost};
use super::{Job, Plan, Recompute, Schedule, Sharding};

/// Seconds of a chunk for one micro-batch, and how they came about. Exchanges that hide behind operators are not in the
/// times, but what they take from the operators is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ChunkCost {
    /// Forward.
    pub forward: f64,
    /// Backward to inputs, recomputation included.
    pub input: f64,
    /// Backward to weights.
    pub weight: f64,
    /// Of all three: operators.
    pub operators: f64,
    /// Operators that run again.
    pub recompute: f64,
    /// Exchanges of tensor, context and expert parallelism and of sharded parameters that nothing hides.
    pub exposed: [f64; 4],
    /// The same, hidden.
    pub hidden: [f64; 4],
    /// What offloaded activations wait for.
    pub offload: f64,
    /// Busy share of the inner and the outer links while the chunk runs (0 to 1).
    pub links: [f64; 2],
}

impl ChunkCost {
    /// Forward and backward.
    pub fn total(&self) -> f64 {
        self.forward + self.input + self.weight
    }

    pub(super) fn add(&mut self, other: &ChunkCost, times: f64) {
        self.forward += other.forward * times;
        self.input += other.input * times;
        self.weight += other.weight * times;
        self.operators += other.operators * times;
        self.recompute += other.recompute * times;
        for i in 0..4 {
            self.exposed[i] += other.exposed[i] * times;
            self.hidden[i] += other.hidden[i] * times;
        }
        self.offload += other.offload * times;
        if times > 0.0 {
            self.links = other.links;
        }
    }

    fn plus_ends(&mut self, forward: f64, input: f64, weight: f64) {
        self.forward += forward;
        self.input += input;
        self.weight += weight;
        self.operators += forward + input + weight;
    }
}

/// The stages of a plan: a layer, and how many each chunk has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stages {
    /// One layer.
    pub layer: ChunkCost,
    /// Layers of a chunk that has the fewest.
    pub least: u64,
    /// Chunks with one layer more, taken from the middle.
    pub more: u64,
    /// Chunks in all: stages times chunks of each.
    pub chunks: u64,
    /// Embedding, forward and backward.
    pub embedding: f64,
    /// Head and loss, with prediction modules: forward, backward to inputs and to weights.
    pub head: [f64; 3],
}

impl Stages {
    /// Layers of chunk `index`, counted along the model. Where layers do not come out even the first and the last chunk
    /// (embedding and head) have fewer.
    pub fn layers(&self, index: u64) -> u64 {
        let start = (self.chunks - self.more) / 2;
        self.least + u64::from(index >= start && index < start + self.more)
    }

    /// The cost of chunk `index`.
    pub fn chunk(&self, index: u64) -> ChunkCost {
        let mut cost = ChunkCost::default();
        cost.add(&self.layer, self.layers(index) as f64);
        if index == 0 {
            cost.plus_ends(self.embedding / 2.0, 0.0, self.embedding / 2.0);
        }
        if index + 1 == self.chunks {
            cost.plus_ends(self.head[0], self.head[1], self.head[2]);
        }
        cost
    }

    /// All chunks together.
    pub fn whole(&self) -> ChunkCost {
        let mut cost = ChunkCost::default();
        cost.add(&self.layer, (self.least * self.chunks + self.more) as f64);
        cost.plus_ends(self.embedding / 2.0 + self.head[0], self.head[1], self.embedding / 2.0 + self.head[2]);
        cost
    }
}

/// Exchanges that compete for one time in which they can hide.
struct Window {
    left: f64,
}

impl Window {
    fn new(operators: f64) -> Window {
        Window { left: operators }
    }

    /// Hides what it can of `comm`: at most the share `quality`, at most what is left. Gives (exposed, hidden).
    fn hide(&mut self, comm: Comm, quality: f64) -> (f64, f64) {
        let hidden = (comm.seconds * quality).min(self.left).max(0.0);
        self.left -= hidden;
        (comm.seconds - hidden, hidden)
    }
}

impl Job<'_> {
    /// The stages of a plan, given a priced layer and the ends of the model under its split. `shard` is the exchange of a
    /// layer's sharded parameters: to gather them, and to scatter their gradients.
    pub fn stages(&self, plan: &Plan, layer: &LayerCost, ends: &Ends, shard: [Comm; 2]) -> Stages {
        let cost = self.layer_in_plan(plan, layer, shard);
        let chunks = u64::from(plan.pp) * u64::from(plan.chunks);
        let layers = self.model.num_layers();
        let mut head = ends.head;
        if self.mtp && self.model.mtp_layers > 0 {
            // A prediction module is one more layer before another pass through the head.
            let modules = f64::from(self.model.mtp_layers);
            for (i, seconds) in [cost.forward, cost.input, cost.weight].into_iter().enumerate() {
                head[i] += modules * (seconds + ends.head[i]);
            }
        }
        Stages { layer: cost, least: layers / chunks, more: layers % chunks, chunks, embedding: ends.embedding, head }
    }

    fn layer_in_plan(&self, plan: &Plan, layer: &LayerCost, shard: [Comm; 2]) -> ChunkCost {
        let stack = self.stack;
        let mut out = ChunkCost::default();
        let full = self.recomputed_share(plan);
        let selective = if plan.recompute == Recompute::None { 0.0 } else { (1.0 - full) * layer.selective };
        let again = full * layer.forward + selective;
        let quality = &stack.overlap;
        // In a schedule that pairs a forward with a backward pass, each hides the other's exchange of tokens.
        let expert = if plan.schedule == Schedule::DualPipe { quality.paired } else { quality.expert };
        let mut links = [0.0; 2];
        let mut sides = [0.0; 2];
        for side in 0..2 {
            let operators = if side == 0 { layer.forward } else { layer.input_grad + layer.weight_grad + again };
            let kernels = if side == 0 {
                layer.kernels[0]
            } else {
                layer.kernels[1] + layer.kernels[2] + full * layer.kernels[0]
            };
            let device = operators.max(kernels * stack.launch) + layer.routed * stack.routing;
            let mut window = Window::new(device);
            // What is recomputed is exchanged again.
            let times = |comm: &[Comm; 2]| {
                let mut sum = comm[side];
                if side == 1 {
                    sum.seconds += full * comm[0].seconds;
                    sum.inner += full * comm[0].inner;
                }
                sum
            };
            let mut sharded = shard[0];
            if side == 1 {
                sharded.seconds += shard[1].seconds;
                sharded.inner += shard[1].inner;
            }
            let parts = [
                (times(&layer.tensor), quality.tensor),
                (times(&layer.context), quality.context),
                (times(&layer.expert), expert),
                (sharded, quality.data),
            ];
            let mut seconds = device;
            for (i, (comm, quality)) in parts.into_iter().enumerate() {
                let (exposed, hidden) = window.hide(comm, quality);
                out.exposed[i] += exposed;
                out.hidden[i] += hidden;
                // Moving data takes cores and memory bandwidth from what it hides behind.
                seconds += exposed + hidden * stack.contention;
            }
            if plan.offload.activations {
                let wait = (self.offloaded(plan, layer) / self.host_rate() - seconds).max(0.0);
                out.offload += wait;
                seconds += wait;
            }
            out.operators += device;
            for (comm, _) in parts {
                links[0] += comm.inner;
                links[1] += comm.seconds - comm.inner;
            }
            sides[side] = seconds;
        }
        out.recompute = again;
        out.forward = sides[0];
        let share = if layer.input_grad + layer.weight_grad > 0.0 {
            layer.weight_grad / (layer.input_grad + layer.weight_grad + again)
        } else {
            0.0
        };
        out.weight = sides[1] * share;
        out.input = sides[1] - out.weight;
        let total = out.total();
        if total > 0.0 {
            out.links = links.map(|busy| (busy / total).clamp(0.0, 1.0));
        }
        out
    }

    /// Share of a chunk's layers that are computed again whole.
    pub(super) fn recomputed_share(&self, plan: &Plan) -> f64 {
        match plan.recompute {
            Recompute::None | Recompute::Selective => 0.0,
            Recompute::Full => 1.0,
            Recompute::Layers(n) => {
                let chunks = f64::from(plan.pp) * f64::from(plan.chunks);
                (f64::from(n) * chunks / self.model.num_layers().max(1) as f64).min(1.0)
            }
        }
    }

    /// Bytes of saved activations of a layer that go to the host and come back.
    pub(super) fn offloaded(&self, plan: &Plan, layer: &LayerCost) -> f64 {
        if plan.offload.activations { self.saved(plan, layer) } else { 0.0 }
    }

    /// Bytes per second between a device and its host; infinite where the chip's file does not say, which
    /// [`Job::memory`] refuses.
    pub(super) fn host_rate(&self) -> f64 {
        let devices = f64::from(self.chip.devices.max(1));
        self.chip.host_link.as_ref().map_or(f64::INFINITY, |l| l.mid().0 / devices)
    }

    /// Whether parameters are gathered for every micro-batch.
    pub(super) fn gathers_layers(plan: &Plan) -> bool {
        plan.sharding == Sharding::Parameters && plan.shard > 1
    }
}
