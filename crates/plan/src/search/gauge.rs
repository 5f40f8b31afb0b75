//! How fast a pool is, roughly: enough to choose what to simulate. No figure from here is ever reported.

use cost::Batch;
use cost::deploy::Parallel;

use crate::predict::{Setup, Side, step_seconds};

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

/// Seconds of prompts on one lane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prompt {
    /// One prompt on each rank by itself.
    pub alone: f64,
    /// One more prompt on each rank, where steps are full.
    pub packed: f64,
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

impl Guess {
    /// Seconds from sending to the last of `output` tokens.
    pub fn whole(&self, output: f64) -> f64 {
        self.ttft + self.tpot * (output - 1.0).max(0.0)
    }
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

    /// Seconds of a step with what the host adds.
    fn step(&self, batch: &Batch) -> f64 {
        let host = &self.setup.engine.host;
        let requests = (batch.decode + batch.prefill) as f64;
        let added = host.step.mid().0 + host.request.mid().0 * requests;
        let device = step_seconds(&self.side.steps, batch);
        if self.setup.engine.scheduling.overlap.mid() { device.max(added) } else { device + added }
    }

    /// Seconds of a decode step with `requests` on each place.
    pub fn decode(&self, requests: u64) -> f64 {
        let held = self.shape.input + 0.5 * self.shape.output;
        self.step(&Batch { decode: requests, decode_kv: requests as f64 * held, ..Batch::default() })
    }

    /// Seconds of prompts.
    pub fn prompt(&self) -> Prompt {
        let limits = self.setup.engine.limits_on(&self.setup.machine.system.chip);
        let new = (self.shape.input - self.shape.cached).max(1.0);
        let budget = f64::from(limits.max_batched_tokens.mid()).max(1.0);
        let prompts = |count: f64, new: f64, past: f64| Batch {
            prefill: count as u64,
            prefill_tokens: (count * new) as u64,
            prefill_pairs: count * new * (past + (new + 1.0) / 2.0),
            prefill_past: count * past,
            ..Batch::default()
        };
        let finish = self.setup.engine.host.prefill.mid().0;
        if new > budget && self.setup.engine.scheduling.chunked_prefill.mid() {
            // Chunks of the budget; each sees on average half of the prompt before it.
            let chunks = new / budget;
            let one = self.step(&prompts(1.0, budget, self.shape.cached + (new - budget) / 2.0));
            let seconds = chunks * one + finish;
            return Prompt { alone: seconds, packed: seconds };
        }
        let together = (budget / new).floor().max(1.0);
        Prompt {
            alone: self.step(&prompts(1.0, new, self.shape.cached)) + finish,
            packed: self.step(&prompts(together, new, self.shape.cached)) / together + finish,
        }
    }

    /// Prefill and decode by turns, `requests` in flight on each place: a round in which every request gets all of its
    /// tokens holds as many decode steps as a request needs, and one prompt for each request.
    pub fn together(&self, requests: u64, prompt: Prompt) -> Guess {
        let speculation = self.setup.speculation.map_or(1.0, |s| 1.0 + s.accepted);
        let steps = (self.shape.output - 1.0).max(0.0) / speculation;
        let step = self.decode(requests);
        let waits = requests as f64 * prompt.packed;
        let round = steps * step + waits;
        let busy = (waits / round.max(1e-12)).min(0.98);
        let ttft = prompt.alone + 0.5 * busy / (1.0 - busy) * prompt.packed + step;
        let tpot = step / speculation + (requests as f64 - 1.0) * prompt.packed / self.shape.output.max(1.0);
        Guess { requests: requests as f64 / round.max(1e-12), tpot, ttft }
    }

    /// Decode alone.
    pub fn decoding(&self, requests: u64) -> Guess {
        let speculation = self.setup.speculation.map_or(1.0, |s| 1.0 + s.accepted);
        let tpot = self.decode(requests) / speculation;
        let life = tpot * (self.shape.output - 1.0).max(1.0);
        Guess { requests: requests as f64 / life, tpot, ttft: 0.0 }
    }
}
