//! Errors of a group of predictions.

use std::collections::BTreeMap;

use super::point::Point;

/// Errors of a group of predictions.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Errors {
    /// Values predicted.
    pub count: usize,
    /// Values refused with a reason.
    pub refused: usize,
    /// Median of `|ln(predicted / measured)|`.
    pub median: f64,
    /// 90th percentile of it.
    pub p90: f64,
    /// Median of `ln(predicted / measured)`: above 0 predicts too much.
    pub bias: f64,
    /// Share of measured values inside the 90 % interval.
    pub coverage: f64,
}

/// The value that a share `q` of `sorted` does not exceed, between neighbours in proportion; NaN of none.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = q * last as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * place.fract()
}

impl Errors {
    /// Of these points.
    pub fn of<'p>(points: impl IntoIterator<Item = &'p Point>) -> Errors {
        let (mut signed, mut covered, mut all) = (Vec::new(), 0usize, 0usize);
        for point in points {
            all += 1;
            if let Some(error) = point.error() {
                signed.push(error);
                covered += usize::from(point.covered() == Some(true));
            }
        }
        signed.sort_unstable_by(f64::total_cmp);
        let mut size: Vec<f64> = signed.iter().map(|e| e.abs()).collect();
        size.sort_unstable_by(f64::total_cmp);
        Errors {
            count: signed.len(),
            refused: all - signed.len(),
            median: quantile(&size, 0.5),
            p90: quantile(&size, 0.9),
            bias: quantile(&signed, 0.5),
            coverage: covered as f64 / signed.len() as f64,
        }
    }
}

/// Something to group by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Chip.
    Chip,
    /// Model.
    Model,
    /// Dense or MoE; family of an operator.
    Class,
    /// Aggregated, disaggregated, prefill, decode.
    Phase,
    /// Engine profile or library.
    Engine,
    /// Metric.
    Metric,
    /// Source of the row.
    Source,
    /// Whose measurements stand behind the prediction's operators.
    Basis,
}

impl By {
    /// Every one with its name on the command line.
    pub const NAMED: [(&'static str, By); 8] = [
        ("chip", By::Chip),
        ("model", By::Model),
        ("class", By::Class),
        ("phase", By::Phase),
        ("engine", By::Engine),
        ("metric", By::Metric),
        ("source", By::Source),
        ("basis", By::Basis),
    ];

    fn key(self, point: &Point) -> &str {
        match self {
            By::Chip => &point.chip,
            By::Model => &point.model,
            By::Class => &point.class,
            By::Phase => &point.phase,
            By::Engine => &point.engine,
            By::Metric => &point.metric,
            By::Source => &point.source,
            By::Basis => super::point::basis_name(point.basis),
        }
    }
}

/// Errors by the value of each of `by`, sorted by it.
pub fn groups<'p>(points: impl IntoIterator<Item = &'p Point>, by: &[By]) -> Vec<(Vec<&'p str>, Errors)> {
    let mut groups: BTreeMap<Vec<&str>, Vec<&Point>> = BTreeMap::new();
    for point in points {
        groups.entry(by.iter().map(|b| b.key(point)).collect()).or_default().push(point);
    }
    groups.into_iter().map(|(key, points)| (key, Errors::of(points))).collect()
}

/// Reasons of refusal and how many rows they took, most first.
pub fn refusals<'p>(points: impl IntoIterator<Item = &'p Point>) -> Vec<(&'p str, usize)> {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for point in points {
        if let Err(reason) = &point.predicted {
            *reasons.entry(reason).or_default() += 1;
        }
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_by_hand() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.5), 2.0);
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
        assert_eq!(quantile(&[7.0], 0.9), 7.0);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
