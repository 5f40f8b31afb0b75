//! Wide expert parallelism: the load of the busiest expert rank varies from step to step and drifts as traffic changes,
//! until experts are placed anew.
//!
//! The cost model knows the mean imbalance. What comes on top is a factor on the time of what all ranks do together,
//! constant for some steps, drawn from the seed and the number of those steps alone: a run of steps ends where the
//! factor changes, so cutting it elsewhere changes nothing.

use units::Seconds;

use crate::draw::Draw;
use crate::error::SimError;
use crate::time::{Fine, fine};

/// How the load of experts varies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExpertLoad {
    /// Steps for which a load stays as it is.
    pub every: u64,
    /// Standard deviation of the load of the busiest rank over its mean, from one draw to the next.
    pub spread: f64,
    /// Growth of the load of the busiest rank with each draw, as a share, until experts are placed anew.
    pub drift: f64,
    /// Draws after which experts are placed anew; 0: never.
    pub rebalance: u64,
    /// Seconds that this takes, in which no step runs.
    pub pause: Seconds,
}

impl ExpertLoad {
    pub(crate) fn check(&self) -> Result<(), SimError> {
        if self.every == 0 {
            return Err(SimError::setting("experts.every", 0, "at least 1 step"));
        }
        for (field, value) in [("experts.spread", self.spread), ("experts.drift", self.drift)] {
            if !(0.0..=10.0).contains(&value) {
                return Err(SimError::setting(field, value, "a share from 0 to 10"));
            }
        }
        match fine(self.pause.0) {
            Some(_) => Ok(()),
            None => Err(SimError::setting("experts.pause", self.pause.0, "0 or more seconds, at most 11 days")),
        }
    }
}

/// The load of one engine's experts.
#[derive(Debug, Clone)]
pub(crate) struct Experts {
    load: ExpertLoad,
    pause: Fine,
    seed: u64,
}

/// No load is larger.
const MOST: f64 = 64.0;

impl Experts {
    pub fn new(load: ExpertLoad, seed: u64) -> Experts {
        Experts { load, pause: fine(load.pause.0).unwrap_or_default(), seed }
    }

    /// The factor in 1/1024 that holds after so many steps, and what pauses the next one.
    pub fn at(&self, steps: u64) -> (Fine, Fine) {
        let draw = steps / self.load.every;
        let since = if self.load.rebalance == 0 { draw } else { draw % self.load.rebalance };
        // A load is of the busiest rank: chance makes it larger, never smaller, than the mean that is priced already.
        let chance = self.load.spread * Draw::new(self.seed, draw.wrapping_add(16)).normal().abs();
        let load = (1.0 + chance + self.load.drift * since as f64).min(MOST);
        let anew = self.load.rebalance > 0 && draw > 0 && since == 0 && steps.is_multiple_of(self.load.every);
        ((load * 1024.0).round() as Fine, if anew { self.pause } else { 0 })
    }

    /// Steps for which this holds.
    pub fn left(&self, steps: u64) -> u64 {
        let (_, pause) = self.at(steps);
        if pause > 0 { 1 } else { self.load.every - steps % self.load.every }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_drifts_and_is_set_back() {
        let load = ExpertLoad { every: 4, spread: 0.0, drift: 0.5, rebalance: 3, pause: Seconds(1e-3) };
        let experts = Experts::new(load, 1);
        let pause = fine(1e-3).expect("a time");
        assert_eq!(experts.at(0), (1024, 0));
        assert_eq!(experts.at(5), (1536, 0));
        assert_eq!(experts.at(8), (2048, 0));
        assert_eq!(experts.at(12), (1024, pause));
        assert_eq!((experts.left(12), experts.left(13), experts.left(5)), (1, 3, 3));
    }
}
