//! What orders cost in a scenario: exactly, or at least so much.
//!
//! A part's cost as a function of its fixed columns is convex, and every solution of its dual programme is a plane below
//! it, whatever these columns are: once a few are known, most changes of an order are seen not to pay without solving
//! anything. What is solved is remembered, and made small first: where nothing of an offer stands, nothing of it works.

use std::collections::HashMap;

use super::super::program::{Program, Reduced};
use super::super::solver::{by_dual, exact_microlp};
use super::super::watch::Watch;
use super::{Cut, Part, State, sum};

/// Planes that are kept of a part, the latest.
const PLANES: usize = 32;

/// The parts of a scenario's programme at what fixed columns add to their rows.
type At = (usize, Vec<u64>);

/// What is known of the parts of a scenario.
#[derive(Debug, Default)]
pub struct Memory {
    /// What parts cost; `None` if their rows cannot hold.
    costs: HashMap<At, Option<f64>>,
    /// Amounts of their columns.
    amounts: HashMap<At, Vec<f64>>,
    planes: HashMap<usize, Vec<Plane>>,
}

/// A part costs at least `level` less the sum of `slope` times what its fixed columns add to its rows.
#[derive(Debug)]
struct Plane {
    level: f64,
    slope: Vec<f64>,
}

impl Plane {
    fn at(&self, shift: &[f64]) -> f64 {
        self.level - self.slope.iter().zip(shift).map(|(y, x)| y * x).sum::<f64>()
    }
}

/// What a scenario costs: at least `cost`, and exactly that when no part is open.
pub(super) struct Estimate {
    pub cost: f64,
    /// What fixed columns add to the rows of each part.
    shifts: Vec<Vec<f64>>,
    /// Parts that are not solved, with what is counted for them.
    open: Vec<(usize, f64)>,
}

impl Estimate {
    pub(super) fn is_exact(&self) -> bool {
        self.open.is_empty()
    }
}

fn key(part: usize, shift: &[f64]) -> At {
    (part, shift.iter().map(|x| x.to_bits()).collect())
}

impl Cut<'_> {
    /// Makes a change if the scenario costs less than `than` with it; else leaves everything as it was.
    pub(super) fn change(
        &self,
        s: usize,
        state: &mut State,
        by: &[(usize, f64)],
        than: f64,
        memory: &mut Memory,
    ) -> bool {
        by.iter().for_each(|&(c, x)| state.values[c] += x);
        let found = self.estimate(s, &mut state.values, memory).and_then(|mut estimate| {
            while estimate.cost < than && self.learn(s, &mut estimate, memory)? {}
            (estimate.cost < than).then_some(estimate)
        });
        match found {
            Some(estimate) => {
                state.cost = estimate.cost;
                true
            }
            None => {
                by.iter().for_each(|&(c, x)| state.values[c] -= x);
                self.settle(s, &mut state.values);
                false
            }
        }
    }

    /// What a scenario costs at least; settles what stands. `None` if a row on orders alone does not hold.
    pub(super) fn estimate(&self, s: usize, values: &mut [f64], memory: &Memory) -> Option<Estimate> {
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
        let mut out = Estimate { cost: sum(&lane.charges, values), shifts: Vec::new(), open: Vec::new() };
        for (p, part) in lane.parts.iter().enumerate() {
            let shift: Vec<f64> = part.rows.iter().map(|r| sum(&r.fixed, values)).collect();
            match memory.costs.get(&key(p, &shift)) {
                Some(cost) => out.cost += (*cost)?,
                None => {
                    let planes = memory.planes.get(&p).map_or(&[][..], Vec::as_slice);
                    // No cost of a part is below 0.
                    let least = planes.iter().map(|plane| plane.at(&shift)).fold(0.0, f64::max);
                    out.cost += least;
                    out.open.push((p, least));
                }
            }
            out.shifts.push(shift);
        }
        Some(out)
    }

    /// Solves the next open part. Says whether there was one; `None` if its rows cannot hold.
    pub(super) fn learn(&self, s: usize, estimate: &mut Estimate, memory: &mut Memory) -> Option<bool> {
        let Some((p, counted)) = estimate.open.pop() else { return Some(false) };
        let shift = &estimate.shifts[p];
        let reduced = self.of_part(&self.lanes[s].parts[p], shift).reduced();
        // The dual programme's optimum is the cost.
        let plane = by_dual(&reduced.program).ok().map(|y| plane(&reduced, shift, &y));
        let cost = plane.as_ref().map(|plane| plane.at(shift));
        if let Some(plane) = plane {
            let planes = memory.planes.entry(p).or_default();
            if planes.len() == PLANES {
                planes.remove(0);
            }
            planes.push(plane);
        }
        memory.costs.insert(key(p, shift), cost);
        estimate.cost += cost? - counted;
        Some(true)
    }

    /// Fills in what works and what is left, at orders whose cost is known. Says whether that could be found.
    pub(super) fn fill(&self, s: usize, values: &mut [f64], memory: &mut Memory) -> bool {
        for (p, part) in self.lanes[s].parts.iter().enumerate() {
            let shift: Vec<f64> = part.rows.iter().map(|r| sum(&r.fixed, values)).collect();
            let key = key(p, &shift);
            if !memory.amounts.contains_key(&key) {
                let reduced = self.of_part(part, &shift).reduced();
                let Ok(solved) = exact_microlp(&reduced.program, 0, None, &Watch::NOBODY) else { return false };
                memory.amounts.insert(key.clone(), reduced.amounts(&solved.values));
            }
            part.columns.iter().zip(&memory.amounts[&key]).for_each(|(&c, &x)| values[c] = x);
        }
        true
    }

    /// Cost of a scenario with these orders; fills in what stands and what works. `None` if a row cannot hold.
    pub(super) fn evaluate(&self, s: usize, values: &mut [f64], memory: &mut Memory) -> Option<f64> {
        let mut estimate = self.estimate(s, values, memory)?;
        while self.learn(s, &mut estimate, memory)? {}
        self.fill(s, values, memory).then_some(estimate.cost)
    }

    fn of_part(&self, part: &Part, shift: &[f64]) -> Program {
        let mut program = Program::default();
        for &c in &part.columns {
            let column = program.column(self.cost[c]);
            program.columns[column].upper = self.program.columns[c].upper;
        }
        for (row, shift) in part.rows.iter().zip(shift) {
            program.row(row.free.clone(), row.low - shift, row.high - shift);
        }
        program
    }
}

