//! Engines, what routes requests to them and what connects them, and the loop that runs it all.

use cost::StepCost;

use crate::curve::Curves;
use crate::deployment::{Deployment, Instance, Link};
use crate::engine::{Engine, choose};
use crate::error::SimError;
use crate::job::{Job, Signal};
use crate::outcome::{Outcome, Pooled, Record};
use crate::pool::Pool;
use crate::queue::{Event, Queue};
use crate::rank::Rank;
use crate::scheduler::{Host, Router};
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
    let mut clients = match workload.arrivals {
        Arrivals::Closed { concurrency, .. } => Some(concurrency as usize),
        _ => None,
    };
    let mut copies = 1;
    let (front, back, router, link) = match deployment {
        Deployment::Together { instance, count, router } => {
            instance.check()?;
            let engines = instance.engines("deployment.count", *count)? as usize;
            instance.check_jobs(&jobs, false, true)?;
            if settings.fold && *router == Router::RoundRobin && alike(workload, engines) {
                copies = engines;
                jobs = jobs.into_iter().step_by(copies).collect();
                clients = clients.map(|clients| clients / copies);
            }
            let engines = build(instance, (engines / copies) as u32, false, settings)?;
            (engines, Vec::new(), *router, None)
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
            let front = build(prefill, prefills, true, settings)?;
            let back = build(decode, decodes, false, settings)?;
            (front, back, *router, Some(*link))
        }
    };
    let (first, curves) = match deployment {
        Deployment::Together { instance, .. } => (instance, vec![Curves::new(instance.cost)]),
        Deployment::Split { prefill, decode, .. } => {
            (prefill, vec![Curves::new(prefill.cost), Curves::new(decode.cost)])
        }
    };
    let think = match workload.arrivals {
        Arrivals::Closed { think, .. } => Time::from_seconds(think)?,
        _ => Time::ZERO,
    };
    let fronts = front.len();
    let mut engines = front;
    engines.extend(back);
    let lines = if link.is_some() { engines.len() } else { 0 };
    let streams = link.map_or(0, |link| link.streams as usize);
    let mut fleet = Fleet {
        curves,
        touched: Vec::with_capacity(engines.len()),
        marked: vec![false; engines.len()],
        engines,
        fronts,
        router,
        turns: [0, 0],
        link,
        lines: vec![vec![Time::ZERO; streams]; lines],
        jobs,
        next: 0,
        closed: clients.is_some(),
        think,
        ingress: Time::from_seconds(first.scheduler.host.ingress.0)?,
        intake: first.scheduler.host,
        gate: Time::ZERO,
        resident: settings.resident.div_ceil(copies),
        queue: Queue::default(),
        signals: Vec::new(),
        served: 0,
        shipped: 0,
    };
    fleet.run(clients)?;
    Ok(fleet.record(copies, workload.warmup / copies, clients))
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

fn build<C>(
    instance: &Instance<'_, C>,
    count: u32,
    prefill_only: bool,
    settings: &Settings,
) -> Result<Vec<Engine>, SimError> {
    let rules = instance.rules(prefill_only)?;
    let rank = || Rank::new(Pool::new(instance.lane_tokens(), instance.scheduler.block_size));
    let engine = |_| {
        let ranks = (0..instance.ranks).map(|_| rank()).collect();
        Engine::new(rules.clone(), ranks, instance.scheduler.ranks, settings.longest_run)
    };
    Ok((0..count).map(engine).collect())
}

struct Fleet<'a, C> {
    /// Step times, of engines of the first kind and of the second.
    curves: Vec<Curves<'a, C>>,
    /// Those that requests come to first, then those that decode what others prefilled.
    engines: Vec<Engine>,
    fronts: usize,
    router: Router,
    turns: [usize; 2],
    link: Option<Link<'a>>,
    /// For each engine, when each of its transfer streams is free.
    lines: Vec<Vec<Time>>,
    jobs: Vec<Job>,
    /// The next request to arrive.
    next: usize,
    closed: bool,
    think: Time,
    ingress: Time,
    /// What the front ends need to take a request in, and until when they are busy with it.
    intake: Host,
    gate: Time,
    /// Requests that were taken in before.
    resident: usize,
    queue: Queue,
    /// Engines to which something happened at this moment.
    touched: Vec<u32>,
    marked: Vec<bool>,
    signals: Vec<Signal>,
    served: usize,
    shipped: u64,
}

