//! One file a command.

pub mod calibrate;
pub mod catalog;
pub mod model;
