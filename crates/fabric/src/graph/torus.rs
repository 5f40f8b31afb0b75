//! Coordinates in a torus.

use super::{LinkId, NodeId};

/// Where the chips of one torus are, and the links of each along every axis.
#[derive(Debug, Clone, PartialEq)]
pub struct TorusMap {
    /// Chips along each axis; the first is the fastest.
    pub dims: Vec<u32>,
    /// Whether wrap-around links are shifted, so that axes are no rings of their own.
    pub twisted: bool,
    /// For each chip and axis the links up and down, `None` where there is none (the ends of a line of two).
    pub steps: Vec<[Option<LinkId>; 2]>,
    /// Chips of one torus: chip `c` is at `c % size` in torus `c / size`.
    pub size: u32,
    /// Node of each chip's ports.
    pub ports: Vec<NodeId>,
}

impl TorusMap {
    /// Coordinates of a chip.
    pub fn coordinates(&self, chip: u32) -> Vec<u32> {
        coordinates(&self.dims, chip % self.size)
    }

    /// The chip `by` steps up along an axis (down if negative), around the end if need be. Not for twisted tori.
    pub fn moved(&self, chip: u32, axis: usize, by: i64) -> u32 {
        let stride: u32 = self.dims[..axis].iter().product();
        let dim = self.dims[axis];
        let at = chip % self.size / stride % dim;
        let to = (i64::from(at) + by).rem_euclid(i64::from(dim)) as u32;
        chip - at * stride + to * stride
    }

    /// The links up and down of a chip along an axis.
    pub fn links(&self, chip: u32, axis: usize) -> [Option<LinkId>; 2] {
        self.steps[chip as usize * self.dims.len() + axis]
    }
}

/// Coordinates of a unit, the first axis being the fastest.
pub(super) fn coordinates(dims: &[u32], unit: u32) -> Vec<u32> {
    let mut rest = unit;
    let axis = |&dim: &u32| {
        let at = rest % dim;
        rest /= dim;
        at
    };
    dims.iter().map(axis).collect()
}
