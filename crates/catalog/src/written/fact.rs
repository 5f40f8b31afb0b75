//! Facts as they are written: a value with its source.

use units::Range;

use super::{Table, Value};
use crate::{Fact, Kind};

const REMEDY: &str = "write { value = .., kind = \"vendor\", source = \"key of sources.toml\" }";

const KINDS: [(&str, Kind); 5] = [
    ("vendor", Kind::Vendor),
    ("measured", Kind::Measured),
    ("analyst", Kind::Analyst),
    ("derived", Kind::Derived),
    ("assumed", Kind::Assumed),
];

impl Table<'_, '_> {
    /// The fact of a key that must be written.
    pub fn fact<T: Copy + PartialOrd>(
        &self,
        thing: &str,
        key: &'static str,
        one: impl Fn(&Value) -> Option<T>,
    ) -> Option<Fact<T>> {
        self.need(key, REMEDY)?.fact(thing, one)
    }
}

impl Value<'_, '_> {
    /// The fact that this is: `{ value, low, high, kind, source, note }`, of which `low`, `high` and `note` may be left
    /// out. `one` reads a value; `thing` is what the path of the fact starts with.
    pub fn fact<T: Copy + PartialOrd>(&self, thing: &str, one: impl Fn(&Value) -> Option<T>) -> Option<Fact<T>> {
        let table = self.table(REMEDY)?;
        let mid = table.need("value", REMEDY).and_then(|v| one(&v));
        let low = table.get("low").map_or(mid, |v| one(&v));
        let high = table.get("high").map_or(mid, |v| one(&v));
        let kind = table.need("kind", REMEDY).and_then(|v| v.choice(&KINDS));
        let source = table.need("source", REMEDY).and_then(|v| v.text("name a key of sources.toml"));
        let note = table.get("note").map_or(Some(""), |v| v.text("leave it out"));
        table.finish();
        let (low, mid, high) = (low?, mid?, high?);
        if !(low <= mid && mid <= high) {
            self.fault("is not in rising order", "write low <= value <= high");
            return None;
        }
        Some(Fact {
            value: Range { low, mid, high },
            kind: kind?,
            source: source?.to_owned(),
            note: note?.to_owned(),
            path: format!("{thing}.{}", self.path()),
        })
    }
}
