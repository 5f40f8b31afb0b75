//! The walk over a study, section by section. A section that is wrong yields `None` and the walk goes on.

use std::path::Path;

use catalog::written::{Document, Table, Value, nearest, short};
use catalog::{Diagnostic, Fact, Kind, Model, Region};
use formats::Scheme;
use units::{PerSecond, Range, Seconds, UsdPerKilowattHour};

use super::lengths::{Side, lengths};
use super::{
    Basis, Levels, Library, Load, Money, OBJECTIVES, Objective, SearchLimits, Statistic, Study, Traffic, assume, files,
    systems,
};
use crate::replay::traces::{self, Reading};
use crate::search::CURVE;

/// Requests simulated for each point unless the study says otherwise.
const REQUESTS: u64 = 512;
/// Most requests in flight that a study may ask for.
const MOST_CONCURRENCY: u64 = 1_000_000;
/// Region of a study that names none.
const WORLD: &str = "world";
const DAY: Seconds = Seconds(86_400.0);
const HOURS_OF_YEAR: f64 = 365.25 * 24.0;

/// Checks the text of a study.
pub fn check(name: &str, text: &str, folder: Option<&Path>, library: Library) -> Result<Study, Vec<Diagnostic>> {
    let regions = &library.catalog.regions;
    walk(name, text, |doc, root| study(doc, root, name, folder, library, regions))
}

/// The study in a file. `check` gets the name by which faults call the file, its text, and the folder in which files that
/// it names are looked for.
pub(crate) fn from_file<S>(
    path: &Path,
    check: impl FnOnce(&str, &str, Option<&Path>) -> Result<S, Vec<Diagnostic>>,
) -> Result<S, Vec<Diagnostic>> {
    let name = path.display().to_string();
    let text = files::read_text(path, files::STUDY_BYTES).map_err(|fault| vec![fault.in_file(&name)])?;
    let folder = path.parent().map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p });
    check(&name, &text, folder)
}

/// Walks over a document: what comes of it if nothing is wrong, else all that is.
pub(crate) fn walk<S>(
    name: &str,
    text: &str,
    study: impl FnOnce(&Document, Table) -> Option<S>,
) -> Result<S, Vec<Diagnostic>> {
    let doc = Document::new(name, text);
    let root = doc.parse();
    match study(&doc, Table::root(&doc, &root)) {
        Some(study) if doc.is_sound() => Ok(study),
        _ => Err(doc.into_faults()),
    }
}

/// What a study is about, in its own words; else the name of its file.
pub(crate) fn title(root: &Table, name: &str) -> Option<String> {
    let stem = || Path::new(name).file_stem().map_or("study".into(), |s| s.to_string_lossy().into_owned());
    root.get("title").map_or_else(|| Some(stem()), |v| v.text("write what the study is about").map(short))
}

fn study(
    doc: &Document,
    root: Table,
    name: &str,
    folder: Option<&Path>,
    library: Library,
    regions: &[Region],
) -> Option<Study> {
    let (title, model) = (title(&root, name), model_of(&root, folder, library));
    let weights = root.get("weights").map_or(Some(None), |v| scheme(&v));
    let kv = root.get("kv").map_or(Some(None), |v| scheme(&v));
    let traffic = root.need("traffic", "write a table [traffic] with input and output");
    let traffic = traffic.and_then(|v| self::traffic(&v, folder, model.as_ref()));
    let levels = root.get("levels").map_or_else(|| Some(Levels::default()), |v| levels(&v));
    let objective = root.need("objective", "write a table [objective] with best = \"tokens per chip\"");
    let objective = objective.and_then(|v| self::objective(&v, traffic.as_ref()));
    let candidates = root.need("system", "write a table [[system]] for each candidate");
    let money = money_of(root.get("money"), regions);
    let basis = money.as_ref().map_or(Basis::Any, |m| m.basis);
    let mut candidates = candidates.and_then(|v| systems::candidates(&v, library, basis));
    if let (Some(value), Some((complete, _))) = (root.get("assume"), &mut candidates) {
        assume::assume(&value, complete);
    }
    let search = root.get("search").map_or_else(|| Some(everything()), |v| search(&v));
    let seed = root.get("seed").map_or(Some(1), |v| v.count(0, i64::MAX as u64));
    root.finish();
    if !doc.is_sound() {
        return None;
    }
    let (systems, incomplete) = candidates?;
    Some(Study {
        title: title?,
        model: model?,
        weights: weights?,
        kv: kv?,
        traffic: traffic?,
        levels: levels?,
        objective: objective?,
        systems,
        incomplete,
        money: money?,
        search: search?,
        seed: seed?,
    })
}

