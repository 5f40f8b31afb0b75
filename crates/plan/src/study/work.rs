//! A class of work: the part of a study that says what is served, without who serves it.

use std::path::Path;

use catalog::written::{Table, short};

use super::sections::{everything, levels, model, money, scheme, search, traffic};
use super::{Levels, Library, Objective, Study};

/// Reads model, formats, traffic and levels from a table that holds more. `None` after a fault.
pub(crate) fn work(table: &Table, folder: Option<&Path>, library: Library) -> Option<Study> {
    let name = table.get("model").is_none();
    let model = table.need("model", "name a built-in model or a folder with a config.json");
    let model = model.and_then(|v| self::model(&v, folder, library));
    let weights = table.get("weights").map_or(Some(None), |v| scheme(&v));
    let kv = table.get("kv").map_or(Some(None), |v| scheme(&v));
    let traffic = table.need("traffic", "write a table with input and output");
    let traffic = traffic.and_then(|v| self::traffic(&v, folder, model.as_ref()));
    let levels = table.get("levels").map_or_else(|| Some(Levels::default()), |v| levels(&v));
    let search = table.get("search").map_or_else(|| Some(everything()), |v| search(&v));
    if name {
        return None;
    }
    let model = model?;
    Some(Study {
        title: short(&model.name),
        model,
        weights: weights?,
        kv: kv?,
        traffic: traffic?,
        levels: levels?,
        objective: Objective::TokensPerChip,
        systems: Vec::new(),
        incomplete: Vec::new(),
        // Of the world: rates do not depend on money, and what a plan pays is its own matter.
        money: money(None, &library.catalog.regions)?,
        search: search?,
        seed: 1,
    })
}

/// A storage scheme, or `None` for what is published.
pub(crate) fn stored(value: &catalog::written::Value) -> Option<Option<formats::Scheme>> {
    scheme(value)
}
