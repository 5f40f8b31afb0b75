//! From a plan to what is told of it.

use super::case::Case;
use super::findings::{
    LimitFinding, OfferFinding, Order, Place, PlanAnswer, PlanFinding, PlanFindings, PowerUse, RateFinding,
    ScenarioFinding, ScenarioPlan, Served, ShortFinding, Spent, WorkFinding,
};
use super::formulate::{Kind, LimitOf, Model};
use super::optimise::Plan;
use super::question::{AGAINST, Ask, GOALS, Goal, How, Question};
use super::rates::Phase;
use super::sensitivity::Sensitivity;
use super::short::Short;
use crate::findings::Estimate;

/// Version of the layout of [`PlanFindings`].
const SCHEMA: u32 = 2;
/// Amounts below this are rounding of the solver.
const DUST: f64 = 1e-6;

/// The findings of a case with this answer.
pub fn findings(case: &Case, answer: PlanAnswer) -> PlanFindings {
    let q = &case.question;
    PlanFindings {
        schema: SCHEMA,
        program: format!("steelyard {}", env!("CARGO_PKG_VERSION")),
        title: q.title.clone(),
        goal: name_of(&GOALS, q.goal),
        against: name_of(&AGAINST, q.against),
        currency: (q.finance.currency.clone(), q.finance.usd),
        quarters: (0..q.quarters).map(|i| q.quarter(i)).collect(),
        decided: if q.scenarios.len() > 1 { q.decided.min(q.quarters) } else { q.quarters },
        work: q.work.iter().map(work).collect(),
        sites: q.sites.iter().map(|s| s.name.clone()).collect(),
        offers: (0..q.offers.len()).map(|o| offer(case, o)).collect(),
        scenarios: q.scenarios.iter().map(|s| scenario(q, s)).collect(),
        answer,
        facts: q.facts.clone(),
        remarks: q.remarks.clone(),
    }
}

fn name_of<T: PartialEq>(named: &[(&str, T)], thing: T) -> String {
    named.iter().find(|n| n.1 == thing).map_or(String::new(), |n| n.0.to_owned())
}

fn work(w: &super::question::Work) -> WorkFinding {
    let (what, kind) = match &w.ask {
        Ask::Serve(s) => {
            let (input, output) = (s.traffic.input.mean().round(), s.traffic.output.mean().round());
            (format!("{}, {input} in, {output} out", s.model.name), "serving")
        }
        Ask::Train(t) => (format!("{}, sequences of {}", t.model.name, t.sequence), "training"),
    };
    WorkFinding { name: w.name.clone(), what, kind: kind.to_owned() }
}

fn offer(case: &Case, o: usize) -> OfferFinding {
    let q = &case.question;
    let offer = &q.offers[o];
    let rate = |(t, task): (usize, &super::rates::Task)| {
        let per_unit = q.work[task.work].tokens_per_unit();
        let (tokens, setup) = match &case.rates.table[o][t] {
            Ok(r) => {
                let of = |x: f64| x * per_unit;
                (Ok(Estimate { value: of(r.per_second), low: of(r.low), high: of(r.high) }), r.setup.clone())
            }
            Err(no) => (Err(no.0.clone()), String::new()),
        };
        RateFinding { task: task.name.clone(), tokens, setup }
    };
    OfferFinding {
        name: offer.name.clone(),
        system: offer.unit.system.name.clone(),
        chips: offer.unit.chips,
        how: if offer.how == How::Buy { "buy" } else { "rent" }.to_owned(),
        site: offer.site.map(|s| q.sites[s].name.clone()),
        price: Estimate { value: offer.price.mid, low: offer.price.low, high: offer.price.high },
        price_source: offer.price_source.clone(),
        stack: offer.stack.map(|s| q.stacks[s].name.clone()),
        rates: case.rates.tasks.iter().enumerate().map(rate).collect(),
    }
}

fn scenario(q: &Question, s: &super::question::Scenario) -> ScenarioFinding {
    let event = |e: &super::question::Event| (e.name.clone(), q.quarter(e.from));
    ScenarioFinding { name: s.name.clone(), weight: s.weight, events: s.events.iter().map(event).collect() }
}

