//! How requests came, and speculation.

use super::Row;
use crate::validate::case::CaseLoad;
use crate::validate::reading::Reading;
use crate::validate::text::{first_number, has};

/// From so many requests a second on, a rate is a burst under a cap on concurrency.
const BURST_RATE: f64 = 500.0;

/// How requests came, and how many, where stated.
pub(super) fn load(row: &Row<'_>, mean_output: f64) -> (CaseLoad, Option<u64>) {
    let rate = row.get("request_rate");
    let concurrency = first_number(row.get("concurrency")).filter(|c| *c >= 1.0).map(|c| c as u64);
    let total = requests(row.get("note"));
    if has(rate, "tokens/s completed")
        && let Some(tokens) = first_number(rate)
    {
        return (CaseLoad::Rate(tokens / mean_output.max(1.0)), total);
    }
    if concurrency.is_none() && (has(rate, "max under SLA") || row.get("concurrency") == "server") {
        let (ttft, tpot) = bound(row.get("note"));
        return (CaseLoad::Bounded { ttft, tpot }, total);
    }
    if let Ok(per_second) = rate.parse::<f64>()
        && per_second > 0.0
        && per_second.is_finite()
    {
        return match concurrency {
            Some(cap) if per_second >= BURST_RATE => (CaseLoad::Concurrency(cap), total),
            _ => (CaseLoad::Rate(per_second), total),
        };
    }
    if let Some(c) = concurrency {
        let once = row.first(&Reading::embedded().once).is_some();
        return if has(rate, "static batch") {
            (CaseLoad::Static(c), Some(c))
        } else if once || has(rate, "t=0") {
            (CaseLoad::Burst(c), Some(c))
        } else {
            (CaseLoad::Concurrency(c), total)
        };
    }
    (CaseLoad::Saturated, total)
}

/// "1000 requests" or "24576 samples" in a note.
fn requests(note: &str) -> Option<u64> {
    let before = |word: &str| note.split(word).next().filter(|head| head.len() < note.len())?.rsplit(' ').next();
    [" requests", " samples", " random prompts"].iter().find_map(|w| before(w)?.parse().ok()).filter(|n| *n > 0)
}

/// `constraint TTFT p99<=450 ms, TPOT p99<=40 ms` in seconds; MLPerf's for chat where it is not stated.
fn bound(note: &str) -> (f64, f64) {
    let find = |name: &str| {
        let at = note.find(&format!("{name} p99<="))?;
        first_number(&note[at + name.len() + 6..])
    };
    (find("TTFT").unwrap_or(2000.0) * 1e-3, find("TPOT").unwrap_or(200.0) * 1e-3)
}

/// Draft tokens a step and those accepted.
pub(super) fn speculation(row: &Row<'_>) -> Result<Option<(u32, f64)>, String> {
    let text = row.get("spec_decode");
    if text.is_empty() || text == "none" {
        return Ok(None);
    }
    let accept = row.get("accept");
    let drafts = text
        .rsplit(|c: char| !c.is_ascii_digit())
        .find_map(|t| t.parse::<u32>().ok())
        .filter(|&d| (1..=8).contains(&d))
        .unwrap_or(1);
    let number = first_number(accept.trim_start_matches(['~', ' ']));
    let length = accept.split("length").nth(1).and_then(|t| first_number(t.trim_start_matches([' ', '~'])));
    match (length, number) {
        (Some(length), _) => Ok(Some((drafts, (length - 1.0).max(0.0)))),
        (None, Some(share)) if accept.contains('%') => Ok(Some((drafts, geometric(share / 100.0, drafts)))),
        (None, Some(share)) if share <= 1.0 => Ok(Some((drafts, geometric(share, drafts)))),
        (None, Some(length)) => Ok(Some((drafts, (length - 1.0).max(0.0)))),
        (None, None) => Err("acceptance of the drafts is not stated".to_owned()),
    }
}

/// Drafts accepted on average when each is accepted with `share` after the one before.
fn geometric(share: f64, drafts: u32) -> f64 {
    (1..=drafts).map(|i| share.powi(i as i32)).sum()
}

/// "99% prefix hit" in a note.
pub(super) fn prefix_hit(note: &str) -> f64 {
    note.split("% prefix hit")
        .next()
        .filter(|head| head.len() < note.len())
        .and_then(|head| head.rsplit(|c: char| !c.is_ascii_digit() && c != '.').next())
        .and_then(|n| n.parse::<f64>().ok())
        .map_or(0.0, |percent| (percent / 100.0).min(0.999))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_read() {
        assert_eq!(requests("ShareGPT, lengths are means; 1000 requests; page"), Some(1000));
        assert_eq!(requests("scenario Offline; OpenOrca 24576 samples; x"), Some(24_576));
        assert_eq!(requests("no number here"), None);
        assert_eq!(bound("constraint TTFT p99<=450 ms, TPOT p99<=40 ms"), (0.45, 0.04));
        assert_eq!(prefix_hit("TRAP: 99% prefix hit rate"), 0.99);
        assert!((geometric(0.5, 3) - 0.875).abs() < 1e-12);
    }
}
