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
mod stage;
pub mod study;
mod synthetic;
mod tell;
#[cfg(test)]
mod tests;
mod timeline;
pub mod traces;

pub use assemble::{Assembled, assemble};
pub use columns::{requests_parquet, series_parquet};
pub use findings::{
    ClassFinding, Count, Figures, LevelFinding, PoolFinding, PoolPoint, ReplayFindings, SearchFinding, SeriesPoint,
    Trial,
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
    /// The simulation was refused or stopped.
    #[error(transparent)]
    Simulation(#[from] sim::SimError),
    /// Something else that the study says cannot be.
    #[error("{0}")]
    Study(String),
}

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

/// Answers a study. `done` hears of every fleet that was tried.
///
/// # Errors
/// A pool that does not fit or divide, contents in blocks of different sizes, or a simulation that cannot run.
pub fn answer(study: &ReplayStudy, fitted: &Fitted, done: &dyn Fn(&str)) -> Result<Answered, ReplayError> {
    let played = assemble(study)?;
    let stage = Stage::new(study, fitted)?;
    let sides = stage.sides(&played)?;
    let paths = stage.paths();
    let (sizes, split, searched) = match &study.search {
        None => (study.pools.iter().map(|pool| pool.replicas).collect::<Vec<_>>(), None, None),
        Some(asked) => {
            let found = search::search(
                asked,
                study,
                &mut |sizes, split| {
                    let fleet = stage.fleet(&sides, &paths, &played, sizes, split)?;
                    let replayed = sim::replay(&fleet, &played.requests, &settings(study, &played, false))?;
                    let cost = stage.cost(&replayed);
                    Ok((tell::meets(study, &replayed), cost))
                },
                done,
            )?;
            (found.sizes.clone(), found.split, Some(found))
        }
    };
    let fleet = stage.fleet(&sides, &paths, &played, &sizes, split)?;
    let replayed = sim::replay(&fleet, &played.requests, &settings(study, &played, true))?;
    done("");
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
