//! A slow, obvious fleet: one token at a time, caches as plain lists, every request looked at in every step. The fast one
//! gives the same first and last token time, hits and preemptions of every request, to the picosecond, on random small
//! cases with contents, slower tiers, priorities, preemption by recomputing or swapping, prefill apart from decode, and
//! drafts that are accepted more or less often by class.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Linear, instance, scheduler};
use cost::{Batch, StepCost};
use proptest::prelude::*;
use sim::{
    Admission, Fate, Fleet, Instance, Link, ReplaySettings, Replicas, Request, Requests, Role, Routing, Scheduler,
    Speculation, Steps, Tiers, Time, chain, replay,
};

const CONTENT: u64 = 32;

#[derive(Debug, Clone, Default)]
struct Job {
    input: u64,
    output: u64,
    arrival: u64,
    priority: u8,
    names: Vec<u64>,
    emitted: u64,
    /// Tokens in the cache of the engine that has it.
    length: u64,
    decodes: bool,
    /// Its cache is complete, elsewhere.
    has_kv: bool,
    /// Its cache, or a part of it, is under way.
    coming: bool,
    /// Content blocks held.
    entries: usize,
    hit: Option<u64>,
    preempted: bool,
    preemptions: u32,
    first: Option<u64>,
    last: Option<u64>,
}

impl Job {
    fn prompt(&self) -> u64 {
        self.input + self.emitted
    }
}

/// A block known by content: its name, who holds it, when it was left.
#[derive(Debug, Clone, Copy)]
struct Known {
    name: u64,
    held: usize,
    left: u64,
}

struct Slow {
    cost: Linear,
    rules: Scheduler,
    blocks: u64,
    cached: bool,
    swap: bool,
    /// Tokens out of a decode step, in 1/1024, by class; tokens into one.
    rates: [u64; 2],
    queries: u64,
    /// Decode steps so far.
    steps: u64,
    rooms: [u64; 2],
    prefill_only: bool,
    waiting: Vec<usize>,
    /// Those that run, in order of admission (of landing, where something was under way).
    running: Vec<usize>,
    pending: Vec<usize>,
    landed: Vec<usize>,
    /// Caches that wait to be shipped: blocks of their own, content blocks held, the request.
    held: Vec<(u64, usize, usize)>,
    known: Vec<Known>,
    tiers: [Vec<(u64, u64)>; 2],
    stamp: u64,
    refused: bool,
    line: u64,
    end: Option<u64>,
    step: (Vec<usize>, Vec<(usize, u64)>),
}

fn seconds(tokens: u64) -> f64 {
    1e-3 + 1e-5 * tokens as f64
}

fn ps(seconds: f64) -> u64 {
    (seconds * 1e12).round() as u64
}

impl Slow {
    fn each(&self) -> u64 {
        CONTENT / u64::from(self.rules.block_size)
    }

    fn blocks_of(&self, tokens: u64) -> u64 {
        tokens.div_ceil(u64::from(self.rules.block_size))
    }

    fn rate(&self, job: &Job) -> u64 {
        self.rates[usize::from(job.priority)]
    }

    /// Whole tokens that a request gets out of the next step.
    fn next(&self, job: &Job) -> u64 {
        (self.steps + 1) * self.rate(job) / 1024 - self.steps * self.rate(job) / 1024
    }

    fn longest(&self, job: &Job) -> u64 {
        let overshoot = self.rate(job).div_ceil(1024) - 1;
        if self.prefill_only || job.output == 1 { job.input } else { job.input + job.output - 1 + overshoot }
    }

    /// Blocks of its own that a request holds.
    fn own(&self, job: &Job, growing: u64) -> u64 {
        let all = if self.rules.admission == Admission::Whole {
            self.longest(job)
        } else if job.decodes {
            job.length + growing * self.next(job)
        } else if job.has_kv {
            job.prompt() - 1
        } else {
            job.prompt()
        };
        self.blocks_of(all) - job.entries as u64 * self.each()
    }

    fn used(&self, jobs: &[Job], growing: u64) -> u64 {
        let own: u64 =
            self.running.iter().chain(&self.pending).chain(&self.landed).map(|id| self.own(&jobs[*id], growing)).sum();
        let shared = self.known.iter().filter(|known| known.held > 0).count() as u64 * self.each();
        own + shared + self.held.iter().map(|held| held.0).sum::<u64>()
    }

