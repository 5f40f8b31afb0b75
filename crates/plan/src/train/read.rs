//! The walk over a training study, section by section. A section that is wrong yields `None` and the walk goes on.

use std::path::Path;

use catalog::written::{Document, Table, Value, short};
use catalog::{Diagnostic, Framework, Model, Region};
use cost::train::{ContextExchange, Lora, Recipe, Schedule, Sharding, StateFormat};
use formats::Scheme;
use units::{BytesPerSecond, Seconds, Usd, Watts};

use super::study::{BESTS, Best, Limits, Saving, Space, TrainingCandidate, TrainingStudy, Useful};
use crate::study::{Basis, Incomplete, Library, train_parts};

/// Plans played for each system unless the study says otherwise.
const PLAYED: u64 = 200;

/// Reads a study from a file.
///
/// # Errors
/// All that is wrong with it.
pub fn read(path: &Path, library: Library) -> Result<TrainingStudy, Vec<Diagnostic>> {
    train_parts::from_file(path, |name, text, folder| check(name, text, folder, library))
}

/// Whether a text asks for training: a run of so many tokens, and no traffic to serve.
pub fn is_training(text: &str) -> bool {
    text.parse::<toml::Table>().is_ok_and(|root| root.contains_key("tokens") && !root.contains_key("traffic"))
}

/// Checks the text of a study.
///
/// # Errors
/// All that is wrong, in order of place.
pub fn check(
    name: &str,
    text: &str,
    folder: Option<&Path>,
    library: Library,
) -> Result<TrainingStudy, Vec<Diagnostic>> {
    let regions = &library.catalog.regions;
    train_parts::walk(name, text, |doc, root| study(doc, root, name, folder, library, regions))
}

fn study(
    doc: &Document,
    root: Table,
    name: &str,
    folder: Option<&Path>,
    library: Library,
    regions: &[Region],
) -> Option<TrainingStudy> {
    let title = train_parts::title(&root, name);
    let model = train_parts::model_of(&root, folder, library);
    let tokens = root.need("tokens", "write the tokens of the whole run, as in tokens = 14.8e12");
    let tokens = tokens.and_then(|v| v.number(1.0, 1e18));
    let sequence = root.need("sequence", "write the tokens of a sequence").and_then(|v| v.count(16, 1 << 24));
    let batch = root.need("batch", "write the sequences of a step").and_then(|v| v.count(1, 1 << 24));
    let mtp_written = root.get("mtp");
    let mtp = mtp_written.as_ref().map_or(Some(false), |v| v.truth());
    if let (Some(value), Some(true), Some(model)) = (&mtp_written, mtp, &model)
        && model.mtp_layers == 0
    {
        value.fault(format!("{} has no multi-token-prediction layers", model.name), "leave it out");
    }
    let recipe = root.get("precision").map_or(Some(Recipe::MIXED), |v| recipe(&v));
    let experts = root.get("experts").map_or(Some((1.0, None)), |v| experts(&v, model.as_ref()));
    let (stated, faults) = (root.get("effective"), root.get("faults"));
    let effective = match (&stated, &faults) {
        (Some(v), Some(_)) => {
            v.fault("stands beside [faults]", "write one of the two");
            None
        }
        (Some(v), None) => v.fractions(0.01, 1.0).map(Useful::Stated),
        (None, Some(v)) => saving(v).map(Useful::Modelled),
        (None, None) => Some(Useful::Whole),
    };
    let best = root.get("objective").map_or(Some(Best::Days), |v| {
        let table = v.table("write a table [objective] with best = \"days\"")?;
        let best = table.need("best", "write best = \"days\", \"cost\", \"energy\" or \"tokens per chip\"");
        let best = best.and_then(|v| v.choice(&BESTS));
        table.finish();
        best
    });
    let limits = root.get("limits").map_or(Some(Limits::default()), |v| limits(&v));
    let money = train_parts::money_of(root.get("money"), regions);
    let basis = money.as_ref().map_or(Basis::Any, |m| m.basis);
    let systems = root.need("system", "write a table [[system]] for each candidate");
    let systems = systems.and_then(|v| candidates(&v, library, basis));
    let space = root.get("search").map_or_else(|| Some(everything()), |v| space(&v));
    root.finish();
    if !doc.is_sound() {
        return None;
    }
    let (systems, incomplete) = systems?;
    let (imbalance, capacity) = experts?;
    Some(TrainingStudy {
        title: title?,
        model: model?,
        tokens: tokens?,
        sequence: sequence?,
        batch: batch?,
        mtp: mtp?,
        recipe: recipe?,
        imbalance,
        capacity,
        effective: effective?,
        best: best?,
        limits: limits?,
        systems,
        incomplete,
        money: money?,
        space: space?,
    })
}

