//! One point of a curve from its rows.

use cost::comm::{Measured, Point};

/// A row: seconds of the load at full bandwidth, seconds it took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub ideal: f64,
    pub seconds: f64,
}

/// Whether rows tell latency from efficiency: enough of them, from ones that latency decides to ones ten times longer.
pub(super) fn is_rich(samples: &[Sample]) -> bool {
    let least = samples.iter().min_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let most = samples.iter().fold(0.0f64, |m, s| m.max(s.seconds));
    samples.len() >= 5 && least.is_some_and(|l| most >= 10.0 * l.seconds && l.seconds >= 10.0 * l.ideal)
}

/// Median and 90th percentile of |ln(fitted / measured)|.
fn errors(point: &Point, samples: &[Sample]) -> (f64, f64) {
    let mut errors: Vec<f64> = samples
        .iter()
        .map(|s| ((point.latency + point.transfer(s.ideal)) / s.seconds).ln().abs())
        .filter(|e| e.is_finite())
        .collect();
    errors.sort_by(f64::total_cmp);
    let at = |q: f64| errors.get((q * (errors.len().saturating_sub(1)) as f64).round() as usize).copied();
    (at(0.5).unwrap_or(0.0), at(0.9).unwrap_or(0.0))
}

fn measured(mut point: Point, samples: &[Sample]) -> Measured {
    let (median, p90) = errors(&point, samples);
    // A handful of rows says little about the rows to come.
    point.spread = p90.max(if samples.len() < 10 { 0.2 } else { 0.05 });
    Measured { point, rows: samples.len() as u64, median }
}

/// Fits `seconds = latency + b sqrt(ideal) + ideal / efficiency`. The three terms are linear and none may be negative,
/// so weighted least squares over all sets of active terms gives the optimum; weights make residuals relative and,
/// iterated, absolute rather than squared, so that outliers do not pull.
pub(super) fn fit_point(ranks: f64, samples: &[Sample]) -> Measured {
    // Half of the fastest row is latency at least: a curve through large messages alone would say none.
    let least = samples.iter().fold(f64::INFINITY, |m, s| m.min(s.seconds - s.ideal)).max(0.0);
    let floor = (0.5 * least).max(1e-9);
    let mut weights: Vec<f64> = samples.iter().map(|s| 1.0 / (s.seconds * s.seconds)).collect();
    let mut best = [floor, 0.0, 1.0];
    for _ in 0..40 {
        let extra = non_negative(samples, &weights, floor);
        best = [floor + extra[0], extra[1], 1.0 + extra[2]];
        for (weight, s) in weights.iter_mut().zip(samples) {
            let fitted = best[0] + best[1] * s.ideal.sqrt() + best[2] * s.ideal;
            let error = (fitted / s.seconds).ln().abs().max(0.02);
            *weight = 1.0 / (fitted.max(s.seconds) * s.seconds * error);
        }
    }
    let [latency, root, slope] = best;
    measured(
        Point { ranks, latency, fill: root / latency.sqrt(), efficiency: (1.0 / slope).min(1.0), spread: 0.0 },
        samples,
    )
}

/// Too few rows for three numbers: the neighbour's curve is stretched to their median. If one of latency and transfer
/// makes up nine tenths of their time, only that is stretched: they say nothing about the other.
pub(super) fn scale_point(base: Point, samples: &[Sample]) -> Measured {
    let median = |of: &dyn Fn(&Sample) -> f64| {
        let mut all: Vec<f64> = samples.iter().map(of).filter(|v| v.is_finite() && *v > 0.0).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    };
    let transfer = |s: &Sample| base.transfer(s.ideal);
    let share = median(&|s| base.latency / s.seconds).unwrap_or(0.5);
    let point = if share < 0.1 {
        let ratio = median(&|s| (s.seconds - base.latency) / transfer(s)).unwrap_or(1.0);
        Point { fill: base.fill * ratio, efficiency: (base.efficiency / ratio).min(1.0), ..base }
    } else if share > 0.9 {
        let ratio = median(&|s| (s.seconds - transfer(s)) / base.latency).unwrap_or(1.0);
        Point { latency: base.latency * ratio, ..base }
    } else {
        let ratio = median(&|s| s.seconds / (base.latency + transfer(s))).unwrap_or(1.0);
        Point { latency: base.latency * ratio, efficiency: (base.efficiency / ratio).min(1.0), ..base }
    };
    measured(point, samples)
}

