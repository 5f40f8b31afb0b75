//! What is made, ordered and licensed; and how work moves to other stacks.

use std::collections::BTreeSet;

use crate::facts::{Facts, Sources, document, each, need_text, text, texts};
use crate::written::{nearest, short};
use crate::{Diagnostic, Fact};

/// A count of chips, cards or dies, or a share.
#[derive(Debug, Clone, PartialEq)]
pub struct Supply {
    /// What it is about.
    pub subject: String,
    /// Ids of chips that it is about.
    pub chips: Vec<String>,
    /// `output`, `output-target`, `order`, `licence`, `stock`, `share`, ...
    pub kind: String,
    /// Where.
    pub region: String,
    /// When.
    pub date: String,
    /// What is counted.
    pub unit: String,
    /// How many.
    pub amount: Fact<f64>,
}

/// What a stack can do, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Porting {
    /// `ascend`, `rocm`, `tpu`, ...
    pub stack: String,
    /// Products that it is about; empty for all.
    pub scope: String,
    /// `code_path`, `quant_fp8`, `migration_effort`, ...
    pub capability: String,
    /// What is said.
    pub says: String,
    /// Since when, if known.
    pub since: Option<String>,
    /// Key of the source.
    pub source: String,
    /// Remark.
    pub note: String,
}

/// Reads `supply.toml` over what is there: rows of a subject take the place of all earlier ones of it.
pub(crate) fn read_supply(
    all: &mut Vec<Supply>,
    file: &str,
    written: &str,
    sources: &Sources,
    chips: &BTreeSet<&str>,
) -> Vec<Diagnostic> {
    let facts = Facts::new("supply".to_owned(), sources);
    let mut new: Vec<Supply> = Vec::new();
    let (_, found) = document(file, written, |top| {
        each(top, "supply", |_, row| {
            let subject = need_text(row, "subject");
            let named = texts(row, "chips");
            for chip in named.iter().filter(|c| !chips.contains(c.as_str())) {
                let near = nearest(chip, chips.iter().copied()).map(|n| format!("did you mean '{n}'?"));
                row.fault(format!("'{}' is not the id of a chip", short(chip)), near.unwrap_or_default());
            }
            let (kind, region) = (need_text(row, "kind"), need_text(row, "region"));
            let (date, unit) = (need_text(row, "date"), need_text(row, "unit"));
            let amount = row.need("amount", "write { value = .., kind = .., source = .. }");
            let Some(mut amount) = amount.and_then(|_| facts.number(row, "amount", (0.0, 1e12))) else { return };
            amount.path = format!("supply/{subject}/{kind}/{date}");
            new.push(Supply { subject, chips: named, kind, region, date, unit, amount });
        });
    });
    all.retain(|old| !new.iter().any(|n| n.subject == old.subject));
    all.extend(new);
    found
}

/// Reads `porting.toml` over what is there: rows of a stack take the place of all earlier ones of it.
pub(crate) fn read_porting(all: &mut Vec<Porting>, file: &str, written: &str, sources: &Sources) -> Vec<Diagnostic> {
    let facts = Facts::new("porting".to_owned(), sources);
    let mut new: Vec<Porting> = Vec::new();
    let (_, found) = document(file, written, |top| {
        each(top, "porting", |_, row| {
            let source = row.need("source", "name a key of sources.toml").and_then(|v| facts.check_source(v));
            new.push(Porting {
                stack: need_text(row, "stack"),
                scope: text(row, "scope").unwrap_or_default(),
                capability: need_text(row, "capability"),
                says: need_text(row, "says"),
                since: text(row, "since"),
                source: source.unwrap_or_default(),
                note: text(row, "note").unwrap_or_default(),
            });
        });
    });
    all.retain(|old| !new.iter().any(|n| n.stack == old.stack));
    all.extend(new);
    found
}