/// A class of training work: the part of a study that says what is trained, without who trains it, read from a table that
/// holds more. `None` after a fault.
pub(crate) fn work(table: &Table, folder: Option<&Path>, library: Library) -> Option<TrainingStudy> {
    let model = train_parts::model_of(table, folder, library);
    let sequence = table.need("sequence", "write the tokens of a sequence").and_then(|v| v.count(16, 1 << 24));
    let batch = table.need("batch", "write the sequences of a step").and_then(|v| v.count(1, 1 << 24));
    let recipe = table.get("precision").map_or(Some(Recipe::MIXED), |v| recipe(&v));
    let experts = table.get("experts").map_or(Some((1.0, None)), |v| experts(&v, model.as_ref()));
    let space = table.get("search").map_or_else(|| Some(everything()), |v| space(&v));
    let (model, (imbalance, capacity)) = (model?, experts?);
    Some(TrainingStudy {
        title: short(&model.name),
        model,
        // A rate does not ask how long the run is.
        tokens: 1e12,
        sequence: sequence?,
        batch: batch?,
        mtp: false,
        recipe: recipe?,
        imbalance,
        capacity,
        effective: Useful::Whole,
        best: Best::TokensPerChip,
        limits: Limits::default(),
        systems: Vec::new(),
        incomplete: Vec::new(),
        money: train_parts::money_of(None, &library.catalog.regions)?,
        space: space?,
    })
}

/// How checkpoints are saved, and what stands by.
fn saving(value: &Value) -> Option<Saving> {
    const RATE: (BytesPerSecond, BytesPerSecond) = (BytesPerSecond(1e6), BytesPerSecond(1e16));
    let table = value.table("write a table [faults] with write = \"100 GB/s\"")?;
    let write = table.need("write", "write the rate at which all chips together save, as in \"100 GB/s\"");
    let write = write.and_then(|v| v.quantity(RATE.0, RATE.1));
    let read = table.get("read").map_or(Some(None), |v| v.quantity(RATE.0, RATE.1).map(Some));
    let stall = table.get("stall").map_or(Some(None), |v| v.quantity(Seconds(0.0), Seconds(86_400.0)).map(Some));
    let spares = table.get("spares").map_or(Some(0), |v| v.count(0, 1_000_000));
    table.finish();
    let write = write?;
    Some(Saving { write, read: read?.unwrap_or(write), stall: stall?, spares: u32::try_from(spares?).ok()? })
}

/// Number formats: `linear`, `weights`, `gradients`, `master`, `moments`, `gather_in_linear`, `dispatch`, `lora_rank`.
fn recipe(value: &Value) -> Option<Recipe> {
    let table = value.table("write a table [precision]")?;
    let state = |key| table.get(key).map(|v| v.choice(&StateFormat::NAMED));
    let linear = table.get("linear").map_or(Some(Scheme::BF16), |v| train_parts::scheme(&v));
    let weights = state("weights").unwrap_or(Some(StateFormat::Bf16));
    let gradients = state("gradients").unwrap_or(Some(StateFormat::Fp32));
    let moments = state("moments").unwrap_or(Some(StateFormat::Fp32));
    let master = match table.get("master") {
        Some(v) if v.as_text() == Some("none") => Some(None),
        Some(v) => v.choice(&StateFormat::NAMED).map(Some),
        None => Some(Some(StateFormat::Fp32)),
    };
    let gather_small = table.get("gather_in_linear").map_or(Some(false), |v| v.truth());
    let dispatch = table.get("dispatch").map_or(Some(None), |v| train_parts::scheme(&v).map(Some));
    let rank = table.get("lora_rank").map_or(Some(None), |v| v.count(1, 4096).map(Some));
    table.finish();
    let linear = linear?;
    Some(Recipe {
        linear,
        weights: weights?,
        gradients: gradients?,
        master: master?,
        moments: moments?,
        gather_small: gather_small?,
        dispatch_bits: dispatch?.map_or(16.0, |s: Scheme| s.bits_per_value()),
        lora: rank?.map(|rank| Lora { rank }),
    })
}

