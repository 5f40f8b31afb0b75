//! Looks at the clock: samples of every pool, and whether a pool has the right size.

use cost::StepCost;

use super::Play;
use super::life::Health;
use crate::error::SimError;
use crate::queue::Event;
use crate::replay::Sample;
use crate::time::{FINE_BITS, Time};

/// Samples of a pool, an even number: the first is taken at the start and counts beside them.
const MOST_SAMPLES: usize = 4096;

impl<C: StepCost> Play<'_, '_, C> {
    pub(super) fn tick(&mut self, which: u32, now: Time) -> Result<(), SimError> {
        if which == 0 {
            self.sample(now);
            self.thin();
            if let Some(every) = self.told.sample {
                self.queue.push(now.plus(every)?, Event::Tick { which });
            }
            return Ok(());
        }
        let pool = which as usize - 1;
        self.scale(pool, now)?;
        if let Some(scaling) = &self.fleet.pools[pool].scaling {
            self.queue.push(now.plus(Time::from_seconds(scaling.every.0)?)?, Event::Tick { which });
        }
        Ok(())
    }

    /// Where samples become too many every second one goes, and they are taken half as often from now on.
    fn thin(&mut self) {
        let (pools, every) = (self.groups.len(), self.told.sample.unwrap_or(Time::ZERO));
        if self.samples.len() <= MOST_SAMPLES * pools || every.0 > u64::MAX / 4 {
            return;
        }
        let old = std::mem::take(&mut self.samples);
        for (moment, samples) in old.chunks(pools).enumerate().step_by(2) {
            for (pool, sample) in samples.iter().enumerate() {
                let before = moment.checked_sub(1).and_then(|before| old.get(before * pools + pool));
                let busy = before.map_or(sample.busy, |before| 0.5 * (before.busy + sample.busy));
                self.samples.push(Sample { busy, ..*sample });
            }
        }
        self.told.sample = Some(Time(2 * every.0));
    }

    fn sample(&mut self, now: Time) {
        let every = self.told.sample.unwrap_or(Time(1)).0.max(1);
        for (number, group) in self.groups.iter().enumerate() {
            let mut sample = Sample { time: now, pool: number as u32, ..Sample::default() };
            let (mut blocks, mut used, mut idle, mut busy, mut engines) = (0, 0, 0, 0.0, 0);
            for place in &mut self.places[group.places.clone()] {
                let mut total = 0;
                for engine in &self.engines[place.first..place.first + place.lanes as usize] {
                    let (own, run) = engine.probe(now);
                    sample.waiting += own[0];
                    sample.running += own[1];
                    used += own[2];
                    idle += own[3];
                    total += run;
                    if place.health != Health::Off && place.health != Health::Down {
                        blocks += engine.blocks();
                        engines += 1;
                    }
                }
                busy += ((total - place.busy) >> FINE_BITS) as f64;
                place.busy = total;
                sample.up += u32::from(place.accepts());
                sample.on += u32::from(place.since.is_some());
            }
            let parked = self.routes.iter().filter(|route| route.rule.pools.first() == Some(&number));
            sample.waiting += parked.map(|route| route.parked.len() as u64).sum::<u64>();
            let share = |part: u64| if blocks > 0 { part as f64 / blocks as f64 } else { 0.0 };
            (sample.kv, sample.idle) = (share(used), share(idle));
            sample.busy = if engines > 0 { busy / (every as f64 * f64::from(engines)) } else { 0.0 };
            self.samples.push(sample);
        }
    }
}
