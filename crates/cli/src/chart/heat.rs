//! A map over two inputs: shade and number say the same.

use super::slim;
use super::svg::{Anchor, Svg};
use crate::lang::Both;

/// Shades of the style sheet (`.h0` to `.h8`).
const SHADES: f64 = 8.0;

/// What is mapped.
pub struct Heat<'a> {
    /// Values across.
    pub x: &'a [f64],
    /// Values upwards.
    pub y: &'a [f64],
    /// Values across and upwards in words.
    pub ticks: (&'a dyn Fn(f64) -> String, &'a dyn Fn(f64) -> String),
    /// Name of the input across.
    pub x_name: Both,
    /// Name of the input upwards.
    pub y_name: Both,
    /// Rows upwards; `None` where there is no plan.
    pub cells: &'a [Vec<Option<f64>>],
    /// A cell in words.
    pub print: &'a dyn Fn(f64) -> String,
    /// Said where there is no plan.
    pub none: Both,
    /// The point that the plan counts with, if it is on the map.
    pub now: (f64, f64),
}

/// The chart.
pub fn heat(map: &Heat, width: f64, class: &str, labelled_by: &str) -> String {
    let slim = slim(width);
    let (left, top, foot) = (58.0, 6.0, 44.0);
    let right = if slim { width - 6.0 } else { width.min(860.0) };
    let row = if slim { 34.0 } else { 40.0 };
    let bottom = top + row * map.y.len() as f64;
    let mut svg = Svg::new(width, bottom + foot, class, labelled_by);
    let column = (right - left) / map.x.len().max(1) as f64;
    let known = || map.cells.iter().flatten().flatten().copied();
    let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    for (j, cells) in map.cells.iter().enumerate() {
        let y = bottom - row * (j + 1) as f64;
        for (i, cell) in cells.iter().enumerate() {
            let x = left + column * i as f64;
            let middle = (x + column / 2.0, y + row / 2.0 + 4.0);
            match cell {
                Some(value) => {
                    let share = if high > low { (value - low) / (high - low) } else { 0.0 };
                    let shade = (share * SHADES).round() as usize;
                    svg.rect(&format!("h h{shade}"), (x, y), (column, row), "");
                    let class = if shade > 4 { "cell on" } else { "cell" };
                    svg.text(class, middle, Anchor::Middle, &Both::same((map.print)(*value)));
                }
                None => {
                    svg.rect("h none", (x, y), (column, row), "");
                    svg.text("cell", middle, Anchor::Middle, &map.none);
                }
            }
        }
        svg.text("tick", (left - 7.0, y + row / 2.0 + 4.0), Anchor::End, &Both::same((map.ticks.1)(map.y[j])));
    }
    for (i, x) in map.x.iter().enumerate() {
        let at = left + column * (i as f64 + 0.5);
        svg.text("tick", (at, bottom + 16.0), Anchor::Middle, &Both::same((map.ticks.0)(*x)));
    }
    svg.text("label", ((left + right) / 2.0, bottom + 36.0), Anchor::Middle, &map.x_name);
    svg.upwards("label", (12.0, (top + bottom) / 2.0), &map.y_name);
    if let (Some(x), Some(y)) = (spot(map.x, map.now.0), spot(map.y, map.now.1)) {
        svg.circle("now", (left + column * (x + 0.5), bottom - row * (y + 0.5)), row * 0.42, "");
    }
    svg.finish()
}

/// Where a value lies among others, in steps; `None` outside.
fn spot(values: &[f64], value: f64) -> Option<f64> {
    let (first, last) = (*values.first()?, *values.last()?);
    if !(first..=last).contains(&value) || first == last {
        return None;
    }
    Some((value - first) / (last - first) * (values.len() - 1) as f64)
}
