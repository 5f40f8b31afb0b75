//! Orders and deliveries over time: one row for each offer and scenario.

use super::slim;
use super::svg::{Anchor, Svg, both_width, fit};
use crate::lang::Both;

/// A row.
pub struct Row {
    /// Offer and scenario.
    pub name: Both,
    /// Class that colours it.
    pub class: String,
    /// Whether its orders are made in every scenario.
    pub shared: bool,
    /// Orders.
    pub orders: Vec<Order>,
}

/// An order: one mark, and one bar while its units stand.
pub struct Order {
    /// Quarter of the order.
    pub at: usize,
    /// Quarter of delivery, and the first one in which the units are gone, where they are known.
    pub stands: Option<(usize, usize)>,
    /// Units in words.
    pub units: String,
    /// Tip.
    pub tip: Both,
}

/// The chart over `quarters`, of which the first `decided` are shaded.
pub fn gantt(rows: &[Row], quarters: &[String], decided: usize, width: f64, class: &str, labelled_by: &str) -> String {
    let slim = slim(width);
    let name = rows.iter().map(|r| both_width(&r.name)).fold(60.0, f64::max);
    let left = if slim { 4.0 } else { (name + 14.0).min(330.0) };
    let (pitch, top) = (if slim { 40.0 } else { 27.0 }, 20.0);
    let height = top + pitch * rows.len() as f64 + 6.0;
    let right = width - 6.0;
    let at = |quarter: f64| left + (right - left) * quarter / quarters.len().max(1) as f64;
    let mut svg = Svg::new(width, height, class, labelled_by);
    if decided < quarters.len() {
        svg.rect("decided", (at(0.0), top - 4.0), (at(decided as f64) - at(0.0), height - top), "");
    }
    for (i, quarter) in quarters.iter().enumerate() {
        svg.line("grid", (at(i as f64), top - 4.0), (at(i as f64), height - 6.0));
        // On a phone only the year, where it begins.
        let text = match slim {
            true if i == 0 || quarter.ends_with("Q1") => quarter.split('-').next().unwrap_or("").to_owned(),
            true => String::new(),
            false => quarter.clone(),
        };
        svg.text("tick", (at(i as f64) + 3.0, top - 8.0), Anchor::Start, &Both::same(text));
    }
    for (i, row) in rows.iter().enumerate() {
        let y = top + pitch * i as f64;
        let base = if slim { y + 12.0 } else { y + pitch / 2.0 + 4.2 };
        match slim {
            true => svg.text("name", (left, base), Anchor::Start, &fit(&row.name, right - left)),
            false => svg.text("name", (left - 10.0, base), Anchor::End, &fit(&row.name, left - 12.0)),
        }
        let middle = if slim { y + 27.0 } else { y + pitch / 2.0 };
        for order in &row.orders {
            if let Some((from, until)) = order.stands {
                let (x, end) = (at(from as f64), at(until as f64));
                let bar = format!("bar tip stands {}", row.class);
                svg.rect(&bar, (x, middle - 7.0), (end - x, 14.0), &order.tip.attributes("data"));
            }
        }
        for order in &row.orders {
            let x = at(order.at as f64) + 7.0;
            let mark = if row.shared { "order tip" } else { "order later tip" };
            svg.circle(mark, (x, middle), 5.0, &order.tip.attributes("data"));
            svg.text("units", (x + 8.0, middle + 3.8), Anchor::Start, &Both::same(order.units.clone()));
        }
    }
    svg.finish()
}
