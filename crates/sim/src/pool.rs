//! The KV cache of a rank: blocks of a fixed number of tokens.
//!
//! All decoding requests of a rank grow together. A request opens a block whenever its length passes a multiple of the
//! block size, so what counts is at which phase of the rank's growth it does so: a histogram of phases gives the
//! blocks that any stretch of growth takes, without a look at single requests.

#[derive(Debug, Clone)]
pub(crate) struct Pool {
    block: u64,
    total: u64,
    used: u64,
    /// Blocks in use that belong to requests that do not grow.
    fixed: u64,
    /// Number of growing requests that open a block when the growth is this modulo the block size; empty until one grows.
    phases: Vec<u32>,
    growing: u64,
}

impl Pool {
    pub fn new(tokens: u64, block: u32) -> Pool {
        let block = u64::from(block);
        Pool { block, total: tokens / block, used: 0, fixed: 0, phases: Vec::new(), growing: 0 }
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

    /// A request that holds these blocks begins to grow; its length is `anchor` plus the growth of the rank.
    pub fn join(&mut self, anchor: i64, blocks: u64) {
        self.phases.resize(self.block as usize, 0);
        let phase = self.phase(anchor);
        self.phases[phase] += 1;
        self.growing += 1;
        self.fixed -= blocks;
    }

    /// A request no longer grows and gives back all it holds at this growth, but for the blocks that it shares.
    pub fn leave(&mut self, anchor: i64, growth: u64, shared: u64) {
        let phase = self.phase(anchor);
        debug_assert!(self.phases[phase] > 0);
        self.phases[phase] -= 1;
        self.growing -= 1;
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
        Pool { block: self.block, total: self.total, used: 0, fixed: 0, phases: Vec::new(), growing: 0 }
    }

    /// All that grow do so.
    pub fn grow(&mut self, from: u64, to: u64) {
        self.used += self.need(from, to);
        debug_assert!(self.used <= self.total, "more blocks in use than there are");
    }

    fn phase(&self, anchor: i64) -> usize {
        (1 - anchor).rem_euclid(self.block as i64) as usize
    }

    /// Blocks that the growth from `from` to `to` opens.
    pub fn need(&self, from: u64, to: u64) -> u64 {
        if self.growing == 0 {
            return 0;
        }
        let (turns, rest) = ((to - from) / self.block, (to - from) % self.block);
        let mut slot = from % self.block;
        let mut opened = turns * self.growing;
        for _ in 0..rest {
            slot = if slot + 1 == self.block { 0 } else { slot + 1 };
            opened += u64::from(self.phases[slot as usize]);
        }
        opened
    }

    /// The largest growth, at most `most`, that the free blocks allow.
    pub fn room(&self, from: u64, most: u64) -> u64 {
        let mut free = self.free();
        if self.growing == 0 || self.growing * (most / self.block + 1) <= free {
            return most;
        }
        let turns = free / self.growing;
        free -= turns * self.growing;
        let mut grown = turns * self.block;
        while grown < most {
            let opens = u64::from(self.phases[((from + grown + 1) % self.block) as usize]);
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
            let mut pool = Pool::new(1 << 30, block);
            let blocks = |growth: u64| -> u64 {
                requests.iter().map(|(length, joined)| (length + growth - joined).div_ceil(u64::from(block))).sum()
            };
            for (length, joined) in &requests {
                pool.join(*length as i64 - *joined as i64, 0);
            }
            prop_assert_eq!(pool.need(start, start + growth), blocks(start + growth) - blocks(start));
            pool.total = spare;
            let room = pool.room(start, growth);
            prop_assert!(blocks(start + room) - blocks(start) <= spare);
            prop_assert!(room == growth || blocks(start + room + 1) - blocks(start) > spare);
        }
    }
}
