//! Values of one rectangle: read, converted, read back, and laid out as the bytes of the output tensors.

use super::NonFinite;
use super::layout::Role;
use super::piece::{Job, Made, Write};
use super::plan::{Action, Task};
use super::tensor_scale::{Prepared, move_scales};
use super::work::Work;
use crate::checkpoint::{Band, Dtype, Matrix, Rect, decode_band, transpose};
use crate::codec::E8m0;
use crate::kernel::{self, Level, Recipe};
use crate::stats::{ErrorStats, saturated};
use crate::{Container, Error, ScaleRule, Values, error::Result};

impl Work<'_> {
    /// Converts the values of a rectangle; `write` is off in a rehearsal.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn values(
        &self,
        task: &Task,
        job: Job,
        m: &Matrix,
        rect: Rect,
        band: &mut Band,
        check: &mut Band,
        made: &mut Made,
        write: bool,
    ) -> Result<()> {
        let container = task.container;
        let prepared = self.prepare(job.task, task, m)?;
        let (codes, scales) = match task.action {
            Action::Relabel => {
                self.source.read_codes(m, container_of(m, container), rect, band)?;
                // compressed-tensors stores one over the scale; not every FP32 number is the inverse of another.
                if self.plan.options.lossless && self.source.tensor_scale(m)? != prepared.scale {
                    let text = format!("{:?}: its tensor scale has no exact inverse in FP32", m.name);
                    return Err(Error::Refused(text));
                }
                (std::mem::take(&mut band.codes), std::mem::take(&mut band.scales))
            }
            Action::MoveScales if prepared.window.is_some() => {
                self.source.read_values(m, rect, band)?;
                let scales = move_scales(&band.codes, &band.scales, prepared.window.unwrap_or(0));
                check.codes = band.codes.clone();
                check.scales = scales;
                decode_band(container, prepared.scale, rect, check);
                made.stats = Some(compare(band, check, 0));
                (std::mem::take(&mut check.codes), std::mem::take(&mut check.scales))
            }
            Action::Encode(_) | Action::MoveScales | Action::Copy => {
                self.source.read_values(m, rect, band)?;
                let recipe = Recipe { container, rule: self.rule(task), tensor: prepared.scale };
                let marked = self.encode(recipe, m, rect, band, check)?;
                if !marked {
                    decode_band(container, prepared.scale, rect, check);
                    // The ceil rules leave no value above the largest.
                    let never = container.has_rule() && matches!(recipe.rule, ScaleRule::Ceil | ScaleRule::CeilMax);
                    let scales: &[u8] = if never { &[] } else { &check.scales };
                    let above = saturated(container, prepared.scale, rect, band.values(), scales);
                    made.stats = Some(compare(band, check, above));
                }
                (std::mem::take(&mut check.codes), std::mem::take(&mut check.scales))
            }
        };
        if let Some(stats) = &made.stats {
            let exact = self.plan.options.lossless || (task.requantised && !self.plan.options.requant);
            if exact && write && stats.changed > 0 && task.kept.is_none() {
                return Err(Error::Refused(format!(
                    "{:?} does not survive: {} of {} values around row {} change, relative error {:.4}",
                    m.name,
                    stats.changed,
                    stats.count,
                    rect.row,
                    stats.relative()
                )));
            }
        }
        if write {
            self.place(task, job, m, rect, codes, scales, prepared, made);
        }
        Ok(())
    }

    fn rule(&self, task: &Task) -> ScaleRule {
        match task.action {
            Action::Encode(rule) => rule,
            _ => self.plan.rule(task.container),
        }
    }

    /// Encodes the values of `band` into codes and scales of `check`. True if blocks were marked as not finite.
    fn encode(&self, recipe: Recipe, m: &Matrix, rect: Rect, band: &Band, check: &mut Band) -> Result<bool> {
        let container = recipe.container;
        let (h, _) = container.block();
        let row_bytes = container.row_bytes(rect.cols);
        check.codes.clear();
        check.codes.resize(rect.rows * row_bytes, 0);
        let grid = container.scale_grid(rect.rows, rect.cols).unwrap_or((0, 0));
        let step = grid.1 * container.scale_bytes();
        check.scales.clear();
        check.scales.resize(grid.0 * step, 0);
        let height =
            if matches!(container, Container::Tile { .. }) { h.min(rect.rows.max(1)) } else { rect.rows.max(1) };
        let mut marked = false;
        for (i, row) in (0..rect.rows).step_by(height).enumerate() {
            let rows = height.min(rect.rows - row);
            let span = row * rect.cols..(row + rows) * rect.cols;
            let values = match band.values() {
                Values::Bf16(v) => Values::Bf16(&v[span]),
                Values::F32(v) => Values::F32(&v[span]),
            };
            let scale_rows = container.scale_grid(rows, rect.cols).map_or(0, |g| g.0);
            let codes = &mut check.codes[row * row_bytes..][..rows * row_bytes];
            let scales = &mut check.scales[i * step..][..scale_rows * step];
            if kernel::encode(Level::best(), recipe, values, rect.cols, codes, scales).is_err() {
                let can_mark = matches!(container, Container::Mx(_)) && self.plan.options.non_finite == NonFinite::Mark;
                if !can_mark {
                    let at = (0..values.len()).find(|&i| !values.at(i).is_finite()).unwrap_or(0);
                    let (r, c) = (rect.row + row + at / rect.cols, rect.col + at % rect.cols);
                    let path = &self.source.files[self.source.raw[m.codes].file].path;
                    let problem = format!(
                        "tensor {:?} holds {} at row {r}, column {c}; --non-finite mark gives such blocks a NaN scale in MX formats",
                        m.name,
                        values.at(at)
                    );
                    return Err(Error::malformed(path, problem));
                }
                marked = true;
            }
        }
        Ok(marked)
    }

    /// Turns codes and scales into bytes at their places in the output tensors.
    #[allow(clippy::too_many_arguments)]
    fn place(
        &self,
        task: &Task,
        job: Job,
        m: &Matrix,
        rect: Rect,
        codes: Vec<u8>,
        scales: Vec<u8>,
        prepared: Prepared,
        made: &mut Made,
    ) {
        let container = task.container;
        for &tensor in &task.tensors {
            let out = &self.plan.files[task.file].tensors[tensor];
            match out.role {
                Role::Codes if m.dense_is_transposed && container == Container::Bf16 => {
                    let wide: Vec<[u8; 2]> = codes.as_chunks::<2>().0.to_vec();
                    let data = transpose(&wide, rect.rows, rect.cols).into_flattened();
                    let at = 2 * ((rect.lead * m.cols + rect.col) * m.rows + rect.row) as u64;
                    made.writes.push(Write { tensor, at, rows: rect.cols, stride: 2 * m.rows as u64, data });
                }
                Role::Codes => {
                    let stride = container.row_bytes(m.cols);
                    let at = ((rect.lead * m.rows + rect.row) * stride + container.row_bytes(rect.col)) as u64;
                    made.writes.push(Write { tensor, at, rows: rect.rows, stride: stride as u64, data: codes.clone() });
                }
                Role::Scales => {
                    let (h, w) = container.block();
                    let Some((grid_rows, grid_cols)) = container.scale_grid(m.rows, m.cols) else { continue };
                    let rows = container.scale_grid(rect.rows, rect.cols).map_or(0, |g| g.0);
                    let size = out.dtype.alignment() as usize;
                    let data = if out.dtype == Dtype::F32 && container.scale_bytes() == 1 {
                        scales.iter().flat_map(|&c| E8m0::decode(c).to_le_bytes()).collect()
                    } else {
                        scales.clone()
                    };
                    let at = ((rect.lead * grid_rows + rect.row / h) * grid_cols + rect.col / w) * size;
                    made.writes.push(Write { tensor, at: at as u64, rows, stride: (grid_cols * size) as u64, data });
                }
                Role::TensorScale if job.last => {
                    let data = prepared.stored.to_le_bytes().to_vec();
                    made.writes.push(Write { tensor, at: 0, rows: 1, stride: 0, data });
                }
                Role::TensorScale => {}
            }
        }
    }
}

/// The container that codes are read as when they are only relabelled: FP32 scales may be powers of two or not.
fn container_of(m: &Matrix, target: Container) -> Container {
    match (m.container(), target) {
        (Some(from @ Container::Tile { .. }), Container::Tile { rows, cols, pow2 }) => match from {
            Container::Tile { pow2: true, .. } if !pow2 => Container::Tile { rows, cols, pow2: false },
            _ => Container::Tile { rows, cols, pow2 },
        },
        _ => target,
    }
}

fn compare(band: &Band, check: &Band, saturated: u64) -> ErrorStats {
    let (a, b) = (band.values(), check.values());
    ErrorStats::of(a.len() as u64, kernel::compare(Level::best(), a, b), saturated)
}
