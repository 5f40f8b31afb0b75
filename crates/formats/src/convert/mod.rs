//! Converting a checkpoint: what to write is planned first, then data streams through with bounded memory.
//!
//! Output tensors have sizes that do not depend on values, so headers are final before any data is read. Work is cut
//! into rectangles of at most about two million values; workers read, convert, and read back what they made; one writer
//! puts results in order, hashes them, and keeps a journal. Everything goes into a folder beside the target that is
//! renamed when complete.

mod config;
mod journal;
mod layout;
mod manifest;
mod piece;
mod plan;
mod queue;
mod run;
mod select;
mod tensor_scale;
mod values;
mod work;
mod writer;

pub use layout::Layout;
pub use manifest::{MANIFEST, Verified, verify};
pub(crate) use piece::rects;
pub use plan::{Action, Plan, Task};
pub use run::{Outcome, Progress, partial_of, run};
pub use select::matches;

use crate::{Container, ScaleRule};

/// What to do with blocks that hold infinities or NaN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NonFinite {
    /// Stop with an error that names the tensor.
    #[default]
    Refuse,
    /// Give the block the scale NaN, as microscaling formats allow. Only for them.
    Mark,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// The container of the weights.
    pub container: Container,
    /// The naming and configuration, or the usual one of the container.
    pub layout: Option<Layout>,
    /// The scale rule, or the best one of the element.
    pub rule: Option<ScaleRule>,
    /// Store tile scales as F8_E8M0 under DeepSeek V4's names instead of as F32.
    pub e8m0_scales: bool,
    /// Tensors to keep as they are: patterns with `*` and `?`, or parts of names.
    pub skip: Vec<String>,
    /// Write a GGUF source that could not be put into Hugging Face terms under its own names, without a configuration.
    pub keep_names: bool,
    /// Stop unless every value stays the same.
    pub lossless: bool,
    /// Allow values that were rounded before to be rounded again.
    pub requant: bool,
    /// What to do with infinities and NaN.
    pub non_finite: NonFinite,
    /// Replace an existing output.
    pub overwrite: bool,
    /// Go on with what an interrupted run left.
    pub resume: bool,
    /// Threads that convert; 0 means one per core, at most four.
    pub threads: usize,
}

impl Options {
    /// Everything at its default for a container.
    pub fn to(container: Container) -> Options {
        Options {
            container,
            layout: None,
            rule: None,
            e8m0_scales: false,
            skip: Vec::new(),
            keep_names: false,
            lossless: false,
            requant: false,
            non_finite: NonFinite::Refuse,
            overwrite: false,
            resume: false,
            threads: 0,
        }
    }
}
