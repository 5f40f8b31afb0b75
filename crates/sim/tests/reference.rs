//! A slow, obvious engine: one token at a time, every request looked at in every step. The fast one gives the same
//! first and last token time of every request, to the picosecond, on random small cases.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::VecDeque;

use common::{Linear, instance, scheduler};
use cost::{Batch, StepCost};
use proptest::prelude::*;
use sim::{Admission, Arrivals, Deployment, Instance, Lengths, Scheduler, Settings, Steps, Time, Workload, record};

#[derive(Debug, Clone, Default)]
struct Request {
    input: u64,
    output: u64,
    cached: u64,
    arrival: u64,
    emitted: u64,
    /// Tokens of its prompt that are in the cache, or of everything if it decodes.
    length: u64,
    decodes: bool,
    first: Option<u64>,
    last: Option<u64>,
}

impl Request {
    fn prompt(&self) -> u64 {
        self.input + self.emitted
    }
}

struct Reference {
    cost: Linear,
    rules: Scheduler,
    blocks: u64,
    requests: Vec<Request>,
    waiting: VecDeque<usize>,
    running: Vec<usize>,
    now: u64,
    /// The head of the queue was refused, and nothing has finished since.
    refused: bool,
}

impl Reference {
    fn blocks_of(&self, tokens: u64) -> u64 {
        tokens.div_ceil(u64::from(self.rules.block_size))
    }

    /// Blocks a running request holds.
    fn holds(&self, id: usize, growing: u64) -> u64 {
        let request = &self.requests[id];
        if self.rules.admission == Admission::Whole {
            self.blocks_of(request.input + request.output - 1)
        } else if request.decodes {
            self.blocks_of(request.length + growing)
        } else {
            self.blocks_of(request.prompt())
        }
    }

    fn used(&self, growing: u64) -> u64 {
        self.running.iter().map(|id| self.holds(*id, growing)).sum()
    }

    fn decoders(&self) -> usize {
        self.running.iter().filter(|id| self.requests[**id].decodes).count()
    }

    /// Preempts the latest request until all that decode can take a step.
    fn make_room(&mut self) -> bool {
        let mut preempted = false;
        while self.decoders() > 0 && self.used(1) > self.blocks {
            let victim = self.running.pop().unwrap();
            let request = &mut self.requests[victim];
            request.decodes = false;
            request.length = 0;
            self.waiting.push_front(victim);
            preempted = true;
        }
        if preempted {
            self.refused = self.decoders() > 0;
        }
        preempted && self.decoders() > 0
    }

    fn fits(&self, id: usize) -> bool {
        let request = &self.requests[id];
        let needs = match self.rules.admission {
            Admission::Whole => self.blocks_of(request.input + request.output - 1),
            _ => self.blocks_of(request.prompt()),
        };
        let mut all = self.used(1) + needs;
        if !self.running.is_empty() {
            all += (self.rules.watermark * self.blocks as f64).ceil() as u64;
            if let Admission::Expected(share) = self.rules.admission {
                let to_come = |id: &usize| self.requests[*id].output - self.requests[*id].emitted;
                let tokens: u64 = self.running.iter().chain([&id]).map(to_come).sum();
                all += self.blocks_of((share * tokens as f64) as u64);
            }
        }
        all <= self.blocks
    }

    fn admit(&mut self, budget: &mut u64, chunks: &mut Vec<(usize, u64)>) {
        if self.refused {
            return;
        }
        let whole = u64::from(self.rules.max_batched_tokens);
        while let Some(&id) = self.waiting.front() {
            if self.running.len() as u32 >= self.rules.max_seqs {
                self.refused = true;
                return;
            }
            let new = self.requests[id].prompt() - self.requests[id].cached;
            let alone = self.requests[id].first.is_some() && *budget == whole;
            if *budget == 0 || (!self.rules.chunked_prefill && new > *budget && !alone) {
                return;
            }
            if !self.fits(id) {
                self.refused = true;
                return;
            }
            self.waiting.pop_front();
            self.running.push(id);
            self.requests[id].length = self.requests[id].cached;
            let new = if self.rules.chunked_prefill { new.min(*budget) } else { new };
            *budget = budget.saturating_sub(new);
            chunks.push((id, new));
        }
    }

