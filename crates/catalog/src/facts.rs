//! Reading the facts of one thing: typed for the program, printed for showing, with sources that exist.

use std::cell::RefCell;
use std::collections::BTreeSet;

use units::{Quantity, Range};

use crate::Diagnostic;
use crate::fact::{Entry, Fact};
use crate::written::{Document, Table, Value, nearest, short};

/// Keys of the sources that may be named.
pub(crate) type Sources = BTreeSet<String>;

/// The facts of one thing as they are read.
pub(crate) struct Facts<'a> {
    /// `chips/nvidia_h100_sxm`: what paths start with.
    thing: String,
    sources: &'a Sources,
    entries: RefCell<Vec<Entry>>,
}

impl<'a> Facts<'a> {
    pub(crate) fn new(thing: String, sources: &'a Sources) -> Self {
        Facts { thing, sources, entries: RefCell::default() }
    }

    /// Every fact read so far, in order of reading.
    pub(crate) fn into_entries(self) -> Vec<Entry> {
        self.entries.into_inner()
    }

    /// The quantity of a key, if written; `sane` bounds it in its base unit, so that a slip of a prefix falls outside.
    pub(crate) fn quantity<Q: Quantity>(
        &self,
        table: &Table,
        key: &'static str,
        (low, high): (f64, f64),
    ) -> Option<Fact<Q>> {
        self.of(&table.get(key)?, |v| v.quantity(Q::new(low), Q::new(high)), |q| q.to_string())
    }

    /// The number without unit of a key, if written.
    pub(crate) fn number(&self, table: &Table, key: &'static str, (low, high): (f64, f64)) -> Option<Fact<f64>> {
        self.of(&table.get(key)?, |v| v.number(low, high), |n| n.to_string())
    }

    /// A fact by a reader and a printer of its own.
    pub(crate) fn of<T: Copy + PartialOrd>(
        &self,
        value: &Value,
        one: impl Fn(&Value) -> Option<T>,
        print: impl Fn(T) -> String,
    ) -> Option<Fact<T>> {
        let source = value.as_table().and_then(|t| t.get("source"));
        let known = source.is_none_or(|v| self.check_source(v).is_some());
        let fact = value.fact(&self.thing, one).filter(|_| known)?;
        let Range { low, mid, high } = fact.value;
        self.entries.borrow_mut().push(Entry {
            path: value.path().to_owned(),
            value: print(mid),
            range: (low != high).then(|| (print(low), print(high))),
            kind: fact.kind,
            source: fact.source.clone(),
            note: fact.note.clone(),
        });
        Some(fact)
    }

    /// A source that must be in `sources.toml`.
    pub(crate) fn check_source(&self, value: Value) -> Option<String> {
        let name = value.text("name a key of sources.toml")?;
        if !self.sources.contains(name) {
            let remedy = match nearest(name, self.sources.iter().map(String::as_str)) {
                Some(near) => format!("did you mean '{near}'?"),
                None => "add it to sources.toml with title, publisher, date and retrieval".to_owned(),
            };
            value.fault(format!("source '{}' is unknown", short(name)), remedy);
            return None;
        }
        Some(name.to_owned())
    }
}

/// A text of a key, if written.
pub(crate) fn text(table: &Table, key: &'static str) -> Option<String> {
    table.get(key)?.text("leave the key out").map(str::to_owned)
}

/// A text that must be written; empty where it is not, which is a fault.
pub(crate) fn need_text(table: &Table, key: &'static str) -> String {
    table.need(key, "write a text").and_then(|v| v.text("write a text")).unwrap_or_default().to_owned()
}

/// A list of texts, empty where the key is not written.
pub(crate) fn texts(table: &Table, key: &'static str) -> Vec<String> {
    let list = table.get(key).and_then(|v| v.list("write a list of texts")).unwrap_or_default();
    list.iter().filter_map(|v| v.text("write a text")).map(str::to_owned).collect()
}

/// Walks the tables under `[[key]]`, each with its own unknown keys.
pub(crate) fn each(table: &Table, key: &'static str, mut read: impl FnMut(usize, &Table)) {
    let list = table.get(key).and_then(|v| v.list(&format!("write [[{key}]]"))).unwrap_or_default();
    for (index, value) in list.iter().enumerate() {
        if let Some(row) = value.table(&format!("write [[{key}]]")) {
            read(index, &row);
            row.finish();
        }
    }
}

/// Walks the table `[key]`, if written.
pub(crate) fn within(table: &Table, key: &'static str, read: impl FnOnce(&Table)) {
    if let Some(inner) = table.get(key).and_then(|v| v.table(&format!("write [{key}]"))) {
        read(&inner);
        inner.finish();
    }
}

/// Reads a whole document.
pub(crate) fn document<T>(file: &str, text: &str, read: impl FnOnce(&Table) -> T) -> (T, Vec<Diagnostic>) {
    let doc = Document::new(file, text);
    let root = doc.parse();
    let table = Table::root(&doc, &root);
    let read = read(&table);
    table.finish();
    (read, doc.into_faults())
}
