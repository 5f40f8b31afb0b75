//! Reading a rectangle of a matrix as values, with memory bounded by the rectangle.

use super::{Checkpoint, DataFile, Dtype, Matrix, Stored};
use crate::codec::half::{bf16_to_f32, fp16_to_f32};
use crate::codec::{E8m0, Minifloat};
use crate::kernel::{self, Decoded, Level};
use crate::{Container, Error, TensorScale, Values, error::Result};

/// A rectangle of one of the stacked matrices. Rows and columns of blocks must not be cut at their start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// Which of the stacked matrices.
    pub lead: usize,
    /// First row.
    pub row: usize,
    /// Number of rows.
    pub rows: usize,
    /// First column.
    pub col: usize,
    /// Number of columns.
    pub cols: usize,
}

impl Rect {
    /// Number of values.
    pub fn count(&self) -> usize {
        self.rows * self.cols
    }
}

/// Buffers for a rectangle, to be used again for the next one.
#[derive(Debug, Default)]
pub struct Band {
    bytes: Vec<u8>,
    scratch: Vec<u8>,
    half: Vec<u16>,
    wide: Vec<f32>,
    is_half: bool,
    /// Codes as stored, of the last rectangle read with [`Checkpoint::read_codes`].
    pub codes: Vec<u8>,
    /// Scales in the form of [`crate::kernel::encode`], of the same rectangle.
    pub scales: Vec<u8>,
}

impl Band {
    /// The values that were read last.
    pub fn values(&self) -> Values<'_> {
        if self.is_half { Values::Bf16(&self.half) } else { Values::F32(&self.wide) }
    }
}

/// FP32 values of dense bytes; `None` if the type is not a float that we read this way.
pub(super) fn floats(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    let halves = || bytes.as_chunks::<2>().0.iter().map(|&b| u16::from_le_bytes(b));
    Some(match dtype {
        Dtype::F32 => bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
        Dtype::Bf16 => halves().map(bf16_to_f32).collect(),
        Dtype::F16 => halves().map(fp16_to_f32).collect(),
        Dtype::F8E8M0 => bytes.iter().map(|&b| E8m0::decode(b)).collect(),
        Dtype::F8E4M3 => bytes.iter().map(|&b| Minifloat::E4M3.decode(b)).collect(),
        _ => return None,
    })
}

/// Reads `rows` pieces of `len` bytes, `stride` apart.
fn read_pieces(
    file: &DataFile,
    base: u64,
    stride: usize,
    len: usize,
    rows: usize,
    out: &mut [u8],
    span: &mut Vec<u8>,
) -> Result<()> {
    if rows == 0 || len == 0 {
        return Ok(());
    }
    if len == stride || rows == 1 {
        return file.read(out, base);
    }
    let whole = stride * (rows - 1) + len;
    if whole <= 16 << 20 && len * 16 >= stride {
        span.resize(whole, 0);
        file.read(span, base)?;
        for (i, out) in out.chunks_exact_mut(len).enumerate() {
            out.copy_from_slice(&span[i * stride..][..len]);
        }
        return Ok(());
    }
    for (i, out) in out.chunks_exact_mut(len).enumerate() {
        file.read(out, base + (i * stride) as u64)?;
    }
    Ok(())
}

impl Checkpoint {
    /// The scale of the whole tensor; 1 if it has none.
    ///
    /// # Errors
    /// If it cannot be read, or is not one positive finite number.
    pub fn tensor_scale(&self, m: &Matrix) -> Result<TensorScale> {
        let Some(at) = m.tensor_scale else { return Ok(TensorScale::ONE) };
        let raw = &self.raw[at.raw];
        let path = &self.files[raw.file].path;
        if raw.len > 64 {
            return Err(Error::malformed(
                path,
                format!("tensor {:?} has shape {:?}; one number is expected", raw.name, raw.shape),
            ));
        }
        match self.floats(at.raw)?.as_slice() {
            &[x] if x.is_finite() && x > 0.0 => Ok(TensorScale(if at.reciprocal { 1.0 / x } else { x })),
            other => {
                let problem = format!("tensor {:?} is {other:?}; one positive finite number is expected", raw.name);
                Err(Error::malformed(path, problem))
            }
        }
    }

    /// Reads codes and scales of a rectangle of a matrix in a container, as [`kernel::encode`] would have made them.
    ///
    /// # Errors
    /// If the file cannot be read, or a scale is not what its container needs.
    pub fn read_codes(&self, m: &Matrix, container: Container, rect: Rect, band: &mut Band) -> Result<()> {
        let raw = &self.raw[m.codes];
        let file = &self.files[raw.file];
        let stride = container.row_bytes(m.cols);
        let len = container.row_bytes(rect.cols);
        let base = raw.offset + ((rect.lead * m.rows + rect.row) * stride + container.row_bytes(rect.col)) as u64;
        band.codes.resize(len * rect.rows, 0);
        read_pieces(file, base, stride, len, rect.rows, &mut band.codes, &mut band.scratch)?;
        self.read_scales(m, container, rect, band)
    }

