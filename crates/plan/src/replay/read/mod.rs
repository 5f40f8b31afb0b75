//! The walk over a replay study. A section that is wrong yields `None` and the walk goes on, so that all faults are told.

mod faults;
mod pools;
mod rules;
mod traffic;

use std::path::Path;

use catalog::written::{Document, Table, Value, nearest, short};
use catalog::{Diagnostic, Model, Region};
use units::{Range, Seconds};

use super::study::{Best, Class, PoolAsked, Recovery, ReplayStudy, RuleAsked, SearchAsked};
use crate::study::sections;
use crate::study::{Basis, Levels, Library};

/// Samples over the length of the traffic, unless the study says otherwise.
const SAMPLES: u32 = 240;
/// Most of whatever is listed.
const MOST: usize = 1000;
/// Longest time that a study may write.
pub const LONGEST: Seconds = Seconds(1.5e7);

/// Reads a study from a file. Files that it names are looked for beside it.
///
/// # Errors
/// All that is wrong with the file and the files that it names.
pub fn read(path: &Path, library: Library) -> Result<ReplayStudy, Vec<Diagnostic>> {
    sections::from_file(path, |name, text, folder| check(name, text, folder, library))
}

/// Checks the text of a study.
///
/// # Errors
/// All that is wrong, in order of place.
pub fn check(name: &str, text: &str, folder: Option<&Path>, library: Library) -> Result<ReplayStudy, Vec<Diagnostic>> {
    let regions = &library.catalog.regions;
    sections::walk(name, text, |doc, root| study(doc, root, name, folder, library, regions))
}

/// Names that the study has given so far, and what they stand for.
#[derive(Debug, Default)]
pub struct Names {
    pub classes: Vec<String>,
    pub pools: Vec<String>,
    /// Models as written; the first is the study's own.
    pub models: Vec<String>,
}

impl Names {
    /// Index of a name, or a fault.
    pub fn of(list: &[String], value: &Value, noun: &str) -> Option<usize> {
        let name = value.text(&format!("name a {noun}"))?;
        let found = list.iter().position(|known| known == name);
        if found.is_none() {
            let hint = nearest(name, list.iter().map(String::as_str))
                .map_or(String::new(), |n| format!("did you mean \"{n}\"? "));
            value.fault(
                format!("there is no {noun} '{}'", short(name)),
                format!("{hint}there are: {}", list.join(", ")),
            );
        }
        found
    }
}

fn study(
    doc: &Document,
    root: Table,
    name: &str,
    folder: Option<&Path>,
    library: Library,
    regions: &[Region],
) -> Option<ReplayStudy> {
    let title = sections::title(&root, name);
    let (mut names, mut models) = (Names::default(), Vec::new());
    let own = root.get("model").map(|v| model(&v, &mut names, &mut models, folder, library));
    let classes = root.get("class").map_or_else(|| Some(vec![everybody()]), |v| classes(&v));
    names.classes = classes.iter().flatten().map(|class| class.name.clone()).collect();
    let levels = root.get("levels").map(|v| self::levels(&v));
    let money = money(root.get("money"), regions);
    let basis = money.as_ref().map_or(Basis::Any, |(money, _)| money.basis);
    let pools = root.need("pool", "write a table [[pool]] for each pool of replicas");
    let pools = pools.and_then(|v| pools::pools(&v, &mut names, &mut models, folder, library, basis));
    let sources = root.need("traffic", "write a table [traffic] with a trace or with arrivals, input and output");
    let sources = sources.and_then(|v| traffic::sources(&v, &mut names, &mut models, folder, library));
    let rules = match root.get("rule") {
        Some(value) => rules::rules(&value, &names, pools.as_deref()),
        None => pools.as_deref().map(rules::natural),
    };
    let recovery = root.get("recovery").map_or_else(|| Some(usual()), |v| recovery(&v));
    let delay = root.get("view_delay").map_or(Some(Seconds(0.0)), |v| v.quantity(Seconds(0.0), LONGEST));
    let search = match root.get("search") {
        Some(value) => search(&value, &names, rules.as_deref()).map(Some),
        None => Some(None),
    };
    let sizes = pools.as_deref().map(|pools| largest(pools, search.as_ref().and_then(Option::as_ref)));
    let faults = root
        .get("fault")
        .map_or_else(|| Some(Vec::new()), |v| faults::faults(&v, &names, pools.as_deref().zip(sizes.as_deref())));
    let samples = root.get("samples").map_or(Some(u64::from(SAMPLES)), |v| v.count(2, 4000));
    let seed = root.get("seed").map_or(Some(1), |v| v.count(0, i64::MAX as u64));
    root.finish();
    if own.is_some_and(|own| own.is_none()) || !doc.is_sound() {
        return None;
    }
    let mut classes = classes?;
    if let Some(levels) = levels {
        let (levels, promise) = levels?;
        for class in &mut classes {
            if class.levels == Levels::default() && class.promise == [None; 3] {
                (class.levels, class.promise) = (levels.clone(), promise);
            }
        }
    }
    let (money, idle_power) = money?;
    Some(ReplayStudy {
        title: title?,
        sources: sources?,
        classes,
        models,
        pools: pools?,
        rules: rules?,
        faults: faults?,
        recovery: recovery?,
        view_delay: delay?,
        search: search?,
        money,
        idle_power,
        samples: samples? as u32,
        seed: seed?,
    })
}