    /// One step. `false`: there is nothing to do.
    fn step(&mut self) -> bool {
        let mixed = self.rules.steps == Steps::Mixed;
        let mut budget = u64::from(self.rules.max_batched_tokens);
        let mut chunks = Vec::new();
        let preempted = mixed && self.make_room();
        if mixed {
            budget -= self.decoders() as u64;
        }
        for id in &self.running {
            let request = &self.requests[*id];
            if !request.decodes && budget > 0 {
                let new = (request.prompt() - request.length).min(budget);
                budget -= new;
                chunks.push((*id, new));
            }
        }
        if !preempted && (self.rules.steps != Steps::DecodeFirst || self.decoders() == 0) {
            self.admit(&mut budget, &mut chunks);
        }
        if !mixed && chunks.is_empty() {
            self.make_room();
            if self.decoders() == 0 {
                self.admit(&mut budget, &mut chunks);
            }
        }
        let decoders: Vec<usize> = if mixed || chunks.is_empty() {
            self.running.iter().copied().filter(|id| self.requests[*id].decodes).collect()
        } else {
            Vec::new()
        };
        if decoders.is_empty() && chunks.is_empty() {
            return false;
        }
        let mut batch = Batch { decode: decoders.len() as u64, prefill: chunks.len() as u64, ..Batch::default() };
        for id in &decoders {
            batch.decode_kv += self.requests[*id].length as f64;
        }
        for (id, new) in &chunks {
            let past = self.requests[*id].length as f64;
            batch.prefill_tokens += new;
            batch.prefill_past += past;
            batch.prefill_pairs += (0..*new).map(|i| past + i as f64 + 1.0).sum::<f64>();
        }
        self.now += (self.cost.local(&batch) * 1e12).round() as u64;
        for id in decoders {
            self.requests[id].length += 1;
            self.emit(id);
        }
        for (id, new) in chunks {
            self.requests[id].length += new;
            if self.requests[id].length == self.requests[id].prompt() {
                self.requests[id].decodes = true;
                self.emit(id);
            }
        }
        assert!(self.used(0) <= self.blocks);
        true
    }

    fn emit(&mut self, id: usize) {
        let request = &mut self.requests[id];
        request.emitted += 1;
        request.first.get_or_insert(self.now);
        if request.emitted == request.output {
            assert_eq!(request.last, None);
            request.last = Some(self.now);
            self.running.retain(|other| *other != id);
            self.refused = false;
        }
    }

    fn arrive(&mut self, id: usize) {
        if self.waiting.is_empty() {
            self.refused = false;
        }
        self.waiting.push_back(id);
    }

    /// Runs all: `clients` in a closed loop, or the requests' own arrivals.
    fn run(&mut self, clients: Option<usize>) {
        let mut next = 0;
        loop {
            let finished = self.requests.iter().filter(|request| request.last.is_some()).count();
            while next < self.requests.len() {
                let due = match clients {
                    Some(clients) => next < clients + finished,
                    None => self.requests[next].arrival <= self.now,
                };
                if !due {
                    break;
                }
                self.arrive(next);
                next += 1;
            }
            if self.step() {
                continue;
            }
            match self.requests.get(next) {
                Some(request) => self.now = self.now.max(request.arrival),
                None => break,
            }
        }
    }
}

fn rules() -> impl Strategy<Value = Scheduler> {
    let steps = prop_oneof![Just(Steps::Mixed), Just(Steps::PrefillFirst), Just(Steps::DecodeFirst)];
    let admission = prop_oneof![3 => Just(Admission::Input), 1 => (0.0..=1.0).prop_map(Admission::Expected), 1 => Just(Admission::Whole)];
    (steps, admission, any::<bool>(), 1u32..20, 1u32..20, prop_oneof![Just(0.0), 0.0..0.3], 20u32..150).prop_map(
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
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_fast_engine_is_the_slow_one(
        rules in rules(),
        lengths in prop::collection::vec((1u32..120, 1u32..60), 1..25),
        gaps in prop::collection::vec(0.0..0.1, 25),
        clients in prop::option::of(1u32..20),
        (kv_tokens, prefix_hit) in (180u64..600, prop_oneof![Just(0.0), 0.0..1.0]),
    ) {
        let cost = Linear { pair: 0.5, ..Linear::default() };
        let mut time = 0.0;
        let times: Vec<f64> = gaps[..lengths.len()].iter().map(|gap| { time += gap; time }).collect();
        let arrivals = match clients {
            Some(concurrency) => Arrivals::Closed { concurrency, ramp: 0.0, think: 0.0 },
            None => Arrivals::Times(times.clone()),
        };
        let workload = Workload {
            arrivals,
            input: Lengths::List(lengths.iter().map(|pair| pair.0).collect()),
            output: Lengths::List(lengths.iter().map(|pair| pair.1).collect()),
            prefix_hit,
            ..Workload::closed(lengths.len(), 1, 1, 1)
        };
        let deployment = Deployment::one(Instance { scheduler: rules, kv_tokens, ..instance(&cost) });
        let Ok(fast) = record(&deployment, &workload, &Settings::default()) else {
            // A prompt longer than a step, or than the cache: another test's matter.
            return Ok(());
        };
        let request = |(place, (input, output)): (usize, &(u32, u32))| Request {
            input: u64::from(*input),
            output: u64::from(*output),
            cached: u64::from(fast.served[place].cached),
            arrival: if clients.is_some() { 0 } else { Time::from_seconds(times[place]).unwrap().0 },
            ..Request::default()
        };
        let mut slow = Reference {
            cost,
            rules,
            blocks: kv_tokens / u64::from(rules.block_size),
            requests: lengths.iter().enumerate().map(request).collect(),
            waiting: VecDeque::new(),
            running: Vec::new(),
            now: 0,
            refused: false,
        };
        slow.run(clients.map(|clients| clients as usize));
        for (place, (fast, slow)) in fast.served.iter().zip(&slow.requests).enumerate() {
            let times = (Some(fast.first.0), Some(fast.last.0));
            prop_assert_eq!(times, (slow.first, slow.last), "request {}", place);
        }
    }
}
