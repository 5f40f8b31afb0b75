//! Where facts come from.

use std::collections::BTreeMap;

use crate::Diagnostic;
use crate::facts::{need_text, text};
use crate::written::{Document, Table};

/// How the text of a source may have been known.
const RETRIEVALS: [(&str, &str); 9] = [
    ("read", "read"),
    ("read-transcript", "read-transcript"),
    ("excerpt", "excerpt"),
    ("secondary", "secondary"),
    ("index", "index"),
    ("mirror", "mirror"),
    ("recalled", "recalled"),
    ("derived", "derived"),
    ("none", "none"),
];

/// A document, page, table or data set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// Title.
    pub title: String,
    /// Who published it.
    pub publisher: String,
    /// When, as far as known: a day, a month or a year.
    pub date: String,
    /// Address; empty where it has no public one.
    pub url: String,
    /// How its text was known: `read`, `excerpt`, `secondary` (through a text that quotes it), `recalled`, ...
    pub retrieval: String,
}

/// Reads `sources.toml`: a table a source.
pub(crate) fn read(file: &str, written: &str) -> (BTreeMap<String, Source>, Vec<Diagnostic>) {
    let doc = Document::new(file, written);
    let root = doc.parse();
    let mut sources = BTreeMap::new();
    for (name, value) in Table::root(&doc, &root).entries() {
        let Some(table) = value.table("write a table with title, publisher, date, url and retrieval") else { continue };
        let retrieval = table.need("retrieval", "say how its text was known").and_then(|v| v.choice(&RETRIEVALS));
        let source = Source {
            title: need_text(&table, "title"),
            publisher: need_text(&table, "publisher"),
            date: need_text(&table, "date"),
            url: text(&table, "url").unwrap_or_default(),
            retrieval: retrieval.unwrap_or_default().to_owned(),
        };
        table.finish();
        sources.insert(name.to_owned(), source);
    }
    (sources, doc.into_faults())
}
