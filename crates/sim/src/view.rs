//! What a router knows of the caches of engines: it is told of blocks that came and went, some time later.

use std::collections::VecDeque;

use crate::cache::ByHash;
use crate::error::SimError;
use crate::time::Time;

/// For each content block, the engines that are said to hold it.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// Words of a set of engines.
    words: usize,
    delay: Time,
    index: ByHash<u32>,
    sets: Vec<u64>,
    vacant: Vec<u32>,
    /// What was told and is not known yet: when it will be, of which engine, which block, whether it came.
    coming: VecDeque<(Time, u32, u64, bool)>,
}

impl View {
    pub fn new(engines: usize, delay: Time) -> View {
        let words = engines.div_ceil(64).max(1);
        View { words, delay, index: ByHash::default(), sets: Vec::new(), vacant: Vec::new(), coming: VecDeque::new() }
    }

    /// An engine tells what came to its cache and what went.
    pub fn tell(&mut self, now: Time, engine: u32, news: &mut Vec<(u64, bool)>) -> Result<(), SimError> {
        if self.delay == Time::ZERO {
            news.drain(..).for_each(|(hash, came)| self.note(engine, hash, came));
            return Ok(());
        }
        let then = now.plus(self.delay)?;
        self.coming.extend(news.drain(..).map(|(hash, came)| (then, engine, hash, came)));
        Ok(())
    }

    /// For each engine, how many of the first blocks it is said to hold.
    pub fn known(&mut self, now: Time, hashes: &[u64], known: &mut Vec<u32>) {
        while let Some(&(then, engine, hash, came)) = self.coming.front()
            && then <= now
        {
            self.coming.pop_front();
            self.note(engine, hash, came);
        }
        known.clear();
        known.resize(self.words * 64, 0);
        for (block, hash) in hashes.iter().enumerate() {
            let Some(&slot) = self.index.get(hash) else { return };
            let set = &self.sets[slot as usize * self.words..][..self.words];
            let mut any = false;
            for (word, &bits) in set.iter().enumerate() {
                let mut bits = bits;
                while bits != 0 {
                    let engine = word * 64 + bits.trailing_zeros() as usize;
                    bits &= bits - 1;
                    // Only an unbroken prefix counts.
                    if known[engine] == block as u32 {
                        known[engine] += 1;
                        any = true;
                    }
                }
            }
            if !any {
                return;
            }
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

    fn note(&mut self, engine: u32, hash: u64, came: bool) {
        let (word, bit) = (engine as usize / 64, 1u64 << (engine % 64));
        match (self.index.get(&hash), came) {
            (None, false) => {}
            (None, true) => {
                let slot = self.vacant.pop().unwrap_or_else(|| {
                    self.sets.resize(self.sets.len() + self.words, 0);
                    (self.sets.len() / self.words - 1) as u32
                });
                self.index.insert(hash, slot);
                self.sets[slot as usize * self.words + word] |= bit;
            }
            (Some(&slot), true) => self.sets[slot as usize * self.words + word] |= bit,
            (Some(&slot), false) => {
                let set = &mut self.sets[slot as usize * self.words..][..self.words];
                set[word] &= !bit;
                if set.iter().all(|bits| *bits == 0) {
                    self.index.remove(&hash);
                    self.vacant.push(slot);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_knows_what_it_was_told_a_while_ago() {
        let mut view = View::new(70, Time(10));
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