    fn read_scales(&self, m: &Matrix, container: Container, rect: Rect, band: &mut Band) -> Result<()> {
        let Some((grid_rows, grid_cols)) = container.scale_grid(m.rows, m.cols) else {
            band.scales.clear();
            return Ok(());
        };
        let (h, w) = container.block();
        let (r0, c0) = (rect.row / h, rect.col / w);
        let (r1, c1) = ((rect.row + rect.rows).div_ceil(h), (rect.col + rect.cols).div_ceil(w));
        let Some(at) = m.scales else {
            // FP8 without a scale: one.
            band.scales.clear();
            band.scales.resize((r1 - r0) * (c1 - c0), E8m0::ONE);
            return Ok(());
        };
        let raw = &self.raw[at];
        let file = &self.files[raw.file];
        let size = raw.dtype.alignment() as usize;
        let (stride, len) = (grid_cols * size, (c1 - c0) * size);
        let base = raw.offset + ((rect.lead * grid_rows + r0) * stride + c0 * size) as u64;
        band.bytes.resize((r1 - r0) * len, 0);
        read_pieces(file, base, stride, len, r1 - r0, &mut band.bytes, &mut band.scratch)?;
        let wrong = |x: f32| {
            let problem = format!("scale {x} in {:?} is not a positive finite number", raw.name);
            Error::malformed(&file.path, problem)
        };
        band.scales.clear();
        match (container, raw.dtype) {
            (Container::Tile { pow2: false, .. }, dtype) => {
                for x in floats(dtype, &band.bytes).unwrap_or_default() {
                    if !x.is_finite() || x < 0.0 {
                        return Err(wrong(x));
                    }
                    band.scales.extend(x.to_le_bytes());
                }
            }
            (_, Dtype::F32 | Dtype::Bf16 | Dtype::F16) => {
                for x in floats(raw.dtype, &band.bytes).unwrap_or_default() {
                    band.scales.push(E8m0::exact(x).ok_or_else(|| wrong(x))?);
                }
            }
            _ => band.scales.extend_from_slice(&band.bytes),
        }
        Ok(())
    }

    /// Reads the values of a rectangle: as BF16 where every value of it is one, else as FP32.
    ///
    /// # Errors
    /// If the file cannot be read, or the matrix does not hold values.
    pub fn read_values(&self, m: &Matrix, rect: Rect, band: &mut Band) -> Result<()> {
        match m.stored {
            Stored::Other => {
                let raw = &self.raw[m.codes];
                let problem = format!("tensor {:?} of type {} has no values to read", raw.name, raw.dtype.name());
                Err(Error::malformed(&self.files[raw.file].path, problem))
            }
            Stored::Dense(dtype) => self.read_dense(m, dtype, rect, band),
            Stored::Scaled(container) => {
                self.read_codes(m, container, rect, band)?;
                let g = self.tensor_scale(m)?;
                decode_band(container, g, rect, band);
                Ok(())
            }
        }
    }

    fn read_dense(&self, m: &Matrix, dtype: Dtype, rect: Rect, band: &mut Band) -> Result<()> {
        let raw = &self.raw[m.codes];
        let file = &self.files[raw.file];
        let bytes_of = |values: usize| (dtype.bits_of(values as u64).unwrap_or(0) / 8) as usize;
        if m.transposed {
            return self.read_transposed(m, dtype, rect, band);
        }
        if let Some(head) = m.head {
            return self.read_heads(m, dtype, head, rect, band);
        }
        let (stride, len) = (bytes_of(m.cols), bytes_of(rect.cols));
        let base = raw.offset + ((rect.lead * m.rows + rect.row) * stride + bytes_of(rect.col)) as u64;
        band.is_half = dtype == Dtype::Bf16;
        if band.is_half && cfg!(target_endian = "little") {
            band.half.resize(rect.count(), 0);
            let out = bytemuck::cast_slice_mut(&mut band.half);
            return read_pieces(file, base, stride, len, rect.rows, out, &mut band.scratch);
        }
        if dtype == Dtype::F32 && cfg!(target_endian = "little") {
            band.wide.resize(rect.count(), 0.0);
            let out = bytemuck::cast_slice_mut(&mut band.wide);
            return read_pieces(file, base, stride, len, rect.rows, out, &mut band.scratch);
        }
        band.bytes.resize(len * rect.rows, 0);
        read_pieces(file, base, stride, len, rect.rows, &mut band.bytes, &mut band.scratch)?;
        widen(dtype, band, rect.count());
        Ok(())
    }

    /// A rectangle of values that are stored column by column.
    fn read_transposed(&self, m: &Matrix, dtype: Dtype, rect: Rect, band: &mut Band) -> Result<()> {
        let straight = Matrix { rows: m.cols, cols: m.rows, transposed: false, ..m.clone() };
        let turned = Rect { lead: rect.lead, row: rect.col, rows: rect.cols, col: rect.row, cols: rect.rows };
        self.read_dense(&straight, dtype, turned, band)?;
        if band.is_half {
            band.half = transpose(&band.half, rect.cols, rect.rows);
        } else {
            band.wide = transpose(&band.wide, rect.cols, rect.rows);
        }
        Ok(())
    }
}

