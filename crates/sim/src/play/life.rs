//! What befalls replicas: faults, repairs, spares.

use cost::StepCost;

use super::Play;
use crate::engine::SOUND;
use crate::error::SimError;
use crate::fleet::Harm;
use crate::job::State;
use crate::queue::Event;
use crate::time::{Fine, Time};

/// How a replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// Switched off.
    Off,
    /// It will serve soon.
    Starting,
    /// It serves.
    Up,
    /// It serves what it has and then is switched off, or (`true`) started again.
    Draining(bool),
    /// It is broken.
    Down,
}

/// A replica.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub pool: usize,
    /// Its engines: the first, and how many.
    pub first: usize,
    pub lanes: u32,
    pub health: Health,
    /// Goes up when it stops: what was foreseen before is void.
    pub life: u32,
    /// It is paid for since then, and was for so long before.
    pub since: Option<Time>,
    paid: u64,
    /// Transfers to and from it take so many times as long.
    pub link: f64,
    /// What is foreseen to end slowness; older ends are void.
    slowed: u32,
    strained: u32,
    /// Busy time at the last sample.
    pub busy: Fine,
}

impl Place {
    pub fn new(pool: usize, first: usize, lanes: u32, up: bool) -> Place {
        Place {
            pool,
            first,
            lanes,
            health: if up { Health::Up } else { Health::Off },
            life: 0,
            since: up.then_some(Time::ZERO),
            paid: 0,
            link: 1.0,
            slowed: 0,
            strained: 0,
            busy: 0,
        }
    }

    pub fn accepts(&self) -> bool {
        self.health == Health::Up
    }

    /// Whether it is paid for: all but those that are switched off, and those that are broken.
    pub fn turn(&mut self, health: Health, now: Time) {
        let pays = !matches!(health, Health::Off | Health::Down);
        match (self.since, pays) {
            (Some(since), false) => {
                self.paid += now.0 - since.0;
                self.since = None;
            }
            (None, true) => self.since = Some(now),
            _ => {}
        }
        self.health = health;
    }

    /// Time that it was paid for until now.
    pub fn paid(&self, now: Time) -> Time {
        Time(self.paid + self.since.map_or(0, |since| now.0.saturating_sub(since.0)))
    }
}

/// Something that will happen.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    /// A fault of the fleet's list.
    Fault { fault: usize },
    /// A replica serves.
    Up { place: usize, life: u32 },
    /// A broken replica is repaired and is a spare.
    Spare { pool: usize },
    /// It is as fast as it was.
    Sound { place: usize, slowed: u32 },
    /// Its links are.
    Linked { place: usize, strained: u32 },
    /// Nothing: engines that were touched are looked at.
    Look,
}

impl<C: StepCost> Play<'_, '_, C> {
    fn later(&mut self, at: Time, act: Act) {
        self.queue.push(at, Event::Life { index: self.acts.len() as u32 });
        self.acts.push(act);
    }

    /// Has engines looked at that were touched after all events of this moment.
    pub(super) fn look(&mut self, now: Time) {
        self.later(now, Act::Look);
    }

    /// Puts what is known to happen into the queue.
    pub(super) fn foresee(&mut self) -> Result<(), SimError> {
        for (place, fault) in self.fleet.faults.iter().enumerate() {
            self.later(Time::from_seconds(fault.at.0)?, Act::Fault { fault: place });
        }
        if self.told.sample.is_some() {
            self.queue.push(Time::ZERO, Event::Tick { which: 0 });
        }
        for (number, pool) in self.fleet.pools.iter().enumerate() {
            if let Some(scaling) = &pool.scaling {
                self.queue.push(Time::from_seconds(scaling.every.0)?, Event::Tick { which: number as u32 + 1 });
            }
        }
        Ok(())
    }

    pub(super) fn act(&mut self, index: u32, now: Time) -> Result<(), SimError> {
        match self.acts[index as usize] {
            Act::Fault { fault } => {
                let fault = &self.fleet.faults[fault];
                for replica in fault.replicas.clone() {
                    let place = self.groups[fault.pool].places.start + replica as usize;
                    self.suffer(place, fault.harm, now)?;
                }
            }
            Act::Up { place, life } => {
                if self.places[place].life == life && self.places[place].health == Health::Starting {
                    self.places[place].turn(Health::Up, now);
                    self.muster();
                    self.unpark(now)?;
                }
            }
            Act::Spare { pool } => {
                // A replica that still waits for one takes it.
                let down = self.groups[pool].places.clone().find(|place| self.places[*place].health == Health::Down);
                match down {
                    Some(place) => self.start(place, now)?,
                    None => self.spares[pool] += 1,
                }
            }
            Act::Sound { place, slowed } => {
                if self.places[place].slowed == slowed {
                    self.pace(place, SOUND, now)?;
                }
            }
            Act::Linked { place, strained } => {
                if self.places[place].strained == strained {
                    self.places[place].link = 1.0;
                }
            }
            Act::Look => {}
        }
        Ok(())
    }

