//! Solvers behind one face. All of them are other people's; we only translate.
//!
//! [`relax`] forgets that units are whole and gives the bound, [`worth`] what every limit is worth, [`exact`] keeps units
//! whole. Small programmes go to a simplex method and to branch and bound (microlp), large relaxed ones to an
//! interior-point method (Clarabel); both are pure Rust. With the feature `highs` all of it goes to HiGHS.

use good_lp::{
    Constraint, DualValues, Expression, ProblemVariables, ResolutionError, Solution, SolutionWithDual, SolverModel,
    Variable, variable,
};

use super::program::Program;
use super::watch::Watch;

/// A solution of the relaxed programme.
#[derive(Debug, Clone, PartialEq)]
pub struct Relaxed {
    /// Cost: no whole-number solution is cheaper.
    pub cost: f64,
    /// Amount of each column.
    pub values: Vec<f64>,
}

impl Relaxed {
    fn back(self, scale: f64) -> Self {
        Relaxed { cost: self.cost / scale, ..self }
    }
}

fn back(mut worth: Vec<f64>, scale: f64) -> Vec<f64> {
    worth.iter_mut().for_each(|w| *w /= scale);
    worth
}

/// Columns up to which a relaxed programme goes to the simplex method: its time grows with their square.
#[cfg(not(feature = "highs"))]
const SIMPLEX: usize = 3_000;

/// A whole-number solution.
#[derive(Debug, Clone, PartialEq)]
pub struct Exact {
    /// Cost.
    pub cost: f64,
    /// Amount of each column.
    pub values: Vec<f64>,
    /// Whether it is proven that none is cheaper.
    pub proven: bool,
    /// No whole-number solution is cheaper than this; minus infinity where the search does not tell.
    pub bound: f64,
}

/// Why there is no solution.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsolved {
    /// No amounts meet all limits.
    #[error("no amounts meet all limits")]
    Infeasible,
    /// The search ended before it found any.
    #[error("no solution was found in {0} steps")]
    GaveUp(u64),
    /// The solver failed.
    #[error("the solver failed: {0}")]
    Failed(String),
    /// Whoever asked called it off.
    #[error("it was called off")]
    Stopped,
}

/// A programme in the solvers' words.
struct Translated {
    variables: ProblemVariables,
    columns: Vec<Variable>,
    cost: Expression,
    /// Constraints, and the row that each is of.
    rows: Vec<(usize, Constraint)>,
}

fn translate(program: &Program, whole: bool) -> Translated {
    let mut variables = ProblemVariables::new();
    let columns: Vec<Variable> = program
        .columns
        .iter()
        .map(|c| {
            let of = variable().min(0.0).max(c.upper);
            variables.add(if whole && c.whole { of.integer() } else { of })
        })
        .collect();
    let cost = program.columns.iter().zip(&columns).map(|(c, &v)| c.cost * v).sum();
    let mut rows = Vec::new();
    for (i, row) in program.rows.iter().enumerate() {
        let sum: Expression = row.terms.iter().map(|&(c, a)| a * columns[c]).sum();
        if row.low == row.high {
            rows.push((i, sum.eq(row.low)));
            continue;
        }
        if row.low.is_finite() {
            rows.push((i, sum.clone().geq(row.low)));
        }
        if row.high.is_finite() {
            rows.push((i, sum.leq(row.high)));
        }
    }
    Translated { variables, columns, cost, rows }
}

fn unsolved(error: ResolutionError) -> Unsolved {
    match error {
        ResolutionError::Infeasible => Unsolved::Infeasible,
        other => Unsolved::Failed(other.to_string()),
    }
}

/// Least cost where units need not be whole.
///
/// # Errors
/// No amounts meet all limits, or the solver failed.
pub fn relax(program: &Program) -> Result<Relaxed, Unsolved> {
    let (program, scale) = program.scaled();
    relax_scaled(&program).map(|relaxed| relaxed.back(scale))
}

fn relax_scaled(program: &Program) -> Result<Relaxed, Unsolved> {
    #[cfg(not(feature = "highs"))]
    if program.columns.len() <= SIMPLEX {
        return simplex(program);
    }
    let solved = all_at_once(program).map(|(values, _)| Relaxed { cost: program.cost(&values), values });
    match solved {
        // Where one method makes no progress another may: slower, but sure.
        Err(Unsolved::Failed(_)) => simplex(program),
        other => other,
    }
}

