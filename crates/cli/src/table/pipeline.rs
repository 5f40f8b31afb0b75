//! A pipeline over time, in letters: one row a stage, the beginning and the end of a step.

use plan::train::findings::Timeline;

use super::View;
use super::grid::paragraph;
use crate::lang::number::{Unit, quantity};
use crate::lang::training::{Training, share};

/// Columns of the median forward pass where there is room.
const COLUMNS: f64 = 2.0;
/// Forward passes that the way in is wide, over the number of stages.
const WAY_IN: f64 = 1.5;
/// Where nothing runs.
const IDLE: char = '\u{b7}';
/// Two passes that overlap.
const BOTH: char = 'X';
/// Kinds that are drawn, with the letter of each.
const LETTERS: [(&str, char); 5] =
    [("forward", 'F'), ("backward", 'B'), ("input", 'I'), ("weight", 'W'), ("optimizer", 'O')];

fn letter(kind: &str) -> Option<char> {
    LETTERS.iter().find(|(name, _)| *name == kind).map(|(_, c)| *c)
}

/// The drawing, with what its letters mean.
pub fn pipeline(timeline: &Timeline, view: View) -> String {
    let lang = view.lang;
    let label = timeline.stages.saturating_sub(1).to_string().len().max(2) + 3;
    let mut forward: Vec<f64> = timeline.works.iter().filter(|w| w.3 == "forward").map(|w| w.2 - w.1).collect();
    forward.sort_unstable_by(f64::total_cmp);
    // The median: a chunk may hold an embedding only.
    let Some(forward) = forward.get(forward.len() / 2).copied().filter(|f| *f > 0.0) else { return String::new() };
    let room = view.width.saturating_sub(label + 3).max(20);
    let whole = timeline.end / forward * COLUMNS;
    let all = timeline.told * 2.0 >= timeline.end;
    let parts: Vec<(f64, f64, usize)> = if all && whole <= room as f64 {
        vec![(0.0, timeline.end, whole.ceil() as usize)]
    } else {
        let half = room / 2;
        // As many passes as the way in has, at half a column each at least.
        let passes = (WAY_IN * f64::from(timeline.stages)).clamp(half as f64 / COLUMNS, 2.0 * half as f64);
        let span = (forward * passes).min(timeline.told);
        vec![(0.0, span, half), (timeline.end - span, timeline.end, half)]
    };
    let mut out = String::new();
    for stage in 0..timeline.stages {
        out.push_str(&format!("{stage:>width$}  ", width = label - 2));
        for (i, &(from, to, columns)) in parts.iter().enumerate() {
            if i > 0 {
                out.push_str(" … ");
            }
            out.push_str(&row(timeline, stage, from, to, columns));
        }
        out.push('\n');
    }
    let seconds = |from: f64, to: f64| quantity(to - from, Unit::Time);
    let spans: Vec<String> = parts.iter().map(|&(from, to, _)| seconds(from, to)).collect();
    let used = LETTERS.iter().filter(|(name, _)| timeline.works.iter().any(|w| w.3 == *name));
    let mut legend: Vec<String> = used.map(|(name, c)| format!("{c} {}", share(name, lang))).collect();
    if out.contains(BOTH) {
        legend.push(format!("{BOTH} {}", Training::Overlapped.text(lang)));
    }
    legend.push(format!("{IDLE} {}", Training::Idle.text(lang)));
    out.push_str(&paragraph(&legend.join(lang.comma()), 0, view));
    let shown = format!("{} {}", Training::Shown.text(lang), spans.join(" + "));
    out.push_str(&paragraph(&format!("{shown} / {}", quantity(timeline.end, Unit::Time)), 0, view));
    out
}

/// What a stage does at the middle of each column. Case changes from micro-batch to micro-batch.
fn row(timeline: &Timeline, stage: u32, from: f64, to: f64, columns: usize) -> String {
    let mut letters = vec![IDLE; columns];
    let width = (to - from) / columns.max(1) as f64;
    let column = |at: f64| ((at - from) / width - 0.5).ceil().max(0.0) as usize;
    let mut last: Option<(f64, f64)> = None;
    for (_, start, end, kind, _, micro) in timeline.works.iter().filter(|w| w.0 == stage) {
        let Some(letter) = letter(kind) else { continue };
        let overlaps = last == Some((*start, *end));
        last = Some((*start, *end));
        let letter = match (overlaps, micro % 2) {
            (true, _) => BOTH,
            (false, 0) => letter,
            (false, _) => letter.to_ascii_lowercase(),
        };
        for place in letters.iter_mut().take(column(*end)).skip(column(*start)) {
            *place = letter;
        }
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::Lang;

    #[test]
    fn two_stages_by_hand() {
        let work = |stage, start: f64, end: f64, kind: &str, micro| (stage, start, end, kind.to_owned(), 0, micro);
        let works = vec![
            work(0, 0.0, 1.0, "forward", 0),
            work(0, 1.0, 2.0, "forward", 1),
            work(0, 4.0, 6.0, "backward", 0),
            work(0, 6.0, 8.0, "backward", 1),
            work(1, 1.0, 2.0, "forward", 0),
            work(1, 2.0, 4.0, "backward", 0),
            work(1, 4.0, 5.0, "forward", 1),
            work(1, 5.0, 7.0, "backward", 1),
        ];
        let timeline = Timeline { stages: 2, end: 8.0, told: 4.0, works };
        let text = pipeline(&timeline, View { lang: Lang::En, width: 80, color: false });
        let rows: Vec<&str> = text.lines().take(2).collect();
        assert_eq!(rows, ["  0  FFff\u{b7}\u{b7}\u{b7}\u{b7}BBBBbbbb", "  1  \u{b7}\u{b7}FFBBBBffbbbb\u{b7}\u{b7}"]);
    }
}
