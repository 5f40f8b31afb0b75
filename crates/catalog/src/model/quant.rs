//! How a checkpoint stores its weights: `quantization_config`, or `hf_quant_config.json` beside the file.
//!
//! A scheme and a list of modules that keep the base type become one scheme per part of the model: that of the greater
//! share of the part's parameters. What the lesser share is goes into the notes.

mod exclude;
mod method;

use formats::{Element, Scheme};

use self::exclude::Exclusions;
use self::method::Quantized;
use super::hf::Layer;
use super::json::Node;
use super::reader::{Faults, Fields};
use super::{Attention, Ffn, LayerGroup, LinearRule, Parameters, WeightFormats, layer_parameters};

/// Storage of a checkpoint.
pub(super) struct Formats {
    /// By part.
    pub weights: WeightFormats,
    /// Of the KV cache, if the checkpoint says so.
    pub kv: Option<Scheme>,
    /// What is simplified.
    pub notes: Vec<String>,
}

/// Reads the storage. `beside` is the content of `hf_quant_config.json`, which takes precedence.
pub(super) fn formats<'a>(
    root: &Fields<'a>,
    inner: Option<&Fields<'a>>,
    beside: Option<&'a Node>,
    beside_faults: &'a Faults,
    hidden: u64,
    layers: &[Layer],
) -> Formats {
    let mut notes = Vec::new();
    let base = base(root, inner, &mut notes);
    let plain = Formats { weights: WeightFormats::uniform(base), kv: None, notes: Vec::new() };
    let inside = root.object("quantization_config");
    let inside = inside.or_else(|| inner.and_then(|text| text.object("quantization_config")));
    let beside = beside.and_then(|node| Fields::of(node, "", beside_faults));
    let beside = beside.as_ref().and_then(|fields| {
        let inside = fields.object("quantization");
        if inside.is_none() {
            fields.missing("quantization", "an object with `quant_algo`");
        }
        inside
    });
    let expert_type = root.text("expert_dtype").or_else(|| inner.and_then(|text| text.text("expert_dtype")));
    let Some(quantized) = method::read(beside.as_ref().or(inside.as_ref())) else {
        return Formats { notes, ..plain };
    };
    let mut weights = WeightFormats::linear(base, base);
    let mut parts = Parts { quantized: &quantized, base, hidden, layers, notes: &mut notes };
    weights.attention = parts.scheme("attention", |p| p.attention, |layer| attention_names(layer, false));
    weights.attention_out = parts.scheme("attention output", |p| p.attention_out, |layer| attention_names(layer, true));
    weights.dense = parts.scheme("dense feed-forward", |p| p.dense, |(_, ffn)| dense_names(ffn));
    weights.experts = parts.scheme("experts", |p| p.experts, |(_, ffn)| expert_names(ffn));
    // DeepSeek-V4 stores its experts narrower than the rest; a tool that quantized them again says so itself.
    match expert_type.filter(|_| !quantized.converted) {
        Some("fp4") => weights.experts = Scheme::blocked(Element::E2m1, 32, 8),
        Some(other) if other != "fp8" => {
            let message = format!("`expert_dtype` is `{other}`; known are fp4 and fp8");
            root.fault("model/not-supported", "expert_dtype", message, None);
        }
        _ => {}
    }
    notes.extend(quantized.notes);
    Formats { weights, kv: quantized.kv, notes }
}

/// The type of what is not quantized.
fn base<'a>(root: &Fields<'a>, inner: Option<&Fields<'a>>, notes: &mut Vec<String>) -> Scheme {
    let stated = [Some(root), inner].into_iter().flatten().find_map(|f| {
        let (old, new) = (f.text("torch_dtype"), f.text("dtype"));
        new.or(old)
    });
    match stated {
        Some("bfloat16") => Scheme::BF16,
        Some("float16") => Scheme::plain(Element::Fp16),
        Some("float32") => Scheme::plain(Element::Fp32),
        Some(other) => {
            let message = format!("type `{other}` of the weights is not known");
            root.fault(
                "model/not-supported",
                "torch_dtype",
                message,
                Some("known are bfloat16, float16, float32".into()),
            );
            Scheme::BF16
        }
        None => {
            notes.push("the file names no type: weights that are not quantized are taken as BF16".to_owned());
            Scheme::BF16
        }
    }
}

struct Parts<'a> {
    quantized: &'a Quantized,
    base: Scheme,
    hidden: u64,
    layers: &'a [Layer],
    notes: &'a mut Vec<String>,
}

