//! Pools that grow and shrink, and replicas that drain before they go.

use cost::StepCost;

use super::Play;
use super::life::{Health, Place};
use crate::error::SimError;
use crate::fleet::{Role, Scaling};
use crate::time::Time;

impl<C: StepCost> Play<'_, '_, C> {
    /// Adds replicas at once where they are too few, takes one away where there were too many for a while.
    pub(super) fn scale(&mut self, pool: usize, now: Time) -> Result<(), SimError> {
        let Some(Scaling { least, most, target, patience, .. }) = self.fleet.pools[pool].scaling else { return Ok(()) };
        let places = self.groups[pool].places.clone();
        let engines = |place: &Place| place.first..place.first + place.lanes as usize;
        let load: u64 = places.clone().flat_map(|p| engines(&self.places[p])).map(|e| self.engines[e].load()).sum();
        let parked: usize =
            self.routes.iter().filter(|route| route.rule.pools.contains(&pool)).map(|route| route.parked.len()).sum();
        let wanted = ((load as f64 + parked as f64) / target).ceil().clamp(f64::from(least), f64::from(most)) as usize;
        let counts = |health: Health| matches!(health, Health::Up | Health::Starting);
        let mut have = places.clone().filter(|place| counts(self.places[*place].health)).count();
        self.calm[pool] = if wanted < have { self.calm[pool] + 1 } else { 0 };
        for place in places.clone() {
            if have >= wanted {
                break;
            }
            match self.places[place].health {
                // One that was about to go stays: it is up already.
                Health::Draining(false) => {
                    self.places[place].turn(Health::Up, now);
                    self.muster();
                    self.unpark(now)?;
                }
                Health::Off => self.start(place, now)?,
                _ => continue,
            }
            have += 1;
        }
        if self.calm[pool] > patience {
            self.calm[pool] = 0;
            if let Some(place) = places.rev().find(|place| self.places[*place].health == Health::Up) {
                self.places[place].turn(Health::Draining(false), now);
                self.drains = true;
                self.muster();
                self.drained(place, now)?;
            }
        }
        Ok(())
    }

    /// Whether a replica that drains has nothing left, and what comes then.
    pub(super) fn drained(&mut self, place: usize, now: Time) -> Result<(), SimError> {
        let Place { first, lanes, health, .. } = self.places[place];
        let Health::Draining(again) = health else { return Ok(()) };
        let engines = first..first + lanes as usize;
        if engines.clone().any(|engine| self.engines[engine].load() > 0) || self.holds(&engines) {
            return Ok(());
        }
        self.places[place].life += 1;
        for engine in engines {
            self.engines[engine].fail(now, &mut self.jobs, &mut self.signals);
            if let Some(view) = &mut self.view {
                view.forget(engine as u32);
            }
        }
        if again {
            self.start(place, now)
        } else {
            self.places[place].turn(Health::Off, now);
            Ok(())
        }
    }

    /// Whether caches wait there to be shipped.
    fn holds(&self, engines: &std::ops::Range<usize>) -> bool {
        let pool = self.pool_of[engines.start] as usize;
        matches!(self.groups[pool].role, Role::Prefill { .. })
            && engines.clone().any(|engine| self.engines[engine].ranks.iter().any(|rank| rank.pool.used() > 0))
    }

    /// Replicas that drain and are done are switched off or started again.
    pub(super) fn rest(&mut self, now: Time) -> Result<(), SimError> {
        if !self.drains {
            return Ok(());
        }
        for place in 0..self.places.len() {
            self.drained(place, now)?;
        }
        Ok(())
    }
}
