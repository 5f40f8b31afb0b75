//! The scale of a whole tensor, for containers that have one.

use super::piece::rects;
use super::plan::{Action, Task};
use super::work::{Work, lock};
use crate::checkpoint::{Band, Matrix};
use crate::codec::{E8m0, pow2};
use crate::kernel::{self, Level};
use crate::{Container, Element, TensorScale, error::Result};

/// What a whole tensor must be read for before its values can be encoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Prepared {
    pub(super) scale: TensorScale,
    /// The number that is stored for it.
    pub(super) stored: f32,
    /// For moving scales: the exponent of the tensor scale, if every block fits.
    pub(super) window: Option<i32>,
}

impl Work<'_> {
    /// Reads the whole tensor once if its scale depends on it.
    pub(super) fn prepare(&self, index: usize, task: &Task, m: &Matrix) -> Result<Prepared> {
        let one = Prepared { scale: TensorScale::ONE, stored: 1.0, window: None };
        if !matches!(task.container, Container::Nvfp4 | Container::Hif8) || task.action == Action::Copy {
            return Ok(one);
        }
        let mut slot = lock(&self.prepared[index]);
        if let Some(ready) = *slot {
            return Ok(ready);
        }
        let reciprocal = self.plan.layout == super::Layout::CompressedTensors;
        let mut window = None;
        let scale = match task.action {
            Action::Relabel => self.source.tensor_scale(m)?,
            Action::MoveScales => {
                window = self.window(m)?;
                match window {
                    Some(k) => TensorScale(pow2(k)),
                    None => self.scan(task.container, m)?,
                }
            }
            _ => self.scan(task.container, m)?,
        };
        let ready = if reciprocal && task.container == Container::Nvfp4 {
            let (stored, scale) = reciprocal_of(scale.0);
            Prepared { scale: TensorScale(scale), stored, window }
        } else {
            Prepared { scale, stored: scale.0, window }
        };
        *slot = Some(ready);
        Ok(ready)
    }

    fn scan(&self, container: Container, m: &Matrix) -> Result<TensorScale> {
        let mut band = Band::default();
        let (mut amax, mut squares) = (0f32, 0f64);
        for rect in rects(m, Container::Bf16) {
            self.source.read_values(m, rect, &mut band)?;
            let v = band.values();
            // A maximum that is not finite is found again, and reported with its place, when values are encoded.
            let max = kernel::amax(Level::best(), v);
            amax = if max.is_finite() { amax.max(max) } else { f32::MAX };
            if container == Container::Hif8 {
                squares += kernel::compare(Level::best(), v, v).x2;
            }
        }
        Ok(match container {
            Container::Nvfp4 => TensorScale::nvfp4(amax),
            _ => TensorScale::hif8((squares / m.count().max(1) as f64).sqrt(), amax),
        })
    }

    /// The exponent of a tensor scale with which every MXFP4 block scale is an E4M3 value, if there is one: E4M3 holds
    /// the powers of two from 2^-9 to 2^8. Blocks of zeros fit any scale.
    fn window(&self, m: &Matrix) -> Result<Option<i32>> {
        let mut band = Band::default();
        let (mut least, mut greatest) = (i32::MAX, i32::MIN);
        for rect in rects(m, Container::Mx(Element::E2m1)) {
            self.source.read_codes(m, Container::Mx(Element::E2m1), rect, &mut band)?;
            for (block, &scale) in band.codes.as_chunks::<16>().0.iter().zip(&band.scales) {
                if block.iter().any(|b| b & 0x77 != 0) {
                    if scale == E8m0::NAN {
                        return Ok(None);
                    }
                    least = least.min(i32::from(scale) - 127);
                    greatest = greatest.max(i32::from(scale) - 127);
                }
            }
        }
        if least > greatest {
            return Ok(Some(0)); // all zeros
        }
        let k = (greatest - 8).clamp(-126, 127);
        Ok((least - k >= -9 && greatest - k <= 8).then_some(k))
    }
}

/// A number whose reciprocal, as FP32, is the scale; with the scale that it then gives.
fn reciprocal_of(scale: f32) -> (f32, f32) {
    let first = 1.0 / scale;
    let near = [first, f32::from_bits(first.to_bits() + 1), f32::from_bits(first.to_bits().saturating_sub(1))];
    let stored = near.into_iter().find(|&x| 1.0 / x == scale).unwrap_or(first);
    (stored, 1.0 / stored)
}

/// Each E8M0 scale of 32 becomes two E4M3 scales of 16, 2^(e - k).
pub(super) fn move_scales(codes: &[u8], scales: &[u8], k: i32) -> Vec<u8> {
    let mut out = Vec::with_capacity(scales.len() * 2);
    for (block, &scale) in codes.as_chunks::<16>().0.iter().zip(scales) {
        let n = i32::from(scale) - 127 - k;
        let zero = block.iter().all(|b| b & 0x77 == 0);
        let code = match n {
            _ if zero => 0x38,
            -6..=8 => ((n + 7) << 3) as u8,
            _ => 1 << (n + 9).clamp(0, 2),
        };
        out.extend([code, code]);
    }
    out
}
