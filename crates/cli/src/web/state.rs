//! What all requests share.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use catalog::Catalog;
use lru::LruCache;
use plan::findings::SystemFinding;
use plan::interval::Intervals;
use plan::machine::Fitted;
use plan::search::{self, Recall, Steps};
use plan::study::{Candidate, Library, Study};
use sha2::{Digest, Sha256};

use super::gate::Gate;
use super::job::Jobs;
use super::traces::Traces;
use super::weigh::Answered;
use crate::cmd;

/// Answers for single systems that are kept: about 100 kB each.
const KEPT: NonZeroUsize = NonZeroUsize::new(512).expect("not zero");

/// Whole answers that are kept: about 1 MB each.
const ANSWERED: NonZeroUsize = NonZeroUsize::new(48).expect("not zero");
/// Candidates under one traffic of which simulations are kept: up to 1 MB each.
const RECALLED: NonZeroUsize = NonZeroUsize::new(96).expect("not zero");
/// Candidates of which times of steps are kept: up to 4 MB each.
const PRICED: NonZeroUsize = NonZeroUsize::new(32).expect("not zero");

/// A digest of all that an answer depends on.
pub type Key = [u8; 32];

/// The program's own data, and what it remembers.
pub struct App {
    pub catalog: Catalog,
    pub folder: Option<PathBuf>,
    pub fitted: Fitted,
    pub intervals: Intervals,
    /// Where studies are kept.
    pub studies: Option<PathBuf>,
    pub token: Option<String>,
    /// Names under which it may be asked; `None`: any.
    pub hosts: Option<Vec<String>>,
    pub gate: Gate,
    pub jobs: Jobs,
    pub traces: Traces,
    answers: Mutex<LruCache<Key, Arc<SystemFinding>>>,
    answered: Mutex<LruCache<Key, Arc<Answered>>>,
    recalls: Mutex<LruCache<Key, Arc<Recall>>>,
    steps: Mutex<LruCache<Key, Arc<Steps>>>,
}

impl App {
    /// Reads everything that answers rest on.
    ///
    /// # Errors
    /// What is wrong with the user's folders.
    pub fn open(
        folder: Option<&Path>,
        calibration: Option<&Path>,
        studies: Option<PathBuf>,
        token: Option<String>,
    ) -> Result<App, String> {
        let told =
            |found: Vec<catalog::Diagnostic>| found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        if let Some(path) = &studies {
            std::fs::create_dir_all(path).map_err(|e| format!("--studies {}: {e}", path.display()))?;
        }
        Ok(App {
            catalog: cmd::catalog::open(folder).map_err(told)?,
            folder: folder.map(Path::to_owned),
            fitted: cmd::ground::fitted(calibration)?,
            intervals: Intervals::embedded().map_err(|e| e.to_string())?,
            studies,
            token,
            hosts: None,
            gate: Gate::new(),
            jobs: Jobs::default(),
            traces: Traces::default(),
            answers: Mutex::new(LruCache::new(KEPT)),
            answered: Mutex::new(LruCache::new(ANSWERED)),
            recalls: Mutex::new(LruCache::new(RECALLED)),
            steps: Mutex::new(LruCache::new(PRICED)),
        })
    }

    /// Where the names in a study are looked up.
    pub fn library(&self) -> Library<'_> {
        Library { catalog: &self.catalog, folder: self.folder.as_deref() }
    }

    /// An answer that was given before.
    pub fn known(&self, key: &Key) -> Option<Arc<SystemFinding>> {
        self.answers.lock().ok()?.get(key).cloned()
    }

    /// What was found out about a candidate before, whatever the levels and the money.
    pub fn recall(&self, study: &Study, candidate: &Candidate) -> Arc<Recall> {
        fn of<T>(kept: &Mutex<LruCache<Key, Arc<T>>>, key: &str, new: impl FnOnce() -> T) -> Arc<T> {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(kept.get_or_insert(Sha256::digest(key).into(), || Arc::new(new())))
        }
        let steps = of(&self.steps, &search::steps_question(study, candidate), Steps::default);
        of(&self.recalls, &search::traffic_question(study, candidate), || Recall::new(steps))
    }

    /// The answer to a text that was asked before.
    pub fn answered(&self, key: &Key) -> Option<Arc<Answered>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Keeps the answer to a text.
    pub fn remember(&self, key: Key, answer: Arc<Answered>) {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).put(key, answer);
    }

    /// Keeps an answer; the one that was asked for longest ago goes.
    pub fn keep(&self, key: Key, answer: Arc<SystemFinding>) {
        if let Ok(mut answers) = self.answers.lock() {
            answers.put(key, answer);
        }
    }
}
