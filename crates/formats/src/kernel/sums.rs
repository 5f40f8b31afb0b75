//! Sums over values for error reports. They go into a fixed number of lanes that are added up in a fixed order, so that
//! every instruction set gives the same ones.

use super::input::Input;

/// Sums for an error report, in sixteen lanes that are added up in a fixed order.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sums {
    /// Sum of squares of the values.
    pub x2: f64,
    /// Sum of squares of the differences.
    pub d2: f64,
    /// Largest magnitude.
    pub max_x: f64,
    /// Largest difference.
    pub max_d: f64,
    /// Values that are not zero and read back as zero.
    pub flushed: u64,
    /// Values that read back as another value.
    pub changed: u64,
}

/// Compares values with what they read back as. At most 2^32 values.
#[inline(always)]
pub(crate) fn compare<A: Input, B: Input>(a: &[A], b: &[B]) -> Sums {
    const LANES: usize = 16;
    let (mut x2, mut d2) = ([0f64; LANES], [0f64; LANES]);
    let (mut max_x, mut max_d) = ([0f64; LANES], [0f64; LANES]);
    let (mut flushed, mut changed) = ([0u32; LANES], [0u32; LANES]);
    let mut step = |a: &[A], b: &[B]| {
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            let (x, y) = (f64::from(a.value()), f64::from(b.value()));
            let d = x - y;
            x2[i] += x * x;
            d2[i] += d * d;
            let (ax, ad) = (x.abs(), d.abs());
            max_x[i] = if ax > max_x[i] { ax } else { max_x[i] };
            max_d[i] = if ad > max_d[i] { ad } else { max_d[i] };
            flushed[i] += u32::from((x != 0.0) & (y == 0.0));
            changed[i] += u32::from(x != y);
        }
    };
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        step(a, b);
    }
    step(a_rest, b_rest);
    Sums {
        x2: x2.iter().sum(),
        d2: d2.iter().sum(),
        max_x: max_x.into_iter().fold(0.0, f64::max),
        max_d: max_d.into_iter().fold(0.0, f64::max),
        flushed: flushed.into_iter().map(u64::from).sum(),
        changed: changed.into_iter().map(u64::from).sum(),
    }
}

/// Values above the limit of their tile.
#[inline(always)]
pub(crate) fn count_above<T: Input>(values: &[T], cols: usize, width: usize, limits: &[f32]) -> u64 {
    let mut count = 0u64;
    for row in values.chunks_exact(cols) {
        for (tile, &limit) in row.chunks(width).zip(limits) {
            let above: u32 = tile.iter().map(|x| u32::from(f32::from_bits(x.magnitude()) > limit)).sum();
            count += u64::from(above);
        }
    }
    count
}
