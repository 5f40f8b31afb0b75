//! What works on what, and what is served of the demand.

use super::super::quarter::HOURS;
use super::super::question::Goal;
use super::super::rates::Phase;
use super::{Ask, Kind, MILLION, Making};

impl Making<'_> {
    /// Units at work: no more than stand; what they draw.
    #[expect(clippy::needless_range_loop, reason = "several tables are indexed by the quarter")]
    pub(super) fn work(&mut self, s: usize) {
        let q = &self.case.question;
        let tasks = &self.case.rates.tasks;
        let mut all = vec![vec![vec![None; q.quarters]; tasks.len()]; q.offers.len()];
        for (o, by_task) in all.iter_mut().enumerate() {
            for quarter in 0..q.quarters {
                let Some(stands) = self.model.index.stand[s][o][quarter] else { continue };
                if !self.model.terms[s].usable[o][quarter] {
                    continue;
                }
                let mut row = vec![(stands, -1.0)];
                for (t, task) in tasks.iter().enumerate() {
                    let wanted = self.model.demand[s][task.work][quarter] > 0.0;
                    if !wanted || self.case.per_second(o, t) <= 0.0 || !self.ready(s, o, quarter) {
                        continue;
                    }
                    let column = self.model.program.column(0.0);
                    by_task[t][quarter] = Some(column);
                    row.push((column, 1.0));
                    if let Some(site) = q.offers[o].site {
                        let kwh =
                            q.offers[o].power.mid / 1e3 * q.sites[site].pue.mid * HOURS * q.finance.utilisation.mid;
                        let usd = kwh * self.model.terms[s].electricity[site][quarter];
                        self.charge(column, s, quarter, Kind::Electricity, Some(o), usd);
                    }
                }
                if row.len() > 1 {
                    self.model.program.at_most(row, 0.0);
                }
            }
        }
        self.model.index.work.push(all);
    }

    /// Whether work can have been moved to the stack of an offer by a quarter.
    pub(super) fn ready(&self, s: usize, offer: usize, quarter: usize) -> bool {
        let q = &self.case.question;
        let Some(stack) = q.offers[offer].stack.filter(|&k| self.must_move(k)) else { return true };
        let time = q.stacks[stack].quarters.mid.round() as usize;
        let later = self.model.index.moved_later[s][stack].is_some();
        quarter >= time || (later && quarter >= q.decided + time)
    }

    /// Demand is served, or left at its price. Rows count shares of the demand.
    #[expect(clippy::needless_range_loop, reason = "several tables are indexed by the quarter")]
    pub(super) fn demand(&mut self, s: usize, ask: &Ask) {
        let q = &self.case.question;
        let tasks = self.case.rates.tasks.clone();
        let mut unmet = vec![vec![None; q.quarters]; q.work.len()];
        for (w, work) in q.work.iter().enumerate() {
            for quarter in 0..q.quarters {
                let units = self.model.demand[s][w][quarter];
                if units <= 0.0 {
                    continue;
                }
                let left = self.model.program.column(0.0);
                self.model.program.columns[left].upper = 1.0;
                unmet[w][quarter] = Some(left);
                let free = quarter < ask.serve_from || q.goal == Goal::MostTokens;
                if let Some(price) = work.unmet.filter(|_| !free) {
                    let usd = price.mid * units * work.tokens_per_unit() / MILLION;
                    self.charge(left, s, quarter, Kind::Unmet, None, usd);
                }
                let (mut whole, mut prefill, mut decode) = (vec![(left, 1.0)], Vec::new(), Vec::new());
                for (t, task) in tasks.iter().enumerate().filter(|(_, t)| t.work == w) {
                    let row = match task.phase {
                        Phase::Whole => &mut whole,
                        Phase::Prefill => &mut prefill,
                        Phase::Decode => &mut decode,
                    };
                    for o in 0..q.offers.len() {
                        if let Some(column) = self.model.index.work[s][o][t][quarter] {
                            row.push((column, self.case.per_quarter(o, t) / units));
                        }
                    }
                }
                // What is read apart must be written apart.
                if !prefill.is_empty() && !decode.is_empty() {
                    let apart = self.model.program.column(0.0);
                    whole.push((apart, 1.0));
                    for mut row in [prefill, decode] {
                        row.push((apart, -1.0));
                        self.model.program.at_least(row, 0.0);
                    }
                }
                let high = if q.goal == Goal::MostTokens { 1.0 } else { f64::INFINITY };
                self.model.program.row(whole, 1.0, high);
            }
        }
        self.model.index.unmet.push(unmet);
    }

    /// No work on a stack that was not moved to.
    pub(super) fn moves(&mut self, s: usize) {
        let q = &self.case.question;
        let tasks = self.case.rates.tasks.clone();
        for (k, stack) in q.stacks.iter().enumerate() {
            let Some(now) = self.model.index.moved[k] else { continue };
            let later = self.model.index.moved_later[s][k];
            let time = stack.quarters.mid.round() as usize;
            for quarter in 0..q.quarters {
                for (t, task) in tasks.iter().enumerate() {
                    let units = self.model.demand[s][task.work][quarter];
                    let of_stack = (0..q.offers.len()).filter(|&o| q.offers[o].stack == Some(k));
                    let work = |o: usize| {
                        let column = self.model.index.work[s][o][t][quarter]?;
                        Some((column, self.case.per_quarter(o, t) / units))
                    };
                    let mut row: Vec<(usize, f64)> = of_stack.filter_map(work).collect();
                    if row.is_empty() {
                        continue;
                    }
                    row.extend((quarter >= time).then_some((now, -1.0)));
                    row.extend(later.filter(|_| quarter >= q.decided + time).map(|l| (l, -1.0)));
                    self.model.program.at_most(row, 0.0);
                }
            }
        }
    }
}
