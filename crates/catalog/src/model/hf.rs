//! Models from a `config.json` as Hugging Face repositories carry it.
//!
//! Each family of architectures has a builder that turns its fields into a list of layers; the rest is common. A file of
//! an unknown architecture is refused: shapes guessed from field names would look right and be wrong.

mod classic;
mod compressed;
mod dense;
mod fields;
mod latent;
mod linear;
mod moe;
mod window;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::json::{self, Node};
use super::quant;
use super::reader::{Faults, Fields, limit};
use super::{Attention, Ffn, LayerGroup, Model, parameters};
use crate::Diagnostic;

/// One layer: token mixing and channel mixing.
pub(super) type Layer = (Attention, Ffn);

/// What a builder makes of a file.
#[derive(Debug, Default)]
pub(super) struct Built {
    /// Layers in order.
    pub layers: Vec<Layer>,
    /// Layers of one multi-token-prediction module.
    pub mtp: Vec<Layer>,
    /// Such modules.
    pub mtp_layers: u64,
    /// Copies of the residual stream, if more than one.
    pub streams: Option<u64>,
    /// Whether head and embedding are one where the file does not say.
    pub tied: bool,
    /// Longest context where the file has no such field.
    pub context: Option<u64>,
    /// Simplifications.
    pub notes: Vec<String>,
}

