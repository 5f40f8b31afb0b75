//! The plan of a conversion: every output file with its header, and what becomes of every matrix.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::layout::{OutTensor, Role};
use super::{Layout, Options, config, select};
use crate::checkpoint::{Checkpoint, Dtype, INDEX, Matrix, Stored, safetensors};
use crate::{Container, Element, Error, Note, ScaleRule, error::Result};

/// What is done with a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Bytes are copied, tensor by tensor.
    Copy,
    /// Codes are copied; scales keep their values and may change type and name.
    Relabel,
    /// MXFP4 to NVFP4 by moving powers of two from block scales to the tensor scale, where that is exact.
    MoveScales,
    /// Values are read and encoded.
    Encode(ScaleRule),
}

/// One matrix on its way.
#[derive(Debug, Clone)]
pub struct Task {
    /// Index in [`Checkpoint::matrices`], or of the single tensor that is copied.
    pub matrix: usize,
    /// What is done.
    pub action: Action,
    /// The container that is written; of no meaning for a copy.
    pub container: Container,
    /// Whether the values were rounded to a narrow format before and are to be rounded to another.
    pub requantised: bool,
    /// Index of the output file.
    pub file: usize,
    /// Indices of its tensors in that file, in the order of [`Role`].
    pub tensors: Vec<usize>,
    /// Why it is not converted.
    pub kept: Option<&'static str>,
}

/// An output file.
#[derive(Debug, Clone)]
pub struct OutFile {
    /// Its name.
    pub name: String,
    /// Its tensors, in order of their data.
    pub tensors: Vec<OutTensor>,
    /// First byte of each tensor, from the start of the file.
    pub offsets: Vec<u64>,
    /// The bytes before the data.
    pub header: Vec<u8>,
    /// Its size.
    pub len: u64,
}

/// Everything that is decided before data is read.
#[derive(Debug)]
pub struct Plan {
    /// What was asked for.
    pub options: Options,
    /// The layout.
    pub layout: Layout,
    /// The output files.
    pub files: Vec<OutFile>,
    /// What becomes of each matrix, in output order.
    pub tasks: Vec<Task>,
    /// The text of `config.json`, if the source has one.
    pub config: Option<Value>,
    /// The text of `hf_quant_config.json`, if the layout has one.
    pub modelopt: Option<Value>,
    /// The index of shards, if there are several.
    pub index: Option<Value>,
    /// Things worth telling the user.
    pub notes: Vec<Note>,
    /// Changes if anything above, or the source, changes.
    pub fingerprint: String,
}

