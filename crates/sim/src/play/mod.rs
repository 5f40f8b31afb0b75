//! The loop that runs a fleet: events, engines, and what requests ask of each other.

mod build;
mod life;
mod route;
mod sample;
mod scale;
mod ship;

use cost::StepCost;

use crate::curve::Curves;
use crate::engine::Engine;
use crate::error::SimError;
use crate::fleet::{Fleet, Role, Rule, Tiers};
use crate::job::{Job, Refusal, Signal, State};
use crate::outcome::{Pooled, Record};
use crate::queue::{Event, Queue};
use crate::replay::{Replayed, Sample};
use crate::requests::Content;
use crate::scheduler::Host;
use crate::time::Time;
use crate::view::View;

use life::{Act, Place};

/// How to run a fleet, beside what it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub seed: u64,
    pub longest_run: u64,
    /// Time between samples; `None`: none are taken.
    pub sample: Option<Time>,
    /// Whether every request goes through the clock when it is sent, because some follow on answers.
    pub sends: bool,
}

impl Default for Told {
    fn default() -> Told {
        Told { seed: 0, longest_run: u64::MAX, sample: None, sends: false }
    }
}

/// Moments between two looks at whether to go on: some milliseconds.
const MOMENTS: usize = 1024;

/// A pool as it runs.
struct Group<'a, C> {
    /// Step times, which its engines share.
    curves: Curves<'a, C>,
    role: Role<'a>,
    /// The rule by which it hands over.
    handover: usize,
    tiers: Option<Tiers<'a>>,
    /// Tokens of the longest request that fits, and of the longest prompt.
    longest: u64,
    prompt: u64,
    price: f64,
    /// Requests that it handed over.
    handed: u64,
    /// When each transfer of the trunk is over.
    trunk: Vec<Time>,
    /// Places (replicas) of this pool.
    places: std::ops::Range<usize>,
}

/// A rule as it runs.
struct Route {
    rule: Rule,
    turn: usize,
    /// Engines of its pools that accept requests.
    members: Vec<u32>,
    /// Tokens of a request, and of a prompt, that every one of its pools can serve.
    all_fit: (u64, u64),
    /// What front ends need to take a request in, and until when they are busy with it.
    intake: Host,
    ingress: Time,
    gate: Time,
    /// Requests that wait for an engine to come up.
    parked: Vec<u32>,
}

pub(crate) struct Play<'f, 'a, C> {
    fleet: &'f Fleet<'a, C>,
    groups: Vec<Group<'a, C>>,
    routes: Vec<Route>,
    engines: Vec<Engine>,
    /// The pool and the place of each engine.
    pool_of: Vec<u32>,
    place_of: Vec<u32>,
    places: Vec<Place>,
    /// For each engine, when each of its transfer streams is free, and when its way to slower memories is.
    lines: Vec<Vec<Time>>,
    fetches: Vec<Time>,
    jobs: Vec<Job>,
    content: Option<Content>,
    view: Option<View>,
    known: Vec<u32>,
    /// The next request to arrive.
    next: usize,
    closed: bool,
    think: Time,
    /// Requests that were taken in before.
    resident: usize,
    told: Told,
    queue: Queue,
    acts: Vec<Act>,
    /// Engines to which something happened at this moment.
    touched: Vec<u32>,
    marked: Vec<bool>,
    signals: Vec<Signal>,
    /// Requests that ended, one way or another.
    ended: usize,
    shipped: u64,
    swapped: u64,
    samples: Vec<Sample>,
    /// Spare replicas of each pool, and for how many looks in a row it had too many up.
    spares: Vec<u32>,
    calm: Vec<u32>,
    /// Whether any replica ever drains.
    drains: bool,
    now: Time,
}

impl<'f, 'a, C: StepCost> Play<'f, 'a, C> {
    /// Sends the first requests: of so many clients in a closed loop, or the first of an open one.
    pub fn begin(&mut self, clients: Option<usize>, think: Time, resident: usize) -> Result<(), SimError> {
        (self.closed, self.think, self.resident) = (clients.is_some(), think, resident);
        for _ in 0..clients.unwrap_or(1).min(self.jobs.len()) {
            self.announce()?;
        }
        self.foresee()
    }

    /// Runs until every request has ended. `watch` hears now and then how many have; where it says no, that is the end.
    pub fn run(&mut self, watch: &mut dyn FnMut(usize) -> bool) -> Result<(), SimError> {
        let mut moments = 0usize;
        while self.ended < self.jobs.len() {
            let Some((now, event)) = self.queue.pop() else { break };
            if moments.is_multiple_of(MOMENTS) && !watch(self.ended) {
                return Err(SimError::Stopped);
            }
            moments += 1;
            self.now = now;
            self.handle(now, event)?;
            while let Some(event) = self.queue.pop_at(now) {
                self.handle(now, event)?;
            }
            // Plans are made when all that happens at this moment has happened.
            self.touched.sort_unstable();
            for place in 0..self.touched.len() {
                let engine = self.touched[place];
                self.marked[engine as usize] = false;
                let curves = &mut self.groups[self.pool_of[engine as usize] as usize].curves;
                if self.engines[engine as usize].plan(now, curves, &mut self.jobs, &mut self.signals)? {
                    self.await_end(engine);
                }
                self.listen(engine, now)?;
            }
            self.touched.clear();
            self.heed(now)?;
            self.rest(now)?;
            if self.queue.only_ticks() && !self.strand(now)? {
                break;
            }
        }
        if self.ended == self.jobs.len() {
            Ok(())
        } else {
            Err(SimError::Deadlock { served: self.ended, requests: self.jobs.len() })
        }
    }

