//! What whole units imply, as rows that half units break: the bound of the relaxed programme comes closer to the best plan.
//!
//! In a quarter of a scenario the demand, weighted, is at most what stands times the best that a unit of each offer does
//! for that weight: `sum of c x stands >= demand`. Units come whole, so mixed-integer rounding sharpens the row: with all
//! of it divided by one offer's `c`, coefficients and demand round, and what is left of a demand that is no whole number
//! of units is charged in full. Weights are what the demand is worth in the relaxed plan, and each class of work alone.

use super::program::Program;
use super::round::{Cut, Part};
use super::solver::{Relaxed, Unsolved, relax_with_worth};
use super::watch::Watch;

/// Rounds of new rows.
const ROUNDS: usize = 8;
/// The same of programmes above so many columns, whose relaxed solutions take seconds.
const LARGE: (usize, usize) = (3_000, 3);
/// By how much a row must be broken to be added, as a share of its right side.
const BROKEN: f64 = 1e-3;
/// Smallest rest of the demand, in units, that is worth rounding; and of one less.
const REST: f64 = 0.02;

/// A programme with such rows, solved with half units.
pub struct Sharpened {
    /// Its solution before any of them.
    pub relaxed: Relaxed,
    /// What each row is worth there.
    pub worth: Vec<f64>,
    /// The programme.
    pub program: Program,
    /// Its solution: no whole-number plan is cheaper.
    pub solution: Relaxed,
}

/// Adds rows as long as they raise the cost. `cut` tells the parts of the programme.
///
/// # Errors
/// No amounts meet all limits, the solver failed, or it was called off.
pub fn sharpen(mut program: Program, cut: &Cut, watch: &Watch) -> Result<Sharpened, Unsolved> {
    let (first, first_worth) = relax_with_worth(&program)?;
    let (mut relaxed, mut worth) = (first.clone(), first_worth.clone());
    let rounds = if program.columns.len() > LARGE.0 { LARGE.1 } else { ROUNDS };
    for _ in 0..rounds {
        watch.check()?;
        let parts = cut.lanes.iter().flat_map(|l| &l.parts);
        let rows: Vec<Rounded> = parts.flat_map(|part| of_part(part, &program, &relaxed.values, &worth)).collect();
        if rows.is_empty() {
            break;
        }
        let before = relaxed.cost;
        for row in rows {
            program.at_least(row.terms, row.low);
        }
        (relaxed, worth) = relax_with_worth(&program)?;
        if relaxed.cost - before < 1e-6 * before.abs() {
            break;
        }
    }
    Ok(Sharpened { relaxed: first, worth: first_worth, program, solution: relaxed })
}

/// A row `sum of terms >= low`, broken by `by` of its right side.
struct Rounded {
    terms: Vec<(usize, f64)>,
    low: f64,
    by: f64,
}

/// The most broken row of each weighting of a part.
fn of_part(part: &Part, program: &Program, values: &[f64], worth: &[f64]) -> Vec<Rounded> {
    let demands = part.rows.iter().enumerate().filter(|(_, r)| r.low > 0.0).map(|(i, _)| i);
    let alone = demands.map(|i| (0..part.rows.len()).map(|j| f64::from(u8::from(i == j))).collect());
    let by_worth: Vec<f64> = part.rows.iter().map(|r| worth.get(r.row).copied().unwrap_or(0.0)).collect();
    let weights = std::iter::once(by_worth).chain(alone);
    weights.filter_map(|weight| broken(&surrogate(part, program, &weight), program, values)).collect()
}

/// `sum of whole + sum of rest >= low`, the second of columns of any amount.
struct Surrogate {
    whole: Vec<(usize, f64)>,
    rest: Vec<(usize, f64)>,
    low: f64,
}

