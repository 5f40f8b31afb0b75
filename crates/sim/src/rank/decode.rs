//! Requests that decode: all in step, in cohorts that grow at one rate each.
//!
//! Without speculation there is one cohort. With it, service classes whose drafts are accepted more or less often grow at
//! rates of their own; within a cohort all grow together, so that a run of steps is still a sum in closed form.

use std::cmp::Reverse;

use crate::curve::UNIT_BITS;
use crate::job::Job;
use crate::rules::Rules;

use super::Rank;

/// Requests that decode at one rate.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cohort {
    count: u64,
    /// Sum of their anchors.
    anchors: i64,
    /// Sum of their final growths.
    targets: u64,
}

impl Rank {
    /// Tokens for which the cache is in use, in units, summed over the coming steps.
    pub fn held(&self, steps: u64, rules: &Rules) -> u128 {
        let grows = if self.decodes { self.emits(rules) } else { 0 };
        rules.held(steps, self.pool.fixed_tokens() << UNIT_BITS, self.cached(rules), grows)
    }

    /// Requests that decode.
    pub fn decoding(&self) -> u64 {
        self.decoding
    }

    /// Tokens that come out of a step of those that decode, in units.
    pub fn emits(&self, rules: &Rules) -> u64 {
        self.cohorts.iter().zip(&rules.rates).map(|(cohort, rate)| cohort.count * rate).sum()
    }

    /// Tokens in the cache of decoding requests, in units.
    pub fn cached(&self, rules: &Rules) -> u64 {
        let one = |(cohort, rate): (&Cohort, &u64)| {
            let grown = i128::from(cohort.count) * i128::from(self.steps) * i128::from(*rate);
            (i128::from(cohort.anchors) << UNIT_BITS) + grown
        };
        self.cohorts.iter().zip(&rules.rates).map(one).sum::<i128>() as u64
    }

    /// Blocks that the next so many steps open.
    pub(super) fn opens(&self, steps: u64, rules: &Rules) -> u64 {
        let one = |rate| self.pool.need(rate, rules.growth(rate, self.steps), rules.growth(rate, self.steps + steps));
        (0..self.cohorts.len()).map(one).sum()
    }

    /// Tokens still to come of those that decode.
    pub(super) fn to_come(&self, rules: &Rules) -> u64 {
        let one = |(rate, cohort): (usize, &Cohort)| cohort.targets - rules.growth(rate, self.steps) * cohort.count;
        self.cohorts.iter().enumerate().map(one).sum()
    }

    /// A request whose prompt is in the cache joins the batch that decodes.
    pub(super) fn join(&mut self, id: u32, jobs: &mut [Job], rules: &Rules) {
        let rate = rules.rate(&jobs[id as usize]);
        let growth = rules.growth(rate, self.steps);
        let target = growth + rules.owed(&jobs[id as usize]);
        if jobs[id as usize].has_kv {
            self.order(id, jobs);
        }
        let job = &mut jobs[id as usize];
        job.decoding = true;
        job.joined = self.steps;
        job.anchor = job.prompt() as i64 - 1 - growth as i64;
        if rules.grows() {
            self.pool.join(rate, job.anchor, job.blocks);
        }
        let cohort = &mut self.cohorts[rate];
        cohort.count += 1;
        cohort.anchors += job.anchor;
        cohort.targets += target;
        self.decoding += 1;
        self.finishes.push(Reverse((rules.steps_to(rate, target), id, job.epoch)));
    }

    /// A request leaves the batch that decodes and gives back its blocks.
    pub(super) fn leave(&mut self, id: u32, jobs: &mut [Job], rules: &Rules) {
        let job = &mut jobs[id as usize];
        let rate = rules.rate(job);
        let growth = rules.growth(rate, self.steps);
        let cohort = &mut self.cohorts[rate];
        cohort.count -= 1;
        cohort.anchors -= job.anchor;
        cohort.targets -= rules.growth(rate, job.joined) + rules.owed(job);
        self.decoding -= 1;
        if rules.grows() {
            let shared = self.cache.as_ref().map_or(0, |cache| u64::from(job.entries) * cache.each);
            self.pool.leave(rate, job.anchor, growth, shared);
        } else {
            self.pool.give(job.blocks);
        }
        job.decoding = false;
        job.emissions += self.steps - job.joined;
        let emitted = job.anchor + growth as i64 + 1 - i64::from(job.input);
        job.emitted = job.output.min(emitted as u32);
    }

    /// Decode steps until the first request is done or the cache is full; at least one.
    pub fn limit(&mut self, jobs: &[Job], rules: &Rules) -> u64 {
        while let Some(Reverse((last, id, epoch))) = self.finishes.peek() {
            if jobs[*id as usize].epoch != *epoch {
                self.finishes.pop();
                continue;
            }
            let finish = last - self.steps;
            return if self.cohorts.len() == 1 {
                let from = rules.growth(0, self.steps);
                let most = rules.growth(0, self.steps + finish) - from;
                let room = self.pool.room(from, most);
                if room == most { finish } else { rules.steps_within(0, from + room) - self.steps }
            } else {
                self.room(finish, rules)
            };
        }
        u64::MAX
    }

    /// Steps, at most `most`, that the free blocks allow whatever the rates; at least one.
    fn room(&self, most: u64, rules: &Rules) -> u64 {
        let free = self.pool.free();
        if self.opens(most, rules) <= free {
            return most;
        }
        let (mut fits, mut fails) = (1, most);
        while fits + 1 < fails {
            let middle = fits.midpoint(fails);
            if self.opens(middle, rules) <= free { fits = middle } else { fails = middle }
        }
        fits
    }
}
