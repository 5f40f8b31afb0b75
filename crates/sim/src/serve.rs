//! Simulates a workload on a deployment: a fleet of one pool, or of two with a link between them.

use cost::StepCost;

use crate::deployment::{Deployment, Instance, Link};
use crate::error::SimError;
use crate::fleet::{Fleet, Replicas, Role, Routing};
use crate::outcome::{Outcome, Record};
use crate::play::{Play, Told};
use crate::scheduler::Router;
use crate::time::Time;
use crate::workload::{Arrivals, Workload};

/// How to simulate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Seed of all draws.
    pub seed: u64,
    /// Where instances (and lanes) are alike and get equal parts of the load, simulate one and multiply. Ignored where
    /// parts would not be equal.
    pub fold: bool,
    /// Longest run of decode steps that is taken in one go; 1 goes step by step. The result is the same, bit by bit.
    pub longest_run: u64,
    /// The first so many requests are under way when the simulation begins: the front end has taken them in, and their
    /// prompts are in the prefix cache, but for the one token that is always computed.
    pub resident: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { seed: 0, fold: true, longest_run: u64::MAX, resident: 0 }
    }
}

/// Simulates a workload on a deployment.
///
/// # Errors
/// See [`SimError`]: settings that make no sense, a request that can never be served, a cost that is no time.
pub fn simulate<C: StepCost>(
    deployment: &Deployment<'_, C>,
    workload: &Workload,
    settings: &Settings,
) -> Result<Outcome, SimError> {
    Ok(record(deployment, workload, settings)?.outcome())
}

/// Simulates a workload on a deployment, and keeps what happened to every request.
///
/// # Errors
/// As [`simulate`].
pub fn record<C: StepCost>(
    deployment: &Deployment<'_, C>,
    workload: &Workload,
    settings: &Settings,
) -> Result<Record, SimError> {
    workload.check()?;
    if settings.longest_run == 0 {
        return Err(SimError::setting("settings.longest_run", 0, "at least 1 step"));
    }
    let mut jobs = workload.jobs(settings.seed)?;
    for job in jobs.iter_mut().take(settings.resident) {
        job.cached = job.input.saturating_sub(1);
    }
    let (mut clients, think) = match workload.arrivals {
        Arrivals::Closed { concurrency, think, .. } => (Some(concurrency as usize), Time::from_seconds(think)?),
        _ => (None, Time::ZERO),
    };
    let mut copies = 1;
    let (pools, router) = match deployment {
        Deployment::Together { instance, count, router } => {
            instance.check()?;
            let engines = instance.engines("deployment.count", *count)? as usize;
            instance.check_jobs(&jobs, false, true)?;
            if settings.fold && *router == Router::RoundRobin && alike(workload, engines) {
                copies = engines;
                jobs = jobs.into_iter().step_by(copies).collect();
                clients = clients.map(|clients| clients / copies);
            }
            (vec![lanes(instance, (engines / copies) as u32, Role::Whole)], *router)
        }
        Deployment::Split { prefill, prefills, decode, decodes, router, link } => {
            prefill.check()?;
            decode.check()?;
            let prefills = prefill.engines("deployment.prefills", *prefills)?;
            let decodes = decode.engines("deployment.decodes", *decodes)?;
            if link.streams == 0 {
                return Err(SimError::setting("link.streams", 0, "at least 1 transfer at a time"));
            }
            prefill.check_jobs(&jobs, true, true)?;
            decode.check_jobs(&jobs, false, false)?;
            let link = Link { ..*link };
            let role = Role::Prefill { to: vec![1], routing: (*router).into(), link, trunk: 0 };
            (vec![lanes(prefill, prefills, role), lanes(decode, decodes, Role::Decode)], *router)
        }
    };
    let fleet = Fleet::of(pools, router.into());
    let told = Told { longest_run: settings.longest_run, seed: settings.seed, ..Told::default() };
    let mut play = Play::new(&fleet, jobs, None, told)?;
    play.begin(clients, think, settings.resident.div_ceil(copies))?;
    play.run(&mut |_| true)?;
    Ok(play.record(copies, workload.warmup / copies, clients))
}

/// A pool whose replicas are the lanes of instances.
fn lanes<'a, C>(instance: &Instance<'a, C>, count: u32, role: Role<'a>) -> Replicas<'a, C> {
    Replicas { role, ..Replicas::plain(instance.lane(), count) }
}

impl From<Router> for Routing {
    fn from(router: Router) -> Routing {
        match router {
            Router::RoundRobin => Routing::RoundRobin,
            Router::LeastLoaded => Routing::LeastOutstanding,
        }
    }
}

/// Whether every `parts`-th request stands for all.
fn alike(workload: &Workload, parts: usize) -> bool {
    let equal = match workload.arrivals {
        Arrivals::Closed { concurrency, .. } => (concurrency as usize).is_multiple_of(parts),
        Arrivals::Poisson { .. } | Arrivals::Gamma { .. } => true,
        Arrivals::Times(_) => false,
    };
    equal && workload.requests.is_multiple_of(parts) && workload.input.is_alike() && workload.output.is_alike()
}
