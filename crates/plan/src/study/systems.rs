//! The candidates of a study.

use catalog::written::{Table, Value, nearest, short};
use units::{Range, Usd, UsdPerHour};

use super::{Candidate, Incomplete, Library};
use crate::money::Price;

/// Most chips that a candidate may have.
const MOST_CHIPS: u64 = 1_000_000;
/// Most candidates: each is searched in full.
const MOST_CANDIDATES: usize = 1_000;

/// The candidates that can be weighed, and those that lack facts.
pub fn candidates(value: &Value, library: &dyn Library) -> Option<(Vec<Candidate>, Vec<Incomplete>)> {
    const REMEDY: &str = "write a table [[system]] with a name for each candidate";
    let list = value.list(REMEDY)?;
    if list.is_empty() || list.len() > MOST_CANDIDATES {
        value.fault(format!("lists {} candidates", list.len()), format!("give 1 to {MOST_CANDIDATES}"));
        return None;
    }
    let keys = library.systems();
    let (mut complete, mut incomplete) = (Vec::new(), Vec::new());
    for item in &list {
        let Some(table) = item.table(REMEDY) else { continue };
        match candidate(&table, &keys, library) {
            Some(Ok(found)) => complete.push(found),
            Some(Err(lacking)) => incomplete.push(lacking),
            None => {}
        }
        table.finish();
    }
    Some((complete, incomplete))
}

fn candidate(table: &Table, keys: &[String], library: &dyn Library) -> Option<Result<Candidate, Incomplete>> {
    let name = table.need("name", "name a system of the catalog").and_then(|v| name_of(&v, keys, "system"));
    let chips = table.get("chips");
    let chips = chips.map_or(Some(None), |v| v.count(1, MOST_CHIPS).map(|n| u32::try_from(n).ok()));
    let wanted = table.get("engine");
    let engine = wanted.as_ref().map_or(Some(None), |v| name_of(v, &library.engines(), "engine").map(Some));
    let price = table.get("price").map_or(Some(None), |v| price(&v).map(Some));
    // A surcharge above its tenfold is a slip of the per cent sign.
    let surcharge = table.get("surcharge").map_or(Some(Range::exact(0.0)), |v| v.fractions(0.0, 10.0));
    let pass_through = table.get("pass_through").map_or(Some(Range::exact(1.0)), |v| v.fractions(0.0, 1.0));
    let (id, chips, engine) = (name?, chips?, engine?);
    let (price, surcharge, pass_through) = (price?, surcharge?, pass_through?);
    let system = match library.system(&id) {
        Ok(system) => system,
        Err(missing) => return Some(Err(Incomplete { id, chips, missing })),
    };
    if let (Some(value), Some(engine)) = (wanted, &engine) {
        let able = library.engines_for(&system);
        if !able.contains(engine) {
            let remedy = format!("these do: {}", able.join(", "));
            value.fault(format!("{engine} does not run on {}", system.chip.name), remedy);
        }
    }
    let chips = chips.unwrap_or(system.chips);
    Some(Ok(Candidate { system, chips, engine, price, surcharge, pass_through }))
}

/// A rent ("12 USD/h") or a purchase price ("30_000 USD") of one chip; a list of two or three is a range.
fn price(value: &Value) -> Option<Price> {
    let first = value.as_list().and_then(|list| list.first().and_then(Value::as_text));
    let text = value.as_text().or(first).unwrap_or("");
    if text.contains("USD") && !text.contains('/') {
        return value.quantities(Usd(0.0), Usd(1e8)).map(Price::Purchase);
    }
    value.quantities(UsdPerHour(0.0), UsdPerHour(1e6)).map(Price::Rent)
}

/// A name among those known, letter case and separators aside, or a fault with the nearest one.
pub fn name_of(value: &Value, known: &[String], noun: &str) -> Option<String> {
    let name = value.text(&format!("name a {noun}"))?;
    if let Some(found) = known.iter().find(|k| same_name(k, name)) {
        return Some(found.clone());
    }
    let remedy = match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None if known.len() <= 12 => format!("known: {}", known.join(", ")),
        None => "'steelyard catalog list' shows all".to_owned(),
    };
    value.fault(format!("there is no {noun} '{}'", short(name)), remedy);
    None
}

/// Whether two names are the same to a reader: `huawei-cloudmatrix-384` and `huawei_cloudmatrix384`.
pub fn same_name(a: &str, b: &str) -> bool {
    let plain = |s: &str| s.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    !a.is_empty() && plain(a) == plain(b)
}
