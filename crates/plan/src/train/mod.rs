//! Training: plans searched for every system, measured runs predicted.
//!
//! [`weigh`] is the whole of it for who has a study: time of a step, shares of communication, days, energy, and money of
//! the best plan of each system. [`study::check`] reads a study, [`search::search`] finds the plans of one system,
//! [`play`] runs one of them, [`predict`] meets measured runs.

pub mod calibrate;
mod case;
mod choice;
mod choices;
mod files;
mod fill;
pub mod findings;
mod orders;
mod play;
mod read;
mod reading;
mod rig;
mod row_model;
pub mod search;
pub mod study;
mod trace;
mod validate;
mod watch;
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
pub use watch::Watch;
pub use weigh::{NoAnswer, TrainingGround, weigh};
