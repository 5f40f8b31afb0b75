//! From a measured point to set-ups that can be predicted.

use catalog::model::WeightFormats;
use catalog::{Model, System};
use cost::deploy::{Parallel, Storage};
use formats::{Element, Scale, Scheme};

use super::case::{Case, Split};
use crate::predict::Pool;
use crate::refusal::Refusal;

/// Formats of a deployment, as its engine loads them: what the source states over what the checkpoint says.
///
/// Quantized checkpoints keep embedding, head and norms in 16 bits. A 4-bit label on a model that is published in
/// another 4-bit format means the published checkpoint (`measured.md`, caveat "labels"); the makers' 4-bit checkpoints of
/// MLA models leave attention as it was.
pub fn storage(case: &Case, model: &Model) -> Storage {
    let published = model.weights;
    let four_bit = |s: Scheme| s.element.bits() == 4;
    let mut weights = published;
    if let Some(dense) = case.formats.dense {
        let experts = case.formats.experts.unwrap_or(dense);
        let is_published = experts.element == published.experts.element && four_bit(experts) && model.is_moe();
        if !is_published {
            let mla = model.layers.iter().any(|g| matches!(g.attention, catalog::Attention::Mla(_)));
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
    let kv = case.formats.kv.or(model.kv).unwrap_or_else(|| default_kv(case, &weights));
    Storage { weights, kv }
}

/// Checkpoints with 8-bit or smaller weights made for an engine that quantizes the cache carry its scales; others leave
/// the cache in 16 bits.
fn default_kv(case: &Case, weights: &WeightFormats) -> Scheme {
    let small =
        weights.dense.element.bits() <= 8 && !matches!(weights.dense.scale, Scale::Block { block, .. } if block > 1024);
    if small && case.engine == "trtllm" { Scheme::plain(Element::E4m3) } else { Scheme::BF16 }
}

/// A split with everything that the source states, and what must follow from it.
pub fn parallel(split: &Split, model: &Model) -> Parallel {
    let tp = split.tp.unwrap_or(1);
    let dp = split.dp.unwrap_or(1);
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
        parallel.ep = split.ep.filter(|ep| grid.is_multiple_of(*ep)).unwrap_or(1);
        parallel.moe_tp = grid / parallel.ep;
    }
    parallel
}

/// A pool of the simulator for a pool of the source.
pub fn pool(case_pool: &super::case::Pool, model: &Model) -> Pool {
    Pool { replicas: case_pool.workers.max(1), parallel: parallel(&case_pool.split, model), max_seqs: None }
}

/// The system that a chip is measured in.
pub fn system<'c>(catalog: &'c catalog::Catalog, chip: &str) -> Result<&'c System, Refusal> {
    catalog.usual_system(chip).map_err(|e| Refusal::Row(format!("chip '{chip}': {e}")))
}
