//! A study, checked: the question that a `study.toml` asks.
//!
//! [`read`] takes a file, [`check`] a text; both give the whole question or all that is wrong with it.

use std::path::Path;

use catalog::{Catalog, Diagnostic, Fact, Model, System};
use formats::Scheme;
use units::{Range, Seconds, UsdPerKilowattHour};

use crate::money::Priced;
pub use crate::traffic::{Lengths, Load, Traffic};
pub use given::{Degrees, Given, GivenFault};

mod assume;
pub(crate) mod files;
mod given;
pub(crate) mod lengths;
pub(crate) mod prices;
pub(crate) mod sections;
pub(crate) mod systems;
#[cfg(test)]
mod tests;
pub(crate) mod train_parts;
pub(crate) mod work;

/// The question.
#[derive(Debug, Clone)]
pub struct Study {
    /// What it is about.
    pub title: String,
    /// The model to serve.
    pub model: Model,
    /// Storage of the weights; `None`: as published.
    pub weights: Option<Scheme>,
    /// Storage of the cache; `None`: FP8 where weights are 8 bits or fewer and the engine can, else BF16.
    pub kv: Option<Scheme>,
    /// What users send.
    pub traffic: Traffic,
    /// What users are promised.
    pub levels: Levels,
    /// What makes one answer better than another.
    pub objective: Objective,
    /// The candidates, in order of the file.
    pub systems: Vec<Candidate>,
    /// Systems that were asked for and lack facts.
    pub incomplete: Vec<Incomplete>,
    /// Money beside the systems' own prices.
    pub money: Money,
    /// Limits of the search.
    pub search: SearchLimits,
    /// Every random draw starts here.
    pub seed: u64,
}

/// A statistic of a latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// Arithmetic mean.
    Mean,
    /// Median.
    P50,
    /// 90th percentile.
    P90,
    /// 99th percentile.
    P99,
}

/// What users are promised.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Levels {
    /// Time to first token, each statistic with its bound.
    pub ttft: Vec<(Statistic, Seconds)>,
    /// Time per output token after the first.
    pub tpot: Vec<(Statistic, Seconds)>,
    /// End to end.
    pub e2e: Vec<(Statistic, Seconds)>,
}

/// What makes one answer better than another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// Least money per generated token.
    CostPerToken,
    /// Most generated tokens per second and chip.
    TokensPerChip,
    /// Least energy per generated token.
    Energy,
    /// Fewest chips (with a fixed load).
    Chips,
}

/// Objectives by the name that a study writes.
pub const OBJECTIVES: [(&str, Objective); 4] = [
    ("cost per token", Objective::CostPerToken),
    ("tokens per chip", Objective::TokensPerChip),
    ("energy", Objective::Energy),
    ("chips", Objective::Chips),
];

/// A candidate system.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The system, with as many chips as are used: its own number unless the study says otherwise.
    pub system: System,
    /// Those chips.
    pub chips: u32,
    /// Engine profile by name; `None`: the best of those that run on it.
    pub engine: Option<String>,
    /// What the study names of the set-up.
    pub given: Given,
    /// Price of one chip: the study's, else the catalog's, if either knows one.
    pub price: Option<Priced>,
    /// Surcharge or duty on the purchase price or rent, as a fraction.
    pub surcharge: Range<f64>,
    /// Share of the surcharge that reaches the buyer.
    pub pass_through: Range<f64>,
}

/// A system that cannot be weighed yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Incomplete {
    /// Key in the catalog.
    pub id: String,
    /// Chips asked for, if the study says.
    pub chips: Option<u32>,
    /// Paths of the missing facts.
    pub missing: Vec<String>,
}

/// Which of the catalog's prices count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Rent where there is one, else purchase.
    Any,
    /// Rent only.
    Rent,
    /// Purchase only.
    Purchase,
}

/// Money beside the systems' own prices. What a study does not say is taken from its region.
#[derive(Debug, Clone, PartialEq)]
pub struct Money {
    /// Region whose prices are used.
    pub region: String,
    /// Which of the catalog's prices count.
    pub basis: Basis,
    /// Price of electricity.
    pub electricity: Fact<UsdPerKilowattHour>,
    /// Facility power over IT power.
    pub pue: Fact<f64>,
    /// Power of a whole system over the design power of its chips, where the system's own is unknown.
    pub system_power: Fact<f64>,
    /// Years over which a purchase is written off.
    pub lifetime_years: Fact<f64>,
    /// Share of the time that the system is sold.
    pub utilisation: Fact<f64>,
}

/// Limits of the search.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchLimits {
    /// Prefill and decode on the same chips.
    pub aggregated: bool,
    /// Prefill and decode on separate chips.
    pub disaggregated: bool,
    /// Requests simulated for each point.
    pub requests: u64,
    /// Points of the Pareto curve that are simulated beside those of the search.
    pub curve: usize,
}

/// Where the names in a study are looked up.
#[derive(Debug, Clone, Copy)]
pub struct Library<'a> {
    /// Chips and systems.
    pub catalog: &'a Catalog,
    /// A catalog folder of the user's own, which may have models.
    pub folder: Option<&'a Path>,
}

/// Reads a study from a file. Files that it names are looked for beside it.
///
/// # Errors
/// All that is wrong with the file and the files that it names.
pub fn read(path: &Path, library: Library) -> Result<Study, Vec<Diagnostic>> {
    sections::from_file(path, |name, text, folder| check(name, text, folder, library))
}

/// Checks the text of a study. `name` is what faults call the file; without a `folder` it may not name other files.
///
/// # Errors
/// All that is wrong, in order of place.
pub fn check(name: &str, text: &str, folder: Option<&Path>, library: Library) -> Result<Study, Vec<Diagnostic>> {
    sections::check(name, text, folder, library)
}