/// What one more unit of each row's bound adds to the least cost where units need not be whole: below 0 where a looser
/// limit saves.
///
/// # Errors
/// No amounts meet all limits, or the solver failed.
pub fn worth(program: &Program) -> Result<Vec<f64>, Unsolved> {
    let (program, scale) = program.scaled();
    worth_scaled(&program).map(|worth| back(worth, scale))
}

fn worth_scaled(program: &Program) -> Result<Vec<f64>, Unsolved> {
    #[cfg(not(feature = "highs"))]
    if program.columns.len() <= SIMPLEX {
        return by_dual(program);
    }
    match all_at_once(program) {
        Ok((_, worth)) => Ok(worth),
        Err(Unsolved::Failed(_)) => by_dual(program),
        Err(other) => Err(other),
    }
}

/// Both at once: [`relax`] and [`worth`].
///
/// # Errors
/// No amounts meet all limits, or the solver failed.
pub fn relax_with_worth(program: &Program) -> Result<(Relaxed, Vec<f64>), Unsolved> {
    let (program, scale) = program.scaled();
    both_scaled(&program).map(|(relaxed, worth)| (relaxed.back(scale), back(worth, scale)))
}

fn both_scaled(program: &Program) -> Result<(Relaxed, Vec<f64>), Unsolved> {
    #[cfg(not(feature = "highs"))]
    if program.columns.len() <= SIMPLEX {
        return Ok((simplex(program)?, by_dual(program)?));
    }
    match all_at_once(program) {
        Ok((values, worth)) => Ok((Relaxed { cost: program.cost(&values), values }, worth)),
        Err(Unsolved::Failed(_)) => Ok((simplex(program)?, by_dual(program)?)),
        Err(other) => Err(other),
    }
}

/// Amounts and the worth of every row, by the interior-point method or HiGHS.
fn all_at_once(program: &Program) -> Result<(Vec<f64>, Vec<f64>), Unsolved> {
    let Translated { variables, columns, cost, rows } = translate(program, false);
    let of: Vec<usize> = rows.iter().map(|r| r.0).collect();
    #[cfg(not(feature = "highs"))]
    let mut model = {
        let mut model = variables.minimise(cost).using(good_lp::clarabel);
        model.settings().verbose(false).max_iter(400);
        model
    };
    #[cfg(feature = "highs")]
    let mut model = variables.minimise(cost).using(good_lp::highs);
    let references: Vec<_> = rows.into_iter().map(|(_, row)| model.add_constraint(row)).collect();
    let mut solution = model.solve().map_err(unsolved)?;
    let values: Vec<f64> = columns.iter().map(|&c| solution.value(c).max(0.0)).collect();
    let duals = solution.compute_dual();
    let mut worth = vec![0.0; program.rows.len()];
    for (row, reference) in of.into_iter().zip(references) {
        worth[row] += duals.dual(reference);
    }
    Ok((values, worth))
}

fn simplex(program: &Program) -> Result<Relaxed, Unsolved> {
    let mut plain = program.clone();
    plain.columns.iter_mut().for_each(|c| c.whole = false);
    let solved = exact_microlp(&plain, 0, None, &Watch::NOBODY)?;
    Ok(Relaxed { cost: solved.cost, values: solved.values })
}

/// The worth of rows from the dual programme, which the simplex method solves like any other. The primal is
/// `min c x, low <= A x <= high, 0 <= x <= u`; the dual `max low y - high z - u w, A' (y - z) - w <= c`.
pub(super) fn by_dual(program: &Program) -> Result<Vec<f64>, Unsolved> {
    let mut dual = Program::default();
    let mut columns: Vec<Vec<(usize, f64)>> = vec![Vec::new(); program.columns.len()];
    let mut sides: Vec<(Option<usize>, Option<usize>)> = Vec::with_capacity(program.rows.len());
    for row in &program.rows {
        let low = row.low.is_finite().then(|| dual.column(-row.low));
        let high = row.high.is_finite().then(|| dual.column(row.high));
        for &(c, a) in &row.terms {
            columns[c].extend(low.map(|y| (y, a)));
            columns[c].extend(high.map(|z| (z, -a)));
        }
        sides.push((low, high));
    }
    for (column, mut terms) in program.columns.iter().zip(columns) {
        if column.upper.is_finite() {
            let w = dual.column(column.upper);
            terms.push((w, -1.0));
        }
        dual.at_most(terms, column.cost);
    }
    let solved = simplex(&dual)?;
    let value = |c: Option<usize>| c.map_or(0.0, |c| solved.values[c]);
    Ok(sides.into_iter().map(|(low, high)| value(low) - value(high)).collect())
}

