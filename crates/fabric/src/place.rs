//! Which chip each rank is on. A rank is a chip here.

use std::collections::BTreeMap;

use thiserror::Error;

/// Chips of the ranks, by rank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Chip of each rank; none twice.
    pub chips: Vec<u32>,
}

/// Why ranks cannot be placed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlaceError {
    /// More ranks than chips.
    #[error("{ranks} ranks do not fit on {chips} chips")]
    TooMany {
        /// Ranks to place.
        ranks: u64,
        /// Chips there are.
        chips: u32,
    },
    /// A chip that does not exist.
    #[error("rank {rank} is on chip {chip}, but chips go from 0 to {last}")]
    NoChip {
        /// The rank.
        rank: usize,
        /// Its chip.
        chip: u32,
        /// Highest chip.
        last: u32,
    },
    /// One chip for two ranks.
    #[error("ranks {first} and {second} are both on chip {chip}")]
    Twice {
        /// The one.
        first: usize,
        /// The other.
        second: usize,
        /// Their chip.
        chip: u32,
    },
    /// Not a number.
    #[error("line {line}: '{text}' is no chip; write one chip number a line, in the order of ranks")]
    NotANumber {
        /// Line from 1.
        line: usize,
        /// What is there.
        text: String,
    },
    /// Nothing to place.
    #[error("at least {least} ranks are needed, not {ranks}")]
    TooFew {
        /// Ranks given.
        ranks: usize,
        /// Ranks needed.
        least: usize,
    },
}

impl Placement {
    /// One chip after the other.
    pub fn packed(ranks: u32) -> Placement {
        Placement { chips: (0..ranks).collect() }
    }

    /// As far apart as can be: one rank to each innermost domain of `domain` chips in turn.
    ///
    /// # Errors
    /// More ranks than chips.
    pub fn spread(ranks: u32, chips: u32, domain: u32) -> Result<Placement, PlaceError> {
        if ranks > chips {
            return Err(PlaceError::TooMany { ranks: u64::from(ranks), chips });
        }
        let domain = domain.clamp(1, chips.max(1));
        let mut all: Vec<u32> = (0..chips).collect();
        // First chips of all domains, then second ones; neighbours in rank are neighbours in place.
        all.sort_by_key(|c| (c % domain, c / domain));
        all.truncate(ranks as usize);
        let domains = chips.div_ceil(domain);
        if ranks <= domains {
            // Few ranks over many domains: leave equal gaps.
            all = (0..ranks).map(|r| (u64::from(r) * u64::from(domains) / u64::from(ranks)) as u32 * domain).collect();
        } else {
            all.sort_unstable();
        }
        Ok(Placement { chips: all })
    }

    /// From the text of a file: one chip number a line, in the order of ranks; empty lines and what follows a `#` are left
    /// out.
    ///
    /// # Errors
    /// The first line that is no number.
    pub fn parse(text: &str) -> Result<Placement, PlaceError> {
        let mut chips = Vec::new();
        for (line, written) in text.lines().enumerate() {
            let word = written.split('#').next().unwrap_or_default().trim();
            if word.is_empty() {
                continue;
            }
            let short: String = word.chars().filter(|c| !c.is_control()).take(40).collect();
            chips.push(word.parse().map_err(|_| PlaceError::NotANumber { line: line + 1, text: short })?);
        }
        Ok(Placement { chips })
    }

    /// Checks that every chip exists and none is taken twice.
    ///
    /// # Errors
    /// The first that is not so.
    pub fn check(&self, chips: u32) -> Result<(), PlaceError> {
        let mut taken = BTreeMap::new();
        for (rank, &chip) in self.chips.iter().enumerate() {
            if chip >= chips {
                return Err(PlaceError::NoChip { rank, chip, last: chips.saturating_sub(1) });
            }
            if let Some(first) = taken.insert(chip, rank) {
                return Err(PlaceError::Twice { first, second: rank, chip });
            }
        }
        Ok(())
    }

    /// How many ranks.
    pub fn len(&self) -> usize {
        self.chips.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.chips.is_empty()
    }

    /// Whether rank `r` is on chip `r`.
    pub fn is_packed(&self) -> bool {
        self.chips.iter().enumerate().all(|(rank, &chip)| rank as u32 == chip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_and_spread() {
        assert_eq!(Placement::packed(3).chips, [0, 1, 2]);
        assert_eq!(Placement::spread(4, 32, 8).expect("fits").chips, [0, 8, 16, 24]);
        assert_eq!(Placement::spread(2, 32, 8).expect("fits").chips, [0, 16]);
        assert_eq!(Placement::spread(6, 16, 8).expect("fits").chips, [0, 1, 2, 8, 9, 10]);
        assert!(Placement::spread(33, 32, 8).is_err());
    }

    #[test]
    fn files_are_read_and_checked() {
        let placed = Placement::parse("# rack 1\n5\n\n7 # second\n").expect("numbers");
        assert_eq!(placed.chips, [5, 7]);
        assert_eq!(placed.check(8), Ok(()));
        assert_eq!(placed.check(6), Err(PlaceError::NoChip { rank: 1, chip: 7, last: 5 }));
        assert_eq!(
            Placement::parse("1\n1").expect("numbers").check(4),
            Err(PlaceError::Twice { first: 0, second: 1, chip: 1 })
        );
        assert!(Placement::parse("1\nx").unwrap_err().to_string().starts_with("line 2: 'x' is no chip"));
    }
}
