//! What one rank does for one layer and one micro-batch.

use catalog::Arithmetic;
use formats::Scheme;

use crate::Op;
pub use crate::deploy::Part as WorkPart;

/// A product with weights: `[m, k] x [k, n]` forward, and two more backward.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Product {
    /// The part of the model.
    pub part: WorkPart,
    /// Rows of all groups together.
    pub m: u64,
    /// Output width.
    pub n: u64,
    /// Inner width.
    pub k: u64,
    /// Experts that share the rows, each with weights of its own; 1: an ordinary product.
    pub groups: u64,
    /// Storage of the operands.
    pub format: Scheme,
    /// Arithmetic of the matrix unit.
    pub arithmetic: Arithmetic,
    /// Whether the weights learn: a frozen base under adapters needs no weight gradient.
    pub learns: bool,
}

/// Work bound by memory traffic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Small {
    /// Bytes read and written forward.
    pub forward: f64,
    /// Bytes read and written backward.
    pub backward: f64,
    /// Kernels forward.
    pub kernels: u64,
    /// Whether selective recomputation computes it again.
    pub recomputed: bool,
}

/// Bytes that the backward pass needs, by what makes them go away.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Recomputed {
    /// Kept unless the whole layer is computed again.
    pub kept: f64,
    /// Dropped under selective recomputation.
    pub dropped: f64,
    /// The layer's input: all that full recomputation keeps.
    pub input: f64,
}

/// The work of a layer on one rank for one micro-batch, forward; backward follows from it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LayerWork {
    /// Products with weights.
    pub products: Vec<Product>,
    /// Attention and its like, each with the ratio of its backward to its forward operations.
    pub attention: Vec<(Op, f64)>,
    /// Attention that selective recomputation computes again (unfused scores).
    pub scores: Vec<Op>,
    /// Products that it computes again, forward: up-projections of a latent.
    pub again: Vec<Product>,
    /// Share of all products that it computes again, forward, besides.
    pub products_again: f64,
    /// Memory-bound work.
    pub small: Vec<Small>,
    /// Bytes saved for the backward pass.
    pub saved: Recomputed,
    /// Bytes of what attention gives.
    pub attended: f64,
    /// Bytes of the keys and values of the micro-batch's tokens on this rank.
    pub kv_bytes: f64,
    /// Bytes of queries, keys, values and outputs that Ulysses exchanges.
    pub head_bytes: f64,
    /// Operations that the model asks for: products with weights and attended pairs of all ranks of a replica's stage,
    /// forward, per token.
    pub model_flop_per_token: f64,
}
