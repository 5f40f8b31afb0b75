//! Amounts of money in any currency that the catalog knows the rate of, and plain amounts.

use catalog::written::{Value, nearest, short};
use units::Range;

use super::Reader;

/// Multiples that may stand before a currency.
const MULTIPLES: [(&str, f64); 4] = [("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12)];

impl Reader<'_> {
    /// US dollars of `350_000 CNY`, `1.4 M USD`, `0.40 CNY/kWh`: one value or a range. `bounds` are in US dollars.
    pub fn money(&self, value: &Value, per: &str, bounds: (f64, f64)) -> Option<Range<f64>> {
        value.range(|v| self.one(v, per, bounds), f64::midpoint)
    }

    fn one(&self, value: &Value, per: &str, (low, high): (f64, f64)) -> Option<f64> {
        let remedy = || format!("write an amount and a currency, as in \"12 USD{per}\" or \"90 CNY{per}\"");
        let text = value.text(&remedy())?;
        let text = text.trim();
        let split = text.find(|c: char| !(c.is_ascii_digit() || "._,+-eE".contains(c))).unwrap_or(text.len());
        let number: Option<f64> = text[..split].replace(['_', ','], "").parse().ok();
        let unit = text[split..].trim();
        let (multiple, unit) = match unit.split_once(' ') {
            Some((m, rest)) => match MULTIPLES.iter().find(|x| x.0 == m) {
                Some((_, by)) => (*by, rest.trim()),
                None => (1.0, unit),
            },
            None => (1.0, unit),
        };
        let (Some(number), Some(currency)) = (number, unit.strip_suffix(per)) else {
            value.fault(format!("'{}' is no such amount", short(text)), remedy());
            return None;
        };
        let rate = self.rate(value, currency)?;
        let usd = number * multiple * rate;
        if !(low..=high).contains(&usd) {
            value.fault(format!("{usd} USD{per} is out of bounds"), format!("from {low} to {high} USD{per}"));
            return None;
        }
        Some(usd)
    }

    fn rate(&self, value: &Value, currency: &str) -> Option<f64> {
        if currency == "USD" {
            return Some(1.0);
        }
        let rates = &self.catalog().prices.exchange;
        match rates.get(currency) {
            Some(rate) => Some(self.fact(rate).mid),
            None => {
                let known = rates.keys().map(String::as_str).chain(["USD"]).collect::<Vec<_>>();
                let near = nearest(currency, known.iter().copied()).map(|n| format!("did you mean {n}? "));
                let help = format!("{}known: {}", near.unwrap_or_default(), known.join(", "));
                value.fault(format!("'{}' is no currency with a known rate", short(currency)), help);
                None
            }
        }
    }

    /// A currency and the US dollars for one of it.
    pub fn currency(&self, value: &Value) -> Option<(String, f64)> {
        let name = value.text("name a currency, as in \"CNY\"")?;
        Some((name.to_owned(), self.rate(value, name)?))
    }
}

/// A count or a multiple of it, as in `20 G`.
pub fn large(value: &Value, low: f64, high: f64) -> Option<f64> {
    let Some(text) = value.as_text() else { return value.number(low, high) };
    let text = text.trim();
    let split = text.find(|c: char| !(c.is_ascii_digit() || "._,+-eE".contains(c))).unwrap_or(text.len());
    let number: Option<f64> = text[..split].replace(['_', ','], "").parse().ok();
    let unit = text[split..].trim();
    let by = MULTIPLES.iter().find(|m| m.0 == unit).map(|m| m.1).or(unit.is_empty().then_some(1.0));
    match (number, by) {
        (Some(number), Some(by)) if (low..=high).contains(&(number * by)) => Some(number * by),
        (Some(number), Some(by)) => {
            value.fault(format!("{} is out of bounds", number * by), format!("from {low} to {high}"));
            None
        }
        _ => {
            value
                .fault(format!("'{}' is no amount", short(text)), "write a number, or one with k, M, G or T: \"20 G\"");
            None
        }
    }
}

/// A range of those.
pub fn larges(value: &Value, low: f64, high: f64) -> Option<Range<f64>> {
    value.range(|v| large(v, low, high), f64::midpoint)
}
