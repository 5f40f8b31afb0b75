//! Ranks to which nothing happens but that those that decode get on, step after step.
//!
//! In a wide deployment hundreds of ranks step together while something happens to one or two of them. What a step needs
//! to know of the others moves in straight lines, so it is kept apart in a few numbers; the rank itself hears of the
//! steps when something happens to it again. All of it is exact: whole numbers, and the same ones.

use crate::curve::{Cell, Curves, UNIT_BITS};
use crate::error::SimError;
use crate::job::Job;
use crate::rules::Rules;
use crate::time::Fine;

use super::Rank;
use cost::StepCost;

/// What a still rank does in each step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Still {
    /// Requests that decode; where there are none, the rank idles.
    pub decode: u64,
    /// Tokens that a step of them gives, in units.
    pub emits: u64,
    /// Tokens in their cache, in units.
    pub cached: u64,
    /// Tokens of blocks that do not grow, in units.
    fixed: u64,
    /// Whether the cache is in use for what grows.
    grows: bool,
    /// Steps until something happens by itself: a request is done, or the cache is full.
    pub left: u64,
    /// Steps that the rank has not heard of.
    passed: u64,
    /// What the host needs for a step of this rank.
    pub host: Fine,
    cell: Option<Cell>,
}

impl Still {
    /// The stretch of step times that this rank is on after `steps` more.
    pub fn cell<C: StepCost>(&mut self, steps: u64, curves: &mut Curves<'_, C>) -> Result<Cell, SimError> {
        let cached = self.cached + self.emits * steps;
        if let Some(cell) = self.cell.filter(|cell| (cell.low..cell.high).contains(&cached)) {
            return Ok(cell);
        }
        Ok(*self.cell.insert(curves.cell(self.decode, cached)?))
    }

    /// Tokens for which the cache is in use, in units, summed over the coming steps.
    pub fn held(&self, steps: u64) -> u128 {
        let steps = u128::from(steps);
        let fixed = steps * u128::from(self.fixed);
        if !self.grows {
            return fixed;
        }
        fixed + steps * u128::from(self.cached) + u128::from(self.emits) * (steps * (steps - 1) / 2)
    }

    /// So many steps are over, fewer than are left.
    pub fn pass(&mut self, steps: u64) {
        if self.decode > 0 {
            self.passed += steps;
            self.left -= steps;
            self.cached += self.emits * steps;
        }
    }
}

impl Rank {
    /// What this rank does from the step on that was just formed, where nothing else happens to it: nobody computes a
    /// prompt, and whoever waits does so until something ends.
    pub fn still(&mut self, jobs: &[Job], rules: &Rules) -> Option<Still> {
        let quiet = self.prefilling.is_empty() && self.chunks.is_empty() && self.landed.is_empty() && !self.retry;
        if !quiet || self.decodes != (self.decoding > 0) {
            return None;
        }
        Some(Still {
            decode: self.decoding,
            emits: self.emits(rules),
            cached: self.cached(rules),
            fixed: self.pool.fixed_tokens() << UNIT_BITS,
            grows: rules.grows(),
            left: self.limit(jobs, rules),
            passed: 0,
            host: rules.host.time(self.decoding, 0),
            cell: None,
        })
    }

    /// Something happens to the rank: it hears of the steps that passed.
    pub fn wake(&mut self, still: &Still, rules: &Rules) {
        if still.passed > 0 {
            self.advance(still.passed, rules);
        }
    }

    /// As [`Rank::probe`] of a rank that may be still.
    pub fn probe_still(&self, steps: u64, still: Option<&Still>, rules: &Rules) -> [u64; 4] {
        self.probe(steps + still.map_or(0, |still| still.passed), rules)
    }
}
