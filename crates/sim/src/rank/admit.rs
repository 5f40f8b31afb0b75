//! Who comes in: requests from the head of the queue, while the step, the seats and the cache have room.

use crate::cache::Found;
use crate::job::{Job, Signal};
use crate::rules::Rules;
use crate::scheduler::Admission;
use crate::time::Time;

use super::Rank;

impl Rank {
    /// Admits requests from the head of the queue while the step, the seats and the cache have room.
    pub(super) fn admit(
        &mut self,
        jobs: &mut [Job],
        rules: &Rules,
        now: Time,
        budget: &mut u64,
        signals: &mut Vec<Signal>,
    ) {
        self.retry = false;
        while let Some(&id) = self.waiting.front() {
            if self.running() >= rules.seats {
                return;
            }
            if *budget == 0 && !jobs[id as usize].has_kv {
                self.retry = true;
                return;
            }
            if self.swapping && jobs[id as usize].swapped {
                self.retry = true;
                return;
            }
            let found = self.find(id, jobs);
            let job = &jobs[id as usize];
            if !job.has_kv {
                let new = job.uncomputed();
                // A request that begins anew may have become longer than a step: it then has the step to itself.
                let alone = (job.preemptions > 0 || job.emitted > 0) && *budget == rules.budget;
                if !rules.chunked && new > *budget && !alone {
                    self.retry = true;
                    return;
                }
            }
            let tokens = if job.has_kv { job.prompt() - 1 } else { job.prompt() };
            let Some(blocks) = self.fits(job, tokens, found, rules) else { return };
            self.waiting.pop_front();
            self.owed += rules.owed(job);
            self.pool.take(blocks);
            let job = &mut jobs[id as usize];
            job.blocks = blocks;
            if job.started == Time::NEVER {
                job.hit = job.cached;
                job.started = now;
            }
            if let Some(cache) = &mut self.cache
                && !job.has_kv
            {
                self.pool.hold(u64::from(found.idle) * cache.each);
                cache.admit(job, found);
                cache.settle(self.pool.free());
            }
            if job.has_kv || found.fetched() > 0 {
                self.swapping |= job.swapped;
                job.fetch = found.tiers;
                self.pending += 1;
                signals.push(Signal::Admitted(id));
            } else {
                self.order(id, jobs);
                self.prefilling.push_back(id);
                if rules.chunked {
                    self.compute(id, jobs, budget);
                } else {
                    let mut whole = jobs[id as usize].uncomputed();
                    *budget = budget.saturating_sub(whole);
                    self.compute(id, jobs, &mut whole);
                }
            }
        }
    }

    /// What is known of a prompt, which then need not be computed.
    pub(super) fn find(&mut self, id: u32, jobs: &mut [Job]) -> Found {
        let job = &mut jobs[id as usize];
        let Some(cache) = &mut self.cache else { return Found::default() };
        if job.has_kv {
            return Found::default();
        }
        cache.settle(self.pool.free());
        let found = cache.find(job);
        job.cached = (u64::from(found.blocks()) * cache.tokens) as u32;
        found
    }

    /// Blocks of its own for a request, if they are free.
    pub(super) fn fits(&self, job: &Job, tokens: u64, found: Found, rules: &Rules) -> Option<u64> {
        let tokens = if rules.admission == Admission::Whole { rules.longest(job) } else { tokens };
        let each = self.cache.as_ref().map_or(0, |cache| cache.each);
        let blocks = self.pool.blocks(tokens) - u64::from(found.here) * each;
        let mut needed = blocks + u64::from(found.idle) * each + self.opens(1, rules);
        if job.swapped {
            // It comes back when there is room for its next step too.
            needed += self.pool.blocks(job.prompt()) - self.pool.blocks(job.prompt() - 1);
        }
        if self.running() > 0 {
            needed += rules.watermark;
            if let Admission::Expected(share) = rules.admission {
                let owed = self.to_come(rules) + self.owed + rules.owed(job);
                needed += self.pool.blocks((share * owed as f64) as u64);
            }
        }
        (needed <= self.pool.free()).then_some(blocks)
    }

    /// Remembers that a request was admitted after all others that run.
    pub(super) fn order(&mut self, id: u32, jobs: &[Job]) {
        if self.order.len() as u64 > 64 + 2 * self.running() {
            self.order.retain(|(id, epoch)| jobs[*id as usize].epoch == *epoch);
        }
        self.order.push((id, jobs[id as usize].epoch));
    }

    /// Puts as much of a prompt into the step as the budget allows.
    pub(super) fn compute(&mut self, id: u32, jobs: &[Job], budget: &mut u64) {
        let job = &jobs[id as usize];
        let new = job.uncomputed().min(*budget);
        let past = u64::from(job.cached) + u64::from(job.computed);
        *budget -= new;
        self.batch.prefill += 1;
        self.batch.prefill_tokens += new;
        self.batch.prefill_pairs += new as f64 * (past as f64 + (new + 1) as f64 / 2.0);
        self.batch.prefill_past += past as f64;
        self.prefilled += u64::from(new == job.uncomputed());
        self.chunks.push((id, new as u32));
    }
}
