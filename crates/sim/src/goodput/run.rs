//! One run, and what came of it.

use crate::error::SimError;
use crate::goodput::account::{Account, Span, Toll};
use crate::goodput::scenario::Scenario;
use crate::goodput::world::World;
use crate::nanos::Nanos;

/// What came of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// Time in each state; adds up to the length of the scenario.
    pub account: Account,
    /// What each fault of the scenario cost, in its order.
    pub tolls: Vec<Toll>,
    /// Stops that were planned, repaired units that joined a shrunken job among them.
    pub planned: Toll,
    /// Units in use and spare units, from each moment on; only of a trace.
    pub levels: Vec<(Nanos, u32, u32)>,
    /// States over time; only of a trace.
    pub spans: Vec<Span>,
}

impl Run {
    /// Interruptions of training by faults.
    pub fn interruptions(&self) -> u32 {
        self.tolls.iter().map(|t| t.interruptions).sum()
    }
}

/// Run number `number` of a seed. The same of both gives the same, wherever it is computed.
///
/// # Errors
/// A scenario that [`Scenario::check`] refuses.
pub fn run(scenario: &Scenario, seed: u64, number: u64) -> Result<Run, SimError> {
    scenario.check()?;
    Ok(World::new(scenario, seed, number, false).run())
}

/// As [`run`], with states over time.
///
/// # Errors
/// A scenario that [`Scenario::check`] refuses.
pub fn trace(scenario: &Scenario, seed: u64, number: u64) -> Result<Run, SimError> {
    scenario.check()?;
    Ok(World::new(scenario, seed, number, true).run())
}
