//! Any fact of the catalog as a number with its range, by its path.

use catalog::{Catalog, Entry, tpp};
use units::Range;

/// Prefixes of units as printed.
const PREFIXES: [(char, f64); 7] =
    [('k', 1e3), ('M', 1e6), ('G', 1e9), ('T', 1e12), ('P', 1e15), ('E', 1e18), ('m', 1e-3)];
/// Units that a prefix may stand before.
const UNITS: [&str; 9] = ["B", "B/s", "FLOP/s", "OP/s", "W", "s", "b/s", "USD/h", "USD"];

/// A fact that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its value, in its unit without a prefix.
    pub value: Range<f64>,
    /// That unit; empty for counts and for units that no prefix stands before.
    pub unit: &'static str,
    /// As the catalog prints it.
    pub told: String,
}

/// A fact by its path: `chips/huawei_ascend_910c.peak.bf16`, `systems/google_ironwood_9216.chips`,
/// `rent/nvidia_h200_sxm/3y`, and `chips/ID.tpp`, which is computed.
///
/// # Errors
/// What is missing.
pub fn fact(catalog: &Catalog, path: &str) -> Result<Found, String> {
    let missing = || format!("{path} is not in the catalog");
    if let Some(rest) = path.strip_prefix("rent/") {
        let (chip, term) = rest.split_once('/').ok_or_else(missing)?;
        let rent = catalog.prices.rent(chip, Some(term)).ok_or_else(missing)?;
        let value = rent.value.map(|r| r.0);
        return Ok(Found { told: format!("{} USD/h", value.mid), value, unit: "USD/h" });
    }
    let count = |x: f64| Found { value: Range::exact(x), unit: "", told: format!("{x}") };
    let (kind, rest) = path.split_once('/').ok_or_else(missing)?;
    let (id, key) = rest.split_once('.').ok_or_else(missing)?;
    let entries: &[Entry] = match kind {
        "chips" => {
            let listed = catalog.listed_chip(id).map_err(|e| e.to_string())?;
            if let (true, Ok(chip)) = (key == "tpp", &listed.checked) {
                return Ok(count(tpp(chip)));
            }
            &listed.spec.entries
        }
        "systems" => {
            let listed = catalog.listed_system(id).map_err(|e| e.to_string())?;
            if let (true, Some(chips)) = (key == "chips", listed.spec.chips) {
                return Ok(count(f64::from(chips)));
            }
            &listed.spec.entries
        }
        _ => return Err(missing()),
    };
    let entry = entries.iter().find(|e| e.path == key).ok_or_else(missing)?;
    let read = |text: &str| number(text).ok_or_else(|| format!("{path} is no number: {text}"));
    let (mid, unit) = read(&entry.value)?;
    let (value, told) = match &entry.range {
        Some((low, high)) => {
            (Range { low: read(low)?.0, mid, high: read(high)?.0 }, format!("{} ({low}–{high})", entry.value))
        }
        None => (Range::exact(mid), entry.value.clone()),
    };
    Ok(Found { value, unit, told })
}

/// A number with the prefix of its unit applied, and the unit: `752 TFLOP/s` is 752e12 FLOP/s.
fn number(text: &str) -> Option<(f64, &'static str)> {
    let (number, unit) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let number: f64 = number.replace([',', '_'], "").parse().ok()?;
    let known = |unit: &str| UNITS.iter().find(|known| **known == unit).copied();
    if unit.is_empty() {
        return Some((number, ""));
    }
    if let Some(unit) = known(unit) {
        return Some((number, unit));
    }
    let mut rest = unit.chars();
    let prefix = rest.next()?;
    let by = PREFIXES.iter().find(|p| p.0 == prefix).and_then(|p| Some((number * p.1, known(rest.as_str())?)));
    // Units that no prefix stands before (years, counts) are as they are.
    Some(by.unwrap_or((number, "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_by_path() {
        let catalog = Catalog::embedded();
        let of = |path: &str| fact(&catalog, path).expect(path).value.mid;
        assert_eq!(of("chips/nvidia_h100_sxm.peak.bf16"), 989e12);
        assert_eq!(of("systems/google_ironwood_9216.chips"), 9216.0);
        // Facts are read as they are printed, with four digits.
        assert!((of("systems/google_ironwood_9216.total.fp8") / 42.523e18 - 1.0).abs() < 1e-3);
        assert!((of("chips/nvidia_h100_sxm.tpp") - 15_824.0).abs() < 20.0);
        assert!(of("rent/google_tpu7x_ironwood/3y") > 5.0);
        for bad in ["chips/nvidia_h100_sxm.nothing", "nothing", "chips/none.tpp", "rent/x", "rent/x/y", ""] {
            assert!(fact(&catalog, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn prefixes_belong_to_units() {
        assert_eq!(number("752 TFLOP/s"), Some((752e12, "FLOP/s")));
        assert_eq!(number("4.8 TB/s"), Some((4.8e12, "B/s")));
        assert_eq!(number("3 min"), Some((3.0, "")));
        assert_eq!(number("x"), None);
    }
}
