//! Execution traces (Chakra ET): found and read, told, replayed on the fabric of a system, and written.
//!
//! ```text
//! FILE or FOLDER ──open──> Traces ──show──> Shown
//!                            └──replay (sim::chakra, exchanges timed by fabric::estimate)──> Replayed, timeline
//! write: a collective, or the step of a training plan ──> files, one a rank
//! ```

mod files;
mod network;
mod replay;
mod show;
#[cfg(test)]
mod tests;
mod write;

pub use files::{GROUPS_FILE, TraceError, Traces, open};
pub use replay::{ExchangeFinding, Fabric, Replayed, Stopped, replay};
pub use show::{CollectiveShown, KindShown, Shown, show};
pub use write::{Asked, collective, operations};
