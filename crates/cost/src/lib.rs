//! Time, bytes, flop and energy of operators, collectives and deployments. Pure functions: no files, no clock, no
//! threads, no randomness. Knows no requests, no searches and no prices.

pub mod comm;
pub mod op;
pub mod step;

pub use op::{Op, Work};
pub use step::{Batch, StepCost};
