//! What a router knows of the caches of engines: it is told of blocks that came and went, some time later.

use std::collections::VecDeque;

use crate::error::SimError;
use crate::time::Time;

/// For each content block by name, the engines that are said to hold it.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// Words of a set of engines.
    words: usize,
    delay: Time,
    sets: Vec<u64>,
    /// What was told and is not known yet: when it will be, of which engine, which block, whether it came.
    coming: VecDeque<(Time, u32, u32, bool)>,
}

impl View {
    /// Of so many blocks.
    pub fn new(engines: usize, blocks: usize, delay: Time) -> View {
        let words = engines.div_ceil(64).max(1);
        View { words, delay, sets: vec![0; blocks * words], coming: VecDeque::new() }
    }

    /// An engine tells what came to its cache and what went.
    pub fn tell(&mut self, now: Time, engine: u32, news: &mut Vec<(u32, bool)>) -> Result<(), SimError> {
        if self.delay == Time::ZERO {
            news.drain(..).for_each(|(name, came)| self.note(engine, name, came));
            return Ok(());
        }
        let then = now.plus(self.delay)?;
        self.coming.extend(news.drain(..).map(|(name, came)| (then, engine, name, came)));
        Ok(())
    }

    /// For each engine, how many of the first blocks it is said to hold.
    pub fn known(&mut self, now: Time, names: &[u32], known: &mut Vec<u32>) {
        while let Some(&(then, engine, name, came)) = self.coming.front()
            && then <= now
        {
            self.coming.pop_front();
            self.note(engine, name, came);
        }
        known.clear();
        known.resize(self.words * 64, 0);
        for word in 0..self.words {
            // Only an unbroken prefix counts: engines drop out one by one.
            let mut left = u64::MAX;
            for (block, name) in names.iter().enumerate() {
                let holds = left & self.sets[*name as usize * self.words + word];
                self.drop_out(word, left & !holds, block, known);
                left = holds;
                if left == 0 {
                    break;
                }
            }
            self.drop_out(word, left, names.len(), known);
        }
    }

    /// These engines hold so many of the first blocks.
    fn drop_out(&self, word: usize, mut engines: u64, blocks: usize, known: &mut [u32]) {
        while blocks > 0 && engines != 0 {
            known[word * 64 + engines.trailing_zeros() as usize] = blocks as u32;
            engines &= engines - 1;
        }
    }

    /// The cache of an engine is gone.
    pub fn forget(&mut self, engine: u32) {
        self.coming.retain(|(_, of, ..)| *of != engine);
        let (word, bit) = (engine as usize / 64, 1u64 << (engine % 64));
        for set in self.sets.chunks_mut(self.words) {
            set[word] &= !bit;
        }
    }

    fn note(&mut self, engine: u32, name: u32, came: bool) {
        let word = &mut self.sets[name as usize * self.words + engine as usize / 64];
        let bit = 1u64 << (engine % 64);
        if came { *word |= bit } else { *word &= !bit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_knows_what_it_was_told_a_while_ago() {
        let mut view = View::new(70, 10, Time(10));
        let mut known = Vec::new();
        view.tell(Time(0), 69, &mut vec![(7, true), (8, true)]).expect("in time");
        view.tell(Time(5), 1, &mut vec![(7, true), (9, true)]).expect("in time");
        view.known(Time(9), &[7, 8], &mut known);
        assert_eq!((known[69], known[1]), (0, 0));
        view.known(Time(15), &[7, 8, 9], &mut known);
        assert_eq!((known[69], known[1]), (2, 1), "a block after a missing one is of no use");
        view.tell(Time(20), 69, &mut vec![(7, false)]).expect("in time");
        view.known(Time(30), &[7, 8], &mut known);
        assert_eq!((known[69], known[1]), (0, 1));
        view.forget(1);
        view.known(Time(30), &[7], &mut known);
        assert_eq!(known[1], 0);
    }
}
