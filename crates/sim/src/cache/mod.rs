//! What a rank remembers of prompts and answers: blocks of the KV cache by content, and the slower tiers behind it.
//!
//! A content block is named after the chained hash of its own tokens and of the block before it, so that two requests share
//! a block only if all tokens before it are equal. A name is therefore enough to find a prefix: there is no tree. Names are
//! numbers in order of first use (`requests`), so that those of one text lie together in memory.
//!
//! Blocks that a running request refers to are *held*; the others are *idle* and live in what the pool has free, the one
//! that was left longest ago first to go. Whatever needs the room evicts them, and an evicted block moves to the host's
//! memory, from there to its disk, and from there away. Tiers keep what they lend: a block that is fetched and evicted
//! again is written once.

mod store;

use std::sync::Arc;

use crate::job::Job;

use store::Store;

/// A slower memory behind the pool.
#[derive(Debug, Clone)]
struct Tier {
    store: Store,
    /// Content blocks that it holds.
    room: u64,
}

/// What of a prompt is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Content blocks in the pool, from the first on.
    pub here: u32,
    /// Of these, idle ones.
    pub idle: u32,
    /// Blocks that follow and are in the host's memory, or on its disk.
    pub tiers: [u32; 2],
}

impl Found {
    /// Blocks that need not be computed.
    pub fn blocks(&self) -> u32 {
        self.here + self.fetched()
    }

    /// Blocks that have to be fetched.
    pub fn fetched(&self) -> u32 {
        self.tiers[0] + self.tiers[1]
    }
}

/// Sums over a rank's life, in content blocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CacheTally {
    /// Looked for, by admitted requests.
    pub asked: u64,
    /// Found in the pool.
    pub hit: u64,
    /// Fetched from the host's memory, from its disk.
    pub fetched: [u64; 2],
    /// Evicted from the pool.
    pub evicted: u64,
    /// Written to the host's memory, to its disk.
    pub written: [u64; 2],
}

/// What the pool of a rank holds by content.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    names: Arc<[u32]>,
    /// Tokens in a content block.
    pub tokens: u64,
    /// Blocks of the pool that it takes.
    pub each: u64,
    store: Store,
    tiers: [Tier; 2],
    pub tally: CacheTally,
    /// What came (`true`) and went since the router was last told; kept only where a router wants to know.
    pub news: Vec<(u32, bool)>,
    tells: bool,
    /// Whether the router is to be told: it is at the end of an admission or of a request only, so that what it knows
    /// does not depend on how runs of steps were cut.
    pub due: bool,
}

impl Cache {
    /// `tiers`: content blocks that the host's memory and its disk hold for this rank.
    pub fn new(names: Arc<[u32]>, tokens: u64, each: u64, tiers: [u64; 2], tells: bool) -> Cache {
        let tier = |room| Tier { store: Store::new(), room };
        Cache {
            names,
            tokens,
            each,
            store: Store::new(),
            tiers: tiers.map(tier),
            tally: CacheTally::default(),
            news: Vec::new(),
            tells,
            due: false,
        }
    }

    /// An empty one alike; what was counted stays.
    pub fn emptied(&self) -> Cache {
        let rooms = [self.tiers[0].room, self.tiers[1].room];
        let mut empty = Cache::new(self.names.clone(), self.tokens, self.each, rooms, self.tells);
        empty.tally = self.tally;
        empty
    }

    fn name(&self, job: &Job, block: u32) -> u32 {
        self.names[(job.content + block) as usize]
    }

    /// Content blocks that a prefix of so many tokens fills, as far as the content is known.
    fn filled(&self, job: &Job, tokens: u64) -> u32 {
        (tokens / self.tokens).min(u64::from(job.known)) as u32
    }