/// The model that a table names.
pub(crate) fn model_of(table: &Table, folder: Option<&Path>, library: Library) -> Option<Model> {
    let model = table.need("model", "name a built-in model or a folder with a config.json");
    model.and_then(|v| self::model(&v, folder, library))
}

/// A built-in model by any of its names, one of the user's catalog, or one in a folder beside the study. Nothing is
/// looked for in the working folder: a study means the same wherever it is read from.
pub(crate) fn model(value: &Value, folder: Option<&Path>, library: Library) -> Option<Model> {
    let name = value.text("name a built-in model or a folder with a config.json")?;
    let own = |user: &Path| is_plain(name) && user.join("models").join(format!("{name}.json")).is_file();
    let is_path = name.starts_with(['.', '/']) || name.contains(['\\', '\0']) || name.ends_with(".json");
    let loaded = if !is_path && (catalog::model::resolve(name).is_some() || library.folder.is_some_and(own)) {
        catalog::model::load(name, library.folder)
    } else if !is_plain(name) || folder.is_some_and(|f| f.join(name).exists()) {
        let path = files::resolve(folder, name).map_err(|f| value.fault(f.message, f.remedy)).ok()?;
        catalog::model::read(&path)
    } else {
        let known: Vec<String> = catalog::model::entries().into_iter().map(|e| e.id).collect();
        let hint = nearest(name, known.iter().map(String::as_str));
        let hint =
            hint.map_or("'steelyard model list' shows all".to_owned(), |near| format!("did you mean \"{near}\"?"));
        value.fault(format!("there is no model '{}'", short(name)), hint + " A folder is written \"./folder\"");
        return None;
    };
    // A fault of the model's own file keeps its place in that file.
    loaded.map_err(|faults| faults.iter().for_each(|f| value.fault(inline(f), f.help.clone()))).ok()
}

/// Whether a name cannot be a path out of where it is joined.
fn is_plain(name: &str) -> bool {
    !name.starts_with('.') && !name.contains(['/', '\\', '\0', ':'])
}

/// A fault of another file, to be told within this one.
fn inline(fault: &Diagnostic) -> String {
    let place = if fault.line > 0 { format!(":{}:{}", fault.line, fault.column) } else { String::new() };
    format!("{}{place}: {}", fault.file, fault.message)
}

/// A storage scheme, or `Some(None)` for what is published.
pub(crate) fn scheme(value: &Value) -> Option<Option<Scheme>> {
    let name = value.text("name a storage scheme as in \"ue8m0-fp8\"")?;
    if name == "as published" {
        return Some(None);
    }
    let found = Scheme::from_name(name);
    if found.is_none() {
        let all = Scheme::names().collect::<Vec<_>>().join(", ");
        let hint = nearest(name, Scheme::names()).map_or(String::new(), |near| format!("did you mean \"{near}\"? "));
        value.fault(format!("'{}' is no storage scheme", short(name)), format!("{hint}known: as published, {all}"));
    }
    found.map(Some)
}

pub(super) fn traffic(value: &Value, folder: Option<&Path>, model: Option<&Model>) -> Option<Traffic> {
    let table = value.table("write a table [traffic] with input and output")?;
    let input = table.need("input", "write prompt tokens, as in input = 4000");
    let input = input.and_then(|v| lengths(&v, Side::Input, folder));
    let output = table.need("output", "write generated tokens, as in output = 1000");
    let output = output.and_then(|v| lengths(&v, Side::Output, folder));
    let prefix_hit = table.get("prefix_hit").map_or(Some(0.0), |v| v.fraction(0.0, 1.0));
    let load = table.get("load").map_or(Some(Load::Search), |v| load(&v, folder));
    let drafts = table.get("mtp_accepted");
    let mtp_accepted = drafts.as_ref().map_or(Some(None), |v| v.number(0.0, 16.0).map(Some));
    if let (Some(drafts), Some(model)) = (&drafts, model)
        && model.mtp_layers == 0
    {
        drafts.fault(format!("{} has no multi-token-prediction layers", model.name), "leave it out");
    }
    table.finish();
    let (input, output) = (input?, output?);
    let traffic = Traffic { input, output, prefix_hit: prefix_hit?, load: load?, mtp_accepted: mtp_accepted? };
    if let Some(model) = model
        && traffic.longest_request() > model.max_context
    {
        let message =
            format!("the longest request has {} tokens, input and output together", traffic.longest_request());
        value.fault(message, format!("{} takes {} at most", model.name, model.max_context));
    }
    Some(traffic)
}

