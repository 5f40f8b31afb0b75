//! Predicted against measured.

pub mod case;
pub mod serving;
pub mod silicon;
mod text;
