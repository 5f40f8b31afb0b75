//! A scheduler in the units of the simulation.

use crate::curve::UNIT_BITS;
use crate::job::Job;
use crate::scheduler::{Admission, HostSpans, Steps};
use crate::time::{Fine, Time};

/// The rules of one engine.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub seats: u64,
    pub budget: u64,
    pub chunked: bool,
    pub steps: Steps,
    pub admission: Admission,
    /// Blocks.
    pub watermark: u64,
    /// Tokens that a decoding request puts into a step.
    pub queries: u64,
    /// Tokens that a decoding request gets out of a step, in units: one rate for each cohort.
    pub rates: Vec<u64>,
    /// The rate of each service class; classes beyond the list have the first.
    pub rate_of: Vec<u8>,
    /// Decode steps for which a prompt may wait until all ranks have one, or until the step is full enough.
    pub balance: u64,
    /// Tokens of a step that is full enough; 0: prompts wait for the other ranks.
    pub gather: u64,
    /// Whether requests leave after their prompt.
    pub prefill_only: bool,
    /// Whether requests differ in priority.
    pub priorities: bool,
    /// Whether a request goes to the rank that knows the most of its prompt.
    pub sticky: bool,
    /// Whether the cache of a preempted request moves to the host's memory, instead of being computed anew.
    pub swap: bool,
    pub host: HostSpans,
    pub egress: Time,
    /// Per token sent out.
    pub stream: Fine,
}

impl Rules {
    /// The rate at which a request grows.
    pub fn rate(&self, job: &Job) -> usize {
        self.rate_of.get(usize::from(job.class)).map_or(0, |rate| usize::from(*rate))
    }

    /// Tokens by which every decoding request of a rate has grown after so many steps.
    pub fn growth(&self, rate: usize, steps: u64) -> u64 {
        (steps * self.rates[rate]) >> UNIT_BITS
    }

    /// Steps after which the growth is at least this.
    pub fn steps_to(&self, rate: usize, growth: u64) -> u64 {
        (growth << UNIT_BITS).div_ceil(self.rates[rate])
    }

    /// The most steps after which the growth is at most this.
    pub fn steps_within(&self, rate: usize, growth: u64) -> u64 {
        (((growth + 1) << UNIT_BITS) - 1) / self.rates[rate]
    }

    /// The longest a request gets in the cache. The last token it emits is never stored; with speculation the last
    /// step may store a few more than it needs.
    pub fn longest(&self, job: &Job) -> u64 {
        if self.prefill_only || job.output == 1 {
            return job.prompt();
        }
        let overshoot = self.rates[self.rate(job)].div_ceil(1 << UNIT_BITS) - 1;
        u64::from(job.input) + u64::from(job.output) - 1 + overshoot
    }

    /// Tokens still to come from a request here.
    pub fn owed(&self, job: &Job) -> u64 {
        if self.prefill_only { 1 } else { u64::from(job.output - job.emitted) }
    }

    /// Tokens for which the cache is in use, in units, summed over steps: those of blocks that do not grow, and those
    /// cached of requests that do, which in each step get more.
    pub fn held(&self, steps: u64, fixed: u64, cached: u64, more: u64) -> u128 {
        let steps = u128::from(steps);
        if !self.grows() {
            return steps * u128::from(fixed);
        }
        steps * (u128::from(fixed) + u128::from(cached)) + u128::from(more) * (steps * (steps - 1) / 2)
    }

    /// Whether requests take blocks as they grow, and not all at once.
    pub fn grows(&self) -> bool {
        self.admission != Admission::Whole
    }
}