    /// A replica starts.
    pub(super) fn start(&mut self, place: usize, now: Time) -> Result<(), SimError> {
        let startup = Time::from_seconds(self.fleet.pools[self.places[place].pool].startup.0)?;
        self.places[place].turn(Health::Starting, now);
        let life = self.places[place].life;
        self.later(now.plus(startup)?, Act::Up { place, life });
        Ok(())
    }

    fn suffer(&mut self, place: usize, harm: Harm, now: Time) -> Result<(), SimError> {
        match harm {
            Harm::Stop { repair } => self.stop(place, repair.map(|span| span.0), now),
            Harm::Slow { factor, span } => {
                self.places[place].slowed += 1;
                let slowed = self.places[place].slowed;
                self.pace(place, (factor * SOUND as f64).round() as Fine, now)?;
                self.later(now.plus(Time::from_seconds(span.0)?)?, Act::Sound { place, slowed });
                Ok(())
            }
            Harm::Link { factor, span } => {
                self.places[place].strained += 1;
                self.places[place].link = factor;
                let strained = self.places[place].strained;
                self.later(now.plus(Time::from_seconds(span.0)?)?, Act::Linked { place, strained });
                Ok(())
            }
            Harm::Drain => {
                if self.places[place].health == Health::Up {
                    self.places[place].turn(Health::Draining(true), now);
                    self.drains = true;
                    self.muster();
                    self.drained(place, now)?;
                }
                Ok(())
            }
        }
    }

    fn pace(&mut self, place: usize, pace: Fine, now: Time) -> Result<(), SimError> {
        let Place { first, lanes, .. } = self.places[place];
        for engine in first..first + lanes as usize {
            let changed = self.engines[engine].slow(pace, now)?;
            self.touch(engine as u32, changed);
        }
        Ok(())
    }

    /// A replica stops at once. A spare takes its place, or it is repaired, or it is gone.
    fn stop(&mut self, place: usize, repair: Option<f64>, now: Time) -> Result<(), SimError> {
        let Place { pool, first, lanes, health, .. } = self.places[place];
        if matches!(health, Health::Off | Health::Down) {
            return Ok(());
        }
        self.places[place].life += 1;
        self.places[place].turn(Health::Down, now);
        self.muster();
        let engines = first..first + lanes as usize;
        for engine in engines.clone() {
            self.engines[engine].fail(now, &mut self.jobs, &mut self.signals);
            self.fetches[engine] = Time::ZERO;
            if let Some(view) = &mut self.view {
                view.forget(engine as u32);
            }
            self.lines[engine].fill(Time::ZERO);
        }
        self.heed(now)?;
        for id in 0..self.jobs.len() as u32 {
            let job = &self.jobs[id as usize];
            let here = |engine: u32| engines.contains(&(engine as usize));
            let held = job.held.is_some_and(|held| here(held.engine));
            let parked = job.state == State::Sent && held;
            if parked || (job.state == State::Placed && (held || here(job.engine))) {
                self.again(id, &engines, now)?;
            }
        }
        let spare = self.spares[pool] > 0;
        if spare {
            self.spares[pool] -= 1;
            self.start(place, now)?;
        }
        if let Some(repair) = repair {
            let then = now.plus(Time::from_seconds(repair)?)?;
            self.later(then, Act::Spare { pool });
        }
        if self.fleet.pools[pool].scaling.is_some() {
            self.scale(pool, now)?;
        }
        Ok(())
    }

    /// A request begins anew, or is given up.
    fn again(&mut self, id: u32, failed: &std::ops::Range<usize>, now: Time) -> Result<(), SimError> {
        let job = &mut self.jobs[id as usize];
        let (engine, placed) = (job.engine, job.state == State::Placed);
        let held = job.held.take();
        if let Some(held) = held {
            if !failed.contains(&(held.engine as usize)) {
                let changed = self.engines[held.engine as usize].release(held, &self.jobs[id as usize], now)?;
                self.touch(held.engine, changed);
            }
            if placed && !failed.contains(&(engine as usize)) {
                let changed = self.engines[engine as usize].withdraw(id, now, &self.jobs)?;
                self.touch(engine, changed);
            }
        }
        for route in &mut self.routes {
            route.parked.retain(|other| *other != id);
        }
        let job = &mut self.jobs[id as usize];
        if held.is_some() {
            // The client has not seen the token that was to be handed over with the cache.
            job.emitted -= 1;
            if job.emitted == 0 {
                job.first = Time::NEVER;
            }
        }
        job.attempt += 1;
        job.epoch += 1;
        (job.computed, job.entries, job.fetch) = (0, 0, [0, 0]);
        (job.has_kv, job.swapped, job.decoding) = (false, false, false);
        if job.known > 0 {
            job.cached = 0;
        }
        job.state = State::Sent;
        if !self.fleet.resumes {
            (job.emitted, job.emissions, job.first) = (0, 0, Time::NEVER);
        }
        if job.attempt > self.fleet.retries {
            return self.end(id, State::Lost);
        }
        let again = now.plus(Time::from_seconds(self.fleet.notice.0)?)?;
        self.queue.push(again, Event::Arrive { job: id });
        Ok(())
    }
}
