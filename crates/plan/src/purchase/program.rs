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
