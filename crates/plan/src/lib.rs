//! Studies, search, money and validation: what is asked, and the answer. Knows no terminals and no languages.

pub mod findings;
pub mod money;
mod normal;
pub mod study;
pub mod traffic;

pub use findings::Findings;
pub use study::Study;