    fn seats(&self) -> u32 {
        (self.running.len() + self.pending.len() + self.landed.len()) as u32
    }

    fn settle(&mut self, jobs: &[Job]) {
        if !self.cached {
            return;
        }
        while self.known.iter().filter(|known| known.held == 0).count() as u64 * self.each() + self.used(jobs, 0)
            > self.blocks
        {
            let oldest =
                (0..self.known.len()).filter(|i| self.known[*i].held == 0).min_by_key(|i| self.known[*i].left).unwrap();
            let name = self.known.remove(oldest).name;
            self.demote(name, 0);
        }
    }

    fn demote(&mut self, name: u64, tier: usize) {
        if tier == 2 {
            return;
        }
        if self.rooms[tier] == 0 {
            return self.demote(name, tier + 1);
        }
        self.stamp += 1;
        self.tiers[tier].retain(|block| block.0 != name);
        self.tiers[tier].push((name, self.stamp));
        while self.tiers[tier].len() as u64 > self.rooms[tier] {
            let (name, _) = self.tiers[tier].remove(0);
            self.demote(name, tier + 1);
        }
    }

    fn leave(&mut self, name: u64) {
        self.stamp += 1;
        let stamp = self.stamp;
        match self.known.iter_mut().find(|known| known.name == name) {
            Some(known) if known.held > 0 => {}
            Some(known) => known.left = stamp,
            None => self.known.push(Known { name, held: 0, left: stamp }),
        }
    }

    fn hold(&mut self, name: u64) {
        match self.known.iter_mut().find(|known| known.name == name) {
            Some(known) => known.held += 1,
            None => self.known.push(Known { name, held: 1, left: 0 }),
        }
    }

    fn let_go(&mut self, names: &[u64]) {
        for name in names.iter().rev() {
            self.stamp += 1;
            let stamp = self.stamp;
            let known = self.known.iter_mut().find(|known| known.name == *name).unwrap();
            known.held -= 1;
            known.left = stamp;
        }
    }

    fn publish(&mut self, job: &mut Job, tokens: u64) {
        while self.cached && job.entries < job.names.len().min((tokens / CONTENT) as usize) {
            self.hold(job.names[job.entries]);
            job.entries += 1;
        }
    }

    /// A request goes; of one that is done its answer stays.
    fn forget(&mut self, job: &mut Job, done: bool) {
        if done && self.cached {
            let full = job.names.len().min(((job.input + job.output - 1) / CONTENT) as usize);
            for block in (job.entries..full).rev() {
                self.leave(job.names[block]);
            }
        }
        let names = job.names[..job.entries].to_vec();
        job.entries = 0;
        self.let_go(&names);
    }

    fn queue(&mut self, id: usize, first: bool, jobs: &[Job]) {
        let own = jobs[id].priority;
        let goes_before = |other: &usize| jobs[*other].priority < own || (!first && jobs[*other].priority == own);
        let place = self.waiting.iter().position(|other| !goes_before(other)).unwrap_or(self.waiting.len());
        self.waiting.insert(place, id);
        if place == 0 && !first {
            self.refused = false;
        }
    }

    fn decoders(&self, jobs: &[Job]) -> usize {
        self.running.iter().filter(|id| jobs[**id].decodes).count()
    }

    fn make_room(&mut self, jobs: &mut [Job], now: u64) -> bool {
        let mut preempted = false;
        while self.decoders(jobs) > 0 && self.used(jobs, 1) > self.blocks {
            let place = (0..self.running.len()).max_by_key(|p| (jobs[self.running[*p]].priority, *p)).unwrap();
            let id = self.running.remove(place);
            let mut job = std::mem::take(&mut jobs[id]);
            job.has_kv = self.swap && job.decodes;
            if job.has_kv {
                self.line = self.line.max(now) + ps(seconds(job.prompt() - 1));
            }
            self.forget(&mut job, false);
            (job.decodes, job.length, job.preempted) = (false, 0, true);
            job.preemptions += 1;
            jobs[id] = job;
            self.settle(jobs);
            self.queue(id, true, jobs);
            preempted = true;
        }
        if preempted {
            self.refused = self.decoders(jobs) > 0;
        }
        preempted && self.decoders(jobs) > 0
    }

