//! One file a command.

pub mod calibrate;
pub mod catalog;
pub mod explain;
mod ground;
pub mod model;
pub mod report;
pub mod show;
pub mod weigh;
