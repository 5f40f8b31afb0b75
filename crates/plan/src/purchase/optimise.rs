//! From a case to the best plan, with proof or with the gap that is left.

use rayon::prelude::*;

use super::case::Case;
use super::cuts::sharpen;
use super::formulate::{Ask, Model, formulate};
use super::question::{Against, Goal};
use super::round::Cut;
use super::short::{Short, short, shortfall};
use super::solver::{Relaxed, Unsolved, relax};
use super::watch::Watch;
use super::whole::{Whole, strict, whole};

/// The best plan that was found.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The programme.
    pub model: Model,
    /// Amounts of its columns.
    pub values: Vec<f64>,
    /// What is minimised: millions of US dollars, or trillions of unserved tokens.
    pub total: f64,
    /// No plan is below this.
    pub bound: f64,
    /// Whether it is proven that none is better.
    pub proven: bool,
    /// What one more unit of each row is worth where units need not be whole.
    pub worth: Vec<f64>,
    /// First quarter from which all demand is served, if that was asked.
    pub serve_from: usize,
    /// What each scenario costs if it is known beforehand; empty unless regret counts.
    pub best: Vec<f64>,
}

impl Plan {
    /// How far the plan may be from the best, as a share of the bound.
    pub fn gap(&self) -> f64 {
        let size = self.bound.abs().max(1e-9);
        if self.proven { 0.0 } else { ((self.total - self.bound) / size).max(0.0) }
    }
}

/// What became of a case.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// A plan.
    Plan(Box<Plan>),
    /// None that serves all demand.
    Short(Short),
}

/// Finds the best plan.
///
/// # Errors
/// The solver failed, or it was called off.
pub fn optimise(case: &Case, watch: &Watch) -> Result<Outcome, Unsolved> {
    let mut ask = Ask::default();
    if case.question.goal == Goal::Earliest {
        match earliest(case)? {
            Some(from) => ask.serve_from = from,
            None => return short(case, &ask).map(Outcome::Short),
        }
    }
    if counts_regret(case) {
        ask.best = alone(case, &ask, watch)?;
    }
    let found = whole(case, &ask, formulate(case, &ask), watch)?;
    watch.check()?;
    match found {
        Whole::Plan(plan) => Ok(Outcome::Plan(plan)),
        Whole::Short => short(case, &ask).map(Outcome::Short),
        Whole::Left(left) => {
            // Half units would do and whole ones do not: what half units lack if demand were half as much again.
            let mut more = case.clone();
            more.question.work.iter_mut().for_each(|w| w.tokens_per_day = w.tokens_per_day.map(|t| 1.5 * t));
            let short = short(&more, &ask)?;
            Ok(Outcome::Short(Short { unserved: left, ..short }))
        }
    }
}

/// The cost where units need not be whole, save for what whole ones imply quarter by quarter: what sensitivities compare.
/// `None` where not all demand can be served.
///
/// # Errors
/// The solver failed, or it was called off.
pub fn relaxed_cost(case: &Case, watch: &Watch) -> Result<Option<(Model, Relaxed)>, Unsolved> {
    let mut ask = Ask::default();
    if case.question.goal == Goal::Earliest {
        match earliest(case)? {
            Some(from) => ask.serve_from = from,
            None => return Ok(None),
        }
    }
    if counts_regret(case) {
        let alone = |s| relax(&formulate(case, &Ask { only: Some(s), ..ask.clone() }).program).map(|r| r.cost);
        ask.best = (0..case.question.scenarios.len()).map(alone).collect::<Result<_, _>>()?;
    }
    let model = formulate(case, &ask);
    let mut plain = case.clone();
    plain.question.against = Against::Mean;
    let mean = formulate(&plain, &ask);
    let relaxed = match sharpen(strict(case, &model, &ask), &Cut::new(&mean), watch) {
        Ok(sharp) => sharp.solution,
        Err(Unsolved::Infeasible) => {
            let relaxed = relax(&model.program)?;
            if shortfall(case, &model, &relaxed, &ask).is_some() {
                return Ok(None);
            }
            relaxed
        }
        Err(failed) => return Err(failed),
    };
    Ok(Some((model, relaxed)))
}

/// What a case that has no plan lacks.
///
/// # Errors
/// The solver failed.
pub fn lacking(case: &Case) -> Result<Short, Unsolved> {
    short(case, &Ask::default())
}

fn counts_regret(case: &Case) -> bool {
    case.question.against == Against::Regret && case.question.scenarios.len() > 1
}

/// What each scenario costs if it is known beforehand.
fn alone(case: &Case, ask: &Ask, watch: &Watch) -> Result<Vec<f64>, Unsolved> {
    let one = |s: usize| {
        let ask = Ask { only: Some(s), ..ask.clone() };
        let model = formulate(case, &ask);
        let program = model.program.clone();
        match whole(case, &ask, model, watch)? {
            Whole::Plan(plan) => Ok(plan.total),
            Whole::Short | Whole::Left(_) => relax(&program).map(|r| r.cost),
        }
    };
    (0..case.question.scenarios.len()).into_par_iter().map(one).collect()
}

/// The first quarter from which on all demand can be served.
fn earliest(case: &Case) -> Result<Option<usize>, Unsolved> {
    let can = |from: usize| -> Result<bool, Unsolved> {
        let ask = Ask { serve_from: from, ..Ask::default() };
        // Cost does not matter here, and counting it by scenario would only make the programme larger.
        let mut case = case.clone();
        case.question.against = Against::Mean;
        let model = formulate(&case, &ask);
        let relaxed = relax(&model.program)?;
        Ok(shortfall(&case, &model, &relaxed, &ask).is_none())
    };
    let (mut low, mut high) = (0, case.question.quarters);
    while low < high {
        let middle = low + (high - low) / 2;
        if can(middle)? { high = middle } else { low = middle + 1 }
    }
    Ok((low < case.question.quarters).then_some(low))
}
