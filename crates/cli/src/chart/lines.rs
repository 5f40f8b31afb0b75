//! Lines over time, one a series, on a common scale from zero.

use super::pareto::axis_number;
use super::scale::Scale;
use super::slim;
use super::svg::{Anchor, Svg};
use crate::lang::Both;

/// A line.
pub struct Line {
    /// Number of its colour.
    pub color: usize,
    /// Whether it is dashed.
    pub dashed: bool,
    /// Time in seconds and value; a value that is missing breaks the line.
    pub points: Vec<(f64, Option<f64>)>,
}

/// The chart. `most`: end of the scale, where it is known.
pub fn lines(all: &[Line], most: Option<f64>, width: f64, class: &str, labelled_by: &str, below: &Both) -> String {
    let height = if slim(width) { 190.0 } else { 210.0 };
    let (left, right, top, foot) = (58.0, width - 12.0, 8.0, height - 40.0);
    let mut svg = Svg::new(width, height, class, labelled_by);
    let times = || all.iter().flat_map(|line| line.points.iter().map(|point| point.0));
    let values = all.iter().flat_map(|line| line.points.iter().filter_map(|point| point.1));
    let end = times().fold(0.0, f64::max);
    let highest = most.unwrap_or_else(|| values.fold(0.0, f64::max) * 1.05);
    let (x, y) = (Scale::linear(end, left, right), Scale::linear(highest, foot, top));
    for tick in y.ticks(4) {
        svg.line("grid", (left, y.at(tick)), (right, y.at(tick)));
        svg.text("", (left - 6.0, y.at(tick) + 4.0), Anchor::End, &Both::same(axis_number(tick)));
    }
    for tick in x.ticks(if slim(width) { 4 } else { 10 }) {
        svg.line("axis", (x.at(tick), foot), (x.at(tick), foot + 4.0));
        svg.text("", (x.at(tick), foot + 17.0), Anchor::Middle, &Both::same(axis_number(tick)));
    }
    svg.line("axis", (left, foot), (right, foot));
    svg.text("", (0.5 * (left + right), height - 6.0), Anchor::Middle, below);
    for line in all {
        svg.open(&format!("class=\"s{}{}\"", line.color % 7, if line.dashed { " d2" } else { "" }));
        let mut run: Vec<(f64, f64)> = Vec::new();
        for (time, value) in &line.points {
            match value {
                Some(value) => run.push((x.at(*time), y.at(*value))),
                None => draw(&mut svg, &mut run),
            }
        }
        draw(&mut svg, &mut run);
        svg.close();
    }
    svg.finish()
}

/// Draws what there is of a line and begins another.
fn draw(svg: &mut Svg, run: &mut Vec<(f64, f64)>) {
    if run.len() > 1 {
        svg.polyline("curve", run);
    } else if let Some(point) = run.first() {
        svg.circle("pt", *point, 2.0, "");
    }
    run.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_value_breaks_the_line() {
        let line = Line {
            color: 1,
            dashed: false,
            points: vec![(0.0, Some(1.0)), (1.0, Some(2.0)), (2.0, None), (3.0, Some(1.0))],
        };
        let svg = lines(&[line], None, 600.0, "broad", "x", &Both::same("s"));
        assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (1, 1));
    }
}
