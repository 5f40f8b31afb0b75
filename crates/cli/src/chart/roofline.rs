//! Achieved rate of each operator against its arithmetic intensity, under the lines of the chip. Both axes logarithmic.
//!
//! Holds for operators that use the matrix unit and the memory of one chip; those of the network and without flop have no
//! place in it and are left out.

use plan::findings::{OperatorShare, Roof};

use super::place::Places;
use super::scale::Scale;
use super::slim;
use super::svg::{Anchor, Svg, both_width};
use crate::lang::number::{Unit, digits, percent, quantity};
use crate::lang::{Both, Lang, Msg, term};

/// An operator with the letter that names it and the class that colours it.
pub struct Point<'a> {
    /// Letter in the table beside the chart.
    pub letter: String,
    /// `k0` to `k6`.
    pub class: String,
    /// The operator.
    pub operator: &'a OperatorShare,
}

/// Whether an operator has a place in a roofline.
pub fn drawable(op: &OperatorShare) -> bool {
    op.bound != "network" && op.flop > 0.0 && op.bytes > 0.0 && op.seconds > 0.0 && (op.flop / op.seconds).is_finite()
}

/// The chart; nothing to draw gives `None`.
pub fn roofline(roof: &Roof, points: &[Point], width: f64, class: &str, labelled_by: &str) -> Option<String> {
    let drawn: Vec<&Point> = points.iter().filter(|p| drawable(p.operator)).collect();
    let top_peak = roof.peaks.iter().map(|(_, p)| *p).filter(|p| p.is_finite() && *p > 0.0).fold(0.0, f64::max);
    if drawn.is_empty() || top_peak <= 0.0 || roof.bandwidth <= 0.0 || !roof.bandwidth.is_finite() {
        return None;
    }
    let height = if slim(width) { 300.0 } else { 340.0 };
    let (left, right, top, bottom) = (70.0, width - 10.0, 12.0, height - 44.0);
    let intensity = |op: &OperatorShare| op.flop / op.bytes;
    let rate = |op: &OperatorShare| op.flop / op.seconds;
    let ridge = top_peak / roof.bandwidth;
    let range = |f: &dyn Fn(&OperatorShare) -> f64| {
        let values = drawn.iter().map(|p| f(p.operator));
        (values.clone().fold(f64::INFINITY, f64::min), values.fold(0.0, f64::max))
    };
    let (x_low, x_high) = range(&intensity);
    let (y_low, _) = range(&rate);
    let xs = Scale::log(x_low.min(ridge / 12.0), x_high.max(ridge * 4.0), left, right);
    let ys = Scale::log(y_low.min(top_peak / 30.0), top_peak * 1.3, bottom, top);
    let mut svg = Svg::new(width, height, class, labelled_by);
    for tick in xs.ticks(if slim(width) { 6 } else { 7 }) {
        let x = xs.at(tick);
        svg.line("grid", (x, top), (x, bottom));
        svg.text("tick", (x, bottom + 16.0), Anchor::Middle, &Both::same(super::pareto::axis_number(tick)));
    }
    for tick in ys.ticks(6) {
        let y = ys.at(tick);
        svg.line("grid", (left, y), (right, y));
        let (number, unit) = (quantity(tick, Unit::FlopRate), "FLOP/s");
        let short = number.replace(unit, "").replace(".00", "").replace(".0 ", " ");
        svg.text("tick", (left - 6.0, y + 4.0), Anchor::End, &Both::same(short.trim()));
    }
    svg.line("axis", (left, bottom), (right, bottom));
    svg.line("axis", (left, top), (left, bottom));
    svg.text("label", ((left + right) / 2.0, height - 8.0), Anchor::Middle, &Both::msg(Msg::Intensity));
    svg.upwards("label", (13.0, (top + bottom) / 2.0), &Both::msg(Msg::Achieved));
    roofs(&mut svg, roof, &xs, &ys, ((left, right), ridge));
    let mut places = Places::new(8.5, (left, top, right, bottom));
    let spots: Vec<((f64, f64), (f64, f64))> = drawn
        .iter()
        .map(|p| {
            let at = (xs.at(intensity(p.operator)), ys.at(rate(p.operator)));
            (at, places.near(at))
        })
        .collect();
    // Leaders below all marks.
    for (p, (at, spot)) in drawn.iter().zip(&spots).filter(|(_, (at, spot))| at != spot) {
        svg.line("leader", *at, *spot);
        svg.circle(&format!("bar {}", p.class), *at, 2.5, "");
    }
    for (p, (_, spot)) in drawn.iter().zip(spots) {
        let tip = Both::of(|lang| tip(p.operator, lang)).attributes("data");
        if p.operator.phase == "prefill" {
            svg.rect(&format!("bar tip {}", p.class), (spot.0 - 8.0, spot.1 - 8.0), (16.0, 16.0), &tip);
        } else {
            svg.circle(&format!("bar tip {}", p.class), spot, 8.5, &tip);
        }
        let class = format!("inside {}", p.class);
        svg.text(&class, (spot.0, spot.1 + 3.8), Anchor::Middle, &Both::same(&*p.letter));
    }
    Some(svg.finish())
}