impl Parts<'_> {
    /// The scheme of the greater share of a part. `names` are those that the modules of a layer may have; each a list of
    /// spellings of one module.
    fn scheme(
        &mut self,
        part: &str,
        of: impl Fn(&Parameters) -> u64,
        names: impl Fn(&Layer) -> &'static [&'static [&'static str]],
    ) -> Scheme {
        let mut shares: Vec<(Scheme, f64)> = Vec::new();
        let mut sizes: Vec<(&Layer, f64)> = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            // Layers come in few kinds; the size of each kind is computed once.
            let size = match sizes.iter().find(|(kind, _)| *kind == layer) {
                Some(&(_, size)) => size,
                None => {
                    let group = LayerGroup { count: 1, attention: layer.0.clone(), ffn: layer.1.clone() };
                    let size = of(&layer_parameters(&group, self.hidden, 1)) as f64;
                    sizes.push((layer, size));
                    size
                }
            };
            let modules = names(layer);
            for module in modules {
                let scheme = self.quantized.scheme(index, module).unwrap_or(self.base);
                let share = size / modules.len() as f64;
                match shares.iter_mut().find(|(s, _)| *s == scheme) {
                    Some((_, sum)) => *sum += share,
                    None => shares.push((scheme, share)),
                }
            }
        }
        shares.retain(|&(_, size)| size > 0.0);
        shares.sort_by(|a, b| b.1.total_cmp(&a.1));
        let whole: f64 = shares.iter().map(|&(_, size)| size).sum();
        for (scheme, size) in shares.iter().skip(1) {
            let percent = 100.0 * size / whole;
            self.notes.push(format!("{percent:.0} % of {part} is stored in {scheme}, counted in {}", shares[0].0));
        }
        // A part that the model does not have takes the scheme that it would have.
        let absent = || self.quantized.scheme(0, &["mlp.gate_proj"]).unwrap_or(self.base);
        shares.first().map_or_else(absent, |&(scheme, _)| scheme)
    }
}

/// Beside a dense block of the name `mlp`, experts have a place of their own.
fn expert_names(ffn: &Ffn) -> &'static [&'static [&'static str]] {
    match ffn {
        Ffn::Moe(moe) if moe.parallel_dense_inner > 0 => &[&["experts.0.down_proj"]],
        _ => EXPERTS,
    }
}

const EXPERTS: &[&[&str]] =
    &[&["mlp.experts.0.down_proj", "block_sparse_moe.experts.0.w2", "mixer.experts.0.down_proj", "ffn.experts.0.w2"]];
const DENSE: &[&[&str]] = &[&["mlp.down_proj", "mixer.down_proj"]];
const SHARED: &[&[&str]] = &[&[
    "mlp.shared_experts.down_proj",
    "mlp.shared_expert.down_proj",
    "block_sparse_moe.shared_experts.down_proj",
    "mixer.shared_experts.down_proj",
    "ffn.shared_experts.w2",
]];

fn dense_names(ffn: &Ffn) -> &'static [&'static [&'static str]] {
    match ffn {
        Ffn::None => &[],
        Ffn::Dense(_) => DENSE,
        Ffn::Moe(moe) if moe.parallel_dense_inner > 0 => DENSE,
        Ffn::Moe(_) => SHARED,
    }
}

/// Names of the modules that hold most of the parameters of a token mixing.
fn attention_names((attention, _): &Layer, out: bool) -> &'static [&'static [&'static str]] {
    match (attention, out) {
        (Attention::None, _) => &[],
        (Attention::Linear(linear), _) => match (linear.rule, out) {
            (LinearRule::Mamba2, false) => &[&["mixer.in_proj"]],
            (LinearRule::Mamba2, true) => &[&["mixer.out_proj"]],
            (LinearRule::GatedDelta, false) => &[&["linear_attn.in_proj_qkv", "linear_attn.in_proj_qkvz"]],
            (LinearRule::GatedDelta, true) => &[&["linear_attn.out_proj"]],
            (LinearRule::KimiDelta, false) => &[&["self_attn.q_proj"]],
            (LinearRule::KimiDelta, true) => &[&["self_attn.o_proj"]],
        },
        (Attention::Gqa(_), false) => &[&["self_attn.q_proj", "mixer.q_proj"]],
        (Attention::Mla(_), false) => &[&["self_attn.q_b_proj", "self_attn.q_proj"]],
        (Attention::Compressed(_), false) => &[&["attn.wq_b", "self_attn.q_b_proj"]],
        (_, true) => &[&["self_attn.o_proj", "mixer.o_proj", "attn.wo_a"]],
    }
}
