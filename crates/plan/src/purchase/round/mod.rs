//! Whole units from a relaxed solution.
//!
//! Once orders are fixed, the rest of the programme falls apart: what works on what in one quarter of one scenario does
//! not touch another quarter. Each such part is a small linear programme, solved exactly and remembered, so that a
//! change of one order costs only the parts that it reaches. Orders start at the relaxed amounts rounded up and then
//! improve by single changes: one fewer, one later, one of another offer. How far the result can be from the best is
//! known from the relaxed cost.

use std::collections::HashMap;

use super::formulate::Model;
use super::program::Program;
use super::solver::exact_microlp;
use super::watch::Watch;

mod cut;
mod improve;
mod start;

pub use cut::{Cut, Part, PartRow};
use start::{active, start};

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
type Memory = HashMap<(usize, Vec<u64>), Option<(f64, Vec<f64>)>>;

/// A scenario under search.
#[derive(Clone)]
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
    /// Whole units near a relaxed solution. `total` says what is minimised. Gives all columns and the cost. Ends early
    /// if it is called off.
    pub fn round(&self, relaxed: &[f64], total: &Total, model: &Model, watch: &Watch) -> Option<(Vec<f64>, f64)> {
        use rayon::prelude::*;
        let mut values = start(relaxed, model, self.program);
        self.repair(&mut values, relaxed);
        let active = active(relaxed, model, &values);
        let mut lanes: Vec<(State, Memory)> = Vec::new();
        for s in 0..self.lanes.len() {
            let mut memory = Memory::new();
            let mut own = values.clone();
            let cost = self.evaluate(s, &mut own, &mut memory)?;
            lanes.push((State { values: own, cost }, memory));
        }
        for _ in 0..2 {
            lanes = lanes
                .into_par_iter()
                .enumerate()
                .map(|(s, (state, mut memory))| {
                    let state = self.improve(s, state, &active, &mut memory, watch);
                    (state, memory)
                })
                .collect();
            if !self.improve_shared(&mut lanes, total, &active, watch) {
                break;
            }
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

    /// Cost of a scenario with these orders; fills in what stands and what works. `None` if a row cannot hold.
    fn evaluate(&self, s: usize, values: &mut [f64], memory: &mut Memory) -> Option<f64> {
        self.settle(s, values);
        let lane = &self.lanes[s];
        let holds = |&i: &usize| {
            let row = &self.program.rows[i];
            let x = sum(&row.terms, values);
            x <= row.high + 1e-6 && x >= row.low - 1e-6
        };
        if !lane.hard.iter().all(holds) {
            return None;
        }
        let mut cost = sum(&lane.charges, values);
        for (p, part) in lane.parts.iter().enumerate() {
            let shift: Vec<f64> = part.rows.iter().map(|r| sum(&r.fixed, values)).collect();
            let key = (p, shift.iter().map(|x| x.to_bits()).collect());
            let solved = memory.entry(key).or_insert_with(|| self.solve(part, &shift));
            let (of_part, amounts) = solved.as_ref()?;
            cost += of_part;
            part.columns.iter().zip(amounts).for_each(|(&c, &x)| values[c] = x);
        }
        Some(cost)
    }

    fn solve(&self, part: &Part, shift: &[f64]) -> Option<(f64, Vec<f64>)> {
        let mut program = Program::default();
        for &c in &part.columns {
            let column = program.column(self.cost[c]);
            program.columns[column].upper = self.program.columns[c].upper;
        }
        for (row, shift) in part.rows.iter().zip(shift) {
            program.row(row.free.clone(), row.low - shift, row.high - shift);
        }
        let solved = exact_microlp(&program, 0, None, &Watch::NOBODY).ok()?;
        Some((solved.cost, solved.values))
    }
}

fn sum(terms: &[(usize, f64)], values: &[f64]) -> f64 {
    terms.iter().map(|&(c, a)| a * values[c]).sum()
}
