//! Pools of replicas.

use std::path::Path;

use catalog::engine::{GENERIC, Steps, engines_for};
use catalog::written::{Table, Value, short};
use catalog::{Engine, Model, System};
use cost::deploy::Parallel;
use sim::{ExpertLoad, Routing, Scaling};
use units::{Bytes, BytesPerSecond, Seconds};

use super::{LONGEST, Names, model, rules, tables};
use crate::replay::study::{FfnAsked, PoolAsked, RoleAsked};
use crate::study::{Basis, Library, prices, sections, systems};

const MOST_REPLICAS: u64 = 100_000;

/// All pools. Their names are known before any is read, since they refer to each other.
pub fn pools(
    value: &Value,
    names: &mut Names,
    models: &mut Vec<Model>,
    folder: Option<&Path>,
    library: Library,
    basis: Basis,
) -> Option<Vec<PoolAsked>> {
    let list = tables(value, "write a table [[pool]] with a name, a system and replicas")?;
    for (number, table) in list.iter().enumerate() {
        let name =
            table.get("name").map_or(Some(format!("pool {}", number + 1)), |v| v.text("name the pool").map(short))?;
        if names.pools.contains(&name) {
            value.fault(format!("names the pool '{name}' twice"), "give each a name of its own");
            return None;
        }
        names.pools.push(name);
    }
    let mut found = Vec::new();
    for (number, table) in list.into_iter().enumerate() {
        found.push(pool(table, number, names, models, folder, library, basis));
    }
    let found: Vec<PoolAsked> = found.into_iter().collect::<Option<_>>()?;
    for pool in &found {
        if let RoleAsked::Prefill { to, .. } = &pool.role
            && let Some(other) =
                to.iter().find(|to| found[**to].role != RoleAsked::Decode || found[**to].model != pool.model)
        {
            let message =
                format!("{} hands over to {}, which does not decode that model", pool.name, found[*other].name);
            value.fault(message, "give that pool role = \"decode\" and the same model");
        }
    }
    Some(found)
}

fn pool(
    table: Table,
    number: usize,
    names: &mut Names,
    models: &mut Vec<Model>,
    folder: Option<&Path>,
    library: Library,
    basis: Basis,
) -> Option<PoolAsked> {
    let name = names.pools[number].clone();
    let _ = table.get("name");
    let model = match table.get("model") {
        Some(value) => model(&value, names, models, folder, library),
        None if models.is_empty() => {
            table.fault("serves no model", "write model = \"llama-3.1-8b\" here or at the top");
            None
        }
        None => Some(0),
    };
    let listed = table.need("system", "name a system of the catalog");
    let listed = listed.and_then(|v| Some((systems::system(&v, library)?, v)));
    let chips = table.need("chips", "write the chips of one replica").and_then(|v| v.count(1, 1_000_000));
    let system = listed.as_ref().zip(chips).and_then(|((listed, value), chips)| {
        let system = listed.checked.as_ref().map_err(|missing| {
            value.fault(format!("lacks facts: {}", missing.join(", ")), "'steelyard catalog show' tells what is known");
        });
        fitting(value, system.ok()?, chips as u32)
    });
    let engine = engine(table.get("engine"), system.as_ref());
    let scheme = |key| table.get(key).map_or(Some(None), |v| sections::scheme(&v));
    let (weights, kv) = (scheme("weights"), scheme("kv"));
    let parallel = table.get("split").map_or(Some(None), |v| split(&v).map(Some));
    let count = |key, most| table.get(key).map_or(Some(None), |v| v.count(1, most).map(|n| Some(n as u32)));
    let (max_seqs, tokens) = (count("max_seqs", 1 << 20), count("max_batched_tokens", 1 << 24));
    let replicas = table.get("replicas").map_or(Some(1), |v| v.count(1, MOST_REPLICAS));
    let mtp = table.get("mtp_accepted").map_or(Some(Vec::new()), |v| accepted(&v, &names.classes));
    let ffn = table.get("ffn").map_or(Some(None), |v| ffn(&v).map(Some));
    let steps = table.get("steps").map_or(Some(None), |v| v.choice(&Steps::ALL).map(Some));
    let role = role(&table, names);
    let prefix_cache = table.get("prefix_cache").map_or(Some(false), |v| v.truth());
    let tier = |key| table.get(key).map_or(Some(None), |v| tier(&v).map(Some));
    let (host, disk) = (tier("host_cache"), tier("disk_cache"));
    let swap = table.get("swap").map_or(Some(false), |v| v.truth());
    if let (Some(true), Some(None)) = (swap, host) {
        table.fault("swaps to no memory", "write host_cache = { size = \"256 GB\", bandwidth = \"40 GB/s\" }");
    }
    let experts = table.get("experts").map_or(Some(None), |v| experts(&v).map(Some));
    let scaling = table.get("scaling").map_or(Some(None), |v| scaling(&v).map(Some));
    let startup = table.get("startup").map_or(Some(Seconds(0.0)), |v| v.quantity(Seconds(0.0), LONGEST));
    let spares = table.get("spares").map_or(Some(0), |v| v.count(0, MOST_REPLICAS));
    let price = table.get("price").map_or(Some(None), |v| prices::written(&v).map(Some));
    table.finish();
    let (system, mut replicas) = (system?, replicas? as u32);
    let scaling = scaling?;
    if let Some(scaling) = &scaling {
        replicas = replicas.clamp(scaling.least, scaling.most);
    }
    let listed = listed?.0;
    let own = listed.checked.as_ref().ok()?;
    let node = own.fabric.tiers.first().map_or(1, |tier| tier.chips).max(1);
    let price = price?.map(prices::stated).or_else(|| prices::known(library.catalog, &listed.spec.id, basis));
    Some(PoolAsked {
        name,
        model: model?,
        system,
        chips: chips? as u32,
        domains: (node, own.chips.max(node)),
        engine: engine?,
        formats: (weights?, kv?),
        parallel: parallel?,
        ffn: ffn?,
        mtp_accepted: mtp?,
        steps: steps?,
        max_seqs: max_seqs?,
        max_batched_tokens: tokens?,
        replicas,
        role: role?,
        prefix_cache: prefix_cache?,
        tiers: [host?, disk?],
        swap: swap?,
        experts: experts?,
        scaling,
        startup: startup?,
        spares: spares? as u32,
        price,
    })
}

