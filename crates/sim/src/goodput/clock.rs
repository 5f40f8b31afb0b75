//! When things happen: one queue, and one stream of random numbers for each kind of fault, so that a change of one kind
//! leaves the others' moments as they were.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::draw::Draw;
use crate::nanos::Nanos;

/// What can happen. The order of the kinds is the order at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// The run is over.
    End,
    /// A phase of the job is over, unless it was cut short meanwhile (another generation).
    Phase { generation: u32 },
    /// A unit is repaired.
    Return,
    /// A part around which the job is routed is repaired.
    Healed { fault: u32 },
    /// A slow unit is noticed.
    SlowFound { fault: u32 },
    /// Wrong numbers are noticed.
    CorruptFound { fault: u32 },
    /// A planned stop is due.
    Maintenance,
    /// A fault of this kind strikes what the job uses.
    Strike { fault: u32 },
    /// A fault of this kind strikes a spare.
    StrikeSpare { fault: u32 },
}

/// Queue and streams.
pub(super) struct Clock {
    queue: BinaryHeap<Reverse<(Nanos, Event)>>,
    /// Moments of strikes by kind of fault, moments of strikes at spares by kind, everything else.
    strikes: Vec<Draw>,
    spares: Vec<Draw>,
    pub other: Draw,
}

impl Clock {
    pub fn new(seed: u64, run: u64, faults: usize) -> Clock {
        // A run's streams are seeded from a stream of its own.
        let mut root = Draw::new(seed, run.wrapping_add(1));
        let base = root.below(u64::MAX);
        let stream = |i: usize| Draw::new(base, 1 + i as u64);
        Clock {
            queue: BinaryHeap::new(),
            strikes: (0..faults).map(|i| stream(2 * i)).collect(),
            spares: (0..faults).map(|i| stream(2 * i + 1)).collect(),
            other: Draw::new(base, u64::MAX),
        }
    }

    pub fn push(&mut self, at: Nanos, event: Event) {
        self.queue.push(Reverse((at, event)));
    }

    pub fn pop(&mut self) -> Option<(Nanos, Event)> {
        self.queue.pop().map(|Reverse(entry)| entry)
    }

    /// The next strike of a fault after `now`.
    pub fn next_strike(&mut self, now: Nanos, fault: u32, rate: f64) {
        if rate > 0.0 {
            let wait = self.strikes[fault as usize].exponential() / rate;
            self.push(now + span(wait), Event::Strike { fault });
        }
    }

    /// The next strike at one of the spares after `now`; `rate` is of all places for spares.
    pub fn next_at_spares(&mut self, now: Nanos, fault: u32, rate: f64) {
        if rate > 0.0 {
            let wait = self.spares[fault as usize].exponential() / rate;
            self.push(now + span(wait), Event::StrikeSpare { fault });
        }
    }

    /// Whether something with this chance (0 to 1) happens.
    pub fn happens(&mut self, chance: f64) -> bool {
        const WHOLE: u64 = 1 << 53;
        (self.other.below(WHOLE) as f64) < chance * WHOLE as f64
    }

    /// An exponential span with this mean.
    pub fn exponential(&mut self, mean: Nanos) -> Nanos {
        span(self.other.exponential() * mean.seconds())
    }
}

/// Seconds to a span; what is beyond the range never happens. Never nothing, so that time goes on.
fn span(seconds: f64) -> Nanos {
    Nanos(((seconds * 1e9).round() as u64).clamp(1, u64::MAX / 2))
}

/// Standard normal values, the same for the same seed and run, in an order of the caller's: draws of what is in doubt.
pub fn normals(seed: u64, run: u64, count: usize) -> Vec<f64> {
    let mut draw = Draw::new(seed ^ 0x5bd1_e995_9e37_79b9, run.wrapping_add(1));
    (0..count).map(|_| draw.normal()).collect()
}
