//! What stored tensors stand for: which codes belong to which scales, by the naming of each family.
//!
//! | family | codes | scales |
//! | --- | --- | --- |
//! | DeepSeek V3, V3.1 | `X.weight` F8_E4M3 | `X.weight_scale_inv` F32, a tile each |
//! | DeepSeek V4 | `X.weight` F8_E4M3, or I8 with two E2M1 a byte | `X.scale` F8_E8M0, a tile each, or 32 columns |
//! | compressed-tensors | `X.weight`, or `X.weight_packed` U8 | `X.weight_scale` U8, F8_E4M3 or F32; NVFP4 also `X.weight_global_scale` F32, to divide by |
//! | ModelOpt | `X.weight` F8_E4M3, or U8 | `X.weight_scale` U8 or F8_E4M3; NVFP4 also `X.weight_scale_2` F32 |
//! | gpt-oss | `X_blocks` U8 [experts, out, in/32, 16] | `X_scales` U8; stands for `X` [experts, in, out] |
//! | Steelyard | `X.weight` I8 (MXINT8) or U8 (MXFP6 E3M2, HiF8) | `X.weight_scale` U8, or F32 for HiF8 |
//!
//! Tile sizes follow from the shapes of codes and scales, with `weight_block_size` of the configuration tried first.

use std::collections::HashMap;

use serde_json::Value;

use super::{Checkpoint, Dtype, RawTensor};
use crate::codec::E8m0;
use crate::{Container, Element, Error, Note, error::Result};

/// How a matrix is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// Not floats, or floats we have no use for: can only be copied.
    Other,
    /// Plain values of this type.
    Dense(Dtype),
    /// Codes and scales.
    Scaled(Container),
}

/// Where the scale of a whole tensor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TensorScaleAt {
    /// Index in [`Checkpoint::raw`].
    pub raw: usize,
    /// Whether the stored number is one over the scale.
    pub reciprocal: bool,
}

/// One or more stored tensors that stand for one tensor of values.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// The name that the tensor of values has in an unquantised checkpoint.
    pub name: String,
    /// The shape of the values. For gpt-oss experts [experts, out, in], as their codes.
    pub shape: Vec<u64>,
    /// Matrices stacked in front: the product of all dimensions but the last two.
    pub lead: usize,
    /// Rows of each; 1 for vectors and scalars.
    pub rows: usize,
    /// Columns of each, the direction of the dot product.
    pub cols: usize,
    /// How it is stored.
    pub stored: Stored,
    /// The stored codes or values.
    pub codes: usize,
    /// The stored block scales.
    pub scales: Option<usize>,
    /// The stored scale of the tensor.
    pub tensor_scale: Option<TensorScaleAt>,
    /// Whether values are stored [lead, columns, rows].
    pub transposed: bool,
    /// Whether the unquantised tensor of this name is [lead, columns, rows], as gpt-oss experts.
    pub dense_is_transposed: bool,
    /// The rows of an attention head, where each head's rows are stored in GGUF's order: pairs that are rotated together
    /// beside each other, instead of half a head apart.
    pub head: Option<usize>,
}

impl Matrix {
    /// Number of values.
    pub fn count(&self) -> u64 {
        self.lead as u64 * self.rows as u64 * self.cols as u64
    }

    /// The indices of all stored tensors that belong to it.
    pub fn parts(&self) -> impl Iterator<Item = usize> {
        [Some(self.codes), self.scales, self.tensor_scale.map(|t| t.raw)].into_iter().flatten()
    }

    /// The container, if it is stored in one.
    pub fn container(&self) -> Option<Container> {
        match self.stored {
            Stored::Scaled(c) => Some(c),
            _ => None,
        }
    }

    fn plain(raw: &RawTensor, index: usize) -> Option<Matrix> {
        let stored = if raw.dtype.is_dense() { Stored::Dense(raw.dtype) } else { Stored::Other };
        let mut m = Matrix {
            name: raw.name.clone(),
            shape: raw.shape.clone(),
            lead: 1,
            rows: 1,
            cols: 1,
            stored,
            codes: index,
            scales: None,
            tensor_scale: None,
            transposed: false,
            dense_is_transposed: false,
            head: None,
        };
        m.reshape()?;
        Some(m)
    }

