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
    /// How far what was seen last is off the guess at it, as told by the levels.
    pub ratio: Option<f64>,
}

/// What is known before a climb.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// Tokens per second of the system that have to be exceeded.
    pub floor: f64,
    /// How far another plan of this kind was off its guess.
    pub ratio: Option<f64>,
}

/// Ratio of neighbouring loads at which the search of the boundary ends.
const CLOSE: f64 = 1.06;
/// Most simulations of one plan.
const MOST: usize = 12;

/// Simulations after which aims are not trusted any more, and the middle is taken.
const DOUBTFUL: usize = 5;

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

/// By how much a load misses the levels, or how far it is within them: the largest ratio of a latency to its bound. A
/// guess is a mean, and so is what is compared with it: the ratio of both at one load corrects the guess at others.
fn over(rough: &Rough, levels: &Levels, output: f64) -> f64 {
    let least = |bounds: &[(crate::study::Statistic, units::Seconds)]| {
        bounds.iter().map(|(_, s)| s.0).fold(f64::INFINITY, f64::min)
    };
    let whole = rough.ttft + rough.tpot * (output - 1.0).max(0.0);
    (rough.ttft / least(&levels.ttft)).max(rough.tpot / least(&levels.tpot)).max(whole / least(&levels.e2e))
}

/// The load at which a guess that is off by `ratio` would just meet the levels.
fn corrected(plan: &Plan, levels: &Levels, output: f64, ratio: f64) -> f64 {
    let mut before: Option<(f64, f64)> = None;
    for rough in &plan.rough {
        let here = (rough.batch as f64, ratio * over(rough, levels, output));
        if here.1 > 1.0 {
            return match before {
                Some((batch, low)) if low > 0.0 => between((batch, low), here),
                _ => 0.5 * here.0,
            };
        }
        before = Some(here);
    }
    before.map_or(1.0, |b| b.0)
}

/// Where a power law through two points is one.
fn between((x0, y0): (f64, f64), (x1, y1): (f64, f64)) -> f64 {
    let slope = (y1 / y0).ln() / (x1 / x0).ln();
    if slope > 0.0 { x0 * (-y0.ln() / slope).exp() } else { (x0 * x1).sqrt() }
}

/// Climbs; gives up as soon as nothing above `floor` tokens per second of the system can be reached.
///
/// Where the boundary lies is told by the guess, corrected by what was simulated, then by a power law between a load that
/// is fine and one that is too much.
pub fn climb(runner: &Runner, plan: &Plan, levels: &Levels, output: f64, start: Start) -> Climb {
    let floor = start.floor;
    let most = plan.rough.last().map_or(1, |r| r.batch);
    let ceiling = if plan.fills_cache { Ceiling::Cache } else { Ceiling::Saturated };
    let mut found = Climb { best: None, ceiling, points: Vec::new(), ratio: None };
    // Known to be fine, and known to be too much; both with how far the levels are.
    let (mut low, mut high) = (End { batch: 0, over: 0.0 }, End { batch: most + 1, over: f64::INFINITY });
    let mut batch = match start.ratio {
        Some(ratio) => (corrected(plan, levels, output, ratio).floor() as u64).clamp(1, most),
        None => best_guess(plan, levels, output).map_or(1, |r| r.batch),
    };
    // The least load that could bring more than the floor.
    let mut least = 1;
    while found.points.len() < MOST {
        let Ok(point) = runner.at(batch) else { break };
        let (tokens, over) = (point.output(), point.over(levels));
        let guess = plan.rough.iter().min_by_key(|r| r.batch.abs_diff(batch));
        let guessed = guess.map_or(0.0, |r| self::over(r, levels, output));
        found.ratio = (over > 0.0 && guessed > 0.0).then_some(over / guessed);
        let needed = (batch as f64 * floor / tokens.max(1e-12)).floor() as u64 + 1;
        match &point.misses {
            Some(reason) => {
                high = End { batch, over };
                found.ceiling = Ceiling::Level(reason.clone());
                // Less load gives fewer tokens.
                let hopeless = tokens <= floor;
                found.points.push(point);
                if hopeless {
                    break;
                }
            }
            None => {
                let before = found.best.as_ref().map_or(0.0, Point::output);
                found.points.push(point.clone());
                // Tokens grow less than the load.
                least = least.max(needed);
                if tokens < before {
                    high = End { batch, over: f64::INFINITY };
                    found.ceiling = Ceiling::Saturated;
                } else {
                    found.best = Some(point);
                    low = End { batch, over };
                }
            }
        }
        if least >= high.batch {
            break;
        }
        let aim = if found.points.len() >= DOUBTFUL {
            (low.batch.max(1) as f64 * high.batch as f64).sqrt()
        } else if low.batch > 0 && low.over > 0.0 && high.over.is_finite() {
            between((low.batch as f64, low.over), (high.batch as f64, high.over))
        } else {
            corrected(plan, levels, output, found.ratio.unwrap_or(1.0))
        };
        let Some(next) = next(low.batch, high.batch, most, aim) else { break };
        batch = next.max(least);
    }
    found
}