/// Least cost in whole units. `steps` bounds the nodes of the search, so that the same programme ends the same way
/// everywhere; `hint` is a solution to start from.
///
/// # Errors
/// No amounts meet all limits, none was found, the solver failed, or it was called off.
pub fn exact(program: &Program, steps: u64, hint: Option<&[f64]>, watch: &Watch) -> Result<Exact, Unsolved> {
    let (program, scale) = program.folded().scaled();
    #[cfg(not(feature = "highs"))]
    let found = exact_microlp(&program, steps, hint, watch)?;
    #[cfg(feature = "highs")]
    let found = {
        watch.check()?;
        exact_highs(&program, steps, hint)?
    };
    Ok(Exact { cost: found.cost / scale, bound: found.bound / scale, ..found })
}

/// Nodes between two looks at whether the search is called off.
const CHUNK: u64 = 50;

/// The pure-Rust branch and bound. good_lp has no limit on nodes, only one on wall-clock time, which would make the
/// answer depend on the machine: so this one is called directly.
#[cfg_attr(feature = "highs", allow(dead_code))]
pub(super) fn exact_microlp(
    program: &Program,
    steps: u64,
    hint: Option<&[f64]>,
    watch: &Watch,
) -> Result<Exact, Unsolved> {
    use microlp::{ComparisonOp, OptimizationDirection, Problem, SolutionStatus, SolveOptions, TerminationReason};
    let mut problem = Problem::new(OptimizationDirection::Minimize);
    let most = |upper: f64| upper.min(f64::from(i32::MAX)).floor() as i32;
    let columns: Vec<microlp::Variable> = program
        .columns
        .iter()
        .map(|c| match c.whole {
            true => problem.add_integer_var(c.cost, (0, most(c.upper))),
            false => problem.add_var(c.cost, (0.0, c.upper)),
        })
        .collect();
    for row in &program.rows {
        let terms: Vec<(microlp::Variable, f64)> = row.terms.iter().map(|&(c, a)| (columns[c], a)).collect();
        if row.low == row.high {
            problem.add_constraint(&terms, ComparisonOp::Eq, row.low);
            continue;
        }
        if row.low.is_finite() {
            problem.add_constraint(&terms, ComparisonOp::Ge, row.low);
        }
        if row.high.is_finite() {
            problem.add_constraint(&terms, ComparisonOp::Le, row.high);
        }
    }
    let failed = |e| match e {
        microlp::Error::Infeasible => Unsolved::Infeasible,
        other => Unsolved::Failed(other.to_string()),
    };
    let warm_start = hint.map(|values| columns.iter().copied().zip(values.iter().copied()).collect());
    let mut options = SolveOptions::default();
    (options.node_limit, options.warm_start) = (Some(CHUNK.min(steps)), warm_start);
    let mut outcome = problem.solve_with(options).map_err(failed)?;
    while outcome.termination_reason() == TerminationReason::NodeLimit && outcome.stats().nodes_solved < steps {
        watch.check()?;
        let mut more = outcome.last_resume_options();
        more.node_limit = Some(CHUNK);
        outcome = outcome.resume_with(more).map_err(failed)?;
    }
    let bound = outcome.stats().best_bound.unwrap_or(f64::NEG_INFINITY);
    let solution = outcome.into_solution().map_err(|_| Unsolved::GaveUp(steps))?;
    let whole = |(c, v): (&super::program::Column, f64)| if c.whole { v.round() } else { v.max(0.0) };
    let values: Vec<f64> = columns.iter().map(|&c| solution.var_value(c)).collect();
    let values: Vec<f64> = program.columns.iter().zip(values).map(whole).collect();
    let proven = solution.status() == SolutionStatus::Optimal;
    let cost = program.cost(&values);
    Ok(Exact { cost, values, proven, bound: if proven { cost } else { bound.min(cost) } })
}