impl Plan {
    /// Plans a conversion.
    ///
    /// # Errors
    /// If the request contradicts itself or the source.
    pub fn new(source: &Checkpoint, options: Options) -> Result<Plan> {
        let layout = options.layout.unwrap_or(Layout::usual(options.container));
        layout.check(options.container)?;
        if options.container == Container::Bf16 && options.layout.is_some() {
            return Err(Error::Request("bf16 is not quantised and takes no --layout".to_owned()));
        }
        if options.rule.is_some() && !options.container.has_rule() {
            let names: Vec<&str> = Container::NAMED.iter().filter(|(_, c)| c.has_rule()).map(|(n, _)| *n).collect();
            let name = options.container.name();
            return Err(Error::Request(format!(
                "{name} has no power-of-two block scales, so --scale-rule does not apply; it does to {}",
                names.join(", ")
            )));
        }
        if options.e8m0_scales && !(layout == Layout::DeepSeek && options.container == Container::DEEPSEEK_UE8M0) {
            return Err(Error::Request("--scale-dtype e8m0 is for deepseek-ue8m0 in the deepseek layout".to_owned()));
        }
        if let Some(first) = source.unknown.first() {
            let n = source.unknown.len();
            let text = format!(
                "{}: {n} quantised tensors are not understood, so nothing is converted: {first}",
                source.path.display()
            );
            return Err(Error::Request(text));
        }
        if let Some(why) = source.untranslated.as_ref().filter(|_| !options.keep_names) {
            let (path, help) =
                (source.path.display(), "--keep-names writes the tensors under GGUF's names, without config.json");
            return Err(Error::Request(format!("{path}: {why}; {help}")));
        }
        let mut notes = source.notes.clone();
        let quantised = source.matrices.iter().any(|m| m.container().is_some());
        let mut files: Vec<(String, Vec<OutTensor>)> =
            source.files.iter().map(|f| (out_name(source, &f.name), Vec::new())).collect();
        let mut tasks = Vec::new();
        let mut kept_linear = Vec::new();
        for (i, m) in source.matrices.iter().enumerate() {
            let file = source.raw[m.codes].file;
            let tensors = &mut files[file].1;
            let mut task = |action, container, requantised, kept, outs: Vec<OutTensor>| {
                let at = (tensors.len()..tensors.len() + outs.len()).collect();
                tensors.extend(outs);
                tasks.push(Task { matrix: i, action, container, requantised, file, tensors: at, kept });
            };
            let (container, e8m0) = target(m, &options, layout);
            let fits = container.fits(m.cols) && (layout != Layout::GptOss || m.shape.len() == 3);
            let reason = select::kept(m, quantised, &options.skip);
            let reason =
                reason.or((!fits).then_some("its rows do not divide into blocks, or the layout has no place for it"));
            if reason.is_some() && m.shape.len() >= 2 && m.name.ends_with(".weight") {
                kept_linear.push(m.name.trim_end_matches(".weight").to_owned());
            }
            if m.dense_is_transposed && !matches!(layout, Layout::GptOss | Layout::Plain) && reason.is_none() {
                return Err(Error::Request(format!(
                    "{:?} holds the fused experts of gpt-oss; they convert to bf16, or stay in the gpt-oss layout",
                    m.name
                )));
            }
            let to_bf16 = |m: &Matrix| options.container == Container::Bf16 && m.shape.len() >= 2;
            match (reason, m.stored) {
                (Some(why), Stored::Dense(d)) if matches!(d, Dtype::Gguf(_)) || m.head.is_some() => {
                    let outs = Layout::Plain.outputs(m, Container::Bf16, false);
                    task(Action::Encode(ScaleRule::Ceil), Container::Bf16, false, Some(why), outs);
                }
                (Some(_), Stored::Dense(d)) if to_bf16(m) && d != Dtype::Bf16 => {
                    let outs = Layout::Plain.outputs(m, Container::Bf16, false);
                    task(Action::Encode(ScaleRule::Ceil), Container::Bf16, false, None, outs);
                }
                // Narrow floats that do not become the new format become BF16: a loader expects one format or none.
                (Some(why), Stored::Scaled(_)) => {
                    let outs = Layout::Plain.outputs(m, Container::Bf16, false);
                    task(Action::Encode(ScaleRule::Ceil), Container::Bf16, false, Some(why), outs);
                }
                (Some(why), _) => {
                    let parts: Vec<usize> = m.parts().collect();
                    let outs = parts.iter().map(|&p| copy_of(source, m, p)).collect();
                    task(Action::Copy, container, false, Some(why), outs);
                }
                (None, Stored::Dense(Dtype::Bf16)) if container == Container::Bf16 && m.head.is_none() => {
                    task(Action::Copy, container, false, Some("already BF16"), vec![copy_of(source, m, m.codes)]);
                }
                (None, stored) => {
                    let action = action(m, stored, container, &options);
                    let requantised = matches!(action, Action::Encode(_) | Action::MoveScales)
                        && m.container().is_some()
                        && container != Container::Bf16;
                    // Fused experts that are stored [experts, in, out] become [experts, out, in].
                    let turned = turned(m, layout);
                    task(action, container, requantised, None, layout.outputs(&turned, container, e8m0));
                }
            }
        }
        let converted = tasks.iter().filter(|t| t.kept.is_none()).count();
        if converted == 0 {
            notes.push(Note::NothingToConvert);
        }
        let files = finish(source, &options, layout, files, &mut tasks);
        let index = index(source, &files);
        let config = source.config.as_ref().map(|c| config::rewrite(c, layout, &options, &kept_linear));
        let modelopt = (layout == Layout::ModelOpt).then(|| config::modelopt_file(&options, &kept_linear));
        if source.config.is_none() && !source.gguf {
            notes.push(Note::NoConfig);
        }
        if source.untranslated.is_some() {
            notes.push(Note::NamesKept);
        } else if source.gguf {
            notes.push(Note::Translated);
        }
        let mut plan =
            Plan { options, layout, files, tasks, config, modelopt, index, notes, fingerprint: String::new() };
        plan.fingerprint = plan.hash(source);
        Ok(plan)
    }

