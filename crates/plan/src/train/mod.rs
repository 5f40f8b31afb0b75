//! Training: plans searched for every system, measured runs predicted.

pub mod calibrate;
mod case;
mod choice;
mod files;
mod fill;
pub mod findings;
mod orders;
mod play;
mod reading;
mod rig;
pub mod search;
pub mod study;
mod trace;
mod validate;
mod weigh;

pub use case::{TrainingCase, cases};
pub use files::files;
pub use fill::{Open, fill};
pub use orders::{Ordering, orderings};
pub use play::{Played, Priced, play, price};
pub use rig::Rig;
pub use study::TrainingStudy;
pub use trace::trace;
pub use validate::{TrainingBench, predict};
pub use weigh::{TrainingGround, weigh};
