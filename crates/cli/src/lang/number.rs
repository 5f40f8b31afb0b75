//! Numbers as people read them: three significant digits, a unit, and the interval in the same unit.

use plan::findings::Estimate;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A plain count or rate: `3,510`, `252k`.
    Plain,
    /// Seconds.
    Time,
    /// Watts.
    Power,
    /// Joules.
    Energy,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    Bandwidth,
    /// FLOP per second.
    FlopRate,
    /// Operations on whole numbers per second.
    OpRate,
}

/// Shown where a number is missing or not finite.
pub const NONE: &str = "–";

const SI: &[(f64, &str)] = &[(1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T"), (1e15, "P"), (1e18, "E")];
const SMALL: &[(f64, &str)] = &[(1e-9, "n"), (1e-6, "µ"), (1e-3, "m"), (1.0, "")];

impl Unit {
    fn base(self) -> &'static str {
        match self {
            Unit::Plain => "",
            Unit::Time => "s",
            Unit::Power => "W",
            Unit::Energy => "J",
            Unit::Bytes => "B",
            Unit::Bandwidth => "B/s",
            Unit::FlopRate => "FLOP/s",
            Unit::OpRate => "OP/s",
        }
    }

    /// Factor and name of the unit that leaves one to three digits before the point (up to five for plain counts).
    fn scale(self, value: f64) -> (f64, String) {
        let size = value.abs();
        let (prefixes, from) = match self {
            Unit::Plain if size < 99_950.0 => return (1.0, String::new()),
            Unit::Plain => (SI, ""),
            Unit::Time => (SMALL, " "),
            Unit::Energy if size < 0.9995 => (SMALL, " "),
            _ => (SI, " "),
        };
        let (factor, prefix) =
            prefixes.iter().rev().find(|(factor, _)| size >= factor * 0.9995).copied().unwrap_or(prefixes[0]);
        let (factor, prefix) = if size == 0.0 { (1.0, "") } else { (factor, prefix) };
        (factor, format!("{from}{prefix}{}", self.base()))
    }
}

/// Three significant digits, thousands with commas: `0.0412`, `31.2`, `3,510`.
pub fn digits(value: f64) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor() as i32;
    let decimals = (2 - magnitude).clamp(0, 6) as usize;
    if magnitude < 3 {
        let text = format!("{value:.decimals$}");
        return if text.len() > 7 { format!("{value:.2e}") } else { text };
    }
    if magnitude > 12 {
        return format!("{value:.2e}");
    }
    let step = 10f64.powi(magnitude - 2);
    thousands((value / step).round() * step)
}

/// A whole number with commas.
pub fn thousands(value: f64) -> String {
    let plain = format!("{:.0}", value.abs());
    let mut out = String::from(if value < 0.0 { "-" } else { "" });
    for (i, c) in plain.chars().enumerate() {
        if i > 0 && (plain.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A number with its unit.
pub fn quantity(value: f64, unit: Unit) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let (factor, name) = unit.scale(value);
    format!("{}{name}", digits(value / factor))
}

/// Low to high in the unit that `value` is shown in, without the unit: `28.1–35.0`.
pub fn interval(e: &Estimate, unit: Unit) -> String {
    let (factor, name) = if e.value.is_finite() { unit.scale(e.value) } else { (1.0, String::new()) };
    // A plain count carries its multiplier in each number (252k); other units stand once, beside the value.
    let suffix = if unit == Unit::Plain { name.as_str() } else { "" };
    format!("{}{suffix}–{}{suffix}", digits(e.low / factor), digits(e.high / factor))
}

/// `31.2 ms (28.1–35.0)`.
pub fn estimate(e: &Estimate, unit: Unit) -> String {
    if e.low == e.high {
        return quantity(e.value, unit);
    }
    format!("{} ({})", quantity(e.value, unit), interval(e, unit))
}

/// A share of one as a whole per cent; below ten with one decimal.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    if !value.is_finite() {
        NONE.to_owned()
    } else if value.abs() < 9.95 && value != 0.0 {
        format!("{value:.1} %")
    } else {
        format!("{value:.0} %")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits() {
        assert_eq!(digits(0.04123), "0.0412");
        assert_eq!(digits(31.25), "31.2");
        assert_eq!(digits(3507.2), "3,510");
        assert_eq!(digits(999.7), "1000");
        assert_eq!(digits(f64::NAN), NONE);
        assert_eq!(digits(0.0), "0");
        assert_eq!(digits(1e-9), "1.00e-9");
    }

    #[test]
    fn units() {
        assert_eq!(quantity(0.0312, Unit::Time), "31.2 ms");
        assert_eq!(quantity(1.8e-5, Unit::Time), "18.0 µs");
        assert_eq!(quantity(98.3e9, Unit::Bytes), "98.3 GB");
        assert_eq!(quantity(252_480.0, Unit::Plain), "252k");
        assert_eq!(quantity(35_136.0, Unit::Bytes), "35.1 kB");
        assert_eq!(quantity(0.42, Unit::Energy), "420 mJ");
        assert_eq!(quantity(0.0, Unit::Time), "0 s");
        assert_eq!(quantity(f64::INFINITY, Unit::Power), NONE);
    }

    #[test]
    fn interval_shares_the_unit() {
        let e = Estimate { value: 0.98, low: 0.8, high: 1.3 };
        assert_eq!(estimate(&e, Unit::Time), "980 ms (800–1,300)");
        let e = Estimate { value: 252_480.0, low: 200_000.0, high: 310_000.0 };
        assert_eq!(estimate(&e, Unit::Plain), "252k (200k–310k)");
    }

    #[test]
    fn per_cent() {
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(0.083), "8.3 %");
        assert_eq!(percent(0.234), "23 %");
    }
}
