//! Studies, search, money and validation: what is asked, and the answer. Knows no terminals and no languages.

pub mod calibrate;
pub mod findings;
pub mod study;
pub mod tables;
pub mod validate;

pub use findings::Findings;
pub use study::Study;
