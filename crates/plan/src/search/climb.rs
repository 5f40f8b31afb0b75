//! The largest load of a plan that meets the levels, found by simulation.

use super::plans::{Plan, Rough};
use super::point::{Point, Runner};
use crate::findings::Reason;
use crate::study::Levels;

/// What stops a plan from taking more load.
#[derive(Debug, Clone, PartialEq)]
pub enum Ceiling {
    /// The cache is full.
    Cache,
    /// A level is missed at the next larger load.
    Level(Reason),
    /// More load brings no more tokens.
    Saturated,
    /// The study sets the load.
    Given,
}

/// What a climb found.
#[derive(Debug, Clone)]
pub struct Climb {
    /// The point with most tokens among those that meet the levels.
    pub best: Option<Point>,
    /// What stops it there.
    pub ceiling: Ceiling,
    /// All points that were simulated, in order.
    pub points: Vec<Point>,
}

/// Ratio of neighbouring loads at which the search of the boundary ends.
const CLOSE: f64 = 1.06;
/// Most simulations of one plan.
const MOST: usize = 12;

/// Whether a guess meets the levels.
pub fn seems_fine(rough: &Rough, levels: &Levels, output: f64) -> bool {
    // A guess is a mean; a bound on any statistic of a latency bounds its mean well enough here.
    let least = |bounds: &[(crate::study::Statistic, units::Seconds)]| {
        bounds.iter().map(|(_, s)| s.0).fold(f64::INFINITY, f64::min)
    };
    let whole = rough.ttft + rough.tpot * (output - 1.0).max(0.0);
    rough.ttft <= least(&levels.ttft) && rough.tpot <= least(&levels.tpot) && whole <= least(&levels.e2e)
}

/// The guess with most tokens among those that seem to meet the levels.
pub fn best_guess<'p>(plan: &'p Plan, levels: &Levels, output: f64) -> Option<&'p Rough> {
    let fine = plan.rough.iter().filter(|r| seems_fine(r, levels, output));
    fine.max_by(|a, b| a.requests.total_cmp(&b.requests).then(b.batch.cmp(&a.batch)))
}

/// Climbs; gives up as soon as nothing above `floor` tokens per second of the system can be reached.
pub fn climb(runner: &Runner, plan: &Plan, levels: &Levels, output: f64, floor: f64) -> Climb {
    let most = plan.rough.last().map_or(1, |r| r.batch);
    let ceiling = if plan.fills_cache { Ceiling::Cache } else { Ceiling::Saturated };
    let mut found = Climb { best: None, ceiling, points: Vec::new() };
    // Known to be fine, and known to be too much.
    let (mut low, mut high) = (0, most + 1);
    let mut batch = best_guess(plan, levels, output).map_or(1, |r| r.batch);
    while found.points.len() < MOST {
        let Ok(point) = runner.at(batch) else { break };
        let output = point.output();
        match &point.misses {
            Some(reason) => {
                high = batch;
                found.ceiling = Ceiling::Level(reason.clone());
                // Less load gives fewer tokens.
                let hopeless = output <= floor;
                found.points.push(point);
                if hopeless {
                    break;
                }
            }
            None => {
                let before = found.best.as_ref().map_or(0.0, Point::output);
                found.points.push(point.clone());
                // Tokens grow less than the load.
                if output * (high.max(batch + 1) - 1) as f64 / (batch as f64) <= floor {
                    break;
                }
                if output < before {
                    high = batch;
                    found.ceiling = Ceiling::Saturated;
                } else {
                    found.best = Some(point);
                    low = batch;
                }
            }
        }
        let Some(next) = next(low, high, most) else { break };
        batch = next;
    }
    found
}

/// The next load to try between one that is fine (0: none known) and one that is too much (`most + 1`: none known).
fn next(low: u64, high: u64, most: u64) -> Option<u64> {
    if low == 0 {
        return (high > 1).then(|| (high as f64 / 1.5).floor().max(1.0) as u64).filter(|n| *n < high);
    }
    if low + 1 >= high || high as f64 <= low as f64 * CLOSE {
        return None;
    }
    let middle = if high > most { (low as f64 * 1.4).ceil() } else { (low as f64 * high as f64).sqrt().round() };
    Some((middle as u64).clamp(low + 1, high - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Loads tried until the boundary is found, if all up to `limit` are fine.
    fn tried(start: u64, limit: u64, most: u64) -> (u64, usize) {
        let (mut low, mut high, mut batch, mut count) = (0, most + 1, start, 0);
        loop {
            count += 1;
            if batch <= limit {
                low = batch
            } else {
                high = batch
            }
            match next(low, high, most) {
                Some(n) => batch = n,
                None => return (low, count),
            }
        }
    }

    #[test]
    fn the_boundary_is_met_closely() {
        for limit in [1, 2, 7, 63, 64, 500, 1000] {
            for start in [1, 50, 400, 1000] {
                let (found, count) = tried(start, limit, 1000);
                assert!(found <= limit && found as f64 * 1.07 >= limit as f64, "{limit} from {start}: {found}");
                assert!(count <= 30);
            }
        }
        assert_eq!(tried(8, 0, 100).0, 0);
    }
}
