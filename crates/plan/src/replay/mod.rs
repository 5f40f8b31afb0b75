//! Recorded or drawn traffic played against a fleet.
//!
//! ```text
//! study.toml ──read──> ReplayStudy ──assemble──> Requests ─┐
//!                           └──stage──> Fleet ─────────────┴─> sim::replay ──tell──> ReplayFindings ──> table, report,
//!                                         └── search: sizes and splits                                  JSON, Parquet
//! ```

mod assemble;
mod columns;
mod faults;
mod findings;
mod read;
mod search;
mod series;
mod stage;
pub mod study;
pub(crate) mod synthetic;
mod tell;
#[cfg(test)]
mod tests;
mod timeline;
pub mod traces;

pub use assemble::{Assembled, assemble};
pub use columns::{requests_parquet, series_parquet};
pub use findings::{
    ClassFinding, ClassPoint, Count, Figures, LevelFinding, PoolFinding, PoolPoint, ReplayFindings, SearchFinding,
    SeriesPoint, Trial,
};
pub use read::{check, read};
pub use study::ReplayStudy;
pub use timeline::timeline;

use sim::{ReplaySettings, Replayed, Time};
use thiserror::Error;

use crate::machine::Fitted;
use crate::refusal::Refusal;
use stage::Stage;

/// Why a replay cannot be run.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// A pool cannot be built.
    #[error("pool {pool}: {refusal}")]
    Pool {
        /// Its name.
        pool: String,
        /// Why.
        refusal: Refusal,
    },
    /// The simulation was refused.
    #[error(transparent)]
    Simulation(sim::SimError),
    /// Who watched it stopped it.
    #[error("the replay was stopped")]
    Stopped,
    /// Something else that the study says cannot be.
    #[error("{0}")]
    Study(String),
}

impl From<sim::SimError> for ReplayError {
    fn from(error: sim::SimError) -> Self {
        match error {
            sim::SimError::Stopped => ReplayError::Stopped,
            other => ReplayError::Simulation(other),
        }
    }
}

/// How far a replay is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress<'p> {
    /// Fleets that a search has played so far.
    pub fleets: usize,
    /// Replicas of each pool of the one that is played now; empty while requests are put together.
    pub replicas: &'p [u32],
    /// Requests that have ended in it, of how many.
    pub ended: usize,
    /// All requests.
    pub requests: usize,
}

/// Hears how far a replay is, every few milliseconds, and stops it by `false`.
pub type Watch<'w> = dyn Fn(&Progress) -> bool + 'w;

/// A replay and what came out.
#[derive(Debug)]
pub struct Answered {
    /// What came out, in sum.
    pub findings: ReplayFindings,
    /// What was played.
    pub played: Assembled,
    /// What happened to each request and pool.
    pub replayed: Replayed,
}

/// Answers a study.
///
/// # Errors
/// A pool that does not fit or divide, contents in blocks of different sizes, or a simulation that cannot run;
/// [`ReplayError::Stopped`] where `watch` stopped it.
pub fn answer(study: &ReplayStudy, fitted: &Fitted, watch: &Watch) -> Result<Answered, ReplayError> {
    let played = assemble(study, &|| watch(&Progress { fleets: 0, replicas: &[], ended: 0, requests: 0 }))?;
    let stage = Stage::new(study, fitted)?;
    if study.search.as_ref().is_some_and(|asked| asked.best == study::Best::Cost) {
        stage.priced()?;
    }
    let sides = stage.sides(&played)?;
    let paths = stage.paths();
    let mut fleets = 0;
    let mut play = |sizes: &[u32], split: Option<u32>, samples: bool| {
        let fleet = stage.fleet(&sides, &paths, &played, sizes, split)?;
        let requests = played.requests.list.len();
        let mut look = |ended| watch(&Progress { fleets, replicas: sizes, ended, requests });
        let replayed = sim::watched(&fleet, &played.requests, &settings(study, &played, samples), &mut look)?;
        fleets += 1;
        Ok::<Replayed, ReplayError>(replayed)
    };
    let (sizes, split, searched) = match &study.search {
        None => (study.pools.iter().map(|pool| pool.replicas).collect::<Vec<_>>(), None, None),
        Some(asked) => {
            let found = search::search(asked, study, &mut |sizes, split| {
                let replayed = play(sizes, split, false)?;
                Ok((tell::meets(study, &replayed), stage.cost(&replayed)))
            })?;
            (found.sizes.clone(), found.split, Some(found))
        }
    };
    let replayed = play(&sizes, split, true)?;
    let findings = tell::tell(study, &stage, &sides, &played, &replayed, &sizes, searched);
    Ok(Answered { findings, played, replayed })
}

/// Samples are no closer: 10 ms.
const SHORTEST: u64 = 10_000_000_000;

fn settings(study: &ReplayStudy, played: &Assembled, samples: bool) -> ReplaySettings {
    let every = played.span.0 / u64::from(study.samples) + 1;
    ReplaySettings {
        seed: study.seed,
        sample: samples.then_some(Time(every.max(SHORTEST))),
        ..ReplaySettings::default()
    }
}
