//! The normal distribution.

/// The value that a standard normal variable does not exceed with probability `p`.
///
/// Rational approximation of Wichura (1988), algorithm AS 241, PPND7: relative error below 1e-7. Ends are cut at 1e-300.
pub fn quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        let top = ((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179;
        let bottom = ((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1.0;
        return q * top / bottom;
    }
    let tail = p.min(1.0 - p).max(1e-300);
    let r = (-tail.ln()).sqrt();
    let x = if r <= 5.0 {
        let r = r - 1.6;
        (((0.17023821103 * r + 1.3067284816) * r + 2.7568153900) * r + 1.4234372777)
            / ((0.12021132975 * r + 0.73700164250) * r + 1.0)
    } else {
        let r = r - 5.0;
        (((0.017337203997 * r + 0.42868294337) * r + 3.0812263860) * r + 6.6579051150)
            / ((0.012258202635 * r + 0.24197894225) * r + 1.0)
    };
    if q < 0.0 { -x } else { x }
}

/// The probability that a standard normal variable does not exceed `x`: the inverse of [`quantile`], by halving, to about
/// its accuracy.
pub fn cumulative(x: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if quantile(middle) <= x { low = middle } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::{cumulative, quantile};

    #[test]
    fn agrees_with_tables() {
        let table =
            [(0.5, 0.0), (0.75, 0.674490), (0.9, 1.281552), (0.975, 1.959964), (0.99, 2.326348), (1e-12, -7.034484)];
        for (p, x) in table {
            assert!((quantile(p) - x).abs() < 2e-6, "{p}: {} and {x}", quantile(p));
        }
        for (p, x) in [(0.5, 0.0), (0.841345, 1.0), (0.022750, -2.0), (0.95, 1.644854)] {
            assert!((cumulative(x) - p).abs() < 1e-6, "{x}: {}", cumulative(x));
        }
        assert!(quantile(0.0).is_finite() && quantile(1.0).is_finite());
    }
}
