//! One file a command.

pub mod calibrate;
pub mod catalog;
pub mod claims;
pub mod compare_weights;
pub mod explain;
mod ground;
pub mod inspect;
pub mod model;
pub mod plan;
pub mod quantize;
pub mod report;
pub mod show;
pub mod validate;
pub mod weigh;
