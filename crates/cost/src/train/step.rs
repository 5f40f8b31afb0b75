//! A step in closed form: what a search prunes with. The event engine says more about schedules; both agree where
//! stages are equal.

use super::price::{Comm, Ends, LayerCost};
use super::{ChunkCost, Job, Plan, Schedule, Sharding, Stages};
use crate::Op;
use crate::comm::{Collective, Exchange, Group, Library};

/// Exchanges once a step, and the optimizer, on the fullest rank.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GroupTimes {
    /// Sum or scatter of gradients.
    pub reduce: Comm,
    /// Gathering of updated parameters.
    pub gather: Comm,
    /// The optimizer's update, transfers to the host included.
    pub optimizer: f64,
    /// A hand-over between neighbouring stages.
    pub hop: f64,
    /// Whether a hop stays on the innermost tier.
    pub hop_inner: bool,
    /// Gathering a layer's parameters, and scattering its gradients, for each micro-batch.
    pub shard: [Comm; 2],
}

/// Where the time of a step goes, seconds on the slowest stage. The parts add up to the step.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Breakdown {
    /// Operators, once each.
    pub compute: f64,
    /// Operators that run again.
    pub recompute: f64,
    /// Exposed exchanges of tensor parallelism.
    pub tensor: f64,
    /// Of context parallelism.
    pub context: f64,
    /// Of experts.
    pub expert: f64,
    /// Of gradients and parameters.
    pub data: f64,
    /// Between stages.
    pub pipeline: f64,
    /// Waiting for other stages.
    pub bubble: f64,
    /// The optimizer.
    pub optimizer: f64,
    /// Waiting for the host's memory.
    pub offload: f64,
    /// The host's own work, and what exchanges take from operators that hide them.
    pub other: f64,
}

impl Breakdown {
    /// Exchanges that nothing hides.
    pub fn exposed(&self) -> f64 {
        self.tensor + self.context + self.expert + self.data + self.pipeline
    }

    /// All parts.
    pub fn total(&self) -> f64 {
        self.compute + self.recompute + self.exposed() + self.bubble + self.optimizer + self.offload + self.other
    }
}

/// A step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepTime {
    /// Seconds.
    pub seconds: f64,
    /// Where they go.
    pub breakdown: Breakdown,
    /// Exchanges in all, hidden or not: tensor, context, expert, data, pipeline.
    pub exchanges: [f64; 5],
}

/// What a search prices once for each split inside a stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// The mean layer.
    pub layer: LayerCost,
    /// The layer with the most parameters, and how many there are of it.
    pub heavy: (LayerCost, f64),
    /// Embedding and head.
    pub ends: Ends,
}

impl Terms {
    /// The mean of `some` layers of `all`, with as many of the heavy ones as there are: what the fullest stage may hold.
    pub(super) fn fullest(&self, some: f64, all: f64) -> LayerCost {
        let (heavy, count) = &self.heavy;
        if *count >= all || some <= 0.0 {
            return self.layer;
        }
        let share = (some.min(*count)) / some;
        // The others are what the mean leaves: (mean all - heavy count) / (all - count).
        let others = (1.0 - share) / (all - count);
        let mut out = LayerCost::default();
        out.add(heavy, share - others * count);
        out.add(&self.layer, others * all);
        out
    }
}

fn collective(operation: Collective, bytes: f64, ranks: u32, stride: u32) -> Exchange {
    Exchange::Collective { operation, library: Library::Standard, group: Group { ranks, stride }, bytes }
}