    /// The next request will arrive; its arrival is known.
    fn announce(&mut self) -> Result<(), SimError> {
        let job = self.next as u32;
        let sent = self.jobs[self.next].arrival;
        self.next += 1;
        if (job as usize) < self.resident {
            self.queue.push(sent, Event::Arrive { job });
            return Ok(());
        }
        if self.told.sends {
            self.queue.push(sent, Event::Send { job });
            // Those that follow on an answer are sent when it is there.
            while self.jobs.get(self.next).is_some_and(|job| job.follows) {
                self.next += 1;
            }
            return Ok(());
        }
        self.take_in(job)
    }

    /// A front end takes a request in.
    fn take_in(&mut self, id: u32) -> Result<(), SimError> {
        let job = &self.jobs[id as usize];
        let (sent, input) = (job.arrival, job.input);
        let Some(route) = self.routes.get_mut(usize::from(job.route)) else {
            self.queue.push(sent, Event::Arrive { job: id });
            return Ok(());
        };
        let work = route.intake.intake.0 + route.intake.intake_token.0 * f64::from(input);
        // Each instance that requests come to has a front end; together they take in so many times as fast.
        let work = Time::from_seconds(work / route.members.len().max(1) as f64)?;
        route.gate = route.gate.max(sent).plus(work)?;
        let arrival = route.gate.plus(route.ingress)?;
        self.queue.push(arrival, Event::Arrive { job: id });
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
                    self.listen(engine, now)?;
                    self.heed(now)?;
                }
            }
            Event::Arrive { job } => {
                // One that begins anew brings nobody with it.
                if !self.closed
                    && !self.told.sends
                    && self.jobs[job as usize].attempt == 0
                    && self.next < self.jobs.len()
                {
                    self.announce()?;
                }
                self.jobs[job as usize].state = State::Sent;
                self.admit(job, now)?;
            }
            Event::Send { job } => {
                self.jobs[job as usize].state = State::Sent;
                if !self.jobs[job as usize].follows && self.next < self.jobs.len() {
                    self.announce()?;
                }
                self.take_in(job)?;
            }
            Event::Shipped { job, attempt } => {
                if self.jobs[job as usize].attempt == attempt {
                    self.land(job, now)?;
                }
            }
            Event::Life { index } => self.act(index, now)?,
            Event::Tick { which } => self.tick(which, now)?,
        }
        Ok(())
    }

    /// Does what engines ask for.
    fn heed(&mut self, now: Time) -> Result<(), SimError> {
        let mut signals = std::mem::take(&mut self.signals);
        for signal in signals.drain(..) {
            match signal {
                Signal::Finished(job) => self.end(job, State::Served)?,
                Signal::Prefilled(id) => {
                    let job = &mut self.jobs[id as usize];
                    job.has_kv = true;
                    let group = &mut self.groups[self.pool_of[job.engine as usize] as usize];
                    group.handed += 1;
                    let route = group.handover;
                    self.send(id, route, now)?;
                }
                Signal::Admitted(job) => self.ship(job, now)?,
                Signal::Swapped(job) => self.swap_out(job, now)?,
            }
        }
        self.signals = signals;
        Ok(())
    }

    /// A request ends, and with it what waits for its answer.
    fn end(&mut self, id: u32, state: State) -> Result<(), SimError> {
        let job = &mut self.jobs[id as usize];
        job.state = state;
        self.ended += 1;
        let (last, mut next) = (job.last, job.next);
        if state == State::Served {
            if self.closed && self.next < self.jobs.len() {
                self.jobs[self.next].arrival = last.plus(self.think)?;
                self.announce()?;
            }
            if let Some(follower) = self.jobs.get_mut(next as usize) {
                // Until now its arrival was its distance from the answer.
                follower.arrival = last.plus(follower.arrival)?;
                self.queue.push(follower.arrival, Event::Send { job: next });
            }
            return Ok(());
        }
        while let Some(follower) = self.jobs.get_mut(next as usize) {
            follower.state = State::Refused(Refusal::Orphan);
            self.ended += 1;
            next = follower.next;
        }
        Ok(())
    }

    /// The router hears of what came to an engine's cache and what went.
    fn listen(&mut self, engine: u32, now: Time) -> Result<(), SimError> {
        let Some(view) = &mut self.view else { return Ok(()) };
        for rank in &mut self.engines[engine as usize].ranks {
            if let Some(cache) = &mut rank.cache
                && std::mem::take(&mut cache.due)
            {
                view.tell(now, engine, &mut cache.news)?;
            }
        }
        Ok(())
    }

    /// What a deployment did.
    pub fn record(self, copies: usize, warmup: usize, clients: Option<usize>) -> Record {
        let mut loads = Vec::new();
        for group in &self.groups {
            loads.push(Pooled::of(&self.engines[self.range(group)]));
        }
        Record::new(&self.jobs, loads, copies, warmup, clients, self.shipped)
    }

    /// Engines of a pool.
    fn range(&self, group: &Group<'a, C>) -> std::ops::Range<usize> {
        let of = |place: usize| self.places.get(place).map_or(self.engines.len(), |place| place.first);
        of(group.places.start)..of(group.places.end)
    }

    /// What a fleet did.
    pub fn replayed(self) -> Replayed {
        let end = self.now;
        let pools = self.groups.iter().map(|group| {
            let places = &self.places[group.places.clone()];
            let paid = places.iter().map(|place| place.paid(end)).collect();
            Replayed::pool(&self.engines[self.range(group)], paid, group.price, group.handed)
        });
        let pools = pools.collect();
        Replayed::new(&self.jobs, pools, &self.pool_of, &self.place_of, self.samples, end, [self.shipped, self.swapped])
    }
}
