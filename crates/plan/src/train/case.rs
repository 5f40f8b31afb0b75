//! Rows of training.csv as cases: what was trained, on what, how, and how fast it was.

use catalog::Model;
use catalog::model::parameters;
use cost::train::{ContextExchange, Recipe, Recompute, Schedule, Sharding, StateFormat, TrainingMemory};
use formats::{Element, Scheme};

use super::reading::{Convention, Reading, holds};
use super::row_model::model;
use crate::tables::{Table, TableError};
use crate::validate::Kind;

/// Degrees as a row states them; `None`: open.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stated {
    /// Tensor.
    pub tp: Option<u32>,
    /// Pipeline.
    pub pp: Option<u32>,
    /// Chunks on a stage.
    pub chunks: Option<u32>,
    /// Context.
    pub cp: Option<u32>,
    /// Experts.
    pub ep: Option<u32>,
    /// Sequences of a micro-batch, of one device.
    pub micro_batch: Option<f64>,
    /// Way of sharing among replicas.
    pub sharding: Option<Sharding>,
    /// Ranks that share.
    pub shard: Option<u32>,
    /// What is computed again.
    pub recompute: Option<Recompute>,
    /// Schedule.
    pub schedule: Option<Schedule>,
    /// Whether activations may go to the host's memory.
    pub offload: bool,
    /// How context is exchanged.
    pub context: Option<ContextExchange>,
}

/// A measured training run.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingCase {
    /// Key of the row.
    pub id: String,
    /// Whose page.
    pub source: String,
    /// Chip as named.
    pub chip: String,
    /// Chip as the catalog finds it.
    pub catalog_chip: String,
    /// Chips.
    pub chips: u64,
    /// Model as named.
    pub model_name: String,
    /// The model, or why there is none.
    pub model: Result<Model, String>,
    /// Profile of the framework.
    pub framework: String,
    /// Release and name as written.
    pub framework_text: String,
    /// Number formats.
    pub recipe: Recipe,
    /// Tokens of a sequence.
    pub sequence: Option<u64>,
    /// Sequences of a step.
    pub batch: Option<u64>,
    /// The plan as far as it is stated.
    pub stated: Stated,
    /// Whether prediction modules are trained too.
    pub mtp: bool,
    /// Metric of the file.
    pub metric: String,
    /// Its unit.
    pub unit: String,
    /// As written.
    pub value: f64,
    /// Confidence as written.
    pub confidence: String,
    /// How the row counts operations, if it gives TFLOP/s.
    pub convention: Option<Convention>,
    /// Why it is not predicted.
    pub refused: Option<String>,
    /// Why it is not judged.
    pub doubt: Option<String>,
}

impl TrainingCase {
    /// One step in seconds as the metric's value: what the file would say of a step that takes so long.
    pub fn value_of(&self, seconds: f64) -> Option<f64> {
        let (batch, sequence) = (self.batch? as f64, self.sequence? as f64);
        let tokens = batch * sequence;
        let per_chip = tokens / seconds / self.chips as f64;
        match self.metric.as_str() {
            "step_time" => Some(seconds),
            "tokens_per_s_per_chip" => Some(per_chip),
            "tokens_per_s_total" => Some(tokens / seconds),
            "sequences_per_s" => Some(batch / seconds),
            "model_tflops_per_chip" | "hardware_tflops_per_chip" => Some(per_chip * self.flop_per_token()? / 1e12),
            _ => None,
        }
    }

    /// What the file would say of a device whose memory is used so, if it speaks of memory: GiB of tensors at the fullest
    /// moment, or of all that the framework took.
    pub fn memory_of(&self, memory: &TrainingMemory) -> Option<f64> {
        let gib = |bytes: f64| bytes / f64::from(1u32 << 30);
        match self.metric.as_str() {
            "memory_allocated" => Some(gib(memory.total() - memory.reserved)),
            "memory_reserved" => Some(gib(memory.total())),
            _ => None,
        }
    }

    /// What its value is.
    pub fn kind(&self) -> Kind {
        if self.metric.starts_with("memory") { Kind::Memory } else { Kind::Step }
    }

    fn flop_per_token(&self) -> Option<f64> {
        let model = self.model.as_ref().ok()?;
        let (layers, hidden) = (model.num_layers() as f64, model.hidden as f64);
        let (sequence, vocab) = (self.sequence? as f64, model.vocab as f64);
        Some(match self.convention? {
            Convention::Attention => 6.0 * parameters(model).active as f64 + 12.0 * layers * hidden * sequence,
            Convention::Recomputed => {
                let tail = 1.0 + sequence / (6.0 * hidden) + vocab / (16.0 * layers * hidden);
                96.0 * layers * hidden * hidden * tail
            }
        })
    }