/// Why there is no plan.
pub fn short(case: &Case, short: &Short) -> ShortFinding {
    let q = &case.question;
    let why = |&w: &usize| {
        let reason = |o: usize| {
            let mut tasks = case.rates.tasks.iter().enumerate().filter(|(_, t)| t.work == w);
            let no = tasks.find_map(|(t, _)| case.rates.table[o][t].as_ref().err().map(|e| e.0.clone()));
            (q.offers[o].name.clone(), no.unwrap_or_default())
        };
        (q.work[w].name.clone(), (0..q.offers.len()).map(reason).collect())
    };
    let of = |(what, worth): &(LimitOf, f64)| {
        let (kind, of) = limit_name(q, what);
        LimitFinding { kind, of, worth: *worth, quarters: Vec::new() }
    };
    ShortFinding {
        unserved: short.unserved.iter().map(|&(w, i, x)| (q.work[w].name.clone(), q.quarter(i), x)).collect(),
        binding: short.binding.iter().map(of).collect(),
        undoable: short.undoable.iter().map(why).collect(),
    }
}

fn limit_name(q: &Question, what: &LimitOf) -> (String, String) {
    let (kind, of) = match what {
        LimitOf::Power(s) => ("power", q.sites[*s].name.clone()),
        LimitOf::Racks(s) => ("racks", q.sites[*s].name.clone()),
        LimitOf::Supply(o) => ("supply", q.offers[*o].name.clone()),
        LimitOf::Stock(o) => ("stock", q.offers[*o].name.clone()),
        LimitOf::Cap(name) => ("cap", name.clone()),
        LimitOf::Share(name) => ("share", name.clone()),
        LimitOf::Budget => ("budget", String::new()),
    };
    (kind.to_owned(), of)
}

/// All of a plan.
pub fn plan(case: &Case, plan: &Plan, further: Sensitivity) -> PlanFinding {
    let q = &case.question;
    let told = Told { case, model: &plan.model, values: &plan.values };
    let spent = told.spent();
    let weights: Vec<f64> = q.scenarios.iter().map(|s| s.weight).collect();
    let cost_of = |s: usize| spent.iter().filter(|x| x.scenario == s).map(|x| x.amount).sum::<f64>();
    let costs: Vec<f64> = (0..weights.len()).map(cost_of).collect();
    let served = told.served();
    let power = told.power();
    let by_scenario = (0..weights.len()).map(|s| {
        let of = |x: &&Served| x.scenario == s;
        let watts = |quarter: usize| {
            power.iter().filter(|p| p.scenario == s && p.quarter == quarter).map(|p| p.watts).sum::<f64>()
        };
        ScenarioPlan {
            cost: costs[s],
            regret: plan.best.get(s).map(|b| costs[s] - b),
            wanted: served.iter().filter(of).map(|x| x.wanted).sum(),
            served: served.iter().filter(of).map(|x| x.served).sum(),
            chips: told.chips(s),
            power: (0..q.quarters).map(watts).fold(0.0, f64::max),
        }
    });
    PlanFinding {
        total: plan.total,
        bound: plan.bound,
        gap: plan.gap(),
        proven: plan.proven,
        served_from: (q.goal == Goal::Earliest).then(|| q.quarter(plan.serve_from)),
        cost: costs.iter().zip(&weights).map(|(c, w)| c * w).sum(),
        cost_low: further.range.0,
        cost_mid: further.range.1,
        cost_high: further.range.2,
        dear: further.dear.map(|s| self::short(case, &s)),
        by_scenario: by_scenario.collect(),
        orders: told.orders(),
        places: told.places(),
        served,
        power,
        spent,
        worth: worth(q, plan),
        tornado: further.tornado,
        break_even: further.break_even,
        maps: further.maps,
    }
}

/// What one more unit of each limit is worth, throughout the plan.
fn worth(q: &Question, plan: &Plan) -> Vec<LimitFinding> {
    let mut all: Vec<(LimitOf, f64, Vec<usize>)> = Vec::new();
    for limit in &plan.model.limits {
        let worth = -plan.worth[limit.row];
        let worth = if matches!(limit.what, LimitOf::Share(_)) { worth.abs() } else { worth };
        if worth < 1e-5 * plan.bound.abs().max(1e-6) {
            continue;
        }
        let at = match all.iter().position(|a| a.0 == limit.what) {
            Some(at) => at,
            None => {
                all.push((limit.what.clone(), 0.0, Vec::new()));
                all.len() - 1
            }
        };
        all[at].1 += worth;
        if let Some(quarter) = limit.quarter.filter(|i| !all[at].2.contains(i)) {
            all[at].2.push(quarter);
        }
    }
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let told = |(what, worth, mut quarters): (LimitOf, f64, Vec<usize>)| {
        quarters.sort_unstable();
        let (kind, of) = limit_name(q, &what);
        LimitFinding { kind, of, worth, quarters: quarters.into_iter().map(|i| q.quarter(i)).collect() }
    };
    all.into_iter().map(told).collect()
}

