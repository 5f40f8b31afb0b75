//! What tells the systems apart: seven hues that stay apart for the colour-blind, then dashes, markers and numbers.

use crate::lang::both::put;

/// Hues of the style sheet (`--c0` to `--c6`).
const HUES: usize = 7;
/// Dashes of the style sheet (`.d0` to `.d3`).
const DASHES: usize = 4;

/// Classes of the `index`-th series: hue and dash together differ for 28 of them.
pub fn series_class(index: usize) -> String {
    format!("s{} d{}", index % HUES, (index / HUES) % DASHES)
}

/// Path of the series' marker around a point. Shapes shift with each round of hues, so that the same hue does not meet
/// the same shape again.
pub fn path(index: usize, (x, y): (f64, f64), size: f64) -> String {
    let corners: &[(f64, f64)] = match (index + index / HUES * 3) % 7 {
        0 => {
            return format!(
                "M{:.1} {y:.1}a{size:.1} {size:.1} 0 1 0 {:.1} 0a{size:.1} {size:.1} 0 1 0 {:.1} 0z",
                x - size,
                2.0 * size,
                -2.0 * size
            );
        }
        1 => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        2 => &[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)],
        3 => &[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)],
        4 => &[(0.0, 1.2), (1.1, -0.8), (-1.1, -0.8)],
        5 => &[(-1.2, 0.0), (0.8, -1.1), (0.8, 1.1)],
        _ => &[(1.2, 0.0), (-0.8, -1.1), (-0.8, 1.1)],
    };
    let mut out = String::new();
    for (i, (dx, dy)) in corners.iter().enumerate() {
        let step = if i == 0 { 'M' } else { 'L' };
        put(&mut out, format_args!("{step}{:.1} {:.1}", x + dx * size, y + dy * size));
    }
    out.push('z');
    out
}

/// A short stretch of the series for a legend.
pub fn swatch(index: usize) -> String {
    format!(
        "<svg class=\"swatch {}\" viewBox=\"0 0 34 14\" width=\"34\" height=\"14\" aria-hidden=\"true\">\
         <line class=\"curve\" x1=\"1\" y1=\"7\" x2=\"33\" y2=\"7\"/><path class=\"pt\" d=\"{}\"/></svg>",
        series_class(index),
        path(index, (17.0, 7.0), 4.0)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_eight_series_differ() {
        let mut seen: Vec<String> = (0..28).map(series_class).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 28);
    }

    #[test]
    fn same_hue_other_shape() {
        for i in 0..7 {
            assert_ne!(path(i, (0.0, 0.0), 4.0), path(i + 7, (0.0, 0.0), 4.0));
        }
    }
}