    /// Content blocks that are there: in the cache, and behind it.
    fn find(&self, job: &Job) -> (usize, [u64; 2]) {
        if !self.cached || job.has_kv {
            return (0, [0, 0]);
        }
        let most = job.names.len().min(((job.prompt() - 1) / CONTENT) as usize);
        let here =
            job.names[..most].iter().take_while(|name| self.known.iter().any(|known| known.name == **name)).count();
        let mut tiers = [0, 0];
        for name in &job.names[here..most] {
            match self.tiers.iter().position(|tier| tier.iter().any(|block| block.0 == *name)) {
                Some(tier) => tiers[tier] += 1,
                None => break,
            }
        }
        (here, tiers)
    }

    /// Admits from the head of the queue. Gives those whose cache has to come, and when.
    fn admit(
        &mut self,
        jobs: &mut [Job],
        now: u64,
        budget: &mut u64,
        chunks: &mut Vec<(usize, u64)>,
        out: &mut Vec<(u64, usize)>,
    ) {
        if self.refused {
            return;
        }
        let whole = u64::from(self.rules.max_batched_tokens);
        while let Some(&id) = self.waiting.first() {
            if self.seats() >= self.rules.max_seqs {
                self.refused = true;
                return;
            }
            if *budget == 0 && !jobs[id].has_kv {
                return;
            }
            let swapped = |id: usize| jobs[id].has_kv && jobs[id].preempted;
            if swapped(id) && self.pending.iter().chain(&self.landed).any(|other| swapped(*other)) {
                return;
            }
            self.settle(jobs);
            let job = &jobs[id];
            let (here, tiers) = self.find(job);
            let there = here as u64 + tiers[0] + tiers[1];
            let new = job.prompt() - there * CONTENT;
            let alone = (job.preempted || job.emitted > 0) && *budget == whole;
            if !job.has_kv && !self.rules.chunked_prefill && new > *budget && !alone {
                return;
            }
            // What it needs beside what others hold.
            let tokens = match self.rules.admission {
                Admission::Whole => self.longest(job),
                _ if job.has_kv => job.prompt() - 1,
                _ => job.prompt(),
            };
            let held = |name: &u64| self.known.iter().any(|known| known.name == *name && known.held > 0);
            let others = job.names[..here].iter().filter(|name| held(name)).count() as u64;
            let mut all = self.used(jobs, 1) + self.blocks_of(tokens) - others * self.each();
            if job.has_kv && job.preempted {
                all += self.blocks_of(job.prompt()) - self.blocks_of(job.prompt() - 1);
            }
            if self.seats() > 0 {
                all += (self.rules.watermark * self.blocks as f64).ceil() as u64;
                if let Admission::Expected(share) = self.rules.admission {
                    let owed = |id: &usize| if self.prefill_only { 1 } else { jobs[*id].output - jobs[*id].emitted };
                    let tokens: u64 =
                        self.running.iter().chain(&self.pending).chain(&self.landed).chain([&id]).map(owed).sum();
                    all += self.blocks_of((share * tokens as f64) as u64);
                }
            }
            if all > self.blocks {
                self.refused = true;
                return;
            }
            self.waiting.remove(0);
            let mut job = std::mem::take(&mut jobs[id]);
            if !job.has_kv {
                job.hit.get_or_insert(there * CONTENT);
            }
            job.hit.get_or_insert(0);
            for block in 0..here {
                self.hold(job.names[block]);
            }
            for name in &job.names[here..there as usize] {
                for tier in &mut self.tiers {
                    if let Some(place) = tier.iter().position(|block| block.0 == *name) {
                        let block = tier.remove(place);
                        tier.push(block);
                    }
                }
            }
            job.entries = here;
            job.length = there * CONTENT;
            let comes = job.has_kv || there > here as u64;
            if comes {
                job.coming = true;
                self.pending.push(id);
                if !job.has_kv || job.preempted {
                    let fetch = if job.has_kv { [job.prompt() - 1, 0] } else { tiers.map(|blocks| blocks * CONTENT) };
                    self.line = self.line.max(now);
                    for tokens in fetch.into_iter().filter(|tokens| *tokens > 0) {
                        self.line += ps(seconds(tokens));
                    }
                    out.push((self.line, id));
                } else {
                    // From another engine: the link says when.
                    out.push((u64::MAX, id));
                }
            } else {
                self.running.push(id);
                let new = if self.rules.chunked_prefill { new.min(*budget) } else { new };
                *budget = budget.saturating_sub(new);
                chunks.push((id, new));
            }
            jobs[id] = job;
            self.settle(jobs);
        }
    }