/// Most replicas that each pool ever has.
fn largest(pools: &[PoolAsked], search: Option<&SearchAsked>) -> Vec<u32> {
    let mut sizes: Vec<u32> = pools.iter().map(|p| p.scaling.map_or(p.replicas, |s| s.most.max(p.replicas))).collect();
    for (pool, most) in search.iter().flat_map(|search| &search.pools) {
        sizes[*pool] = sizes[*pool].max(*most);
    }
    sizes
}

/// A model by name, once: its index.
pub fn model(
    value: &Value,
    names: &mut Names,
    models: &mut Vec<Model>,
    folder: Option<&Path>,
    library: Library,
) -> Option<u16> {
    let name = value.text("name a built-in model or a folder with a config.json")?;
    if let Some(known) = names.models.iter().position(|other| other == name) {
        return Some(known as u16);
    }
    let model = sections::model(value, folder, library)?;
    names.models.push(name.to_owned());
    models.push(model);
    Some((models.len() - 1) as u16)
}

/// One value or a list of them, as a list of tables.
pub fn tables<'d, 't>(value: &Value<'d, 't>, remedy: &str) -> Option<Vec<Table<'d, 't>>> {
    let Some(list) = value.as_list() else { return value.table(remedy).map(|table| vec![table]) };
    if list.is_empty() || list.len() > MOST {
        value.fault(format!("lists {}", list.len()), format!("give 1 to {MOST}"));
        return None;
    }
    list.iter().map(|item| item.table(remedy)).collect()
}

fn everybody() -> Class {
    Class { name: "all".into(), priority: 0, promise: [None; 3], levels: Levels::default() }
}

fn classes(value: &Value) -> Option<Vec<Class>> {
    let mut classes = Vec::new();
    for table in tables(value, "write a table [[class]] with a name")? {
        let name = table.need("name", "name the class").and_then(|v| v.text("name the class").map(str::to_owned));
        let priority = table.get("priority").map_or(Some(0), |v| v.count(0, 255));
        let promise = promise(&table);
        let levels = sections::levels_of(&table);
        table.finish();
        let (name, priority, promise) = (name?, priority? as u8, promise?);
        if classes.iter().any(|class: &Class| class.name == name) {
            value.fault(format!("names the class '{}' twice", short(&name)), "give each a name of its own");
            return None;
        }
        classes.push(Class { name, priority, promise, levels });
    }
    Some(classes)
}

