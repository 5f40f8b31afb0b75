//! Where facts come from.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::read::Reader;

const KNOWN: &[&str] = &["title", "publisher", "date", "url", "retrieval"];
const RETRIEVALS: &[&str] =
    &["read", "read-transcript", "excerpt", "secondary", "index", "mirror", "recalled", "derived", "none"];

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
pub(crate) fn read(file: &str, text: &str) -> (BTreeMap<String, Source>, Vec<Diagnostic>) {
    let mut r = Reader::new(file, text, "sources".to_owned(), None);
    let table = r.parse();
    let mut sources = BTreeMap::new();
    let names: Vec<&str> = table.keys().map(|k| &**k.get_ref()).collect();
    let top = r.top(&table, &names);
    for name in names {
        let Some(of) = r.section(top, name, KNOWN) else { continue };
        let mut get = |key: &str, required: bool| {
            if required { r.required(of, key) } else { r.text(of, key) }.unwrap_or_default().to_owned()
        };
        let source = Source {
            title: get("title", true),
            publisher: get("publisher", true),
            date: get("date", true),
            url: get("url", false),
            retrieval: get("retrieval", true),
        };
        if !source.retrieval.is_empty() && !RETRIEVALS.contains(&source.retrieval.as_str()) {
            let span = r.value(of, "retrieval").map(|v| v.span()).unwrap_or_default();
            let message = format!("unknown retrieval '{}'", source.retrieval);
            r.report(span, "source/bad-retrieval", message, format!("use one of {}", RETRIEVALS.join(", ")));
        }
        sources.insert(name.to_owned(), source);
    }
    (sources, r.found)
}
