//! What a checkpoint holds: formats, scales, sizes, and which rule its scales were made with.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::checkpoint::{Band, Checkpoint, Matrix, Rect};
use crate::compare::stored_as;
use crate::{Container, error::Result};

/// Everything stored the same way, added up.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Group {
    /// Number of tensors of values.
    pub tensors: usize,
    /// Number of values.
    pub values: u64,
    /// Bytes of codes or values.
    pub code_bytes: u64,
    /// Bytes of scales.
    pub scale_bytes: u64,
}

impl Group {
    /// Bits a value takes, scales counted.
    pub fn bits_per_value(&self) -> f64 {
        if self.values == 0 { 0.0 } else { (self.code_bytes + self.scale_bytes) as f64 * 8.0 / self.values as f64 }
    }
}

/// Bytes of codes and of scales of a matrix.
pub fn bytes(source: &Checkpoint, m: &Matrix) -> (u64, u64) {
    let all: u64 = m.parts().map(|p| source.raw[p].len).sum();
    let codes = source.raw[m.codes].len;
    (codes, all - codes)
}

/// Groups by the way of storing.
pub fn groups(source: &Checkpoint) -> BTreeMap<String, Group> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for m in &source.matrices {
        let group = groups.entry(stored_as(source, m)).or_default();
        let (codes, scales) = bytes(source, m);
        group.tensors += 1;
        group.values += m.count();
        group.code_bytes += codes;
        group.scale_bytes += scales;
    }
    groups
}

/// The family whose naming a checkpoint follows, from its configuration and names.
pub fn layout(source: &Checkpoint) -> String {
    let config = source.config.as_ref().and_then(|c| c.get("quantization_config"));
    let method = config.and_then(|c| c.get("quant_method")).and_then(Value::as_str);
    let scaled = source.matrices.iter().find(|m| m.scales.is_some());
    let scale = scaled.and_then(|m| m.scales).map(|s| source.raw[s].name.as_str()).unwrap_or_default();
    let by_name = if source.gguf {
        "GGUF"
    } else if scale.ends_with("_scale_inv") || scale.ends_with(".scale") {
        "deepseek"
    } else if scale.ends_with("_scales") {
        "gpt-oss"
    } else if scaled.is_some_and(|m| m.tensor_scale.is_some_and(|t| !t.reciprocal)) {
        "modelopt"
    } else if source.files.iter().any(|f| f.metadata.get("steelyard.layout").is_some_and(|l| l == "steelyard")) {
        "steelyard"
    } else if scaled.is_some() {
        "compressed-tensors"
    } else {
        "plain"
    };
    match method {
        Some(method) => format!("{by_name} (quant_method {method})"),
        None => by_name.to_owned(),
    }
}

/// A guess at the rule behind power-of-two scales.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LikelyRule {
    /// Ceil of the ratio.
    Ceil,
    /// Floor, or even: they cannot be told apart by the largest codes.
    FloorOrEven,
    /// More room than needed: ceil of the maximum, floor plus one, or scales that were not made from these weights.
    Roomy,
}

impl LikelyRule {
    /// For JSON.
    pub fn name(self) -> &'static str {
        match self {
            LikelyRule::Ceil => "ceil",
            LikelyRule::FloorOrEven => "floor or even",
            LikelyRule::Roomy => "ceil-max, floor-plus-one, or scales from elsewhere",
        }
    }
}

/// What the codes of a sample of blocks say about the rule that made their power-of-two scales: the share of blocks whose
/// largest code is in the top binade but above 1.75 of it, at the largest value, and so on.
///
/// With the ceil rule the largest magnitude of a block lies in (M/2, M]: for E4M3 in (224, 448]. Floor puts it in
/// [256, 448] with those above 448 cut to it, so values in (224, 256) never are a maximum. A rule that leaves a binade of
/// room puts it lower.
///
/// # Errors
/// If codes cannot be read.
pub fn likely_rule(source: &Checkpoint) -> Result<Option<(LikelyRule, u64)>> {
    let (mut blocks, mut low, mut lower) = (0u64, 0u64, 0u64);
    let candidates = source.matrices.iter().filter(|m| {
        matches!(m.container(), Some(Container::Tile { pow2: true, rows: 1..=256, cols: 1..=256 }))
            || m.container() == Some(Container::Mx(crate::Element::E4m3))
    });
    for m in candidates.take(16) {
        let Some(container) = m.container() else { continue };
        let (h, w) = container.block();
        let rows = if h == 1 { 64.min(m.rows) } else { h.min(m.rows) };
        let rect = Rect { lead: 0, row: 0, rows, col: 0, cols: m.cols };
        if rect.count() == 0 || rect.count() > 1 << 24 {
            continue;
        }
        let mut band = Band::default();
        source.read_codes(m, container, rect, &mut band)?;
        for r in (0..rows).step_by(h) {
            for c in (0..m.cols).step_by(w) {
                let inside = (r..(r + h).min(rows)).flat_map(|r| (c..(c + w).min(m.cols)).map(move |c| r * m.cols + c));
                let max = inside.map(|i| band.codes[i] & 0x7f).filter(|&c| c < 0x7f).max().unwrap_or(0);
                if max == 0 {
                    continue;
                }
                blocks += 1;
                // 0x76 is 224, 0x78 is 256.
                low += u64::from(max == 0x77);
                lower += u64::from(max <= 0x76);
            }
        }
    }
    if blocks < 64 {
        return Ok(None);
    }
    let part = |n: u64| n as f64 / blocks as f64;
    // For smooth maxima, (224, 256] holds about log2(256/224) = 19 % of blocks under ceil, of which 0x77 is the inside.
    let rule = if part(lower) > 0.25 {
        LikelyRule::Roomy
    } else if part(low) + part(lower) > 0.02 {
        LikelyRule::Ceil
    } else {
        LikelyRule::FloorOrEven
    };
    Ok(Some((rule, blocks)))
}

/// As JSON: the summary, and every tensor.
///
/// # Errors
/// If scales cannot be read.
pub fn to_json(source: &Checkpoint) -> Result<Value> {
    let groups: BTreeMap<String, Value> = groups(source)
        .into_iter()
        .map(|(name, g)| {
            let value = json!({
                "tensors": g.tensors, "values": g.values, "code_bytes": g.code_bytes, "scale_bytes": g.scale_bytes,
                "bits_per_value": g.bits_per_value(),
            });
            (name, value)
        })
        .collect();
    let tensors: Vec<Value> = source
        .matrices
        .iter()
        .map(|m| {
            let (codes, scales) = bytes(source, m);
            let parts: Vec<Value> = m
                .parts()
                .map(|p| {
                    let raw = &source.raw[p];
                    let file = &source.files[raw.file].name;
                    json!({ "name": raw.name, "dtype": raw.dtype.name(), "shape": raw.shape, "file": file })
                })
                .collect();
            json!({
                "name": m.name, "shape": m.shape, "stored": stored_as(source, m), "values": m.count(),
                "code_bytes": codes, "scale_bytes": scales, "parts": parts,
            })
        })
        .collect();
    let files: Vec<Value> =
        source.files.iter().map(|f| json!({ "name": f.name, "bytes": f.len, "metadata": f.metadata })).collect();
    let rule = likely_rule(source)?.map(|(rule, blocks)| json!({ "rule": rule.name(), "blocks": blocks }));
    Ok(json!({
        "path": source.path, "layout": layout(source), "files": files, "groups": groups, "likely_scale_rule": rule,
        "notes": source.notes.iter().map(ToString::to_string).collect::<Vec<_>>(), "tensors": tensors,
    }))
}
