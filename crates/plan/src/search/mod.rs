//! The best way to serve on each system of a study.
//!
//! ```text
//! system x engine ──splits, storage──> pools that fit ──gauge──> plans with guesses ──rank──> the promising
//!                                            │                                                   │
//!                                            └─> rejected: does not fit, does not divide         v
//!                 best, Pareto set, rejected <──levels, objective── points <──climb── event engine
//! ```
//!
//! Guesses only choose what to simulate. Every point that leaves this module was simulated.

mod climb;
mod gauge;
mod plans;
mod point;
mod recall;
mod reject;
mod splits;
mod steady;
mod storage;

pub use climb::Ceiling;
pub use gauge::Shape;
pub use plans::{Field, Plan, Rough};
pub use point::{Point, Runner, level_name};
pub use recall::{Place, Recall, Steps, steps_question, traffic_question};
pub use splits::{Room, short};
pub use steady::{CellLoad, Seen};
pub use storage::{main_scheme, storage};

use catalog::Engine;
use cost::deploy::Speculation;
use rayon::prelude::*;

use crate::findings::{Reason, Rejection};
use crate::machine::{Fitted, Machine};
use crate::refusal::Refusal;
use crate::study::{Candidate, Load, Objective, Study};
use climb::{Climb, Start, best_guess, climb};
use reject::Tally;

/// What the search found for one candidate.
#[derive(Debug)]
pub struct Found<'a> {
    /// The candidate under each engine that was tried.
    pub fields: Vec<Field<'a>>,
    /// Plans that were looked at.
    pub plans: Vec<Plan>,
    /// The best point, and what keeps it from more.
    pub best: Option<(Point, Ceiling)>,
    /// Why there is none.
    pub unserved: Option<Reason>,
    /// The point that comes nearest where none serves.
    pub nearest: Option<Point>,
    /// Every simulated point, in a fixed order.
    pub points: Vec<Point>,
    /// Set-ups looked at.
    pub tried: u32,
    /// What was rejected.
    pub rejected: Vec<Rejection>,
}

/// Plans simulated in full beside the most promising of each mode.
const CONTENDERS: usize = 8;
/// Share of the best guess below which a plan is not simulated: guesses of one mode are mostly off by the same factor, and
/// the best of each mode is simulated first.
const PROMISING: f64 = 0.85;
/// What a contender has to bring more than the best so far to be looked at any closer.
const BETTER: f64 = 1.02;
/// Points of the Pareto curve that are simulated beside those of the climbs, unless the study says otherwise.
pub const CURVE: usize = 12;

/// Searches one candidate. `engines` are all that may run on it; `recall` knows what was found out about it before.
///
/// # Errors
/// A chip without peak or bandwidth, or a calibration without curves.
pub fn search<'a>(
    study: &'a Study,
    candidate: &'a Candidate,
    engines: &'a [Engine],
    fitted: &Fitted,
    recall: &'a Recall,
) -> Result<Found<'a>, Refusal> {
    let field = |(place, engine)| field(study, candidate, (place, engine), fitted, recall);
    let fields = engines.iter().enumerate().map(field).collect::<Result<Vec<_>, _>>()?;
    let tpot = study.levels.tpot.iter().map(|(_, s)| s.0).reduce(f64::min);
    let make = |(i, f): (usize, &Field)| recall.plans(i, tpot, || f.plans(i, &study.search, tpot));
    let made: Vec<_> = fields.par_iter().enumerate().map(make).collect();
    let (mut plans, mut tried, mut tally) = (Vec::new(), 0, Tally::default());
    for (more, count, rejected) in made {
        plans.extend(more);
        tried += count;
        tally.merge(rejected);
    }
    let mut found =
        Found { fields, plans, best: None, unserved: None, nearest: None, points: Vec::new(), tried, rejected: vec![] };
    match (candidate.given.batch, &study.traffic.load) {
        (Some(batch), _) => found.hold(study, batch),
        (None, Load::Search) => found.climb(study),
        (None, Load::Concurrency(_) | Load::Rate { .. }) => found.carry(study, candidate.given.decode.replicas),
    }
    found.close(tally);
    Ok(found)
}

fn field<'a>(
    study: &'a Study,
    candidate: &'a Candidate,
    (place, engine): (usize, &'a Engine),
    fitted: &Fitted,
    recall: &'a Recall,
) -> Result<Field<'a>, Refusal> {
    let system = &candidate.system;
    let machine = Machine::new(system, fitted, engine)?.recalling((place, None), recall.steps());
    let traffic = &study.traffic;
    let speculation = traffic.mtp_accepted.filter(|_| engine.features.mtp.mid() && study.model.mtp_layers > 0);
    let inner = system.fabric.tiers.first().map_or(1, |t| t.chips).min(candidate.chips).max(1);
    let room = Room { devices: machine.devices(candidate.chips), domain: machine.devices(inner) };
    let (input, output) = (traffic.input.mean(), traffic.output.mean());
    Ok(Field {
        model: &study.model,
        engine,
        storage: storage(
            candidate.given.weights.unwrap_or(study.weights),
            candidate.given.kv.or(study.kv),
            &study.model,
            engine,
            &system.chip,
        ),
        machine,
        speculation: speculation.map(|accepted| Speculation { drafts: accepted.ceil().max(1.0) as u32, accepted }),
        room,
        given: &candidate.given,
        shape: Shape { input, cached: input * traffic.prefix_hit, output },
        longest: traffic.longest_request() as f64,
        recall,
    })
}

