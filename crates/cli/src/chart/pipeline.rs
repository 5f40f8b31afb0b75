//! A step of a pipeline: one row a stage, the beginning and the end of the step side by side.

use plan::train::findings::Timeline;

use super::slim;
use super::svg::{Anchor, Svg};
use crate::lang::Both;
use crate::lang::number::{Unit, quantity};
use crate::lang::training::{Training, share};

/// Most stages that are drawn; the rest look alike.
const MOST_STAGES: u32 = 32;

fn class(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "forward" => "k0",
        "backward" | "input" => "k4",
        "weight" => "k2",
        "optimizer" => "k1",
        _ => return None,
    })
}

/// The drawing.
pub fn drawing(timeline: &Timeline, width: f64, view: &str, labelled_by: &str) -> String {
    let stages = timeline.stages.clamp(1, MOST_STAGES);
    let pitch = if slim(width) { 9.0 } else { 14.0 };
    let (left, top, gap) = (34.0, 18.0, 18.0);
    let height = top + pitch * f64::from(stages) + 6.0;
    let mut svg = Svg::new(width, height, view, labelled_by);
    // Of a step with many micro-batches the middle repeats itself: show the way in and the way out.
    let works = &timeline.works;
    let longest = works.iter().map(|w| w.2 - w.1).fold(0.0, f64::max);
    let window = (longest * 3.0 * f64::from(timeline.stages.max(4))).min(timeline.end);
    let window = if timeline.told * 2.0 < timeline.end { window.min(timeline.told) } else { window };
    let split = window * 2.0 < timeline.end;
    let half = if split { (width - left - gap) / 2.0 } else { width - left };
    let views: Vec<(f64, f64, f64, Training)> = if split {
        vec![
            (left, 0.0, window, Training::Start),
            (left + half + gap, timeline.end - window, timeline.end, Training::End),
        ]
    } else {
        vec![(left, 0.0, timeline.end, Training::Step)]
    };
    for stage in 0..stages {
        let y = top + pitch * f64::from(stage) + pitch * 0.75;
        if stages <= 16 || stage % 4 == 0 {
            svg.text("tick", (left - 6.0, y), Anchor::End, &Both::same(stage.to_string()));
        }
    }
    for (x0, from, to, name) in views {
        let scale = half / (to - from).max(f64::MIN_POSITIVE);
        let title = Both::of(|l| format!("{} ({})", name.text(l), quantity(to - from, Unit::Time)));
        svg.text("tick", (x0, 11.0), Anchor::Start, &title);
        for (i, (stage, start, end, kind, chunk, micro)) in works.iter().enumerate() {
            let Some(class) = class(kind) else { continue };
            // Works that overlap have one span: the first takes the upper half, the second the lower.
            let same = |other: Option<&(u32, f64, f64, String, u32, u32)>| {
                other.is_some_and(|o| o.0 == *stage && o.1 == *start && o.2 == *end)
            };
            let (above, below) = (same(works.get(i + 1)), same(i.checked_sub(1).and_then(|j| works.get(j))));
            if *stage >= stages || *end <= from || *start >= to {
                continue;
            }
            let (a, b) = (start.max(from), end.min(to));
            let x = x0 + (a - from) * scale;
            let y = top + pitch * f64::from(*stage) + 1.0;
            let tip =
                Both::of(|l| format!("{} {micro} / {chunk}\n{}", share(kind, l), quantity(end - start, Unit::Time)));
            let wide = ((b - a) * scale - 0.4).max(0.3);
            let tall = pitch - 2.0;
            let (y, tall) = match (above, below) {
                (true, _) => (y, tall / 2.0),
                (_, true) => (y + tall / 2.0, tall / 2.0),
                _ => (y, tall),
            };
            svg.rect(&format!("bar tip {class}"), (x, y), (wide, tall), &tip.attributes("data"));
        }
    }
    svg.finish()
}
