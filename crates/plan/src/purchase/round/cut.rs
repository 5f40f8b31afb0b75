//! The programme cut into parts that orders keep apart.

use std::collections::HashMap;

use super::super::formulate::Model;
use super::super::program::Program;
use super::MUST;

/// A part of the programme that fixed columns cut off from the rest.
#[derive(Debug)]
pub struct Part {
    pub columns: Vec<usize>,
    pub rows: Vec<PartRow>,
}

#[derive(Debug)]
pub struct PartRow {
    /// Its place in the programme.
    pub row: usize,
    /// Terms by place in `columns`.
    pub free: Vec<(usize, f64)>,
    pub fixed: Vec<(usize, f64)>,
    pub low: f64,
    pub high: f64,
}

/// What belongs to one scenario.
#[derive(Debug, Default)]
pub struct Lane {
    pub parts: Vec<Part>,
    /// Rows on fixed columns alone.
    pub(super) hard: Vec<usize>,
    /// Rows that define how many units stand, with the column that each defines.
    pub(super) stands: Vec<(usize, usize)>,
    /// What fixed columns cost.
    pub(super) charges: Vec<(usize, f64)>,
    /// Orders that are this scenario's own, with offer and quarter.
    pub(super) orders: Vec<(usize, usize, usize)>,
}

/// The programme cut into scenarios and parts.
pub struct Cut<'a> {
    pub(super) program: &'a Program,
    /// What columns that belong to one scenario cost in it.
    pub(super) cost: Vec<f64>,
    pub(in super::super) lanes: Vec<Lane>,
    pub(super) shared: Vec<(usize, usize, usize)>,
}

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
                    lanes[s].parts[p].rows.push(PartRow { row: i, free, fixed: shut, low: row.low, high: row.high });
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
