//! Kinds of operator, by which charts colour them.

use crate::lang::Both;
use plan::findings::OperatorShare;

/// Classes `k0` to `k5` with their names, in the order in which bars stack them.
pub const KINDS: [(&str, &str, &str); 6] = [
    ("k0", "attention", "注意力"),
    ("k1", "dense products", "稠密矩阵"),
    ("k2", "experts, feed-forward", "专家与前馈"),
    ("k3", "communication", "通信"),
    ("k4", "element-wise", "逐元素"),
    ("k5", "host, other", "主机与其他"),
];

/// Name of a kind.
pub fn name(kind: usize) -> Both {
    let (_, en, zh) = KINDS[kind.min(KINDS.len() - 1)];
    Both { en: en.to_owned(), zh: zh.to_owned() }
}

/// Which kind an operator is, from its bound and the words of its name.
pub fn kind(op: &OperatorShare) -> usize {
    let name = op.name.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|w| name.contains(w));
    let network =
        ["all-reduce", "all-gather", "reduce-scatter", "all-to-all", "dispatch", "combine", "send", "transfer"];
    if op.bound == "network" || has(&network) {
        3
    } else if has(&["host", "launch", "schedul", "overhead", "sampl"]) {
        5
    } else if has(&["norm", "quantiz", "element", "rotary", "rope", "activation", "embedding", "convers"]) {
        4
    } else if has(&["expert", "moe", "feed", "ffn", "mlp"]) {
        2
    } else if has(&["attention", "mla", "indexer", "state"]) {
        0
    } else if has(&["proj", "gemm", "head", "router", "dense", "product"]) {
        1
    } else {
        5
    }
}
