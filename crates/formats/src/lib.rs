//! Number formats, block scaling and checkpoint conversion. Knows no models and no chips.

pub mod checkpoint;
pub mod codec;
pub mod compare;
pub mod container;
pub mod convert;
pub mod error;
pub mod inspect;
pub mod kernel;
pub mod note;
pub mod rule;
pub mod scheme;
pub mod stats;

pub use container::{Container, TensorScale, Values};
pub use error::Error;
pub use note::Note;

pub use rule::ScaleRule;
pub use scheme::{Element, Scale, Scheme};
pub use stats::ErrorStats;
