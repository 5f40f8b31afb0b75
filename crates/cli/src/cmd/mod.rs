//! One file a command.

pub mod compare_weights;
pub mod inspect;
pub mod quantize;
