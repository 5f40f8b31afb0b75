//! Pieces of SVG.

use crate::lang::Both;
use crate::lang::both::put;

/// A drawing under construction. Coordinates are CSS pixels, rounded to a tenth.
pub struct Svg {
    out: String,
}

/// Where a text is held.
#[derive(Debug, Clone, Copy)]
pub enum Anchor {
    /// At its start.
    Start,
    /// At its middle.
    Middle,
    /// At its end.
    End,
}

impl Svg {
    /// An empty drawing, named by the element `labelled_by`. `class` says at which screen width it shows.
    pub fn new(width: f64, height: f64, class: &str, labelled_by: &str) -> Svg {
        let mut out = String::new();
        put(
            &mut out,
            format_args!(
                "<svg class=\"chart {class}\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
                 height=\"{height:.0}\" role=\"img\" tabindex=\"0\" aria-labelledby=\"{labelled_by}\">"
            ),
        );
        Svg { out }
    }

    /// Anything.
    pub fn raw(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// A straight line.
    pub fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        put(
            &mut self.out,
            format_args!("<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"),
        );
    }

    /// A rectangle; `extra` holds further attributes with a blank before each.
    pub fn rect(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64), extra: &str) {
        put(
            &mut self.out,
            format_args!(
                "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\"{extra}/>",
                width.max(0.0)
            ),
        );
    }

    /// A circle.
    pub fn circle(&mut self, class: &str, (x, y): (f64, f64), radius: f64, extra: &str) {
        put(
            &mut self.out,
            format_args!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\"{extra}/>"),
        );
    }

    /// A polyline.
    pub fn polyline(&mut self, class: &str, points: &[(f64, f64)]) {
        put(&mut self.out, format_args!("<polyline class=\"{class}\" points=\""));
        for (i, (x, y)) in points.iter().enumerate() {
            put(&mut self.out, format_args!("{}{x:.1},{y:.1}", if i > 0 { " " } else { "" }));
        }
        self.out.push_str("\"/>");
    }

    /// A text in both languages.
    pub fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, text: &Both) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        put(
            &mut self.out,
            format_args!(
                "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
                text.svg()
            ),
        );
    }

    /// A text that reads upwards.
    pub fn upwards(&mut self, class: &str, (x, y): (f64, f64), text: &Both) {
        put(
            &mut self.out,
            format_args!(
                "<text class=\"{class}\" transform=\"translate({x:.1} {y:.1}) rotate(-90)\" \
                 text-anchor=\"middle\">{}</text>",
                text.svg()
            ),
        );
    }

    /// Opens a group.
    pub fn open(&mut self, attributes: &str) {
        put(&mut self.out, format_args!("<g {attributes}>"));
    }

    /// Closes a group.
    pub fn close(&mut self) {
        self.out.push_str("</g>");
    }

    /// The whole.
    pub fn finish(mut self) -> String {
        self.out.push_str("</svg>\n");
        self.out
    }
}

/// About how wide a text of 12 pixels is: Chinese characters are square, others a little over half.
pub fn text_width(text: &str) -> f64 {
    text.chars().map(|c| if c as u32 > 0x2E80 { 12.0 } else { 6.7 }).sum()
}

/// A text cut to a width, with an ellipsis where it was cut.
pub fn fit(text: &Both, width: f64) -> Both {
    let cut = |text: &str| {
        if text_width(text) <= width {
            return text.to_owned();
        }
        let mut out = String::new();
        for c in text.chars() {
            out.push(c);
            if text_width(&out) > width - 12.0 {
                out.pop();
                break;
            }
        }
        format!("{}…", out.trim_end())
    };
    Both { en: cut(&text.en), zh: cut(&text.zh) }
}

/// The wider of the two languages.
pub fn both_width(text: &Both) -> f64 {
    text_width(&text.en).max(text_width(&text.zh))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_by_width_not_by_count() {
        let name = Both { en: "a".repeat(40), zh: "芯".repeat(40) };
        let cut = fit(&name, 120.0);
        assert_eq!((cut.en.chars().count(), cut.zh.chars().count()), (17, 10));
        assert_eq!(fit(&Both::same("short"), 120.0), Both::same("short"));
    }
}
