//! `steelyard catalog show NAME`.

use std::collections::{BTreeMap, BTreeSet};

use catalog::faults::{Faults, FaultsSpec, Seen};
use catalog::{
    Catalog, Chip, ChipSpec, Entry, Fact, Listed, LookupError, Policy, Price, System, SystemSpec, TierShape,
};
use serde_json::{Value, json};
use units::Quantity;

use super::table;
use crate::lang::{Lang, Msg, term};

/// What a name means: a chip, a system, or both ("GB200"); or a file of faults.
pub struct Things<'c> {
    chip: Option<&'c Listed<ChipSpec, Chip>>,
    system: Option<&'c Listed<SystemSpec, System>>,
    faults: Option<&'c Listed<FaultsSpec, Faults>>,
}

/// Finds what `name` means.
///
/// # Errors
/// It means nothing.
pub fn find<'c>(catalog: &'c Catalog, name: &str) -> Result<Things<'c>, LookupError> {
    if let Some(faults) = catalog.all_faults().find(|f| f.spec.id == name) {
        return Ok(Things { chip: None, system: None, faults: Some(faults) });
    }
    let (chip, system) = (catalog.listed_chip(name), catalog.listed_system(name));
    match (chip, system) {
        (Err(LookupError::Unknown { near: None, .. }), Err(error)) | (Err(error), Err(_)) => Err(error),
        (chip, system) => Ok(Things { chip: chip.ok(), system: system.ok(), faults: None }),
    }
}

/// One thing to be shown.
struct Thing<'c> {
    what: &'static str,
    id: &'c str,
    name: Option<&'c str>,
    lines: Vec<(&'c str, String)>,
    entries: &'c [Entry],
    missing: &'c [String],
    price: Price,
    policies: Vec<&'c Policy>,
}

fn things<'c>(catalog: &'c Catalog, found: &Things<'c>) -> Vec<Thing<'c>> {
    let about = |about: &'c BTreeMap<String, String>| about.iter().map(|(k, v)| (k.as_str(), v.clone()));
    let mut things = Vec::new();
    if let Some(listed) = found.chip {
        let spec = &listed.spec;
        let mut lines = vec![
            ("vendor", spec.vendor.clone().unwrap_or_default()),
            ("class", spec.class.map(|c| c.name().to_owned()).unwrap_or_default()),
            ("architecture", spec.architecture.clone().unwrap_or_default()),
            ("devices", spec.devices.unwrap_or(1).to_string()),
        ];
        lines.extend(about(&spec.about));
        lines.push(("also", spec.aliases.join(", ")));
        things.push(Thing {
            what: "chip",
            id: &spec.id,
            name: spec.name.as_deref(),
            lines,
            entries: &spec.entries,
            missing: listed.checked.as_ref().err().map_or(&[], Vec::as_slice),
            price: catalog.price_of_chip(&spec.id).unwrap_or_default(),
            policies: catalog.policies_of(&spec.id),
        });
    }
    if let Some(listed) = found.system {
        let spec = &listed.spec;
        let mut lines = vec![("chip", spec.chip.clone().unwrap_or_default())];
        lines.extend(about(&spec.about));
        for (index, tier) in spec.tiers.iter().enumerate() {
            let reduces = if tier.in_network_reduction { ", adds in the network" } else { "" };
            let shape = format!("{} chips, {}, {}{reduces}", tier.chips, shape(&tier.shape), tier.medium);
            lines.push(("tier", format!("[{index}] {}: {shape}", tier.name)));
        }
        lines.push(("also", spec.aliases.join(", ")));
        if let Ok(faults) = listed.checked.as_ref().map_err(|_| ()).and_then(|s| catalog.faults_of(s).map_err(|_| ())) {
            lines.push(("faults", faults.id.clone()));
        }
        things.push(Thing {
            what: "system",
            id: &spec.id,
            name: spec.name.as_deref(),
            lines,
            entries: &spec.entries,
            missing: listed.checked.as_ref().err().map_or(&[], Vec::as_slice),
            price: catalog.price_of_system(&spec.id).unwrap_or_default(),
            policies: Vec::new(),
        });
    }
    if let Some(listed) = found.faults {
        let spec = &listed.spec;
        let fleets = spec.kinds.iter().flat_map(|k| k.seen.iter().map(|s| (k.name.as_str(), s)));
        let own = format!("faults/{}.", spec.id);
        let seen = |(kind, seen): (&str, &Seen)| {
            let path = seen.rate.path.strip_prefix(&own).unwrap_or(&seen.rate.path);
            ("counted", format!("{path}: {kind}, {}", seen.fleet))
        };
        things.push(Thing {
            what: "faults",
            id: &spec.id,
            name: spec.name.as_deref(),
            lines: fleets.map(seen).collect(),
            entries: &spec.entries,
            missing: listed.checked.as_ref().err().map_or(&[], Vec::as_slice),
            price: Price::default(),
            policies: Vec::new(),
        });
    }
    things
}

