//! Who goes when the cache is full: the latest of the lowest priority.

use crate::job::{Job, Signal};
use crate::rules::Rules;

use super::Rank;

impl Rank {
    /// Preempts until the decoding requests can take one more step. Tells whether any was, and any is left.
    pub(super) fn make_room(&mut self, jobs: &mut [Job], rules: &Rules, signals: &mut Vec<Signal>) -> bool {
        let mut preempted = false;
        while self.decoding > 0 {
            if self.opens(1, rules) <= self.pool.free() {
                break;
            }
            let Some((id, epoch)) = self.victim(jobs, rules) else { break };
            if jobs[id as usize].epoch == epoch {
                self.preempt(id, jobs, rules, signals);
                preempted = true;
            }
        }
        if preempted {
            // The head of the queue is the victim now. While others decode there is less room for it at every step.
            self.retry = self.decoding == 0;
        }
        preempted && self.decoding > 0
    }

    /// Takes the request to be preempted next from the list of those that run; it may be stale.
    pub(super) fn victim(&mut self, jobs: &[Job], rules: &Rules) -> Option<(u32, u32)> {
        if !rules.priorities {
            return self.order.pop();
        }
        self.order.retain(|(id, epoch)| jobs[*id as usize].epoch == *epoch);
        let place = (0..self.order.len()).max_by_key(|place| (jobs[self.order[*place].0 as usize].priority, *place))?;
        Some(self.order.remove(place))
    }

    pub(super) fn preempt(&mut self, id: u32, jobs: &mut [Job], rules: &Rules, signals: &mut Vec<Signal>) {
        let swaps = rules.swap && jobs[id as usize].decoding;
        if swaps {
            self.leave(id, jobs, rules);
            signals.push(Signal::Swapped(id));
        } else if jobs[id as usize].decoding {
            self.leave(id, jobs, rules);
            let job = &mut jobs[id as usize];
            self.recomputed += job.prompt() - 1 - u64::from(job.cached);
        } else {
            let job = &mut jobs[id as usize];
            self.prefilling.retain(|other| *other != id);
            self.owed -= rules.owed(job);
            self.pool.give(job.blocks);
            self.recomputed += u64::from(job.computed);
        }
        self.forget(id, None, jobs);
        let job = &mut jobs[id as usize];
        job.computed = 0;
        job.has_kv = swaps;
        job.swapped = swaps;
        job.preemptions += 1;
        job.epoch += 1;
        self.preemptions += 1;
        self.queue(id, true, jobs);
    }
}
