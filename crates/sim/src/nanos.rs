//! Whole nanoseconds, for what runs for weeks and for timelines: 64 bits hold 584 years, and sums are exact.

use std::ops::{Add, AddAssign, Sub};

use crate::error::SimError;
use crate::time::Time;

const PER_SECOND: f64 = 1e9;
/// Ten years: beyond it a job is a slip of the unit.
const LONGEST: f64 = 10.0 * 365.25 * 86_400.0;

/// A span, or a moment since the start, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nanos(pub u64);

impl Nanos {
    /// Nothing, or the start.
    pub const ZERO: Nanos = Nanos(0);

    /// In seconds.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / PER_SECOND
    }

    /// From seconds, rounded to the nanosecond.
    ///
    /// # Errors
    /// [`SimError::Setting`] under the name `field` where the seconds are negative, not finite or beyond ten years.
    pub fn from_seconds(field: &'static str, seconds: f64) -> Result<Nanos, SimError> {
        if (0.0..=LONGEST).contains(&seconds) {
            return Ok(Nanos((seconds * PER_SECOND).round() as u64));
        }
        Err(SimError::Setting { field, value: format!("{seconds} s"), expected: "from 0 s to ten years" })
    }

    /// The difference, or nothing where the other is larger.
    pub fn minus(self, other: Nanos) -> Nanos {
        Nanos(self.0.saturating_sub(other.0))
    }
}

impl From<Time> for Nanos {
    /// Rounded down, so that what does not overlap in picoseconds does not in nanoseconds.
    fn from(time: Time) -> Nanos {
        Nanos(time.0 / 1000)
    }
}

impl Add for Nanos {
    type Output = Nanos;
    fn add(self, other: Nanos) -> Nanos {
        Nanos(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Nanos {
    fn add_assign(&mut self, other: Nanos) {
        *self = *self + other;
    }
}

impl Sub for Nanos {
    type Output = Nanos;
    fn sub(self, other: Nanos) -> Nanos {
        debug_assert!(self >= other, "a span is never negative");
        self.minus(other)
    }
}
