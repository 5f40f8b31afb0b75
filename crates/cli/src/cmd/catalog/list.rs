//! `steelyard catalog list`.

use catalog::{Arithmetic, Catalog, Chip, ChipSpec, Fact, Listed, System, SystemSpec};
use serde_json::{Value, json};
use units::Quantity;

use super::table;
use crate::lang::{Lang, Msg};

/// Tables of chips and systems.
pub fn text(catalog: &Catalog, chips: bool, systems: bool, width: Option<u16>, lang: Lang) -> String {
    let mut text = String::new();
    if chips {
        let header = ["chip", "name", "class", "memory", "bandwidth", "BF16", "FP8", "FP4", "lacks"];
        let mut table = table(&header, width, lang);
        for chip in catalog.chips() {
            table.add_row(chip_row(chip));
        }
        text += &format!("{}\n\n", table.trim_fmt());
    }
    if systems {
        let mut table = table(&["system", "name", "count", "scale-up", "scale-out", "power", "lacks"], width, lang);
        for system in catalog.systems() {
            table.add_row(system_row(system));
        }
        text += &format!("{}\n\n", table.trim_fmt());
    }
    text += &format!("{}\n{}\n", summary(catalog, lang), Msg::CatalogDiffer.text(lang));
    text
}

/// How much there is, and how much of it can be run.
pub fn summary(catalog: &Catalog, lang: Lang) -> String {
    let chips = catalog.chips().count();
    let ready_chips = catalog.chips().filter(|c| c.checked.is_ok()).count();
    let systems = catalog.systems().count();
    let ready_systems = catalog.systems().filter(|s| s.checked.is_ok()).count();
    let count = |n: usize| n.to_string();
    Msg::CatalogSum.fill(
        lang,
        &[
            ("chips", &count(chips)),
            ("ready_chips", &count(ready_chips)),
            ("systems", &count(systems)),
            ("ready_systems", &count(ready_systems)),
            ("sources", &count(catalog.sources.len())),
        ],
    )
}

fn chip_row(listed: &Listed<ChipSpec, Chip>) -> Vec<String> {
    let spec = &listed.spec;
    let peak = |a: Arithmetic| spec.peak.get(&a);
    let sixteen = peak(Arithmetic::Bf16).or(peak(Arithmetic::Fp16));
    let eight = peak(Arithmetic::Fp8).or(peak(Arithmetic::Mxfp8));
    vec![
        spec.id.clone(),
        spec.name.clone().unwrap_or_default(),
        spec.class.map(|c| c.name().to_owned()).unwrap_or_default(),
        short(spec.memory.as_ref()),
        short(spec.bandwidth.as_ref()),
        short(sixteen),
        short(eight),
        short(peak(Arithmetic::Fp4)),
        lacks(&spec.id, "chips", &listed.checked),
    ]
}

fn system_row(listed: &Listed<SystemSpec, System>) -> Vec<String> {
    let spec = &listed.spec;
    let chip = spec.chip.as_deref().unwrap_or_default();
    let tier = |n: Option<usize>| {
        let Some(tier) = n.and_then(|n| spec.tiers.get(n)) else { return String::new() };
        format!("{} {}: {}", tier.chips, tier.name, short(tier.bandwidth.as_ref()))
    };
    // Scale-up ends at the last tier within the system; what reaches further is scale-out.
    let within = spec.tiers.iter().rposition(|t| t.chips <= spec.chips.unwrap_or(u32::MAX)).or(Some(0));
    vec![
        spec.id.clone(),
        spec.name.clone().unwrap_or_default(),
        format!("{} x {chip}", spec.chips.unwrap_or_default()),
        tier(within),
        tier(within.map(|n| n + 1)),
        short(spec.power.as_ref()),
        lacks(&spec.id, "systems", &listed.checked),
    ]
}

/// The value, marked where sources differ.
fn short<T: Quantity>(fact: Option<&Fact<T>>) -> String {
    match fact {
        None => String::new(),
        Some(fact) if fact.value.is_exact() => fact.mid().to_string(),
        Some(fact) => format!("{} ~", fact.mid()),
    }
}

/// What is missing; paths within the thing itself are shortened.
fn lacks<T>(id: &str, folder: &str, checked: &Result<T, Vec<String>>) -> String {
    let own = format!("{folder}/{id}.");
    let short = |path: &String| path.strip_prefix(&own).unwrap_or(path).to_owned();
    checked.as_ref().err().map(|m| m.iter().map(short).collect::<Vec<_>>().join(", ")).unwrap_or_default()
}

/// The same as JSON: ids, names, completeness.
pub fn json(catalog: &Catalog, chips: bool, systems: bool) -> String {
    let none: &[String] = &[];
    let chip = |c: &Listed<ChipSpec, Chip>| {
        let missing = c.checked.as_ref().err().map_or(none, Vec::as_slice);
        json!({
            "id": c.spec.id, "name": c.spec.name, "vendor": c.spec.vendor, "class": c.spec.class.map(|k| k.name()),
            "architecture": c.spec.architecture, "complete": c.checked.is_ok(), "missing": missing,
        })
    };
    let system = |s: &Listed<SystemSpec, System>| {
        let missing = s.checked.as_ref().err().map_or(none, Vec::as_slice);
        json!({
            "id": s.spec.id, "name": s.spec.name, "chip": s.spec.chip, "chips": s.spec.chips,
            "complete": s.checked.is_ok(), "missing": missing,
        })
    };
    let mut all = serde_json::Map::new();
    if chips {
        all.insert("chips".to_owned(), catalog.chips().map(chip).collect::<Vec<Value>>().into());
    }
    if systems {
        all.insert("systems".to_owned(), catalog.systems().map(system).collect::<Vec<Value>>().into());
    }
    format!("{:#}", Value::Object(all))
}
