//! What is served, stacked by offer, against what is wanted, quarter by quarter.

use super::pareto::axis_number;
use super::scale::Scale;
use super::slim;
use super::svg::{Anchor, Svg};
use crate::lang::Both;

/// A quarter: parts with class and tip, then what is wanted.
pub struct Column {
    /// Its name.
    pub name: String,
    /// Class, amount, tip.
    pub parts: Vec<(String, f64, Both)>,
    /// Amount wanted.
    pub wanted: f64,
}

/// The chart; `unit` names the amounts.
pub fn stack(columns: &[Column], unit: &Both, width: f64, class: &str, labelled_by: &str) -> String {
    let slim = slim(width);
    let height = if slim { 240.0 } else { 300.0 };
    let (left, right, top, bottom) = (58.0, width - 8.0, 12.0, height - 28.0);
    let sum = |c: &Column| c.parts.iter().map(|p| p.1).sum::<f64>();
    let most = columns.iter().map(|c| sum(c).max(c.wanted)).fold(0.0, f64::max);
    let scale = Scale::linear(most * 1.08, bottom, top);
    let mut svg = Svg::new(width, height, class, labelled_by);
    for tick in scale.ticks(6) {
        let y = scale.at(tick);
        svg.line("grid", (left, y), (right, y));
        svg.text("tick", (left - 7.0, y + 4.0), Anchor::End, &Both::same(axis_number(tick)));
    }
    let pitch = (right - left) / columns.len().max(1) as f64;
    let thick = pitch * 0.72;
    let mut line = Vec::new();
    for (i, column) in columns.iter().enumerate() {
        let x = left + pitch * i as f64 + (pitch - thick) / 2.0;
        let mut from = 0.0;
        for (class, amount, tip) in &column.parts {
            let (y, to) = (scale.at(from + amount), scale.at(from));
            svg.rect(&format!("bar tip {class}"), (x, y), (thick, (to - y).max(0.0)), &tip.attributes("data"));
            from += amount;
        }
        let y = scale.at(column.wanted);
        line.extend([(x, y), (x + thick, y)]);
        let name = match slim {
            true if i == 0 || column.name.ends_with("Q1") => column.name.split('-').next().unwrap_or("").to_owned(),
            true => String::new(),
            false => column.name.clone(),
        };
        svg.text("tick", (x + thick / 2.0, bottom + 17.0), Anchor::Middle, &Both::same(name));
    }
    svg.polyline("demand", &line);
    svg.line("axis", (left, bottom), (right, bottom));
    svg.upwards("label", (12.0, (top + bottom) / 2.0), unit);
    svg.finish()
}
