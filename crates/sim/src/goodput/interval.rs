//! The best interval between checkpoints in closed form, and the share of useful time that it gives.

/// First order (Young, 1974): `sqrt(2 C M)`, with the cost `C` of a save and the mean time `M` between failures, both in
/// seconds. Holds where the cost is far below the mean time.
pub fn young(cost: f64, mean: f64) -> f64 {
    (2.0 * cost * mean).sqrt()
}

/// Higher order (Daly, 2006): compute time between two saves of cost `C` with exponential failures of mean time `M`, both
/// in seconds; `M` where saving costs more than two mean times.
pub fn daly(cost: f64, mean: f64) -> f64 {
    if cost >= 2.0 * mean {
        return mean;
    }
    let r = cost / (2.0 * mean);
    young(cost, mean) * (1.0 + r.sqrt() / 3.0 + r / 9.0) - cost
}

/// Share of useful time in the long run (Daly, 2006): exact where failures are exponential with mean `M` at any time,
/// every one of them starts a recovery of length `R` anew, and a save of cost `C` after each `every` blocks.
pub fn daly_ratio(every: f64, cost: f64, recovery: f64, mean: f64) -> f64 {
    every / (mean * (recovery / mean).exp() * ((every + cost) / mean).exp_m1())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // A save of 10 s and a failure every 3 h: sqrt(2 x 10 x 10800) = 464.8 s.
        assert!((young(10.0, 10_800.0) - 464.758).abs() < 1e-3);
        // r = 1/2160: 464.758 x (1 + 0.0071722 + 0.0000514) - 10 = 458.115.
        assert!((daly(10.0, 10_800.0) - 458.115).abs() < 1e-3);
        assert_eq!(daly(30_000.0, 10_800.0), 10_800.0);
        // No recovery, nothing saved: only the work since the last save is lost, about every / (2 M).
        assert!((daly_ratio(60.0, 0.0, 0.0, 6000.0) - (1.0 - 0.005)).abs() < 1e-4);
    }

    #[test]
    fn the_interval_is_where_the_ratio_is_best() {
        for (cost, mean) in [(10.0, 10_800.0), (100.0, 10_800.0), (1.0, 1e6)] {
            let ratio = |every: f64| daly_ratio(every, cost, 300.0, mean);
            let best = daly(cost, mean);
            assert!(ratio(best) > ratio(0.9 * best) && ratio(best) > ratio(1.1 * best), "{cost} {mean}");
        }
    }
}
