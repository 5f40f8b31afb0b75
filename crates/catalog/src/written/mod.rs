//! A TOML document as written: values with their places, read once by a program that notes every fault and goes on.
//!
//! Reading is a walk: ask a [`Table`] for a key and say what it should be. A fault becomes a [`Diagnostic`] and the
//! answer `None`, so that one pass finds all faults. Keys that nobody asked for are unknown keys.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range as Span;

use toml::Spanned;
use toml::de::DeTable;

mod fact;
mod spelling;
mod value;

pub use crate::Diagnostic;
pub use spelling::{nearest, short};
pub use value::Value;

/// Faults that one file may have; nobody reads further, and finding the line of each takes time.
const MOST_FAULTS: usize = 100;

/// Texts longer than this are not read on after their first syntax error.
const RECOVERED_BYTES: usize = 1 << 18;

/// The text of a file and the faults found in it.
#[derive(Debug)]
pub struct Document<'t> {
    file: &'t str,
    text: &'t str,
    faults: RefCell<Vec<Diagnostic>>,
}

impl<'t> Document<'t> {
    /// A document that has not been walked yet.
    pub fn new(file: &'t str, text: &'t str) -> Self {
        Document { file, text, faults: RefCell::new(Vec::new()) }
    }

    /// Parses the text. Broken syntax is noted, and what could be understood is returned all the same.
    pub fn parse(&self) -> Spanned<DeTable<'t>> {
        // A large text of another kind would yield a fault for nearly every byte: its first one will do.
        if self.text.len() > RECOVERED_BYTES {
            return DeTable::parse(self.text).unwrap_or_else(|error| {
                self.syntax(&error);
                Spanned::new(0..0, DeTable::new())
            });
        }
        let (root, errors) = DeTable::parse_recoverable(self.text);
        errors.iter().for_each(|error| self.syntax(error));
        root
    }

    fn syntax(&self, error: &toml::de::Error) {
        self.fault(error.span().unwrap_or(0..0), "", error.message(), "");
    }

    /// Notes a fault.
    pub fn fault(&self, span: Span<usize>, path: &str, message: impl Into<String>, remedy: impl Into<String>) {
        if self.faults.borrow().len() >= MOST_FAULTS {
            return;
        }
        let (line, column) = self.place(span.start);
        let mut fault = Diagnostic::of_file(self.file, message, remedy);
        if !path.is_empty() {
            fault.message = format!("{path}: {}", fault.message);
        }
        self.faults.borrow_mut().push(Diagnostic { line, column, ..fault });
    }

    /// Whether nothing is wrong so far.
    pub fn is_sound(&self) -> bool {
        self.faults.borrow().is_empty()
    }

    /// All faults in order of place.
    pub fn into_faults(self) -> Vec<Diagnostic> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|f| (f.line, f.column));
        faults.dedup();
        faults
    }

    fn place(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset.min(self.text.len())).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
        (line, column)
    }
}

