//! Predicted against measured.

pub mod case;
mod resolve;
pub mod run;
pub mod serving;
pub mod silicon;
mod text;

pub use run::{Bench, Row};
