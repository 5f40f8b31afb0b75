//! Predicted against measured.

mod bars;
pub mod case;
mod file;
mod load;
mod open;
mod physics;
mod point;
mod reading;
#[cfg(test)]
mod replayed;
mod resolve;
mod run;
mod seen;
pub mod serving;
pub mod silicon;
mod single;
mod stats;
mod text;

pub use bars::{Bar, What, bars};
pub use file::{File, UnknownHeader};
pub use point::{Kind, Point, Predicted, basis_name};
pub use run::Bench;
pub use single::{SingleError, collectives, operators};
pub use stats::{By, Errors, groups, quantile, refusals};