    /// The scale rule of a container under this plan.
    pub fn rule(&self, container: Container) -> ScaleRule {
        rule_for(&self.options, container)
    }

    /// Bytes that will be read once.
    pub fn input_bytes(&self, source: &Checkpoint) -> u64 {
        let parts = self.tasks.iter().flat_map(|t| source.matrices[t.matrix].parts());
        parts.map(|p| source.raw[p].len).sum()
    }

    fn hash(&self, source: &Checkpoint) -> String {
        let mut hasher = Sha256::new();
        let o = &self.options;
        let asked = format!(
            "{} {:?} {:?} {:?} {} {:?} {} {} {} {:?}",
            env!("CARGO_PKG_VERSION"),
            o.container,
            self.layout,
            o.rule,
            o.e8m0_scales,
            o.skip,
            o.keep_names,
            o.lossless,
            o.requant,
            o.non_finite
        );
        hasher.update(asked);
        for f in &source.files {
            let changed = std::fs::metadata(&f.path).and_then(|m| m.modified()).ok();
            hasher.update(format!("{} {} {changed:?}", f.name, f.len));
        }
        for f in &self.files {
            hasher.update(&f.name);
            hasher.update(&f.header);
        }
        hex(&hasher.finalize())
    }
}

/// Hexadecimal text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn rule_for(options: &Options, container: Container) -> ScaleRule {
    options.rule.filter(|_| container.has_rule()).unwrap_or(container.default_rule())
}

/// A GGUF source becomes one safetensors file; shards keep their names.
fn out_name(source: &Checkpoint, name: &str) -> String {
    if source.gguf || source.files.len() == 1 { "model.safetensors".to_owned() } else { name.to_owned() }
}

/// The container of one matrix: DeepSeek V4 has FP4 experts and FP8 for the rest.
fn target(m: &Matrix, options: &Options, layout: Layout) -> (Container, bool) {
    let fp4 = Container::Mx(Element::E2m1);
    if layout == Layout::DeepSeek && options.container == fp4 && !m.name.contains(".experts.") {
        return (Container::DEEPSEEK_UE8M0, true);
    }
    (options.container, options.e8m0_scales)
}

/// A matrix as its codes will lie: the fused experts of gpt-oss are turned so that blocks run along the input.
pub(super) fn turned(m: &Matrix, layout: Layout) -> Matrix {
    let mut m = m.clone();
    if layout == Layout::GptOss && m.container().is_none() && !m.transposed {
        let n = m.shape.len();
        m.shape.swap(n - 2, n - 1);
        std::mem::swap(&mut m.rows, &mut m.cols);
        m.transposed = true;
    }
    m
}

fn action(m: &Matrix, stored: Stored, container: Container, options: &Options) -> Action {
    let rule = rule_for(options, container);
    let Stored::Scaled(from) = stored else { return Action::Encode(rule) };
    let same = match (from, container) {
        (Container::Tile { rows: a, cols: b, pow2: p }, Container::Tile { rows: c, cols: d, pow2: q }) => {
            // FP32 scales hold powers of two as they are.
            a == c && b == d && (p || !q) && m.scales.is_some()
        }
        (a, b) => a == b,
    };
    match (from, container) {
        _ if same => Action::Relabel,
        (Container::Mx(Element::E2m1), Container::Nvfp4) => Action::MoveScales,
        // Going to another block size, only the ceil rule keeps every value.
        _ if options.rule.is_none() => Action::Encode(ScaleRule::Ceil),
        _ => Action::Encode(rule),
    }
}