impl Job<'_> {
    fn exchange(&self, exchange: &Exchange) -> Comm {
        let time = self.network.time(exchange);
        let seconds = (time.seconds * self.stack.network).max(time.physical_bound);
        Comm { seconds, inner: if time.tier == 0 { seconds } else { 0.0 } }
    }

    /// Values of dense and of expert parameters that learn on the fullest rank.
    pub(super) fn learned(&self, plan: &Plan, terms: &Terms) -> [f64; 2] {
        let layers = self.fullest_layers(plan);
        let tables = if self.recipe.lora.is_some() { 0.0 } else { self.tables(plan, terms) };
        let learned = self.fullest(plan, terms).learned;
        [learned[0] * layers + tables, learned[1] * layers]
    }

    /// The mean layer of the fullest stage.
    pub(super) fn fullest(&self, plan: &Plan, terms: &Terms) -> LayerCost {
        let of_copy = self.fullest_layers(plan) / f64::from(plan.stage_copies());
        terms.fullest(of_copy, self.model.num_layers() as f64)
    }

    /// Layers on the fullest rank, copies of a bidirectional pipeline included.
    pub(super) fn fullest_layers(&self, plan: &Plan) -> f64 {
        let chunks = u64::from(plan.pp) * u64::from(plan.chunks);
        let layers = self.model.num_layers();
        let mtp = if self.mtp { u64::from(self.model.mtp_layers) } else { 0 };
        let of_chunk = layers.div_ceil(chunks).min(layers);
        let held = (of_chunk * u64::from(plan.chunks)).min(layers) + if plan.pp == 1 { mtp } else { 0 };
        held as f64 * f64::from(plan.stage_copies())
    }

    pub(super) fn tables(&self, plan: &Plan, terms: &Terms) -> f64 {
        let both = plan.pp == 1 || matches!(plan.schedule, Schedule::ZbV | Schedule::DualPipe);
        terms.ends.table * if both && terms.ends.own_head { 2.0 } else { 1.0 }
    }

    /// What data-parallel ranks exchange, and the optimizer.
    pub fn groups(&self, plan: &Plan, terms: &Terms) -> GroupTimes {
        let mut out = GroupTimes::default();
        let learned = self.learned(plan, terms);
        let replicas = [plan.dp * plan.cp, (plan.tp * plan.cp * plan.dp) / (plan.ep * plan.etp).max(1)];
        let strides = [plan.tp, plan.ep * plan.etp];
        let layers = self.fullest_layers(plan).max(1.0);
        let mut updated = 0.0;
        for kind in 0..2 {
            let (values, ranks, stride) = (learned[kind], replicas[kind], strides[kind]);
            if values <= 0.0 {
                continue;
            }
            // A shard of HSDP never has more ranks than there are replicas.
            let shard = if plan.sharding == Sharding::None { 1 } else { plan.shard.min(ranks).max(1) };
            updated += values / f64::from(shard);
            if ranks <= 1 {
                continue;
            }
            let gradients = values * self.recipe.gradients.bytes();
            let parameters = values * self.recipe.gather_bytes();
            let scatter = |bytes| self.exchange(&collective(Collective::ReduceScatter, bytes, shard, stride));
            let gather = |bytes| self.exchange(&collective(Collective::AllGather, bytes, shard, stride));
            let mut reduce = Comm::default();
            let others = ranks / shard;
            if others > 1 {
                let bytes = gradients / f64::from(shard);
                let all = self.exchange(&collective(Collective::AllReduce, bytes, others, stride * shard));
                add(&mut reduce, all);
            }
            match plan.sharding {
                Sharding::None => {}
                Sharding::Optimizer => {
                    add(&mut reduce, scatter(gradients));
                    add(&mut out.gather, gather(parameters));
                }
                Sharding::Gradients => {
                    add(&mut out.shard[1], scatter(gradients / layers));
                    add(&mut out.gather, gather(parameters));
                }
                Sharding::Parameters => {
                    add(&mut out.shard[0], gather(parameters / layers));
                    add(&mut out.shard[1], scatter(gradients / layers));
                }
            }
            add(&mut out.reduce, reduce);
        }
        let bytes = updated * self.recipe.optimizer_traffic();
        out.optimizer = self.device.time(&Op::Elementwise { bytes, kernels: 1 }).seconds;
        if plan.offload.optimizer {
            // Gradients go to the host, new parameters come back; the host's own update hides behind the transfers.
            out.optimizer = updated * (self.recipe.gradients.bytes() + 2.0) / self.host_rate();
        }
        if plan.pp > 1 {
            let rows = self.rows(plan);
            let bytes = rows.split as f64 * self.model.hidden as f64 * 2.0;
            let hop = self.exchange(&Exchange::SendRecv { stride: plan.tp * plan.cp * plan.dp, bytes });
            out.hop = hop.seconds;
            out.hop_inner = hop.inner > 0.0;
        }
        out
    }

    /// The chunk that stage `stage` holds as its `local`-th.
    pub fn chunk_of(plan: &Plan, stage: u32, local: u32) -> u64 {
        let (pp, stage) = (u64::from(plan.pp), u64::from(stage));
        match plan.schedule {
            Schedule::ZbV | Schedule::DualPipe if local == 1 => {
                let last = if plan.schedule == Schedule::ZbV { 2 * pp } else { pp };
                last - 1 - stage
            }
            _ => u64::from(local) * pp + stage,
        }
    }

    /// What a stage does for one micro-batch: its chunks, or half of each of the two that DualPipe has it hold.
    pub fn stage(&self, plan: &Plan, stages: &Stages, stage: u32) -> ChunkCost {
        let mut cost = ChunkCost::default();
        let dual = plan.schedule == Schedule::DualPipe;
        for local in 0..if dual { 2 } else { plan.chunks } {
            cost.add(&stages.chunk(Self::chunk_of(plan, stage, local)), if dual { 0.5 } else { 1.0 });
        }
        cost
    }

    /// The step of a plan in closed form, of terms priced before.
    pub fn step(&self, plan: &Plan, terms: &Terms) -> StepTime {
        let groups = self.groups(plan, terms);
        let stages = self.stages(plan, &terms.layer, &terms.ends, groups.shard);
        let micro_batches = plan.micro_batches(self.batch) as f64;
        let mut slow = self.stage(plan, &stages, 0);
        for stage in [plan.pp / 2, plan.pp - 1] {
            let other = self.stage(plan, &stages, stage);
            if other.total() > slow.total() {
                slow = other;
            }
        }
        let bubble = self.bubble(plan, &stages, &slow);
        self.compose(plan, &groups, &slow, micro_batches, bubble)
    }

    /// Time in which the slowest stage waits for others, hand-overs not counted.
    fn bubble(&self, plan: &Plan, stages: &Stages, slow: &ChunkCost) -> f64 {
        if plan.pp <= 1 {
            return 0.0;
        }
        let whole = stages.whole();
        let hops = f64::from(plan.pp) - 1.0;
        // Means over stages, so that a heavy last stage is not counted as waiting for itself.
        let mean = |all: f64, slow: f64| ((all - slow) / hops).max(0.0);
        let (f, i, w) =
            (mean(whole.forward, slow.forward), mean(whole.input, slow.input), mean(whole.weight, slow.weight));
        match plan.schedule {
            Schedule::GPipe | Schedule::OneFOneB => hops * (f + i + w),
            Schedule::Interleaved => hops * (f + i + w) / f64::from(plan.chunks),
            Schedule::ZbH1 => hops * (f + i - w).max(0.0),
            // The order is found by trying: about as long as ZB-H1's at equal times.
            Schedule::ZbV => hops * (f + i - w).max(0.0),
            Schedule::DualPipe => ((f64::from(plan.pp) / 2.0 - 1.0) * (f + 2.0 * i - w)).max(0.0),
        }
    }

    /// A step from the slowest stage's work for a micro-batch, the pipeline's bubble, and what is done once.
    pub fn compose(
        &self,
        plan: &Plan,
        groups: &GroupTimes,
        slow: &ChunkCost,
        micro_batches: f64,
        bubble: f64,
    ) -> StepTime {
        let quality = &self.stack.overlap;
        let mut b = Breakdown { bubble, optimizer: groups.optimizer, other: self.stack.step, ..Breakdown::default() };
        b.compute = (slow.operators - slow.recompute) * micro_batches;
        b.recompute = slow.recompute * micro_batches;
        b.offload = slow.offload * micro_batches;
        let exposed = slow.exposed.map(|e| e * micro_batches);
        [b.tensor, b.context, b.expert, b.data] = exposed;
        let contention = slow.hidden.iter().sum::<f64>() * self.stack.contention;
        b.other += contention * micro_batches;
        if plan.pp > 1 {
            // Every micro-batch goes on and comes back; so do the first and the last through the whole pipeline.
            let chunks = f64::from(plan.chunks);
            let hops = 2.0 * groups.hop;
            b.pipeline = hops * chunks * (1.0 - quality.pipeline) * micro_batches
                + hops * (f64::from(plan.pp) * chunks - 1.0).max(0.0) / chunks;
        }
        // Gradients of a chunk go while the chunks before it are computed; parameters come the same way.
        let buckets = if plan.pp > 1 { f64::from(plan.chunks) } else { self.model.num_layers() as f64 };
        let window = |side: f64| side * (1.0 - 1.0 / buckets.max(1.0));
        let hide = |comm: Comm, side: f64| comm.seconds - (comm.seconds * quality.data).min(window(side));
        b.data += hide(groups.reduce, slow.input + slow.weight) + hide(groups.gather, slow.forward);
        let all = |i: usize| (slow.exposed[i] + slow.hidden[i]) * micro_batches;
        let once = groups.reduce.seconds + groups.gather.seconds;
        let hand_over = 2.0 * groups.hop * f64::from(plan.chunks) * micro_batches;
        let exchanges = [all(0), all(1), all(2), all(3) + once, hand_over];
        StepTime { seconds: b.total(), breakdown: b, exchanges }
    }
}

fn add(to: &mut Comm, comm: Comm) {
    to.seconds += comm.seconds;
    to.inner += comm.inner;
}