/// The slope of the memory and the ceiling of each arithmetic. Names stand above the slope, where no operator can be.
fn roofs(svg: &mut Svg, roof: &Roof, xs: &Scale, ys: &Scale, ((left, right), ridge): ((f64, f64), f64)) {
    let mut used: Vec<(f64, f64)> = Vec::new();
    for (name, peak) in roof.peaks.iter().filter(|(_, p)| p.is_finite() && *p > 0.0) {
        let (start, y) = (xs.at(peak / roof.bandwidth), ys.at(*peak));
        svg.line("roof dashed", (left, y), (start, y));
        svg.line("roof", (start, y), (right, y));
        // A second label on the same height would lie on the first.
        if used.iter().all(|(u, _)| (u - y).abs() > 13.0) {
            let label = Both::same(format!("{name} {}", quantity(*peak, Unit::FlopRate)));
            svg.text("roof-label", (left + 6.0, y - 4.0), Anchor::Start, &label);
            used.push((y - 8.0, left + 6.0 + both_width(&label)));
        }
    }
    let x0 = xs.low().max(ys.low() / roof.bandwidth);
    let from = (xs.at(x0), ys.at(x0 * roof.bandwidth));
    let to = (xs.at(ridge), ys.at(ridge * roof.bandwidth));
    svg.line("roof", from, to);
    let label = Both::same(quantity(roof.bandwidth, Unit::Bandwidth));
    let wide = both_width(&label);
    // Left of the slope where that is free, else right of its foot.
    let spot = [0.5, 0.4, 0.3, 0.6, 0.7, 0.2].into_iter().map(|t| {
        let (x, y) = (from.0 + (to.0 - from.0) * t, from.1 + (to.1 - from.1) * t);
        (x - 8.0, y)
    });
    let free = |(x, y): &(f64, f64)| {
        x - wide > left + 2.0 && used.iter().all(|(u, end)| (u - (y - 4.0)).abs() > 13.0 || *end < x - wide)
    };
    match spot.into_iter().find(free) {
        Some(spot) => svg.text("roof-label", spot, Anchor::End, &label),
        None => svg.text("roof-label", (from.0 + 14.0, from.1 - 2.0), Anchor::Start, &label),
    }
}

fn tip(op: &OperatorShare, lang: Lang) -> String {
    let mut lines = vec![
        format!("{} · {}", term(&op.name, lang), term(&op.phase, lang)),
        format!("{} · {}", quantity(op.seconds, Unit::Time), percent(op.share)),
        format!("{} · {} FLOP/B", quantity(op.flop / op.seconds, Unit::FlopRate), digits(op.flop / op.bytes)),
        format!("{} {}", Msg::Bound.text(lang), term(&op.bound, lang)),
    ];
    if let Some(efficiency) = crate::table::efficiency(op) {
        lines.push(format!("{} {}", Msg::Efficiency.text(lang), percent(efficiency)));
    }
    lines.join("\n")
}
