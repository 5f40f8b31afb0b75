//! Where a system stands: what electricity, buildings and time cost there.

use units::UsdPerKilowattHour;

use crate::Fact;
use crate::written::{Diagnostic, Document, Table};

const FILE: &str = "regions.toml";
const TEXT: &str = include_str!("../../../catalog/regions.toml");

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

impl Region {
    /// The built-in regions by name, sorted.
    ///
    /// # Errors
    /// What is wrong with their file.
    pub fn all() -> Result<Vec<Region>, Vec<Diagnostic>> {
        Region::parse(FILE, TEXT)
    }

    /// Regions from the text of a file with one table each.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(file: &str, text: &str) -> Result<Vec<Region>, Vec<Diagnostic>> {
        let doc = Document::new(file, text);
        let root = doc.parse();
        let read = |(id, value): (&str, crate::written::Value)| {
            let table =
                value.table("write a table with electricity, pue, system_power, lifetime_years and utilisation")?;
            let region = region(id, &table);
            table.finish();
            region
        };
        let regions: Vec<Option<Region>> = Table::root(&doc, &root).entries().map(read).collect();
        match regions.into_iter().collect() {
            Some(regions) if doc.is_sound() => Ok(regions),
            _ => Err(doc.into_faults()),
        }
    }
}

fn region(id: &str, table: &Table) -> Option<Region> {
    const THING: &str = "regions";
    let electricity =
        table.fact(THING, "electricity", |v| v.quantity(UsdPerKilowattHour(0.0), UsdPerKilowattHour(10.0)));
    let pue = table.fact(THING, "pue", |v| v.number(1.0, 5.0));
    let system_power = table.fact(THING, "system_power", |v| v.number(1.0, 10.0));
    let lifetime_years = table.fact(THING, "lifetime_years", |v| v.number(0.1, 30.0));
    let utilisation = table.fact(THING, "utilisation", |v| v.number(0.001, 1.0));
    Some(Region {
        id: id.to_owned(),
        electricity: electricity?,
        pue: pue?,
        system_power: system_power?,
        lifetime_years: lifetime_years?,
        utilisation: utilisation?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_regions_are_sound() {
        let regions = Region::all().unwrap_or_else(|faults| panic!("{}", faults[0]));
        assert!(regions.iter().any(|r| r.id == "world"));
        assert_eq!(regions[0].pue.path, format!("regions.{}.pue", regions[0].id));
    }
}
