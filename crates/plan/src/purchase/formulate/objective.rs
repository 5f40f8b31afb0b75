//! What is minimised.

use super::super::question::{Against, Goal};
use super::{Ask, Making};

impl Making<'_> {
    /// Mean, largest cost or largest regret; or tokens left.
    pub(super) fn objective(&mut self, ask: &Ask) {
        let q = &self.case.question;
        if q.goal == Goal::MostTokens {
            return self.most_tokens();
        }
        let against = if self.weight.len() == 1 { Against::Mean } else { q.against };
        match against {
            Against::Mean => {
                for c in &self.model.ledger {
                    self.model.program.columns[c.column].cost += self.weight[c.scenario] * c.amount;
                }
            }
            Against::Worst | Against::Regret => {
                let worst = self.model.program.column(1.0);
                self.model.index.worst = Some(worst);
                for s in 0..self.weight.len() {
                    let mut row = self.cost_row(s);
                    row.push((worst, -1.0));
                    let best = if against == Against::Regret { ask.best.get(s).copied().unwrap_or(0.0) } else { 0.0 };
                    self.model.program.at_most(row, best);
                }
            }
        }
        self.penalise(ask);
    }

    /// Demand that must be served costs more to leave than anything that could serve it: twice the dearest unit, bought
    /// for a single quarter, and all that moving may cost.
    pub(super) fn penalise(&mut self, ask: &Ask) {
        let q = &self.case.question;
        let mut by_column = vec![0.0; self.model.program.columns.len()];
        for c in self.model.ledger.iter().filter(|c| c.amount > 0.0) {
            by_column[c.column] += c.amount;
        }
        let most = |columns: &mut dyn Iterator<Item = usize>| columns.map(|c| by_column[c]).fold(0.0, f64::max);
        let mut penalty: f64 = 0.0;
        for (s, unmet) in self.model.index.unmet.iter().enumerate() {
            let orders = &self.model.index.order[s];
            let moves = self.model.index.moved.iter().chain(&self.model.index.moved_later[s]).flatten().copied();
            let moves: f64 = moves.map(|c| by_column[c]).sum();
            for (w, row) in unmet.iter().enumerate() {
                for (quarter, _) in row.iter().enumerate().filter(|(_, c)| c.is_some()) {
                    for (o, orders) in orders.iter().enumerate() {
                        let unit = most(&mut orders.iter().flatten().copied());
                        let tasks = self.case.rates.tasks.iter().enumerate().filter(|(_, t)| t.work == w);
                        let rates = tasks.map(|(t, _)| self.case.per_quarter(o, t)).filter(|r| *r > 0.0);
                        let slowest = rates.fold(f64::INFINITY, f64::min);
                        if slowest.is_finite() {
                            penalty = penalty.max(unit * self.model.demand[s][w][quarter] / slowest + moves);
                        }
                    }
                }
            }
        }
        self.model.penalty = 2.0 * penalty.max(1e-3);
        for unmet in self.model.index.unmet.clone() {
            for (w, row) in unmet.into_iter().enumerate() {
                for (quarter, column) in row.into_iter().enumerate() {
                    let Some(column) = column.filter(|_| quarter >= ask.serve_from && q.work[w].unmet.is_none()) else {
                        continue;
                    };
                    self.model.program.columns[column].cost += self.model.penalty;
                }
            }
        }
    }

    /// Tokens left unserved, in trillions, are what is minimised.
    pub(super) fn most_tokens(&mut self) {
        for s in 0..self.weight.len() {
            for (w, work) in self.case.question.work.iter().enumerate() {
                for quarter in 0..self.case.question.quarters {
                    if let Some(column) = self.model.index.unmet[s][w][quarter] {
                        let tokens = self.model.demand[s][w][quarter] * work.tokens_per_unit() / 1e12;
                        self.model.program.columns[column].cost += self.weight[s] * tokens;
                    }
                }
            }
        }
    }
}
