//! `steelyard train`: the best parallel plan for every system.

use std::collections::BTreeMap;

use catalog::Framework;

/// The built-in profiles of frameworks.
pub fn frameworks() -> Result<BTreeMap<String, Framework>, String> {
    let load = |name: &str| match Framework::load(name) {
        Ok(found) => Ok((name.to_owned(), found)),
        Err(faults) => Err(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    };
    Framework::names().into_iter().map(load).collect()
}
