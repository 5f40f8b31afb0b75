//! Measured operators of a chip: inside their hull they go before the surface.
//!
//! ```text
//!   seconds = surface(op) x measured / surface of the points around it
//! ```
//!
//! Points share a hull if they are products of the same widths; the hull is the box that their sizes (rows, requests,
//! tokens in the cache) span. The ratios of the points are weighted by the inverse fourth power of their distance in the
//! logarithms of the sizes (Shepard 1968): at a point the time is what was measured there, between points it goes over
//! smoothly, outside the surface stands alone. Stops holding where a hull is wide and its points are few.

use std::collections::BTreeMap;

use crate::Op;

/// Sizes that vary within a hull.
const AXES: usize = 3;
/// Points of one hull that are kept: more say no more and take longer to ask.
const MOST: usize = 256;
/// Distance below which two sizes are one.
const SAME: f64 = 1e-9;

/// Where an operator stands: widths that must agree, and the logarithms of its sizes.
fn place(op: &Op) -> Option<(Vec<u64>, [f64; AXES])> {
    let ln = |x: f64| x.max(1.0).ln();
    let size = |x: u64| ln(x as f64);
    Some(match *op {
        Op::Gemm { m, n, k, .. } => (vec![n, k], [size(m), 0.0, 0.0]),
        Op::BatchedGemm { heads, m, n, k, .. } => (vec![heads, n, k], [size(m), 0.0, 0.0]),
        Op::Moe { tokens, hidden, inner, top_k, experts, local_experts, gated, .. } => {
            (vec![hidden, inner, top_k, experts, local_experts, u64::from(gated)], [size(tokens), 0.0, 0.0])
        }
        Op::AttentionPrefill { batch, new, past, heads, kv_heads, head_dim, v_dim, window, .. } => {
            let widths = vec![heads, kv_heads, head_dim, v_dim, window.unwrap_or(0)];
            (widths, [size(batch), size(new), size(past + 1)])
        }
        Op::AttentionDecode { batch, kv_len, queries, heads, kv_heads, head_dim, v_dim, window, .. } => {
            let widths = vec![queries, heads, kv_heads, head_dim, v_dim, window.unwrap_or(0)];
            (widths, [size(batch), ln(kv_len), 0.0])
        }
        Op::MlaDecode { batch, kv_len, queries, heads, kv_rank, rope_dim, .. } => {
            (vec![queries, heads, kv_rank, rope_dim], [size(batch), ln(kv_len), 0.0])
        }
        Op::State { batch, new, key_heads, key_dim, value_heads, value_dim, state_bytes } => {
            (vec![key_heads, key_dim, value_heads, value_dim, state_bytes], [size(batch), size(new), 0.0])
        }
        Op::Indexer { batch, queries, keys, heads, dim, .. } => {
            (vec![heads, dim], [size(batch), size(queries), ln(keys)])
        }
        // Traffic only: the surface is exact enough.
        Op::Elementwise { .. } => return None,
    })
}

/// Points of one hull.
#[derive(Debug, Clone, PartialEq, Default)]
struct Hull {
    /// Sizes, and the logarithm of measured over surface.
    points: Vec<([f64; AXES], f64)>,
    low: [f64; AXES],
    high: [f64; AXES],
}

/// Measured operators of one family and format.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Grid {
    hulls: BTreeMap<Vec<u64>, Hull>,
}

impl Grid {
    /// From operators with their measured seconds, and the surface's.
    pub fn new<'o>(rows: impl IntoIterator<Item = (&'o Op, f64)>, surface: impl Fn(&Op) -> f64) -> Grid {
        let mut grid = Grid::default();
        for (op, seconds) in rows {
            let (Some((widths, at)), expected) = (place(op), surface(op)) else { continue };
            let ratio = (seconds / expected).ln();
            if !ratio.is_finite() {
                continue;
            }
            let hull = grid.hulls.entry(widths).or_insert_with(|| Hull { points: Vec::new(), low: at, high: at });
            if hull.points.len() < MOST {
                for (axis, &value) in at.iter().enumerate() {
                    hull.low[axis] = hull.low[axis].min(value);
                    hull.high[axis] = hull.high[axis].max(value);
                }
                hull.points.push((at, ratio));
            }
        }
        grid
    }

    /// Measured over surface at `op`; `None` outside every hull.
    pub fn ratio(&self, op: &Op) -> Option<f64> {
        let (widths, at) = place(op)?;
        let hull = self.hulls.get(&widths)?;
        let inside = (0..AXES).all(|i| (hull.low[i] - SAME..=hull.high[i] + SAME).contains(&at[i]));
        if !inside {
            return None;
        }
        let (mut sum, mut weight) = (0.0, 0.0);
        let (mut here, mut hits) = (0.0, 0.0);
        for (point, ratio) in &hull.points {
            let distance: f64 = (0..AXES).map(|i| (point[i] - at[i]).powi(2)).sum();
            if distance < SAME * SAME {
                here += ratio;
                hits += 1.0;
            }
            let near = 1.0 / distance.max(SAME * SAME).powi(2);
            sum += near * ratio;
            weight += near;
        }
        // A point that was measured twice counts with its mean.
        Some(if hits > 0.0 { (here / hits).exp() } else { (sum / weight).exp() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog::Arithmetic;
    use formats::Scheme;

    fn gemm(m: u64, n: u64) -> Op {
        Op::Gemm { m, n, k: 4096, weights: Scheme::BF16, arithmetic: Arithmetic::Bf16 }
    }

    #[test]
    fn points_are_met_and_the_outside_is_left_alone() {
        let rows = [(gemm(16, 4096), 2e-5), (gemm(64, 4096), 1e-5), (gemm(1024, 4096), 4e-5)];
        let grid = Grid::new(rows.iter().map(|(op, s)| (op, *s)), |_| 1e-5);
        let at = |m, n| grid.ratio(&gemm(m, n));
        assert!((at(16, 4096).expect("a point") - 2.0).abs() < 1e-9);
        assert!((at(1024, 4096).expect("a point") - 4.0).abs() < 1e-9);
        let between = at(32, 4096).expect("inside");
        assert!(between > 1.0 && between < 2.0, "{between}");
        // Outside in size, and of another width.
        assert_eq!(at(8, 4096), None);
        assert_eq!(at(2048, 4096), None);
        assert_eq!(at(64, 8192), None);
    }

    #[test]
    fn a_point_measured_twice_counts_with_its_mean() {
        let rows = [(gemm(16, 64), 2e-5), (gemm(16, 64), 8e-5)];
        let grid = Grid::new(rows.iter().map(|(op, s)| (op, *s)), |_| 1e-5);
        // Geometric mean of 2 and 8.
        assert!((grid.ratio(&gemm(16, 64)).expect("a point") - 4.0).abs() < 1e-9);
    }
}