    /// Begins a step, if there is anything to do. Gives what has to come.
    fn begin(&mut self, jobs: &mut [Job], now: u64) -> Vec<(u64, usize)> {
        let mut out = Vec::new();
        for id in std::mem::take(&mut self.landed) {
            let mut job = std::mem::take(&mut jobs[id]);
            job.coming = false;
            self.running.push(id);
            if job.has_kv {
                (job.decodes, job.length) = (true, job.prompt() - 1);
            } else {
                let length = job.length;
                self.publish(&mut job, length);
            }
            jobs[id] = job;
        }
        let mixed = self.rules.steps == Steps::Mixed;
        let whole = u64::from(self.rules.max_batched_tokens);
        let mut budget = whole;
        let mut chunks = Vec::new();
        let preempted = mixed && self.make_room(jobs, now);
        if mixed {
            budget -= self.decoders(jobs) as u64 * self.queries;
        }
        for id in self.running.iter().filter(|id| !jobs[**id].decodes) {
            if budget == 0 {
                break;
            }
            let new = jobs[*id].prompt() - jobs[*id].length;
            if !self.rules.chunked_prefill && new > budget {
                if budget == whole {
                    budget = 0;
                    chunks.push((*id, new));
                }
                break;
            }
            chunks.push((*id, new.min(budget)));
            budget -= new.min(budget);
        }
        if !preempted && (self.rules.steps != Steps::DecodeFirst || self.decoders(jobs) == 0) {
            self.admit(jobs, now, &mut budget, &mut chunks, &mut out);
        }
        if !mixed && chunks.is_empty() && self.decoders(jobs) > 0 {
            self.make_room(jobs, now);
            if self.decoders(jobs) == 0 {
                self.admit(jobs, now, &mut budget, &mut chunks, &mut out);
            }
        }
        let decoders: Vec<usize> = if mixed || chunks.is_empty() {
            self.running.iter().copied().filter(|id| jobs[*id].decodes).collect()
        } else {
            Vec::new()
        };
        if decoders.is_empty() && chunks.is_empty() {
            return out;
        }
        let mut batch = Batch { decode: decoders.len() as u64, prefill: chunks.len() as u64, ..Batch::default() };
        // Broken tokens are told by and by, but cached evenly.
        let broken = |job: &Job| (self.steps * self.rate(job) % 1024) as f64 / 1024.0;
        batch.decode_kv = decoders.iter().map(|id| jobs[*id].length as f64 + broken(&jobs[*id])).sum();
        for (id, new) in &chunks {
            let past = jobs[*id].length as f64;
            batch.prefill_tokens += new;
            batch.prefill_past += past;
            batch.prefill_pairs += (0..*new).map(|i| past + i as f64 + 1.0).sum::<f64>();
        }
        self.end = Some(now + ps(self.cost.local(&batch)));
        self.step = (decoders, chunks);
        out
    }

    /// Ends a step. Gives those whose prompt is computed and whose cache is to be shipped.
    fn finish(&mut self, jobs: &mut [Job], now: u64) -> Vec<usize> {
        let (decoders, chunks) = std::mem::take(&mut self.step);
        self.end = None;
        let mut out = Vec::new();
        let grown: Vec<u64> = (0..jobs.len()).map(|id| self.next(&jobs[id])).collect();
        decoders.iter().for_each(|id| jobs[*id].length += grown[*id]);
        self.steps += u64::from(!decoders.is_empty());
        // Those that end in one step leave their blocks in the order of their arrival.
        let mut decoders = decoders;
        decoders.sort_unstable();
        for id in decoders {
            self.emit(id, grown[id], jobs, now);
        }
        for (id, new) in chunks {
            let mut job = std::mem::take(&mut jobs[id]);
            job.length += new;
            let length = job.length;
            self.publish(&mut job, length);
            let complete = job.length == job.prompt();
            jobs[id] = job;
            if !complete {
                continue;
            }
            let more = jobs[id].emitted + 1 < jobs[id].output;
            if self.prefill_only && more {
                self.running.retain(|other| *other != id);
                let own = self.own(&jobs[id], 0);
                let entries = std::mem::take(&mut jobs[id].entries);
                self.held.push((own, entries, id));
                self.refused = false;
                jobs[id].emitted += 1;
                jobs[id].first.get_or_insert(now);
                out.push(id);
            } else {
                jobs[id].decodes = true;
                self.emit(id, 1, jobs, now);
            }
        }
        assert!(self.used(jobs, 0) <= self.blocks);
        out
    }