type Builder = fn(&Fields<'_>) -> Built;

/// Architectures that are understood, with the builder of each.
const ARCHITECTURES: &[(&str, Builder)] = &[
    ("LlamaForCausalLM", dense::llama),
    ("MistralForCausalLM", dense::llama),
    ("Mistral3ForConditionalGeneration", dense::llama),
    ("Phi3ForCausalLM", dense::llama),
    ("Qwen2ForCausalLM", dense::qwen2),
    ("Qwen3ForCausalLM", dense::qwen3),
    ("Qwen3VLForConditionalGeneration", dense::qwen3),
    ("NSAForCausalLM", dense::native_sparse),
    ("MixtralForCausalLM", moe::mixtral),
    ("Qwen2MoeForCausalLM", moe::qwen2),
    ("Qwen3MoeForCausalLM", moe::qwen3),
    ("Qwen3VLMoeForConditionalGeneration", moe::qwen3),
    ("Glm4MoeForCausalLM", moe::glm4),
    ("MiniMaxM2ForCausalLM", moe::minimax_m2),
    ("MiniMaxM3ForCausalLM", moe::minimax_m3),
    ("MiniMaxM3SparseForConditionalGeneration", moe::minimax_m3),
    ("GptOssForCausalLM", window::gpt_oss),
    ("Llama4ForConditionalGeneration", window::llama4),
    ("Llama4ForCausalLM", window::llama4),
    ("Gemma4ForConditionalGeneration", window::gemma4),
    ("Gemma4ForCausalLM", window::gemma4),
    ("DeepseekV2ForCausalLM", latent::deepseek),
    ("DeepseekV3ForCausalLM", latent::deepseek),
    ("DeepseekV32ForCausalLM", latent::deepseek),
    ("GlmMoeDsaForCausalLM", latent::deepseek),
    ("KimiK25ForConditionalGeneration", latent::deepseek),
    ("DeepseekV4ForCausalLM", compressed::deepseek_v4),
    ("Qwen3NextForCausalLM", linear::qwen3_next),
    ("Qwen3_5ForConditionalGeneration", linear::qwen3_next),
    ("Qwen3_5MoeForConditionalGeneration", linear::qwen3_next),
    ("Qwen3_5ForCausalLM", linear::qwen3_next),
    ("Qwen3_5MoeForCausalLM", linear::qwen3_next),
    ("KimiLinearForCausalLM", linear::kimi),
    ("KimiK3ForConditionalGeneration", linear::kimi),
    ("NemotronHForCausalLM", linear::nemotron_h),
    ("FalconForCausalLM", classic::falcon),
    ("GPTJForCausalLM", classic::gpt_j),
    ("GPTNeoXForCausalLM", classic::gpt_neox),
];

/// Largest file that is read. Real ones reach 3 MB, where they list every module.
const MAX_BYTES: u64 = 16 << 20;
/// No model has more parameters; below it all arithmetic on counts is exact.
const MAX_PARAMETERS: u64 = 1_000_000_000_000_000;

/// Reads a model from a `config.json`, or from a folder with one and perhaps a `hf_quant_config.json` beside it.
///
/// # Errors
/// Every fault of the files: unreadable, beyond 16 MiB, not JSON, fields missing, of a wrong type, beyond all bounds or at
/// odds with each other, an architecture that is not known.
pub fn read(path: &Path) -> Result<Model, Vec<Diagnostic>> {
    let folder = path.is_dir();
    let config = if folder { path.join("config.json") } else { path.to_owned() };
    let text = read_text(&config)?;
    let quant = match beside(&config) {
        Some(file) => Some((file.display().to_string(), read_text(&file)?)),
        None => None,
    };
    let quant = quant.as_ref().map(|(file, text)| (file.as_str(), text.as_str()));
    from_text(&name_of(&config), &config.display().to_string(), &text, quant)
}

/// The quantization that some tools write beside: `hf_quant_config.json` of a `config.json`, with the same beginning if the
/// name has one.
fn beside(config: &Path) -> Option<PathBuf> {
    let beginning = config.file_name()?.to_str()?.strip_suffix("config.json")?;
    Some(config.with_file_name(format!("{beginning}hf_quant_config.json"))).filter(|file| file.is_file())
}

/// The folder's name of a `config.json`, the file's own of any other.
fn name_of(config: &Path) -> String {
    let own = config.file_stem().and_then(|name| name.to_str()).unwrap_or("model");
    let folder = config.canonicalize().ok().and_then(|p| Some(p.parent()?.file_name()?.to_str()?.to_owned()));
    if own == "config" { folder.unwrap_or_else(|| own.to_owned()) } else { own.to_owned() }
}

fn read_text(path: &Path) -> Result<String, Vec<Diagnostic>> {
    let name = path.display().to_string();
    let fail = |code: &'static str, message: String, help: Option<String>| {
        vec![Diagnostic { code, message, file: name.clone(), line: 0, column: 0, help: help.unwrap_or_default() }]
    };
    let unreadable = |e: std::io::Error| fail("model/unreadable", format!("cannot be read: {e}"), None);
    // Before it is opened: to open a pipe would wait for its writer.
    let meta = fs::metadata(path).map_err(unreadable)?;
    if !meta.is_file() {
        return Err(fail("model/unreadable", "is not a file".into(), Some("give a config.json or its folder".into())));
    }
    let too_large = || {
        let help = "a config.json holds a few kilobytes; weights are not read".to_owned();
        fail("model/too-large", format!("is larger than {} MiB", MAX_BYTES >> 20), Some(help))
    };
    if meta.len() > MAX_BYTES {
        return Err(too_large());
    }
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    // The file may grow while it is read.
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_large());
    }
    String::from_utf8(bytes).map_err(|_| fail("model/not-utf8", "is not UTF-8 text".into(), None))
}

/// Makes a model of the text of a `config.json`; `quant` is name and text of a `hf_quant_config.json`. `file` is named in
/// messages.
///
/// # Errors
/// As [`read`].
pub fn from_text(id: &str, file: &str, text: &str, quant: Option<(&str, &str)>) -> Result<Model, Vec<Diagnostic>> {
    named(id, id, file, text, quant)
}

/// As [`from_text`], of a model with a published name.
pub(super) fn named(
    id: &str,
    name: &str,
    file: &str,
    text: &str,
    quant: Option<(&str, &str)>,
) -> Result<Model, Vec<Diagnostic>> {
    let faults = Faults::new(file);
    let Some(node) = parse_json(text, &faults) else { return Err(faults.take()) };
    let quant_faults = Faults::new(quant.map_or("", |(f, _)| f));
    let quant_node = quant.and_then(|(_, text)| parse_json(text, &quant_faults));
    let model = build(id, name, &node, quant_node.as_ref(), &faults, &quant_faults);
    match model {
        Some(model) if faults.is_empty() && quant_faults.is_empty() => Ok(model),
        _ => {
            let mut list = faults.take();
            list.extend(quant_faults.take());
            Err(list)
        }
    }
}

