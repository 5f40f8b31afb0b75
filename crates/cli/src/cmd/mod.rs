//! One file a command.

pub mod calibrate;
pub mod catalog;
pub mod compare_weights;
pub mod inspect;
pub mod model;
pub mod quantize;
pub mod report;
// Waits for `weigh`, whose findings it shows.
#[allow(dead_code)]
pub mod show;
pub mod validate;