/// The system, large enough for a replica.
fn fitting(value: &Value, system: &System, chips: u32) -> Option<System> {
    if chips <= system.chips {
        return Some(system.clone());
    }
    let found = system.with_chips(chips);
    if found.is_none() {
        let message = format!("{} does not come with {chips} chips", system.name);
        value.fault(message, format!("1 to {} can be joined", system.most_chips()));
    }
    found
}

/// The engine as written, or the first that runs on the chip.
fn engine(value: Option<Value>, system: Option<&System>) -> Option<Engine> {
    let able = system.map_or(Vec::new(), |s| engines_for(&s.chip.architecture).unwrap_or_default());
    let Some(value) = value else {
        return able.into_iter().next().or_else(|| Engine::load(GENERIC).ok());
    };
    let name = systems::name_of(&value, &Engine::names(), "engine")?;
    let engine = Engine::load(name).ok()?;
    if let Some(system) = system
        && name != GENERIC
        && !able.iter().any(|e| e.id == engine.family)
    {
        let able = able.into_iter().map(|e| e.id).collect::<Vec<_>>().join(", ");
        value.fault(format!("{name} does not run on {}", system.chip.name), format!("these do: {able}"));
    }
    Some(engine)
}

fn split(value: &Value) -> Option<Parallel> {
    let table = value.table("write { tp = 8 }, { tp = 1, dp = 32, ep = 32 }")?;
    let degree = |key| table.get(key).map_or(Some(1), |v| v.count(1, 1 << 20).map(|n| n as u32));
    let (tp, pp, dp, ep) = (degree("tp"), degree("pp"), degree("dp"), degree("ep"));
    table.finish();
    let (tp, pp, dp, ep) = (tp?, pp?, dp?, ep?);
    if tp.checked_mul(dp).is_none_or(|stage| stage % ep != 0) {
        value.fault(format!("spreads experts over {ep} of {tp} x {dp} devices"), "write an ep that divides tp x dp");
        return None;
    }
    Some(Parallel { tp, pp, dp, ep, moe_tp: tp * dp / ep })
}

/// Accepted drafts: of all classes, or of each.
fn accepted(value: &Value, classes: &[String]) -> Option<Vec<f64>> {
    const MOST: f64 = 16.0;
    let Some(table) = value.as_table() else {
        return value.number(0.0, MOST).map(|accepted| vec![accepted; classes.len()]);
    };
    let mut all = vec![None; classes.len()];
    for (name, value) in table.entries() {
        match classes.iter().position(|class| class == name) {
            Some(class) => all[class] = Some(value.number(0.0, MOST)?),
            None => {
                value.fault(
                    format!("there is no class '{}'", short(name)),
                    format!("there are: {}", classes.join(", ")),
                );
                return None;
            }
        }
    }
    if let Some(class) = all.iter().position(Option::is_none) {
        let remedy = "write the drafts accepted per step for each class";
        table.fault(format!("says nothing of the class {}", classes[class]), remedy);
    }
    all.into_iter().collect()
}

fn ffn(value: &Value) -> Option<FfnAsked> {
    let table = value.table("write { chips = 8, micro_batches = 3 }")?;
    let chips = table.need("chips", "write the chips of the feed-forward layers").and_then(|v| v.count(1, 1_000_000));
    let turns = table.get("micro_batches").map_or(Some(3), |v| v.count(1, 64));
    table.finish();
    Some(FfnAsked { chips: chips? as u32, micro_batches: turns? as u32 })
}

