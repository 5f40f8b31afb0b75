//! What a chip of a candidate costs: the study says so, or the catalog knows.

use catalog::written::Value;
use catalog::{Catalog, Fact};
use units::{Quantity, Usd, UsdPerHour};

use super::Basis;
use crate::findings::FactUse;
use crate::money::{Price, Priced};

/// A rent ("12 USD/h") or a purchase price ("30_000 USD") of one chip; a list of two or three is a range.
pub fn written(value: &Value) -> Option<Price> {
    let first = value.as_list().and_then(|list| list.first().and_then(Value::as_text));
    let text = value.as_text().or(first).unwrap_or("");
    if text.contains("USD") && !text.contains('/') {
        return value.quantities(Usd(0.0), Usd(1e8)).map(Price::Purchase);
    }
    value.quantities(UsdPerHour(0.0), UsdPerHour(1e6)).map(Price::Rent)
}

/// The price that a study states.
pub fn stated(price: Price) -> Priced {
    Priced { price, source: String::new(), bare: false, fact: None }
}

/// The price that the catalog knows: a rent where there is one, else a purchase, unless `basis` wants one of them.
pub fn known(catalog: &Catalog, system: &str, basis: Basis) -> Option<Priced> {
    let found = catalog.price_of_system(system).ok()?;
    let rent = found.rent.filter(|_| basis != Basis::Purchase);
    if let Some(rent) = rent {
        return Some(priced(catalog, &rent, Price::Rent(rent.value), false));
    }
    let purchase = found.purchase.filter(|_| basis != Basis::Rent)?;
    let bare = !found.whole_system;
    Some(priced(catalog, &purchase, Price::Purchase(purchase.value), bare))
}

fn priced<T: Quantity>(catalog: &Catalog, fact: &Fact<T>, price: Price, bare: bool) -> Priced {
    let title = catalog.sources.get(&fact.source).map_or(&fact.source, |s| &s.title);
    let note = if fact.note.is_empty() { String::new() } else { format!(", {}", fact.note) };
    let used = FactUse {
        path: fact.path.clone(),
        value: fact.value.to_string(),
        kind: fact.kind.name().to_owned(),
        source: title.clone(),
        disputed: !fact.value.is_exact(),
    };
    Priced { price, source: format!("{title}{note}"), bare, fact: Some(used) }
}
