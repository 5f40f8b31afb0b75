//! The KV cache of a rank: blocks of a fixed number of tokens.
//!
//! All decoding requests of a rank that grow at one rate do so together. A request opens a block whenever its length passes a multiple of the
//! block size, so what counts is at which phase of the rank's growth it does so: a histogram of phases gives the
//! blocks that any stretch of growth takes, without a look at single requests.

#[derive(Debug, Clone)]
pub(crate) struct Pool {
    block: u64,
    total: u64,
    used: u64,
    /// Blocks in use that belong to requests that do not grow.
    fixed: u64,
    /// Those that grow, by rate.
    growing: Vec<Growing>,
}

/// Requests that grow together.
#[derive(Debug, Clone, Default)]
struct Growing {
    /// How many open a block when the growth is this modulo the block size; empty until one grows.
    phases: Vec<u32>,
    count: u64,
}

impl Pool {
    /// For requests that grow at so many rates.
    pub fn new(tokens: u64, block: u32, rates: usize) -> Pool {
        let block = u64::from(block);
        Pool { block, total: tokens / block, used: 0, fixed: 0, growing: vec![Growing::default(); rates] }
    }

    /// Blocks that hold so many tokens.
    pub fn blocks(&self, tokens: u64) -> u64 {
        tokens.div_ceil(self.block)
    }

    pub fn total(&self) -> u64 {
        self.total
    }

    /// Tokens that fit.
    pub fn tokens(&self) -> u64 {
        self.total * self.block
    }

    pub fn used(&self) -> u64 {
        self.used
    }

    pub fn free(&self) -> u64 {
        self.total - self.used
    }

    /// Tokens that fit into the blocks of requests that do not grow.
    pub fn fixed_tokens(&self) -> u64 {
        self.fixed * self.block
    }

    /// Takes blocks for a request that does not grow.
    pub fn take(&mut self, blocks: u64) {
        self.fixed += blocks;
        self.used += blocks;
        debug_assert!(self.used <= self.total, "more blocks in use than there are");
    }

    /// Gives back the blocks of a request that does not grow.
    pub fn give(&mut self, blocks: u64) {
        debug_assert!(blocks <= self.fixed, "more blocks returned than in use");
        self.fixed -= blocks;
        self.used -= blocks;
    }

    /// A request that holds these blocks begins to grow; its length is `anchor` plus the growth at its rate.
    pub fn join(&mut self, rate: usize, anchor: i64, blocks: u64) {
        let phase = self.phase(anchor);
        let growing = &mut self.growing[rate];
        growing.phases.resize(self.block as usize, 0);
        growing.phases[phase] += 1;
        growing.count += 1;
        self.fixed -= blocks;
    }

    /// A request no longer grows and gives back all it holds at this growth, but for the blocks that it shares.
    pub fn leave(&mut self, rate: usize, anchor: i64, growth: u64, shared: u64) {
        let phase = self.phase(anchor);
        let growing = &mut self.growing[rate];
        debug_assert!(growing.phases[phase] > 0);
        growing.phases[phase] -= 1;
        growing.count -= 1;
        self.used -= self.blocks((anchor + growth as i64) as u64) - shared;
    }

    /// Blocks that nobody held are held again: they are shared, and belong to no request.
    pub fn hold(&mut self, blocks: u64) {
        self.used += blocks;
        debug_assert!(self.used <= self.total, "more blocks in use than there are");
    }

    /// Shared blocks that nobody holds any more.
    pub fn let_go(&mut self, blocks: u64) {
        self.used -= blocks;
    }

    /// Blocks of a request that does not grow become shared; some of them were there already and are free.
    pub fn share(&mut self, blocks: u64, freed: u64) {
        self.fixed -= blocks;
        self.used -= freed;
    }

    /// Empty, and as large.
    pub fn emptied(&self) -> Pool {
        let growing = vec![Growing::default(); self.growing.len()];
        Pool { block: self.block, total: self.total, used: 0, fixed: 0, growing }
    }

    /// All that grow at a rate do so.
    pub fn grow(&mut self, rate: usize, from: u64, to: u64) {
        self.used += self.need(rate, from, to);
        debug_assert!(self.used <= self.total, "more blocks in use than there are");
    }

    fn phase(&self, anchor: i64) -> usize {
        (1 - anchor).rem_euclid(self.block as i64) as usize
    }

    /// Blocks that the growth from `from` to `to` at a rate opens.
    pub fn need(&self, rate: usize, from: u64, to: u64) -> u64 {
        let Growing { phases, count } = &self.growing[rate];
        if *count == 0 {
            return 0;
        }
        let (turns, rest) = ((to - from) / self.block, (to - from) % self.block);
        let mut slot = from % self.block;
        let mut opened = turns * count;
        for _ in 0..rest {
            slot = if slot + 1 == self.block { 0 } else { slot + 1 };
            opened += u64::from(phases[slot as usize]);
        }
        opened
    }

    /// The largest growth at the only rate, at most `most`, that the free blocks allow.
    pub fn room(&self, from: u64, most: u64) -> u64 {
        let mut free = self.free();
        let Growing { phases, count } = &self.growing[0];
        if *count == 0 || count * (most / self.block + 1) <= free {
            return most;
        }
        let turns = free / count;
        free -= turns * count;
        let mut grown = turns * self.block;
        while grown < most {
            let opens = u64::from(phases[((from + grown + 1) % self.block) as usize]);
            if opens > free {
                break;
            }
            free -= opens;
            grown += 1;
        }
        grown.min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn phases_count_what_single_requests_open(
            requests in prop::collection::vec((1u64..500, 0u64..100), 1..20),
            start in 100u64..200,
            growth in 0u64..300,
            spare in 0u64..200,
            block in 1u32..33,
        ) {
            let mut pool = Pool::new(1 << 30, block, 1);
            let blocks = |growth: u64| -> u64 {
                requests.iter().map(|(length, joined)| (length + growth - joined).div_ceil(u64::from(block))).sum()
            };
            for (length, joined) in &requests {
                pool.join(0, *length as i64 - *joined as i64, 0);
            }
            prop_assert_eq!(pool.need(0, start, start + growth), blocks(start + growth) - blocks(start));
            pool.total = spare;
            let room = pool.room(start, growth);
            prop_assert!(blocks(start + room) - blocks(start) <= spare);
            prop_assert!(room == growth || blocks(start + room + 1) - blocks(start) > spare);
        }
    }
}