    /// Sets lead, rows and columns from the shape; `None` if they overflow.
    fn reshape(&mut self) -> Option<()> {
        let size = |d: &[u64]| d.iter().try_fold(1usize, |n, &d| n.checked_mul(usize::try_from(d).ok()?));
        let n = self.shape.len();
        self.cols = size(&self.shape[n.saturating_sub(1)..])?;
        self.rows = size(&self.shape[n.saturating_sub(2)..n.saturating_sub(1)])?;
        self.lead = size(&self.shape[..n.saturating_sub(2)])?;
        self.lead.checked_mul(self.rows)?.checked_mul(self.cols)?.checked_mul(8).map(|_| ())
    }
}

/// What the configuration says that shapes do not tell.
struct Hints {
    tile: Option<(u64, u64)>,
    /// Our own format name, for types without a place in safetensors.
    steelyard: Option<Container>,
}

impl Hints {
    fn of(checkpoint: &Checkpoint) -> Hints {
        let config = checkpoint.config.as_ref().and_then(|c| c.get("quantization_config"));
        let size = config.and_then(|c| c.get("weight_block_size")).and_then(Value::as_array);
        let tile = size.and_then(|s| Some((s.first()?.as_u64()?, s.get(1)?.as_u64()?))).filter(|t| t.0 > 0 && t.1 > 0);
        let own = checkpoint.files.iter().find_map(|f| f.metadata.get("steelyard.container")).and_then(Value::as_str);
        Hints { tile, steelyard: own.and_then(Container::from_name) }
    }
}

/// Fills [`Checkpoint::matrices`].
pub(super) fn recognise(checkpoint: &mut Checkpoint, by_name: &HashMap<String, usize>) -> Result<()> {
    let hints = Hints::of(checkpoint);
    let mut taken = vec![false; checkpoint.raw.len()];
    let mut found: Vec<Option<Matrix>> = vec![None; checkpoint.raw.len()];
    let mut unknown = Vec::new();
    for (i, slot) in found.iter_mut().enumerate() {
        match scaled(checkpoint, by_name, i, &hints) {
            Ok(Some(m)) => {
                for part in m.parts() {
                    taken[part] = true;
                }
                *slot = Some(m);
            }
            Ok(None) => {}
            // Worth looking at all the same; only converting is out of the question.
            Err(Error::Malformed { problem, .. }) => unknown.push(problem),
            Err(e) => return Err(e),
        }
    }
    for (i, slot) in found.iter_mut().enumerate() {
        if slot.is_none() && !taken[i] {
            let raw = &checkpoint.raw[i];
            let problem = || {
                let path = &checkpoint.files[raw.file].path;
                Error::malformed(path, format!("tensor {:?} is too large for this machine", raw.name))
            };
            let mut m = Matrix::plain(raw, i).ok_or_else(problem)?;
            if raw.dtype == Dtype::F8E4M3 {
                // FP8 that nobody scales stands for itself.
                m.stored = Stored::Scaled(Container::Tile { rows: usize::MAX, cols: usize::MAX, pow2: true });
            }
            *slot = Some(m);
        }
    }
    checkpoint.matrices = found.into_iter().flatten().collect();
    if let Some(first) = unknown.first() {
        checkpoint.notes.push(Note::NotUnderstood(unknown.len(), first.clone()));
    }
    checkpoint.unknown = unknown;
    Ok(())
}

