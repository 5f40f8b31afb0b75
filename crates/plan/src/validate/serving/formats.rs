//! Number formats by name.

use formats::{Element, Scheme};

use super::Row;
use crate::validate::case::CaseFormats;
use crate::validate::reading::{Reading, matches};
use crate::validate::text::has;

/// Formats as the row names them.
pub(super) fn formats(row: &Row<'_>) -> CaseFormats {
    let named = Reading::embedded().format.iter().find(|f| matches(&f.texts, |column| row.get(column)));
    let dense = named.and_then(|f| f.dense.as_deref()).and_then(scheme);
    let experts = named.and_then(|f| f.experts.as_deref()).and_then(scheme).or(dense);
    CaseFormats { dense, experts, kv: kv(row.get("kv_fmt")) }
}

fn scheme(name: &str) -> Option<Scheme> {
    if name == "fp8" { Some(Scheme::plain(Element::E4m3)) } else { Scheme::from_name(name) }
}

fn kv(text: &str) -> Option<Scheme> {
    if text.starts_with("FP8") && !has(text, "or BF16") {
        Some(Scheme::plain(Element::E4m3))
    } else if text.starts_with("BF16") || text.starts_with("FP16") {
        Some(Scheme::BF16)
    } else {
        None
    }
}
