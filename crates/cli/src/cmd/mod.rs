//! One file a command.

pub mod calibrate;
pub mod catalog;
pub mod claims;
pub mod compare_weights;
pub mod explain;
pub mod fabric;
pub mod goodput;
pub mod ground;
pub mod inspect;
pub mod model;
pub mod plan;
pub mod quantize;
pub mod replay;
pub mod report;
pub mod show;
pub mod trace;
pub mod train;
pub mod validate;
pub mod weigh;

/// Prints the answer of a command on checkpoints.
///
/// # Errors
/// If standard output cannot be written.
fn print(text: &str) -> Result<(), formats::Error> {
    crate::table::print(text).map_err(|e| formats::Error::io("standard output".as_ref(), "write", e))
}