fn experts(value: &Value, model: Option<&Model>) -> Option<(f64, Option<f64>)> {
    let table = value.table("write a table [experts] with imbalance or capacity")?;
    let imbalance = table.get("imbalance").map_or(Some(1.0), |v| v.number(1.0, 64.0));
    let capacity = table.get("capacity").map_or(Some(None), |v| v.number(0.1, 64.0).map(Some));
    table.finish();
    if let Some(model) = model
        && !model.is_moe()
    {
        value.fault(format!("{} has no routed experts", model.name), "leave it out");
    }
    Some((imbalance?, capacity?))
}

fn limits(value: &Value) -> Option<Limits> {
    let table = value.table("write a table [limits] with time, power or money")?;
    let time = table.get("time").map_or(Some(None), |v| v.quantity(Seconds(3600.0), Seconds(3.2e9)).map(Some));
    let power = table.get("power").map_or(Some(None), |v| v.quantity(Watts(1.0), Watts(1e11)).map(Some));
    let money = table.get("money").map_or(Some(None), |v| v.quantity(Usd(1.0), Usd(1e13)).map(Some));
    table.finish();
    Some(Limits { time: time?, power: power?, money: money? })
}

type Candidates = (Vec<TrainingCandidate>, Vec<Incomplete>);

fn candidates(value: &Value, library: Library, basis: Basis) -> Option<Candidates> {
    const REMEDY: &str = "write a table [[system]] with a name for each candidate";
    let list = value.list(REMEDY)?;
    if list.is_empty() || list.len() > 100 {
        value.fault(format!("lists {} candidates", list.len()), "give 1 to 100");
        return None;
    }
    let (mut complete, mut incomplete) = (Vec::new(), Vec::new());
    for item in &list {
        let Some(table) = item.table(REMEDY) else { continue };
        let wanted = table.get("framework");
        let names = Framework::names();
        let framework = wanted.as_ref().map_or(Some(None), |v| train_parts::name_of(v, &names, "framework").map(Some));
        let found = train_parts::candidate(&table, library, basis);
        table.finish();
        let Some(framework) = framework else { continue };
        match found {
            Some(Ok(candidate)) => {
                if let (Some(value), Some(name)) = (&wanted, framework)
                    && let Ok(profile) = Framework::load(name)
                    && !profile.runs_on(&candidate.system.chip.architecture)
                    && name != catalog::framework::GENERIC
                {
                    value.fault(format!("{name} does not run on {}", candidate.system.chip.name), "leave it out");
                }
                complete.push(TrainingCandidate { candidate, framework: framework.map(str::to_owned) });
            }
            Some(Err(lacking)) => incomplete.push(lacking),
            None => {}
        }
    }
    Some((complete, incomplete))
}

fn everything() -> Space {
    Space { played: PLAYED, ..Space::default() }
}

fn space(value: &Value) -> Option<Space> {
    let table = value.table("write a table [search]")?;
    let degrees = |key, most: u64| -> Option<Vec<u32>> {
        let Some(v) = table.get(key) else { return Some(Vec::new()) };
        let one = |v: &Value| v.count(1, most).and_then(|n| u32::try_from(n).ok());
        match v.as_list() {
            Some(list) => list.iter().map(one).collect(),
            None => one(&v).map(|n| vec![n]),
        }
    };
    let (tp, pp, cp) = (degrees("tp", 1024), degrees("pp", 1024), degrees("cp", 4096));
    let (ep, micro_batch) = (degrees("ep", 4096), degrees("micro_batch", 4096));
    let schedules = choices(&table, "schedules", &Schedule::NAMED);
    let sharding = choices(&table, "sharding", &Sharding::NAMED);
    let context = choices(&table, "context", &ContextExchange::NAMED);
    let offload = table.get("offload").map_or(Some(false), |v| v.truth());
    let played = table.get("played").map_or(Some(PLAYED), |v| v.count(1, 10_000));
    table.finish();
    Some(Space {
        tp: tp?,
        pp: pp?,
        cp: cp?,
        ep: ep?,
        micro_batch: micro_batch?,
        schedules: schedules?,
        sharding: sharding?,
        context: context?,
        offload: offload?,
        played: played?,
    })
}

fn choices<T: Copy>(table: &Table, key: &'static str, named: &[(&'static str, T)]) -> Option<Vec<T>> {
    let Some(value) = table.get(key) else { return Some(Vec::new()) };
    let list = value.list("write a list of names")?;
    list.iter().map(|v| v.choice(named)).collect()
}