    /// What of a prompt is there. The last token of a prompt is always computed.
    pub fn find(&self, job: &Job) -> Found {
        let most = self.filled(job, job.prompt() - 1);
        let mut found = Found::default();
        while found.here < most && self.store.has(self.name(job, found.here)) {
            found.idle += u32::from(self.store.is_idle(self.name(job, found.here)));
            found.here += 1;
        }
        if self.tiers[0].room > 0 || self.tiers[1].room > 0 {
            while found.blocks() < most {
                let name = self.name(job, found.blocks());
                let Some(tier) = self.tiers.iter().position(|tier| tier.store.has(name)) else { break };
                found.tiers[tier] += 1;
            }
        }
        found
    }

    /// Holds what was found in the pool, for an admitted request.
    pub fn admit(&mut self, job: &mut Job, found: Found) {
        for block in 0..found.here {
            let name = self.name(job, block);
            self.store.hold(name);
        }
        for block in found.here..found.blocks() {
            let name = self.name(job, block);
            self.tiers.iter_mut().for_each(|tier| {
                if tier.store.has(name) {
                    tier.store.leave(name);
                }
            });
        }
        job.entries = found.here;
        let tally = &mut self.tally;
        tally.asked += (job.prompt() - 1) / self.tokens;
        tally.hit += u64::from(found.here);
        for (sum, blocks) in tally.fetched.iter_mut().zip(found.tiers) {
            *sum += u64::from(blocks);
        }
        self.due = true;
    }

    /// The first so many tokens of a request are computed: their blocks become known and held. Gives the number of its
    /// own blocks that became shared, and of those that were there already and are free now.
    pub fn publish(&mut self, job: &mut Job, tokens: u64) -> (u64, u64) {
        let filled = self.filled(job, tokens);
        let (mut shared, mut freed) = (0, 0);
        while job.entries < filled {
            let name = self.name(job, job.entries);
            let (there, idle) = self.store.hold(name);
            if !there {
                self.tell(name, true);
            }
            shared += self.each;
            freed += if there && !idle { self.each } else { 0 };
            job.entries += 1;
            self.due = true;
        }
        (shared, freed)
    }

    /// A request goes and lets go of what it holds; what it leaves in the pool of its answer stays too if it is done.
    /// Gives the blocks that nobody holds any more. The tail is left first: it is of use to the fewest.
    pub fn leave(&mut self, job: &mut Job, stays: Option<u64>) -> u64 {
        if let Some(tokens) = stays {
            for block in (job.entries..self.filled(job, tokens)).rev() {
                let name = self.name(job, block);
                if self.store.leave(name) {
                    self.tell(name, true);
                }
            }
        }
        let entries = job.entries;
        job.entries = 0;
        self.due = true;
        self.let_go(job, entries)
    }

    /// Lets go of the first blocks of a request.
    pub fn let_go(&mut self, job: &Job, entries: u32) -> u64 {
        let mut freed = 0;
        for block in (0..entries).rev() {
            let name = self.name(job, block);
            freed += u64::from(self.store.release(name)) * self.each;
        }
        freed
    }

    /// Evicts until the idle blocks fit into what is free.
    pub fn settle(&mut self, free: u64) {
        while self.store.idle * self.each > free {
            let Some(name) = self.store.evict() else { break };
            self.tally.evicted += 1;
            self.tell(name, false);
            self.demote(name, 0);
        }
    }

    /// Writes an evicted block to a tier, if there is one and it is not there yet.
    fn demote(&mut self, name: u32, place: usize) {
        let Some(tier) = self.tiers.get_mut(place) else { return };
        if tier.room == 0 {
            return self.demote(name, place + 1);
        }
        if tier.store.leave(name) {
            self.tally.written[place] += 1;
        }
        while self.tiers[place].store.idle > self.tiers[place].room {
            let Some(name) = self.tiers[place].store.evict() else { break };
            self.demote(name, place + 1);
        }
    }

    fn tell(&mut self, name: u32, came: bool) {
        if self.tells {
            self.news.push((name, came));
        }
    }

    /// Idle blocks of the pool.
    pub fn idle(&self) -> u64 {
        self.store.idle * self.each
    }

