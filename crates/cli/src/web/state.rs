//! What all requests share.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use catalog::Catalog;
use lru::LruCache;
use plan::findings::SystemFinding;
use plan::interval::Intervals;
use plan::machine::Fitted;
use plan::study::Library;

use super::gate::Gate;
use super::job::Jobs;
use crate::cmd;

/// Answers for single systems that are kept: about 100 kB each.
const KEPT: NonZeroUsize = NonZeroUsize::new(512).expect("not zero");

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
    answers: Mutex<LruCache<Key, Arc<SystemFinding>>>,
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
            answers: Mutex::new(LruCache::new(KEPT)),
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

    /// Keeps an answer; the one that was asked for longest ago goes.
    pub fn keep(&self, key: Key, answer: Arc<SystemFinding>) {
        if let Ok(mut answers) = self.answers.lock() {
            answers.put(key, answer);
        }
    }
}
