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
use super::quarter::HOURS;
use super::question::{Against, Goal, How};
use super::rates::Phase;
use super::terms::{Terms, serves, terms};

const MILLION: f64 = 1e6;
/// Units of an offer without any limit that a plan may order in one quarter.
const MOST_UNITS: f64 = 1e6;

/// What money pays for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Systems bought.
    Purchase,
    /// Duties and surcharges.
    Surcharge,
    /// Hosts, network and optics beside the chips.
    Beside,
    /// Rent.
    Rent,
    /// Electricity.
    Electricity,
    /// Building and its staff.
    Hosting,
    /// Moving work to a stack.
    Migration,
    /// People who keep a stack running.
    Staff,
    /// What purchases are worth at the end: below 0.
    Resale,
    /// What unserved demand costs.
    Unmet,
}

impl Kind {
    /// All of them, in the order of showing.
    pub const ALL: [Kind; 10] = [
        Kind::Purchase,
        Kind::Surcharge,
        Kind::Beside,
        Kind::Rent,
        Kind::Electricity,
        Kind::Hosting,
        Kind::Migration,
        Kind::Staff,
        Kind::Resale,
        Kind::Unmet,
    ];

    /// Its name in findings.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Purchase => "purchase",
            Kind::Surcharge => "surcharge",
            Kind::Beside => "hosts and network",
            Kind::Rent => "rent",
            Kind::Electricity => "electricity",
            Kind::Hosting => "hosting",
            Kind::Migration => "migration",
            Kind::Staff => "staff",
            Kind::Resale => "resale",
            Kind::Unmet => "unmet demand",
        }
    }
}

/// What a unit of a column costs in one scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Charge {
    /// The column.
    pub column: usize,
    /// The scenario.
    pub scenario: usize,
    /// When it is paid.
    pub quarter: usize,
    /// For what.
    pub kind: Kind,
    /// For which offer, if for one.
    pub offer: Option<usize>,
    /// Millions of US dollars of the first quarter.
    pub amount: f64,
}

/// A limit that has a worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// The row.
    pub row: usize,
    /// What it limits.
    pub what: LimitOf,
    /// Its scenario; `None` where all share it.
    pub scenario: Option<usize>,
    /// Its quarter; `None` where it spans all.
    pub quarter: Option<usize>,
    /// What one unit of the row is in the limit's own unit (watts in a megawatt, ...).
    pub unit: f64,
}

/// What a limit limits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LimitOf {
    /// Megawatts of a site.
    Power(usize),
    /// Racks of a site.
    Racks(usize),
    /// Units of an offer a quarter.
    Supply(usize),
    /// Units of an offer over all.
    Stock(usize),
    /// Chips of an event's cap.
    Cap(String),
    /// A share by origin.
    Share(String),
    /// Millions of US dollars.
    Budget,
}

/// Where the columns of a decision are.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// Orders by scenario, offer, quarter. Decided quarters have the same column in all scenarios.
    pub order: Vec<Vec<Vec<Option<usize>>>>,
    /// Units that stand by scenario, offer, quarter.
    pub stand: Vec<Vec<Vec<Option<usize>>>>,
    /// Units at work by scenario, offer, task, quarter.
    pub work: Vec<Vec<Vec<Vec<Option<usize>>>>>,
    /// Share of demand left by scenario, work, quarter.
    pub unmet: Vec<Vec<Vec<Option<usize>>>>,
    /// Stacks moved to from the start, and after the scenario is known: by stack, by scenario and stack.
    pub moved: Vec<Option<usize>>,
    /// The same after the scenario is known.
    pub moved_later: Vec<Vec<Option<usize>>>,
    /// The largest cost or regret.
    pub worst: Option<usize>,
}

/// A question as a programme.
#[derive(Debug, Clone)]
pub struct Model {
    /// The programme.
    pub program: Program,
    /// Its columns.
    pub index: Index,
    /// Its money.
    pub ledger: Vec<Charge>,
    /// Its limits.
    pub limits: Vec<Limit>,
    /// Terms by scenario.
    pub terms: Vec<Terms>,
    /// Demand in units a quarter by scenario, work, quarter.
    pub demand: Vec<Vec<Vec<f64>>>,
    /// Quarters that a unit of each offer serves.
    pub serves: Vec<usize>,
    /// Millions of US dollars that all unserved demand of a class and quarter costs beyond the ledger, where all must be
    /// served.
    pub penalty: f64,
}

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

    fn stacks(&mut self) {
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
    fn orders(&mut self) {
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

    fn order_costs(&mut self, column: usize, s: usize, o: usize, quarter: usize) {
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

    fn scenario(&mut self, s: usize, ask: &Ask) {
        self.stand(s);
        self.work(s);
        self.demand(s, ask);
        self.moves(s);
        self.sites(s);
        self.limits(s);
    }

    /// Units that stand: what was delivered and has not left yet.
    fn stand(&mut self, s: usize) {
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

    /// Units at work: no more than stand; what they draw.
    #[expect(clippy::needless_range_loop, reason = "several tables are indexed by the quarter")]
    fn work(&mut self, s: usize) {
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
    fn ready(&self, s: usize, offer: usize, quarter: usize) -> bool {
        let q = &self.case.question;
        let Some(stack) = q.offers[offer].stack.filter(|&k| self.must_move(k)) else { return true };
        let time = q.stacks[stack].quarters.mid.round() as usize;
        let later = self.model.index.moved_later[s][stack].is_some();
        quarter >= time || (later && quarter >= q.decided + time)
    }

    /// Demand is served, or left at its price. Rows count shares of the demand.
    #[expect(clippy::needless_range_loop, reason = "several tables are indexed by the quarter")]
    fn demand(&mut self, s: usize, ask: &Ask) {
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
    fn moves(&mut self, s: usize) {
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

    fn sites(&mut self, s: usize) {
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
    fn limits(&mut self, s: usize) {
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

    /// What a scenario costs, as terms of a row.
    fn cost_row(&self, s: usize) -> Vec<(usize, f64)> {
        self.model.ledger.iter().filter(|c| c.scenario == s).map(|c| (c.column, c.amount)).collect()
    }

    fn objective(&mut self, ask: &Ask) {
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
    fn penalise(&mut self, ask: &Ask) {
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
    fn most_tokens(&mut self) {
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
