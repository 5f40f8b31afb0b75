//! How fast a pool is, roughly: enough to choose what to simulate. No figure from here is ever reported.

use catalog::engine::Steps;
use cost::deploy::Parallel;
use cost::{Batch, StepCost};

use crate::predict::{Setup, Side};

/// What requests look like on average.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Prompt tokens.
    pub input: f64,
    /// Of these, found in the prefix cache.
    pub cached: f64,
    /// Generated tokens.
    pub output: f64,
}

/// Seconds that a lane spends on prompts. Ranks step together, so a prompt on one of them holds up all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prompt {
    /// One prompt on one rank.
    pub alone: f64,
    /// One prompt on every rank at once.
    pub level: f64,
    /// Prompts that a full step holds, of all ranks.
    pub most: f64,
    /// A full step.
    pub full: f64,
    /// Ranks.
    ranks: f64,
}

impl Prompt {
    /// Prompts per second of a lane that does nothing else.
    pub fn rate(&self) -> f64 {
        self.most / self.full.max(1e-12)
    }

    /// Seconds of a step with `count` prompts, spread over the ranks as evenly as can be.
    fn step(&self, count: f64) -> f64 {
        let line = |(x0, y0): (f64, f64), (x1, y1): (f64, f64)| {
            if x1 > x0 { y0 + (y1 - y0) * (count - x0) / (x1 - x0) } else { y1 }
        };
        if count <= self.ranks {
            line((1.0, self.alone), (self.ranks, self.level))
        } else {
            line((self.ranks, self.level), (self.most, self.full))
        }
    }
}

/// A guess at what a lane does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guess {
    /// Requests per second of one rank of one lane.
    pub requests: f64,
    /// Mean time per output token.
    pub tpot: f64,
    /// Mean time to first token.
    pub ttft: f64,
}

/// A pool to be gauged.
pub struct Gauge<'s, 'a> {
    setup: &'s Setup<'a>,
    side: &'s Side<'a>,
    shape: Shape,
    parallel: Parallel,
}

impl<'s, 'a> Gauge<'s, 'a> {
    /// Of one pool of a set-up.
    pub fn new(setup: &'s Setup<'a>, side: &'s Side<'a>, shape: Shape) -> Self {
        let parallel = side.steps.deployment().parallel;
        Gauge { setup, side, shape, parallel }
    }

    /// Lanes times ranks: places with a cache and a batch of their own.
    pub fn places(&self) -> u32 {
        self.parallel.dp * self.parallel.pp
    }

    /// Requests that the cache of one place holds at their mean length.
    pub fn room(&self) -> f64 {
        let held = self.shape.input + 0.5 * self.shape.output;
        self.side.kv_tokens as f64 / f64::from(self.parallel.pp) / held.max(1.0)
    }

    /// Seconds of a step with what the host adds, `batch` on each of `busy` ranks.
    fn step(&self, batch: &Batch, busy: u64) -> f64 {
        let host = &self.setup.engine.host;
        let requests = (batch.decode + batch.prefill) as f64;
        let added = host.step.mid().0 + host.request.mid().0 * requests;
        let steps = &self.side.steps;
        let rows = batch.decode * steps.deployment().queries() + batch.prefill_tokens;
        let device = steps.local(batch) + steps.shared(rows * busy, rows);
        if self.setup.engine.scheduling.overlap.mid() { device.max(added) } else { device + added }
    }

    /// Seconds of the front ends to take a request in.
    pub fn intake(&self) -> f64 {
        self.setup.front_end(&self.parallel, self.shape.input).0
    }

    /// Seconds of the front ends to send a token out.
    fn stream(&self) -> f64 {
        self.setup.front_end(&self.parallel, 0.0).1
    }

    /// Seconds of a decode step with `requests` on each place.
    pub fn decode(&self, requests: u64) -> f64 {
        let held = self.shape.input + 0.5 * self.shape.output;
        let batch = Batch { decode: requests, decode_kv: requests as f64 * held, ..Batch::default() };
        self.step(&batch, u64::from(self.parallel.dp))
    }

