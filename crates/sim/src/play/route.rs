//! Which engine a request goes to.

use cost::StepCost;

use super::{Play, Route};
use crate::error::SimError;
use crate::fleet::{Fleet, Replicas, Routing, Rule};
use crate::job::{Refusal, State};
use crate::time::Time;

impl Route {
    pub fn new<C>(rule: Rule, fleet: &Fleet<'_, C>) -> Result<Route, SimError> {
        let pools: Vec<&Replicas<'_, C>> = rule.pools.iter().filter_map(|place| fleet.pools.get(*place)).collect();
        let intake = pools.first().map_or(crate::scheduler::Host::FREE, |pool| pool.instance.scheduler.host);
        Ok(Route {
            all_fit: (
                pools.iter().map(|pool| pool.longest()).min().unwrap_or(0),
                pools.iter().map(|pool| pool.prompt()).min().unwrap_or(0),
            ),
            ingress: Time::from_seconds(intake.ingress.0)?,
            intake,
            rule,
            turn: 0,
            members: Vec::new(),
            gate: Time::ZERO,
            parked: Vec::new(),
        })
    }
}

impl<C: StepCost> Play<'_, '_, C> {
    /// A request arrives at the fleet.
    pub(super) fn admit(&mut self, id: u32, now: Time) -> Result<(), SimError> {
        let job = &self.jobs[id as usize];
        let route = usize::from(job.route);
        if route >= self.fleet.rules.len() {
            return self.end(id, State::Refused(Refusal::NoRoute));
        }
        self.send(id, route, now)
    }

    /// Whether a request fits into the cache and the steps of a pool.
    fn fits(&self, id: u32, pool: usize) -> bool {
        let (job, group) = (&self.jobs[id as usize], &self.groups[pool]);
        let engine = group.places.start;
        let rules = &self.engines[self.places[engine].first].rules;
        rules.longest(job) <= group.longest && (job.has_kv || u64::from(job.input - job.cached) <= group.prompt)
    }

    /// Sends a request to one of the engines of a rule; to none while none is up.
    pub(super) fn send(&mut self, id: u32, place: usize, now: Time) -> Result<(), SimError> {
        let job = &self.jobs[id as usize];
        let route = &self.routes[place];
        let long = u64::from(job.input) + u64::from(job.output) + 64;
        let entry = !job.has_kv;
        let prompt_fits = !entry || u64::from(job.input - job.cached) <= route.all_fit.1;
        let simple = long <= route.all_fit.0 && prompt_fits && route.rule.limit.is_none();
        if !simple && !route.rule.pools.iter().any(|pool| self.fits(id, *pool)) {
            self.drop_held(id, now)?;
            return self.end(id, State::Refused(Refusal::TooLong));
        }
        if route.members.is_empty() {
            self.park(id, place);
            return Ok(());
        }
        let chosen = if simple {
            Some(self.choose(id, place, now))
        } else {
            // Only those that can serve it, and have room for it, are asked.
            let limit = self.routes[place].rule.limit.filter(|_| entry).unwrap_or(u64::MAX);
            let able = self.routes[place].members.iter().copied().filter(|engine| {
                let engine = *engine as usize;
                self.fits(id, self.pool_of[engine] as usize) && self.engines[engine].load() < limit
            });
            let able: Vec<u32> = able.collect();
            if able.is_empty() {
                None
            } else {
                let all = std::mem::replace(&mut self.routes[place].members, able);
                let engine = self.choose(id, place, now);
                self.routes[place].members = all;
                Some(engine)
            }
        };
        let Some(engine) = chosen else {
            // Those that fit are down, or all are full.
            let full = self.routes[place].members.iter().any(|e| self.fits(id, self.pool_of[*e as usize] as usize));
            if full {
                return self.end(id, State::Refused(Refusal::Full));
            }
            self.park(id, place);
            return Ok(());
        };
        let job = &mut self.jobs[id as usize];
        job.engine = engine;
        job.state = State::Placed;
        let changed = self.engines[engine as usize].push(id, now, &mut self.jobs)?;
        self.touch(engine, changed);
        Ok(())
    }