/// A table being read.
#[derive(Debug)]
pub struct Table<'d, 't> {
    doc: &'d Document<'t>,
    table: &'d DeTable<'t>,
    span: Span<usize>,
    path: String,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'d, 't> Table<'d, 't> {
    /// The table that is the whole document.
    pub fn root(doc: &'d Document<'t>, root: &'d Spanned<DeTable<'t>>) -> Self {
        Table { doc, table: root.get_ref(), span: 0..0, path: String::new(), asked: RefCell::default() }
    }

    /// The value of a key, if it is written.
    pub fn get(&self, key: &'static str) -> Option<Value<'d, 't>> {
        self.asked.borrow_mut().insert(key);
        let value = self.table.get(key)?;
        Some(Value { doc: self.doc, value, path: join(&self.path, key) })
    }

    /// The value of a key that must be written.
    pub fn need(&self, key: &'static str, remedy: &str) -> Option<Value<'d, 't>> {
        let found = self.get(key);
        if found.is_none() {
            self.doc.fault(self.span.clone(), &join(&self.path, key), "is missing", remedy);
        }
        found
    }

    /// Keys as written, with their values: for tables whose keys are names.
    pub fn entries(&self) -> impl Iterator<Item = (&'d str, Value<'d, 't>)> + use<'d, 't> {
        let (doc, path) = (self.doc, self.path.clone());
        self.table.iter().map(move |(key, value)| {
            let key = key.get_ref().as_ref();
            (key, Value { doc, value, path: join(&path, key) })
        })
    }

    /// Notes a fault of the table as a whole.
    pub fn fault(&self, message: impl Into<String>, remedy: impl Into<String>) {
        self.doc.fault(self.span.clone(), &self.path, message, remedy);
    }

    /// Ends the reading: every key that was not asked for is a fault.
    pub fn finish(self) {
        let asked = self.asked.into_inner();
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if asked.contains(name) {
                continue;
            }
            let remedy = match nearest(name, asked.iter().copied()) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("known here: {}", asked.iter().copied().collect::<Vec<_>>().join(", ")),
            };
            self.doc.fault(key.span(), &self.path, format!("unknown key '{}'", short(name)), remedy);
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { short(key) } else { format!("{path}.{}", short(key)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::{Bytes, Range, Seconds};

    fn faults(text: &str, read: impl Fn(&Table)) -> Vec<String> {
        let doc = Document::new("t.toml", text);
        let root = doc.parse();
        let table = Table::root(&doc, &root);
        read(&table);
        table.finish();
        doc.into_faults().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_fault_says_where_what_and_what_instead() {
        let found = faults("size = 80\n[a]\nwait = \"3 GB\"\nwiat = 1\n", |t| {
            assert!(t.get("size").expect("written").quantity(Bytes(0.0), Bytes(1e12)).is_none());
            let a = t.get("a").expect("written").table("").expect("a table");
            assert!(a.get("wait").expect("written").quantity(Seconds(0.0), Seconds(1.0)).is_none());
            a.finish();
        });
        assert_eq!(found[0], "t.toml:1:8: size: is a bare number; write a text with a unit: \"80 B\"");
        assert!(found[1].starts_with("t.toml:3:8: a.wait: 'GB' is not a unit here"), "{}", found[1]);
        assert_eq!(found[2], "t.toml:4:1: a: unknown key 'wiat'; did you mean 'wait'?");
    }

    #[test]
    fn a_range_is_one_two_or_three_values() {
        let range = |text: &str| {
            let text = format!("x = {text}");
            let doc = Document::new("t", &text);
            let root = doc.parse();
            Table::root(&doc, &root).get("x").expect("written").fractions(0.0, 2.0)
        };
        assert_eq!(range("\"25 %\""), Some(Range::exact(0.25)));
        assert_eq!(range("[0.5, 1]"), Some(Range { low: 0.5, mid: 0.75, high: 1.0 }));
        assert_eq!(range("[0.5, \"60 %\", 1]"), Some(Range { low: 0.5, mid: 0.6, high: 1.0 }));
        for bad in ["[1, 0.5]", "[]", "[1]", "nan", "inf", "-0.1", "\"x %\"", "\"nan %\"", "true"] {
            assert_eq!(range(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_are_matched_across_spelling_habits() {
        let names = ["nvidia_hgx_h200", "amd_mi355x_node"];
        assert_eq!(nearest("nvidia-hgx-h20", names.into_iter()), Some("nvidia_hgx_h200"));
        assert_eq!(nearest("Intel", names.into_iter()), None);
    }

    #[test]
    fn columns_count_characters() {
        let found = faults("名 = 1\n\"重量\" = { 重 = 2, b = \"x\" }\n", |t| {
            assert!(t.get("重量").and_then(|v| v.table("")).expect("table").get("b").expect("b").count(0, 1).is_none());
        });
        assert!(found.iter().any(|f| f.starts_with("t.toml:2:21: 重量.b: is a text")), "{found:?}");
    }
}