/// Weighted least squares of `seconds - floor - ideal` on (1, sqrt(ideal), ideal) with coefficients >= 0.
fn non_negative(samples: &[Sample], weights: &[f64], floor: f64) -> [f64; 3] {
    // Columns are scaled to the largest load, or the normal equations lose all digits.
    let unit = samples.iter().fold(0.0f64, |m, s| m.max(s.ideal)).max(1e-12);
    let (mut a, mut b) = ([[0.0; 3]; 3], [0.0; 3]);
    for (s, w) in samples.iter().zip(weights) {
        let x = s.ideal / unit;
        let row = [1.0, x.sqrt(), x];
        let y = s.seconds - floor - s.ideal;
        for i in 0..3 {
            b[i] += w * row[i] * y;
            for j in 0..3 {
                a[i][j] += w * row[i] * row[j];
            }
        }
    }
    let (mut best, mut least) = ([0.0; 3], 0.0);
    for active in 1u8..8 {
        let Some(x) = solve(&a, &b, active).filter(|x| x.iter().all(|v| *v >= 0.0)) else { continue };
        // Loss up to a constant: x'Ax - 2 b'x.
        let mut loss = 0.0;
        for i in 0..3 {
            loss -= 2.0 * b[i] * x[i];
            for j in 0..3 {
                loss += x[i] * a[i][j] * x[j];
            }
        }
        if loss < least {
            (best, least) = (x, loss);
        }
    }
    [best[0], best[1] / unit.sqrt(), best[2] / unit]
}

/// Gauss elimination on the rows and columns of `active`.
fn solve(a: &[[f64; 3]; 3], b: &[f64; 3], active: u8) -> Option<[f64; 3]> {
    let places: Vec<usize> = (0..3).filter(|i| active & (1 << i) != 0).collect();
    let n = places.len();
    let mut m: Vec<Vec<f64>> =
        places.iter().map(|&i| places.iter().map(|&j| a[i][j]).chain([b[i]]).collect()).collect();
    for k in 0..n {
        let pivot = (k..n).max_by(|&i, &j| m[i][k].abs().total_cmp(&m[j][k].abs()))?;
        m.swap(k, pivot);
        if m[k][k].abs() < 1e-300 {
            return None;
        }
        for i in k + 1..n {
            let factor = m[i][k] / m[k][k];
            let pivot = m[k].clone();
            m[i].iter_mut().zip(&pivot).skip(k).for_each(|(value, above)| *value -= factor * above);
        }
    }
    let mut x = [0.0; 3];
    for k in (0..n).rev() {
        let known: f64 = (k + 1..n).map(|j| m[k][j] * x[places[j]]).sum();
        x[places[k]] = (m[k][n] - known) / m[k][k];
    }
    x.iter().all(|v| v.is_finite()).then_some(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(latency: f64, fill: f64, efficiency: f64) -> Vec<Sample> {
        let truth = Point { ranks: 8.0, latency, fill, efficiency, spread: 0.0 };
        (0..20)
            .map(|i| {
                let ideal = 1e-8 * 2f64.powi(i);
                Sample { ideal, seconds: latency + truth.transfer(ideal) }
            })
            .collect()
    }

    #[test]
    fn finds_the_truth_again() {
        for (latency, fill, efficiency) in [(10e-6, 1.5, 0.8), (3e-6, 0.0, 0.4), (20e-6, 0.7, 1.0)] {
            let found = fit_point(8.0, &samples(latency, fill, efficiency));
            assert!((found.point.latency / latency - 1.0).abs() < 0.02, "{found:?}");
            assert!((found.point.efficiency - efficiency).abs() < 0.02, "{found:?}");
            assert!(found.median < 0.01);
        }
    }

    #[test]
    fn an_outlier_does_not_pull() {
        let mut rows = samples(10e-6, 1.0, 0.7);
        rows[3].seconds *= 20.0;
        let found = fit_point(8.0, &rows);
        assert!((found.point.latency / 10e-6 - 1.0).abs() < 0.05, "{found:?}");
    }

    #[test]
    fn few_rows_stretch_the_neighbour() {
        let base = Point { ranks: 4.0, latency: 10e-6, fill: 1.0, efficiency: 0.8, spread: 0.1 };
        // Both terms count: both are stretched.
        let seconds = 2.0 * (base.latency + base.transfer(1e-5));
        let both = scale_point(base, &[Sample { ideal: 1e-5, seconds }]).point;
        assert!((both.latency - 20e-6).abs() < 1e-9 && (both.efficiency - 0.4).abs() < 1e-9);
        // A large message says nothing about latency.
        let seconds = base.latency + 2.0 * base.transfer(1e-2);
        let large = scale_point(base, &[Sample { ideal: 1e-2, seconds }]).point;
        assert!((large.latency - 10e-6).abs() < 1e-9 && (large.efficiency - 0.4).abs() < 1e-9);
    }
}
