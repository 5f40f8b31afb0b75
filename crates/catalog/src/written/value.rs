//! What a value should be, and what to say when it is not.

use std::cell::RefCell;

use toml::Spanned;
use toml::de::DeValue;
use units::{Quantity, Range};

use super::{Document, Table, nearest, short};

/// A value being read.
#[derive(Debug, Clone)]
pub struct Value<'d, 't> {
    pub(super) doc: &'d Document<'t>,
    pub(super) value: &'d Spanned<DeValue<'t>>,
    pub(super) path: String,
}

impl<'d, 't> Value<'d, 't> {
    /// Notes a fault of this value.
    pub fn fault(&self, message: impl Into<String>, remedy: impl Into<String>) {
        self.doc.fault(self.value.span(), &self.path, message, remedy);
    }

    /// `scheduling.steps`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The kind of value, with its article.
    pub fn kind(&self) -> &'static str {
        match self.value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) | DeValue::Float(_) => "a bare number",
            DeValue::Boolean(_) => "a truth value",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }

    fn wrong(&self, remedy: impl Into<String>) {
        self.fault(format!("is {}", self.kind()), remedy);
    }

    /// A text, no questions asked.
    pub fn as_text(&self) -> Option<&'d str> {
        self.value.get_ref().as_str()
    }

    /// A list, no questions asked.
    pub fn as_list(&self) -> Option<Vec<Value<'d, 't>>> {
        let list = self.value.get_ref().as_array()?;
        let item = |(i, value)| Value { doc: self.doc, value, path: format!("{}[{i}]", self.path) };
        Some(list.iter().enumerate().map(item).collect())
    }

    /// A table, no questions asked.
    pub fn as_table(&self) -> Option<Table<'d, 't>> {
        let table = self.value.get_ref().as_table()?;
        let (doc, path) = (self.doc, self.path.clone());
        Some(Table { doc, table, span: self.value.span(), path, asked: RefCell::default() })
    }

    /// A number, whole or not, infinite or not, no questions asked.
    pub fn as_number(&self) -> Option<f64> {
        match self.value.get_ref() {
            DeValue::Integer(i) => i128::from_str_radix(i.as_str(), i.radix()).ok().map(|n| n as f64),
            DeValue::Float(x) => x.as_str().parse().ok(),
            _ => None,
        }
    }

    /// A text that is not empty.
    pub fn text(&self, remedy: &str) -> Option<&'d str> {
        match self.as_text() {
            Some(text) if !text.trim().is_empty() => return Some(text),
            Some(_) => self.fault("is empty", remedy),
            None => self.wrong(remedy),
        }
        None
    }

    /// A truth value.
    pub fn truth(&self) -> Option<bool> {
        let found = self.value.get_ref().as_bool();
        if found.is_none() {
            self.wrong("write true or false");
        }
        found
    }

    /// A table.
    pub fn table(&self, remedy: &str) -> Option<Table<'d, 't>> {
        let found = self.as_table();
        if found.is_none() {
            self.wrong(remedy);
        }
        found
    }

    /// A list.
    pub fn list(&self, remedy: &str) -> Option<Vec<Value<'d, 't>>> {
        let found = self.as_list();
        if found.is_none() {
            self.wrong(remedy);
        }
        found
    }

    /// A whole number between two bounds, both included.
    pub fn count(&self, low: u64, high: u64) -> Option<u64> {
        let remedy = || format!("write a whole number from {low} to {high}");
        let DeValue::Integer(digits) = self.value.get_ref() else {
            self.wrong(remedy());
            return None;
        };
        match u64::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(n) if (low..=high).contains(&n) => Some(n),
            _ => {
                self.fault(format!("{} is out of bounds", short(digits.as_str())), remedy());
                None
            }
        }
    }

    /// A finite number between two bounds, both included.
    pub fn number(&self, low: f64, high: f64) -> Option<f64> {
        let remedy = || format!("write a number from {low} to {high}");
        match self.as_number() {
            Some(x) if (low..=high).contains(&x) => return Some(x),
            Some(x) => self.fault(format!("{x} is out of bounds"), remedy()),
            None => self.wrong(remedy()),
        }
        None
    }

    /// A number from `low` to `high`, written plain or in per cent ("25 %").
    pub fn fraction(&self, low: f64, high: f64) -> Option<f64> {
        let remedy = format!("write a number from {low} to {high}, or per cent as in \"{} %\"", 100.0 * high.min(0.25));
        let found = match self.as_text() {
            Some(text) => text.trim().strip_suffix('%').and_then(|n| n.trim().parse::<f64>().ok()).map(|x| x / 100.0),
            None => self.as_number(),
        };
        match found {
            Some(x) if (low..=high).contains(&x) => return Some(x),
            Some(x) => self.fault(format!("{x} is out of bounds"), remedy),
            None if self.as_text().is_some() => self.fault("is no number", remedy),
            None => self.wrong(remedy),
        }
        None
    }

    /// A quantity with its unit, between two bounds, both included.
    pub fn quantity<Q: Quantity>(&self, low: Q, high: Q) -> Option<Q> {
        let example = || format!("write a text with a unit, as in \"{low}\"");
        let Some(text) = self.as_text() else {
            let example = match self.as_number() {
                Some(x) if x.is_finite() => format!("write a text with a unit: \"{}\"", with_unit::<Q>(x)),
                _ => example(),
            };
            self.wrong(example);
            return None;
        };
        match text.parse::<Q>() {
            Ok(q) if low <= q && q <= high => return Some(q),
            Ok(q) => self.fault(format!("{q} is out of bounds"), format!("from {low} to {high}")),
            Err(error) => self.fault(error.to_string(), ""),
        }
        None
    }

    /// One value, or a list of two: the low and the high end, the value to use being their middle; or of three: low,
    /// middle, high.
    pub fn range<T: Copy + PartialOrd>(
        &self,
        one: impl Fn(&Self) -> Option<T>,
        middle: impl Fn(T, T) -> T,
    ) -> Option<Range<T>> {
        let Some(list) = self.as_list() else { return one(self).map(Range::exact) };
        if !(2..=3).contains(&list.len()) {
            self.fault(format!("is a list of {}", list.len()), "write [low, high] or [low, middle, high]");
            return None;
        }
        // Every item is read before the first bad one ends the matter: all faults at once.
        let ends: Vec<Option<T>> = list.iter().map(one).collect();
        let ends: Vec<T> = ends.into_iter().collect::<Option<_>>()?;
        let (low, mid, high) = match ends[..] {
            [low, mid, high] => (low, mid, high),
            [low, high] => (low, middle(low, high), high),
            _ => return None,
        };
        if !(low <= mid && mid <= high) {
            self.fault("is not in rising order", "write the lowest value first");
            return None;
        }
        Some(Range { low, mid, high })
    }

    /// A range of quantities.
    pub fn quantities<Q: Quantity>(&self, low: Q, high: Q) -> Option<Range<Q>> {
        self.range(|v| v.quantity(low, high), |a, b| Q::new(0.5 * (a.get() + b.get())))
    }

    /// A range of fractions.
    pub fn fractions(&self, low: f64, high: f64) -> Option<Range<f64>> {
        self.range(|v| v.fraction(low, high), |a, b| 0.5 * (a + b))
    }

    /// One of a few names.
    pub fn choice<T: Copy>(&self, choices: &[(&'static str, T)]) -> Option<T> {
        let all = || choices.iter().map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        let text = match self.as_text() {
            Some(text) if !text.trim().is_empty() => text,
            _ => self.text(&format!("write one of {}", all()))?,
        };
        let found = choices.iter().find(|(name, _)| *name == text);
        if found.is_none() {
            let remedy = match nearest(text, choices.iter().map(|c| c.0)) {
                Some(near) => format!("did you mean \"{near}\"? It is one of {}", all()),
                None => format!("it is one of {}", all()),
            };
            self.fault(format!("'{}' is unknown", short(text)), remedy);
        }
        found.map(|c| c.1)
    }
}

fn with_unit<Q: Quantity>(x: f64) -> String {
    // The error of a bare number carries an example unit; the base unit is the one whose factor is 1.
    let base = Q::new(1.0).to_string();
    format!("{x} {}", base.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ' || c == '.'))
}
