//! Charts as inline SVG: static, so that they show without JavaScript and on paper. Colours are classes that the page's
//! style sheet fills in, so that light, dark and print need one drawing.

pub mod bars;
pub mod fabric;
pub mod lines;
mod marker;
pub mod pareto;
pub mod pipeline;
mod place;
pub mod roofline;
mod scale;
mod sheet;
mod svg;
pub mod times;

pub use marker::swatch;

/// Width of a drawing for a desk or paper, and of one for a phone, in CSS pixels. A drawing is shown at about its own
/// size, so that its 12-pixel text stays 12 pixels.
pub const WIDTHS: [(f64, &str); 2] = [(1180.0, "broad"), (350.0, "slim")];

/// Whether a drawing is so narrow that labels go above bars.
fn slim(width: f64) -> bool {
    width < 600.0
}
