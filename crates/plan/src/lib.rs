//! Studies, search, money and validation: what is asked, and the answer. Knows no terminals and no languages.

pub mod break_even;
pub mod calibrate;
pub mod calibrate_comm;
pub mod calibrate_engine;
pub mod calibrate_fabric;
pub mod claims;
pub mod findings;
pub mod goodput;
pub mod interval;
pub mod machine;
pub mod money;
mod normal;
pub mod predict;
pub mod purchase;
pub mod refusal;
pub mod replay;
pub mod search;
pub mod study;
pub mod tables;
pub mod trace;
pub mod traffic;
pub mod train;
pub mod validate;
pub mod weigh;
pub mod workload;

pub use findings::Findings;
pub use study::Study;
