//! How a cost adds up: each part starts where the last one ended.

use super::pareto::axis_number;
use super::scale::Scale;
use super::slim;
use super::svg::{Anchor, Svg, both_width, fit};
use crate::lang::Both;

/// A part.
pub struct Part {
    /// Its name.
    pub name: Both,
    /// Class that colours it.
    pub class: String,
    /// Amount; below 0 it goes back.
    pub amount: f64,
    /// Written at its end.
    pub end: Both,
}

/// The chart: `parts`, then their sum.
pub fn waterfall(parts: &[Part], total: Part, width: f64, class: &str, labelled_by: &str) -> String {
    let slim = slim(width);
    let rows = || parts.iter().chain([&total]);
    let name = rows().map(|p| both_width(&p.name)).fold(60.0, f64::max);
    let end = rows().map(|p| both_width(&p.end)).fold(30.0, f64::max);
    let (left, right) = if slim { (4.0, width - 6.0) } else { ((name + 14.0).min(330.0), width - end - 16.0) };
    let (pitch, thick, top, foot) = (if slim { 40.0 } else { 27.0 }, 16.0, 4.0, 24.0);
    let height = top + pitch * (parts.len() + 1) as f64 + foot;
    let (mut sum, mut most): (f64, f64) = (0.0, 0.0);
    for part in parts {
        sum += part.amount;
        most = most.max(sum);
    }
    let scale = Scale::linear(most.max(total.amount) * 1.02, left, right);
    let mut svg = Svg::new(width, height, class, labelled_by);
    for tick in scale.ticks(if slim { 4 } else { 8 }) {
        let x = scale.at(tick);
        svg.line("grid", (x, top), (x, height - foot));
        let anchor = if slim && tick == 0.0 { Anchor::Start } else { Anchor::Middle };
        svg.text("tick", (x, height - 8.0), anchor, &Both::same(axis_number(tick)));
    }
    let mut at = 0.0;
    for (i, part) in rows().enumerate() {
        let last = i == parts.len();
        let (from, to) = if last { (0.0, part.amount) } else { (at, at + part.amount) };
        let y = top + pitch * i as f64;
        let bar = if slim { y + 19.0 } else { y + (pitch - thick) / 2.0 };
        let base = if slim { y + 13.0 } else { y + pitch / 2.0 + 4.2 };
        let (x1, x2) = (scale.at(from.min(to)), scale.at(from.max(to)));
        svg.rect(&format!("bar {}", part.class), (x1, bar), ((x2 - x1).max(1.0), thick), "");
        if slim {
            svg.text(
                "name",
                (left, base),
                Anchor::Start,
                &fit(&part.name, right - left - both_width(&part.end) - 10.0),
            );
            svg.text("end", (right, base), Anchor::End, &part.end);
        } else {
            svg.text("name", (left - 10.0, base), Anchor::End, &fit(&part.name, left - 12.0));
            svg.text("end", (x2 + 8.0, base), Anchor::Start, &part.end);
        }
        if !last {
            svg.line("leader", (scale.at(to), bar + thick), (scale.at(to), bar + pitch));
        }
        at = to;
    }
    svg.finish()
}
