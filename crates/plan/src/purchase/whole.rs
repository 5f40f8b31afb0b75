//! Whole units: sharper rows, rounding, then branch and bound.

use super::branch::branch;
use super::case::Case;
use super::cuts::sharpen;
use super::formulate::{Ask, Model, formulate};
use super::optimise::Plan;
use super::program::Program;
use super::question::{Against, Goal};
use super::round::{Cut, Total};
use super::short::{Left, must_serve, shortfall, unserved};
use super::solver::{Relaxed, Unsolved, exact, relax_with_worth};
use super::watch::Watch;

/// Columns up to which branch and bound is tried: beyond, one solution of the relaxed programme by the simplex method
/// takes longer than all the rest.
const SEARCHED: usize = 3_000;
/// Nodes of that search times columns and rows, which is about its time.
const WORK: u64 = 4_000_000;
/// Least nodes, and most.
const LEAST: u64 = 200;
/// See [`LEAST`].
const MOST: u64 = 5_000;
/// Share of the cost below which a gap is rounding of the solver.
const PROOF: f64 = 1e-6;

/// What became of whole units.
pub(super) enum Whole {
    /// A plan.
    Plan(Box<Plan>),
    /// Half units serve what must be served, no whole ones that were found do: what these leave.
    Left(Left),
    /// Not even half units serve what must be served.
    Short,
}

/// Whole units: rounding, then proof where the programme is small.
///
/// # Errors
/// The solver failed, or it was called off.
pub(super) fn whole(case: &Case, ask: &Ask, model: Model, watch: &Watch) -> Result<Whole, Unsolved> {
    let q = &case.question;
    let scenarios = model.index.order.len();
    let weights: Vec<f64> = match ask.only {
        Some(_) => vec![1.0],
        None => q.scenarios.iter().map(|s| s.weight).collect(),
    };
    let against = if scenarios == 1 { Against::Mean } else { q.against };
    let total = match against {
        _ if q.goal == Goal::MostTokens => Total::Mean(weights.clone()),
        Against::Mean => Total::Mean(weights.clone()),
        Against::Worst => Total::Worst(vec![0.0; scenarios]),
        Against::Regret => Total::Worst(ask.best.clone()),
    };
    // Rounding works scenario by scenario: it needs the programme of the mean.
    let mut plain = case.clone();
    plain.question.against = Against::Mean;
    let mean = formulate(&plain, ask);
    let n = mean.program.columns.len();
    let cut = Cut::new(&mean);
    let cut = if q.goal == Goal::MostTokens { cut.by_program_cost(&weights) } else { cut };
    let sharp = match sharpen(strict(case, &model, ask), &cut, watch) {
        Err(Unsolved::Infeasible) => None,
        other => Some(other?),
    };
    let (relaxed, worth) = match &sharp {
        Some(sharp) => (sharp.relaxed.clone(), sharp.worth.clone()),
        None => relax_with_worth(&model.program)?,
    };
    if shortfall(case, &model, &relaxed, ask).is_some() {
        return Ok(Whole::Short);
    }
    // What branching on moves finds raises the bound, if it could be solved at all.
    let branched = sharp.as_ref().map(|s| branch(&s.program, s.solution.clone(), &model, watch));
    watch.check()?;
    let branched = branched.and_then(Result::ok);
    let halves = || sharp.iter().map(|s| &s.solution).chain([&relaxed]);
    let mut bound = halves().map(|r| r.cost).chain(branched.iter().map(|b| b.bound)).fold(f64::NEG_INFINITY, f64::max);
    let decided = branched.iter().flat_map(|b| &b.starts);
    let starts: Vec<&Relaxed> = if model.index.moved.iter().any(Option::is_some) {
        decided.chain(halves().take(1)).collect()
    } else {
        halves().collect()
    };
    let mut memories = cut.memories();
    let mut best: Option<(Vec<f64>, f64)> = None;
    for start in starts {
        if best.as_ref().is_some_and(|b| is_proof(b.1, bound)) {
            break;
        }
        let found = cut.round(&start.values[..n], &total, &mean, &mut memories, watch);
        watch.check()?;
        if let Some(found) = found.filter(|f| best.as_ref().is_none_or(|b| f.1 < b.1)) {
            best = Some(found);
        }
    }
    let left = |values: &[f64]| unserved(q, &model, values, ask);
    let nearest = best.as_ref().map(|b| left(&b.0)).unwrap_or_default();
    let rounded = best.filter(|b| left(&b.0).is_empty());
    let mut found = rounded.map(|(values, total)| (full(values, total, &model), total));
    let open = found.as_ref().is_none_or(|f| !is_proof(f.1, bound));
    if let Some(sharp) = sharp.filter(|s| open && (s.program.columns.len() <= SEARCHED || cfg!(feature = "highs"))) {
        let size = (sharp.program.columns.len() + sharp.program.rows.len()) as u64;
        let hint = found.as_ref().map(|f| f.0.as_slice());
        match exact(&sharp.program, (WORK / size.max(1)).clamp(LEAST, MOST), hint, watch) {
            Ok(e) => {
                bound = bound.max(e.bound);
                if left(&e.values).is_empty() && found.as_ref().is_none_or(|f| e.cost <= f.1 || e.proven) {
                    found = Some((e.values, e.cost));
                }
            }
            Err(Unsolved::GaveUp(_) | Unsolved::Infeasible) => {}
            Err(failed) => return Err(failed),
        }
    }
    let Some((values, total)) = found else { return Ok(Whole::Left(nearest)) };
    let bound = bound.min(total);
    let proven = is_proof(total, bound);
    let (serve_from, best) = (ask.serve_from, ask.best.clone());
    Ok(Whole::Plan(Box::new(Plan { model, values, total, bound, proven, worth, serve_from, best })))
}

/// Whether a bound proves that nothing is better.
fn is_proof(total: f64, bound: f64) -> bool {
    total - bound <= PROOF * total.abs().max(1e-6)
}

/// The programme where what must be served is: no rest of it blurs the rows.
pub(super) fn strict(case: &Case, model: &Model, ask: &Ask) -> Program {
    let mut program = model.program.clone();
    must_serve(&case.question, model, ask).for_each(|(_, _, c)| program.columns[c].upper = 0.0);
    program
}

/// The columns of the mean's programme with the largest cost or regret appended, where the programme has it.
fn full(mut values: Vec<f64>, total: f64, model: &Model) -> Vec<f64> {
    if model.index.worst.is_some() {
        values.push(total);
    }
    values
}