#[cfg(feature = "highs")]
fn exact_highs(program: &Program, steps: u64, hint: Option<&[f64]>) -> Result<Exact, Unsolved> {
    use good_lp::WithInitialSolution;
    let Translated { variables, columns, cost, rows } = translate(program, true);
    let mut model = variables.minimise(cost).using(good_lp::highs);
    // One thread and a limit on nodes: the same answer on every machine.
    model = model.set_option("mip_max_nodes", i32::try_from(steps).unwrap_or(i32::MAX)).set_option("threads", 1);
    model = model.set_option("mip_rel_gap", 1e-9).set_option("mip_abs_gap", 0.0);
    if let Some(hint) = hint {
        model = model.with_initial_solution(columns.iter().copied().zip(hint.iter().copied()));
    }
    for (_, row) in rows {
        model.add_constraint(row);
    }
    let solution = model.solve().map_err(unsolved)?;
    let proven = matches!(solution.status(), good_lp::solvers::SolutionStatus::Optimal);
    let whole = |(c, &v): (&super::program::Column, &Variable)| {
        let v = solution.value(v);
        if c.whole { v.round() } else { v.max(0.0) }
    };
    let values: Vec<f64> = program.columns.iter().zip(&columns).map(whole).collect();
    let cost = program.cost(&values);
    Ok(Exact { cost, values, proven, bound: if proven { cost } else { f64::NEG_INFINITY } })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two systems for a demand of 10: 4 units of work at 3, or 3 units at 2, at most two of the latter.
    fn program() -> Program {
        let mut p = Program::default();
        let (a, b) = (p.whole(3.0, 9.0), p.whole(2.0, 9.0));
        p.at_least(vec![(a, 4.0), (b, 3.0)], 10.0);
        p.at_most(vec![(b, 1.0)], 2.0);
        p
    }

    #[test]
    fn by_hand() {
        // Relaxed: two b (6 of work, cost 4) and one a (4, cost 3): 7. Whole: the same.
        let relaxed = relax(&program()).expect("feasible");
        assert!((relaxed.cost - 7.0).abs() < 1e-6, "{}", relaxed.cost);
        // One more unit of demand costs 3/4; one more b saves 3 x 3/4 - 2.
        for worth in [worth(&program()).expect("feasible"), all_at_once(&program()).expect("feasible").1] {
            assert!((worth[0] - 0.75).abs() < 1e-5 && (worth[1] + 0.25).abs() < 1e-5, "{worth:?}");
        }
        assert!((program().cost(&all_at_once(&program()).expect("feasible").0) - 7.0).abs() < 1e-6);
        let exact = exact(&program(), 1000, None, &Watch::NOBODY).expect("feasible");
        assert_eq!((exact.cost, exact.proven), (7.0, true));
        assert_eq!(exact.values, [1.0, 2.0]);
        assert_eq!(program().violation(&exact.values), 0.0);
        assert!(program().violation(&[0.0, 2.0]) > 0.1);
    }

    #[test]
    fn the_unit_of_costs_does_not_matter() {
        // The same in units a billion times as large: no cost is above 3e-9.
        let mut small = program();
        small.columns.iter_mut().for_each(|c| c.cost *= 1e-9);
        let relaxed = relax(&small).expect("feasible");
        assert!((relaxed.cost - 7e-9).abs() < 1e-15, "{}", relaxed.cost);
        let worth = worth(&small).expect("feasible");
        assert!((worth[0] - 0.75e-9).abs() < 1e-14 && (worth[1] + 0.25e-9).abs() < 1e-14, "{worth:?}");
        let exact = exact(&small, 1000, None, &Watch::NOBODY).expect("feasible");
        assert!(exact.proven && exact.values == [1.0, 2.0], "{exact:?}");
        assert!((exact.cost - 7e-9).abs() < 1e-20 && (exact.bound - 7e-9).abs() < 1e-20);
    }

    #[test]
    fn nothing_meets_contrary_limits() {
        let mut p = program();
        p.at_most(vec![(0, 1.0)], 0.0);
        assert_eq!(exact(&p, 1000, None, &Watch::NOBODY), Err(Unsolved::Infeasible));
        assert_eq!(relax(&p), Err(Unsolved::Infeasible));
    }
}