    fn emit(&mut self, id: usize, tokens: u64, jobs: &mut [Job], now: u64) {
        let mut job = std::mem::take(&mut jobs[id]);
        job.emitted = job.output.min(job.emitted + tokens);
        job.first.get_or_insert(now);
        if job.emitted == job.output {
            assert_eq!(job.last, None);
            job.last = Some(now);
            self.running.retain(|other| *other != id);
            self.forget(&mut job, true);
            self.refused = false;
        }
        let done = job.last.is_some();
        jobs[id] = job;
        if done {
            self.settle(jobs);
        }
    }
}

/// Runs one engine, or one that prefills and one that decodes.
fn run(engines: &mut [Slow], jobs: &mut [Job]) {
    let mut arrivals: Vec<usize> = (0..jobs.len()).collect();
    // When, which request, at which engine.
    let mut landings: Vec<(u64, usize, usize)> = Vec::new();
    // The link and both its ends carry one transfer at a time.
    let mut link = 0;
    let mut now;
    loop {
        let next = arrivals.first().map(|id| jobs[*id].arrival);
        let ends = engines.iter().filter_map(|engine| engine.end);
        let Some(then) = ends.chain(next).chain(landings.iter().map(|l| l.0)).min() else { return };
        now = then;
        let mut computed = Vec::new();
        for engine in engines.iter_mut().filter(|engine| engine.end == Some(now)) {
            computed.extend(engine.finish(jobs, now));
        }
        for id in computed {
            jobs[id].has_kv = true;
            engines[1].queue(id, false, jobs);
        }
        landings.sort();
        while let Some((_, id, engine)) = landings.first().copied().filter(|l| l.0 == now) {
            landings.remove(0);
            if engine == 1 && !jobs[id].preempted {
                jobs[id].first = Some(now);
                let place = engines[0].held.iter().position(|held| held.2 == id).unwrap();
                let (_, entries, _) = engines[0].held.remove(place);
                let names = jobs[id].names[..entries].to_vec();
                engines[0].let_go(&names);
                engines[0].settle(jobs);
                engines[0].refused = false;
            }
            engines[engine].pending.retain(|other| *other != id);
            engines[engine].landed.push(id);
        }
        while arrivals.first().is_some_and(|id| jobs[*id].arrival == now) {
            engines[0].queue(arrivals[0], false, jobs);
            arrivals.remove(0);
        }
        for (place, engine) in engines.iter_mut().enumerate() {
            if engine.end.is_some() {
                continue;
            }
            for (at, id) in engine.begin(jobs, now) {
                let at = if at == u64::MAX {
                    link = now.max(link) + ps(seconds(jobs[id].prompt() - 1));
                    link
                } else {
                    at
                };
                landings.push((at, id, place));
            }
        }
    }
}

