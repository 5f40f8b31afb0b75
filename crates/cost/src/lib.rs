//! Time, bytes, flop and energy of operators, collectives and deployments. Pure functions: no files, no clock, no
//! threads, no randomness. Knows no requests, no searches and no prices.

pub mod calibration;
pub mod deploy;
pub mod op;
pub mod step;
pub mod train;

pub use calibration::{Basis, Bound, Calibration, Device, OpTime, arithmetic_for};
pub use fabric::price as comm;
pub use op::{Op, Work};
pub use step::{Batch, StepCost};
