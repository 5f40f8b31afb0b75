//! Simulated time: whole picoseconds, so that sums are exact and every machine gives the same bytes.

use crate::error::SimError;

/// A moment, in picoseconds since the start. 64 bits hold 213 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub u64);

const PER_SECOND: f64 = 1e12;

impl Time {
    /// The start.
    pub const ZERO: Time = Time(0);
    /// Later than everything: "has not happened".
    pub const NEVER: Time = Time(u64::MAX);

    /// Seconds since the start.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / PER_SECOND
    }

    /// Seconds since an earlier moment.
    pub fn since(self, earlier: Time) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / PER_SECOND
    }

    /// Seconds to a moment, rounded to the picosecond.
    ///
    /// # Errors
    /// [`SimError::Horizon`] where the seconds are negative, not finite or beyond 213 days.
    pub fn from_seconds(seconds: f64) -> Result<Time, SimError> {
        let ps = (seconds * PER_SECOND).round();
        if ps >= 0.0 && ps < u64::MAX as f64 { Ok(Time(ps as u64)) } else { Err(SimError::Horizon) }
    }

    pub(crate) fn plus(self, span: Time) -> Result<Time, SimError> {
        self.0.checked_add(span.0).filter(|&t| t != u64::MAX).map(Time).ok_or(SimError::Horizon)
    }
}

/// A span in 2^-16 ps. Step times are held this fine so that the slope of a step's time per cached token survives
/// rounding; sums over a run need the 128 bits.
pub(crate) type Fine = i128;

pub(crate) const FINE_BITS: u32 = 16;
const FINE_PER_SECOND: f64 = PER_SECOND * (1u64 << FINE_BITS) as f64;
/// No step is longer (11 days); it keeps every product within 128 bits.
const LONGEST_STEP: f64 = 1e6;

/// Seconds to a fine span, or `None` where they are no possible time of a step.
pub(crate) fn fine(seconds: f64) -> Option<Fine> {
    (0.0..=LONGEST_STEP).contains(&seconds).then(|| (seconds * FINE_PER_SECOND).round() as Fine)
}

/// The clock of an engine: a moment and the part of a picosecond that its steps are ahead of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Clock {
    pub now: Time,
    rest: Fine,
}

impl Clock {
    /// Forward to a later moment. Idle time drops the fraction.
    pub fn wake(&mut self, now: Time) {
        if now > self.now {
            *self = Clock { now, rest: 0 };
        }
    }

    /// The clock after a span.
    pub fn after(self, span: Fine) -> Result<Clock, SimError> {
        let total = self.rest + span;
        let ps = u64::try_from(total >> FINE_BITS).map_err(|_| SimError::Horizon)?;
        Ok(Clock { now: self.now.plus(Time(ps))?, rest: total & ((1 << FINE_BITS) - 1) })
    }

    /// The clock as a span since the start.
    pub fn fine(self) -> Fine {
        (Fine::from(self.now.0) << FINE_BITS) + self.rest
    }

    /// The least span after which the clock shows `then` or later.
    pub fn until(self, then: Time) -> Fine {
        (Fine::from(then.0.saturating_sub(self.now.0)) << FINE_BITS) - self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_adds_the_same_in_one_go_and_in_parts() {
        let step = fine(1.375e-12).unwrap();
        let mut parts = Clock::default();
        for _ in 0..1000 {
            parts = parts.after(step).unwrap();
        }
        let whole = Clock::default().after(step * 1000).unwrap();
        assert_eq!((parts.now, parts.rest), (whole.now, whole.rest));
        assert_eq!(whole.now, Time(1375));
    }

    #[test]
    fn no_time_is_refused() {
        assert_eq!(fine(f64::NAN), None);
        assert_eq!(fine(-1.0), None);
        assert_eq!(fine(f64::INFINITY), None);
        assert_eq!(Time::from_seconds(f64::NAN), Err(SimError::Horizon));
        assert_eq!(Time::from_seconds(-1.0), Err(SimError::Horizon));
        assert_eq!(Time::from_seconds(1e9), Err(SimError::Horizon));
        assert_eq!(Time::from_seconds(1.5), Ok(Time(1_500_000_000_000)));
    }
}
