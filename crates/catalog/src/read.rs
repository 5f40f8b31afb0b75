//! Reads TOML by hand, so that every finding has a place in the file and none hides another.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use units::{ParseError, Quantity};

use crate::diagnostic::{Diagnostic, nearest};
use crate::fact::{Entry, Fact, Kind};

/// Longest file that is read: a catalog file has a few kilobytes.
pub(crate) const LONGEST_FILE: u64 = 16 << 20;

/// A file being read, and what was found wrong so far.
pub(crate) struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    /// `chips/nvidia_h100_sxm`: what paths of facts start with.
    thing: String,
    /// Keys of sources that may be named; `None` checks nothing.
    sources: Option<&'a BTreeSet<String>>,
    /// Findings.
    pub found: Vec<Diagnostic>,
    /// Every fact read, in order of reading.
    pub entries: Vec<Entry>,
}

/// A table of the file and the path to it.
#[derive(Clone, Copy)]
pub(crate) struct Section<'t> {
    table: &'t DeTable<'t>,
    /// "" for the top, else "memory".
    path: &'t str,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str, thing: String, sources: Option<&'a BTreeSet<String>>) -> Self {
        Reader { file, text, thing, sources, found: Vec::new(), entries: Vec::new() }
    }

    /// The document, as far as it can be understood.
    pub(crate) fn parse(&mut self) -> DeTable<'a> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let span = error.span().unwrap_or_default();
            self.report(span, "catalog/syntax", format!("not TOML: {}", error.message()), String::new());
        }
        table.into_inner()
    }

    pub(crate) fn report(&mut self, span: Range<usize>, code: &'static str, message: String, help: String) {
        let mut finding = Diagnostic::at(self.file, self.text, span, code, message);
        finding.help = help;
        self.found.push(finding);
    }

    /// The top of the document.
    pub(crate) fn top<'t>(&mut self, table: &'t DeTable<'t>, known: &[&str]) -> Section<'t> {
        self.check_keys(table, known);
        Section { table, path: "" }
    }

    /// A table by name, its keys checked against `known`; an empty `known` allows any.
    pub(crate) fn section<'t>(&mut self, of: Section<'t>, key: &'t str, known: &[&str]) -> Option<Section<'t>> {
        let value = of.table.get(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_type(value, key, "a table");
            return None;
        };
        if !known.is_empty() {
            self.check_keys(table, known);
        }
        Some(Section { table, path: key })
    }

    /// An array of tables by name, each with its keys checked.
    pub(crate) fn sections<'t>(&mut self, of: Section<'t>, key: &'t str, known: &[&str]) -> Vec<Section<'t>> {
        let Some(value) = of.table.get(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(value, key, "an array of tables");
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in array.iter() {
            if let Some(table) = item.get_ref().as_table() {
                self.check_keys(table, known);
                sections.push(Section { table, path: key });
            } else {
                self.wrong_type(item, key, "a table");
            }
        }
        sections
    }

    fn check_keys(&mut self, table: &DeTable<'_>, known: &[&str]) {
        for key in table.keys() {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                let help = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean '{near}'?"),
                    None => format!("known here: {}", known.join(", ")),
                };
                self.report(key.span(), "catalog/unknown-key", format!("unknown key '{name}'"), help);
            }
        }
    }

    pub(crate) fn wrong_type(&mut self, value: &Spanned<DeValue<'_>>, key: &str, expected: &str) {
        let message = format!("'{key}' is a {}, not {expected}", value.get_ref().type_str());
        self.report(value.span(), "catalog/wrong-type", message, String::new());
    }

    /// A text, if the key is there.
    pub(crate) fn text<'t>(&mut self, of: Section<'t>, key: &str) -> Option<&'t str> {
        let value = of.table.get(key)?;
        match value.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() => Some(text),
            Some(_) => {
                self.report(value.span(), "catalog/empty", format!("'{key}' is empty"), "leave the key out".to_owned());
                None
            }
            None => {
                self.wrong_type(value, key, "a text");
                None
            }
        }
    }

    /// A text that the file must have.
    pub(crate) fn required<'t>(&mut self, of: Section<'t>, key: &str) -> Option<&'t str> {
        if !of.table.contains_key(key) {
            let place = if of.path.is_empty() { String::new() } else { format!(" in [{}]", of.path) };
            self.report_missing(of, format!("'{key}' is missing{place}"));
        }
        self.text(of, key)
    }

    /// Reports what a section lacks, at its first key.
    pub(crate) fn report_missing(&mut self, of: Section<'_>, message: String) {
        let span = of.table.keys().map(Spanned::span).min_by_key(|s| s.start).unwrap_or_default();
        self.report(span, "catalog/missing", message, String::new());
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, of: Section<'_>, key: &str) -> Vec<String> {
        let Some(value) = of.table.get(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(value, key, "a list of texts");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in array.iter() {
            match item.get_ref().as_str() {
                Some(text) => texts.push(text.to_owned()),
                None => self.wrong_type(item, key, "a text"),
            }
        }
        texts
    }

    /// `true` or `false`; absent is `false`.
    pub(crate) fn flag(&mut self, of: Section<'_>, key: &str) -> bool {
        let Some(value) = of.table.get(key) else { return false };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong_type(value, key, "true or false");
            false
        })
    }

    /// A whole number from 1 to `most`.
    pub(crate) fn whole(&mut self, of: Section<'_>, key: &str, most: u32) -> Option<u32> {
        let value = of.table.get(key)?;
        self.whole_of(value, key, most)
    }

    pub(crate) fn whole_of(&mut self, value: &Spanned<DeValue<'_>>, key: &str, most: u32) -> Option<u32> {
        let number = value.get_ref().as_integer().and_then(|i| i64::from_str_radix(i.as_str(), i.radix()).ok());
        match number.map(u32::try_from) {
            Some(Ok(n)) if (1..=most).contains(&n) => Some(n),
            _ => {
                let message = format!("'{key}' is not a whole number from 1 to {most}");
                self.report(value.span(), "catalog/bad-count", message, String::new());
                None
            }
        }
    }

    /// A key's value, for shapes of their own.
    pub(crate) fn value<'t>(&self, of: Section<'t>, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        of.table.get(key)
    }

    /// Every key of a section.
    pub(crate) fn keys<'t>(&self, of: Section<'t>) -> Vec<&'t str> {
        of.table.keys().map(|k| &**k.get_ref()).collect()
    }

    /// A quantity with its source, between `least` and `most` in its base unit.
    pub(crate) fn fact<T: Quantity>(&mut self, of: Section<'_>, key: &str, sane: (f64, f64)) -> Option<Fact<T>> {
        let fact = self.silent_fact(of, key, |reader, value, name| reader.quantity::<T>(value, name, sane))?;
        self.entries.push(Entry::of(fact.path.split_once('.').map_or("", |(_, p)| p), &fact));
        Some(fact)
    }

    /// A number without unit, with its source.
    pub(crate) fn ratio(&mut self, of: Section<'_>, key: &str, sane: (f64, f64)) -> Option<Fact<f64>> {
        let fact = self.silent_fact(of, key, |reader, value, name| reader.number(value, name, sane))?;
        self.push_entry(&fact, "");
        Some(fact)
    }

    /// A number with a unit that no quantity has, "814 mm^2", with its source.
    pub(crate) fn suffixed(&mut self, of: Section<'_>, key: &str, sane: (f64, f64), unit: &str) -> Option<Fact<f64>> {
        let fact = self.silent_fact(of, key, |reader, value, name| {
            let number = value.get_ref().as_str().and_then(|t| t.trim().strip_suffix(unit)?.trim().parse::<f64>().ok());
            if number.is_none() {
                let help = format!("write \"1 {unit}\"");
                reader.report(value.span(), "catalog/bad-unit", format!("'{name}' is not a number of {unit}"), help);
            }
            reader.believable(value, name, number?, sane)
        })?;
        self.push_entry(&fact, unit);
        Some(fact)
    }

    fn push_entry(&mut self, fact: &Fact<f64>, unit: &str) {
        let units::Range { low, mid, high } = fact.value;
        let print = |n: f64| format!("{n} {unit}").trim_end().to_owned();
        self.entries.push(Entry {
            path: fact.path.split_once('.').map_or("", |(_, p)| p).to_owned(),
            value: print(mid),
            range: (low != high).then(|| (print(low), print(high))),
            kind: fact.kind,
            source: fact.source.clone(),
            note: fact.note.clone(),
        });
    }

    /// Reads `{ value, low, high, kind, source, note }`; `one` reads one of the first three.
    pub(crate) fn silent_fact<T: Copy + PartialOrd>(
        &mut self,
        of: Section<'_>,
        key: &str,
        one: impl Fn(&mut Self, &Spanned<DeValue<'_>>, &str) -> Option<T>,
    ) -> Option<Fact<T>> {
        let value = of.table.get(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.report(
                value.span(),
                "catalog/no-source",
                format!("'{key}' has no source"),
                format!("write {key} = {{ value = ..., kind = \"vendor\", source = \"key of sources.toml\" }}"),
            );
            one(self, value, key);
            return None;
        };
        self.check_keys(table, &["value", "low", "high", "kind", "source", "note"]);
        let section = Section { table, path: key };
        let before = self.found.len();
        let mid = table.get("value").and_then(|v| one(self, v, "value"));
        let low = table.get("low").and_then(|v| one(self, v, "low"));
        let high = table.get("high").and_then(|v| one(self, v, "high"));
        let kind = self.kind(section, value.span());
        let source = self.source(section, value.span());
        let note = self.text(section, "note").unwrap_or_default().to_owned();
        if !table.contains_key("value") {
            self.report(value.span(), "catalog/missing", format!("'{key}' has no value"), String::new());
        }
        let mid = mid?;
        let (low, high) = (low.unwrap_or(mid), high.unwrap_or(mid));
        if low > mid || mid > high {
            let message = format!("'{key}' is not ordered: low, value, high must not fall");
            self.report(value.span(), "catalog/unordered", message, String::new());
        }
        if self.found.len() > before {
            return None;
        }
        let dot = if of.path.is_empty() { "" } else { "." };
        let path = format!("{}.{}{dot}{key}", self.thing, of.path);
        Some(Fact { value: units::Range { low, mid, high }, kind: kind?, source: source?, note, path })
    }

    fn kind(&mut self, of: Section<'_>, span: Range<usize>) -> Option<Kind> {
        let names = "vendor, measured, analyst, derived, assumed";
        if !of.table.contains_key("kind") {
            let help = format!("add kind = one of {names}");
            self.report(span, "catalog/no-kind", format!("'{}' does not say what stands behind it", of.path), help);
            return None;
        }
        let name = self.text(of, "kind")?;
        let kind = Kind::from_name(name);
        if kind.is_none() {
            let span = of.table.get("kind").map_or(span, Spanned::span);
            self.report(span, "catalog/bad-kind", format!("unknown kind '{name}'"), format!("use one of {names}"));
        }
        kind
    }

    fn source(&mut self, of: Section<'_>, span: Range<usize>) -> Option<String> {
        if !of.table.contains_key("source") {
            let help = "add source = \"key of sources.toml\"".to_owned();
            self.report(span, "catalog/no-source", format!("'{}' has no source", of.path), help);
            return None;
        }
        let name = self.text(of, "source")?;
        if let Some(sources) = self.sources
            && !sources.contains(name)
        {
            let span = of.table.get("source").map_or(span, Spanned::span);
            let help = match nearest(name, sources.iter().map(String::as_str)) {
                Some(near) => format!("did you mean '{near}'?"),
                None => "add it to sources.toml with its title, publisher, date and url".to_owned(),
            };
            self.report(span, "catalog/unknown-source", format!("unknown source '{name}'"), help);
            return None;
        }
        Some(name.to_owned())
    }

    /// A quantity written as text.
    pub(crate) fn quantity<T: Quantity>(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        key: &str,
        (least, most): (f64, f64),
    ) -> Option<T> {
        let units = T::UNITS.iter().map(|u| u.name).collect::<Vec<_>>().join(", ");
        let Some(text) = value.get_ref().as_str() else {
            let bare = match value.get_ref() {
                DeValue::Integer(i) => i.as_str(),
                DeValue::Float(f) => f.as_str(),
                _ => {
                    self.wrong_type(value, key, "a quantity in quotes");
                    return None;
                }
            };
            let help = format!("write it in quotes with one of {units}");
            self.report(value.span(), "catalog/bare-number", format!("{bare} has no unit"), help);
            return None;
        };
        match text.parse::<T>() {
            Ok(quantity) if (least..=most).contains(&quantity.get()) => Some(quantity),
            Ok(quantity) => {
                let help = format!("it should be between {} and {}", T::new(least), T::new(most));
                self.report(value.span(), "catalog/absurd", format!("{quantity} is not believable here"), help);
                None
            }
            Err(error) => {
                let code = match error {
                    ParseError::Absurd(_) => "catalog/absurd",
                    ParseError::NoNumber(_) => "catalog/no-number",
                    ParseError::NoUnit { .. } => "catalog/bare-number",
                    ParseError::WrongUnit { .. } => "catalog/bad-unit",
                };
                self.report(value.span(), code, error.to_string(), String::new());
                None
            }
        }
    }

    /// A number without a unit.
    pub(crate) fn number(&mut self, value: &Spanned<DeValue<'_>>, key: &str, (least, most): (f64, f64)) -> Option<f64> {
        let number = match value.get_ref() {
            DeValue::Integer(i) => i64::from_str_radix(i.as_str(), i.radix()).ok().map(|n| n as f64),
            DeValue::Float(f) => f.as_str().parse::<f64>().ok(),
            _ => {
                self.wrong_type(value, key, "a number");
                return None;
            }
        };
        self.believable(value, key, number.unwrap_or(f64::NAN), (least, most))
    }

    fn believable(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        key: &str,
        number: f64,
        (least, most): (f64, f64),
    ) -> Option<f64> {
        if (least..=most).contains(&number) {
            return Some(number);
        }
        let message = format!("'{key}' is not a number from {least} to {most}");
        self.report(value.span(), "catalog/absurd", message, String::new());
        None
    }
}