/// The matrix whose codes are tensor `i`, if it has scales.
fn scaled(c: &Checkpoint, by_name: &HashMap<String, usize>, i: usize, hints: &Hints) -> Result<Option<Matrix>> {
    let raw = &c.raw[i];
    let named = |name: String| by_name.get(&name).copied();
    if let Some(base) = raw.name.strip_suffix("_blocks") {
        let scales = named(format!("{base}_scales"));
        return match scales {
            Some(s) if raw.dtype == Dtype::U8 && c.raw[s].dtype == Dtype::U8 => gpt_oss(c, i, s, base).map(Some),
            _ => Ok(None),
        };
    }
    if let Some(base) = raw.name.strip_suffix("_packed") {
        let (Some(s), Dtype::U8) = (named(format!("{base}_scale")), raw.dtype) else { return Ok(None) };
        let global = named(format!("{base}_global_scale"));
        return packed(c, i, s, global.map(|raw| TensorScaleAt { raw, reciprocal: true }), base, hints).map(Some);
    }
    let candidates = [
        Some(format!("{}_scale_inv", raw.name)),
        Some(format!("{}_scale", raw.name)),
        raw.name.strip_suffix(".weight").map(|base| format!("{base}.scale")),
    ];
    let scales = candidates.into_iter().flatten().find_map(named);
    match (raw.dtype, scales) {
        (Dtype::U8 | Dtype::I8, Some(s)) => {
            let second = named(format!("{}_scale_2", raw.name)).map(|raw| TensorScaleAt { raw, reciprocal: false });
            packed(c, i, s, second, &raw.name, hints).map(Some)
        }
        (Dtype::F8E4M3 | Dtype::F8E5M2, Some(s)) => fp8(c, i, s, hints).map(Some),
        (Dtype::F8E4M3Fnuz | Dtype::F8E5M2Fnuz, _) => {
            let problem =
                format!("tensor {:?} is {}, which has another bias; not supported", raw.name, raw.dtype.name());
            Err(Error::malformed(&c.files[raw.file].path, problem))
        }
        _ => Ok(None),
    }
}

fn mismatch(c: &Checkpoint, i: usize, s: usize) -> Error {
    let (codes, scales) = (&c.raw[i], &c.raw[s]);
    let problem = format!(
        "codes {:?} {} {:?} and scales {:?} {} {:?} fit no known format",
        codes.name,
        codes.dtype.name(),
        codes.shape,
        scales.name,
        scales.dtype.name(),
        scales.shape
    );
    Error::malformed(&c.files[codes.file].path, problem)
}

fn gpt_oss(c: &Checkpoint, i: usize, s: usize, base: &str) -> Result<Matrix> {
    let (codes, scales) = (&c.raw[i], &c.raw[s]);
    let &[experts, out, groups, 16] = codes.shape.as_slice() else { return Err(mismatch(c, i, s)) };
    if scales.shape != [experts, out, groups] {
        return Err(mismatch(c, i, s));
    }
    let plain = Matrix::plain(codes, i).ok_or_else(|| mismatch(c, i, s))?;
    let mut m = Matrix {
        name: base.to_owned(),
        shape: vec![experts, out, groups * 32],
        stored: Stored::Scaled(Container::Mx(Element::E2m1)),
        scales: Some(s),
        dense_is_transposed: true,
        ..plain
    };
    m.reshape().ok_or_else(|| mismatch(c, i, s))?;
    Ok(m)
}