/// What each single request is promised.
fn promise(table: &Table) -> Option<[Option<f64>; 3]> {
    let mut promise = [None; 3];
    let mut sound = true;
    for (slot, key) in promise.iter_mut().zip(["ttft", "tpot", "e2e"]) {
        if let Some(value) = table.get(key) {
            *slot = value.quantity(Seconds(1e-6), LONGEST).map(|s| s.0);
            sound &= slot.is_some();
        }
    }
    sound.then_some(promise)
}

fn levels(value: &Value) -> Option<(Levels, [Option<f64>; 3])> {
    let table = value.table("write a table [levels] with lines as in ttft = \"2 s\" or ttft_p99 = \"5 s\"")?;
    let promise = promise(&table);
    let levels = sections::levels_of(&table);
    table.finish();
    Some((levels, promise?))
}

/// Prices, and the power of an idle system over that of a busy one. The clock of the replay says what is idle, so nothing
/// is written off for idle hours.
fn money(value: Option<Value>, regions: &[Region]) -> Option<(crate::study::Money, Option<f64>)> {
    let Some(value) = value else {
        let mut money = sections::money(None, regions)?;
        money.utilisation.value = Range::exact(1.0);
        return Some((money, None));
    };
    let table = value.table("write a table [money]")?;
    let idle = table.get("idle_power").map_or(Some(None), |v| v.fraction(0.0, 1.0).map(Some));
    let mut money = sections::money(Some(table), regions)?;
    money.utilisation.value = Range::exact(1.0);
    Some((money, idle?))
}

fn usual() -> Recovery {
    Recovery { retries: 3, resumes: false, notice: Seconds(0.0) }
}

fn recovery(value: &Value) -> Option<Recovery> {
    let table = value.table("write a table [recovery]")?;
    let retries = table.get("retries").map_or(Some(3), |v| v.count(0, 1000));
    let resumes = table.get("resumes").map_or(Some(false), |v| v.truth());
    let notice = table.get("notice").map_or(Some(Seconds(0.0)), |v| v.quantity(Seconds(0.0), LONGEST));
    table.finish();
    Some(Recovery { retries: retries? as u32, resumes: resumes?, notice: notice? })
}

fn search(value: &Value, names: &Names, rules: Option<&[RuleAsked]>) -> Option<SearchAsked> {
    const BEST: [(&str, Best); 2] = [("chips", Best::Chips), ("cost", Best::Cost)];
    let table = value.table("write a table [search] with best = \"cost\" and pools = [..]")?;
    let best = table.need("best", "write best = \"chips\" or \"cost\"").and_then(|v| v.choice(&BEST));
    let goodput = table.get("goodput").map_or(Some(0.99), |v| v.fraction(0.0, 1.0));
    let most = table.get("most").map_or(Some(64), |v| v.count(1, 100_000));
    let pools = table.need("pools", "list the pools whose size is looked for");
    let pools = pools
        .and_then(|v| v.list("list the names of pools"))
        .map(|list| list.iter().filter_map(|v| Names::of(&names.pools, v, "pool")).collect::<Vec<usize>>());
    let split = table.get("split").map_or(Some(Vec::new()), |v| {
        let list = v.list("list prompt tokens to try, as in [2000, 8000]")?;
        list.iter().map(|v| v.count(1, u64::from(u32::MAX)).map(|n| n as u32)).collect()
    });
    if let (Some(split), Some(v)) = (&split, table.get("split")) {
        if split.len() > 64 {
            v.fault(format!("lists {}", split.len()), "give at most 64");
        }
        if rules.is_some_and(|rules| rules.len() < 2) {
            v.fault("is the border between the first two rules, and there are not two", "write two tables [[rule]]");
        }
    }
    if pools.as_ref().is_some_and(Vec::is_empty) {
        table.fault("looks for the size of no pool", "name at least one pool");
    }
    table.finish();
    let most = most? as u32;
    let pools = pools?.into_iter().map(|pool| (pool, most)).collect();
    Some(SearchAsked { best: best?, pools, split: split?, goodput: goodput? })
}