    /// Whether it counts for the goals: of high confidence and without a trap.
    pub fn is_plain(&self) -> bool {
        self.confidence == "high" && self.doubt.is_none() && self.refused.is_none()
    }
}

const COLUMNS: [&str; 30] = [
    "id",
    "source_key",
    "chip",
    "chips",
    "model",
    "params_b",
    "layers",
    "hidden",
    "heads",
    "kv_heads",
    "ffn",
    "experts",
    "topk",
    "vocab",
    "seq",
    "precision",
    "framework",
    "tp",
    "pp",
    "vpp",
    "cp",
    "ep",
    "fsdp",
    "schedule",
    "micro_batch",
    "global_batch",
    "recompute",
    "metric",
    "unit",
    "confidence",
];

/// The cases of a table in the columns of training.csv, in its order.
///
/// # Errors
/// A column that is missing or of the wrong kind.
pub fn cases(table: &Table) -> Result<Vec<TrainingCase>, TableError> {
    // Columns of numbers only are read as text too: a user's file may hold nothing else.
    let text = |name: &str| -> Result<Vec<String>, TableError> {
        match table.text(name) {
            Ok(column) => Ok(column.into_iter().map(str::to_owned).collect()),
            Err(TableError::WrongType { .. }) => Ok(table.number(name)?.iter().map(|n| n.to_string()).collect()),
            Err(other) => Err(other),
        }
    };
    let columns = COLUMNS.iter().map(|c| text(c)).collect::<Result<Vec<_>, _>>()?;
    let notes: Vec<String> = table.text_if_any("note")?.into_iter().map(str::to_owned).collect();
    let values = table.number("value")?;
    let reading = Reading::embedded();
    let case = |row: usize| {
        let column = |name: &str| -> &str {
            if name == "note" {
                return &notes[row];
            }
            COLUMNS.iter().position(|c| *c == name).map_or("", |i| columns[i][row].as_str())
        };
        read(&column, values[row], reading)
    };
    Ok((0..table.len()).map(case).collect())
}

fn read<'r>(column: &dyn Fn(&str) -> &'r str, value: f64, reading: &Reading) -> TrainingCase {
    let find =
        |rules: &[super::reading::Rule]| rules.iter().find(|r| holds(&r.texts, column)).map(|r| r.reason.clone());
    let owned = |name: &str| column(name).to_owned();
    let profile = reading.framework.iter().find(|f| holds(&f.texts, column));
    let framework = profile.map_or(catalog::framework::GENERIC, |f| f.profile.as_str());
    let chip = owned("chip");
    let mut refused = find(&reading.refuse);
    let chips = number(column("chips"));
    if chips.is_none() {
        refused = refused.or_else(|| Some("the number of chips is not stated".to_owned()));
    }
    let known = |name: &str, what: &str, refused: &mut Option<String>| {
        let n = number(column(name)).map(|n| n as u64).filter(|n| *n > 0);
        if n.is_none() && refused.is_none() {
            *refused = Some(format!("{what} is not stated"));
        }
        n
    };
    let sequence = known("seq", "the sequence", &mut refused);
    let convention = reading.flop.iter().find(|f| holds(&f.texts, column)).map(|f| f.convention);
    if column("metric").contains("tflops") && convention.is_none() && refused.is_none() {
        refused = Some("how operations are counted is not stated".to_owned());
    }
    TrainingCase {
        id: owned("id"),
        source: owned("source_key"),
        catalog_chip: reading.chips.get(&chip).cloned().unwrap_or_else(|| chip.clone()),
        chip,
        chips: chips.map_or(0, |c| c as u64),
        model_name: owned("model"),
        model: model(column, reading),
        framework: framework.to_owned(),
        framework_text: owned("framework"),
        recipe: recipe(column("precision"), framework, column("note")),
        sequence,
        batch: number(column("global_batch")).map(|n| n as u64).filter(|n| *n > 0),
        stated: stated(column),
        mtp: column("note").contains("w/ MTP"),
        metric: owned("metric"),
        unit: owned("unit"),
        value,
        confidence: owned("confidence"),
        convention,
        refused,
        doubt: find(&reading.doubt),
    }
}

/// The number that a text begins with.
pub(super) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text[..end].parse().ok()
}

/// The first number of a text, wherever it stands behind `word`.
fn after(text: &str, word: &str) -> Option<u32> {
    let at = text.find(word)? + word.len();
    number(text[at..].trim_start()).map(|n| n as u32)
}

