//! Whole units from a relaxed solution.
//!
//! Once orders are fixed, the rest of the programme falls apart: what works on what in one quarter of one scenario does
//! not touch another quarter. Each such part is a small linear programme, solved exactly and remembered, so that a
//! change of one order costs only the parts that it reaches. Orders start at the relaxed amounts rounded up and then
//! improve by single changes: one fewer, one later, one of another offer. How far the result can be from the best is
//! known from the relaxed cost.

use super::formulate::Model;
use super::watch::Watch;

mod cut;
mod improve;
mod start;
mod value;

pub use cut::{Cut, Part, PartRow};
use start::{active, start};
use value::Estimate;
pub use value::Memory;

/// How scenarios add up to what is minimised.
#[derive(Debug, Clone, PartialEq)]
pub enum Total {
    /// Mean by weight.
    Mean(Vec<f64>),
    /// The largest, after these have been taken off.
    Worst(Vec<f64>),
}

impl Total {
    fn of(&self, costs: &[f64]) -> f64 {
        match self {
            Total::Mean(weights) => costs.iter().zip(weights).map(|(c, w)| c * w).sum(),
            Total::Worst(less) => costs.iter().zip(less).map(|(c, l)| c - l).fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

/// A scenario under search.
struct State {
    values: Vec<f64>,
    cost: f64,
}

/// How much dearer demand that must be served is here than in the relaxed programme.
const MUST: f64 = 1e4;
/// Smallest improvement that counts, relative to the cost.
const STEP: f64 = 1e-7;
/// Rounds over all single changes.
const ROUNDS: usize = 4;

impl Cut<'_> {
    /// Nothing known of any scenario.
    pub fn memories(&self) -> Vec<Memory> {
        self.lanes.iter().map(|_| Memory::default()).collect()
    }

    /// Whole units near a relaxed solution. `total` says what is minimised; what is learnt stays in `memories`. Gives all
    /// columns and the cost. Ends early if it is called off.
    pub fn round<'m>(
        &self,
        relaxed: &[f64],
        total: &Total,
        model: &Model,
        memories: &'m mut [Memory],
        watch: &Watch,
    ) -> Option<(Vec<f64>, f64)> {
        use rayon::prelude::*;
        let mut values = start(relaxed, model, self.program);
        self.repair(&mut values, relaxed);
        let active = active(relaxed, model, &values);
        let begin = |(s, memory): (usize, &'m mut Memory)| {
            let mut values = values.clone();
            let cost = self.evaluate(s, &mut values, memory)?;
            Some((State { values, cost }, memory))
        };
        let mut lanes: Vec<improve::Found<'_>> =
            memories.par_iter_mut().enumerate().map(begin).collect::<Option<_>>()?;
        for _ in 0..2 {
            lanes.par_iter_mut().enumerate().for_each(|(s, l)| self.improve(s, &mut l.0, &active, l.1, watch));
            if !self.improve_shared(&mut lanes, total, &active, watch) {
                break;
            }
        }
        if !lanes.iter_mut().enumerate().all(|(s, l)| self.fill(s, &mut l.0.values, l.1)) {
            return None;
        }
        let costs: Vec<f64> = lanes.iter().map(|l| l.0.cost).collect();
        for (s, (state, _)) in lanes.iter().enumerate() {
            let lane = &self.lanes[s];
            let own = lane.parts.iter().flat_map(|p| p.columns.iter().copied());
            let own = own.chain(lane.stands.iter().map(|x| x.1)).chain(lane.orders.iter().map(|x| x.0));
            own.for_each(|c| values[c] = state.values[c]);
            self.shared.iter().for_each(|x| values[x.0] = state.values[x.0]);
        }
        Some((values, total.of(&costs)))
    }

    /// Takes units back until rows on orders alone hold, first where rounding added most.
    fn repair(&self, values: &mut [f64], relaxed: &[f64]) {
        for _ in 0..10_000 {
            self.settle_all(values);
            let broken = self.lanes.iter().flat_map(|l| &l.hard).find(|&&i| {
                let row = &self.program.rows[i];
                sum(&row.terms, values) > row.high + 1e-6
            });
            let Some(&row) = broken else { return };
            // Orders that feed the row, by themselves or through what stands.
            let orders = self.shared.iter().chain(self.lanes.iter().flat_map(|l| &l.orders));
            let feeds = |c: usize, values: &[f64]| {
                let mut less = values.to_vec();
                less[c] -= 1.0;
                self.settle_all(&mut less);
                let terms = &self.program.rows[row].terms;
                sum(terms, &less) < sum(terms, values) - 1e-9
            };
            let most = orders
                .filter(|x| values[x.0] >= 1.0)
                .map(|x| (values[x.0] - relaxed[x.0], x.0))
                .filter(|x| feeds(x.1, values))
                .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
            let Some((_, column)) = most else { return };
            values[column] -= 1.0;
        }
    }

    fn settle_all(&self, values: &mut [f64]) {
        (0..self.lanes.len()).for_each(|s| self.settle(s, values));
    }

    /// Units that stand, from orders.
    fn settle(&self, s: usize, values: &mut [f64]) {
        for &(row, column) in &self.lanes[s].stands {
            let others = &self.program.rows[row].terms;
            let others = &others[..others.len() - 1];
            values[column] = -sum(others, values);
        }
    }
}

fn sum(terms: &[(usize, f64)], values: &[f64]) -> f64 {
    terms.iter().map(|&(c, a)| a * values[c]).sum()
}