/// The rows of a part added up by weight, with what works replaced by what stands.
fn surrogate(part: &Part, program: &Program, weight: &[f64]) -> Surrogate {
    let mut free = vec![0.0; part.columns.len()];
    let mut out = Surrogate { whole: Vec::new(), rest: Vec::new(), low: 0.0 };
    let stands = |r: &super::round::PartRow| match r.fixed[..] {
        [(column, -1.0)] if r.high == 0.0 && r.free.iter().all(|f| f.1 == 1.0) => Some(column),
        _ => None,
    };
    for (row, &weight) in part.rows.iter().zip(weight) {
        if stands(row).is_some() {
            continue;
        }
        // Only the side of the row that the weight is of.
        let bound = if weight > 0.0 { row.low } else { row.high };
        if weight == 0.0 || !bound.is_finite() {
            continue;
        }
        out.low += weight * bound;
        row.free.iter().for_each(|&(c, a)| free[c] += weight * a);
        out.whole.extend(row.fixed.iter().map(|&(c, a)| (c, weight * a)));
    }
    for row in &part.rows {
        let Some(column) = stands(row) else { continue };
        let best = row.free.iter().map(|&(c, _)| free[c]).fold(0.0, f64::max);
        row.free.iter().for_each(|&(c, _)| free[c] = 0.0);
        if best > 0.0 {
            out.whole.push((column, best));
        }
    }
    for (&column, a) in part.columns.iter().zip(free) {
        if a > 0.0 && program.columns[column].upper > 0.0 {
            out.rest.push((column, a));
        }
    }
    out.whole.sort_by_key(|w| w.0);
    out.whole.dedup_by(|b, a| {
        a.0 == b.0 && {
            a.1 += b.1;
            true
        }
    });
    out
}

/// The rounding of a row that is broken most, over the units that it may be counted in.
fn broken(row: &Surrogate, program: &Program, values: &[f64]) -> Option<Rounded> {
    if row.low <= 1e-9 {
        return None;
    }
    let used = row.whole.iter().filter(|w| w.1 > 1e-9 && values[w.0] > 1e-6);
    let rounded = used.filter_map(|w| round(row, w.1, values));
    let most = rounded.filter(|r| r.by > BROKEN).max_by(|a, b| a.by.total_cmp(&b.by))?;
    debug_assert!(most.terms.iter().all(|t| t.0 < program.columns.len()));
    Some(most)
}

/// Mixed-integer rounding of a row counted in `unit`s.
fn round(row: &Surrogate, unit: f64, values: &[f64]) -> Option<Rounded> {
    let low = row.low / unit;
    let rest = low - low.floor();
    if !(REST..=1.0 - REST).contains(&rest) {
        return None;
    }
    let whole = |a: f64| {
        let a = a / unit;
        // What is a whole number but for the last digits is one.
        let near = a.round();
        if (a - near).abs() < 1e-9 { near } else { a.floor() + ((a - a.floor()) / rest).min(1.0) }
    };
    let mut terms: Vec<(usize, f64)> = row.whole.iter().map(|&(c, a)| (c, whole(a))).collect();
    terms.extend(row.rest.iter().map(|&(c, a)| (c, a / unit / rest)));
    let low = low.ceil();
    let has: f64 = terms.iter().map(|&(c, a)| a * values[c]).sum();
    Some(Rounded { terms, low, by: (low - has) / low })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_unit_is_charged_in_full() {
        // 2 x + 5 y >= 7 in units of 2: x + 2.5 y >= 3.5, of which 0.5 is left: x + 3 y >= 4.
        let row = Surrogate { whole: vec![(0, 2.0), (1, 5.0)], rest: vec![(2, 1.0)], low: 7.0 };
        let by_x = round(&row, 2.0, &[3.5, 0.0, 0.0]).expect("a row");
        assert_eq!((by_x.terms, by_x.low), (vec![(0, 1.0), (1, 3.0), (2, 1.0)], 4.0));
        // All whole amounts that meet the first meet the second.
        for (x, y) in (0..5).flat_map(|x| (0..3).map(move |y| (f64::from(x), f64::from(y)))) {
            assert!(2.0 * x + 5.0 * y < 7.0 || x + 3.0 * y >= 4.0, "{x} {y}");
        }
        // In units of 5: 0.4 x + y >= 1.4, of which 0.4 is left: x + y >= 2.
        assert_eq!(round(&row, 5.0, &[3.5, 0.0, 0.0]).expect("a row").terms[..2], [(0, 1.0), (1, 1.0)]);
        // Nothing is left of a whole number.
        assert!(round(&Surrogate { low: 8.0, ..row }, 2.0, &[4.0, 0.0, 0.0]).is_none());
    }
}
