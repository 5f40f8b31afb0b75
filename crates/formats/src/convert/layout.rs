//! Names, types and shapes of what is written, by family.

use crate::checkpoint::{Dtype, Matrix};
use crate::{Container, Element, Error, error::Result};

/// A family's way to name and describe quantised tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// `weight_scale_inv`, or V4's `scale`.
    DeepSeek,
    /// `weight_packed`, `weight_scale`, `weight_global_scale`.
    CompressedTensors,
    /// `weight`, `weight_scale`, `weight_scale_2`.
    ModelOpt,
    /// `_blocks` and `_scales` of fused experts.
    GptOss,
    /// Ours, for containers that nobody else stores.
    Steelyard,
    /// Unquantised.
    Plain,
}

/// The part that an output tensor plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Codes or values.
    Codes,
    /// Block scales.
    Scales,
    /// The scale of the tensor.
    TensorScale,
}

/// A tensor to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct OutTensor {
    /// Its name.
    pub name: String,
    /// Its type.
    pub dtype: Dtype,
    /// Its shape.
    pub shape: Vec<u64>,
    /// Its part.
    pub role: Role,
}

impl OutTensor {
    /// Its bytes.
    pub fn len(&self) -> u64 {
        let n = self.shape.iter().product();
        self.dtype.bits_of(n).unwrap_or(0) / 8
    }
}

impl Layout {
    /// Layouts by their names on the command line.
    pub const NAMED: [(&'static str, Layout); 5] = [
        ("deepseek", Layout::DeepSeek),
        ("compressed-tensors", Layout::CompressedTensors),
        ("modelopt", Layout::ModelOpt),
        ("gpt-oss", Layout::GptOss),
        ("steelyard", Layout::Steelyard),
    ];

    /// The layout of a name.
    pub fn from_name(name: &str) -> Option<Layout> {
        Self::NAMED.iter().find(|(n, _)| *n == name).map(|&(_, l)| l)
    }

    /// The name.
    pub fn name(self) -> &'static str {
        Self::NAMED.iter().find(|&&(_, l)| l == self).map_or("plain", |&(n, _)| n)
    }

    /// The usual layout of a container.
    pub fn usual(container: Container) -> Layout {
        match container {
            Container::Bf16 => Layout::Plain,
            Container::Tile { .. } => Layout::DeepSeek,
            Container::Mx(Element::E3m2 | Element::E5m2 | Element::Int8) | Container::Hif8 => Layout::Steelyard,
            Container::Mx(_) | Container::Nvfp4 => Layout::CompressedTensors,
        }
    }

    /// Whether the family has a place for the container.
    pub fn stores(self, container: Container) -> bool {
        use Element::{E2m1, E2m3, E4m3};
        match self {
            Layout::DeepSeek => matches!(container, Container::Tile { .. } | Container::Mx(E4m3 | E2m1)),
            Layout::CompressedTensors => {
                matches!(container, Container::Tile { .. } | Container::Mx(E4m3 | E2m3 | E2m1) | Container::Nvfp4)
            }
            Layout::ModelOpt => matches!(container, Container::Nvfp4 | Container::Mx(E4m3)),
            Layout::GptOss => container == Container::Mx(E2m1),
            Layout::Steelyard => matches!(container, Container::Mx(_) | Container::Hif8),
            Layout::Plain => container == Container::Bf16,
        }
    }

    /// Checks that the family has a place for the container.
    ///
    /// # Errors
    /// If not, with what it has a place for.
    pub fn check(self, container: Container) -> Result<()> {
        if self.stores(container) {
            return Ok(());
        }
        let fits: Vec<&str> = Container::NAMED.iter().filter(|(_, c)| self.stores(*c)).map(|(n, _)| *n).collect();
        let homes: Vec<&str> = Self::NAMED.iter().filter(|(_, l)| l.stores(container)).map(|(n, _)| *n).collect();
        let (name, container) = (self.name(), container.name());
        Err(Error::Request(format!(
            "layout {name} has no place for {container}: it stores {}; {container} goes into {}",
            fits.join(", "),
            if homes.is_empty() { "no layout".to_owned() } else { homes.join(", ") }
        )))
    }

