//! A drawing that is a file of its own: it brings its colours and fonts along.

use std::fmt::Write;

/// Ink, paper and the hues of media.
pub const INK: &str = "#1f2933";
/// Words of less weight.
pub const FADED: &str = "#66727f";
/// Rules.
pub const RULE: &str = "#dde3e9";
/// Copper.
pub const COPPER: &str = "#b4632d";
/// Light.
pub const LIGHT: &str = "#0f7f8c";
/// Chips.
pub const CHIP: &str = "#32506e";
/// Lines of charts, one after the other: to be told apart by colour-blind people too.
pub const HUES: [&str; 8] = ["#0f7f8c", "#b4632d", "#4a5fc1", "#a03a72", "#5d8233", "#7a5a3a", "#2b2f77", "#8a6d00"];

/// A drawing under construction.
pub struct Sheet {
    out: String,
    width: f64,
}

impl Sheet {
    /// An empty one, as wide as it is; the height is told at the end.
    pub fn new(width: f64) -> Sheet {
        Sheet { out: String::new(), width }
    }

    fn put(&mut self, piece: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.out.write_fmt(piece);
    }

    /// A rectangle with round corners.
    pub fn rect(&mut self, (x, y): (f64, f64), (w, h): (f64, f64), fill: &str, stroke: &str, radius: f64) {
        self.put(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" rx=\"{radius:.1}\" fill=\"{fill}\" stroke=\"{stroke}\"/>\n"
        ));
    }

    /// A straight line.
    pub fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), stroke: &str, width: f64, more: &str) {
        self.put(format_args!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{stroke}\" stroke-width=\"{width}\"{more}/>\n"
        ));
    }

    /// A circle.
    pub fn circle(&mut self, (x, y): (f64, f64), radius: f64, fill: &str) {
        self.put(format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" fill=\"{fill}\"/>\n"));
    }

    /// Straight lines from point to point, or a closed shape where `fill` is a colour.
    pub fn path(&mut self, points: &[(f64, f64)], stroke: &str, width: f64, fill: &str, more: &str) {
        let all: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let tag = if fill == "none" { "polyline" } else { "polygon" };
        let points = all.join(" ");
        self.put(format_args!(
            "<{tag} points=\"{points}\" fill=\"{fill}\" stroke=\"{stroke}\" stroke-width=\"{width}\"{more}/>\n"
        ));
    }

    /// A text; `anchor` is start, middle or end.
    pub fn text(&mut self, (x, y): (f64, f64), anchor: &str, size: f64, fill: &str, text: &str) {
        let clean = escape(text);
        self.put(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\" fill=\"{fill}\">{clean}</text>\n"
        ));
    }

    /// A bold text.
    pub fn title(&mut self, (x, y): (f64, f64), size: f64, text: &str) {
        let clean = escape(text);
        self.put(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" font-weight=\"600\" fill=\"{INK}\">{clean}</text>\n"
        ));
    }

    /// A picture inside a page: in its font and colours, as wide as there is room, named for readers who do not see it.
    pub fn finish_inside(self, height: f64, label: &str) -> String {
        let mut body = self.out;
        for (file, page) in ON_PAGE {
            body = body.replace(&format!("\"{file}\""), &format!("\"{page}\""));
        }
        let (width, label) = (self.width, escape(label).replace('"', "&quot;"));
        format!(
            "<svg viewBox=\"0 0 {width:.0} {height:.0}\" width=\"100%\" role=\"img\" aria-label=\"{label}\">\n{body}</svg>\n"
        )
    }

    /// The whole file.
    pub fn finish(self, height: f64) -> String {
        let (width, body) = (self.width, self.out);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
             height=\"{height:.0}\" font-family=\"system-ui, 'Noto Sans', 'Noto Sans CJK SC', 'PingFang SC', sans-serif\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n"
        )
    }
}

/// Colours of a file by the names that pages give them, which follow the theme.
const ON_PAGE: [(&str, &str); 7] = [
    (INK, "var(--ink)"),
    (FADED, "var(--soft)"),
    (RULE, "var(--rule)"),
    ("#f4f7f9", "var(--panel)"),
    ("#fbfcfd", "var(--bg)"),
    ("#e3f1f3", "var(--panel)"),
    (CHIP, "var(--k0)"),
];

fn escape(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !c.is_control()).collect();
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
