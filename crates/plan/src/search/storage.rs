//! What formats a study means on an engine and a chip.

use catalog::model::WeightFormats;
use catalog::{Chip, Engine, Model};
use cost::arithmetic_for;
use cost::deploy::Storage;
use formats::{Element, Scheme};

/// 8-bit cache without block scales.
const FP8: Scheme = Scheme::plain(Element::E4m3);

/// Weights: as published, or linear layers in the scheme asked for, with embedding, head, norms and routers as
/// published. Cache: as asked for, as the checkpoint says, else FP8 where weights take 8 bits or fewer and both engine and
/// chip can, else BF16.
pub fn storage(weights: Option<Scheme>, kv: Option<Scheme>, model: &Model, engine: &Engine, chip: &Chip) -> Storage {
    let weights = weights.map_or(model.weights, |scheme| WeightFormats::linear(scheme, model.weights.embedding));
    let main = if model.is_moe() { weights.experts } else { weights.dense };
    let native = arithmetic_for(chip, FP8).is_some_and(|(_, emulated)| !emulated);
    let small = main.element.bits() <= 8 && native && engine.features.cache.iter().any(|c| c == "fp8");
    let kv = kv.or(model.kv).unwrap_or(if small { FP8 } else { Scheme::BF16 });
    Storage { weights, kv }
}

/// The storage of most of the weights.
pub fn main_scheme(model: &Model, storage: &Storage) -> Scheme {
    if model.is_moe() { storage.weights.experts } else { storage.weights.dense }
}
