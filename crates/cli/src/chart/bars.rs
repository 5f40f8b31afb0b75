//! Stacked horizontal bars, one row a system, with an optional whisker.

use super::pareto::axis_number;
use super::scale::Scale;
use super::slim;
use super::svg::{Anchor, Svg, both_width, fit};
use crate::lang::Both;

/// A part of a bar.
pub struct Segment {
    /// Class that colours it: `k0` to `k6`.
    pub class: String,
    /// Its length in the axis' unit.
    pub value: f64,
    /// Written inside where it fits.
    pub label: Both,
    /// Shown beside the pointer.
    pub tip: Both,
}

/// A bar.
pub struct Row {
    /// Key of the system, so that it can be hidden.
    pub id: String,
    /// Its name.
    pub name: Both,
    /// The parts, from the axis on.
    pub segments: Vec<Segment>,
    /// Low and high of the sum.
    pub whisker: Option<(f64, f64)>,
    /// Written at the right.
    pub end: Both,
}

/// How the bars are scaled.
pub enum Axis {
    /// Shares of one: no ticks.
    Share,
    /// Values from zero to this end, or to the longest bar, with this name.
    Value(Both, Option<f64>),
}

/// The chart.
pub fn bars(rows: &[Row], axis: &Axis, width: f64, class: &str, labelled_by: &str) -> String {
    let slim = slim(width);
    let name = rows.iter().map(|r| both_width(&r.name)).fold(60.0, f64::max);
    let end = rows.iter().map(|r| both_width(&r.end)).fold(30.0, f64::max);
    let (left, right) = if slim { (2.0, width - 6.0) } else { ((name + 14.0).min(330.0), width - end - 14.0) };
    let (pitch, thick) = if slim { (40.0, 15.0) } else { (27.0, 17.0) };
    let (top, foot) = match axis {
        Axis::Share => (2.0, 4.0),
        Axis::Value(..) => (2.0, 42.0),
    };
    let height = top + pitch * rows.len() as f64 + foot;
    let mut svg = Svg::new(width, height, class, labelled_by);
    let longest = |r: &Row| {
        let sum: f64 = r.segments.iter().map(|s| s.value).filter(|v| v.is_finite()).sum();
        r.whisker.map_or(sum, |(_, high)| if high.is_finite() { high.max(sum) } else { sum })
    };
    let scale = match axis {
        Axis::Share => Scale::linear(1.0, left, right),
        Axis::Value(_, end) => {
            let longest = rows.iter().map(longest).fold(0.0, f64::max) * 1.02;
            Scale::linear(end.unwrap_or(longest), left, right)
        }
    };
    if let Axis::Value(label, _) = axis {
        let bottom = height - foot + 2.0;
        for tick in scale.ticks(if slim { 5 } else { 9 }) {
            let x = scale.at(tick);
            svg.line("grid", (x, top), (x, bottom));
            let anchor = if slim && tick == 0.0 { Anchor::Start } else { Anchor::Middle };
            svg.text("tick", (x, bottom + 15.0), anchor, &Both::same(axis_number(tick)));
        }
        svg.text("label", ((left + right) / 2.0, height - 6.0), Anchor::Middle, label);
    }
    for (i, row) in rows.iter().enumerate() {
        let y = top + pitch * i as f64;
        svg.open(&format!("data-row=\"{}\"", crate::lang::both::escape(&row.id)));
        let bar = if slim { y + 19.0 } else { y + (pitch - thick) / 2.0 };
        let base = if slim { y + 13.0 } else { y + pitch / 2.0 + 4.2 };
        if slim {
            let room = right - left - both_width(&row.end) - 10.0;
            svg.text("name", (left, base), Anchor::Start, &fit(&row.name, room));
            svg.text("end", (right, base), Anchor::End, &row.end);
        } else {
            svg.text("name", (left - 10.0, base), Anchor::End, &fit(&row.name, left - 12.0));
            svg.text("end", (right + 10.0, base), Anchor::Start, &row.end);
        }
        draw(&mut svg, row, &scale, bar, thick);
        svg.close();
    }
    svg.finish()
}

fn draw(svg: &mut Svg, row: &Row, scale: &Scale, y: f64, thick: f64) {
    let mut from = 0.0;
    for segment in row.segments.iter().filter(|s| s.value.is_finite() && s.value > 0.0) {
        let (x, to) = (scale.at(from), scale.at(from + segment.value));
        // A hair of the ground between parts, unless the part is thinner than that.
        let gap = if to - x > 3.0 { 1.0 } else { 0.0 };
        svg.rect(&format!("bar tip {}", segment.class), (x, y), (to - x - gap, thick), &segment.tip.attributes("data"));
        // 11-pixel text in the bar is a little narrower than the 12 pixels reckoned with.
        if both_width(&segment.label) * 0.95 + 8.0 < to - x {
            let class = format!("inside {}", segment.class);
            svg.text(&class, ((x + to) / 2.0, y + thick / 2.0 + 3.8), Anchor::Middle, &segment.label);
        }
        from += segment.value;
    }
    // Shares add up to one but for rounding.
    if from > scale.high() * 1.001 {
        let end = scale.at(from);
        for x in [end - 16.0, end - 10.0] {
            svg.line("break", (x - 3.0, y + thick + 1.0), (x + 3.0, y - 1.0));
        }
    }
    if let Some((low, high)) = row.whisker.filter(|(l, h)| l.is_finite() && h.is_finite() && scale.holds(*l)) {
        let middle = y + thick / 2.0;
        let (a, b) = (scale.at(low), scale.at(high));
        for class in ["whisker halo", "whisker"] {
            svg.line(class, (a, middle), (b, middle));
            svg.line(class, (a, middle - 4.5), (a, middle + 4.5));
            if scale.holds(high) {
                svg.line(class, (b, middle - 4.5), (b, middle + 4.5));
            } else {
                // It goes on beyond the axis.
                svg.polyline(class, &[(b - 5.0, middle - 4.5), (b, middle), (b - 5.0, middle + 4.5)]);
            }
        }
    }
}
