//! One file a command.

pub mod catalog;