/// The plane of a dual solution `y` of a part's reduced programme, whose rows' bounds are those of the part less `shift`.
fn plane(reduced: &Reduced, shift: &[f64], y: &[f64]) -> Plane {
    let slope = reduced.worth(y);
    let program = &reduced.whole;
    let mut spare: Vec<f64> = program.columns.iter().map(|c| -c.cost).collect();
    let mut level = 0.0;
    for ((row, y), shift) in program.rows.iter().zip(&slope).zip(shift) {
        if *y != 0.0 {
            level += y * (if *y > 0.0 { row.low } else { row.high } + shift);
        }
        row.terms.iter().for_each(|&(c, a)| spare[c] += a * y);
    }
    for (column, spare) in program.columns.iter().zip(spare) {
        // What is left where a column has no bound is rounding of the solver.
        if spare > 0.0 && column.upper.is_finite() {
            level -= spare * column.upper;
        }
    }
    Plane { level, slope }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_touches_where_it_was_found_and_is_below_elsewhere() {
        // 10 of work: x costs 1 and at most `stands` of it work, the rest costs 5.
        let at = |stands: f64| {
            let mut p = Program::default();
            let (x, rest) = (p.column(1.0), p.column(5.0));
            p.columns[rest].upper = 20.0;
            p.at_least(vec![(x, 1.0), (rest, 1.0)], 10.0);
            p.at_most(vec![(x, 1.0)], stands);
            p
        };
        let cost = |stands: f64| exact_microlp(&at(stands), 0, None, &Watch::NOBODY).expect("feasible").cost;
        // The row of what stands is `x - stands <= 0`: what fixed columns add to it is `-stands`.
        let found = |stands: f64| {
            let reduced = at(stands).reduced();
            plane(&reduced, &[0.0, -stands], &by_dual(&reduced.program).expect("feasible"))
        };
        for here in [0.0, 4.0, 12.0] {
            let plane = found(here);
            assert!((plane.at(&[0.0, -here]) - cost(here)).abs() < 1e-9);
            for there in [0.0, 3.0, 8.0, 10.0, 15.0] {
                assert!(plane.at(&[0.0, -there]) <= cost(there) + 1e-9, "{here} {there}");
            }
        }
        // 4 stand: 4 + 6 x 5; one more saves 4. So it does where none stands and its row is left out of what is solved.
        assert!((found(0.0).at(&[0.0, -5.0]) - 30.0).abs() < 1e-9);
        assert!((found(4.0).at(&[0.0, -5.0]) - 30.0).abs() < 1e-9);
    }
}
