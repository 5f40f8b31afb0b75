//! Quarters of years, the grain of a plan.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A quarter of a year: `2027-Q1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quarter(i32);

/// Hours of a quarter of a year of 365.25 days.
pub const HOURS: f64 = 8766.0 / 4.0;
/// Days of a quarter.
pub const DAYS: f64 = HOURS / 24.0;

impl Quarter {
    /// From a text as in `2027-Q1`; `None` for anything else, and for years outside 1900 to 2200.
    pub fn parse(text: &str) -> Option<Quarter> {
        let (year, quarter) = text.trim().split_once("-Q")?;
        let plain = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let (year, quarter): (i32, i32) = match plain(year) && plain(quarter) {
            true => (year.parse().ok()?, quarter.parse().ok()?),
            false => return None,
        };
        ((1900..=2200).contains(&year) && (1..=4).contains(&quarter)).then(|| Quarter(4 * year + quarter - 1))
    }

    /// The quarter that holds a date as in `2026-01-15`, `2026-05` or `2026`.
    pub fn of_date(date: &str) -> Option<Quarter> {
        let mut parts = date.split('-');
        let year: i32 = parts.next()?.parse().ok()?;
        let month: i32 = parts.next().map_or(Some(1), |m| m.parse().ok())?;
        ((1900..=2200).contains(&year) && (1..=12).contains(&month)).then(|| Quarter(4 * year + (month - 1) / 3))
    }

    /// Quarters from `start` to this one; below 0 if it is earlier.
    pub fn since(self, start: Quarter) -> i64 {
        i64::from(self.0) - i64::from(start.0)
    }

    /// So many quarters later.
    pub fn plus(self, quarters: usize) -> Quarter {
        Quarter(self.0.saturating_add(i32::try_from(quarters).unwrap_or(i32::MAX)))
    }
}

impl fmt::Display for Quarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-Q{}", self.0.div_euclid(4), self.0.rem_euclid(4) + 1)
    }
}

impl Serialize for Quarter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quarter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Quarter, D::Error> {
        let text = String::deserialize(deserializer)?;
        Quarter::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("'{text}' is no quarter")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_has_four() {
        let start = Quarter::parse("2026-Q4").expect("a quarter");
        assert_eq!(start.plus(1).to_string(), "2027-Q1");
        assert_eq!(Quarter::parse("2028-Q1").expect("a quarter").since(start), 5);
        assert_eq!(Quarter::of_date("2026-05-14"), Quarter::parse("2026-Q2"));
        assert_eq!(Quarter::of_date("2027"), Quarter::parse("2027-Q1"));
        for bad in ["2026", "2026-Q5", "2026-Q0", "26-Q1", "2026-Q+1", "-2026-Q1", "2026-13", ""] {
            assert_eq!(Quarter::parse(bad), None, "{bad}");
        }
    }
}
