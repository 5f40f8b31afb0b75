//! Parallelism and pools.
//!
//! Seen in the tables: `8`, `tp8`, `2 (inferred)`, `tp16 dp4` (a grid of 16 of which attention is split 4 ways by data),
//! `P: tp16 dp2 D: tp32 dp32`, `P8/D1`, and for pools `1P (TP2) + 3D (TP2)`, `2P(8 cards)+1D(16 cards)`, `2P1D`.

use super::Row;
use crate::validate::case::{Mode, Pool, Split};
use crate::validate::text::first_number;

/// Who does what.
pub(super) fn mode(row: &Row<'_>) -> Mode {
    let degree = |column: &str| count(row.get(column).trim_start_matches("tp"));
    let mut split = Split { tp: degree("tp"), pp: degree("pp"), dp: degree("dp"), ep: degree("ep"), moe_tp: None };
    if let Some((tp, dp)) = grid(row.get("tp")) {
        (split.tp, split.dp) = (Some(tp), Some(dp));
    }
    if let Some((prefill, decode)) = pools(row, split) {
        return Mode::Disaggregated { prefill, decode };
    }
    let batch = first_number(row.get("batch_per_chip")).filter(|b| *b >= 1.0 && row.get("phase") != "end_to_end");
    let pool = Pool { workers: 0, split, batch: batch.map(|b| b as u64) };
    match row.get("phase") {
        "prefill" => Mode::PrefillOnly(pool),
        "decode" => Mode::DecodeOnly(pool),
        _ => Mode::Aggregated(pool),
    }
}

fn count(text: &str) -> Option<u32> {
    first_number(text).filter(|d| *d >= 1.0).map(|d| d as u32)
}

/// "tp16 dp4": attention is split 4 ways by tensor, 4 by data.
fn grid(text: &str) -> Option<(u32, u32)> {
    let after = |name: &str| count(text.split(name).nth(1)?);
    let (all, dp) = (after("tp")?, after("dp")?);
    (all % dp == 0).then_some((all / dp, dp))
}

/// Workers and split of the two pools, where both have both.
fn pools(row: &Row<'_>, split: Split) -> Option<(Pool, Pool)> {
    let text = row.get("pd_split");
    let (first, second) = text.split_once('+').or_else(|| Some(text.split_at(text.find('P')? + 1)))?;
    let read = |part: &str, letter: char, side: usize| -> Option<Pool> {
        let (number, rest) = part.trim().split_once(letter)?;
        let workers = number.trim().parse().ok().filter(|w| (1..=4096).contains(w))?;
        let of_side = |column: &str| side_of(row.get(column), side);
        let own = rest.split("(TP").nth(1).and_then(count).map(|tp| (tp, 1));
        let (tp, dp) = own
            .or_else(|| grid(of_side("tp")?))
            .or_else(|| Some((count(of_side("tp")?)?, of_side("dp").and_then(count).unwrap_or(1))))?;
        let ep = split.ep.filter(|ep| tp * dp % ep == 0);
        Some(Pool { workers, split: Split { tp: Some(tp), dp: Some(dp), ep, ..split }, batch: None })
    };
    Some((read(first, 'P', 0)?, read(second, 'D', 1)?))
}

/// The part of "P: tp16 dp2 D: tp32 dp32" or "P8/D1" that speaks of prefill (0) or decode (1).
fn side_of(text: &str, side: usize) -> Option<&str> {
    let rest = text.strip_prefix('P')?;
    let at = rest.find('D')?;
    let part = if side == 0 { &rest[..at] } else { &rest[at + 1..] };
    Some(part.trim_matches([':', '/', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_and_sides() {
        assert_eq!(grid("tp16 dp4"), Some((4, 4)));
        assert_eq!(grid("tp8"), None);
        assert_eq!(side_of("P: tp16 dp2 D: tp32 dp8 ep32", 1), Some("tp32 dp8 ep32"));
        assert_eq!(side_of("P8/D1", 0), Some("8"));
        assert_eq!(side_of("unknown", 0), None);
    }
}
