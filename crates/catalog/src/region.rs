//! Where a system stands: what electricity, buildings and time cost there.
//!
//! A figure of a region is a fact of its own, or the rows of `prices.toml` that it sums up, so that every price stands in
//! one place: `electricity = { rows = ["US"] }`.

use units::{Quantity, UsdPerKilowattHour};

use crate::facts::Sources;
use crate::price_lookup::typical;
use crate::written::{Diagnostic, Document, Table, nearest, short};
use crate::{Fact, Prices};

/// A region.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// `cn`.
    pub id: String,
    /// Price of electricity.
    pub electricity: Fact<UsdPerKilowattHour>,
    /// Facility power over IT power.
    pub pue: Fact<f64>,
    /// Power of a whole system over the design power of its chips: for systems whose own power is unknown.
    pub system_power: Fact<f64>,
    /// Years over which a purchase is written off.
    pub lifetime_years: Fact<f64>,
    /// Share of the time that a system is sold.
    pub utilisation: Fact<f64>,
}

const SECONDS_OF_YEAR: f64 = 365.25 * 86_400.0;

/// What a file of regions refers to.
pub(crate) struct Ground<'a> {
    pub prices: &'a Prices,
    pub sources: &'a Sources,
}

/// Reads a file with one table a region over those that are there: what a table of a known region leaves out stays.
pub(crate) fn read(regions: &mut Vec<Region>, file: &str, text: &str, ground: &Ground) -> Vec<Diagnostic> {
    let doc = Document::new(file, text);
    let root = doc.parse();
    for (id, value) in Table::root(&doc, &root).entries() {
        let remedy = "write a table with electricity, pue, system_power, lifetime_years and utilisation";
        let Some(table) = value.table(remedy) else { continue };
        let base = regions.iter().find(|r| r.id == id).cloned();
        let region = region(id, &table, base.as_ref(), ground);
        table.finish();
        if let Some(region) = region {
            regions.retain(|r| r.id != id);
            regions.push(region);
        }
    }
    regions.sort_by(|a, b| a.id.cmp(&b.id));
    doc.into_faults()
}

fn region(id: &str, table: &Table, base: Option<&Region>, ground: &Ground) -> Option<Region> {
    let prices = ground.prices;
    let read = Reader { table, base, sources: ground.sources };
    let electricity = read.fact(
        "electricity",
        |r| &r.electricity,
        |v| v.quantity(UsdPerKilowattHour::new(0.0), UsdPerKilowattHour::new(10.0)),
        Some(&|name| {
            let rows = prices.electricity.iter().filter(|e| e.customer != "wholesale" && e.region == name);
            rows.map(|e| e.price.clone()).collect()
        }),
    );
    let sites = |name: &str| prices.pue.iter().filter(|p| p.name == name).map(|p| p.value.clone()).collect();
    let pue = read.fact("pue", |r| &r.pue, |v| v.number(1.0, 5.0), Some(&sites));
    let system_power = read.fact("system_power", |r| &r.system_power, |v| v.number(1.0, 10.0), None);
    let owners = |name: &str| {
        let rows = prices.depreciation.iter().filter(|d| d.owner == name);
        rows.map(|d| d.life.map(|life| life.0 / SECONDS_OF_YEAR)).collect()
    };
    let lifetime_years = read.fact("lifetime_years", |r| &r.lifetime_years, |v| v.number(0.1, 30.0), Some(&owners));
    let utilisation = read.fact("utilisation", |r| &r.utilisation, |v| v.number(0.001, 1.0), None);
    Some(Region {
        id: id.to_owned(),
        electricity: electricity?,
        pue: pue?,
        system_power: system_power?,
        lifetime_years: lifetime_years?,
        utilisation: utilisation?,
    })
}

struct Reader<'a, 'd, 't> {
    table: &'a Table<'d, 't>,
    base: Option<&'a Region>,
    sources: &'a Sources,
}

/// Finds the facts of rows by name.
type Rows<'a, T> = Option<&'a dyn Fn(&str) -> Vec<Fact<T>>>;

impl Reader<'_, '_, '_> {
    fn fact<T: Copy + PartialOrd>(
        &self,
        key: &'static str,
        of: impl Fn(&Region) -> &Fact<T>,
        one: impl Fn(&crate::written::Value) -> Option<T>,
        rows: Rows<T>,
    ) -> Option<Fact<T>> {
        let value = match (self.table.get(key), self.base) {
            (None, Some(base)) => return Some(of(base).clone()),
            (None, None) => return self.table.fact("regions", key, one),
            (Some(value), _) => value,
        };
        let listed = value.as_table().and_then(|t| t.get("rows"));
        let (Some(listed), Some(rows)) = (listed, rows) else {
            let source = value.as_table().and_then(|t| t.get("source"));
            if let Some(key) = source.as_ref().and_then(|v| v.as_text()).filter(|k| !self.sources.contains(*k)) {
                let help = nearest(key, self.sources.iter().map(String::as_str));
                let help = help.map_or("add it to sources.toml".to_owned(), |n| format!("did you mean '{n}'?"));
                source?.fault(format!("'{}' is not in sources.toml", short(key)), help);
                return None;
            }
            return value.fact("regions", one);
        };
        let mut found: Vec<Fact<T>> = Vec::new();
        for name in listed.list("name rows of prices.toml")? {
            let Some(text) = name.text("name a row of prices.toml") else { continue };
            let facts = rows(text);
            if facts.is_empty() {
                name.fault(format!("prices.toml has no row '{}'", short(text)), "name it as there");
            }
            found.extend(facts);
        }
        let all: Vec<&Fact<T>> = found.iter().collect();
        typical(&all, &all)
    }
}

#[cfg(test)]
mod tests {
    use crate::Catalog;

    #[test]
    fn built_in_regions_sum_up_the_prices() {
        let catalog = Catalog::embedded();
        let of = |id: &str| catalog.regions.iter().find(|r| r.id == id).expect("built in");
        assert!(of("world").electricity.value.low.0 < of("us").electricity.value.mid.0);
        // 0.2 EUR at 1.08, between 0.089 and 0.276 EUR.
        let eu = of("eu").electricity.value;
        assert!((eu.mid.0 - 0.216).abs() < 1e-9 && (eu.low.0 - 0.09612).abs() < 1e-9, "{eu:?}");
        assert_eq!((of("us").pue.value.low, of("us").pue.value.high), (1.1, 1.56));
        assert_eq!((of("us").lifetime_years.value.low, of("us").lifetime_years.value.high), (4.0, 6.0));
        assert!(of("us").electricity.path.starts_with("prices/"), "{}", of("us").electricity.path);
    }
}
