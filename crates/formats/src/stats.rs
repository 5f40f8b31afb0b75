//! How far stored values are from what they stand for.

use serde_json::{Value, json};

use crate::checkpoint::Rect;
use crate::codec::{E8m0, Minifloat, MxInt8};
use crate::kernel::{self, Level, Sums};
use crate::{Container, Element, TensorScale, Values};

/// The error of one tensor, or of many added up.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ErrorStats {
    /// Values compared.
    pub count: u64,
    /// Sum of squares of the values.
    pub square_sum: f64,
    /// Sum of squares of the differences.
    pub error_square_sum: f64,
    /// Largest magnitude.
    pub max: f64,
    /// Largest difference.
    pub max_error: f64,
    /// Values beyond the largest that their block can hold.
    pub saturated: u64,
    /// Values that became zero.
    pub flushed: u64,
    /// Values that changed at all.
    pub changed: u64,
}

impl ErrorStats {
    pub(crate) fn of(count: u64, s: Sums, saturated: u64) -> ErrorStats {
        ErrorStats {
            count,
            square_sum: s.x2,
            error_square_sum: s.d2,
            max: s.max_x,
            max_error: s.max_d,
            saturated,
            flushed: s.flushed,
            changed: s.changed,
        }
    }

    /// Adds another tensor's, or another part's.
    pub fn add(&mut self, other: &ErrorStats) {
        self.count += other.count;
        self.square_sum += other.square_sum;
        self.error_square_sum += other.error_square_sum;
        self.max = self.max.max(other.max);
        self.max_error = self.max_error.max(other.max_error);
        self.saturated += other.saturated;
        self.flushed += other.flushed;
        self.changed += other.changed;
    }

    /// Relative Frobenius error: sqrt(sum d^2 / sum x^2); 0 for a tensor of zeros.
    pub fn relative(&self) -> f64 {
        if self.square_sum == 0.0 { 0.0 } else { (self.error_square_sum / self.square_sum).sqrt() }
    }

    /// Signal to quantisation noise, 10 log10(sum x^2 / sum d^2), in dB; infinite without error.
    pub fn sqnr_db(&self) -> f64 {
        if self.error_square_sum == 0.0 {
            f64::INFINITY
        } else {
            10.0 * (self.square_sum / self.error_square_sum).log10()
        }
    }

    /// Largest difference over largest magnitude.
    pub fn max_ratio(&self) -> f64 {
        if self.max == 0.0 { 0.0 } else { self.max_error / self.max }
    }

    /// For reports: rounded to 6 digits, so that the last bits of sums do not show.
    pub fn to_json(&self) -> Value {
        let round = |x: f64| if x.is_finite() { format!("{x:.5e}").parse().unwrap_or(x) } else { x };
        json!({
            "values": self.count,
            "relative_frobenius": round(self.relative()),
            "sqnr_db": if self.error_square_sum == 0.0 { Value::Null } else { json!(round(self.sqnr_db())) },
            "max_error": round(self.max_error),
            "max_error_over_max": round(self.max_ratio()),
            "saturated": self.saturated,
            "flushed": self.flushed,
            "changed": self.changed,
        })
    }

    /// Every number, exactly.
    pub(crate) fn to_journal(self) -> Vec<u64> {
        let f = f64::to_bits;
        let sums = [f(self.square_sum), f(self.error_square_sum), f(self.max), f(self.max_error)];
        sums.into_iter().chain([self.count, self.saturated, self.flushed, self.changed]).collect()
    }

    /// The reverse of `to_journal`.
    pub(crate) fn from_journal(words: &[u64]) -> Option<ErrorStats> {
        let &[x2, d2, max, max_d, count, saturated, flushed, changed] = words else { return None };
        let f = f64::from_bits;
        Some(ErrorStats {
            count,
            square_sum: f(x2),
            error_square_sum: f(d2),
            max: f(max),
            max_error: f(max_d),
            saturated,
            flushed,
            changed,
        })
    }
}

/// Values above the largest that their block can hold, in formats with narrow block scales. `scales` are those of the
/// rectangle, which cuts no block; without them there are none.
pub(crate) fn saturated(
    container: Container,
    tensor: TensorScale,
    rect: Rect,
    values: Values<'_>,
    scales: &[u8],
) -> u64 {
    if scales.is_empty() || !container.has_rule() && container != Container::Nvfp4 {
        return 0;
    }
    let largest = match container.element() {
        Element::Int8 => MxInt8::MAX,
        element => Minifloat::of(element).map_or(f32::MAX, |f| f.max()),
    };
    let scale = |&code: &u8| match container {
        Container::Nvfp4 => Minifloat::E4M3.decode(code) * tensor.0,
        _ => E8m0::decode(code),
    };
    let limits: Vec<f32> = scales.iter().map(|code| largest * scale(code)).collect();
    let (h, w) = container.block();
    let Container::Tile { .. } = container else {
        return kernel::count_above(Level::best(), values, values.len(), w, &limits);
    };
    let (_, grid_cols) = container.scale_grid(1, rect.cols).unwrap_or((1, 1));
    let bands = (0..rect.rows).step_by(h.min(rect.rows.max(1))).zip(limits.chunks(grid_cols.max(1)));
    bands
        .map(|(row, limits)| {
            let span = row * rect.cols..row.saturating_add(h).min(rect.rows) * rect.cols;
            let part = match values {
                Values::Bf16(v) => Values::Bf16(&v[span]),
                Values::F32(v) => Values::F32(&v[span]),
            };
            kernel::count_above(Level::best(), part, rect.cols, w, limits)
        })
        .sum()
}