/// Every fact, then the sources.
pub fn text(catalog: &Catalog, found: &Things<'_>, width: Option<u16>, lang: Lang) -> String {
    let mut text = String::new();
    let mut sources = BTreeSet::new();
    for thing in things(catalog, found) {
        text += &format!("{} ({} {})\n", thing.name.unwrap_or(thing.id), term(thing.what, lang), thing.id);
        for (key, value) in thing.lines.iter().filter(|(_, v)| !v.is_empty()) {
            text += &format!("  {}{}{value}\n", term(key, lang), lang.colon());
        }
        for path in thing.missing {
            text += &format!("  {} {path}\n", term("lacks", lang));
        }
        let mut facts = table(&["fact", "value", "sources say", "kind", "source", "note"], width, lang);
        let prices = price_entries(&thing.price);
        for entry in thing.entries.iter().chain(&prices) {
            sources.insert(entry.source.as_str().to_owned());
            let range = entry.range.as_ref().map(|(low, high)| format!("{low} to {high}")).unwrap_or_default();
            let kind = term(entry.kind.name(), lang);
            facts.add_row([&entry.path, &entry.value, &range, kind, &entry.source, &entry.note]);
        }
        text += &format!("{}\n", facts.trim_fmt());
        for policy in &thing.policies {
            text += &format!("  {} {}: {} ({})\n", policy.date, policy.side, policy.what, policy.status);
            sources.insert(policy.source.clone());
        }
        text.push('\n');
    }
    text += &format!("{}\n", Msg::Sources.text(lang));
    for key in &sources {
        let Some(source) = catalog.sources.get(key) else { continue };
        let url = if source.url.is_empty() { String::new() } else { format!(" {}", source.url) };
        text +=
            &format!("  {key}: {}, {}, {} ({}){url}\n", source.title, source.publisher, source.date, source.retrieval);
    }
    text
}

fn shape(shape: &TierShape) -> String {
    match shape {
        TierShape::Switch => "switch".to_owned(),
        TierShape::Mesh => "mesh".to_owned(),
        TierShape::Torus { dims } => {
            format!("torus {}", dims.iter().map(u32::to_string).collect::<Vec<_>>().join(" x "))
        }
        TierShape::Clos { oversubscription_percent: 100 } => "Clos".to_owned(),
        TierShape::Clos { oversubscription_percent: p } => format!("Clos, {} : 1", f64::from(*p) / 100.0),
    }
}

fn price_entries(price: &Price) -> Vec<Entry> {
    let share = if price.whole_system { "price.share_of_system" } else { "price.chip" };
    let rent = price.rent.as_ref().map(|fact| entry("price.rent", fact));
    rent.into_iter().chain(price.purchase.as_ref().map(|fact| entry(share, fact))).collect()
}

fn entry<T: Quantity>(path: &str, fact: &Fact<T>) -> Entry {
    let range = (!fact.value.is_exact()).then(|| (fact.value.low.to_string(), fact.value.high.to_string()));
    Entry {
        path: path.to_owned(),
        value: fact.mid().to_string(),
        range,
        kind: fact.kind,
        source: fact.source.clone(),
        note: fact.note.clone(),
    }
}

/// The same as JSON.
pub fn json(catalog: &Catalog, found: &Things<'_>) -> String {
    let fact = |e: &Entry| {
        let source = catalog.sources.get(&e.source);
        json!({
            "path": e.path, "value": e.value, "low": e.range.as_ref().map(|r| &r.0),
            "high": e.range.as_ref().map(|r| &r.1), "kind": e.kind.name(), "source": e.source,
            "title": source.map(|s| &s.title), "date": source.map(|s| &s.date), "url": source.map(|s| &s.url),
            "note": e.note,
        })
    };
    let thing = |t: &Thing| {
        let facts: Vec<Value> = t.entries.iter().chain(&price_entries(&t.price)).map(fact).collect();
        let policies: Vec<&str> = t.policies.iter().map(|p| p.id.as_str()).collect();
        json!({
            "what": t.what, "id": t.id, "name": t.name, "missing": t.missing, "facts": facts, "policies": policies,
        })
    };
    format!("{:#}", Value::from(things(catalog, found).iter().map(thing).collect::<Vec<Value>>()))
}