fn copy_of(source: &Checkpoint, m: &Matrix, part: usize) -> OutTensor {
    let raw = &source.raw[part];
    // The one tensor of a GGUF matrix may have another name now.
    let name = if source.gguf { &m.name } else { &raw.name };
    OutTensor { name: name.clone(), dtype: raw.dtype, shape: raw.shape.clone(), role: Role::Codes }
}

/// Orders tensors so that each starts at a multiple of its element's size, and builds headers.
fn finish(
    source: &Checkpoint,
    options: &Options,
    layout: Layout,
    files: Vec<(String, Vec<OutTensor>)>,
    tasks: &mut [Task],
) -> Vec<OutFile> {
    let mut out = Vec::new();
    for (file, (name, tensors)) in files.into_iter().enumerate() {
        let mut order: Vec<usize> = (0..tensors.len()).collect();
        let mut at = 0u64;
        let aligned = tensors.iter().all(|t| {
            let start = at;
            at += t.len();
            start.is_multiple_of(t.dtype.alignment())
        });
        if !aligned {
            order.sort_by_key(|&i| std::cmp::Reverse(tensors[i].dtype.alignment()));
        }
        let mut place = vec![0; order.len()];
        for (new, &old) in order.iter().enumerate() {
            place[old] = new;
        }
        for task in tasks.iter_mut().filter(|t| t.file == file) {
            task.tensors.iter_mut().for_each(|t| *t = place[*t]);
        }
        let tensors: Vec<OutTensor> = order.into_iter().map(|i| tensors[i].clone()).collect();
        let mut metadata: Map<String, Value> = source.files[file].metadata.clone();
        metadata.retain(|key, _| !key.starts_with("steelyard."));
        metadata.entry("format").or_insert_with(|| json!("pt"));
        if options.container != Container::Bf16 {
            metadata.insert("steelyard.container".to_owned(), json!(options.container.name()));
            metadata.insert("steelyard.layout".to_owned(), json!(layout.name()));
            if options.container.has_rule() {
                metadata.insert("steelyard.scale_rule".to_owned(), json!(rule_for(options, options.container).name()));
            }
            let ties = if options.container == Container::Hif8 { "nearest, ties away" } else { "nearest, ties even" };
            metadata.insert("steelyard.rounding".to_owned(), json!(ties));
        }
        metadata.insert("steelyard.version".to_owned(), json!(env!("CARGO_PKG_VERSION")));
        let entries = tensors.iter().map(|t| (t.name.as_str(), t.dtype, t.shape.as_slice(), t.len()));
        let header = safetensors::build(entries, &metadata);
        let mut offsets = Vec::with_capacity(tensors.len());
        let mut len = header.len() as u64;
        for t in &tensors {
            offsets.push(len);
            len += t.len();
        }
        out.push(OutFile { name, tensors, offsets, header, len });
    }
    out
}

fn index(source: &Checkpoint, files: &[OutFile]) -> Option<Value> {
    if files.len() < 2 && source.index.is_none() {
        return None;
    }
    let mut map = Map::new();
    let mut names: Vec<(&str, &str)> =
        files.iter().flat_map(|f| f.tensors.iter().map(|t| (t.name.as_str(), f.name.as_str()))).collect();
    names.sort_unstable();
    for (tensor, file) in names {
        map.insert(tensor.to_owned(), json!(file));
    }
    let mut index = source.index.clone().and_then(|i| i.as_object().cloned()).unwrap_or_default();
    let total: u64 = files.iter().flat_map(|f| &f.tensors).map(OutTensor::len).sum();
    let metadata = index.entry("metadata").or_insert_with(|| json!({}));
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.insert("total_size".to_owned(), json!(total));
    }
    index.insert("weight_map".to_owned(), Value::Object(map));
    Some(Value::Object(index))
}

/// The name of the shard index.
pub(super) const INDEX_NAME: &str = INDEX;
