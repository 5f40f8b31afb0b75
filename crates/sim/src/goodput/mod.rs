//! A long job on a machine that fails, simulated event by event over weeks.
//!
//! Between two events (a fault, a repair, a planned stop) a job trains and writes checkpoints in a fixed rhythm, so a
//! stretch of it is summed in closed form ([`stretch`]): a run of sixty days costs its few hundred interruptions, not
//! its thousands of checkpoints. All times are whole nanoseconds, and the spans of all states add up to the length of
//! the run exactly.
//!
//! ```text
//! Scenario ──seed──> run: Training -> (fault) -> steps of recovery -> Training ...  ──> Run { spans of states, counts }
//! ```

mod account;
mod clock;
mod interval;
mod run;
mod scenario;
mod stretch;
#[cfg(test)]
mod tests;
mod world;

pub use account::{Account, Span, State, Toll};
pub use clock::normals;
pub use interval::{daly, daly_ratio, young};
pub use run::{Run, run, trace};
pub use scenario::{Checkpoints, Fault, Maintenance, Paths, Response, Scenario, Step, Units, Without};
