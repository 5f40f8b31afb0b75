//! Which tensors are converted: the weights of linear layers. Gates, norms, embeddings and output heads stay.

use crate::checkpoint::{Matrix, Stored};

/// Parts of names of weights that are not linear layers, or that every family keeps.
const KEPT: [&str; 24] = [
    "norm",
    "embed",
    "lm_head",
    "token_type",
    "position",
    "wte",
    "wpe",
    "router",
    "mlp.gate.weight",
    "ffn.gate.weight",
    "block_sparse_moe.gate.weight",
    "shared_expert_gate",
    "e_score_correction",
    "conv1d",
    "rotary",
    "indexer.weights_proj",
    "eh_proj",
    "a_log",
    "sinks",
    "token_embd",
    "ffn_gate_inp",
    "hc_",
    "patch_conv",
    "compressor",
];

/// Names of output heads, whole.
const HEADS: [&str; 3] = ["head.weight", "output.weight", "model.output.weight"];

/// Why a tensor stays as it is, or `None` if it is to be converted. `quantised` tells whether the source holds scaled
/// matrices: then its own choice of what to keep is kept.
pub(super) fn kept(m: &Matrix, quantised: bool, skip: &[String]) -> Option<&'static str> {
    if let Some(reason) = not_a_weight(m) {
        return Some(reason);
    }
    if skip.iter().any(|pattern| matches(pattern, &m.name)) {
        return Some("skipped by request");
    }
    if m.container().is_some() {
        return None;
    }
    if quantised {
        return Some("not quantised in the source");
    }
    let lower = m.name.to_ascii_lowercase();
    if KEPT.iter().any(|part| lower.contains(part)) || HEADS.contains(&lower.as_str()) {
        return Some("norms, embeddings, gates and heads are kept");
    }
    None
}

fn not_a_weight(m: &Matrix) -> Option<&'static str> {
    match m.stored {
        Stored::Other => return Some("not floats"),
        Stored::Scaled(_) => return None,
        Stored::Dense(_) => {}
    }
    if m.shape.len() < 2 {
        return Some("not a matrix");
    }
    if m.shape.len() > 3 {
        return Some("more than three dimensions");
    }
    if m.rows == 1 || m.cols == 1 || m.count() == 0 {
        return Some("not a matrix");
    }
    let fused =
        m.shape.len() == 3 && ["gate_up_proj", "down_proj", "up_proj", "gate_proj"].iter().any(|s| m.name.ends_with(s));
    if m.name.ends_with(".weight") || m.name.ends_with("_exps") || fused { None } else { Some("not a weight") }
}

/// Whether a pattern matches a name: with `*` or `?` the whole name, otherwise any part.
pub fn matches(pattern: &str, name: &str) -> bool {
    if !pattern.contains(['*', '?']) {
        return name.contains(pattern);
    }
    let (p, n): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // Greedy with one place to return to: the last star.
    let (mut i, mut j, mut star) = (0, 0, None);
    while j < n.len() {
        if i < p.len() && (p[i] == '?' || (p[i] == n[j] && p[i] != '*')) {
            (i, j) = (i + 1, j + 1);
        } else if i < p.len() && p[i] == '*' {
            star = Some((i, j));
            i += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            (i, j) = (at + 1, from + 1);
        } else {
            return false;
        }
    }
    p[i..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(matches("lm_head", "model.lm_head.weight"));
        assert!(matches("model.layers.?.mlp.*", "model.layers.3.mlp.up_proj.weight"));
        assert!(!matches("model.layers.?.mlp.*", "model.layers.13.mlp.up_proj.weight"));
        assert!(matches("*.weight", "a.weight.weight"));
        assert!(!matches("*.bias", "a.weight"));
        assert!(matches("a*b*c", "axxbyybzzc"));
    }
}
