//! What is ordered, what it costs, and what stands.

use super::super::quarter::HOURS;
use super::super::question::How;
use super::super::terms::serves;
use super::{Kind, Limit, LimitOf, Making, Model};

/// Units of an offer without any limit that a plan may order in one quarter.
const MOST_UNITS: f64 = 1e6;

impl Making<'_> {
    /// Columns of moving to stacks, from the start and when the scenario is known.
    pub(super) fn stacks(&mut self) {
        let q = &self.case.question;
        let scenarios = self.weight.len();
        self.model.index.moved = vec![None; q.stacks.len()];
        self.model.index.moved_later = vec![vec![None; q.stacks.len()]; scenarios];
        for (i, stack) in q.stacks.iter().enumerate().filter(|(i, _)| self.must_move(*i)).collect::<Vec<_>>() {
            let add = |making: &mut Self, from: usize, scenarios: std::ops::Range<usize>| {
                let column = making.model.program.whole(0.0, 1.0);
                for s in scenarios {
                    making.charge(column, s, from, Kind::Migration, None, stack.cost.mid);
                    for quarter in from..q.quarters {
                        making.charge(column, s, quarter, Kind::Staff, None, stack.staff.mid / 4.0);
                    }
                }
                column
            };
            let column = add(self, 0, 0..scenarios);
            self.model.index.moved[i] = Some(column);
            if q.decided > 0 && q.decided < q.quarters && scenarios > 1 {
                for s in 0..scenarios {
                    let column = add(self, q.decided, s..s + 1);
                    self.model.index.moved_later[s][i] = Some(column);
                }
            }
        }
    }

    /// Columns of orders with what they cost. An order whose delivery lapses in every scenario has none.
    pub(super) fn orders(&mut self) {
        let q = &self.case.question;
        let (n, scenarios) = (q.quarters, self.weight.len());
        self.model.index.order = vec![vec![vec![None; n]; q.offers.len()]; scenarios];
        let shared = if scenarios > 1 { q.decided.min(n) } else { 0 };
        for o in 0..q.offers.len() {
            for quarter in 0..n {
                let comes =
                    |m: &Model, s: usize| m.terms[s].delivered[o][quarter] && quarter + m.terms[s].lead[o][quarter] < n;
                let groups: Vec<Vec<usize>> = if quarter < shared {
                    vec![(0..scenarios).collect()]
                } else {
                    (0..scenarios).map(|s| vec![s]).collect()
                };
                for group in groups {
                    if !group.iter().any(|&s| comes(&self.model, s)) {
                        continue;
                    }
                    let supply = group.iter().map(|&s| self.model.terms[s].supply[o][quarter]).fold(0.0, f64::max);
                    if supply < 1.0 {
                        continue;
                    }
                    let column = self.model.program.whole(0.0, MOST_UNITS);
                    for &s in &group {
                        self.model.index.order[s][o][quarter] = Some(column);
                        if comes(&self.model, s) {
                            self.order_costs(column, s, o, quarter);
                        }
                    }
                    if supply < MOST_UNITS {
                        let row = self.model.program.at_most(vec![(column, 1.0)], supply);
                        let scenario = (group.len() == 1).then_some(group[0]);
                        let what = LimitOf::Supply(o);
                        self.model.limits.push(Limit { row, what, scenario, quarter: Some(quarter), unit: 1.0 });
                    }
                }
            }
        }
    }

    pub(super) fn order_costs(&mut self, column: usize, s: usize, o: usize, quarter: usize) {
        let q = &self.case.question;
        let offer = &q.offers[o];
        let terms = &self.model.terms[s];
        let (price, surcharge) = (terms.price[o][quarter], terms.surcharge[o][quarter]);
        let arrives = quarter + terms.lead[o][quarter];
        let chips = f64::from(offer.unit.chips);
        let until = (arrives + serves(q, o)).min(q.quarters);
        match offer.how {
            How::Buy => {
                self.charge(column, s, arrives, Kind::Purchase, Some(o), chips * price);
                self.charge(column, s, arrives, Kind::Surcharge, Some(o), chips * price * surcharge);
                self.charge(column, s, arrives, Kind::Beside, Some(o), chips * offer.beside.mid);
                let life = q.finance.lifetime_years.mid * 4.0;
                let left = (1.0 - (q.quarters - arrives) as f64 / life).max(0.0) * q.finance.resale.mid;
                // Sold on the last day: in the money of the quarter after it.
                let worth = chips * (price + offer.beside.mid) * left;
                self.charge(column, s, q.quarters, Kind::Resale, Some(o), -worth);
            }
            How::Rent { .. } => {
                for at in arrives..until {
                    let rent = chips * price * HOURS;
                    self.charge(column, s, at, Kind::Rent, Some(o), rent);
                    self.charge(column, s, at, Kind::Surcharge, Some(o), rent * surcharge);
                }
            }
        }
        if let Some(site) = offer.site {
            for at in arrives..until {
                let hosting = q.sites[site].hosting.mid * offer.power.mid / 1e3 * 3.0;
                self.charge(column, s, at, Kind::Hosting, Some(o), hosting);
            }
        }
    }

    /// Units that stand: what was delivered and has not left yet.
    pub(super) fn stand(&mut self, s: usize) {
        let q = &self.case.question;
        let n = q.quarters;
        let mut all = vec![vec![None; n]; q.offers.len()];
        for (o, stands) in all.iter_mut().enumerate() {
            let serves = serves(q, o);
            // Orders by the quarter of their delivery.
            let mut arrivals: Vec<Vec<usize>> = vec![Vec::new(); n];
            for quarter in 0..n {
                let terms = &self.model.terms[s];
                let arrives = quarter + terms.lead[o][quarter];
                if let Some(column) = self.model.index.order[s][o][quarter]
                    && terms.delivered[o][quarter]
                    && arrives < n
                {
                    arrivals[arrives].push(column);
                }
            }
            let mut before: Option<usize> = None;
            for quarter in 0..n {
                if before.is_none() && arrivals[quarter].is_empty() {
                    continue;
                }
                let column = self.model.program.column(0.0);
                let mut terms = vec![(column, 1.0)];
                terms.extend(before.map(|b| (b, -1.0)));
                terms.extend(arrivals[quarter].iter().map(|&a| (a, -1.0)));
                if quarter >= serves {
                    terms.extend(arrivals[quarter - serves].iter().map(|&a| (a, 1.0)));
                }
                self.model.program.row(terms, 0.0, 0.0);
                stands[quarter] = Some(column);
                before = Some(column);
            }
        }
        self.model.index.stand.push(all);
    }
}