impl Checkpoint {
    /// Rows of heads in GGUF's order, put into that of Hugging Face: row p * (head / 2) + i of a head is stored as row
    /// 2 i + p.
    fn read_heads(&self, m: &Matrix, dtype: Dtype, head: usize, rect: Rect, band: &mut Band) -> Result<()> {
        let straight = Matrix { head: None, ..m.clone() };
        let first = rect.row / head * head;
        let end = (rect.row + rect.rows).next_multiple_of(head).min(m.rows);
        self.read_dense(&straight, dtype, Rect { row: first, rows: end - first, ..rect }, band)?;
        let stored = (rect.row..rect.row + rect.rows).map(|row| {
            let (start, at) = (row / head * head, row % head);
            let (p, i) = (at / (head / 2), at % (head / 2));
            start + 2 * i + p - first
        });
        if band.is_half {
            band.half = pick_rows(&band.half, rect.cols, stored);
        } else {
            band.wide = pick_rows(&band.wide, rect.cols, stored);
        }
        Ok(())
    }
}

fn pick_rows<T: Copy>(values: &[T], cols: usize, rows: impl Iterator<Item = usize>) -> Vec<T> {
    rows.flat_map(|row| &values[row * cols..][..cols]).copied().collect()
}

/// `rows` x `cols` values with rows and columns exchanged.
pub(crate) fn transpose<T: Copy + Default>(values: &[T], rows: usize, cols: usize) -> Vec<T> {
    let mut out = vec![T::default(); values.len()];
    const SIDE: usize = 32;
    for r0 in (0..rows).step_by(SIDE) {
        for c0 in (0..cols).step_by(SIDE) {
            for r in r0..(r0 + SIDE).min(rows) {
                for c in c0..(c0 + SIDE).min(cols) {
                    out[c * rows + r] = values[r * cols + c];
                }
            }
        }
    }
    out
}

fn widen(dtype: Dtype, band: &mut Band, count: usize) {
    match dtype {
        Dtype::Gguf(kind) => {
            band.wide.resize(count, 0.0);
            kind.decode(&band.bytes, &mut band.wide);
        }
        Dtype::Bf16 => {
            band.half = band.bytes.as_chunks::<2>().0.iter().map(|&b| u16::from_le_bytes(b)).collect();
        }
        _ => band.wide = floats(dtype, &band.bytes).unwrap_or_default(),
    }
}

/// Values of the codes and scales in a band, exact in BF16 where that is known beforehand.
pub(crate) fn decode_band(container: Container, g: TensorScale, rect: Rect, band: &mut Band) {
    let near = |code: &u8| (17..=237).contains(code);
    let exact = match container {
        Container::Tile { pow2: true, .. } | Container::Mx(_) => band.scales.iter().all(near),
        Container::Hif8 => E8m0::exact(g.0).is_some_and(|c| near(&c)),
        _ => false,
    };
    band.is_half = exact;
    if exact {
        band.half.resize(rect.count(), 0);
    } else {
        band.wide.resize(rect.count(), 0.0);
    }
    let (codes, scales) = (&band.codes, &band.scales);
    let mut half = std::mem::take(&mut band.half);
    let mut wide = std::mem::take(&mut band.wide);
    for_tile_rows(container, rect, codes, scales, |rows, codes, scales| {
        let span = rows.start * rect.cols..rows.end * rect.cols;
        let out = if exact { Decoded::Bf16(&mut half[span]) } else { Decoded::F32(&mut wide[span]) };
        kernel::decode(Level::best(), container, g, codes, scales, rect.cols, out);
    });
    band.half = half;
    band.wide = wide;
}

/// Calls `each` for every run of rows of a rectangle that shares a row of scales, or once if rows have their own scales.
pub(crate) fn for_tile_rows(
    container: Container,
    rect: Rect,
    codes: &[u8],
    scales: &[u8],
    mut each: impl FnMut(std::ops::Range<usize>, &[u8], &[u8]),
) {
    let row_bytes = container.row_bytes(rect.cols);
    let (h, _) = container.block();
    let Container::Tile { .. } = container else {
        return each(0..rect.rows, codes, scales);
    };
    let (_, grid_cols) = container.scale_grid(1, rect.cols).unwrap_or((0, 0));
    let step = grid_cols * container.scale_bytes();
    let mut row = 0;
    let mut scale_row = 0;
    while row < rect.rows {
        let in_tile = if h == usize::MAX { rect.row + row } else { (rect.row + row) % h };
        let end = (row + (h - in_tile)).min(rect.rows);
        each(row..end, &codes[row * row_bytes..end * row_bytes], &scales[scale_row * step..(scale_row + 1) * step]);
        row = end;
        scale_row += 1;
    }
}