    /// Blocks that are held, each counted once.
    pub fn held(&self) -> u64 {
        self.store.held() * self.each
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(content: u32, known: u32, input: u32) -> Job {
        Job { content, known, ..Job::new(input, 8, 0.0) }
    }

    fn cache(names: &[u32], tiers: [u64; 2]) -> Cache {
        Cache::new(names.into(), 16, 1, tiers, true)
    }

    /// Blocks of 16 tokens named 1, 2, 3 and, for another text that begins alike, 1, 2, 4.
    const TWO: [u32; 6] = [1, 2, 3, 1, 2, 4];

    #[test]
    fn a_prefix_is_found_up_to_the_first_difference() {
        let mut cache = cache(&TWO, [0, 0]);
        let (mut first, second) = (job(0, 3, 48), job(3, 3, 49));
        assert_eq!(cache.find(&first), Found::default());
        assert_eq!(cache.publish(&mut first, 47), (2, 0), "the third block is not full");
        assert_eq!(cache.publish(&mut first, 48), (1, 0));
        assert_eq!(cache.find(&second), Found { here: 2, ..Found::default() });
        assert_eq!(cache.leave(&mut first, None), 3);
        assert_eq!(cache.find(&second), Found { here: 2, idle: 2, ..Found::default() });
        // 48 tokens of prompt: the last one is computed, and with it its block.
        assert_eq!(cache.find(&first).here, 2);
    }

    #[test]
    fn equal_blocks_are_kept_once() {
        let mut cache = cache(&TWO, [0, 0]);
        let (mut first, mut second) = (job(0, 3, 49), job(3, 3, 49));
        assert_eq!(cache.publish(&mut first, 48), (3, 0));
        assert_eq!(cache.publish(&mut second, 48), (3, 2), "two of its own copies are not needed");
        assert_eq!(cache.leave(&mut first, None), 1, "the other two are held by the second request");
        assert_eq!(cache.leave(&mut second, None), 3);
        assert_eq!(cache.idle(), 4);
    }

    #[test]
    fn the_tail_of_what_was_left_longest_ago_goes_first() {
        let mut cache = cache(&TWO, [0, 0]);
        let mut first = job(0, 3, 49);
        cache.publish(&mut first, 48);
        cache.leave(&mut first, None);
        cache.settle(2);
        assert_eq!(cache.find(&first).here, 2);
        assert_eq!(cache.tally.evicted, 1);
        assert_eq!(cache.news, [(1, true), (2, true), (3, true), (3, false)]);
    }

    #[test]
    fn evicted_blocks_go_down_the_tiers_and_are_written_once() {
        let mut cache = cache(&TWO, [1, 8]);
        let mut first = job(0, 3, 49);
        cache.publish(&mut first, 48);
        cache.leave(&mut first, None);
        cache.settle(0);
        // 3, 2, 1 left the pool in this order; the host has room for the last one only.
        assert_eq!(cache.find(&first), Found { tiers: [1, 2], ..Found::default() });
        assert_eq!((cache.tally.evicted, cache.tally.written), (3, [3, 2]));
        let found = cache.find(&first);
        cache.admit(&mut first, found);
        assert_eq!(cache.publish(&mut first, 48), (3, 0));
        cache.leave(&mut first, None);
        cache.settle(0);
        // 3 and 2 come to the host anew and go on to the disk, which has them; so does 1, whose place they take.
        assert_eq!((cache.tally.written, cache.tally.fetched), ([6, 3], [1, 2]));
    }

    #[test]
    fn an_answer_stays_for_the_next_turn() {
        let names = [1, 2, 3, 4];
        let mut cache = cache(&names, [0, 0]);
        let mut first = job(0, 4, 32);
        cache.publish(&mut first, 32);
        assert_eq!(cache.leave(&mut first, Some(63)), 2);
        assert_eq!(cache.idle(), 3, "63 tokens fill three blocks");
        assert_eq!(cache.find(&job(0, 4, 64)).here, 3);
    }
}
