//! How well a fit met what was measured.

/// How well a fit met its measurements: `|ln(predicted / measured)|`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Fit {
    /// Measurements.
    pub n: u32,
    /// Median error on all of them.
    pub median: f64,
    /// 90th percentile.
    pub p90: f64,
    /// Median error on rows that a fit on the other half did not see.
    pub held_out: f64,
}
