//! A stretch of training without interruption, summed in closed form.
//!
//! Its rhythm: train for `every`, be held up by a save for `blocks`, and again. The k-th save is of the state after k x
//! `every` of training; it can be used `durable` after it began.

use crate::goodput::account::Training;
use crate::goodput::scenario::{Checkpoints, PPM};
use crate::nanos::Nanos;

/// How fast a job trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Speed {
    /// Replicas at work.
    pub active: u64,
    /// Replicas of the whole job.
    pub whole: u64,
    /// Steps take longer by this many millionths.
    pub slower: u64,
}

impl Speed {
    /// What so much training is worth: useful, lost to missing units, lost to slow parts. They add up to it.
    fn split(self, training: Nanos) -> Training {
        let part = |whole: u64, top: u64, bottom: u64| {
            (u128::from(whole) * u128::from(top) / u128::from(bottom.max(1))).min(u128::from(whole)) as u64
        };
        let present = part(training.0, self.active, self.whole);
        let useful = part(present, PPM, PPM + self.slower);
        Training {
            useful: Nanos(useful),
            shrunk: Nanos(training.0 - present),
            slow: Nanos(present - useful),
            saving: Nanos::ZERO,
        }
    }
}

/// A stretch under way.
#[derive(Debug, Clone)]
pub(super) struct Stretch {
    /// When it began, shifted by everything that was settled and by stalls.
    start: Nanos,
    /// Speeds with the elapsed time from which on they hold; the first at 0.
    pieces: Vec<(u64, Speed)>,
    rhythm: Checkpoints,
}

impl Stretch {
    pub fn new(start: Nanos, speed: Speed, rhythm: Checkpoints) -> Stretch {
        Stretch { start, pieces: vec![(0, speed)], rhythm }
    }

    /// Start of what is not settled.
    pub fn start(&self) -> Nanos {
        self.start
    }

    /// From now on it goes at another speed.
    pub fn change(&mut self, now: Nanos, speed: Speed) {
        let elapsed = (now - self.start).0;
        match self.pieces.last_mut() {
            Some(last) if last.0 == elapsed => last.1 = speed,
            _ => self.pieces.push((elapsed, speed)),
        }
    }

    /// Nothing happens for `span`: the rhythm goes on afterwards as if it had not been.
    pub fn stall(&mut self, span: Nanos) {
        self.start += span;
    }

    /// Settles all that the last usable save holds, at `now`; gives how much that was.
    pub fn keep_durable(&mut self, now: Nanos) -> Training {
        let Checkpoints { every, blocks, durable } = self.rhythm;
        let elapsed = (now - self.start).0;
        let cycle = every.0.saturating_add(blocks.0);
        let saves = match (elapsed.saturating_add(blocks.0)).checked_sub(durable.0) {
            Some(after) => after / cycle,
            None => 0,
        };
        self.keep_until(saves * cycle)
    }

    /// Settles everything, at `now`.
    pub fn keep_all(&mut self, now: Nanos) -> Training {
        self.keep_until((now - self.start).0)
    }

    /// What is lost by an end at `now`, after [`Stretch::keep_durable`]: training, and time held up by saves.
    pub fn lost(&self, now: Nanos) -> (Nanos, Nanos) {
        let elapsed = (now - self.start).0;
        let training = self.training(elapsed);
        (Nanos(training), Nanos(elapsed - training))
    }

    fn keep_until(&mut self, elapsed: u64) -> Training {
        let mut kept = Training::default();
        let mut ends: Vec<u64> = self.pieces.iter().skip(1).map(|&(from, _)| from).collect();
        ends.push(u64::MAX);
        for (&(from, speed), &end) in self.pieces.iter().zip(&ends) {
            if from >= elapsed {
                break;
            }
            let end = end.min(elapsed);
            let training = self.training(end) - self.training(from);
            kept.add(&speed.split(Nanos(training)));
            kept.saving += Nanos(end - from - training);
        }
        // What is left begins at a whole number of cycles, or nothing is left.
        self.start += Nanos(elapsed);
        let last = self.pieces.iter().rposition(|&(from, _)| from <= elapsed).unwrap_or(0);
        self.pieces.drain(..last);
        for (from, _) in &mut self.pieces {
            *from = from.saturating_sub(elapsed);
        }
        kept
    }