/// Codes in U8 or I8: E2M1, MXFP6, MXINT8 or HiF8, by the number of code bytes a scale.
fn packed(
    c: &Checkpoint,
    i: usize,
    s: usize,
    tensor_scale: Option<TensorScaleAt>,
    name: &str,
    hints: &Hints,
) -> Result<Matrix> {
    let (codes, scales) = (&c.raw[i], &c.raw[s]);
    let mut m = Matrix::plain(codes, i).ok_or_else(|| mismatch(c, i, s))?;
    m.name = name.to_owned();
    if scales.dtype == Dtype::F32 && hints.steelyard == Some(Container::Hif8) && scales.len == 4 {
        m.stored = Stored::Scaled(Container::Hif8);
        m.tensor_scale = Some(TensorScaleAt { raw: s, reciprocal: false });
        return Ok(m);
    }
    let same_front = codes.shape.len() >= 2
        && codes.shape.len() == scales.shape.len()
        && codes.shape[..codes.shape.len() - 1] == scales.shape[..scales.shape.len() - 1];
    let (&code_bytes, &groups) = match (codes.shape.last(), scales.shape.last()) {
        (Some(a), Some(b)) if same_front && *b > 0 => (a, b),
        _ => return Err(mismatch(c, i, s)),
    };
    let each = if code_bytes.is_multiple_of(groups) { code_bytes / groups } else { 0 };
    let own = hints.steelyard.filter(|_| scales.dtype == Dtype::U8);
    let container = match (scales.dtype, each) {
        (Dtype::F8E4M3, 8) if tensor_scale.is_some() => Container::Nvfp4,
        (Dtype::U8 | Dtype::F8E8M0, 16) => Container::Mx(Element::E2m1),
        (Dtype::U8 | Dtype::F8E8M0, 24) if own == Some(Container::Mx(Element::E3m2)) => Container::Mx(Element::E3m2),
        (Dtype::U8 | Dtype::F8E8M0, 24) => Container::Mx(Element::E2m3),
        (Dtype::U8 | Dtype::F8E8M0, 32) if codes.dtype == Dtype::I8 => Container::Mx(Element::Int8),
        _ => return Err(mismatch(c, i, s)),
    };
    if let Some(cols) = m.shape.last_mut() {
        *cols = groups.checked_mul(container.block().1 as u64).ok_or_else(|| mismatch(c, i, s))?;
    }
    m.reshape().ok_or_else(|| mismatch(c, i, s))?;
    m.stored = Stored::Scaled(container);
    m.scales = Some(s);
    m.tensor_scale = if container == Container::Nvfp4 { tensor_scale } else { None };
    Ok(m)
}

/// E4M3 or E5M2 codes of a byte each: the tile follows from the shapes.
fn fp8(c: &Checkpoint, i: usize, s: usize, hints: &Hints) -> Result<Matrix> {
    let (codes, scales) = (&c.raw[i], &c.raw[s]);
    let mut m = Matrix::plain(codes, i).ok_or_else(|| mismatch(c, i, s))?;
    m.scales = Some(s);
    let bytes = matches!(scales.dtype, Dtype::F8E8M0 | Dtype::U8);
    if !bytes && !matches!(scales.dtype, Dtype::F32 | Dtype::Bf16 | Dtype::F16) {
        return Err(mismatch(c, i, s));
    }
    let (rows, cols) = (m.rows as u64, m.cols as u64);
    let count: u64 = scales.shape.iter().product();
    let front = codes.shape.len().saturating_sub(2);
    let grid = match scales.shape.as_slice() {
        shape if shape.len() == codes.shape.len() && shape.len() >= 2 && shape[..front] == codes.shape[..front] => {
            Some((shape[front], shape[front + 1]))
        }
        &[r] if m.lead == 1 && r == rows && rows > 1 => Some((r, 1)),
        _ => None,
    };
    let fits = |(h, w): (u64, u64)| grid == Some((rows.div_ceil(h), cols.div_ceil(w)));
    let usual = [(1, 32), (128, 128), (32, 32), (64, 64), (256, 256), (1, 128)];
    let tile = hints.tile.into_iter().chain(usual).find(|&t| fits(t));
    let element = if codes.dtype == Dtype::F8E4M3 { Element::E4m3 } else { Element::E5m2 };
    let pow2 = || -> Result<bool> { Ok(bytes || c.floats(s)?.into_iter().all(|x| E8m0::exact(x).is_some())) };
    let container = match (tile, grid) {
        (Some((1, 32)), _) if bytes => Container::Mx(element),
        _ if element == Element::E5m2 => return Err(mismatch(c, i, s)),
        (Some((h, w)), _) => Container::Tile { rows: h as usize, cols: w as usize, pow2: pow2()? },
        (None, Some((r, 1))) if r == rows => Container::Tile { rows: 1, cols: usize::MAX, pow2: pow2()? },
        _ if count == 1 && m.lead == 1 => Container::Tile { rows: usize::MAX, cols: usize::MAX, pow2: pow2()? },
        _ => return Err(mismatch(c, i, s)),
    };
    m.stored = Stored::Scaled(container);
    Ok(m)
}