    /// Seconds of prompts.
    pub fn prompt(&self) -> Prompt {
        let limits = self.setup.engine.limits_on(&self.setup.machine.system.chip);
        let new = (self.shape.input - self.shape.cached).max(1.0);
        let budget = f64::from(limits.max_batched_tokens.mid()).max(1.0);
        let batch = |count: f64, new: f64, past: f64| Batch {
            prefill: count as u64,
            prefill_tokens: (count * new) as u64,
            prefill_pairs: count * new * (past + (new + 1.0) / 2.0),
            prefill_past: count * past,
            ..Batch::default()
        };
        let finish = self.setup.engine.host.prefill.mid().0;
        let all = u64::from(self.parallel.dp);
        let ranks = f64::from(self.parallel.dp);
        if new > budget && self.setup.engine.scheduling.chunked_prefill.mid() {
            // Chunks of the budget; each sees on average half of the prompt before it.
            let chunks = new / budget;
            let chunk = batch(1.0, budget, self.shape.cached + (new - budget) / 2.0);
            let [alone, level] = [1, all].map(|busy| chunks * self.step(&chunk, busy) + finish);
            return Prompt { alone, level, most: ranks, full: level, ranks };
        }
        let together = (budget / new).floor().max(1.0);
        let one = batch(1.0, new, self.shape.cached);
        Prompt {
            alone: self.step(&one, 1) + finish,
            level: self.step(&one, all) + finish,
            most: together * ranks,
            full: self.step(&batch(together, new, self.shape.cached), all) + finish * together,
            ranks,
        }
    }

    /// Prefill and decode by turns, `requests` in flight on each place: a round in which every request gets all of its
    /// tokens holds as many decode steps as a request needs, and every request's prompt. Prompts that come while a step
    /// runs share the next one.
    pub fn together(&self, requests: u64, prompt: Prompt) -> Guess {
        let speculation = self.setup.speculation.map_or(1.0, |s| 1.0 + s.accepted);
        let steps = (self.shape.output - 1.0).max(0.0) / speculation;
        let step = self.decode(requests);
        let prompts = requests as f64 * f64::from(self.parallel.dp);
        let (mut count, mut round) = (1.0, 0.0);
        let added = self.added(requests, step, prompt);
        for _ in 0..8 {
            round = (steps * step + added * prompts / count * prompt.step(count)).max(1e-12);
            count = (prompts / round * prompt.step(count)).clamp(1.0, prompt.most);
        }
        // The front end of a lane takes requests in and sends tokens out one after the other.
        round = round.max(prompts * self.intake()).max(prompts * self.shape.output * self.stream());
        let one = prompt.step(count);
        let busy = (prompts / count * one / round).min(0.98);
        let ttft = one + 0.5 * busy / (1.0 - busy) * one + step;
        let tpot = (round - one).max(steps * step) / self.shape.output.max(1.0);
        Guess { requests: requests as f64 / round, tpot, ttft }
    }

    /// Share of a prompt's time by which a step gets longer where prompts ride along with decodes; 1 where they do not.
    fn added(&self, requests: u64, step: f64, prompt: Prompt) -> f64 {
        if self.setup.engine.scheduling.steps.mid() != Steps::Mixed {
            return 1.0;
        }
        let limits = self.setup.engine.limits_on(&self.setup.machine.system.chip);
        let new = (self.shape.input - self.shape.cached).max(1.0);
        let chunk = new.min(f64::from(limits.max_batched_tokens.mid())).max(1.0);
        let held = self.shape.input + 0.5 * self.shape.output;
        let batch = Batch {
            decode: requests,
            decode_kv: requests as f64 * held,
            prefill: 1,
            prefill_tokens: chunk as u64,
            prefill_pairs: chunk * (self.shape.cached + (chunk + 1.0) / 2.0),
            prefill_past: self.shape.cached,
        };
        let more = (self.step(&batch, 1) - step) * new / chunk;
        (more / prompt.alone.max(1e-12)).clamp(0.1, 1.0)
    }

    /// Decode alone.
    pub fn decoding(&self, requests: u64) -> Guess {
        let speculation = self.setup.speculation.map_or(1.0, |s| 1.0 + s.accepted);
        let all = requests as f64 * f64::from(self.parallel.dp);
        let tpot = (self.decode(requests) / speculation).max(all * self.stream());
        let life = tpot * (self.shape.output - 1.0).max(1.0);
        Guess { requests: requests as f64 / life, tpot, ttft: 0.0 }
    }
}
