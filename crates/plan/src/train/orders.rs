//! Which of two runs is faster: what buyers ask first.

use std::collections::BTreeMap;

use super::case::TrainingCase;
use crate::validate::{Kind, Point};

/// Pairs of measured runs and how many are ordered as they were measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ordering {
    /// Pairs whose measured values differ by more than a repeat of a run would.
    pub pairs: usize,
    /// Of these, ordered right.
    pub right: usize,
}

/// Model, sequence and source.
type Group<'a> = (&'a str, u64, &'a str);

/// Measured values closer than this are not told apart.
const TIE: f64 = 0.03;

/// Pairs of runs of one model at one sequence, of one source: other plan, chip or schedule. Only tokens per second and chip
/// can be compared between numbers of chips; step times are compared through them.
pub fn orderings(cases: &[TrainingCase], points: &[Point]) -> Ordering {
    let mut groups: BTreeMap<Group, Vec<(f64, f64)>> = BTreeMap::new();
    for (case, point) in cases.iter().zip(points) {
        let (Some(sequence), Some(batch), Ok(predicted)) = (case.sequence, case.batch, &point.predicted) else {
            continue;
        };
        if !case.is_plain() || case.kind() == Kind::Memory {
            continue;
        }
        let tokens = (batch * sequence) as f64 / case.chips.max(1) as f64;
        let rate = |value: f64| if case.metric == "step_time" { tokens / value } else { value };
        let key = (case.model_name.as_str(), sequence, case.source.as_str());
        groups.entry(key).or_default().push((rate(point.measured), rate(predicted.value)));
    }
    let mut found = Ordering::default();
    for rows in groups.values() {
        for (i, a) in rows.iter().enumerate() {
            for b in &rows[i + 1..] {
                let measured = (a.0 / b.0).ln();
                if measured.abs() > TIE {
                    found.pairs += 1;
                    found.right += usize::from(measured * (a.1 / b.1).ln() > 0.0);
                }
            }
        }
    }
    found
}
