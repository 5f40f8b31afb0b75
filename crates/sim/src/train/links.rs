//! The links of a stage: hand-overs and replicas' exchanges, one after the other, at what the exchanges inside the
//! running work leave.

use std::collections::VecDeque;

use super::graph::Work;
use crate::time::Time;

/// Whole bandwidth.
const FULL: u32 = 1024;
/// Exchanges inside work never starve the rest: links are shared fairly.
const MOST_BUSY: u32 = 768;

/// What a transfer is for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cargo {
    /// The input of a work elsewhere.
    Hand { stage: u32, work: Work },
    /// Parameters of a chunk.
    Gathered { chunk: u32 },
    /// Gradients of a chunk.
    Reduced { chunk: u32 },
}

#[derive(Debug, Clone)]
pub struct Link {
    waiting: VecDeque<(u64, Cargo)>,
    busy: u32,
    since: Time,
    /// A completion that was announced before the rate changed is void.
    pub generation: u32,
}

impl Link {
    pub fn new() -> Link {
        Link { waiting: VecDeque::new(), busy: 0, since: Time::ZERO, generation: 0 }
    }

    fn rate(&self) -> u64 {
        u64::from(FULL - self.busy.min(MOST_BUSY))
    }

    fn settle(&mut self, now: Time) {
        let passed = u128::from(now.0 - self.since.0) * u128::from(self.rate()) / u128::from(FULL);
        if let Some((left, _)) = self.waiting.front_mut() {
            *left = left.saturating_sub(passed as u64);
        }
        self.since = now;
    }

    /// When the first in line will be through.
    pub fn due(&self) -> Option<Time> {
        let (left, _) = self.waiting.front()?;
        let span = (u128::from(*left) * u128::from(FULL)).div_ceil(u128::from(self.rate()));
        Some(Time(self.since.0.saturating_add(span as u64)))
    }

    /// Takes another share from now on.
    pub fn share(&mut self, now: Time, busy: u32) {
        self.settle(now);
        self.busy = busy;
        self.generation += 1;
    }

    /// Puts a transfer of `time` at full rate in line.
    pub fn send(&mut self, now: Time, time: Time, cargo: Cargo) {
        self.settle(now);
        self.waiting.push_back((time.0, cargo));
        self.generation += 1;
    }

    /// The transfer that is through.
    pub fn arrive(&mut self, now: Time) -> Option<Cargo> {
        self.settle(now);
        self.generation += 1;
        self.waiting.pop_front().map(|(_, cargo)| cargo)
    }
}
