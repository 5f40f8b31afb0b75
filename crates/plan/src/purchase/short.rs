//! Demand that no plan serves, and the limits that keep it from being served.

use super::case::Case;
use super::formulate::{Ask, LimitOf, Model, formulate};
use super::question::{Against, Goal, Question};
use super::solver::{Relaxed, Unsolved, relax, worth};

/// Share of the demand below which a rest is rounding.
const REST: f64 = 1e-5;

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

/// Demand that is left: work, quarter, share.
pub(super) type Left = Vec<(usize, usize, f64)>;

/// What cannot be served, if anything that must be.
pub(super) fn shortfall(case: &Case, model: &Model, relaxed: &Relaxed, ask: &Ask) -> Option<Short> {
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
pub(super) fn short(case: &Case, ask: &Ask) -> Result<Short, Unsolved> {
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

/// Columns of unserved demand that must be served: work, quarter, column.
pub(super) fn must_serve<'a>(
    q: &'a Question,
    model: &'a Model,
    ask: &Ask,
) -> impl Iterator<Item = (usize, usize, usize)> + 'a {
    let from = if q.goal == Goal::MostTokens { q.quarters } else { ask.serve_from };
    let must = (0..q.work.len()).filter(|&w| q.work[w].unmet.is_none());
    must.flat_map(move |w| (from..q.quarters).map(move |i| (w, i)))
        .flat_map(|(w, i)| model.index.unmet.iter().filter_map(move |u| u[w][i].map(|c| (w, i, c))))
}

/// What is left of the demand that must be served, at its worst over scenarios.
pub(super) fn unserved(q: &Question, model: &Model, values: &[f64], ask: &Ask) -> Left {
    let mut all: Left = Vec::new();
    for (w, i, c) in must_serve(q, model, ask).filter(|x| values[x.2] > REST) {
        match all.last_mut().filter(|l| (l.0, l.1) == (w, i)) {
            Some(last) => last.2 = last.2.max(values[c]),
            None => all.push((w, i, values[c])),
        }
    }
    all
}