fn role(table: &Table, names: &Names) -> Option<RoleAsked> {
    #[derive(Clone, Copy, PartialEq)]
    enum Kind {
        Whole,
        Prefill,
        Decode,
    }
    const KINDS: [(&str, Kind); 3] = [("whole", Kind::Whole), ("prefill", Kind::Prefill), ("decode", Kind::Decode)];
    let kind = table.get("role").map_or(Some(Kind::Whole), |v| v.choice(&KINDS));
    let (to, link, trunk, routing) =
        (table.get("to"), table.get("link"), table.get("transfers"), table.get("handover"));
    if kind != Some(Kind::Prefill) {
        for value in [to, link, trunk, routing].into_iter().flatten() {
            value.fault("goes with role = \"prefill\"", "leave it out");
        }
        return kind.map(|kind| if kind == Kind::Decode { RoleAsked::Decode } else { RoleAsked::Whole });
    }
    let Some(to) = to else {
        table.fault("hands over to no pool", "write to = [\"decode\"]");
        return None;
    };
    let list = to.list("list the pools that decode")?;
    let list: Vec<usize> = list.iter().filter_map(|v| Names::of(&names.pools, v, "pool")).collect();
    if list.is_empty() {
        to.fault("names no pool", "write to = [\"decode\"]");
    }
    let link = link.map_or(Some(None), |v| {
        let table = v.table("write { bandwidth = \"50 GB/s\", latency = \"20 us\" }")?;
        let bandwidth = table.need("bandwidth", "write bandwidth = \"50 GB/s\"");
        let bandwidth = bandwidth.and_then(|v| v.quantity(BytesPerSecond(1e3), BytesPerSecond(1e15)));
        let latency = table.get("latency").map_or(Some(Seconds(0.0)), |v| v.quantity(Seconds(0.0), LONGEST));
        table.finish();
        Some(Some((bandwidth?.0, latency?.0)))
    });
    let trunk = trunk.map_or(Some(0), |v| v.count(0, 1_000_000));
    let routing = routing.map_or(Some(Routing::LeastOutstanding), |v| rules::routing(&v));
    Some(RoleAsked::Prefill { to: list, routing: routing?, link: link?, trunk: trunk? as u32 })
}

fn tier(value: &Value) -> Option<(f64, f64)> {
    let table = value.table("write { size = \"256 GB\", bandwidth = \"40 GB/s\" }")?;
    let size = table.need("size", "write size = \"256 GB\"").and_then(|v| v.quantity(Bytes(0.0), Bytes(1e18)));
    let bandwidth = table.need("bandwidth", "write bandwidth = \"40 GB/s\"");
    let bandwidth = bandwidth.and_then(|v| v.quantity(BytesPerSecond(1e3), BytesPerSecond(1e15)));
    table.finish();
    Some((size?.0, bandwidth?.0))
}

fn experts(value: &Value) -> Option<ExpertLoad> {
    let table = value.table("write { every = 16, spread = 0.1, drift = 0.01, rebalance = 100, pause = \"1 s\" }")?;
    let every = table.get("every").map_or(Some(1), |v| v.count(1, 1 << 30));
    let share = |key| table.get(key).map_or(Some(0.0), |v: Value| v.fraction(0.0, 10.0));
    let (spread, drift) = (share("spread"), share("drift"));
    let rebalance = table.get("rebalance").map_or(Some(0), |v| v.count(0, 1 << 30));
    let pause = table.get("pause").map_or(Some(Seconds(0.0)), |v| v.quantity(Seconds(0.0), Seconds(1e5)));
    table.finish();
    Some(ExpertLoad { every: every?, spread: spread?, drift: drift?, rebalance: rebalance?, pause: pause? })
}

fn scaling(value: &Value) -> Option<Scaling> {
    let table = value.table("write { least = 1, most = 8, target = 64, every = \"30 s\" }")?;
    let least = table.get("least").map_or(Some(1), |v| v.count(1, MOST_REPLICAS));
    let most = table.need("most", "write the most replicas").and_then(|v| v.count(1, MOST_REPLICAS));
    let target = table.need("target", "write requests under way for one replica").and_then(|v| v.number(1e-3, 1e9));
    let every = table.get("every").map_or(Some(Seconds(30.0)), |v| v.quantity(Seconds(1e-2), Seconds(1e6)));
    let patience = table.get("patience").map_or(Some(3), |v| v.count(0, 1_000_000));
    table.finish();
    let (least, most) = (least? as u32, most? as u32);
    if least > most {
        value.fault(format!("least {least} is above most {most}"), "write the fewer first");
        return None;
    }
    Some(Scaling { least, most, target: target?, every: every?, patience: patience? as u32 })
}