/// A model with its amounts.
pub(super) struct Told<'a> {
    pub case: &'a Case,
    pub model: &'a Model,
    pub values: &'a [f64],
}

impl Told<'_> {
    fn value(&self, column: Option<usize>) -> f64 {
        column.map(|c| self.values[c]).filter(|v| *v >= DUST).unwrap_or(0.0)
    }

    fn scenarios(&self) -> usize {
        self.model.index.order.len()
    }

    /// Orders, those that all scenarios share once.
    pub fn orders(&self) -> Vec<Order> {
        let q = &self.case.question;
        let index = &self.model.index.order;
        let mut all = Vec::new();
        for (s, offers) in index.iter().enumerate() {
            for (o, row) in offers.iter().enumerate() {
                for (quarter, column) in row.iter().enumerate() {
                    let units = self.value(*column);
                    if units < 0.5 {
                        continue;
                    }
                    let shared = self.scenarios() > 1 && quarter < q.decided;
                    if shared && s > 0 {
                        continue;
                    }
                    let arrives = |s: usize| {
                        let terms = &self.model.terms[s];
                        let at = quarter + terms.lead[o][quarter];
                        (terms.delivered[o][quarter] && at < q.quarters).then_some(at)
                    };
                    let first = arrives(s);
                    let same = !shared || (0..self.scenarios()).all(|x| arrives(x) == first);
                    let scenario = (!shared && self.scenarios() > 1).then_some(s);
                    let arrives = first.filter(|_| same);
                    let until = arrives.map(|a| (a + self.model.serves[o]).min(q.quarters));
                    all.push(Order { scenario, offer: o, quarter, arrives, until, units: units.round() });
                }
            }
        }
        all
    }

    /// Units at work.
    pub fn places(&self) -> Vec<Place> {
        let q = &self.case.question;
        let mut all = Vec::new();
        for scenario in 0..self.scenarios() {
            for offer in 0..q.offers.len() {
                for (t, task) in self.case.rates.tasks.iter().enumerate() {
                    for quarter in 0..q.quarters {
                        let units = self.value(self.model.index.work[scenario][offer][t][quarter]);
                        if units < DUST {
                            continue;
                        }
                        let tokens = match task.phase {
                            Phase::Prefill => 0.0,
                            _ => units * self.case.per_quarter(offer, t) * q.work[task.work].tokens_per_unit(),
                        };
                        let (work, phase) = (task.work, task.phase);
                        all.push(Place { scenario, offer, work, phase, quarter, units, tokens });
                    }
                }
            }
        }
        all
    }

    /// Demand, what is served, what could be.
    pub fn served(&self) -> Vec<Served> {
        let q = &self.case.question;
        let mut all = Vec::new();
        for scenario in 0..self.scenarios() {
            for (work, w) in q.work.iter().enumerate() {
                for quarter in 0..q.quarters {
                    let wanted = self.model.demand[scenario][work][quarter] * w.tokens_per_unit();
                    if wanted <= 0.0 {
                        continue;
                    }
                    let unmet = self.value(self.model.index.unmet[scenario][work][quarter]).clamp(0.0, 1.0);
                    let could = |o: usize| {
                        let stands = self.value(self.model.index.stand[scenario][o][quarter]);
                        let tasks = self.case.rates.tasks.iter().enumerate();
                        let tasks = tasks.filter(|(_, t)| t.work == work && t.phase != Phase::Prefill);
                        let rates = tasks.filter(|(t, _)| self.model.index.work[scenario][o][*t][quarter].is_some());
                        rates.map(|(t, _)| stands * self.case.per_quarter(o, t)).fold(0.0, f64::max)
                    };
                    let capacity = (0..q.offers.len()).map(could).sum::<f64>() * w.tokens_per_unit();
                    let unmet = if unmet < DUST { 0.0 } else { unmet };
                    all.push(Served { scenario, work, quarter, wanted, served: wanted * (1.0 - unmet), capacity });
                }
            }
        }
        all
    }

    /// Power of each site with systems.
    pub fn power(&self) -> Vec<PowerUse> {
        let q = &self.case.question;
        let mut all = Vec::new();
        for scenario in 0..self.scenarios() {
            for (site, s) in q.sites.iter().enumerate() {
                for quarter in 0..q.quarters {
                    let draw = |o: usize| {
                        let offer = &q.offers[o];
                        match offer.site == Some(site) {
                            true => self.value(self.model.index.stand[scenario][o][quarter]) * offer.power.mid,
                            false => 0.0,
                        }
                    };
                    let watts = (0..q.offers.len()).map(draw).sum::<f64>() * s.pue.mid;
                    let limit = Some(self.model.terms[scenario].power[site][quarter]).filter(|p| p.is_finite());
                    all.push(PowerUse { scenario, site, quarter, watts, limit });
                }
            }
        }
        all
    }

    fn chips(&self, s: usize) -> f64 {
        let q = &self.case.question;
        let last = q.quarters - 1;
        let of = |o: usize| self.value(self.model.index.stand[s][o][last]) * f64::from(q.offers[o].unit.chips);
        (0..q.offers.len()).map(of).sum::<f64>().round()
    }

    /// Every amount of money, by scenario, quarter, kind, offer, site and the work that it is for.
    pub fn spent(&self) -> Vec<Spent> {
        use std::collections::BTreeMap;
        let q = &self.case.question;
        // Unit-quarters of each offer by work, and of each stack.
        let mut busy: BTreeMap<(usize, usize), Vec<f64>> = BTreeMap::new();
        let mut on_stack: BTreeMap<(usize, usize), Vec<f64>> = BTreeMap::new();
        for p in self.places() {
            busy.entry((p.scenario, p.offer)).or_insert_with(|| vec![0.0; q.work.len()])[p.work] += p.units;
            if let Some(stack) = q.offers[p.offer].stack {
                on_stack.entry((p.scenario, stack)).or_insert_with(|| vec![0.0; q.work.len()])[p.work] += p.units;
            }
        }
        let mut sums = BTreeMap::new();
        for c in &self.model.ledger {
            let value = self.values[c.column];
            if value.abs() < 1e-9 {
                continue;
            }
            let index = &self.model.index;
            let stack = match c.offer {
                Some(_) => None,
                None => index.moved.iter().chain(&index.moved_later[c.scenario]).position(|m| *m == Some(c.column)),
            };
            let work = match c.kind {
                Kind::Electricity | Kind::Unmet => self.work_of(c.column, c.scenario),
                _ => None,
            };
            let shares: Vec<(Option<usize>, f64)> = match (work, c.offer, stack) {
                (Some(w), ..) => vec![(Some(w), 1.0)],
                (None, Some(o), _) => shares(busy.get(&(c.scenario, o))),
                (None, None, Some(k)) => shares(on_stack.get(&(c.scenario, k % q.stacks.len().max(1)))),
                (None, None, None) => vec![(None, 1.0)],
            };
            for (work, share) in shares {
                *sums.entry((c.scenario, c.quarter, c.kind, c.offer, work)).or_default() += share * c.amount * value;
            }
        }
        let told = |((scenario, quarter, kind, offer, work), amount): (_, f64)| {
            let kind: Kind = kind;
            let site = Option::and_then(offer, |o: usize| q.offers[o].site);
            Spent { scenario, quarter, kind: kind.name().to_owned(), offer, site, work, amount }
        };
        sums.into_iter().map(told).collect()
    }

    /// The work that a column of work or of unmet demand is about.
    fn work_of(&self, column: usize, s: usize) -> Option<usize> {
        let index = &self.model.index;
        let unmet = index.unmet[s].iter().position(|row| row.contains(&Some(column)));
        unmet.or_else(|| {
            let has = |offer: &Vec<Vec<Option<usize>>>| offer.iter().position(|row| row.contains(&Some(column)));
            index.work[s].iter().find_map(has).map(|t| self.case.rates.tasks[t].work)
        })
    }
}

fn shares(busy: Option<&Vec<f64>>) -> Vec<(Option<usize>, f64)> {
    let all: f64 = busy.map_or(0.0, |b| b.iter().sum());
    match busy {
        Some(busy) if all > 0.0 => {
            busy.iter().enumerate().filter(|(_, b)| **b > 0.0).map(|(w, b)| (Some(w), b / all)).collect()
        }
        _ => vec![(None, 1.0)],
    }
}
