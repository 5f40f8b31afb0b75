//! Text to quantity and back.

use thiserror::Error;

/// A unit as it is written, and its factor to the base unit.
#[derive(Debug, Clone, Copy)]
pub struct Unit {
    /// As written.
    pub name: &'static str,
    /// Base units in one of it.
    pub factor: f64,
    /// Whether printing may choose it.
    pub printed: bool,
}

/// Why a text is no quantity.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ParseError {
    /// No number stands at the start.
    #[error("'{0}' does not start with a number")]
    NoNumber(String),
    /// A number without a unit.
    #[error("'{text}' has no unit; write it as one of {units}, e.g. '{text} {example}'")]
    NoUnit {
        /// What was written.
        text: String,
        /// The units that would do.
        units: String,
        /// One of them.
        example: &'static str,
    },
    /// A unit of another quantity, or none at all.
    #[error("'{unit}' is not a unit here; use one of {units}")]
    WrongUnit {
        /// What was written.
        unit: String,
        /// The units that would do.
        units: String,
    },
    /// Negative, infinite or not a number.
    #[error("'{0}' is negative or not finite")]
    Absurd(String),
}

fn names(units: &[Unit]) -> String {
    units.iter().map(|u| u.name).collect::<Vec<_>>().join(", ")
}

/// Reads a non-negative finite number and a unit.
pub fn quantity(text: &str, units: &[Unit]) -> Result<f64, ParseError> {
    let text = text.trim();
    let end = number_end(text);
    let digits: String = text[..end].chars().filter(|&c| c != '_' && c != ',').collect();
    let Ok(number) = digits.parse::<f64>() else {
        return Err(ParseError::NoNumber(text.to_owned()));
    };
    let unit = text[end..].trim();
    if unit.is_empty() {
        let example = units.iter().find(|u| u.printed).map_or("", |u| u.name);
        return Err(ParseError::NoUnit { text: text.to_owned(), units: names(units), example });
    }
    let Some(found) = units.iter().find(|u| u.name == unit) else {
        return Err(ParseError::WrongUnit { unit: unit.to_owned(), units: names(units) });
    };
    let value = number * found.factor;
    if !value.is_finite() || value < 0.0 {
        return Err(ParseError::Absurd(text.to_owned()));
    }
    Ok(value)
}

/// Where the number at the start of `text` ends.
fn number_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut end = 0;
    while end < bytes.len() {
        let c = bytes[end];
        let exponent = matches!(c, b'e' | b'E')
            && end > 0
            && bytes[end + 1..].iter().find(|b| !matches!(b, b'+' | b'-')).is_some_and(u8::is_ascii_digit);
        let sign = matches!(c, b'+' | b'-') && (end == 0 || matches!(bytes[end - 1], b'e' | b'E'));
        if c.is_ascii_digit() || matches!(c, b'.' | b'_' | b',') || exponent || sign {
            end += 1;
        } else {
            break;
        }
    }
    end
}

/// Writes a value with the unit that leaves one to three digits before the point, and four significant digits.
pub fn print(value: f64, units: &[Unit]) -> String {
    let size = value.abs();
    let mut printed = units.iter().filter(|u| u.printed);
    let Some(mut best) = printed.next() else { return value.to_string() };
    for unit in printed {
        if size >= unit.factor * 0.99995 {
            best = unit;
        }
    }
    let scaled = value / best.factor;
    let decimals = if scaled == 0.0 || !scaled.is_finite() {
        0
    } else {
        (3 - scaled.abs().log10().floor() as i32).clamp(0, 6) as usize
    };
    let text = format!("{scaled:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} {}", best.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bytes, BytesPerSecond, Seconds, Usd};
    use proptest::prelude::*;

    #[test]
    fn reads_decimal_binary_and_bits() {
        assert_eq!("80 GiB".parse(), Ok(Bytes(80.0 * 1024f64.powi(3))));
        assert_eq!("80GB".parse(), Ok(Bytes(80e9)));
        assert_eq!("400 Gb/s".parse(), Ok(BytesPerSecond(50e9)));
        assert_eq!("1.5e3 us".parse(), Ok(Seconds(1.5e-3)));
        assert_eq!("3_100_000 USD".parse(), Ok(Usd(3.1e6)));
    }

    #[test]
    fn refuses_what_is_not_a_quantity() {
        assert!(matches!("80".parse::<Bytes>(), Err(ParseError::NoUnit { .. })));
        assert!(matches!("80 GB/s".parse::<Bytes>(), Err(ParseError::WrongUnit { .. })));
        assert!(matches!("fast".parse::<Bytes>(), Err(ParseError::NoNumber(_))));
        assert!(matches!("-1 B".parse::<Bytes>(), Err(ParseError::Absurd(_))));
        assert!(matches!("1e400 B".parse::<Bytes>(), Err(ParseError::Absurd(_))));
        assert!(matches!("nan B".parse::<Bytes>(), Err(ParseError::NoNumber(_))));
        assert!("1e".parse::<Bytes>().is_err());
        assert!("é".parse::<Bytes>().is_err());
    }

    #[test]
    fn prints_four_digits() {
        assert_eq!(Bytes(80e9).to_string(), "80 GB");
        assert_eq!(BytesPerSecond(3.35e12).to_string(), "3.35 TB/s");
        assert_eq!(Seconds(0.0123456).to_string(), "12.35 ms");
        assert_eq!(Seconds(0.0).to_string(), "0 ns");
    }

    proptest! {
        #[test]
        fn printed_reads_back(value in 1e-9f64..1e18) {
            let bytes: Bytes = Bytes(value).to_string().parse().expect("own print");
            prop_assert!((bytes.0 - value).abs() <= value * 1e-3 + 1e-6);
        }

        #[test]
        fn never_panics(text in "\\PC{0,24}") {
            let _ = text.parse::<Bytes>();
            let _ = text.parse::<Seconds>();
        }
    }
}
