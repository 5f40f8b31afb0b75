//! One file a command.

pub mod model;
