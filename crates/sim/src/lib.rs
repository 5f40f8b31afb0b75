//! Serving, simulated event by event.
//!
//! Requests run through the scheduler of a serving engine. Between two events (an arrival that can be admitted, a
//! finished prompt, a finished request, a full KV cache) the batch that decodes does not change, so a run of decode
//! steps is summed in closed form: the time of a step is a piecewise linear function of the cache length
//! (`curve`), and its sum over a run (`run`) is exact integer arithmetic. Cutting a run anywhere gives the same
//! times, to the picosecond.
//!
//! A simulation is a value: no clock, no files, no threads, no printing; the only chance is in the seed.
//!
//! ```text
//! Workload ──draw──> jobs ──> Fleet (event queue, routers, links) ──> Engine (plan, commit) ──> Rank (queue, KV pool)
//!                                                      └──> Record ──> Outcome
//! ```

mod cache;
pub mod chakra;
mod curve;
mod deployment;
mod draw;
mod engine;
mod error;
mod experts;
mod fleet;
pub mod goodput;
mod job;
mod nanos;
mod outcome;
mod play;
mod pool;
mod queue;
mod rank;
mod replay;
mod requests;
mod rules;
mod run;
mod scheduler;
mod serve;
mod time;
pub mod timeline;
pub mod train;
mod view;
mod workload;

pub use deployment::{Deployment, Instance, Link, Speculation};
pub use draw::Draw;
pub use error::SimError;
pub use experts::ExpertLoad;
pub use fleet::{Fault, Fleet, Harm, Replicas, Role, Routing, Rule, Scaling, Tiers};
pub use job::Refusal;
pub use nanos::Nanos;
pub use outcome::{Load, Outcome, Rates, Record, Served, Stat};
pub use replay::{CacheUse, Fate, PoolUse, Replay, ReplaySettings, Replayed, Sample, replay, watched};
pub use requests::{Request, Requests, chain};
pub use scheduler::{Admission, Host, Router, Scheduler, Steps};
pub use serve::{Settings, record, simulate};
pub use time::Time;
pub use workload::{Arrivals, Lengths, Workload};
