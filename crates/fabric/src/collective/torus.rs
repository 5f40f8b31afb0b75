//! Rings along every axis of a whole torus at once.
//!
//! The data is cut into as many parts as there are axes, each part in two halves that go round in opposite ways. A part is
//! scattered along one axis after the other, shrinking as it goes; parts start at different axes and are as large as it
//! takes to load all axes alike.

use crate::collective::{Send, Step};
use crate::graph::TorusMap;

/// The step that scatters (or, backwards, gathers) `bytes` over the whole torus that `map` describes: what each chip sends
/// to its neighbours, all parts in so many pieces that every axis works all the time.
pub(super) fn scatter(map: &TorusMap, chips: u32, bytes: f64) -> Step {
    let axes: Vec<usize> = (0..map.dims.len()).filter(|&a| map.dims[a] > 1).collect();
    let lengths: Vec<f64> = axes.iter().map(|&a| f64::from(map.dims[a])).collect();
    let sent = loads(&lengths, &weights(&lengths));
    let node = |chip: u32| map.ports[chip as usize];
    let mut sends = Vec::new();
    for (&axis, share) in axes.iter().zip(sent) {
        for chip in 0..chips {
            let to = |by| node(map.moved(chip, axis, by));
            sends.extend([1, -1].map(|by| Send { from: node(chip), to: to(by), bytes: bytes * share / 2.0 }));
        }
    }
    Step { sends, rounds: lengths.iter().map(|l| l - 1.0).sum(), repeat: 1, ..Step::default() }
}

/// What a chip sends along each axis, parts of these shares starting at one axis each.
fn loads(lengths: &[f64], weights: &[f64]) -> Vec<f64> {
    let n = lengths.len();
    let mut loads = vec![0.0; n];
    for (part, weight) in weights.iter().enumerate() {
        let mut size = *weight;
        for axis in (0..n).map(|stage| (part + stage) % n) {
            loads[axis] += size * (1.0 - 1.0 / lengths[axis]);
            size /= lengths[axis];
        }
    }
    loads
}

/// Shares of the parts that load all axes alike.
fn weights(lengths: &[f64]) -> Vec<f64> {
    let n = lengths.len();
    let mut weights = vec![1.0 / n as f64; n];
    for _ in 0..300 {
        let loads = loads(lengths, &weights);
        // A part loads the axis that it starts with most.
        weights.iter_mut().zip(&loads).for_each(|(w, load)| *w /= load.sqrt());
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|w| *w /= sum);
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_load_axes_alike() {
        let even = weights(&[4.0, 4.0, 4.0]);
        assert!(even.iter().all(|w| (w - 1.0 / 3.0).abs() < 1e-12));
        // 4 x 8: a on the short axis first, b on the long one: 3/4 a + 3/32 b = 7/8 b + 7/32 a, so a / b = 25/17.
        let uneven = weights(&[4.0, 8.0]);
        assert!((uneven[0] / uneven[1] - 25.0 / 17.0).abs() < 1e-9, "{uneven:?}");
    }
}
