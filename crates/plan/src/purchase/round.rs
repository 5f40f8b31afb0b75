//! Whole units from a relaxed solution.
//!
//! Once orders are fixed, the rest of the programme falls apart: what works on what in one quarter of one scenario does
//! not touch another quarter. Each such part is a small linear programme, solved exactly and remembered, so that a
//! change of one order costs only the parts that it reaches. Orders start at the relaxed amounts rounded up and then
//! improve by single changes: one fewer, one later, one of another offer. How far the result can be from the best is
//! known from the relaxed cost.

use std::collections::HashMap;

use super::formulate::Model;
use super::program::Program;
use super::solver::exact_microlp;

/// How scenarios add up to what is minimised.
#[derive(Debug, Clone, PartialEq)]
pub enum Total {
    /// Mean by weight.
    Mean(Vec<f64>),
    /// The largest, after these have been taken off.
    Worst(Vec<f64>),
}

impl Total {
    fn of(&self, costs: &[f64]) -> f64 {
        match self {
            Total::Mean(weights) => costs.iter().zip(weights).map(|(c, w)| c * w).sum(),
            Total::Worst(less) => costs.iter().zip(less).map(|(c, l)| c - l).fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

/// A part of the programme that fixed columns cut off from the rest.
#[derive(Debug)]
struct Part {
    columns: Vec<usize>,
    rows: Vec<PartRow>,
}

#[derive(Debug)]
struct PartRow {
    /// Terms by place in `columns`.
    free: Vec<(usize, f64)>,
    fixed: Vec<(usize, f64)>,
    low: f64,
    high: f64,
}

/// What belongs to one scenario.
#[derive(Debug, Default)]
struct Lane {
    parts: Vec<Part>,
    /// Rows on fixed columns alone.
    hard: Vec<usize>,
    /// Rows that define how many units stand, with the column that each defines.
    stands: Vec<(usize, usize)>,
    /// What fixed columns cost.
    charges: Vec<(usize, f64)>,
    /// Orders that are this scenario's own, with offer and quarter.
    orders: Vec<(usize, usize, usize)>,
}

/// The programme cut into scenarios and parts.
pub struct Cut<'a> {
    program: &'a Program,
    /// What columns that belong to one scenario cost in it.
    cost: Vec<f64>,
    lanes: Vec<Lane>,
    shared: Vec<(usize, usize, usize)>,
}

type Memory = HashMap<(usize, Vec<u64>), Option<(f64, Vec<f64>)>>;

/// A scenario under search.
#[derive(Clone)]
struct State {
    values: Vec<f64>,
    cost: f64,
}

/// How much dearer demand that must be served is here than in the relaxed programme.
const MUST: f64 = 1e4;
/// Smallest improvement that counts, relative to the cost.
const STEP: f64 = 1e-7;
/// Rounds over all single changes.
const ROUNDS: usize = 4;

impl<'a> Cut<'a> {
    /// Cuts a model of the mean objective.
    pub fn new(model: &'a Model) -> Cut<'a> {
        let program = &model.program;
        let n = program.columns.len();
        let scenarios = model.index.order.len();
        // Whose each column is; fixed ones may be everybody's.
        let mut owner: Vec<Option<usize>> = vec![None; n];
        let mut fixed: Vec<bool> = program.columns.iter().map(|c| c.whole).collect();
        let mut lanes: Vec<Lane> = (0..scenarios).map(|_| Lane::default()).collect();
        let mut shared = Vec::new();
        for (s, lane) in lanes.iter_mut().enumerate() {
            for (o, row) in model.index.order[s].iter().enumerate() {
                for (quarter, column) in row.iter().enumerate() {
                    let Some(column) = *column else { continue };
                    let others = scenarios > 1
                        && (0..scenarios).any(|x| x != s && model.index.order[x][o][quarter] == Some(column));
                    match others {
                        true if !shared.contains(&(column, o, quarter)) => shared.push((column, o, quarter)),
                        true => {}
                        false => lane.orders.push((column, o, quarter)),
                    }
                }
            }
            for column in model.index.stand[s].iter().flatten().flatten() {
                fixed[*column] = true;
                owner[*column] = Some(s);
            }
        }
        let free: Vec<usize> = (0..n).filter(|&c| !fixed[c]).collect();
        let mut group: Vec<usize> = (0..n).collect();
        for row in &program.rows {
            let mut open = row.terms.iter().filter(|t| !fixed[t.0]).map(|t| t.0);
            if let Some(first) = open.next() {
                open.for_each(|c| join(&mut group, first, c));
            }
        }
        // A free column is owned by the scenario whose work or unmet demand its group holds.
        let mut owners: HashMap<usize, usize> = HashMap::new();
        for s in 0..scenarios {
            let work = model.index.work[s].iter().flatten().flatten().flatten();
            for c in work.chain(model.index.unmet[s].iter().flatten().flatten()) {
                owners.insert(root(&mut group, *c), s);
            }
        }
        let mut place: HashMap<usize, (usize, usize)> = HashMap::new();
        let mut local = vec![0; n];
        for &c in &free {
            let at = root(&mut group, c);
            let s = owners.get(&at).copied().unwrap_or(0);
            let (s, p) = *place.entry(at).or_insert_with(|| {
                lanes[s].parts.push(Part { columns: Vec::new(), rows: Vec::new() });
                (s, lanes[s].parts.len() - 1)
            });
            owner[c] = Some(s);
            local[c] = lanes[s].parts[p].columns.len();
            lanes[s].parts[p].columns.push(c);
        }
        for (i, row) in program.rows.iter().enumerate() {
            match row.terms.iter().find(|t| !fixed[t.0]) {
                Some(&(c, _)) => {
                    let (s, p) = place[&root(&mut group, c)];
                    let (open, shut): (Vec<_>, Vec<_>) = row.terms.iter().copied().partition(|t| !fixed[t.0]);
                    let free = open.into_iter().map(|(c, a)| (local[c], a)).collect();
                    lanes[s].parts[p].rows.push(PartRow { free, fixed: shut, low: row.low, high: row.high });
                }
                None => match row.terms.last() {
                    Some(&(c, a)) if row.low == row.high && a == 1.0 && owner[c].is_some() => {
                        if let Some(s) = owner[c] {
                            lanes[s].stands.push((i, c));
                        }
                    }
                    _ => lanes.iter_mut().for_each(|l| l.hard.push(i)),
                },
            }
        }
        let mut cost = vec![0.0; n];
        for c in &model.ledger {
            match fixed[c.column] {
                true => lanes[c.scenario].charges.push((c.column, c.amount)),
                false => cost[c.column] += c.amount,
            }
        }
        // Whole units come in steps: a rest of the demand that must be served is never worth leaving.
        let priced: f64 = MUST * model.penalty;
        for unmet in model.index.unmet.iter().flatten().flatten().flatten() {
            // What is in the programme's cost but not in the ledger is the penalty on demand that must be served.
            if cost[*unmet] == 0.0 && program.columns[*unmet].cost > 0.0 {
                cost[*unmet] = priced;
            }
        }
        Cut { program, cost, lanes, shared }
    }

    /// What the tokens left unserved count for where nothing is priced: the programme's own costs.
    pub fn by_program_cost(mut self, weights: &[f64]) -> Self {
        for (lane, weight) in self.lanes.iter_mut().zip(weights) {
            lane.charges.clear();
            for &c in lane.parts.iter().flat_map(|p| &p.columns) {
                self.cost[c] = self.program.columns[c].cost / weight.max(1e-12);
            }
        }
        self
    }

    /// Whole units near a relaxed solution. `total` says what is minimised. Gives all columns and the cost.
    pub fn round(&self, relaxed: &[f64], total: &Total, model: &Model) -> Option<(Vec<f64>, f64)> {
        use rayon::prelude::*;
        let mut values = start(relaxed, model, self.program);
        self.repair(&mut values, relaxed);
        let active = active(relaxed, model, &values);
        let mut lanes: Vec<(State, Memory)> = Vec::new();
        for s in 0..self.lanes.len() {
            let mut memory = Memory::new();
            let mut own = values.clone();
            let cost = self.evaluate(s, &mut own, &mut memory)?;
            lanes.push((State { values: own, cost }, memory));
        }
        for _ in 0..2 {
            lanes = lanes
                .into_par_iter()
                .enumerate()
                .map(|(s, (state, mut memory))| {
                    let state = self.improve(s, state, &active, &mut memory);
                    (state, memory)
                })
                .collect();
            if !self.improve_shared(&mut lanes, total, &active) {
                break;
            }
        }
        let costs: Vec<f64> = lanes.iter().map(|l| l.0.cost).collect();
        for (s, (state, _)) in lanes.iter().enumerate() {
            let lane = &self.lanes[s];
            let own = lane.parts.iter().flat_map(|p| p.columns.iter().copied());
            let own = own.chain(lane.stands.iter().map(|x| x.1)).chain(lane.orders.iter().map(|x| x.0));
            own.for_each(|c| values[c] = state.values[c]);
            self.shared.iter().for_each(|x| values[x.0] = state.values[x.0]);
        }
        Some((values, total.of(&costs)))
    }

    /// Takes units back until rows on orders alone hold, first where rounding added most.
    fn repair(&self, values: &mut [f64], relaxed: &[f64]) {
        for _ in 0..10_000 {
            self.settle_all(values);
            let broken = self.lanes.iter().flat_map(|l| &l.hard).find(|&&i| {
                let row = &self.program.rows[i];
                sum(&row.terms, values) > row.high + 1e-6
            });
            let Some(&row) = broken else { return };
            // Orders that feed the row, by themselves or through what stands.
            let orders = self.shared.iter().chain(self.lanes.iter().flat_map(|l| &l.orders));
            let feeds = |c: usize, values: &[f64]| {
                let mut less = values.to_vec();
                less[c] -= 1.0;
                self.settle_all(&mut less);
                let terms = &self.program.rows[row].terms;
                sum(terms, &less) < sum(terms, values) - 1e-9
            };
            let most = orders
                .filter(|x| values[x.0] >= 1.0)
                .map(|x| (values[x.0] - relaxed[x.0], x.0))
                .filter(|x| feeds(x.1, values))
                .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
            let Some((_, column)) = most else { return };
            values[column] -= 1.0;
        }
    }

    fn settle_all(&self, values: &mut [f64]) {
        (0..self.lanes.len()).for_each(|s| self.settle(s, values));
    }

    /// Units that stand, from orders.
    fn settle(&self, s: usize, values: &mut [f64]) {
        for &(row, column) in &self.lanes[s].stands {
            let others = &self.program.rows[row].terms;
            let others = &others[..others.len() - 1];
            values[column] = -sum(others, values);
        }
    }

    /// Cost of a scenario with these orders; fills in what stands and what works. `None` if a row cannot hold.
    fn evaluate(&self, s: usize, values: &mut [f64], memory: &mut Memory) -> Option<f64> {
        self.settle(s, values);
        let lane = &self.lanes[s];
        let holds = |&i: &usize| {
            let row = &self.program.rows[i];
            let x = sum(&row.terms, values);
            x <= row.high + 1e-6 && x >= row.low - 1e-6
        };
        if !lane.hard.iter().all(holds) {
            return None;
        }
        let mut cost = sum(&lane.charges, values);
        for (p, part) in lane.parts.iter().enumerate() {
            let shift: Vec<f64> = part.rows.iter().map(|r| sum(&r.fixed, values)).collect();
            let key = (p, shift.iter().map(|x| x.to_bits()).collect());
            let solved = memory.entry(key).or_insert_with(|| self.solve(part, &shift));
            let (of_part, amounts) = solved.as_ref()?;
            cost += of_part;
            part.columns.iter().zip(amounts).for_each(|(&c, &x)| values[c] = x);
        }
        Some(cost)
    }

    fn solve(&self, part: &Part, shift: &[f64]) -> Option<(f64, Vec<f64>)> {
        let mut program = Program::default();
        for &c in &part.columns {
            let column = program.column(self.cost[c]);
            program.columns[column].upper = self.program.columns[c].upper;
        }
        for (row, shift) in part.rows.iter().zip(shift) {
            program.row(row.free.clone(), row.low - shift, row.high - shift);
        }
        let solved = exact_microlp(&program, 0, None).ok()?;
        Some((solved.cost, solved.values))
    }

    /// Single changes of a scenario's own orders, until none helps.
    fn improve(&self, s: usize, mut state: State, active: &[bool], memory: &mut Memory) -> State {
        let lane = &self.lanes[s];
        let orders: Vec<_> = lane.orders.iter().copied().filter(|x| active[x.1]).collect();
        for _ in 0..ROUNDS {
            let mut better = false;
            for &(column, offer, quarter) in &orders {
                while state.values[column] >= 1.0 {
                    let mut changes: Vec<Option<usize>> = vec![None];
                    let later = orders.iter().filter(|x| x.1 == offer && x.2 > quarter).take(2);
                    let other = orders.iter().filter(|x| x.1 != offer && x.2 == quarter);
                    changes.extend(later.chain(other).map(|x| Some(x.0)));
                    let change = changes.into_iter().find_map(|to| {
                        let mut next = state.values.clone();
                        next[column] -= 1.0;
                        if let Some(to) = to {
                            next[to] += 1.0;
                        }
                        self.better(s, next, state.cost, memory)
                    });
                    let Some(change) = change else { break };
                    (state, better) = (change, true);
                }
            }
            for &(column, ..) in &orders {
                // More only where demand is left that more could serve.
                while self.leaves(s, &state.values) {
                    let mut next = state.values.clone();
                    next[column] += 1.0;
                    let Some(change) = self.better(s, next, state.cost, memory) else { break };
                    (state, better) = (change, true);
                }
            }
            if !better {
                break;
            }
        }
        state
    }

    fn better(&self, s: usize, mut next: Vec<f64>, than: f64, memory: &mut Memory) -> Option<State> {
        let cost = self.evaluate(s, &mut next, memory)?;
        (cost < than - STEP * than.abs().max(1e-6)).then_some(State { values: next, cost })
    }

    /// Whether a penalised column of the scenario is used.
    fn leaves(&self, s: usize, values: &[f64]) -> bool {
        self.lanes[s]
            .parts
            .iter()
            .flat_map(|p| &p.columns)
            .any(|&c| self.program.columns[c].upper == 1.0 && values[c] > 1e-7)
    }

    /// Single changes of orders that all scenarios share. Says whether any helped.
    fn improve_shared(&self, lanes: &mut [(State, Memory)], total: &Total, active: &[bool]) -> bool {
        let mut any = false;
        let costs = |lanes: &[(State, Memory)]| total.of(&lanes.iter().map(|l| l.0.cost).collect::<Vec<_>>());
        let mut now = costs(lanes);
        // One more, while demand that must be served is left in any scenario.
        for &(column, ..) in self.shared.iter().filter(|x| active[x.1]) {
            while lanes.iter().enumerate().any(|(s, l)| self.leaves(s, &l.0.values)) {
                let mut next = Vec::with_capacity(lanes.len());
                for (s, (state, memory)) in lanes.iter_mut().enumerate() {
                    let mut values = state.values.clone();
                    values[column] += 1.0;
                    let Some(cost) = self.evaluate(s, &mut values, memory) else { break };
                    next.push(State { values, cost });
                }
                let cost = total.of(&next.iter().map(|n| n.cost).collect::<Vec<_>>());
                if next.len() < lanes.len() || cost >= now - STEP * now.abs().max(1e-6) {
                    break;
                }
                lanes.iter_mut().zip(next).for_each(|(l, n)| l.0 = n);
                (now, any) = (cost, true);
            }
        }
        for &(column, offer, quarter) in self.shared.iter().filter(|x| active[x.1]) {
            while lanes.first().is_some_and(|l| l.0.values[column] >= 1.0) {
                let later = self.shared.iter().filter(|x| x.1 == offer && x.2 > quarter).take(1);
                let other = self.shared.iter().filter(|x| x.1 != offer && x.2 == quarter && active[x.1]);
                // One fewer; one later or of another offer; one fewer now and one when each scenario is known.
                let mut changes: Vec<Option<Option<usize>>> = vec![Some(None)];
                changes.extend(later.chain(other).map(|x| Some(Some(x.0))));
                changes.push(None);
                let mut changed = false;
                for change in changes {
                    let mut next = Vec::with_capacity(lanes.len());
                    for (s, (state, memory)) in lanes.iter_mut().enumerate() {
                        let mut values = state.values.clone();
                        values[column] -= 1.0;
                        let to = match change {
                            Some(to) => to,
                            None => self.lanes[s].orders.iter().find(|x| x.1 == offer).map(|x| x.0),
                        };
                        if let Some(to) = to {
                            values[to] += 1.0;
                        }
                        let Some(cost) = self.evaluate(s, &mut values, memory) else { break };
                        next.push(State { values, cost });
                    }
                    if next.len() < lanes.len() {
                        continue;
                    }
                    let cost = total.of(&next.iter().map(|n| n.cost).collect::<Vec<_>>());
                    if cost < now - STEP * now.abs().max(1e-6) {
                        lanes.iter_mut().zip(next).for_each(|(l, n)| l.0 = n);
                        (now, any, changed) = (cost, true, true);
                        break;
                    }
                }
                if !changed {
                    break;
                }
            }
        }
        any
    }
}

fn sum(terms: &[(usize, f64)], values: &[f64]) -> f64 {
    terms.iter().map(|&(c, a)| a * values[c]).sum()
}

fn root(group: &mut [usize], mut c: usize) -> usize {
    while group[c] != c {
        group[c] = group[group[c]];
        c = group[c];
    }
    c
}

fn join(group: &mut [usize], a: usize, b: usize) {
    let (a, b) = (root(group, a), root(group, b));
    if a != b {
        group[a.max(b)] = a.min(b);
    }
}

/// Relaxed orders rounded up so that at any time at least as many units stand as in the relaxed plan.
fn start(relaxed: &[f64], model: &Model, program: &Program) -> Vec<f64> {
    let mut values = relaxed.to_vec();
    let mut done = vec![false; relaxed.len()];
    for orders in &model.index.order {
        for (row, &serves) in orders.iter().zip(&model.serves) {
            for (quarter, column) in row.iter().enumerate() {
                let Some(column) = *column else { continue };
                if done[column] {
                    continue;
                }
                let stands = |of: &[f64], until: usize| -> f64 {
                    let from = (quarter + 1).saturating_sub(serves);
                    row[from..until].iter().flatten().map(|&c| of[c]).sum()
                };
                let short = stands(relaxed, quarter + 1) - stands(&values, quarter);
                values[column] = (short - 1e-6).ceil().max(0.0).min(program.columns[column].upper);
                done[column] = true;
            }
        }
    }
    let moved = model.index.moved.iter().chain(model.index.moved_later.iter().flatten()).flatten();
    moved.for_each(|&c| values[c] = if relaxed[c] > 1e-6 { 1.0 } else { 0.0 });
    values
}

/// Offers that the relaxed or the rounded plan uses anywhere.
fn active(relaxed: &[f64], model: &Model, values: &[f64]) -> Vec<bool> {
    let offers = model.index.order.first().map_or(0, Vec::len);
    let used = |o: usize| {
        let mut columns = model.index.order.iter().flat_map(|s| s[o].iter().flatten());
        columns.any(|&c| relaxed[c] > 1e-6 || values[c] > 0.0)
    };
    (0..offers).map(used).collect()
}