fn rules() -> impl Strategy<Value = Scheduler> {
    let steps = prop_oneof![Just(Steps::Mixed), Just(Steps::PrefillFirst), Just(Steps::DecodeFirst)];
    let admission = prop_oneof![3 => Just(Admission::Input), 1 => (0.0..=1.0).prop_map(Admission::Expected), 1 => Just(Admission::Whole)];
    let block = prop_oneof![Just(4u32), Just(8), Just(16), Just(32)];
    (steps, admission, any::<bool>(), block, 1u32..12, prop_oneof![Just(0.0), 0.0..0.3], 40u32..150).prop_map(
        |(steps, admission, chunked_prefill, block_size, max_seqs, watermark, max_batched_tokens)| Scheduler {
            steps,
            admission,
            chunked_prefill,
            block_size,
            max_seqs,
            watermark,
            max_batched_tokens,
            ..scheduler()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_fast_fleet_is_the_slow_one(
        rules in rules(),
        drawn in prop::collection::vec((1u64..130, 1u64..60, 0.0..0.05f64, 0u8..2, 0u64..3, 0u64..5), 1..20),
        (kv_tokens, cached, swap, split, one_class) in (220u64..600, any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()),
        rooms in [0u64..8, 0u64..8],
        drafts in prop::option::of((1u32..3, [0u64..17, 0u64..17])),
    ) {
        let cost = Linear { pair: 0.5, ..Linear::default() };
        let mut time = 0.0;
        let (mut jobs, mut requests) = (Vec::new(), Requests { block: CONTENT as u32, priorities: vec![0, 1], ..Requests::default() });
        for (place, (input, output, gap, class, text, common)) in drawn.into_iter().enumerate() {
            time += gap;
            let class = if one_class { 0 } else { class };
            let (mut names, mut name) = (Vec::new(), 0);
            for block in 0..(input + output) / CONTENT {
                name = chain(name, if block < common { text } else { 1000 + place as u64 });
                names.push(name);
            }
            let arrival = Time::from_seconds(time).unwrap();
            let content = (requests.hashes.len() as u32, names.len() as u32);
            requests.hashes.extend(&names);
            requests.list.push(Request {
                arrival, after: None, input: input as u32, output: output as u32, class: u16::from(class), model: 0, content,
            });
            jobs.push(Job { input, output, arrival: arrival.0, priority: class, names, ..Job::default() });
        }
        // Sixteenths of a token take whole picoseconds.
        let (queries, rates) = drafts.map_or((1, [1024; 2]), |(drafts, accepted)| {
            (drafts + 1, accepted.map(|accepted| 1024 + 64 * accepted * u64::from(drafts)))
        });
        let emitted = rates.map(|rate| rate as f64 / 1024.0);
        let speculation = Speculation { queries, emitted: emitted[0] };
        let path: &(dyn Fn(u64) -> f64 + Sync) = &seconds;
        let pool = Replicas {
            prefix_cache: cached,
            swap,
            tiers: Some(Tiers { tokens: rooms.map(|room| room * CONTENT), seconds: [path, path] }),
            emitted: emitted.to_vec(),
            ..Replicas::plain(Instance { scheduler: rules, kv_tokens, speculation, ..instance(&cost) }, 1)
        };
        let pools = if split {
            let link = Link { seconds: path, streams: 1, first_token_after: true };
            let role = Role::Prefill { to: vec![1], routing: Routing::RoundRobin, link, trunk: 0 };
            vec![Replicas { role, ..pool.clone() }, Replicas { role: Role::Decode, prefix_cache: false, ..pool }]
        } else {
            vec![pool]
        };
        let fast = replay(&Fleet::of(pools, Routing::RoundRobin), &requests, &ReplaySettings::default()).unwrap();
        if fast.requests.iter().any(|told| told.fate != Fate::Served) {
            // A prompt longer than a step, or than the cache: another test's matter.
            return Ok(());
        }
        let slow = |prefill_only: bool, cached: bool| Slow {
            cost,
            rules,
            blocks: kv_tokens / u64::from(rules.block_size),
            cached,
            swap,
            rates,
            queries: u64::from(queries),
            steps: 0,
            rooms,
            prefill_only,
            waiting: Vec::new(),
            running: Vec::new(),
            pending: Vec::new(),
            landed: Vec::new(),
            held: Vec::new(),
            known: Vec::new(),
            tiers: [Vec::new(), Vec::new()],
            stamp: 0,
            refused: false,
            line: 0,
            end: None,
            step: Default::default(),
        };
        let mut engines = if split { vec![slow(true, cached), slow(false, false)] } else { vec![slow(false, cached)] };
        run(&mut engines, &mut jobs);
        for (place, (fast, slow)) in fast.requests.iter().zip(&jobs).enumerate() {
            let times = (Some(fast.served.first.0), Some(fast.served.last.0));
            prop_assert_eq!(times, (slow.first, slow.last), "request {}", place);
            prop_assert_eq!(fast.served.preemptions, slow.preemptions, "request {}", place);
            prop_assert_eq!(u64::from(fast.served.cached), slow.hit.unwrap(), "request {}", place);
        }
    }
}
