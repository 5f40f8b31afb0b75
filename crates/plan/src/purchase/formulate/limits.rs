//! Limits of sites, of supply over time, and of money.

use super::{Limit, LimitOf, MILLION, Making, Model};

impl Making<'_> {
    /// Power and racks.
    pub(super) fn sites(&mut self, s: usize) {
        let q = &self.case.question;
        for (i, site) in q.sites.iter().enumerate() {
            for quarter in 0..q.quarters {
                let at = (0..q.offers.len()).filter(|&o| q.offers[o].site == Some(i));
                let at: Vec<(usize, usize)> =
                    at.filter_map(|o| Some((o, self.model.index.stand[s][o][quarter]?))).collect();
                let power = self.model.terms[s].power[i][quarter];
                if power.is_finite() && !at.is_empty() {
                    let draw = |&(o, c): &(usize, usize)| (c, q.offers[o].power.mid * site.pue.mid / MILLION);
                    let row = self.model.program.at_most(at.iter().map(draw).collect(), power / MILLION);
                    let what = LimitOf::Power(i);
                    self.model.limits.push(Limit { row, what, scenario: Some(s), quarter: Some(quarter), unit: 1.0 });
                }
                if let Some(racks) = site.racks.filter(|_| !at.is_empty()) {
                    let takes = at.iter().map(|&(o, c)| (c, q.offers[o].racks)).collect();
                    let row = self.model.program.at_most(takes, racks.mid);
                    let what = LimitOf::Racks(i);
                    self.model.limits.push(Limit { row, what, scenario: Some(s), quarter: Some(quarter), unit: 1.0 });
                }
            }
        }
    }

    /// Limits over several quarters: stocks, caps, shares, the budget.
    pub(super) fn limits(&mut self, s: usize) {
        let q = &self.case.question;
        let delivered = |m: &Model, o: usize, quarters: std::ops::Range<usize>| -> Vec<usize> {
            let of = |i: usize| m.index.order[s][o][i].filter(|_| m.terms[s].delivered[o][i]);
            quarters.filter_map(of).collect()
        };
        for (o, offer) in q.offers.iter().enumerate() {
            let Some(stock) = offer.stock else { continue };
            let row: Vec<_> = delivered(&self.model, o, 0..q.quarters).into_iter().map(|c| (c, 1.0)).collect();
            if !row.is_empty() {
                let row = self.model.program.at_most(row, stock.mid);
                let what = LimitOf::Stock(o);
                self.model.limits.push(Limit { row, what, scenario: Some(s), quarter: None, unit: 1.0 });
            }
        }
        let terms = self.model.terms[s].clone();
        for cap in &terms.caps {
            let mut row = Vec::new();
            for &o in &cap.offers {
                let chips = f64::from(q.offers[o].unit.chips);
                row.extend(delivered(&self.model, o, cap.quarters.clone()).into_iter().map(|c| (c, chips)));
            }
            if !row.is_empty() {
                let row = self.model.program.at_most(row, cap.chips);
                let what = LimitOf::Cap(cap.name.clone());
                self.model.limits.push(Limit { row, what, scenario: Some(s), quarter: None, unit: 1.0 });
            }
        }
        for share in &terms.shares {
            let mut row = Vec::new();
            for &(o, own) in &share.offers {
                let chips = f64::from(q.offers[o].unit.chips) * (f64::from(u8::from(own)) - share.share);
                row.extend(delivered(&self.model, o, share.quarters.clone()).into_iter().map(|c| (c, chips)));
            }
            if !row.is_empty() {
                let row = self.model.program.at_least(row, 0.0);
                let what = LimitOf::Share(share.name.clone());
                self.model.limits.push(Limit { row, what, scenario: Some(s), quarter: None, unit: 1.0 });
            }
        }
        if let Some(budget) = q.budget {
            let row = self.cost_row(s);
            let row = self.model.program.at_most(row, budget.mid / MILLION);
            let what = LimitOf::Budget;
            self.model.limits.push(Limit { row, what, scenario: Some(s), quarter: None, unit: 1.0 });
        }
    }
}
