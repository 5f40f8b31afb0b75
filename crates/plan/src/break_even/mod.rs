//! Break-even points: where a figure crosses a bar as one input moves.
//!
//! [`crossing`] knows nothing of what the figure is: units of an offer in a plan ([`crate::purchase`]), or the cost of one
//! system over that of another ([`of_study`]).

mod study;

pub use study::{NoPoint, inputs, of_study, with};

/// Where a figure crosses a bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crossing {
    /// The figure at both ends of the span.
    pub ends: (f64, f64),
    /// The value of the input, to the width of the span over two to the power of the halvings; `None` where both ends lie
    /// on the same side of the bar.
    pub at: Option<f64>,
}

/// Halves a span until the place where `figure` passes `bar` is known. Where it passes more than once, one of the places
/// is found. A figure that is no number counts as not above the bar.
///
/// # Errors
/// Those of `figure`.
pub fn crossing<E>(
    (mut low, mut high): (f64, f64),
    halvings: usize,
    bar: f64,
    figure: impl Fn(f64) -> Result<f64, E>,
) -> Result<Crossing, E> {
    let ends = (figure(low)?, figure(high)?);
    let above = ends.0 > bar;
    if above == (ends.1 > bar) {
        return Ok(Crossing { ends, at: None });
    }
    for _ in 0..halvings {
        let middle = f64::midpoint(low, high);
        if (figure(middle)? > bar) == above { low = middle } else { high = middle }
    }
    Ok(Crossing { ends, at: Some(f64::midpoint(low, high)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_crosses_where_it_should() {
        let line = |x: f64| -> Result<f64, ()> { Ok(3.0 - 2.0 * x) };
        let found = crossing((0.0, 4.0), 30, 1.0, line).expect("no error");
        assert!((found.at.expect("crosses") - 1.0).abs() < 1e-8);
        assert_eq!(found.ends, (3.0, -5.0));
        assert_eq!(crossing((0.0, 0.5), 30, 1.0, line).expect("no error").at, None);
        assert_eq!(crossing((0.0, 4.0), 30, 1.0, |_| Err::<f64, _>("no")), Err("no"));
    }
}
