//! From a measured point to set-ups that can be predicted.

use catalog::model::WeightFormats;
use catalog::{Attention, Ffn, Model, System};
use cost::deploy::{Parallel, Storage};
use formats::{Element, Scale, Scheme};

use super::case::{Case, Split};
use crate::predict::Pool;
use crate::refusal::Refusal;

/// Formats of a deployment under an engine of `family`, as its engine loads them: what the source states over what the checkpoint says.
///
/// Quantized checkpoints keep embedding, head and norms in 16 bits. A 4-bit label on a model that is published in
/// another 4-bit format means the published checkpoint (`measured.md`, caveat "labels"); the makers' 4-bit checkpoints of
/// MLA models leave attention as it was.
pub fn storage(case: &Case, model: &Model, family: &str) -> Storage {
    let published = model.weights;
    let four_bit = |s: Scheme| s.element.bits() == 4;
    let mut weights = published;
    if let Some(dense) = case.formats.dense {
        let experts = case.formats.experts.unwrap_or(dense);
        let is_published = experts.element == published.experts.element && four_bit(experts) && model.is_moe();
        if !is_published {
            let mla = model.layers.iter().any(|g| matches!(g.attention, Attention::Mla(_)));
            // FP8 of a checkpoint published with block scales keeps its block scales.
            let same = |stated: Scheme, had: Scheme| if stated.element == had.element { had } else { stated };
            weights = if four_bit(dense) && mla {
                WeightFormats { experts, dense, ..published }
            } else {
                WeightFormats {
                    attention: same(dense, published.attention),
                    attention_out: same(dense, published.attention_out),
                    dense: same(dense, published.dense),
                    experts: same(experts, published.experts),
                    embedding: published.embedding,
                }
            };
        }
    } else if let Some(experts) = case.formats.experts {
        weights.experts = experts;
    }
    let kv = case.formats.kv.or(model.kv).unwrap_or_else(|| default_kv(family, &weights));
    Storage { weights, kv }
}

/// Checkpoints with 8-bit or smaller weights made for an engine that quantizes the cache carry its scales; others leave
/// the cache in 16 bits.
fn default_kv(family: &str, weights: &WeightFormats) -> Scheme {
    let small =
        weights.dense.element.bits() <= 8 && !matches!(weights.dense.scale, Scale::Block { block, .. } if block > 1024);
    if small && family == "trtllm" { Scheme::plain(Element::E4m3) } else { Scheme::BF16 }
}

/// A split with everything that the source states, and what must follow from it, on `devices` devices where their number
/// is known.
pub fn parallel(split: &Split, model: &Model, devices: Option<u32>) -> Parallel {
    let (mut tp, mut dp) = (split.tp.unwrap_or(1), split.dp.unwrap_or(1));
    if devices.is_some_and(|d| tp * dp * split.pp.unwrap_or(1) > d) && tp.is_multiple_of(dp) {
        // "tp 8, dp 8" on 8 devices: an engine that counts its attention ranks among those of tensor parallelism.
        tp /= dp;
    }
    if model.is_moe() && dp == 1 && !divides_heads(tp, model) {
        // A degree that divides no heads can only count ranks of attention data parallelism.
        (tp, dp) = (1, tp);
    }
    let mut grid = tp * dp;
    let mut parallel = Parallel { tp, pp: split.pp.unwrap_or(1), dp, ep: 1, moe_tp: 1 };
    if model.is_moe() {
        // "tp 1, ep 8" of a source that counts attention by its data-parallel ranks only.
        if let Some(ep) = split.ep
            && ep > grid
            && ep.is_multiple_of(tp)
        {
            parallel.dp = ep / tp;
            grid = ep;
        }
        // Ranks of experts that are no multiple of the grid: they span all of it.
        parallel.ep = split.ep.map_or(1, |ep| if grid.is_multiple_of(ep) { ep } else { grid });
        parallel.moe_tp = grid / parallel.ep;
    }
    parallel
}

fn divides_heads(tp: u32, model: &Model) -> bool {
    model.layers.iter().all(|g| heads(&g.attention).is_none_or(|h| h.is_multiple_of(u64::from(tp))))
}

fn heads(attention: &Attention) -> Option<u64> {
    match attention {
        Attention::Gqa(a) => Some(a.heads),
        Attention::Mla(a) => Some(a.heads),
        Attention::Compressed(a) => Some(a.heads),
        Attention::Linear(a) => Some(a.value_heads),
        Attention::None => None,
    }
}

/// The model with heads and columns padded to multiples of `tp`, as compilers that need equal shards do; `None` where
/// nothing has to be.
pub fn padded(model: &Model, tp: u32) -> Option<Model> {
    let tp = u64::from(tp.max(1));
    let mut out = model.clone();
    for group in &mut out.layers {
        if let Attention::Gqa(a) = &mut group.attention {
            let own = a.kv_heads == a.heads;
            a.heads = a.heads.next_multiple_of(tp);
            if own {
                a.kv_heads = a.heads;
            }
        }
        if let Ffn::Dense(f) = &mut group.ffn {
            f.inner = f.inner.next_multiple_of(tp);
        }
    }
    (out != *model).then_some(out)
}

/// A pool of the simulator for a pool of the source on `devices` devices, where their number is known.
pub fn pool(case_pool: &super::case::Pool, model: &Model, devices: Option<u32>) -> Pool {
    let parallel = parallel(&case_pool.split, model, devices);
    let follow = || devices.map_or(1, |d| d / parallel.devices().max(1));
    let replicas = if case_pool.workers == 0 { follow() } else { case_pool.workers };
    Pool { replicas: replicas.max(1), parallel, max_seqs: None }
}

/// The system that a chip is measured in.
pub fn system<'c>(catalog: &'c catalog::Catalog, chip: &str) -> Result<&'c System, Refusal> {
    catalog.usual_system(chip).map_err(|e| Refusal::Row(format!("chip '{chip}': {e}")))
}
