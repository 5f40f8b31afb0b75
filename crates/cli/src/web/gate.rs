//! Work is bounded: so many computations at once, so many waiting, each with an end, each given up when nobody waits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::Semaphore;

use super::error::Refusal;

/// Computations at once: each uses all processors.
const AT_ONCE: usize = 1;
/// Requests that wait for them.
const WAITING: usize = 256;
/// Longest computation that a request waits for.
const LONGEST: Duration = Duration::from_secs(60);

/// Told to work that nobody waits for any more.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks the work to stop.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the work should stop.
    pub fn stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Sets the flag when it goes out of scope: the client is gone, or the time is up.
struct OnDrop(Stop);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// The way to the processors.
pub struct Gate {
    running: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// One place among those that wait.
struct Place<'g>(&'g AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    /// An open one.
    pub fn new() -> Gate {
        Gate { running: Arc::new(Semaphore::new(AT_ONCE)), waiting: AtomicUsize::new(0) }
    }

    /// Runs `work` off the threads that answer requests. The work has to look at its [`Stop`] now and then; the flag is
    /// set when the client goes away or the time is up.
    ///
    /// # Errors
    /// Too many wait, the time is up, or the work panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Stop) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let busy = |message| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(busy("too many requests wait already; ask again"));
        }
        let _place = Place(&self.waiting);
        let stop = Stop::default();
        let _given_up = OnDrop(stop.clone());
        let running = Arc::clone(&self.running);
        let turn = async {
            let permit = running.acquire_owned().await.map_err(|_| busy("stopping"))?;
            let done = tokio::task::spawn_blocking(move || {
                // The permit is held until the work ends, also where nobody waits for it any more.
                let _permit = permit;
                catch_unwind(AssertUnwindSafe(|| work(&stop))).unwrap_or_else(|_| Err(Refusal::bug()))
            });
            done.await.unwrap_or_else(|_| Err(Refusal::bug()))
        };
        let late = Refusal::new(StatusCode::REQUEST_TIMEOUT, "timeout", "takes too long; ask for less at once");
        tokio::time::timeout(LONGEST, turn).await.unwrap_or(Err(late))
    }
}