/// A load at one side of the boundary.
#[derive(Debug, Clone, Copy)]
struct End {
    batch: u64,
    /// Ratio of the latency that is furthest to its bound.
    over: f64,
}

/// The next load to try between one that is fine (0: none known) and one that is too much (`most + 1`: none known), near
/// where the boundary is thought to be. Every step closes in on one side by a good part, however wrong that is.
fn next(low: u64, high: u64, most: u64, aim: f64) -> Option<u64> {
    if high <= 1 || low + 1 >= high || (low > 0 && high as f64 <= low as f64 * CLOSE) {
        return None;
    }
    if low == 0 {
        return Some((aim.clamp(high as f64 / 4.0, high as f64 / 1.1).floor() as u64).clamp(1, high - 1));
    }
    let (floor, top) = (low as f64, high as f64);
    if high > most {
        // Just above what is fine, where the boundary is thought to be close; never further than a good step.
        return Some((aim.clamp(floor * CLOSE, floor * 2.0).ceil() as u64).clamp(low + 1, most));
    }
    // On the fine side of where it is thought to be, or just above what is fine where that is as good.
    let step = CLOSE.min((top / floor).sqrt());
    let aim = if aim <= floor * CLOSE { floor * CLOSE } else { aim * 0.985 };
    Some((aim.max(floor * step).min(top / step).round() as u64).clamp(low + 1, high - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Loads tried until the boundary is found, if all up to `limit` are fine. As in a climb, the aim is trusted only at
    /// first.
    fn tried(start: u64, limit: u64, most: u64, aim: f64) -> (u64, usize) {
        let (mut low, mut high, mut batch, mut count) = (0, most + 1, start, 0);
        loop {
            count += 1;
            if batch <= limit {
                low = batch
            } else {
                high = batch
            }
            let middle = (low.max(1) as f64 * high as f64).sqrt();
            match next(low, high, most, if count < DOUBTFUL { aim } else { middle }) {
                Some(n) => batch = n,
                None => return (low, count),
            }
        }
    }

    #[test]
    fn the_boundary_is_met_closely() {
        for limit in [1, 2, 7, 63, 64, 500, 1000] {
            for start in [1, 50, 400, 1000] {
                // However wrong the aim is, and quickly where it is right.
                for (aim, most) in [(1.0, 24), (1e9, 24), (limit as f64 * 1.02, 14)] {
                    let (found, count) = tried(start, limit, 1000, aim);
                    assert!(found <= limit && found as f64 * 1.07 >= limit as f64, "{limit} from {start}: {found}");
                    assert!(count <= most, "{limit} from {start}, aim {aim}: {count}");
                }
            }
        }
        assert_eq!(tried(8, 0, 100, 5.0).0, 0);
    }
}
