//! Where rounding starts.

use super::super::formulate::Model;
use super::super::program::Program;

/// Relaxed orders rounded up so that at any time at least as many units stand as in the relaxed plan.
pub(super) fn start(relaxed: &[f64], model: &Model, program: &Program) -> Vec<f64> {
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
pub(super) fn active(relaxed: &[f64], model: &Model, values: &[f64]) -> Vec<bool> {
    let offers = model.index.order.first().map_or(0, Vec::len);
    let used = |o: usize| {
        let mut columns = model.index.order.iter().flat_map(|s| s[o].iter().flatten());
        columns.any(|&c| relaxed[c] > 1e-6 || values[c] > 0.0)
    };
    (0..offers).map(used).collect()
}
