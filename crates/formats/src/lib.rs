//! Number formats, block scaling and checkpoint conversion. Knows no models and no chips.

pub mod codec;
pub mod rule;
pub mod scheme;

pub use rule::ScaleRule;
pub use scheme::{Element, Scale, Scheme};
