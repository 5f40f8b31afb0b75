//! Tables of checkpoints: what they hold, and how far one is from another.

use formats::checkpoint::Checkpoint;
use formats::compare::{self, Comparison, Pair, bin_names};
use formats::{ErrorStats, inspect};

use super::View;
use super::grid::{Align, grid};
use crate::lang::number::thousands;
use crate::lang::{Both, Lang, Msg};

fn said(both: &Both, lang: Lang) -> String {
    match lang {
        Lang::En => both.en.clone(),
        Lang::Zh => both.zh.clone(),
    }
}

/// Headings of which the first `words` are over words, the others over numbers.
fn heads(all: &[Both], words: usize, lang: Lang) -> Vec<(String, Align)> {
    let align = |i| if i < words { Align::Left } else { Align::Right };
    all.iter().enumerate().map(|(i, head)| (said(head, lang), align(i))).collect()
}

fn mb(bytes: u64) -> String {
    format!("{:.3}", bytes as f64 / 1e6)
}

/// What a checkpoint holds, by the way of storing.
pub fn groups(source: &Checkpoint, view: View) -> String {
    let [stored, tensors, values, scales, bits] =
        [Msg::StoredAs, Msg::Tensors, Msg::ValuesCount, Msg::OfItScales, Msg::BitsAValue].map(Both::msg);
    let header = heads(&[stored, tensors, values, Both::same("MB"), scales, bits], 1, view.lang);
    let rows: Vec<Vec<String>> = inspect::groups(source)
        .into_iter()
        .map(|(name, g)| {
            let (all, bits) = (mb(g.code_bytes + g.scale_bytes), format!("{:.4}", g.bits_per_value()));
            vec![name, g.tensors.to_string(), thousands(g.values as f64), all, mb(g.scale_bytes), bits]
        })
        .collect();
    grid(&header, &rows, false, view)
}

/// Every tensor of a checkpoint.
pub fn tensors(source: &Checkpoint, view: View) -> String {
    let [tensor, stored, shape] = [Msg::Tensor, Msg::StoredAs, Msg::Shape].map(Both::msg);
    let header = heads(&[tensor, stored, shape, Both::same("MB")], 3, view.lang);
    let rows: Vec<Vec<String>> = source
        .matrices
        .iter()
        .map(|m| {
            let (codes, scales) = inspect::bytes(source, m);
            let shape = m.shape.iter().map(u64::to_string).collect::<Vec<_>>().join(" x ");
            vec![m.name.clone(), compare::stored_as(source, m), shape, mb(codes + scales)]
        })
        .collect();
    grid(&header, &rows, false, view)
}

/// The error of all tensors together and of the worst.
pub fn errors(result: &Comparison, worst: usize, view: View) -> String {
    let row = |name: String, stored: String, stats: &ErrorStats| -> Vec<String> {
        [name, stored].into_iter().chain(cells(stats).iter().map(|c| said(c, view.lang))).collect()
    };
    let mut rows = vec![row(Msg::AllTogether.text(view.lang).to_owned(), String::new(), &result.total())];
    rows.extend(result.worst().into_iter().take(worst).map(|p| row(p.name.clone(), stored_as(p), &p.stats)));
    grid(&heads(&header(), 2, view.lang), &rows, false, view)
}

/// How many values differ by how much, as bars; nothing if none does.
pub fn histogram(result: &Comparison) -> String {
    let all = result.histogram();
    let most = all.iter().skip(1).copied().max().unwrap_or(0).max(1);
    let differing = bin_names().into_iter().zip(all).skip(1).filter(|(_, n)| *n > 0);
    differing
        .map(|(name, n)| {
            let bar = "#".repeat((n as f64 * 40.0 / most as f64).ceil() as usize);
            format!("{name:>8} {bar:<40} {}\n", thousands(n as f64))
        })
        .collect()
}

/// Headings: tensor, storage, and those of [`cells`].
pub fn header() -> [Both; 9] {
    let [tensor, stored] = [Msg::Tensor, Msg::StoredAs].map(Both::msg);
    let [values, relative, max, of_max, saturated, flushed] =
        [Msg::ValuesCount, Msg::RelativeError, Msg::MaxError, Msg::OfMax, Msg::Saturated, Msg::Flushed].map(Both::msg);
    [tensor, stored, values, relative, Both::same("SQNR dB"), max, of_max, saturated, flushed]
}

/// The error of one tensor or of all.
pub fn cells(s: &ErrorStats) -> [Both; 7] {
    let exact = s.error_square_sum == 0.0;
    [
        Both::same(thousands(s.count as f64)),
        Both::same(format!("{:.5}", s.relative())),
        if exact { Both::msg(Msg::Exact) } else { Both::same(format!("{:.1}", s.sqnr_db())) },
        Both::same(format!("{:.3e}", s.max_error)),
        Both::same(format!("{:.4}", s.max_ratio())),
        Both::same(thousands(s.saturated as f64)),
        Both::same(thousands(s.flushed as f64)),
    ]
}

/// How the two store it.
pub fn stored_as(pair: &Pair) -> String {
    format!("{} / {}", pair.stored[0], pair.stored[1])
}
