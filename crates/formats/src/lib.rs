//! Number formats, block scaling and checkpoint conversion. Knows no models and no chips.

pub mod scheme;

pub use scheme::{Element, Scale, Scheme};
