//! Measurements gathered by what they calibrate.

use std::collections::BTreeMap;

use catalog::Chip;
use cost::Op;
use cost::calibration::{Family, Format, nearest_arithmetic};

use super::fit::Sample;

/// What one set of parameters describes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Id of the chip.
    pub chip: String,
    /// Family of operators.
    pub family: Family,
    /// Storage and arithmetic.
    pub format: Format,
    /// Stack of kernels; empty where they belong to no engine.
    pub stack: String,
}

/// Rows of one group that are fitted at most. Grids hold tens of thousands; more than this changes nothing.
pub const MOST: usize = 2000;

/// Measurements by what they calibrate, and why others were left out.
#[derive(Debug, Default)]
pub struct Samples {
    /// Kept.
    pub groups: BTreeMap<Key, Vec<Sample>>,
    /// Chips seen.
    pub chips: BTreeMap<String, Chip>,
    /// Rows left out, by reason.
    pub dropped: BTreeMap<&'static str, usize>,
}

impl Samples {
    /// Adds rows that were measured together. `floor`: where even the fastest takes longer, the launch of the host was
    /// measured instead of the kernel, and all are dropped.
    pub fn add(&mut self, chip: &Chip, stack: &str, rows: Vec<(Op, f64)>, floor: Option<f64>) {
        let fastest = rows.iter().map(|r| r.1).fold(f64::INFINITY, f64::min);
        if floor.is_some_and(|f| fastest > f) {
            self.drop("bound by the host's launches", rows.len());
            return;
        }
        let mut beaten = 0;
        for (op, seconds) in thin(rows) {
            let Some(sample) = Sample::new(chip, op, seconds) else {
                beaten += 1;
                continue;
            };
            let mut format = Format::of(&sample.op);
            format.arithmetic = nearest_arithmetic(chip, format.arithmetic).unwrap_or(format.arithmetic);
            let key = Key { chip: chip.id.clone(), family: Family::of(&sample.op), format, stack: stack.to_owned() };
            self.groups.entry(key).or_default().push(sample);
        }
        self.drop("beats physics", beaten);
        self.chips.entry(chip.id.clone()).or_insert_with(|| chip.clone());
    }

    /// Counts rows left out.
    pub fn drop(&mut self, reason: &'static str, rows: usize) {
        if rows > 0 {
            *self.dropped.entry(reason).or_default() += rows;
        }
    }
}

/// At most [`MOST`] rows, spread by a multiplicative hash of their place so that no axis of a grid is aliased.
fn thin(rows: Vec<(Op, f64)>) -> Vec<(Op, f64)> {
    let all = rows.len();
    if all <= MOST {
        return rows;
    }
    let share = (MOST as f64 / all as f64 * u32::MAX as f64) as u64;
    let hash = |i: usize| (i as u64).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    rows.into_iter().enumerate().filter(|(i, _)| hash(*i) < share).map(|(_, r)| r).collect()
}
