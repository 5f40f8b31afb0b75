//! Time against size, both logarithmic: lines with their intervals, and the bounds below them.

use super::scale::Scale;
use super::sheet::{FADED, HUES, INK, RULE, Sheet};
use super::svg::text_width;
use crate::lang::number::{Unit, quantity};
use crate::lang::{Lang, Msg};

/// One line.
pub struct Line {
    /// Its name.
    pub name: String,
    /// Size in bytes, seconds, low and high.
    pub points: Vec<(f64, f64, f64, f64)>,
    /// Size in bytes and the bound in seconds.
    pub bound: Vec<(f64, f64)>,
}

const WIDTH: f64 = 980.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = WIDTH - 28.0;
const HEIGHT: f64 = 400.0;

/// The drawing as a file.
pub fn times(lines: &[Line], title: &str, lang: Lang) -> String {
    let mut sheet = Sheet::new(WIDTH);
    sheet.title((LEFT, 34.0), 18.0, title);
    sheet.text((LEFT, 54.0), "start", 12.0, FADED, Msg::FabricChartBound.text(lang));
    // Names above, a colour each.
    let (mut x, mut y) = (LEFT, 78.0);
    for (i, line) in lines.iter().enumerate() {
        let wide = text_width(&line.name) + 46.0;
        if x + wide > RIGHT && x > LEFT {
            (x, y) = (LEFT, y + 20.0);
        }
        sheet.line((x, y - 4.0), (x + 22.0, y - 4.0), HUES[i % HUES.len()], 3.0, "");
        sheet.text((x + 28.0, y), "start", 12.0, INK, &line.name);
        x += wide;
    }
    let (top, bottom) = (y + 22.0, y + 22.0 + HEIGHT);
    let sizes = || lines.iter().flat_map(|l| l.points.iter().map(|p| p.0));
    let seconds =
        || lines.iter().flat_map(|l| l.points.iter().flat_map(|p| [p.1, p.2, p.3]).chain(l.bound.iter().map(|b| b.1)));
    let (low, high) = ends(seconds().filter(|s| *s > 0.0));
    let (small, large) = ends(sizes());
    let (across, up) = (Scale::log(small, large, LEFT, RIGHT), Scale::log(low, high, bottom, top));
    sheet.text((LEFT - 8.0, top - 8.0), "end", 12.0, FADED, Msg::FabricChartTime.text(lang));
    let mut decade = 10f64.powf(up.low().log10().ceil());
    while decade <= up.high() {
        let y = up.at(decade);
        sheet.line((LEFT, y), (RIGHT, y), RULE, 1.0, "");
        sheet.text((LEFT - 8.0, y + 4.0), "end", 12.0, FADED, &quantity(decade, Unit::Time));
        decade *= 10.0;
    }
    let mut shown = f64::NEG_INFINITY;
    let mut ticks: Vec<f64> = sizes().collect();
    ticks.sort_by(f64::total_cmp);
    ticks.dedup();
    for size in ticks {
        let x = across.at(size);
        if x - shown > 62.0 {
            sheet.line((x, bottom), (x, bottom + 5.0), FADED, 1.0, "");
            sheet.text((x, bottom + 20.0), "middle", 12.0, FADED, &crate::cmd::fabric::size(size));
            shown = x;
        }
    }
    sheet.line((LEFT, bottom), (RIGHT, bottom), FADED, 1.0, "");
    for (i, line) in lines.iter().enumerate() {
        let hue = HUES[i % HUES.len()];
        let at = |size: f64, time: f64| (across.at(size), up.at(time.max(low)));
        let band: Vec<(f64, f64)> =
            line.points.iter().map(|p| at(p.0, p.3)).chain(line.points.iter().rev().map(|p| at(p.0, p.2))).collect();
        sheet.path(&band, "none", 0.0, hue, " fill-opacity=\"0.13\"");
        let bound: Vec<(f64, f64)> = line.bound.iter().filter(|b| b.1 > 0.0).map(|b| at(b.0, b.1)).collect();
        sheet.path(&bound, hue, 1.3, "none", " stroke-dasharray=\"4 4\" opacity=\"0.8\"");
        let points: Vec<(f64, f64)> = line.points.iter().map(|p| at(p.0, p.1)).collect();
        sheet.path(&points, hue, 2.2, "none", " stroke-linejoin=\"round\"");
        points.iter().for_each(|&p| sheet.circle(p, 2.8, hue));
    }
    sheet.text(((LEFT + RIGHT) / 2.0, bottom + 42.0), "middle", 12.0, FADED, Msg::FabricChartSize.text(lang));
    sheet.finish(bottom + 58.0)
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, 0.0), |(low, high), v| (low.min(v), f64::max(high, v)))
}