fn parse_json(text: &str, faults: &Faults) -> Option<Node> {
    match json::parse(text) {
        Ok(node) => Some(node),
        Err(fault) => {
            faults.add("model/not-json", Some(fault.at), fault.message, None);
            None
        }
    }
}

fn build<'a>(
    id: &str,
    name: &str,
    node: &'a Node,
    quant_node: Option<&'a Node>,
    faults: &'a Faults,
    quant_faults: &'a Faults,
) -> Option<Model> {
    let root = Fields::of(node, "", faults)?;
    let inner = root.object("text_config");
    let text = inner.as_ref().unwrap_or(&root);
    let (architecture, builder) = find(&root, inner.as_ref())?;
    let built = builder(text);
    let hidden = text.count(classic::hidden_name(text), limit::WIDTH);
    let vocab = text.count("vocab_size", limit::TOKENS);
    let max_context = match built.context {
        Some(context) => context,
        None => text.count("max_position_embeddings", limit::TOKENS),
    };
    let tied = text.flag_or("tie_word_embeddings", root.flag_or("tie_word_embeddings", built.tied));
    let formats = quant::formats(&root, inner.as_ref(), quant_node, quant_faults, hidden, &built.layers);
    let mut notes = built.notes;
    notes.extend(formats.notes);
    notes.extend(fields::set_aside(&root, inner.as_ref()));
    let model = Model {
        id: id.to_owned(),
        name: name.to_owned(),
        architecture,
        hidden,
        vocab,
        tied_embeddings: tied,
        layers: group(&built.layers),
        mtp_layers: u32::try_from(built.mtp_layers).unwrap_or(0),
        mtp: if built.mtp_layers > 0 { group(&built.mtp) } else { Vec::new() },
        residual_streams: built.streams.unwrap_or(1),
        max_context,
        weights: formats.weights,
        kv: formats.kv,
        notes,
    };
    let total = parameters(&model);
    if total.total.saturating_add(total.mtp) > MAX_PARAMETERS {
        let message = format!("the shapes make more than {MAX_PARAMETERS:e} parameters: no such model exists");
        faults.add("model/out-of-range", None, message, None);
    }
    Some(model)
}

/// The architecture and its builder; a file that wraps a text model may name the text model's architecture only there.
fn find<'a>(root: &Fields<'a>, inner: Option<&Fields<'a>>) -> Option<(String, Builder)> {
    let stated = root.texts("architectures").unwrap_or_default();
    let within = inner.and_then(|text| text.texts("architectures")).unwrap_or_default();
    let known = |name: &&str| ARCHITECTURES.iter().find(|(known, _)| known == name).map(|&(_, builder)| builder);
    for name in stated.iter().chain(&within) {
        if let Some(builder) = known(name) {
            return Some(((*name).to_owned(), builder));
        }
    }
    let Some(name) = stated.first().or(within.first()) else {
        root.missing("architectures", "a list with the architecture's name, such as [\"LlamaForCausalLM\"]");
        return None;
    };
    let strange = fields::not_understood(inner.unwrap_or(root));
    let message = if strange.is_empty() {
        format!("architecture `{name}` is not known, though its fields are")
    } else {
        format!("architecture `{name}` is not known; fields not understood: {}", fields::listed(&strange))
    };
    let names: Vec<&str> = ARCHITECTURES.iter().map(|&(name, _)| name).collect();
    root.fault("model/unknown-architecture", "architectures", message, Some(format!("known are {}", names.join(", "))));
    None
}

/// Gathers equal layers, in order of first appearance.
fn group(layers: &[Layer]) -> Vec<LayerGroup> {
    let mut groups: Vec<LayerGroup> = Vec::new();
    for (attention, ffn) in layers {
        match groups.iter_mut().find(|g| g.attention == *attention && g.ffn == *ffn) {
            Some(group) => group.count += 1,
            None => groups.push(LayerGroup { count: 1, attention: attention.clone(), ffn: ffn.clone() }),
        }
    }
    groups
}
