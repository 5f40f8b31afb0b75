//! Pieces of work: rectangles of values, or ranges of bytes, and what becomes of them.

use crate::Container;
use crate::checkpoint::{Matrix, Rect};
use crate::stats::ErrorStats;

/// Values of a rectangle, at most.
pub(super) const VALUES: usize = 1 << 21;
/// Bytes of a piece of a tensor that is copied.
pub(super) const PIECE: u64 = 4 << 20;

/// A piece of work.
#[derive(Debug, Clone, Copy)]
pub(super) enum Piece {
    /// Bytes of the task's n-th stored tensor.
    Bytes { part: usize, from: u64, len: u64 },
    /// Values.
    Values(Rect),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    pub(super) task: usize,
    pub(super) piece: Piece,
    pub(super) last: bool,
}

/// Bytes for one output tensor: `rows` runs of equal length, `stride` apart.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) tensor: usize,
    pub(super) at: u64,
    pub(super) rows: usize,
    pub(super) stride: u64,
    pub(super) data: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Made {
    pub(super) job: Job,
    pub(super) writes: Vec<Write>,
    pub(super) stats: Option<ErrorStats>,
    pub(super) input: u64,
}

/// The share of `total` that `part` of `whole` stands for.
pub(super) fn share(total: u64, part: u64, whole: u64) -> u64 {
    if whole == 0 { total } else { (u128::from(total) * u128::from(part) / u128::from(whole)) as u64 }
}

/// Cuts a matrix into rectangles of at most [`VALUES`] values whose borders cut no block of source or target.
pub(crate) fn rects(m: &Matrix, target: Container) -> Vec<Rect> {
    let finite = |n: usize| if n == usize::MAX { 1 } else { n };
    let (th, tw) = target.block();
    let (sh, sw) = m.container().map_or((1, 32), Container::block);
    let high = lcm(finite(th), finite(sh));
    let wide = lcm(lcm(finite(tw), finite(sw)), 64);
    let columns = if high.saturating_mul(m.cols) <= VALUES { m.cols } else { (VALUES / high / wide).max(1) * wide };
    let columns = columns.min(m.cols).max(1);
    let rows = (VALUES / columns / high).max(1) * high;
    let mut out = Vec::new();
    for lead in 0..m.lead {
        for row in (0..m.rows).step_by(rows) {
            for col in (0..m.cols).step_by(columns) {
                out.push(Rect { lead, row, rows: rows.min(m.rows - row), col, cols: columns.min(m.cols - col) });
            }
        }
    }
    if out.is_empty() {
        out.push(Rect { lead: 0, row: 0, rows: 0, col: 0, cols: 0 });
    }
    out
}

fn lcm(a: usize, b: usize) -> usize {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x * b
}
