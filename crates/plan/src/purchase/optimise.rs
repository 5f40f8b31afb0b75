//! From a case to the best plan, with proof or with the gap that is left.

use rayon::prelude::*;

use super::case::Case;
use super::formulate::{Ask, LimitOf, Model, formulate};
use super::question::{Against, Goal};
use super::round::{Cut, Total};
use super::solver::{Relaxed, Unsolved, exact, relax, worth};

/// Whole-number columns up to which the best plan is proven by branch and bound.
const PROVABLE: usize = 40;
/// Columns of all kinds up to which it is.
const PROVABLE_SIZE: usize = 600;
/// Nodes of that search.
const NODES: u64 = 3_000;
/// Stacks up to which leaving each one out is tried.
const STACKS: usize = 8;
/// Share of the demand below which a rest is rounding.
const REST: f64 = 1e-5;

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

/// Why no plan serves all demand.
#[derive(Debug, Clone, PartialEq)]
pub struct Short {
    /// Share of the demand that cannot be served, by work and quarter, at its worst over scenarios; those above 0.
    pub unserved: Vec<(usize, usize, f64)>,
    /// Limits that bind, with the share of a quarter's demand that one unit more would serve, the most first.
    pub binding: Vec<(LimitOf, f64)>,
    /// Work that no offer can do.
    pub undoable: Vec<usize>,
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
/// The solver failed.
pub fn optimise(case: &Case) -> Result<Outcome, Unsolved> {
    let mut ask = Ask::default();
    if case.question.goal == Goal::Earliest {
        match earliest(case)? {
            Some(from) => ask.serve_from = from,
            None => return short(case, &ask).map(Outcome::Short),
        }
    }
    if counts_regret(case) {
        ask.best = alone(case, &ask)?;
    }
    let model = formulate(case, &ask);
    let relaxed = relax(&model.program)?;
    if shortfall(case, &model, &relaxed, &ask).is_some() {
        return short(case, &ask).map(Outcome::Short);
    }
    let plan = whole(case, &ask, model, relaxed)?;
    match plan {
        Ok(mut plan) => {
            plan.worth = worth(&plan.model.program)?;
            Ok(Outcome::Plan(Box::new(plan)))
        }
        Err(left) => {
            // Half units would do and whole ones do not: what half units lack if demand were half as much again.
            let mut more = case.clone();
            more.question.work.iter_mut().for_each(|w| w.tokens_per_day = w.tokens_per_day.map(|t| 1.5 * t));
            let short = short(&more, &ask)?;
            Ok(Outcome::Short(Short { unserved: left, ..short }))
        }
    }
}

/// The cost where units need not be whole: what sensitivities compare. `None` where not all demand can be served.
///
/// # Errors
/// The solver failed.
pub fn relaxed_cost(case: &Case) -> Result<Option<(Model, Relaxed)>, Unsolved> {
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
    let relaxed = relax(&model.program)?;
    Ok(shortfall(case, &model, &relaxed, &ask).is_none().then_some((model, relaxed)))
}

fn counts_regret(case: &Case) -> bool {
    case.question.against == Against::Regret && case.question.scenarios.len() > 1
}

/// What each scenario costs if it is known beforehand.
fn alone(case: &Case, ask: &Ask) -> Result<Vec<f64>, Unsolved> {
    let one = |s: usize| {
        let ask = Ask { only: Some(s), ..ask.clone() };
        let model = formulate(case, &ask);
        let relaxed = relax(&model.program)?;
        let bound = relaxed.cost;
        Ok(whole(case, &ask, model, relaxed)?.map_or(bound, |p| p.total))
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

/// What cannot be served, if anything that must be.
fn shortfall(case: &Case, model: &Model, relaxed: &Relaxed, ask: &Ask) -> Option<Short> {
    let q = &case.question;
    let unserved = unserved(q, model, &relaxed.values, ask);
    if unserved.is_empty() {
        return None;
    }
    let can = |w: usize| {
        let tasks = case.rates.tasks.iter().enumerate().filter(|(_, t)| t.work == w);
        let mut tasks = tasks.map(|(t, _)| t);
        tasks.any(|t| (0..q.offers.len()).any(|o| case.per_second(o, t) > 0.0))
    };
    let undoable = (0..q.work.len()).filter(|&w| !can(w)).collect();
    Some(Short { unserved, binding: Vec::new(), undoable })
}

/// What cannot be served and what binds: money forgotten, the least unserved demand.
fn short(case: &Case, ask: &Ask) -> Result<Short, Unsolved> {
    let mut case = case.clone();
    case.question.against = Against::Mean;
    let mut model = formulate(&case, ask);
    model.program.columns.iter_mut().for_each(|c| c.cost = 0.0);
    let must: Vec<usize> = must_serve(&case.question, &model, ask).map(|x| x.2).collect();
    must.into_iter().for_each(|c| model.program.columns[c].cost = 1.0);
    let relaxed = relax(&model.program)?;
    let none = Short { unserved: Vec::new(), binding: Vec::new(), undoable: Vec::new() };
    let mut short = shortfall(&case, &model, &relaxed, ask).unwrap_or(none);
    let worths = worth(&model.program)?;
    for limit in &model.limits {
        let worth = worths[limit.row].abs();
        if worth > 1e-7 {
            match short.binding.iter_mut().find(|b| b.0 == limit.what) {
                Some(b) => b.1 += worth,
                None => short.binding.push((limit.what.clone(), worth)),
            }
        }
    }
    short.binding.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    Ok(short)
}

/// Demand that is left: work, quarter, share.
type Left = Vec<(usize, usize, f64)>;

/// Whole units: rounding, then proof where the programme is small; what is left of the demand if no whole units serve
/// what must be served.
fn whole(case: &Case, ask: &Ask, model: Model, relaxed: Relaxed) -> Result<Result<Plan, Left>, Unsolved> {
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
    let round = |relaxed: &[f64]| {
        let cut = Cut::new(&mean);
        let cut = if q.goal == Goal::MostTokens { cut.by_program_cost(&weights) } else { cut };
        cut.round(relaxed, &total, &mean)
    };
    let n = mean.program.columns.len();
    let mut best = round(&relaxed.values[..n]);
    for other in without_stacks(&model, &relaxed) {
        if let Ok(relaxed) = relax(&other)
            && let Some(found) = round(&relaxed.values[..n])
            && best.as_ref().is_none_or(|b| found.1 < b.1)
        {
            best = Some(found);
        }
    }
    let bound = relaxed.cost;
    let left = |values: &[f64]| unserved(q, &model, values, ask);
    let fits = |values: &[f64]| left(values).is_empty();
    let nearest = best.as_ref().map(|b| left(&b.0)).unwrap_or_default();
    let whole_columns = model.program.columns.iter().filter(|c| c.whole).count();
    let small = whole_columns <= PROVABLE && model.program.columns.len() <= PROVABLE_SIZE;
    let mut found: Option<(Vec<f64>, f64, bool)> =
        best.filter(|b| fits(&b.0)).map(|(values, cost)| (full(values, cost, &model), cost, false));
    if small || cfg!(feature = "highs") {
        let hint = found.as_ref().map(|f| f.0.as_slice());
        let mut program = model.program.clone();
        must_serve(q, &model, ask).for_each(|(_, _, c)| program.columns[c].upper = 0.0);
        match exact(&program, NODES, hint) {
            Ok(e) if fits(&e.values) && found.as_ref().is_none_or(|f| e.cost <= f.1 + 1e-9 || e.proven) => {
                found = Some((e.values, e.cost, e.proven));
            }
            Ok(_) | Err(Unsolved::GaveUp(_)) | Err(Unsolved::Infeasible) => {}
            Err(failed) => return Err(failed),
        }
    }
    let plan = found.map(|(values, total, proven)| Plan {
        model,
        values,
        total,
        bound,
        proven,
        worth: Vec::new(),
        serve_from: ask.serve_from,
        best: ask.best.clone(),
    });
    Ok(plan.ok_or(nearest))
}

/// The programme with one of the stacks that the relaxed plan moves to left out, each in turn: a half-used stack is
/// cheap in the relaxed plan and dear in the real one.
fn without_stacks(model: &Model, relaxed: &Relaxed) -> Vec<super::program::Program> {
    let used = |k: usize| {
        let now = model.index.moved[k].into_iter();
        let later = model.index.moved_later.iter().filter_map(move |s| s[k]);
        now.chain(later).collect::<Vec<_>>()
    };
    let stacks = (0..model.index.moved.len()).map(used);
    let stacks = stacks.filter(|columns| columns.iter().any(|&c| relaxed.values[c] > 1e-6)).take(STACKS);
    stacks
        .map(|columns| {
            let mut program = model.program.clone();
            columns.into_iter().for_each(|c| program.columns[c].upper = 0.0);
            program
        })
        .collect()
}

/// Columns of unserved demand that must be served: work, quarter, column.
fn must_serve<'a>(
    q: &'a super::question::Question,
    model: &'a Model,
    ask: &Ask,
) -> impl Iterator<Item = (usize, usize, usize)> + 'a {
    let from = if q.goal == Goal::MostTokens { q.quarters } else { ask.serve_from };
    let must = (0..q.work.len()).filter(|&w| q.work[w].unmet.is_none());
    must.flat_map(move |w| (from..q.quarters).map(move |i| (w, i)))
        .flat_map(|(w, i)| model.index.unmet.iter().filter_map(move |u| u[w][i].map(|c| (w, i, c))))
}

/// What is left of the demand that must be served, at its worst over scenarios.
fn unserved(q: &super::question::Question, model: &Model, values: &[f64], ask: &Ask) -> Left {
    let mut all: Left = Vec::new();
    for (w, i, c) in must_serve(q, model, ask).filter(|x| values[x.2] > REST) {
        match all.last_mut().filter(|l| (l.0, l.1) == (w, i)) {
            Some(last) => last.2 = last.2.max(values[c]),
            None => all.push((w, i, values[c])),
        }
    }
    all
}

/// The columns of the mean's programme with the largest cost or regret appended, where the programme has it.
fn full(mut values: Vec<f64>, total: f64, model: &Model) -> Vec<f64> {
    if model.index.worst.is_some() {
        values.push(total);
    }
    values
}
