//! From a question to a linear programme in millions of US dollars.
//!
//! Columns: units ordered (whole; shared by all scenarios while decisions are made before they part), stacks moved to
//! (yes or no), units that stand, units at work on each task, demand left unserved. Rows: what stands is what was
//! delivered and is not written off; no more works than stands; demand is served; power, racks, supply, caps, budget.
//!
//! Every amount of money is written into a ledger by column, scenario, quarter and kind: the programme's costs and the
//! answer's sums are both made of it, so that they cannot differ.

use super::case::Case;
use super::program::Program;
use super::terms::{Terms, serves, terms};

mod limits;
mod model;
mod objective;
mod orders;
mod work;

pub use model::{Charge, Index, Kind, Limit, LimitOf, Model};

const MILLION: f64 = 1e6;

/// What is asked of the programme beside the question.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// What each scenario costs at best, if regret is counted.
    pub best: Vec<f64>,
    /// First quarter whose demand must be served.
    pub serve_from: usize,
    /// Scenarios that count; empty for all.
    pub only: Option<usize>,
}

struct Making<'a> {
    case: &'a Case,
    model: Model,
    weight: Vec<f64>,
}

/// Formulates a case.
pub fn formulate(case: &Case, ask: &Ask) -> Model {
    let q = &case.question;
    let scenarios: Vec<_> = match ask.only {
        Some(s) => vec![&q.scenarios[s]],
        None => q.scenarios.iter().collect(),
    };
    let terms: Vec<Terms> = scenarios.iter().map(|s| terms(q, s)).collect();
    let units = |t: &Terms| -> Vec<Vec<f64>> {
        let of = |(w, row): (usize, &Vec<f64>)| row.iter().map(|d| d / q.work[w].tokens_per_unit()).collect();
        t.demand.iter().enumerate().map(of).collect()
    };
    let total: f64 = scenarios.iter().map(|s| s.weight).sum();
    let model = Model {
        program: Program::default(),
        index: Index::default(),
        ledger: Vec::new(),
        limits: Vec::new(),
        demand: terms.iter().map(units).collect(),
        serves: (0..q.offers.len()).map(|o| serves(q, o)).collect(),
        terms,
        penalty: 0.0,
    };
    let weight = scenarios.iter().map(|s| s.weight / total).collect();
    let mut making = Making { case, model, weight };
    making.stacks();
    making.orders();
    for s in 0..scenarios.len() {
        making.scenario(s, ask);
    }
    making.objective(ask);
    making.model
}

impl Making<'_> {
    fn discount(&self, quarter: usize) -> f64 {
        (1.0 + self.case.question.finance.interest.mid).powf(-(quarter as f64) / 4.0)
    }

    fn charge(&mut self, column: usize, scenario: usize, quarter: usize, kind: Kind, offer: Option<usize>, usd: f64) {
        let amount = usd / MILLION * self.discount(quarter);
        if amount != 0.0 {
            self.model.ledger.push(Charge { column, scenario, quarter, kind, offer, amount });
        }
    }

    /// Whether a stack costs anything to move to; one that does not needs no column.
    fn must_move(&self, stack: usize) -> bool {
        let s = &self.case.question.stacks[stack];
        s.cost.mid > 0.0 || s.staff.mid > 0.0 || s.quarters.mid >= 0.5
    }

    fn scenario(&mut self, s: usize, ask: &Ask) {
        self.stand(s);
        self.work(s);
        self.demand(s, ask);
        self.moves(s);
        self.sites(s);
        self.limits(s);
    }

    /// What a scenario costs, as terms of a row.
    fn cost_row(&self, s: usize) -> Vec<(usize, f64)> {
        self.model.ledger.iter().filter(|c| c.scenario == s).map(|c| (c.column, c.amount)).collect()
    }
}