impl<C: StepCost> Fleet<'_, C> {
    fn run(&mut self, clients: Option<usize>) -> Result<(), SimError> {
        for _ in 0..clients.unwrap_or(1).min(self.jobs.len()) {
            self.announce()?;
        }
        while let Some((now, event)) = self.queue.pop() {
            self.handle(now, event)?;
            while let Some(event) = self.queue.pop_at(now) {
                self.handle(now, event)?;
            }
            // Plans are made when all that happens at this moment has happened.
            self.touched.sort_unstable();
            for place in 0..self.touched.len() {
                let engine = self.touched[place];
                self.marked[engine as usize] = false;
                let curves = &mut self.curves[usize::from(engine as usize >= self.fronts)];
                if self.engines[engine as usize].plan(now, curves, &mut self.jobs, &mut self.signals)? {
                    self.await_end(engine);
                }
            }
            self.touched.clear();
            self.heed(now)?;
        }
        if self.served == self.jobs.len() {
            Ok(())
        } else {
            Err(SimError::Deadlock { served: self.served, requests: self.jobs.len() })
        }
    }

    /// The next request will arrive; its arrival is known.
    fn announce(&mut self) -> Result<(), SimError> {
        let job = &self.jobs[self.next];
        if self.next < self.resident {
            self.queue.push(job.arrival, Event::Arrive { job: self.next as u32 });
            self.next += 1;
            return Ok(());
        }
        let work = self.intake.intake.0 + self.intake.intake_token.0 * f64::from(job.input);
        // Each instance that requests come to has a front end; together they take in so many times as fast.
        let work = Time::from_seconds(work / self.fronts as f64)?;
        self.gate = self.gate.max(job.arrival).plus(work)?;
        let arrival = self.gate.plus(self.ingress)?;
        self.queue.push(arrival, Event::Arrive { job: self.next as u32 });
        self.next += 1;
        Ok(())
    }

    fn await_end(&mut self, engine: u32) {
        let state = &self.engines[engine as usize];
        if let Some(end) = state.end() {
            self.queue.push(end, Event::End { engine, generation: state.generation });
        }
    }

    fn touch(&mut self, engine: u32, changed: bool) {
        if changed {
            self.await_end(engine);
        }
        if !std::mem::replace(&mut self.marked[engine as usize], true) {
            self.touched.push(engine);
        }
    }

    fn handle(&mut self, now: Time, event: Event) -> Result<(), SimError> {
        match event {
            Event::End { engine, generation } => {
                let state = &mut self.engines[engine as usize];
                if state.generation == generation {
                    state.commit(&mut self.jobs, &mut self.signals);
                    self.touch(engine, false);
                    self.heed(now)?;
                }
            }
            Event::Arrive { job } => {
                if !self.closed && self.next < self.jobs.len() {
                    self.announce()?;
                }
                self.route(job, 0..self.fronts, 0, now)?;
            }
            Event::Shipped { job } => self.land(job, now)?,
        }
        Ok(())
    }

    /// Sends a request to one of some engines.
    fn route(&mut self, job: u32, among: std::ops::Range<usize>, turn: usize, now: Time) -> Result<(), SimError> {
        let loads = self.engines[among.clone()].iter().map(Engine::load);
        let engine = (among.start + choose(self.router, &mut self.turns[turn], loads)) as u32;
        self.jobs[job as usize].engine = engine;
        let changed = self.engines[engine as usize].push(job, now, &mut self.jobs)?;
        self.touch(engine, changed);
        Ok(())
    }

    /// Does what engines ask for.
    fn heed(&mut self, now: Time) -> Result<(), SimError> {
        let mut signals = std::mem::take(&mut self.signals);
        for signal in signals.drain(..) {
            match signal {
                Signal::Finished(job) => {
                    self.served += 1;
                    if self.closed && self.next < self.jobs.len() {
                        self.jobs[self.next].arrival = self.jobs[job as usize].last.plus(self.think)?;
                        self.announce()?;
                    }
                }
                Signal::Prefilled(job) => {
                    self.jobs[job as usize].has_kv = true;
                    self.route(job, self.fronts..self.engines.len(), 1, now)?;
                }
                Signal::Admitted(job) => self.ship(job, now)?,
            }
        }
        self.signals = signals;
        Ok(())
    }

    /// Ships the cache of a request as soon as both ends have a stream free.
    fn ship(&mut self, id: u32, now: Time) -> Result<(), SimError> {
        let job = &self.jobs[id as usize];
        let (Some(link), Some((source, ..))) = (&self.link, job.held) else { return Ok(()) };
        let tokens = u64::from(job.input);
        let seconds = (link.seconds)(tokens);
        let span = Time::from_seconds(seconds).map_err(|_| SimError::Transfer { seconds, tokens })?;
        let ends = [source as usize, job.engine as usize];
        let earliest = |line: &Vec<Time>| line.iter().enumerate().min_by_key(|(_, free)| **free).map_or(0, |(i, _)| i);
        let slots = ends.map(|end| earliest(&self.lines[end]));
        let start = now.max(self.lines[ends[0]][slots[0]]).max(self.lines[ends[1]][slots[1]]);
        let end = start.plus(span)?;
        for (line, slot) in ends.into_iter().zip(slots) {
            self.lines[line][slot] = end;
        }
        self.shipped += tokens;
        self.queue.push(end, Event::Shipped { job: id });
        Ok(())
    }

    /// The cache of a request is where it decodes.
    fn land(&mut self, id: u32, now: Time) -> Result<(), SimError> {
        let job = &mut self.jobs[id as usize];
        let Some((source, rank, blocks)) = job.held.take() else { return Ok(()) };
        let target = job.engine;
        if self.link.is_some_and(|link| link.first_token_after) {
            job.first = now.plus(self.engines[target as usize].rules.egress)?;
        }
        let changed = self.engines[source as usize].release(rank, blocks, now)?;
        self.touch(source, changed);
        let changed = self.engines[target as usize].land(id, now, &self.jobs)?;
        self.touch(target, changed);
        Ok(())
    }

    fn record(self, copies: usize, warmup: usize, clients: Option<usize>) -> Record {
        let pools = [&self.engines[..self.fronts], &self.engines[self.fronts..]];
        let loads = pools.into_iter().filter(|pool| !pool.is_empty()).map(Pooled::of).collect();
        Record::new(&self.jobs, loads, copies, warmup, clients, self.shipped)
    }
}
