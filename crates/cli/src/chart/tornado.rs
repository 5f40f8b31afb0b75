//! How far each input moves the cost: bars to both sides of the line of the plan.

use super::pareto::axis_number;
use super::scale::Scale;
use super::slim;
use super::svg::{Anchor, Svg, both_width, fit};
use crate::lang::Both;

/// A bar.
pub struct Swing {
    /// The input.
    pub name: Both,
    /// Cost at its low and at its high end; `None` where there is no plan.
    pub ends: (Option<f64>, Option<f64>),
    /// Values of the input at the ends, in words.
    pub values: (String, String),
    /// Shown beside the pointer.
    pub tip: Both,
}

/// The chart; `unit` names the costs, `none` says that there is no plan.
pub fn tornado(
    swings: &[Swing],
    mid: f64,
    unit: &Both,
    none: &Both,
    width: f64,
    class: &str,
    labelled_by: &str,
) -> String {
    let slim = slim(width);
    let name = swings.iter().map(|s| both_width(&s.name)).fold(60.0, f64::max);
    let left = if slim { 60.0 } else { (name + 14.0).min(360.0) + 60.0 };
    let right = width - 66.0;
    let (pitch, thick, top, foot) = (if slim { 40.0 } else { 27.0 }, 15.0, 4.0, 42.0);
    let height = top + pitch * swings.len() as f64 + foot;
    let known = || swings.iter().flat_map(|s| [s.ends.0, s.ends.1]).flatten();
    let high = known().fold(mid, f64::max);
    let low = known().fold(mid, f64::min);
    // From a little below the least cost: the differences count here, not the sums.
    let from = (low - 0.08 * (high - low)).max(0.0);
    let scale = Scale::linear((high - from).max(1e-12), left, right);
    let at = |cost: f64| scale.at(cost - from);
    let mut svg = Svg::new(width, height, class, labelled_by);
    let bottom = height - foot + 2.0;
    let ticks = Scale::linear(high, 0.0, 1.0).ticks(if slim { 5 } else { 10 });
    for tick in ticks.into_iter().filter(|t| *t >= from) {
        svg.line("grid", (at(tick), top), (at(tick), bottom));
        svg.text("tick", (at(tick), bottom + 15.0), Anchor::Middle, &Both::same(axis_number(tick)));
    }
    svg.text("label", ((left + right) / 2.0, height - 6.0), Anchor::Middle, unit);
    for (i, swing) in swings.iter().enumerate() {
        let y = top + pitch * i as f64;
        let bar = if slim { y + 19.0 } else { y + (pitch - thick) / 2.0 };
        let base = if slim { y + 13.0 } else { y + pitch / 2.0 + 4.2 };
        match slim {
            true => svg.text("name", (2.0, base), Anchor::Start, &fit(&swing.name, width - 4.0)),
            false => svg.text("name", (left - 64.0, base), Anchor::End, &fit(&swing.name, left - 68.0)),
        }
        let (mut least, mut most) = (mid, mid);
        for (end, value, class) in [(swing.ends.0, &swing.values.0, "k1"), (swing.ends.1, &swing.values.1, "k2")] {
            let cost = end.unwrap_or(high);
            let (x1, x2) = (at(cost.min(mid)), at(cost.max(mid)));
            let class = format!("bar tip {class}");
            svg.rect(&class, (x1, bar), ((x2 - x1).max(0.5), thick), &swing.tip.attributes("data"));
            let text = match end {
                Some(_) => Both::same(value.clone()),
                None => Both { en: format!("{value}: {}", none.en), zh: format!("{value}：{}", none.zh) },
            };
            // Ends on the same side would write over each other: the nearer one stays silent.
            if cost < mid && cost < least {
                svg.text("tick", (x1 - 4.0, bar + 11.5), Anchor::End, &text);
                least = cost;
            } else if cost >= mid && cost > most {
                svg.text("tick", (x2 + 4.0, bar + 11.5), Anchor::Start, &text);
                most = cost;
            }
        }
    }
    svg.line("whisker", (at(mid), top), (at(mid), bottom));
    svg.finish()
}
