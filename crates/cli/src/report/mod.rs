//! The report: one HTML file that needs nothing else, in both languages.
//!
//! Static: everything shows without JavaScript and on paper. A small script adds tooltips, sorting, the choice of language
//! and theme, and hiding systems. The content security policy lets nothing but this style and this script run.

mod back;
pub mod claims;
mod columns;
mod csv;
mod detail;
mod figures;
mod goodput;
mod operators;
mod page;
pub mod plan;
mod ranking;
mod replay;
pub mod train;
mod weights;
mod write;

pub use columns::{parquet, parquet_of_table};
pub use csv::csv;
pub use goodput::goodput;
pub use page::{SCRIPT, STYLE, render, sections};
pub use replay::render as render_replay;
pub use weights::render as render_weights;
pub use write::{WriteError, stop_between_files, write};

use serde::Serialize;

/// Findings as pretty JSON, the same bytes for the same findings.
pub fn json(findings: &impl Serialize) -> String {
    // Only maps with keys that are not text could fail, and findings hold none.
    let mut text = serde_json::to_string_pretty(findings).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;
