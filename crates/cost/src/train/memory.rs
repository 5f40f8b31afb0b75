//! Bytes on the fullest device, by kind.

use thiserror::Error;

use super::price::LayerCost;
use super::step::Terms;
use super::{Job, Plan, Recompute, Schedule, Sharding};

/// Bytes on the fullest device.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TrainingMemory {
    /// Of the device.
    pub capacity: f64,
    /// Parameters as they compute.
    pub parameters: f64,
    /// Gradients.
    pub gradients: f64,
    /// Master copy and moments.
    pub optimizer: f64,
    /// Activations saved for the backward pass.
    pub activations: f64,
    /// Buffers of exchanges, gathered layers, logits and the largest operator.
    pub buffers: f64,
    /// Context, graphs, what an allocator loses.
    pub reserved: f64,
    /// Bytes of these in the host's memory instead.
    pub host: f64,
}

impl TrainingMemory {
    /// All of it.
    pub fn total(&self) -> f64 {
        self.parameters + self.gradients + self.optimizer + self.activations + self.buffers + self.reserved
    }

    /// Whether it fits.
    pub fn fits(&self) -> bool {
        self.total() <= self.capacity
    }
}

/// A fact that a plan needs and the catalog lacks.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("chips/{0}.{1}: is unknown, and offloading needs it")]
pub struct Need(pub String, pub &'static str);

impl Job<'_> {
    /// Bytes saved of a layer and a micro-batch for the backward pass.
    pub(super) fn saved(&self, plan: &Plan, layer: &LayerCost) -> f64 {
        let saved = &layer.saved;
        let full = self.recomputed_share(plan);
        let rest = match plan.recompute {
            Recompute::None => saved.kept + saved.dropped,
            _ => saved.kept,
        };
        full * saved.input + (1.0 - full) * rest
    }

    /// Most micro-batches, in whole stages, whose activations a device keeps at a time.
    pub fn in_flight(&self, plan: &Plan) -> f64 {
        let micro_batches = plan.micro_batches(self.batch) as f64;
        let (pp, chunks) = (f64::from(plan.pp), f64::from(plan.chunks));
        let flight = match plan.schedule {
            Schedule::GPipe => micro_batches,
            Schedule::OneFOneB | Schedule::ZbH1 | Schedule::ZbV => pp,
            Schedule::Interleaved => ((pp - 1.0) * 2.0 + (chunks - 1.0) * pp + 1.0) / chunks,
            Schedule::DualPipe => pp + 1.0,
        };
        flight.min(micro_batches).max(1.0)
    }

    /// Bytes on the fullest device.
    ///
    /// # Errors
    /// A plan that offloads on a chip whose host link is unknown.
    pub fn memory(&self, plan: &Plan, terms: &Terms) -> Result<TrainingMemory, Need> {
        if (plan.offload.activations || plan.offload.optimizer) && self.chip.host_link.is_none() {
            return Err(Need(self.chip.id.clone(), "links.host"));
        }
        let devices = f64::from(self.chip.devices.max(1));
        let layers = self.fullest_layers(plan);
        let tables = self.tables(plan, terms);
        let layer = self.fullest(plan, terms);
        let held = [layer.dense * layers + tables, layer.experts * layers];
        let learned = self.learned(plan, terms);
        let replicas = [plan.dp * plan.cp, (plan.tp * plan.cp * plan.dp) / (plan.ep * plan.etp).max(1)];
        let recipe = &self.recipe;
        let mut m = TrainingMemory {
            capacity: self.chip.memory.mid().0 / devices,
            reserved: self.stack.reserved,
            ..TrainingMemory::default()
        };
        for kind in 0..2 {
            let shard = f64::from(plan.shard.min(replicas[kind]).max(1));
            let split = |from: Sharding| if plan.sharding >= from { shard } else { 1.0 };
            m.parameters += held[kind] * recipe.weight_bytes() / split(Sharding::Parameters);
            m.gradients += learned[kind] * recipe.gradients.bytes() / split(Sharding::Gradients);
            m.optimizer += learned[kind] * recipe.optimizer_bytes() / split(Sharding::Optimizer);
        }
        let heavy = &terms.heavy.0;
        let per_layer = heavy.dense + heavy.experts;
        if Self::gathers_layers(plan) {
            m.buffers += if self.stack.gathers_layers {
                // The layer that computes and the one that is being gathered, and a layer's gradients.
                per_layer * (2.0 * recipe.gather_bytes() + recipe.gradients.bytes())
            } else {
                // The weight that computes, those on their way, and the largest gradient.
                per_layer * recipe.gather_bytes() + heavy.largest * recipe.gradients.bytes()
            };
        }
        let flight = self.in_flight(plan);
        // Layers of one copy of the stage: DualPipe's two take turns.
        let of_stage = layers / f64::from(plan.stage_copies());
        let saved = self.saved(plan, &layer) * of_stage * flight;
        m.activations = if plan.offload.activations { self.saved(plan, heavy) * 2.0 } else { saved };
        // While a layer is computed again all that it keeps is there once.
        let whole = heavy.saved.kept + heavy.saved.dropped;
        m.buffers += if plan.recompute == Recompute::None { 0.0 } else { whole };
        // Gradients of a layer's activations: those of the input and the output of a block, of all tokens that TP ranks gather.
        m.buffers += 2.0 * layer.gathered;
        // The logits of the last stage.
        if plan.pp == 1 {
            m.activations += terms.ends.logits;
        } else if plan.schedule == Schedule::OneFOneB || plan.schedule == Schedule::GPipe {
            // The last stage has the logits, the first has more micro-batches under way: the first is fuller.
            m.activations = m.activations.max(m.activations / flight + terms.ends.logits);
        } else {
            m.activations = m.activations.max(terms.ends.logits);
        }
        if plan.offload.optimizer {
            m.host += m.optimizer;
            m.optimizer = 0.0;
        }
        if plan.offload.activations {
            m.host += saved;
        }
        Ok(m)
    }
}