fn stated<'r>(column: &dyn Fn(&str) -> &'r str) -> Stated {
    let degree = |name: &str| number(column(name)).map(|n| n as u32).filter(|n| *n > 0);
    let fsdp = column("fsdp").to_lowercase();
    let tensor = after(&fsdp, "tensor ");
    let (mut sharding, mut shard) = (None, degree("fsdp"));
    if fsdp.contains("shard_grad_op") || fsdp.contains("zero-2") {
        sharding = Some(Sharding::Gradients);
    } else if fsdp.contains("zero") || fsdp.contains("optimizer") || fsdp == "0" || fsdp.is_empty() {
        (sharding, shard) = (Some(Sharding::Optimizer), None);
    } else if fsdp.contains("fsdp") || fsdp.contains("full_shard") || shard.is_some_and(|n| n > 1) {
        sharding = Some(Sharding::Parameters);
        shard = shard.or_else(|| after(&fsdp, "fsdp ")).or_else(|| after(&fsdp, "fsdp"));
        if let Some(replicas) = after(&fsdp, "data ")
            && after(&fsdp, "fsdp ").is_none()
        {
            // "data 4 x fsdp": what the replicas leave.
            shard = number(column("chips")).map(|c| (c as u32) / replicas.max(1));
        }
    }
    let schedule = column("schedule").to_lowercase();
    let schedule = match () {
        () if schedule.contains("dualpipe") => Some(Schedule::DualPipe),
        () if schedule.contains("zbv") => Some(Schedule::ZbV),
        () if schedule.contains("zero-bubble") => Some(Schedule::ZbH1),
        () if schedule.contains("interleaved") => Some(Schedule::Interleaved),
        () if schedule.contains("1f1b") => Some(Schedule::OneFOneB),
        () => None,
    };
    let recompute = column("recompute").to_lowercase();
    // "custom" names for each tensor whether it is kept, computed again or offloaded.
    let offload = recompute.contains("offload") || recompute.starts_with("custom");
    let recompute = match () {
        () if recompute.starts_with("full") => Some(Recompute::Full),
        () if recompute.starts_with("none") => Some(Recompute::None),
        () if recompute.starts_with("selective") => Some(Recompute::Selective),
        () => None,
    };
    let micro = column("micro_batch");
    Stated {
        tp: tensor.or_else(|| degree("tp")),
        pp: degree("pp"),
        chunks: degree("vpp"),
        cp: degree("cp"),
        ep: degree("ep"),
        // "3 per chip" is of one chip, "8 per JAX device" of one device: the reader of the case knows how many it has.
        micro_batch: number(micro).map(|n| if micro.contains("per chip") { -n } else { n }),
        sharding,
        shard,
        recompute,
        schedule,
        offload,
        context: column("note").contains("context by all-to-all").then_some(ContextExchange::Ulysses),
    }
}

fn recipe(precision: &str, framework: &str, note: &str) -> Recipe {
    let text = precision.to_lowercase();
    let first = text.split(['(', '+']).next().unwrap_or_default();
    let named = |name: &str| Scheme::from_name(name).unwrap_or(Scheme::BF16);
    let linear = match () {
        () if first.contains("nvfp4") => named("nvfp4"),
        () if first.contains("mxfp8") || first.contains("fp8-mx") => named("mxfp8"),
        () if first.contains("block") => named("fp8-block"),
        () if first.contains("fp8") => Scheme::plain(Element::E4m3),
        () if first.contains("int8") => Scheme::plain(Element::Int8),
        () => Scheme::BF16,
    };
    let mut recipe = Recipe { linear, ..Recipe::MIXED };
    match framework {
        // Parameters are kept once, sharded, in 32 bits. Gradients are scattered in the type that computes, or in 32 bits.
        "fsdp" | "torchtitan" | "torchtitan-2024" => {
            (recipe.weights, recipe.master) = (StateFormat::Fp32, None);
            if framework == "fsdp" {
                recipe.gradients = StateFormat::Bf16;
            }
            recipe.gather_small = text.contains("fp8 all-gather");
        }
        // Parameters are kept once, in 32 bits, and rounded when they are gathered.
        "maxtext" => {
            recipe.gradients = StateFormat::Bf16;
            (recipe.weights, recipe.master) = (StateFormat::Fp32, None);
        }
        // Since 2024 gradients of experts and dense layers are summed in 16 bits where weights are small.
        _ => {}
    }
    if note.contains("LoRA fine-tune") {
        recipe.lora = Some(cost::train::Lora { rank: 16 });
    }
    recipe
}
