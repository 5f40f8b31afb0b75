//! What the ranks of a stage exchange for one layer and one micro-batch.

use catalog::{Attention, Ffn, LayerGroup};

use super::layer::LayerWork;
use super::{ContextExchange, Job, Plan};
use crate::comm::{Collective, Exchange, Group, Kernel, Library, Phase, Routed};

/// Exchanges of a layer in one direction, each with how often it occurs.
#[derive(Debug, Clone, Default)]
pub(super) struct LayerExchanges {
    pub tensor: Vec<(Exchange, f64)>,
    pub context: Vec<(Exchange, f64)>,
    pub expert: Vec<(Exchange, f64)>,
}

fn collective(operation: Collective, bytes: f64, ranks: u32, stride: u32) -> Exchange {
    Exchange::Collective { operation, library: Library::Standard, group: Group { ranks, stride }, bytes }
}

impl Job<'_> {
    /// Forward exchanges of a layer.
    pub(super) fn forward_exchanges(&self, group: &LayerGroup, plan: &Plan, work: &LayerWork) -> LayerExchanges {
        self.exchanges(group, plan, work, false)
    }

    /// Backward exchanges of a layer.
    pub(super) fn backward_exchanges(&self, group: &LayerGroup, plan: &Plan, work: &LayerWork) -> LayerExchanges {
        self.exchanges(group, plan, work, true)
    }

    fn exchanges(&self, group: &LayerGroup, plan: &Plan, work: &LayerWork, backward: bool) -> LayerExchanges {
        let mut out = LayerExchanges::default();
        let attention = group.attention != Attention::None;
        let dense = match &group.ffn {
            Ffn::None => false,
            Ffn::Dense(_) => true,
            Ffn::Moe(f) => f.shared_inner + f.parallel_dense_inner > 0,
        };
        let blocks = f64::from(u8::from(attention)) + f64::from(u8::from(dense));
        self.tensor(plan, blocks, backward, &mut out);
        if attention {
            self.context(plan, work, backward, &mut out);
        }
        if let Ffn::Moe(f) = &group.ffn {
            let ranks = plan.ep * plan.etp;
            if ranks > 1 {
                let routed = |phase, value_bits| {
                    Exchange::Routed(Routed {
                        phase,
                        kernel: Kernel::HighThroughput,
                        group: Group::packed(ranks),
                        tokens: self.rows(plan).split as f64,
                        hidden: f.latent.unwrap_or(self.model.hidden),
                        value_bits,
                        top_k: f.top_k,
                        experts: f.experts,
                        node_limit: None,
                    })
                };
                // Backward the gradients of a combine are dispatched and those of a dispatch combined, in 16 bits.
                let bits = if backward { 16.0 } else { self.recipe.dispatch_bits };
                out.expert = vec![(routed(Phase::Dispatch, bits), 1.0), (routed(Phase::Combine, 16.0), 1.0)];
            }
        }
        out
    }

    /// With sequence parallelism tokens are gathered before a block and summed and split after it; backward does the same
    /// the other way around and gathers the block's input once more for its weight gradients. Without, sums of all.
    fn tensor(&self, plan: &Plan, blocks: f64, backward: bool, out: &mut LayerExchanges) {
        if plan.tp <= 1 || blocks == 0.0 {
            return;
        }
        let bytes = self.rows(plan).all as f64 * self.model.hidden as f64 * 2.0;
        if plan.sequence_parallel {
            let gathers = if backward && self.recipe.lora.is_none() { 2.0 } else { 1.0 };
            out.tensor.push((collective(Collective::AllGather, bytes, plan.tp, 1), blocks * gathers));
            out.tensor.push((collective(Collective::ReduceScatter, bytes, plan.tp, 1), blocks));
        } else {
            out.tensor.push((collective(Collective::AllReduce, bytes, plan.tp, 1), blocks));
        }
    }

    fn context(&self, plan: &Plan, work: &LayerWork, backward: bool, out: &mut LayerExchanges) {
        if plan.cp <= 1 {
            return;
        }
        let (cp, stride) = (plan.cp, plan.tp);
        match plan.context {
            ContextExchange::Ring => {
                // Each block goes to the next rank, cp - 1 times; backward keys, values and their gradients.
                let bytes = work.kv_bytes * if backward { 2.0 } else { 1.0 };
                out.context.push((Exchange::SendRecv { stride, bytes }, f64::from(cp - 1)));
            }
            ContextExchange::AllGather => {
                let bytes = work.kv_bytes * f64::from(cp);
                out.context.push((collective(Collective::AllGather, bytes, cp, stride), 1.0));
                if backward {
                    out.context.push((collective(Collective::ReduceScatter, bytes, cp, stride), 1.0));
                }
            }
            ContextExchange::Ulysses => {
                out.context.push((collective(Collective::AllToAll, work.head_bytes, cp, stride), 1.0));
            }
        }
    }
}
