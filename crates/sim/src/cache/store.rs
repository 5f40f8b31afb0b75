//! A set of blocks by name, those that nobody holds in order of when they were left.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Names are small numbers: one multiplication spreads them.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = (self.0 << 8) | u64::from(*byte));
    }
    fn write_u32(&mut self, name: u32) {
        let spread = u64::from(name).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = spread ^ (spread >> 32);
    }
}

type ByName<T> = HashMap<u32, T, BuildHasherDefault<Spread>>;

const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Slot {
    name: u32,
    held: u32,
    older: u32,
    newer: u32,
}

/// A set of blocks; those that nobody holds in order of when they were left.
#[derive(Debug, Clone)]
pub(super) struct Store {
    index: ByName<u32>,
    slots: Vec<Slot>,
    vacant: Vec<u32>,
    oldest: u32,
    newest: u32,
    pub idle: u64,
}

impl Store {
    pub fn new() -> Store {
        Store { index: ByName::default(), slots: Vec::new(), vacant: Vec::new(), oldest: NONE, newest: NONE, idle: 0 }
    }

    /// Blocks that somebody holds.
    pub fn held(&self) -> u64 {
        self.index.len() as u64 - self.idle
    }

    pub fn has(&self, name: u32) -> bool {
        self.index.contains_key(&name)
    }

    pub fn is_idle(&self, name: u32) -> bool {
        self.index.get(&name).is_some_and(|slot| self.slots[*slot as usize].held == 0)
    }

    /// Adds a block at the new end of the idle ones, or moves it there. Tells whether it is new. A held block stays.
    pub fn leave(&mut self, name: u32) -> bool {
        if let Some(&slot) = self.index.get(&name) {
            if self.slots[slot as usize].held == 0 {
                self.unlink(slot);
                self.link(slot);
            }
            return false;
        }
        let slot = self.add(name);
        self.link(slot);
        true
    }

    /// Holds a block, which may be new. Tells whether it was there, and whether it was idle.
    pub fn hold(&mut self, name: u32) -> (bool, bool) {
        let (slot, there) = match self.index.get(&name) {
            Some(&slot) => (slot, true),
            None => (self.add(name), false),
        };
        let idle = there && self.slots[slot as usize].held == 0;
        if idle {
            self.unlink(slot);
        }
        self.slots[slot as usize].held += 1;
        (there, idle)
    }

    /// Lets a held block go. Tells whether nobody holds it any more.
    pub fn release(&mut self, name: u32) -> bool {
        let Some(&slot) = self.index.get(&name) else { return false };
        let state = &mut self.slots[slot as usize];
        debug_assert!(state.held > 0, "a block is let go as often as it was held");
        state.held -= 1;
        if state.held > 0 {
            return false;
        }
        self.link(slot);
        true
    }

    /// Removes the block that was left longest ago.
    pub fn evict(&mut self) -> Option<u32> {
        let slot = self.oldest;
        if slot == NONE {
            return None;
        }
        let name = self.slots[slot as usize].name;
        self.unlink(slot);
        self.index.remove(&name);
        self.vacant.push(slot);
        Some(name)
    }

    fn add(&mut self, name: u32) -> u32 {
        let fresh = Slot { name, held: 0, older: NONE, newer: NONE };
        let slot = match self.vacant.pop() {
            Some(slot) => {
                self.slots[slot as usize] = fresh;
                slot
            }
            None => {
                self.slots.push(fresh);
                (self.slots.len() - 1) as u32
            }
        };
        self.index.insert(name, slot);
        slot
    }

    fn link(&mut self, slot: u32) {
        let before = self.newest;
        self.slots[slot as usize].older = before;
        self.slots[slot as usize].newer = NONE;
        match self.slots.get_mut(before as usize) {
            Some(neighbour) => neighbour.newer = slot,
            None => self.oldest = slot,
        }
        self.newest = slot;
        self.idle += 1;
    }

    fn unlink(&mut self, slot: u32) {
        let Slot { older, newer, .. } = self.slots[slot as usize];
        match self.slots.get_mut(older as usize) {
            Some(neighbour) => neighbour.newer = newer,
            None => self.oldest = newer,
        }
        match self.slots.get_mut(newer as usize) {
            Some(neighbour) => neighbour.older = older,
            None => self.newest = older,
        }
        self.idle -= 1;
    }
}
