//! One file a command.

pub mod calibrate;