    /// Training within the first `elapsed`.
    fn training(&self, elapsed: u64) -> u64 {
        let Checkpoints { every, blocks, .. } = self.rhythm;
        let cycle = every.0.saturating_add(blocks.0);
        elapsed / cycle * every.0 + (elapsed % cycle).min(every.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Speed = Speed { active: 4, whole: 4, slower: 0 };
    /// Train 100, be held up 10, usable 25 after the start of a save.
    const RHYTHM: Checkpoints = Checkpoints { every: Nanos(100), blocks: Nanos(10), durable: Nanos(25) };

    fn stretch() -> Stretch {
        Stretch::new(Nanos(1000), WHOLE, RHYTHM)
    }

    #[test]
    fn a_save_counts_once_it_is_durable() {
        // The first save begins at 1100 and is usable at 1125; the second begins at 1210, usable at 1235.
        for (now, kept, lost, held) in
            [(1100, 0, 100, 0), (1124, 0, 114, 10), (1125, 100, 15, 0), (1234, 100, 114, 10), (1235, 200, 15, 0)]
        {
            let mut s = stretch();
            let training = s.keep_durable(Nanos(now));
            assert_eq!(training.useful, Nanos(kept), "{now}");
            assert_eq!(training.saving, Nanos(kept / 10), "{now}");
            assert_eq!(s.lost(Nanos(now)), (Nanos(lost), Nanos(held)), "{now}");
        }
    }

    #[test]
    fn a_slower_piece_is_worth_less() {
        let mut s = stretch();
        // Two replicas of four from 1050 on, and a tenth slower from 1080 on.
        s.change(Nanos(1050), Speed { active: 2, ..WHOLE });
        s.change(Nanos(1080), Speed { active: 2, slower: 250_000, ..WHOLE });
        let kept = s.keep_all(Nanos(1100));
        // 50 whole, 30 at half, 20 at half of which 10 / 1.25 = 8 count.
        assert_eq!(kept.useful, Nanos(50 + 15 + 8));
        assert_eq!(kept.shrunk, Nanos(15 + 10));
        assert_eq!(kept.slow, Nanos(2));
        assert_eq!(s.start(), Nanos(1100));
    }

    #[test]
    fn a_stall_shifts_the_rhythm() {
        let mut s = stretch();
        s.stall(Nanos(7));
        assert_eq!(s.keep_durable(Nanos(1131)).useful, Nanos(0));
        assert_eq!(s.keep_durable(Nanos(1132)).useful, Nanos(100));
    }

    #[test]
    fn settling_in_parts_gives_the_same() {
        let speeds = [(1040, 3, 0), (1170, 3, 90_000), (1333, 4, 90_000)];
        let run = |settle: &[u64]| {
            let mut s = stretch();
            let mut sum = Training::default();
            let mut at: Vec<u64> = speeds.iter().map(|s| s.0).chain(settle.iter().copied()).collect();
            at.sort_unstable();
            for now in at {
                if settle.contains(&now) {
                    sum.add(&s.keep_durable(Nanos(now)));
                }
                if let Some(&(_, active, slower)) = speeds.iter().find(|s| s.0 == now) {
                    s.change(Nanos(now), Speed { active, whole: 4, slower });
                }
            }
            sum.add(&s.keep_durable(Nanos(1600)));
            (sum.total(), s.lost(Nanos(1600)))
        };
        assert_eq!(run(&[]), run(&[1130, 1300, 1500]));
    }
}
