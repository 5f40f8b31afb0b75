//! One attention-DP rank of an engine: its queue, its running requests, its KV cache.
//!
//! `admit.rs` says who comes in, `decode.rs` how those that decode grow, `preempt.rs` who goes when the cache is full,
//! `still.rs` what is left to do where nothing happens.
//!
//! Requests wait in order of priority, then of arrival; the head of the queue is never passed by. Those that run are either computing
//! their prompt, in order of admission, or decoding, all in step. Among those of the lowest priority the request admitted
//! last is preempted first, so the oldest always gets on.

mod admit;
mod decode;
mod preempt;
mod still;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use cost::Batch;

use crate::cache::Cache;
use crate::curve::UNIT_BITS;
use crate::job::{Held, Job, Signal};
use crate::pool::Pool;
use crate::rules::Rules;
use crate::scheduler::Steps;
use crate::time::Time;

use decode::Cohort;
pub(crate) use still::Still;

#[derive(Debug, Clone)]
pub(crate) struct Rank {
    waiting: VecDeque<u32>,
    prefilling: VecDeque<u32>,
    /// Admitted, their cache under way.
    pending: u64,
    /// Of these, swapped ones. They come back one at a time, or two could keep each other from ever taking a step.
    swapping: bool,
    /// Their cache has arrived; they join at the next step.
    landed: Vec<u32>,
    /// Decoding requests by the step after which they are done; entries of another epoch are stale.
    finishes: BinaryHeap<Reverse<(u64, u32, u32)>>,
    /// Running requests in order of admission; entries of another epoch are stale.
    order: Vec<(u32, u32)>,
    decoding: u64,
    cohorts: Vec<Cohort>,
    /// Tokens still to come of requests that run and do not decode yet.
    owed: u64,
    /// Decode steps so far.
    steps: u64,
    pub pool: Pool,
    /// Whether something changed for the head of the queue since it was last refused.
    retry: bool,
    /// The step being formed.
    pub batch: Batch,
    pub decodes: bool,
    pub chunks: Vec<(u32, u32)>,
    pub prefilled: u64,
    pub preemptions: u64,
    /// Prompt and answer tokens that were in the cache when their request was preempted.
    pub recomputed: u64,
    /// Most blocks in use.
    pub peak: u64,
    /// Blocks by content, where prefixes are cached.
    pub cache: Option<Box<Cache>>,
}

impl Rank {
    /// Empty, for requests that grow at so many rates.
    pub fn new(pool: Pool, cache: Option<Cache>, rates: usize) -> Rank {
        Rank {
            cache: cache.map(Box::new),
            waiting: VecDeque::new(),
            prefilling: VecDeque::new(),
            pending: 0,
            swapping: false,
            landed: Vec::new(),
            finishes: BinaryHeap::new(),
            order: Vec::new(),
            decoding: 0,
            cohorts: vec![Cohort::default(); rates],
            owed: 0,
            steps: 0,
            pool,
            retry: false,
            batch: Batch::default(),
            decodes: false,
            chunks: Vec::new(),
            prefilled: 0,
            preemptions: 0,
            recomputed: 0,
            peak: 0,
        }
    }

    /// Requests that run, in whatever phase.
    pub fn running(&self) -> u64 {
        self.decoding + (self.prefilling.len() + self.landed.len()) as u64 + self.pending
    }