impl Found<'_> {
    fn runner<'s>(&'s self, study: &'s Study, plan: usize) -> Result<Runner<'s, 's>, Refusal> {
        let p = &self.plans[plan];
        Runner::new(study, &self.fields[p.field], p, plan)
    }

    /// Tokens per second of the system that a plan is guessed to reach within the levels.
    fn promise(&self, study: &Study, plan: usize) -> f64 {
        let (plan, output) = (&self.plans[plan], study.traffic.output.mean());
        let best = best_guess(plan, &study.levels, output);
        best.map_or(0.0, |r| r.requests * output * f64::from(plan.copies))
    }

    /// Indices of plans, the most promising first. Where none seems to meet the levels: the quickest first.
    fn ranked(&self, study: &Study) -> Vec<(usize, f64)> {
        let mut order: Vec<(usize, f64)> = (0..self.plans.len()).map(|i| (i, self.promise(study, i))).collect();
        let quick = |i: usize| self.plans[i].rough.first().map_or(f64::INFINITY, |r| r.tpot + 1e-3 * r.ttft);
        order.sort_by(|a, b| b.1.total_cmp(&a.1).then(quick(a.0).total_cmp(&quick(b.0))).then(a.0.cmp(&b.0)));
        order
    }

    /// The search chooses the load.
    fn climb(&mut self, study: &Study) {
        let ranked = self.ranked(study);
        let split = |i: usize| matches!(self.plans[i].pools, crate::predict::Pools::Split { .. });
        let mut heads: Vec<usize> = Vec::new();
        for mode in [false, true] {
            heads.extend(ranked.iter().map(|r| r.0).find(|&i| split(i) == mode));
        }
        let run = |start: &(dyn Fn(usize) -> Start + Sync), of: &[usize]| -> Vec<Climb> {
            let one = |&i: &usize| {
                let runner = self.runner(study, i).ok()?;
                Some(climb(&runner, &self.plans[i], &study.levels, study.traffic.output.mean(), start(i)))
            };
            of.par_iter().filter_map(one).collect()
        };
        let mut climbs = run(&|_| Start { floor: 0.0, ratio: None }, &heads);
        let floor = climbs.iter().filter_map(|c| c.best.as_ref()).map(Point::output).fold(0.0, f64::max);
        // How far off the guess at the head of a mode was tells where its other plans end.
        let ratio = |mode: bool| {
            climbs.iter().filter(|c| c.points.first().is_some_and(|p| split(p.plan) == mode)).find_map(|c| c.ratio)
        };
        let ratios = [ratio(false), ratio(true)];
        let top = ranked.first().map_or(0.0, |r| r.1);
        let rest = ranked.iter().filter(|(i, promise)| !heads.contains(i) && *promise >= PROMISING * top);
        let rest: Vec<usize> = rest.map(|r| r.0).take(CONTENDERS).collect();
        climbs.extend(run(&|i| Start { floor: BETTER * floor, ratio: ratios[usize::from(split(i))] }, &rest));
        let curve = self.curve(study, &climbs);
        for c in climbs {
            if let Some(point) = c.best
                && self.best.as_ref().is_none_or(|(old, _)| point.output() > old.output())
            {
                self.best = Some((point, c.ceiling));
            }
            self.points.extend(c.points);
        }
        self.points.extend(curve);
    }

    /// Points along the curve of tokens per chip against tokens per user that the climbs left out.
    fn curve(&self, study: &Study, climbs: &[Climb]) -> Vec<Point> {
        let mut rough: Vec<(f64, f64, usize, u64)> = Vec::new();
        for (i, plan) in self.plans.iter().enumerate() {
            let of = |r: &Rough| (1.0 / r.tpot.max(1e-9), r.requests * f64::from(plan.copies), i, r.batch);
            rough.extend(plan.rough.iter().map(of));
        }
        rough.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)).then((a.2, a.3).cmp(&(b.2, b.3))));
        let mut most = 0.0;
        rough.retain(|r| {
            let better = r.1 > most;
            most = f64::max(most, r.1);
            better
        });
        let done = |i: usize, b: u64| climbs.iter().flat_map(|c| &c.points).any(|p| p.plan == i && p.batch == b);
        let count = rough.len().min(study.search.curve);
        let at = |k: usize| rough[k * (rough.len() - 1) / (count - 1).max(1)];
        let mut wanted: Vec<(usize, u64)> = (0..count).map(at).map(|r| (r.2, r.3)).collect();
        wanted.retain(|&(i, b)| !done(i, b));
        wanted.sort_unstable();
        wanted.dedup();
        let groups: Vec<&[(usize, u64)]> = wanted.chunk_by(|a, b| a.0 == b.0).collect();
        let run = |group: &&[(usize, u64)]| -> Vec<Point> {
            let Ok(runner) = self.runner(study, group[0].0) else { return Vec::new() };
            group.iter().filter_map(|(_, batch)| runner.at(*batch).ok()).collect()
        };
        groups.par_iter().flat_map_iter(run).collect()
    }

    /// The study sets the load: every promising plan runs under it.
    fn carry(&mut self, study: &Study, replicas: Option<u32>) {
        let fewest = study.objective == Objective::Chips && replicas.is_none();
        let order = self.ranked(study);
        let wanted: Vec<usize> = order.iter().map(|r| r.0).take(2 * CONTENDERS).collect();
        let run = |&i: &usize| -> Vec<Point> {
            let Ok(runner) = self.runner(study, i) else { return Vec::new() };
            let copies = self.plans[i].copies;
            let at = |copies: u32| runner.under(&study.traffic.load, copies).ok();
            if !fewest {
                return at(copies).into_iter().collect();
            }
            // The least number of cells that meets the levels.
            let (mut low, mut high, mut points) = (0, copies, Vec::new());
            points.extend(at(copies));
            if points.iter().any(|p| p.misses.is_some()) {
                return points;
            }
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                let Some(point) = at(middle) else { break };
                if point.misses.is_none() {
                    high = middle
                } else {
                    low = middle
                }
                points.push(point);
            }
            points
        };
        self.points = wanted.par_iter().flat_map_iter(run).collect();
        let devices = |p: &Point| p.copies * f64::from(self.plans[p.plan].pools.devices());
        let better = |a: &Point, b: &Point| {
            let slow = |p: &Point| p.seen.e2e.mean;
            let tokens = |p: &Point| p.output();
            // Under one rate all that carry it give the same tokens: within a hundredth the quicker one is better.
            let alike = (tokens(a) / tokens(b).max(1e-12) - 1.0).abs() < 0.01;
            if fewest {
                (devices(a), slow(a)) < (devices(b), slow(b))
            } else if alike {
                slow(a) < slow(b)
            } else {
                tokens(a) > tokens(b)
            }
        };
        let mut best: Option<&Point> = None;
        for p in self.points.iter().filter(|p| p.misses.is_none()) {
            if best.is_none_or(|old| better(p, old)) {
                best = Some(p);
            }
        }
        self.best = best.map(|p| (p.clone(), Ceiling::Given));
    }

    /// The set-up names the load: every promising plan runs with `batch` requests in flight on each replica.
    fn hold(&mut self, study: &Study, batch: u64) {
        let order = self.ranked(study);
        let wanted: Vec<usize> = order.iter().map(|r| r.0).take(2 * CONTENDERS).collect();
        let run = |&i: &usize| self.runner(study, i).ok()?.holding(batch).ok();
        self.points = wanted.par_iter().filter_map(run).collect();
        let mut best: Option<&Point> = None;
        for p in self.points.iter().filter(|p| p.misses.is_none()) {
            if best.is_none_or(|old| p.output() > old.output()) {
                best = Some(p);
            }
        }
        self.best = best.map(|p| (p.clone(), Ceiling::Given));
    }

    /// Sums up what was rejected.
    fn close(&mut self, mut tally: Tally) {
        let served = |plan: usize| self.points.iter().any(|p| p.plan == plan && p.misses.is_none());
        let mut told = Vec::new();
        let mut nearest: Option<(f64, &Point)> = None;
        for point in &self.points {
            let Some(reason) = &point.misses else { continue };
            let over = match reason {
                Reason::MissesLevel { bound, best, .. } => best / bound,
                Reason::Overloaded { asked, reached } => asked / reached.max(1e-12),
                Reason::DoesNotFit { .. } | Reason::DoesNotDivide { .. } | Reason::NotAsNamed { .. } => f64::INFINITY,
            };
            if nearest.as_ref().is_none_or(|n| over < n.0) {
                nearest = Some((over, point));
            }
            if !served(point.plan) && !told.contains(&point.plan) {
                told.push(point.plan);
                let plan = &self.plans[point.plan];
                tally.add(reason.clone(), || plan.name(self.fields[plan.field].engine));
            }
        }
        if self.best.is_none() {
            let nearest = nearest.map(|n| n.1.clone());
            let missed = nearest.as_ref().and_then(|p| p.misses.clone());
            self.unserved = missed.or_else(|| tally.least_too_large().cloned());
            self.nearest = nearest;
        }
        self.rejected = tally.into_list();
        if self.best.is_none() && self.unserved.is_none() {
            self.unserved = self.rejected.first().map(|r| r.reason.clone());
        }
    }
}
