//! What was found out about a candidate, kept from one question to the next.
//!
//! Three questions lie inside each other. Times of steps depend on the system, the model and how both are stored. What a
//! set-up does under a load depends on the traffic besides. Which set-up is best depends on the levels besides, and what it
//! costs on money alone. So a change of prices simulates nothing, and a change of traffic prices no step again.
//! Everything here is a pure function's memory: with it or without, the answer is the same.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cost::deploy::{Known, Parallel};

use super::plans::Plan;
use super::reject::Tally;
use super::steady::{CellLoad, Seen};
use crate::predict::Pools;
use crate::study::{Candidate, Study};

/// All that times of steps of a candidate depend on, in words that differ where they do.
pub fn steps_question(study: &Study, candidate: &Candidate) -> String {
    let asked = (&study.model, study.weights, study.kv, study.traffic.mtp_accepted);
    format!("{asked:?}{:?}", (&candidate.system, &candidate.engine, &candidate.given))
}

/// All that its simulations depend on besides.
pub fn traffic_question(study: &Study, candidate: &Candidate) -> String {
    format!("{:?}{:?}", (&study.traffic, &study.search, study.seed, candidate.chips), steps_question(study, candidate))
}

/// One of a candidate's machines: its engine's place in the list, and the end of disputed facts.
pub type Place = (usize, Option<crate::weigh::End>);

/// Times of steps of one candidate.
#[derive(Default)]
pub struct Steps(Mutex<HashMap<(Place, Parallel), Known>>);

impl Steps {
    /// What is known of a deployment; it is handed out, and wants to be put back.
    pub(crate) fn take(&self, place: Place, parallel: Parallel) -> Known {
        lock(&self.0).remove(&(place, parallel)).unwrap_or_default()
    }

    pub(crate) fn put(&self, place: Place, parallel: Parallel, known: Known) {
        lock(&self.0).entry((place, parallel)).or_default().merge(known);
    }
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Steps({})", lock(&self.0).len())
    }
}

/// What is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Asked {
    place: Place,
    pools: Pools,
    load: [u64; 4],
}

/// Simulations that are kept of one candidate.
const KEPT: usize = 4_096;

/// Plans of an engine with the set-ups looked at and what was rejected.
pub(crate) type Made = (Vec<Plan>, u32, Tally);

/// What one candidate does under one traffic.
#[derive(Debug, Default)]
pub struct Recall {
    steps: Arc<Steps>,
    plans: Mutex<HashMap<(usize, Option<u64>), Made>>,
    seen: Mutex<HashMap<Asked, Seen>>,
    simulated: AtomicU64,
}

impl Recall {
    /// Knows nothing but times of steps.
    pub fn new(steps: Arc<Steps>) -> Recall {
        Recall { steps, ..Recall::default() }
    }

    /// Points simulated so far.
    pub fn simulated(&self) -> u64 {
        self.simulated.load(Ordering::Relaxed)
    }

    pub(crate) fn steps(&self) -> Arc<Steps> {
        Arc::clone(&self.steps)
    }

    /// The plans of an engine for a bound on the time per token.
    pub(crate) fn plans(&self, field: usize, tpot: Option<f64>, make: impl FnOnce() -> Made) -> Made {
        let key = (field, tpot.map(f64::to_bits));
        if let Some(made) = lock(&self.plans).get(&key) {
            return made.clone();
        }
        let made = make();
        let mut plans = lock(&self.plans);
        if plans.len() < KEPT / 64 {
            plans.insert(key, made.clone());
        }
        made
    }

    /// What a cell does.
    ///
    /// # Errors
    /// Those of `simulate`, which are not kept.
    pub(crate) fn seen<E>(
        &self,
        place: Place,
        pools: Pools,
        load: CellLoad,
        simulate: impl FnOnce() -> Result<Seen, E>,
    ) -> Result<Seen, E> {
        let load = match load {
            CellLoad::Clients { count, decoding } => [0, count, decoding, 0],
            CellLoad::Rate { per_second, cv, life } => {
                [1 + per_second.to_bits(), cv.to_bits(), life.to_bits(), u64::MAX]
            }
        };
        let key = Asked { place, pools, load };
        if let Some(seen) = lock(&self.seen).get(&key) {
            return Ok(seen.clone());
        }
        self.simulated.fetch_add(1, Ordering::Relaxed);
        let found = simulate()?;
        let mut seen = lock(&self.seen);
        if seen.len() < KEPT {
            seen.insert(key, found.clone());
        }
        Ok(found)
    }
}

/// What is kept is whole at any time, so a panic elsewhere leaves nothing half done.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
