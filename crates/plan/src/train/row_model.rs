//! The model of a measured run: a built-in one by its name, or one made of the dimensions that the row states.

use catalog::model::{Dense, Gqa, Moe, WeightFormats, parameters};
use catalog::{Attention, Ffn, LayerGroup, Model};
use formats::Scheme;

use super::case::number;
use super::reading::Reading;

/// The model of a row: built in, or from the row's dimensions.
///
/// # Errors
/// What the row does not state.
pub(super) fn model<'r>(column: &dyn Fn(&str) -> &'r str, reading: &Reading) -> Result<Model, String> {
    let name = column("model");
    let base = name.split(" (").next().unwrap_or(name);
    let id = reading.models.get(name).or_else(|| reading.models.get(base));
    if let Some(id) = id.cloned().or_else(|| catalog::model::resolve(name).map(|e| e.id)) {
        let found = catalog::model::load(&id, None);
        let mut found = found.map_err(|e| e.first().map_or_else(String::new, ToString::to_string))?;
        if name.contains(" layers)")
            && let Some(layers) = number(column("layers"))
        {
            cut(&mut found, layers as u32);
        }
        return Ok(found);
    }
    let need = |key: &str| {
        number(column(key)).map(|n| n as u64).filter(|n| *n > 0).ok_or(format!("the model's {key} is not stated"))
    };
    let (layers, hidden, heads, vocab) = (need("layers")?, need("hidden")?, need("heads")?, need("vocab")?);
    let kv_heads = number(column("kv_heads")).map_or(heads, |n| n as u64).max(1);
    let experts = number(column("experts")).map_or(0, |n| n as u64);
    let inner = number(column("ffn")).map_or(4 * hidden, |n| n as u64);
    let head_dim = hidden / heads;
    let attention = Attention::Gqa(Gqa { heads, kv_heads, head_dim, v_head_dim: head_dim, ..Gqa::default() });
    let build = |gated: bool, tied: bool| {
        let ffn = if experts > 1 {
            let top_k = number(column("topk")).map_or(1, |n| n as u64).max(1);
            Ffn::Moe(Moe { experts, top_k, inner, gated, ..Moe::default() })
        } else {
            Ffn::Dense(Dense { inner, gated })
        };
        Model {
            id: name.to_owned(),
            name: name.to_owned(),
            architecture: "from the dimensions of a row".to_owned(),
            hidden,
            vocab,
            tied_embeddings: tied,
            layers: vec![LayerGroup { count: layers as u32, attention: attention.clone(), ffn }],
            mtp_layers: 0,
            mtp: Vec::new(),
            residual_streams: 1,
            max_context: 1 << 20,
            weights: WeightFormats::uniform(Scheme::BF16),
            kv: None,
            notes: Vec::new(),
        }
    };
    // Whether the feed-forward block has a gate, and the head a table of its own, the number of parameters tells.
    let stated = number(column("params_b")).map_or(0.0, |b| b * 1e9);
    let ways = [(false, true), (false, false), (true, true), (true, false)];
    let off = |m: &Model| (parameters(m).total as f64 - stated).abs();
    let built = ways.into_iter().map(|(gated, tied)| build(gated, tied));
    let found = built.min_by(|a, b| off(a).total_cmp(&off(b)));
    found.ok_or_else(|| "no such model".to_owned())
}

/// A model of which only so many layers were run, as benchmarks on few chips do: one of each kind, the rest of the last.
fn cut(model: &mut Model, layers: u32) {
    let kinds = model.layers.len() as u32;
    for group in &mut model.layers {
        group.count = 1;
    }
    if let Some(last) = model.layers.last_mut() {
        last.count += layers.saturating_sub(kinds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_model_keeps_one_layer_of_each_kind() {
        let mut model = catalog::model::load("deepseek-v3", None).expect("built in");
        assert_eq!(model.layers.iter().map(|g| g.count).collect::<Vec<_>>(), [3, 58]);
        cut(&mut model, 4);
        assert_eq!(model.layers.iter().map(|g| g.count).collect::<Vec<_>>(), [1, 3]);
    }
}
