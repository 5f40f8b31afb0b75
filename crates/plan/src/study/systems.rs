//! The candidates of a study.

use catalog::engine::GENERIC;
use catalog::written::{Table, Value, nearest, short};
use catalog::{Listed, LookupError, System, SystemSpec};
use units::Range;

use super::{Basis, Candidate, Given, Incomplete, Library, prices};

/// Most chips that a candidate may have.
pub const MOST_CHIPS: u64 = 1_000_000;
/// Most candidates: each is searched in full.
const MOST_CANDIDATES: usize = 1_000;

/// The candidates that can be weighed, and those that lack facts.
pub fn candidates(value: &Value, library: Library, basis: Basis) -> Option<(Vec<Candidate>, Vec<Incomplete>)> {
    const REMEDY: &str = "write a table [[system]] with a name for each candidate";
    let list = value.list(REMEDY)?;
    if list.is_empty() || list.len() > MOST_CANDIDATES {
        value.fault(format!("lists {} candidates", list.len()), format!("give 1 to {MOST_CANDIDATES}"));
        return None;
    }
    let (mut complete, mut incomplete) = (Vec::<Candidate>::new(), Vec::new());
    for item in &list {
        let Some(table) = item.table(REMEDY) else { continue };
        match candidate(&table, library, basis) {
            Some(Ok(found)) => {
                // The same system with other chips, prices or set-ups is another candidate.
                if complete.contains(&found)
                    && let Some(name) = table.get("name")
                {
                    name.fault("the same candidate is listed twice", "leave one out, or change what they differ in");
                }
                complete.push(found);
            }
            Some(Err(lacking)) => incomplete.push(lacking),
            None => {}
        }
        table.finish();
    }
    Some((complete, incomplete))
}

pub(crate) fn candidate(table: &Table, library: Library, basis: Basis) -> Option<Result<Candidate, Incomplete>> {
    let name = table.need("name", "name a system of the catalog").and_then(|v| system(&v, library));
    let wanted_chips = table.get("chips");
    let count = |v: &Value| v.count(1, MOST_CHIPS).map(|n| u32::try_from(n).ok());
    let chips = wanted_chips.as_ref().map_or(Some(None), count);
    let engines: Vec<&str> = library.catalog.engines.iter().map(|e| e.id.as_str()).collect();
    let wanted = table.get("engine");
    let engine = wanted.as_ref().map_or(Some(None), |v| name_of(v, &engines, "engine").map(Some));
    let given = table.get("setup").map_or(Some(Given::default()), |v| given(&v, &engines));
    let price = table.get("price").map_or(Some(None), |v| prices::written(&v).map(Some));
    // A surcharge above its tenfold is a slip of the per cent sign.
    let surcharge = table.get("surcharge").map_or(Some(Range::exact(0.0)), |v| v.fractions(0.0, 10.0));
    let pass_through = table.get("pass_through").map_or(Some(Range::exact(1.0)), |v| v.fractions(0.0, 1.0));
    let (listed, chips, engine) = (name?, chips?, engine?);
    let (price, surcharge, pass_through, given) = (price?, surcharge?, pass_through?, given?);
    let engine = given.engine.as_deref().or(engine);
    let system = match &listed.checked {
        Ok(system) => system.clone(),
        Err(missing) => {
            let (id, missing) = (listed.spec.id.clone(), missing.clone());
            return Some(Err(Incomplete { id, chips, missing }));
        }
    };
    if let (Some(value), Some(engine)) = (wanted, engine) {
        let able = library.catalog.engines_for(&system.chip.architecture);
        if engine != GENERIC && !able.iter().any(|e| e.id == engine) {
            let able = able.into_iter().map(|e| e.id).collect::<Vec<_>>().join(", ");
            value.fault(format!("{engine} does not run on {}", system.chip.name), format!("these do: {able}"));
        }
    }
    let engine = engine.map(str::to_owned);
    let chips = chips.unwrap_or(system.chips);
    let Some(system) = system.with_chips(chips) else {
        let message = format!("{} does not come with {chips} chips", system.name);
        let remedy = format!("1 to {} can be joined", system.most_chips());
        match wanted_chips {
            Some(value) => value.fault(message, remedy),
            None => table.fault(message, remedy),
        }
        return None;
    };
    let price = price.map(prices::stated).or_else(|| prices::known(library.catalog, &listed.spec.id, basis));
    Some(Ok(Candidate { system, chips, engine, given, price, surcharge, pass_through }))
}

/// What is named of a set-up.
fn given(value: &Value, engines: &[&str]) -> Option<Given> {
    let text = value.text("name a set-up, as in \"TP8 EP8 batch=64\"")?;
    Given::parse(text, engines).map_err(|fault| value.fault(fault.message, fault.remedy)).ok()
}

/// A system by its key, name or alias.
pub fn system<'l>(value: &Value, library: Library<'l>) -> Option<&'l Listed<SystemSpec, System>> {
    let name = value.text("name a system of the catalog")?;
    let found = library.catalog.listed_system(name);
    let told = found.map_err(|error| match error {
        LookupError::Unknown { near, .. } => {
            let remedy =
                near.map_or("'steelyard catalog list' shows all".to_owned(), |n| format!("did you mean \"{n}\"?"));
            value.fault(format!("there is no system '{}'", short(name)), remedy);
        }
        error @ LookupError::Incomplete { .. } => value.fault(error.to_string(), ""),
    });
    told.ok()
}

/// A name among those known, or a fault with the nearest one.
pub fn name_of<'k>(value: &Value, known: &[&'k str], noun: &str) -> Option<&'k str> {
    let name = value.text(&format!("name a {noun}"))?;
    let found = known.iter().find(|k| **k == name);
    if found.is_none() {
        let hint =
            nearest(name, known.iter().copied()).map_or(String::new(), |near| format!("did you mean \"{near}\"? "));
        value.fault(format!("there is no {noun} '{}'", short(name)), format!("{hint}known: {}", known.join(", ")));
    }
    found.copied()
}
