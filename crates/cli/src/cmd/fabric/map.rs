//! A fabric on a sheet as JSON, for pages that draw it.

use fabric::map::{Map, WIDTH};
use serde_json::{Value, json};

/// Most spots of chips: what a page draws at ease.
pub const MOST: usize = 600;

/// The sheet: its size, spots (chips, units of chips, switches) and the lines between them, by place in `spots`. A line has
/// how full it is there and back (`load`) and the share of its bandwidth that is left.
pub fn json(map: &Map) -> Value {
    let spots = map.spots.iter().map(|s| {
        json!({ "name": s.name, "kind": if s.switch { "switch" } else { "chips" }, "tier": s.tier,
                "x": s.x, "y": s.y, "members": s.members, "dead": s.dead })
    });
    // Four digits tell more than a colour.
    let short = |v: f64| (v * 1e4).round() / 1e4;
    let lines = map.lines.iter().map(|l| {
        json!({ "from": l.from, "to": l.to, "tier": l.tier, "links": l.links, "bytes_per_second": l.bandwidth,
                "left": short(l.left), "load": l.load.map(short), "optical": l.optical, "wraps": l.wraps })
    });
    json!({
        "width": WIDTH,
        "height": map.height,
        "chips_of_a_spot": map.unit,
        "spots": spots.collect::<Vec<_>>(),
        "lines": lines.collect::<Vec<_>>(),
    })
}
