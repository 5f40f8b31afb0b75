//! What recovery means after a fault: its steps, as the catalog has them.

use catalog::{Catalog, System};
use fabric::estimate::RemedyKind;
use fabric::recovery::{Recovery, recovery};
use serde_json::{Value, json};

use crate::lang::goodput::span;
use crate::lang::number::{NONE, percent, thousands};
use crate::lang::{Msg, term};
use crate::table::{self, Align, View};

/// Ways back of the remedies that there are, each once; or the fact that is missing.
pub fn of(
    catalog: &Catalog,
    system: &System,
    remedies: &[RemedyKind],
) -> Result<Vec<(Vec<RemedyKind>, Recovery)>, String> {
    let faults = catalog.faults_of(system).map_err(|e| e.to_string())?;
    let mut ways: Vec<(Vec<RemedyKind>, Recovery)> = Vec::new();
    for &remedy in remedies {
        let found = recovery(faults, remedy)?;
        match ways.iter_mut().find(|(_, known)| *known == found) {
            Some((kinds, _)) => kinds.push(remedy),
            None => ways.push((vec![remedy], found)),
        }
    }
    Ok(ways)
}

/// The steps of each way as tables.
pub fn text(ways: &[(Vec<RemedyKind>, Recovery)], view: View) -> String {
    ways.iter().map(|(kinds, way)| one(kinds, way, view)).collect()
}

fn one(kinds: &[RemedyKind], way: &Recovery, view: View) -> String {
    let lang = view.lang;
    let names: Vec<&str> = kinds.iter().map(|&k| super::collective::remedy_name(k, lang)).collect();
    let title = Msg::FabricRecovery.fill(lang, &[("remedy", &names.join(lang.comma()))]);
    let header = [
        (Msg::FabricStep, Align::Left),
        (Msg::FabricStepTime, Align::Right),
        (Msg::FabricStepRange, Align::Right),
        (Msg::FabricStepChance, Align::Right),
        (Msg::FabricStepBasis, Align::Left),
    ];
    let header: Vec<(String, Align)> = header.iter().map(|(m, a)| (m.text(lang).to_owned(), *a)).collect();
    // Minutes and hours read as such; what is below a minute as other times.
    let time = |s: f64| span(s, lang);
    let range =
        |[_, low, high]: [f64; 3]| if low < high { format!("{}–{}", time(low), time(high)) } else { NONE.to_owned() };
    let mut rows: Vec<Vec<String>> = Vec::new();
    for step in &way.steps {
        let chance = if step.chance < 1.0 { percent(step.chance) } else { Msg::FabricAlways.text(lang).to_owned() };
        let (usual, span, basis) = match (step.seconds, step.kind) {
            (Some(seconds), kind) => {
                let kind = kind.map_or("", |k| term(k.name(), lang));
                (time(seconds[0]), range(seconds), format!("{kind}{}{}", lang.colon(), step.source))
            }
            (None, _) => (NONE.to_owned(), NONE.to_owned(), Msg::FabricReload.text(lang).to_owned()),
        };
        rows.push(vec![term(&step.name, lang).to_owned(), usual, span, chance, basis]);
    }
    let unit = thousands(way.unit);
    let sum =
        [("time", time(way.seconds[0])), ("low", time(way.seconds[1])), ("high", time(way.seconds[2])), ("unit", unit)];
    let arguments: Vec<(&str, &str)> = sum.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let message = if way.reload { Msg::FabricRecoverySumReload } else { Msg::FabricRecoverySum };
    table::heading(&title, view)
        + &table::grid(&header, &rows, false, view)
        + &table::paragraph(&message.fill(lang, &arguments), 0, view)
}

/// The same for programs; under each way the remedies that take it.
pub fn json(ways: &[(Vec<RemedyKind>, Recovery)]) -> Value {
    let step = |s: &fabric::recovery::Step| {
        json!({ "step": s.name, "seconds": s.seconds.map(|t| t[0]), "low": s.seconds.map(|t| t[1]),
                "high": s.seconds.map(|t| t[2]), "chance": s.chance, "kind": s.kind.map(|k| k.name()), "source": s.source })
    };
    let way = |(kinds, way): &(Vec<RemedyKind>, Recovery)| {
        json!({ "remedies": kinds.iter().map(|&k| super::collective::remedy_key(k)).collect::<Vec<_>>(),
                "unit_chips": way.unit, "steps": way.steps.iter().map(step).collect::<Vec<_>>(),
                "seconds": way.seconds[0], "low": way.seconds[1], "high": way.seconds[2],
                "reload_on_top": way.reload })
    };
    ways.iter().map(way).collect()
}
