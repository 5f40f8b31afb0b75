//! A linear programme with whole-number columns, as data: what is formulated, solved and checked.

/// A column: one decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column {
    /// What a unit of it costs.
    pub cost: f64,
    /// Most of it.
    pub upper: f64,
    /// Whether it comes in whole units.
    pub whole: bool,
}

/// A row: `low <= sum of coefficient x column <= high`.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Column and coefficient.
    pub terms: Vec<(usize, f64)>,
    /// Least value; minus infinity for none.
    pub low: f64,
    /// Most value; infinity for none.
    pub high: f64,
}

/// Least cost over all columns, none of which is below 0.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Program {
    /// Decisions.
    pub columns: Vec<Column>,
    /// Limits.
    pub rows: Vec<Row>,
}

impl Program {
    /// A new column of any amount.
    pub fn column(&mut self, cost: f64) -> usize {
        self.columns.push(Column { cost, upper: f64::INFINITY, whole: false });
        self.columns.len() - 1
    }

    /// A new column of whole units up to `upper`.
    pub fn whole(&mut self, cost: f64, upper: f64) -> usize {
        self.columns.push(Column { cost, upper, whole: true });
        self.columns.len() - 1
    }

    /// A new row with at most `high`.
    pub fn at_most(&mut self, terms: Vec<(usize, f64)>, high: f64) -> usize {
        self.row(terms, f64::NEG_INFINITY, high)
    }

    /// A new row with at least `low`.
    pub fn at_least(&mut self, terms: Vec<(usize, f64)>, low: f64) -> usize {
        self.row(terms, low, f64::INFINITY)
    }

    /// A new row between two bounds.
    pub fn row(&mut self, mut terms: Vec<(usize, f64)>, low: f64, high: f64) -> usize {
        terms.sort_by_key(|t| t.0);
        terms.dedup_by(|b, a| {
            let same = a.0 == b.0;
            if same {
                a.1 += b.1;
            }
            same
        });
        terms.retain(|t| t.1 != 0.0);
        self.rows.push(Row { terms, low, high });
        self.rows.len() - 1
    }

    /// The same with limits on single columns as bounds of these: solvers find bounds easier than rows.
    pub fn folded(&self) -> Program {
        let mut out = Program { columns: self.columns.clone(), rows: Vec::with_capacity(self.rows.len()) };
        for row in &self.rows {
            match row.terms[..] {
                [(column, a)] if a > 0.0 && row.low == f64::NEG_INFINITY && row.high >= 0.0 => {
                    let upper = &mut out.columns[column].upper;
                    *upper = upper.min(row.high / a);
                }
                _ => out.rows.push(row.clone()),
            }
        }
        out
    }

    /// The same with costs times the power of two that is returned, so that the largest is at least 1: solvers ignore
    /// costs below their tolerance, which is absolute.
    pub fn scaled(&self) -> (Program, f64) {
        let largest = self.columns.iter().map(|c| c.cost.abs()).fold(0.0, f64::max);
        let mut out = self.clone();
        if !(f64::MIN_POSITIVE..1.0).contains(&largest) {
            return (out, 1.0);
        }
        let scale = (-largest.log2().floor()).exp2();
        out.columns.iter_mut().for_each(|c| c.cost *= scale);
        (out, scale)
    }

    /// The same without columns that a row holds at 0, and without such rows.
    pub fn reduced(self) -> Reduced {
        let mut held = vec![false; self.columns.len()];
        let mut out = vec![false; self.rows.len()];
        for (i, row) in self.rows.iter().enumerate() {
            if row.high == 0.0 && row.low == f64::NEG_INFINITY && row.terms.iter().all(|t| t.1 > 0.0) {
                out[i] = true;
                row.terms.iter().for_each(|t| held[t.0] = true);
            }
        }
        let mut place = vec![None; self.columns.len()];
        let mut program = Program::default();
        for (c, column) in self.columns.iter().enumerate().filter(|(c, _)| !held[*c]) {
            place[c] = Some(program.columns.len());
            program.columns.push(*column);
        }
        for (row, _) in self.rows.iter().zip(&out).filter(|(_, out)| !**out) {
            let terms = row.terms.iter().filter_map(|&(c, a)| Some((place[c]?, a))).collect();
            program.rows.push(Row { terms, ..row.clone() });
        }
        Reduced { whole: self, program, place, out }
    }

    /// What `values` cost.
    pub fn cost(&self, values: &[f64]) -> f64 {
        self.columns.iter().zip(values).map(|(c, v)| c.cost * v).sum()
    }

    /// By how much `values` break the worst row or bound, relative to the size of its terms.
    pub fn violation(&self, values: &[f64]) -> f64 {
        let of_row = |row: &Row| {
            let sum: f64 = row.terms.iter().map(|&(c, a)| a * values[c]).sum();
            let size: f64 = row.terms.iter().map(|&(c, a)| (a * values[c]).abs()).fold(1.0, f64::max);
            (row.low - sum).max(sum - row.high).max(0.0) / size
        };
        let of_column = |(c, v): (&Column, &f64)| (-v).max(v - c.upper).max(0.0);
        let rows = self.rows.iter().map(of_row).fold(0.0, f64::max);
        self.columns.iter().zip(values).map(of_column).fold(rows, f64::max)
    }
}

/// A programme and what is left of it without columns that can only be 0.
#[derive(Debug)]
pub struct Reduced {
    /// All of it.
    pub whole: Program,
    /// What is left.
    pub program: Program,
    /// Where each column is in what is left.
    place: Vec<Option<usize>>,
    /// Rows that are left out.
    out: Vec<bool>,
}

impl Reduced {
    /// Amounts of all columns from those of what is left.
    pub fn amounts(&self, values: &[f64]) -> Vec<f64> {
        self.place.iter().map(|p| p.map_or(0.0, |p| values[p])).collect()
    }

    /// A dual solution of all rows from one of what is left: a row that holds columns at 0 is worth what the best of them
    /// would save.
    pub fn worth(&self, worth: &[f64]) -> Vec<f64> {
        let mut all = vec![0.0; self.out.len()];
        let left = (0..all.len()).filter(|&i| !self.out[i]);
        left.zip(worth).for_each(|(i, &y)| all[i] = y);
        let mut spare: Vec<f64> = self.whole.columns.iter().map(|c| -c.cost).collect();
        let add = |spare: &mut [f64], row: &Row, y: f64| row.terms.iter().for_each(|&(c, a)| spare[c] += a * y);
        for (row, &y) in self.whole.rows.iter().zip(&all) {
            add(&mut spare, row, y);
        }
        for i in (0..all.len()).filter(|&i| self.out[i]) {
            let row = &self.whole.rows[i];
            all[i] = -row.terms.iter().map(|&(c, a)| spare[c] / a).fold(0.0, f64::max);
            add(&mut spare, row, all[i]);
        }
        all
    }
}