    /// The tensors that a matrix becomes. `e8m0` stores tile scales as F8_E8M0.
    pub fn outputs(self, m: &Matrix, container: Container, e8m0: bool) -> Vec<OutTensor> {
        let name = &m.name;
        let front = &m.shape[..m.shape.len().saturating_sub(2)];
        let shape = |rows: usize, cols: usize| -> Vec<u64> {
            front.iter().copied().chain([rows as u64, cols as u64]).collect()
        };
        let out = |name: String, dtype, shape, role| OutTensor { name, dtype, shape, role };
        let dense = |cols| if m.shape.len() < 2 { m.shape.clone() } else { shape(m.rows, cols) };
        let bytes = dense(container.row_bytes(m.cols));
        let grid = container.scale_grid(m.rows, m.cols).map(|(r, c)| shape(r, c)).unwrap_or_default();
        let v4 = || format!("{}.scale", name.strip_suffix(".weight").unwrap_or(name));
        let codes = |n: &str, dtype| out(n.to_owned(), dtype, bytes.clone(), Role::Codes);
        let scales = |n: String, dtype| out(n, dtype, grid.clone(), Role::Scales);
        let global = |n: String, shape| out(n, Dtype::F32, shape, Role::TensorScale);
        use Container as C;
        match (self, container) {
            (_, C::Bf16) if m.dense_is_transposed => {
                vec![out(name.clone(), Dtype::Bf16, shape(m.cols, m.rows), Role::Codes)]
            }
            (_, C::Bf16) => vec![out(name.clone(), Dtype::Bf16, dense(m.cols), Role::Codes)],
            (Layout::DeepSeek, C::Tile { .. }) if e8m0 => {
                vec![codes(name, Dtype::F8E4M3), scales(v4(), Dtype::F8E8M0)]
            }
            (Layout::DeepSeek, C::Tile { .. }) => {
                vec![codes(name, Dtype::F8E4M3), scales(format!("{name}_scale_inv"), Dtype::F32)]
            }
            (Layout::DeepSeek, C::Mx(Element::E2m1)) => vec![codes(name, Dtype::I8), scales(v4(), Dtype::F8E8M0)],
            (Layout::DeepSeek, _) => vec![codes(name, Dtype::F8E4M3), scales(format!("{name}_scale_inv"), Dtype::U8)],
            (Layout::GptOss, _) => {
                let base = name;
                let blocks = front.iter().copied().chain([m.rows as u64, m.cols as u64 / 32, 16]).collect();
                vec![
                    out(format!("{base}_blocks"), Dtype::U8, blocks, Role::Codes),
                    scales(format!("{base}_scales"), Dtype::U8),
                ]
            }
            (_, C::Tile { .. }) => vec![codes(name, Dtype::F8E4M3), scales(format!("{name}_scale"), Dtype::F32)],
            (_, C::Mx(Element::E4m3)) => vec![codes(name, Dtype::F8E4M3), scales(format!("{name}_scale"), Dtype::U8)],
            (Layout::ModelOpt, C::Nvfp4) => vec![
                codes(name, Dtype::U8),
                scales(format!("{name}_scale"), Dtype::F8E4M3),
                global(format!("{name}_scale_2"), vec![]),
            ],
            (_, C::Nvfp4) => vec![
                codes(&format!("{name}_packed"), Dtype::U8),
                scales(format!("{name}_scale"), Dtype::F8E4M3),
                global(format!("{name}_global_scale"), vec![1]),
            ],
            (Layout::CompressedTensors, C::Mx(_)) => {
                vec![codes(&format!("{name}_packed"), Dtype::U8), scales(format!("{name}_scale"), Dtype::U8)]
            }
            (_, C::Mx(Element::Int8)) => vec![codes(name, Dtype::I8), scales(format!("{name}_scale"), Dtype::U8)],
            (_, C::Mx(_)) => vec![codes(name, Dtype::U8), scales(format!("{name}_scale"), Dtype::U8)],
            (_, C::Hif8) => vec![codes(name, Dtype::U8), global(format!("{name}_scale"), vec![])],
        }
    }
}