fn load(value: &Value, folder: Option<&Path>) -> Option<Load> {
    const REMEDY: &str = "write { concurrency = 64 }, { concurrency = \"search\" }, { rate = \"20 /s\" } or { trace = \"requests.csv\" }";
    let table = value.table(REMEDY)?;
    let (concurrency, rate, cv) = (table.get("concurrency"), table.get("rate"), table.get("cv"));
    let trace = table.get("trace");
    table.finish();
    if let (Some(cv), Some(_)) = (&cv, &trace) {
        cv.fault("goes with a rate", "leave it out: the trace says how its requests came");
    }
    match (concurrency, rate) {
        (None, None) if trace.is_some() => trace.and_then(|trace| recorded(&trace, folder)),
        _ if trace.is_some() => {
            value.fault("says several things", REMEDY);
            None
        }
        (Some(concurrency), None) => {
            if let Some(cv) = cv {
                cv.fault("goes with a rate", "leave it out");
            }
            match concurrency.as_text() {
                Some("search") => Some(Load::Search),
                Some(text) => {
                    concurrency.fault(format!("'{}' is unknown", short(text)), "write \"search\" or a number");
                    None
                }
                None => concurrency.count(1, MOST_CONCURRENCY).map(Load::Concurrency),
            }
        }
        (None, Some(rate)) => {
            let cv = cv.map_or(Some(1.0), |v| v.number(0.01, 100.0));
            let rate = rate.quantity(PerSecond(1e-6), PerSecond(1e6));
            Some(Load::Rate { per_second: rate?.0, cv: cv? })
        }
        _ => {
            value.fault("says not one thing but none or both", REMEDY);
            None
        }
    }
}

/// The rate at which recorded requests came, and how unevenly: standard deviation of the gaps over their mean.
fn recorded(value: &Value, folder: Option<&Path>) -> Option<Load> {
    let written = value.text("write the path of a trace")?;
    let read = files::resolve(folder, written).and_then(|path| traces::read(&path, &Reading::default()));
    let trace = match read {
        Ok(trace) => trace,
        Err(fault) => {
            let place = if fault.line > 0 { format!(", line {}", fault.line) } else { String::new() };
            value.fault(format!("{}{place}: {}", short(written), fault.message), fault.remedy);
            return None;
        }
    };
    let gaps: Vec<f64> = trace.requests.windows(2).map(|pair| (pair[1].time - pair[0].time) as f64 * 1e-12).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len().max(1) as f64;
    if gaps.len() < 2 || mean <= 1e-6 {
        value.fault(
            format!("{} has no rate", short(written)),
            "name a trace of three or more requests at several times",
        );
        return None;
    }
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    Some(Load::Rate { per_second: 1.0 / mean, cv: (variance.sqrt() / mean).clamp(0.01, 100.0) })
}

pub(super) fn levels(value: &Value) -> Option<Levels> {
    let table = value.table("write a table [levels] with lines as in ttft_p99 = \"2 s\"")?;
    let levels = levels_of(&table);
    table.finish();
    Some(levels)
}

/// The levels among the keys of a table.
pub fn levels_of(table: &Table) -> Levels {
    const NAMES: [(Statistic, [&str; 3]); 4] = [
        (Statistic::Mean, ["ttft_mean", "tpot_mean", "e2e_mean"]),
        (Statistic::P50, ["ttft_p50", "tpot_p50", "e2e_p50"]),
        (Statistic::P90, ["ttft_p90", "tpot_p90", "e2e_p90"]),
        (Statistic::P99, ["ttft_p99", "tpot_p99", "e2e_p99"]),
    ];
    let mut levels = Levels::default();
    for (statistic, names) in NAMES {
        for (name, bounds) in names.into_iter().zip([&mut levels.ttft, &mut levels.tpot, &mut levels.e2e]) {
            let bound = table.get(name).and_then(|v| v.quantity(Seconds(1e-6), DAY));
            bounds.extend(bound.map(|bound| (statistic, bound)));
        }
    }
    levels
}

