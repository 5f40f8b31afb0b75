//! The smallest or cheapest fleet that meets the levels, and the best split of the work.
//!
//! Sizes of pools are looked for one after the other, each by bisection with the others as they are: first all pools grow
//! together until the levels are met, then each is made as small as it can be. More replicas never serve worse as far as
//! the search assumes; a fleet at its largest that still misses the levels ends the search.

use std::collections::BTreeMap;

use super::ReplayError;
use super::findings::Trial;
use super::study::{Best, ReplayStudy, SearchAsked};

/// The fleet that was found, and all that were tried.
#[derive(Debug, Clone)]
pub struct Found {
    /// Whether it meets the levels.
    pub met: bool,
    /// Replicas of each pool.
    pub sizes: Vec<u32>,
    /// Prompt tokens up to which the first rule holds.
    pub split: Option<u32>,
    /// Every fleet that was tried.
    pub trials: Vec<Trial>,
}

/// Whether a fleet meets the levels and how well it serves, and what it costs.
type Play<'p> = dyn FnMut(&[u32], Option<u32>) -> Result<((bool, f64), Option<f64>), ReplayError> + 'p;

struct Search<'s, 'p> {
    asked: &'s SearchAsked,
    study: &'s ReplayStudy,
    play: &'s mut Play<'p>,
    known: BTreeMap<(Option<u32>, Vec<u32>), usize>,
    trials: Vec<Trial>,
}

/// Looks for the best fleet.
///
/// # Errors
/// As those of the replays.
pub fn search(asked: &SearchAsked, study: &ReplayStudy, play: &mut Play<'_>) -> Result<Found, ReplayError> {
    let mut search = Search { asked, study, play, known: BTreeMap::new(), trials: Vec::new() };
    let splits: Vec<Option<u32>> =
        if asked.split.is_empty() { vec![None] } else { asked.split.iter().map(|s| Some(*s)).collect() };
    let mut best: Option<usize> = None;
    for split in splits {
        let found = search.sizes(split)?;
        let better = match best {
            None => true,
            Some(best) => search.better(found, best),
        };
        if better {
            best = Some(found);
        }
    }
    let trials = search.trials;
    let Some(best) = best.map(|best| trials[best].clone()) else {
        return Err(ReplayError::Study("the search has nothing to try".into()));
    };
    Ok(Found { met: best.meets, sizes: best.sizes, split: best.split, trials })
}

impl Search<'_, '_> {
    fn try_out(&mut self, sizes: &[u32], split: Option<u32>) -> Result<usize, ReplayError> {
        let key = (split, sizes.to_vec());
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let ((levels, goodput), cost) = (self.play)(sizes, split)?;
        let chips = sizes.iter().zip(&self.study.pools).map(|(size, pool)| size * pool.chips).sum();
        let meets = levels && goodput >= self.asked.goodput;
        self.trials.push(Trial { sizes: sizes.to_vec(), split, chips, cost, meets, goodput });
        self.known.insert(key, self.trials.len() - 1);
        Ok(self.trials.len() - 1)
    }

    /// The best sizes for one split.
    fn sizes(&mut self, split: Option<u32>) -> Result<usize, ReplayError> {
        let mut sizes: Vec<u32> = self.study.pools.iter().map(|pool| pool.replicas).collect();
        let at = |sizes: &mut Vec<u32>, asked: &SearchAsked, size: u32| {
            asked.pools.iter().for_each(|(pool, most)| sizes[*pool] = size.min(*most));
        };
        // All together: 1, 2, 4... until the levels are met.
        let most = self.asked.pools.iter().map(|(_, most)| *most).max().unwrap_or(1);
        let mut size = 1;
        loop {
            at(&mut sizes, self.asked, size);
            let found = self.try_out(&sizes, split)?;
            if self.trials[found].meets {
                break;
            }
            if size >= most {
                return Ok(found);
            }
            size = size.saturating_mul(2).min(most);
        }
        // Then each by itself, the dearest first: what it saves is worth the most.
        let mut order: Vec<usize> = self.asked.pools.iter().map(|(pool, _)| *pool).collect();
        order.sort_by_key(|pool| std::cmp::Reverse(self.study.pools[*pool].chips));
        for pool in order {
            let (mut low, mut high) = (1, sizes[pool]);
            while low < high {
                let middle = low + (high - low) / 2;
                sizes[pool] = middle;
                let found = self.try_out(&sizes, split)?;
                if self.trials[found].meets { high = middle } else { low = middle + 1 }
            }
            sizes[pool] = high;
        }
        self.try_out(&sizes, split)
    }

    fn better(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.trials[a], &self.trials[b]);
        if a.meets != b.meets || !a.meets {
            return (a.meets, a.goodput) > (b.meets, b.goodput);
        }
        match (self.asked.best, a.cost, b.cost) {
            (Best::Cost, Some(a), Some(b)) => a < b,
            _ => a.chips < b.chips,
        }
    }
}
