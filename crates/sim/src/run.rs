//! A run of decode steps by a fixed batch, summed in closed form.
//!
//! Ranks run in lock step, so a step takes what the slowest rank takes. On a stretch where no rank leaves its cell and
//! no rank overtakes the slowest, the time of a step is linear in the step's number and its sum is a quadratic.

use crate::time::Fine;

/// What a rank adds to each step of a run, from the step where it is asked up to `left` steps later.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Line {
    /// Time of the first step.
    pub time: Fine,
    /// Growth from one step to the next.
    pub growth: Fine,
    /// Steps for which this holds.
    pub left: u64,
}

/// Consecutive steps whose time grows linearly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Piece {
    pub steps: u64,
    pub time: Fine,
    pub growth: Fine,
}

impl Piece {
    /// Time of the first `steps` steps.
    fn sum(&self, steps: u64) -> Fine {
        let steps = Fine::from(steps);
        steps * self.time + self.growth * (steps * (steps - 1) / 2)
    }
}

/// The upper envelope of several lines, until the first of them ends or another one overtakes: one piece.
pub(crate) fn envelope(lines: impl Iterator<Item = Line> + Clone, most: u64) -> Piece {
    let mut top = Line { time: 0, growth: 0, left: most };
    let mut steps = most;
    for line in lines.clone() {
        steps = steps.min(line.left);
        if (line.time, line.growth) > (top.time, top.growth) {
            top = line;
        }
    }
    for line in lines {
        if line.growth > top.growth {
            // First step at which the steeper line is above: time + growth * k > top.time + top.growth * k.
            let first = (top.time - line.time) / (line.growth - top.growth) + 1;
            steps = steps.min(u64::try_from(first).unwrap_or(u64::MAX));
        }
    }
    Piece { steps, time: top.time, growth: top.growth }
}

/// Time of the first `steps` steps of a run.
pub(crate) fn sum(pieces: &[Piece], mut steps: u64) -> Fine {
    let mut total = 0;
    for piece in pieces {
        let taken = steps.min(piece.steps);
        total += piece.sum(taken);
        steps -= taken;
    }
    total
}

/// The least number of steps (at least one) that take `span` or longer; all of them where they do not reach it.
pub(crate) fn steps_until(pieces: &[Piece], span: Fine) -> u64 {
    let (mut before, mut total) = (0, 0);
    for piece in pieces {
        let whole = piece.sum(piece.steps);
        if total + whole >= span {
            let (mut low, mut high) = (0, piece.steps);
            while low < high {
                let middle = low + (high - low) / 2;
                if total + piece.sum(middle) >= span { high = middle } else { low = middle + 1 }
            }
            return (before + low).max(1);
        }
        before += piece.steps;
        total += whole;
    }
    before.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(line: &Line, step: u64) -> Fine {
        line.time + line.growth * Fine::from(step)
    }

    /// The pieces of lines that never end.
    fn pieces(lines: &[Line], most: u64) -> Vec<Piece> {
        let (mut done, mut pieces) = (0, Vec::new());
        while done < most {
            let here = lines.iter().map(|line| Line { time: value(line, done), ..*line });
            let piece = envelope(here, most - done);
            done += piece.steps;
            pieces.push(piece);
        }
        pieces
    }

    proptest! {
        #[test]
        fn a_run_is_the_sum_of_its_steps(
            lines in prop::collection::vec((0i128..10_000, 0i128..50), 1..6),
            most in 1u64..300,
            span in 0i128..2_000_000,
        ) {
            let lines: Vec<Line> =
                lines.into_iter().map(|(time, growth)| Line { time, growth, left: u64::MAX }).collect();
            let pieces = pieces(&lines, most);
            let step = |k| lines.iter().map(|line| value(line, k)).max().unwrap();
            let mut total = 0;
            let mut reached = None;
            for k in 0..most {
                prop_assert_eq!(sum(&pieces, k), total);
                total += step(k);
                if total >= span && reached.is_none() {
                    reached = Some(k + 1);
                }
            }
            prop_assert_eq!(sum(&pieces, most), total);
            prop_assert_eq!(steps_until(&pieces, span), reached.unwrap_or(most));
        }
    }
}
