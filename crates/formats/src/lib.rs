//! Number formats, block scaling and checkpoint conversion. Knows no models and no chips.

pub mod codec;
pub mod container;
pub mod kernel;
pub mod rule;
pub mod scheme;

pub use container::{Container, TensorScale, Values};
pub use rule::ScaleRule;
pub use scheme::{Element, Scale, Scheme};
