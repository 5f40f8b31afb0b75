//! One file a command.

pub mod calibrate;
pub mod model;