    /// Requests that wait.
    pub fn waiting(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// Requests that wait or run.
    pub fn load(&self) -> u64 {
        self.waiting.len() as u64 + self.running()
    }

    /// Requests that take part in steps.
    pub fn active(&self) -> u64 {
        self.decoding + self.prefilling.len() as u64
    }

    /// Whether there is a prompt that this rank might compute.
    pub fn has_prompt(&self, jobs: &[Job], rules: &Rules) -> bool {
        let head = || self.waiting.front().is_some_and(|&id| !jobs[id as usize].has_kv);
        !self.prefilling.is_empty() || (self.retry && self.running() < rules.seats && head())
    }

    /// Whether decodes and the prompts that seats are free for would put at least so many tokens into a step.
    pub fn fills(&self, tokens: u64, jobs: &[Job], rules: &Rules) -> bool {
        let free = rules.seats.saturating_sub(self.running()) as usize;
        let prompts = self.prefilling.iter().chain(self.waiting.iter().take(free));
        let mut sum = self.decoding * rules.queries;
        for &id in prompts {
            if sum >= tokens {
                break;
            }
            let job = &jobs[id as usize];
            sum += if job.has_kv { 0 } else { job.uncomputed() };
        }
        sum >= tokens
    }

    /// A request arrives. Tells whether a run of decode steps should stop for it.
    pub fn push(&mut self, id: u32, jobs: &[Job], rules: &Rules) -> bool {
        let head = self.queue(id, false, jobs) == 0;
        self.retry |= head;
        head && self.running() < rules.seats && (rules.steps != Steps::DecodeFirst || self.decoding == 0)
    }

    /// Puts a request in its place in the queue: after, or `first` before, all others of its priority.
    fn queue(&mut self, id: u32, first: bool, jobs: &[Job]) -> usize {
        let own = u16::from(jobs[id as usize].priority);
        let before = |other: &u32| u16::from(jobs[*other as usize].priority) < own + u16::from(!first);
        let place = if first {
            self.waiting.iter().position(|other| !before(other)).unwrap_or(self.waiting.len())
        } else {
            self.waiting.iter().rposition(before).map_or(0, |place| place + 1)
        };
        self.waiting.insert(place, id);
        place
    }

    /// The cache of an admitted request has arrived.
    pub fn land(&mut self, id: u32) {
        self.pending -= 1;
        self.landed.push(id);
    }

    /// The cache of a request that left after its prompt has been shipped, or is not wanted any more.
    pub fn release(&mut self, held: Held, job: &Job) {
        self.pool.give(held.blocks);
        if let Some(cache) = &mut self.cache {
            self.pool.let_go(cache.let_go(job, held.entries));
            cache.settle(self.pool.free());
            cache.due = true;
        }
        self.retry = true;
    }

    /// Forms the next step: who decodes, which parts of which prompts are computed.
    /// Prompts wait if they are on hold.
    pub fn form(&mut self, hold: bool, jobs: &mut [Job], rules: &Rules, now: Time, signals: &mut Vec<Signal>) {
        self.batch = Batch::default();
        self.prefilled = 0;
        for id in std::mem::take(&mut self.landed) {
            if std::mem::take(&mut jobs[id as usize].swapped) {
                self.swapping = false;
            }
            if jobs[id as usize].has_kv {
                self.owed -= rules.owed(&jobs[id as usize]);
                self.join(id, jobs, rules);
            } else {
                self.fetched(id, jobs);
            }
        }
        let mixed = rules.steps == Steps::Mixed;
        let mut budget = rules.budget;
        // Whoever preempts admits nobody in the same step, or the two would take turns.
        let preempted = mixed && self.make_room(jobs, rules, signals);
        if mixed {
            budget = budget.saturating_sub(self.decoding * rules.queries);
        }
        if hold {
            budget = 0;
        }
        for place in 0..self.prefilling.len() {
            if budget == 0 {
                break;
            }
            let id = self.prefilling[place];
            let new = jobs[id as usize].uncomputed();
            if !rules.chunked && new > budget {
                // Whole prompts wait here only for what they fetch from a slower tier.
                if budget == rules.budget {
                    budget = 0;
                    self.compute(id, jobs, &mut new.clone());
                }
                break;
            }
            self.compute(id, jobs, &mut budget);
        }
        if self.retry && !preempted && (rules.steps != Steps::DecodeFirst || self.decoding == 0) {
            self.admit(jobs, rules, now, &mut budget, signals);
        }
        self.decodes = self.decoding > 0 && (mixed || self.chunks.is_empty());
        if self.decodes && !mixed {
            self.make_room(jobs, rules, signals);
            self.decodes = self.decoding > 0;
            if !self.decodes {
                self.admit(jobs, rules, now, &mut budget, signals);
            }
        }
        if self.decodes {
            self.batch.decode = self.decoding;
            self.batch.decode_kv = self.cached(rules) as f64 / f64::from(1u32 << UNIT_BITS);
        }
    }

    /// Those that decode get on by so many steps.
    fn advance(&mut self, steps: u64, rules: &Rules) {
        for rate in 0..self.cohorts.len() {
            let (from, to) = (rules.growth(rate, self.steps), rules.growth(rate, self.steps + steps));
            self.pool.grow(rate, from, to);
        }
        self.steps += steps;
        self.peak = self.peak.max(self.pool.used());
    }

    /// The planned steps are over.
    pub fn commit(&mut self, steps: u64, now: Time, jobs: &mut [Job], rules: &Rules, signals: &mut Vec<Signal>) {
        self.peak = self.peak.max(self.pool.used());
        if self.decodes {
            self.advance(steps, rules);
            while let Some(&Reverse((finish, id, epoch))) = self.finishes.peek() {
                let stale = jobs[id as usize].epoch != epoch;
                if !stale && finish > self.steps {
                    break;
                }
                self.finishes.pop();
                if !stale {
                    self.leave(id, jobs, rules);
                    self.finish(id, now, jobs, rules, signals);
                }
            }
        }
        let mut chunks = std::mem::take(&mut self.chunks);
        for (id, new) in chunks.drain(..) {
            jobs[id as usize].computed += new;
            self.publish(id, jobs);
            if jobs[id as usize].uncomputed() == 0 {
                self.prefilling.pop_front();
                self.complete(id, now, jobs, rules, signals);
            }
        }
        self.chunks = chunks;
    }

    /// A prompt is computed: the request has one more token.
    fn complete(&mut self, id: u32, now: Time, jobs: &mut [Job], rules: &Rules, signals: &mut Vec<Signal>) {
        let job = &mut jobs[id as usize];
        self.owed -= rules.owed(job);
        job.emitted += 1;
        job.computed = 0;
        if job.first == Time::NEVER {
            job.first = Time(now.0.saturating_add(rules.egress.0));
        } else {
            job.emissions += 1;
        }
        if job.emitted == job.output {
            self.pool.give(job.blocks);
            self.finish(id, now, jobs, rules, signals);
        } else if rules.prefill_only {
            job.held = Some(Held {
                engine: job.engine,
                rank: job.rank,
                blocks: job.blocks,
                entries: std::mem::take(&mut job.entries),
            });
            if self.cache.is_some() {
                // What was known here is not where it goes.
                job.cached = 0;
            }
            job.epoch += 1;
            self.retry = true;
            signals.push(Signal::Prefilled(id));
        } else {
            self.join(id, jobs, rules);
        }
    }

    fn finish(&mut self, id: u32, now: Time, jobs: &mut [Job], rules: &Rules, signals: &mut Vec<Signal>) {
        let job = &mut jobs[id as usize];
        debug_assert!(job.last == Time::NEVER && job.emitted == job.output, "a request finishes once, complete");
        job.last = Time(now.0.saturating_add(rules.egress.0));
        job.epoch += 1;
        let tokens = u64::from(job.input) + u64::from(job.output) - 1;
        self.forget(id, Some(tokens), jobs);
        self.retry = true;
        signals.push(Signal::Finished(id));
    }

    /// Lets go of the shared blocks of a request. Of one that is done, with so many tokens in the cache, its answer stays.
    fn forget(&mut self, id: u32, done: Option<u64>, jobs: &mut [Job]) {
        if let Some(cache) = &mut self.cache {
            self.pool.let_go(cache.leave(&mut jobs[id as usize], done));
            cache.settle(self.pool.free());
            debug_assert!(cache.held() <= self.pool.used());
        }
    }

    /// What a request fetched from a slower tier is there, and its prompt can be computed.
    fn fetched(&mut self, id: u32, jobs: &mut [Job]) {
        let job = &mut jobs[id as usize];
        job.fetch = [0, 0];
        self.publish(id, jobs);
        self.order(id, jobs);
        self.prefilling.push_back(id);
    }

    /// What is computed of a prompt becomes known to others.
    fn publish(&mut self, id: u32, jobs: &mut [Job]) {
        if let Some(cache) = &mut self.cache {
            let job = &mut jobs[id as usize];
            let (shared, freed) = cache.publish(job, u64::from(job.cached) + u64::from(job.computed));
            job.blocks -= shared;
            self.pool.share(shared, freed);
        }
    }

    /// Takes a request out that waits here, or whose cache is under way to here.
    pub fn withdraw(&mut self, id: u32, jobs: &[Job], rules: &Rules) {
        let before = self.waiting.len();
        self.waiting.retain(|other| *other != id);
        if self.waiting.len() == before {
            let job = &jobs[id as usize];
            self.pending -= 1;
            self.owed -= rules.owed(job);
            self.pool.give(job.blocks);
        }
        self.retry = true;
    }

    /// All that runs here stops where it is, and all that was cached is gone.
    pub fn fail(&mut self, jobs: &mut [Job], rules: &Rules) {
        for Reverse((_, id, epoch)) in std::mem::take(&mut self.finishes) {
            if jobs[id as usize].epoch == epoch {
                self.leave(id, jobs, rules);
            }
        }
        let cache = self.cache.as_ref().map(|cache| cache.emptied());
        let empty = Rank::new(self.pool.emptied(), cache, self.cohorts.len());
        let old = std::mem::replace(self, empty);
        (self.preemptions, self.recomputed, self.peak) = (old.preemptions, old.recomputed, old.peak);
    }

    /// What is in use after so many more steps: requests that wait and that run, blocks in use, idle blocks.
    pub fn probe(&self, steps: u64, rules: &Rules) -> [u64; 4] {
        let mut used = self.pool.used();
        if self.decodes {
            used += self.opens(steps, rules);
        }
        let idle = self.cache.as_ref().map_or(0, |cache| cache.idle()).min(self.pool.total() - used);
        [self.waiting.len() as u64, self.running(), used, idle]
    }
}
