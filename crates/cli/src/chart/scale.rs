//! From values to pixels, and the ticks between.

/// A linear or logarithmic axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    log: bool,
}

impl Scale {
    /// Linear from zero to a little more than `high`.
    pub fn linear(high: f64, from: f64, to: f64) -> Scale {
        let high = if high.is_finite() && high > 0.0 { high } else { 1.0 };
        Scale { low: 0.0, high, from, to, log: false }
    }

    /// Logarithmic, with a margin of 6 % of the span on either side. Both bounds must be above zero.
    pub fn log(low: f64, high: f64, from: f64, to: f64) -> Scale {
        let (low, high) = if low > 0.0 && high >= low && high.is_finite() { (low, high) } else { (1.0, 10.0) };
        let margin = ((high / low).log10() * 0.06).max(0.08);
        let factor = 10f64.powf(margin);
        Scale { low: low / factor, high: high * factor, from, to, log: true }
    }

    /// Logarithmic where the values span more than a factor of eight, else linear from zero.
    pub fn fitting(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Scale {
        let positive = values.filter(|v| v.is_finite() && *v > 0.0);
        let low = positive.clone().fold(f64::INFINITY, f64::min);
        let high = positive.fold(0.0, f64::max);
        if high > 0.0 && high / low > 8.0 {
            Scale::log(low, high, from, to)
        } else {
            Scale::linear(high * 1.08, from, to)
        }
    }

    /// The pixel of a value; values outside end at the edge.
    pub fn at(&self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(f64::MIN_POSITIVE) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        self.from + (self.to - self.from) * share
    }

    /// Whether a value lies on the axis.
    pub fn holds(&self, value: f64) -> bool {
        value.is_finite() && value >= self.low && value <= self.high
    }

    /// Lower end.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// Upper end.
    pub fn high(&self) -> f64 {
        self.high
    }

    /// About `count` round values.
    pub fn ticks(&self, count: usize) -> Vec<f64> {
        if self.log { self.log_ticks(count) } else { self.linear_ticks(count) }
    }

    fn linear_ticks(&self, count: usize) -> Vec<f64> {
        let raw = (self.high - self.low) / count.max(1) as f64;
        let power = 10f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= raw).unwrap_or(raw);
        let last = (self.high / step).floor() as usize;
        (0..=last).map(|i| i as f64 * step).collect()
    }

    fn log_ticks(&self, count: usize) -> Vec<f64> {
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        // The densest of these that does not exceed the count; else every n-th decade.
        for digits in [&[1.0, 2.0, 5.0][..], &[1.0, 3.0], &[1.0]] {
            let all = (first..=last).flat_map(|e| digits.iter().map(move |d| d * 10f64.powi(e)));
            let ticks: Vec<f64> = all.filter(|v| self.holds(*v)).collect();
            if ticks.len() <= count {
                return ticks;
            }
        }
        let step = ((last - first) as usize).div_ceil(count.max(1)).max(1);
        (first..=last).step_by(step).map(|e| 10f64.powi(e)).filter(|v| self.holds(*v)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_ticks() {
        assert_eq!(Scale::linear(95.0, 0.0, 1.0).ticks(5), [0.0, 20.0, 40.0, 60.0, 80.0]);
        assert_eq!(
            Scale::log(12.0, 3000.0, 0.0, 1.0).ticks(9),
            [10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0]
        );
        let wide = Scale::log(1e3, 1e15, 0.0, 1.0).ticks(4);
        assert!((2..=4).contains(&wide.len()), "{wide:?}");
    }

    #[test]
    fn ends_map_to_ends_and_nonsense_to_the_edge() {
        let s = Scale::linear(10.0, 100.0, 200.0);
        assert_eq!((s.at(0.0), s.at(10.0), s.at(5.0), s.at(f64::NAN), s.at(1e9)), (100.0, 200.0, 150.0, 100.0, 200.0));
        let s = Scale::log(1.0, 100.0, 0.0, 100.0);
        assert!((s.at(10.0) - 50.0).abs() < 1e-9);
        assert!(s.at(0.0) == 0.0 && s.at(-3.0) == 0.0);
        assert!(!Scale::fitting([].into_iter(), 0.0, 1.0).ticks(5).is_empty());
    }
}
