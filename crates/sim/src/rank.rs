//! One attention-DP rank of an engine: its queue, its running requests, its KV cache.
//!
//! Requests wait in order of priority, then of arrival; the head of the queue is never passed by. Those that run are either computing
//! their prompt, in order of admission, or decoding, all in step. Among those of the lowest priority the request admitted
//! last is preempted first, so the oldest always gets on.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use cost::Batch;

use crate::cache::{Cache, Found};
use crate::curve::UNIT_BITS;
use crate::job::{Held, Job, Signal};
use crate::pool::Pool;
use crate::rules::Rules;
use crate::scheduler::{Admission, Steps};
use crate::time::Time;

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
    /// Decoding requests by the growth at which they are done; entries of another epoch are stale.
    finishes: BinaryHeap<Reverse<(u64, u32, u32)>>,
    /// Running requests in order of admission; entries of another epoch are stale.
    order: Vec<(u32, u32)>,
    decoding: u64,
    /// Sum of the anchors of decoding requests.
    anchors: i64,
    /// Tokens still to come: of decoding requests as the sum of their final growths, of others as they are.
    targets: u64,
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
    pub fn new(pool: Pool, cache: Option<Cache>) -> Rank {
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
            anchors: 0,
            targets: 0,
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

    /// Tokens for which the cache is in use, in units, summed over the coming steps.
    pub fn held(&self, steps: u64, rules: &Rules) -> u128 {
        let steps = u128::from(steps);
        let fixed = u128::from(self.pool.fixed_tokens()) << UNIT_BITS;
        if !rules.grows() {
            return steps * fixed;
        }
        let grows = if self.decodes { u128::from(self.decoding * rules.emits) } else { 0 };
        steps * (fixed + u128::from(self.cached(rules))) + grows * (steps * (steps - 1) / 2)
    }

    /// Requests that decode.
    pub fn decoding(&self) -> u64 {
        self.decoding
    }

    /// Tokens in the cache of decoding requests, in units.
    pub fn cached(&self, rules: &Rules) -> u64 {
        let grown = i128::from(self.decoding) * i128::from(self.steps) * i128::from(rules.emits);
        ((i128::from(self.anchors) << UNIT_BITS) + grown) as u64
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

    /// Preempts until the decoding requests can take one more step. Tells whether any was, and any is left.
    fn make_room(&mut self, jobs: &mut [Job], rules: &Rules, signals: &mut Vec<Signal>) -> bool {
        let mut preempted = false;
        while self.decoding > 0 {
            let (from, to) = (rules.growth(self.steps), rules.growth(self.steps + 1));
            if self.pool.need(from, to) <= self.pool.free() {
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
    fn victim(&mut self, jobs: &[Job], rules: &Rules) -> Option<(u32, u32)> {
        if !rules.priorities {
            return self.order.pop();
        }
        self.order.retain(|(id, epoch)| jobs[*id as usize].epoch == *epoch);
        let place = (0..self.order.len()).max_by_key(|place| (jobs[self.order[*place].0 as usize].priority, *place))?;
        Some(self.order.remove(place))
    }

    fn preempt(&mut self, id: u32, jobs: &mut [Job], rules: &Rules, signals: &mut Vec<Signal>) {
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

    /// Admits requests from the head of the queue while the step, the seats and the cache have room.
    fn admit(&mut self, jobs: &mut [Job], rules: &Rules, now: Time, budget: &mut u64, signals: &mut Vec<Signal>) {
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
    fn find(&mut self, id: u32, jobs: &mut [Job]) -> Found {
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
    fn fits(&self, job: &Job, tokens: u64, found: Found, rules: &Rules) -> Option<u64> {
        let tokens = if rules.admission == Admission::Whole { rules.longest(job) } else { tokens };
        let each = self.cache.as_ref().map_or(0, |cache| cache.each);
        let blocks = self.pool.blocks(tokens) - u64::from(found.here) * each;
        let now = rules.growth(self.steps);
        let mut needed = blocks + u64::from(found.idle) * each + self.pool.need(now, rules.growth(self.steps + 1));
        if job.swapped {
            // It comes back when there is room for its next step too.
            needed += self.pool.blocks(job.prompt()) - self.pool.blocks(job.prompt() - 1);
        }
        if self.running() > 0 {
            needed += rules.watermark;
            if let Admission::Expected(share) = rules.admission {
                let owed = self.targets - now * self.decoding + self.owed + rules.owed(job);
                needed += self.pool.blocks((share * owed as f64) as u64);
            }
        }
        (needed <= self.pool.free()).then_some(blocks)
    }

    /// Remembers that a request was admitted after all others that run.
    fn order(&mut self, id: u32, jobs: &[Job]) {
        if self.order.len() as u64 > 64 + 2 * self.running() {
            self.order.retain(|(id, epoch)| jobs[*id as usize].epoch == *epoch);
        }
        self.order.push((id, jobs[id as usize].epoch));
    }

    /// Puts as much of a prompt into the step as the budget allows.
    fn compute(&mut self, id: u32, jobs: &[Job], budget: &mut u64) {
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

    /// A request whose prompt is in the cache joins the batch that decodes.
    fn join(&mut self, id: u32, jobs: &mut [Job], rules: &Rules) {
        let growth = rules.growth(self.steps);
        let target = growth + rules.owed(&jobs[id as usize]);
        if jobs[id as usize].has_kv {
            self.order(id, jobs);
        }
        let job = &mut jobs[id as usize];
        job.decoding = true;
        job.joined = self.steps;
        job.anchor = job.prompt() as i64 - 1 - growth as i64;
        if rules.grows() {
            self.pool.join(job.anchor, job.blocks);
        }
        self.decoding += 1;
        self.anchors += job.anchor;
        self.targets += target;
        self.finishes.push(Reverse((target, id, job.epoch)));
    }

    /// A request leaves the batch that decodes and gives back its blocks.
    fn leave(&mut self, id: u32, jobs: &mut [Job], rules: &Rules) {
        let growth = rules.growth(self.steps);
        let job = &mut jobs[id as usize];
        self.decoding -= 1;
        self.anchors -= job.anchor;
        self.targets -= rules.growth(job.joined) + rules.owed(job);
        if rules.grows() {
            let shared = self.cache.as_ref().map_or(0, |cache| u64::from(job.entries) * cache.each);
            self.pool.leave(job.anchor, growth, shared);
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
        while let Some(Reverse((target, id, epoch))) = self.finishes.peek() {
            if jobs[*id as usize].epoch != *epoch {
                self.finishes.pop();
                continue;
            }
            let finish = rules.steps_to(*target) - self.steps;
            let from = rules.growth(self.steps);
            let most = rules.growth(self.steps + finish) - from;
            let room = self.pool.room(from, most);
            return if room == most { finish } else { rules.steps_within(from + room) - self.steps };
        }
        u64::MAX
    }

    /// The planned steps are over.
    pub fn commit(&mut self, steps: u64, now: Time, jobs: &mut [Job], rules: &Rules, signals: &mut Vec<Signal>) {
        self.peak = self.peak.max(self.pool.used());
        if self.decodes {
            let from = rules.growth(self.steps);
            self.steps += steps;
            let to = rules.growth(self.steps);
            self.pool.grow(from, to);
            self.peak = self.peak.max(self.pool.used());
            while let Some(&Reverse((target, id, epoch))) = self.finishes.peek() {
                let stale = jobs[id as usize].epoch != epoch;
                if !stale && target > to {
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
        let empty = Rank::new(self.pool.emptied(), self.cache.as_ref().map(|cache| cache.emptied()));
        let old = std::mem::replace(self, empty);
        (self.preemptions, self.recomputed, self.peak) = (old.preemptions, old.recomputed, old.peak);
    }

    /// What is in use after so many more steps: requests that wait and that run, blocks in use, idle blocks.
    pub fn probe(&self, steps: u64, rules: &Rules) -> [u64; 4] {
        let mut used = self.pool.used();
        if self.decodes {
            used += self.pool.need(rules.growth(self.steps), rules.growth(self.steps + steps));
        }
        let idle = self.cache.as_ref().map_or(0, |cache| cache.idle()).min(self.pool.total() - used);
        [self.waiting.len() as u64, self.running(), used, idle]
    }
}