fn objective(value: &Value, traffic: Option<&Traffic>) -> Option<Objective> {
    let table = value.table("write a table [objective] with best = \"tokens per chip\"")?;
    let best = table.need("best", "write best = \"cost per token\", \"tokens per chip\", \"energy\" or \"chips\"");
    let found = best.as_ref().and_then(|v| v.choice(&OBJECTIVES));
    if let (Some(best), Some(Objective::Chips), Some(Load::Search)) = (&best, found, traffic.map(|t| &t.load)) {
        best.fault("'chips' needs a fixed load", "write load = { rate = \"20 /s\" } or { concurrency = 64 }");
    }
    table.finish();
    found
}

const BASES: [(&str, Basis); 3] = [("any", Basis::Any), ("rent", Basis::Rent), ("purchase", Basis::Purchase)];

/// What the study's table `[money]` says, and the region's figures where there is none.
pub(crate) fn money_of(value: Option<Value>, regions: &[Region]) -> Option<Money> {
    match value {
        Some(value) => value.table("write a table [money]").and_then(|table| money(Some(table), regions)),
        None => money(None, regions),
    }
}

/// What the study says of money, and the region's figures for what it does not say.
pub(crate) fn money(table: Option<Table>, regions: &[Region]) -> Option<Money> {
    let get = |key| table.as_ref().and_then(|t| t.get(key));
    let region = match get("region") {
        Some(v) => {
            let known: Vec<&str> = regions.iter().map(|r| r.id.as_str()).collect();
            systems::name_of(&v, &known, "region").map(str::to_owned)
        }
        None => Some(WORLD.to_owned()),
    };
    let basis = get("basis").map_or(Some(Basis::Any), |v| v.choice(&BASES));
    let electricity = get("electricity").map(|v| v.quantities(UsdPerKilowattHour(0.0), UsdPerKilowattHour(10.0)));
    let pue = get("pue").map(|v| v.range(|v| v.number(1.0, 5.0), f64::midpoint));
    let lifetime = get("lifetime").map(|v| v.quantities(Seconds(DAY.0 * 30.0), Seconds(DAY.0 * 365.25 * 30.0)));
    let utilisation = get("utilisation").map(|v| v.fractions(0.001, 1.0));
    if let Some(table) = table {
        table.finish();
    }
    let (region, basis) = (region?, basis?);
    let region = regions.iter().find(|r| r.id == region)?;
    let mut money = Money {
        region: region.id.clone(),
        basis,
        electricity: region.electricity.clone(),
        pue: region.pue.clone(),
        system_power: region.system_power.clone(),
        lifetime_years: region.lifetime_years.clone(),
        utilisation: region.utilisation.clone(),
    };
    if let Some(electricity) = electricity {
        money.electricity = stated("electricity", electricity?);
    }
    if let Some(pue) = pue {
        money.pue = stated("pue", pue?);
    }
    if let Some(lifetime) = lifetime {
        money.lifetime_years = stated("lifetime", lifetime?.map(|s| s.0 / 3600.0 / HOURS_OF_YEAR));
    }
    if let Some(utilisation) = utilisation {
        money.utilisation = stated("utilisation", utilisation?);
    }
    Some(money)
}

/// A fact that the study itself states.
fn stated<T>(key: &str, value: Range<T>) -> Fact<T> {
    Fact {
        value,
        kind: Kind::Assumed,
        source: "study".to_owned(),
        note: "stated by the study".to_owned(),
        path: format!("study.money.{key}"),
    }
}

pub(super) fn everything() -> SearchLimits {
    SearchLimits { aggregated: true, disaggregated: true, requests: REQUESTS, curve: CURVE }
}

pub(super) fn search(value: &Value) -> Option<SearchLimits> {
    const MODES: [(&str, bool); 2] = [("aggregated", true), ("disaggregated", false)];
    let table = value.table("write a table [search]")?;
    let mut limits = everything();
    if let Some(modes) = table.get("modes") {
        let list = modes.list("write modes = [\"aggregated\", \"disaggregated\"] or one of them");
        let list: Vec<bool> = list.unwrap_or_default().iter().filter_map(|v| v.choice(&MODES)).collect();
        limits.aggregated = list.contains(&true);
        limits.disaggregated = list.contains(&false);
        if modes.as_list().is_some_and(|l| l.is_empty()) {
            modes.fault("is empty", "write modes = [\"aggregated\", \"disaggregated\"] or one of them");
        }
    }
    if let Some(requests) = table.get("requests") {
        limits.requests = requests.count(16, 1_000_000).unwrap_or(REQUESTS);
    }
    if let Some(curve) = table.get("curve") {
        limits.curve = curve.count(0, 1_000).map_or(CURVE, |n| n as usize);
    }
    table.finish();
    Some(limits)
}
