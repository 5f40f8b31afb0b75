//! Long work: started, watched, cancelled, its result fetched.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::error::Refusal;
use super::gate::Stop;
use super::state::App;

/// Jobs remembered; the oldest ended ones go.
const KEPT: usize = 32;
/// Jobs that run at once.
const AT_ONCE: usize = 2;

/// How far a job is.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
    stop: Stop,
}

impl Progress {
    /// Steps in all.
    pub fn expect(&self, total: u64) {
        self.total.fetch_add(total, Ordering::Relaxed);
    }

    /// One more step is done. As [`Progress::heed`].
    pub fn step(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
        self.heed();
    }

    /// Where the work should end, it ends here: by unwinding, since what calls back between steps has no way to say so.
    pub fn heed(&self) {
        if self.stopped() {
            std::panic::resume_unwind(Box::new(GivenUp));
        }
    }

    /// This share of so many steps is done.
    pub fn share(&self, share: f64, total: usize) {
        self.at((share * total as f64).round() as u64, total as u64);
    }

    /// So many of so many steps are done.
    pub fn at(&self, done: u64, total: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    /// Whether the work should end.
    pub fn stopped(&self) -> bool {
        self.stop.stopped()
    }
}

/// What unwinds work that nobody wants any more.
struct GivenUp;

struct Job {
    kind: &'static str,
    progress: Arc<Progress>,
    /// `None` while it runs.
    end: Arc<Mutex<Option<Result<Value, Refusal>>>>,
}

/// The jobs, by number.
#[derive(Default)]
pub struct Jobs {
    all: Mutex<BTreeMap<u64, Job>>,
    last: AtomicU64,
}

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Job>> {
        self.all.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Starts `work` on a thread of its own; gives its number.
    ///
    /// # Errors
    /// Too many run.
    pub fn start(
        &self,
        kind: &'static str,
        work: impl FnOnce(&Progress) -> Result<Value, Refusal> + Send + 'static,
    ) -> Result<u64, Refusal> {
        let mut all = self.lock();
        let ended = |job: &Job| job.end.lock().is_ok_and(|end| end.is_some());
        if all.values().filter(|job| !ended(job)).count() >= AT_ONCE {
            return Err(Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "two jobs run already; wait or cancel one",
            ));
        }
        while all.len() >= KEPT
            && let Some(oldest) = all.iter().find(|(_, job)| ended(job)).map(|(id, _)| *id)
        {
            all.remove(&oldest);
        }
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let job = Job { kind, progress: Arc::default(), end: Arc::default() };
        let (progress, end) = (Arc::clone(&job.progress), Arc::clone(&job.end));
        tokio::task::spawn_blocking(move || {
            let result = catch_unwind(AssertUnwindSafe(|| work(&progress)))
                .unwrap_or_else(|why| Err(if why.is::<GivenUp>() { Refusal::cancelled() } else { Refusal::bug() }));
            // What fails once it is called off fails for that reason.
            let result = result.map_err(|refusal| if progress.stopped() { Refusal::cancelled() } else { refusal });
            if let Ok(mut end) = end.lock() {
                *end = Some(result);
            }
        });
        all.insert(id, job);
        Ok(id)
    }

    /// Asks all to end.
    pub fn stop_all(&self) {
        self.lock().values().for_each(|job| job.progress.stop.stop());
    }
}

/// `GET /api/v1/jobs/{id}`: progress, and the result once there is one.
pub async fn watch(State(app): State<Arc<App>>, Path(id): Path<u64>) -> Result<Json<Value>, Refusal> {
    let all = app.jobs.lock();
    let job = all.get(&id).ok_or_else(|| Refusal::unknown("job of that number"))?;
    let (done, total) = (&job.progress.done, &job.progress.total);
    let mut told = json!({
        "job": id, "kind": job.kind, "state": "running",
        "done": done.load(Ordering::Relaxed), "total": total.load(Ordering::Relaxed),
    });
    if let Ok(end) = job.end.lock() {
        match &*end {
            // Nobody waits until the work has noticed.
            None if job.progress.stopped() => told["state"] = json!("cancelled"),
            None => {}
            Some(Ok(result)) => {
                told["state"] = json!("done");
                told["result"] = result.clone();
            }
            Some(Err(refusal)) => {
                told["state"] = json!(if job.progress.stopped() { "cancelled" } else { "failed" });
                told["error"] = refusal.json()["error"].clone();
            }
        }
    }
    Ok(Json(told))
}

/// `DELETE /api/v1/jobs/{id}`: asks it to end.
pub async fn cancel(State(app): State<Arc<App>>, Path(id): Path<u64>) -> Result<StatusCode, Refusal> {
    let all = app.jobs.lock();
    all.get(&id).ok_or_else(|| Refusal::unknown("job of that number"))?.progress.stop.stop();
    Ok(StatusCode::ACCEPTED)
}