    /// A request waits for an engine to come up.
    fn park(&mut self, id: u32, place: usize) {
        self.jobs[id as usize].state = State::Sent;
        self.routes[place].parked.push(id);
    }

    /// One of the engines of a rule, of which there is at least one.
    fn choose(&mut self, id: u32, place: usize, now: Time) -> u32 {
        let route = &mut self.routes[place];
        let (members, engines) = (&route.members, &self.engines);
        let least = |key: &dyn Fn(u32) -> (u64, u64)| {
            members.iter().copied().min_by_key(|engine| (key(*engine), *engine)).unwrap_or(members[0])
        };
        match route.rule.routing {
            Routing::RoundRobin => {
                let turn = route.turn % members.len();
                let engine = members[turn];
                route.turn = turn + 1;
                engine
            }
            Routing::LeastOutstanding => least(&|engine| (engines[engine as usize].load(), 0)),
            Routing::ShortestQueue => {
                least(&|engine| (engines[engine as usize].waiting(), engines[engine as usize].load()))
            }
            Routing::Cheapest { full } => {
                let key = |engine: &u32| {
                    let load = engines[*engine as usize].load();
                    let price = self.groups[self.pool_of[*engine as usize] as usize].price;
                    if load < full { (false, price, load) } else { (true, 0.0, load) }
                };
                let order = |a: &u32, b: &u32| {
                    let (a_key, b_key) = (key(a), key(b));
                    let price = a_key.1.total_cmp(&b_key.1);
                    a_key.0.cmp(&b_key.0).then(price).then(a_key.2.cmp(&b_key.2)).then(a.cmp(b))
                };
                members.iter().copied().min_by(order).unwrap_or(members[0])
            }
            Routing::Prefix { weight } => {
                let job = &self.jobs[id as usize];
                let (mut block, mut most) = (1, 0);
                if let (Some(content), Some(view)) = (&self.content, &mut self.view) {
                    block = u64::from(content.block);
                    most = u64::from(job.known).min((job.prompt() - 1) / block);
                    let first = job.content as usize;
                    view.known(now, &content.names[first..first + most as usize], &mut self.known);
                }
                let cost = |engine: u32| {
                    let known = if most > 0 { u64::from(self.known[engine as usize]) } else { 0 };
                    let new = job.prompt() - known * block;
                    engines[engine as usize].load() as f64 + weight * new as f64 * 1e-3
                };
                let order = |a: &u32, b: &u32| cost(*a).total_cmp(&cost(*b)).then(a.cmp(b));
                members.iter().copied().min_by(order).unwrap_or(members[0])
            }
        }
    }

    /// Lists anew which engines accept requests, and sends them those that wait for one.
    pub(super) fn muster(&mut self) {
        for route in &mut self.routes {
            route.members.clear();
            for pool in &route.rule.pools {
                for place in &self.places[self.groups[*pool].places.clone()] {
                    if place.accepts() {
                        route.members.extend((place.first..place.first + place.lanes as usize).map(|e| e as u32));
                    }
                }
            }
            route.members.sort_unstable();
            route.members.dedup();
        }
    }

    /// Sends those that wait for an engine.
    pub(super) fn unpark(&mut self, now: Time) -> Result<(), SimError> {
        for place in 0..self.routes.len() {
            if self.routes[place].members.is_empty() {
                continue;
            }
            for id in std::mem::take(&mut self.routes[place].parked) {
                self.send(id, place, now)?;
            }
        }
        Ok(())
    }

    /// Nothing will ever happen again: those that wait for an engine are given up. Tells whether there were any.
    pub(super) fn strand(&mut self, now: Time) -> Result<bool, SimError> {
        let mut any = false;
        for place in 0..self.routes.len() {
            for id in std::mem::take(&mut self.routes[place].parked) {
                any = true;
                self.drop_held(id, now)?;
                self.end(id, State::Lost)?;
            }
        }
        if any {
            // What that frees may let others go on.
            self.look(now);
        }
        Ok(any || self.ended == self.jobs.len())
    }
}
