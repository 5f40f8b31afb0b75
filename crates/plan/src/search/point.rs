//! One set-up under one load, simulated.

use cost::deploy::Parallel;

use super::plans::{Field, Plan, Rough};
use super::recall::Recall;
use super::steady::{CellLoad, Seen, Steady, statistic};
use crate::findings::Reason;
use crate::predict::{Pool, Pools, Ready};
use crate::refusal::Refusal;
use crate::study::{Levels, Load, Statistic, Study};

/// A simulated point. Every figure that is reported comes from one.
#[derive(Debug, Clone)]
pub struct Point {
    /// Index of its plan.
    pub plan: usize,
    /// Requests in flight on each place that decodes, as aimed at.
    pub batch: u64,
    /// What came to a cell.
    pub load: CellLoad,
    /// Cells that serve.
    pub copies: f64,
    /// What a cell did.
    pub seen: Seen,
    /// The level that it misses by most, or that it cannot carry the load.
    pub misses: Option<Reason>,
}

impl Point {
    /// Generated tokens per second of the whole system.
    pub fn output(&self) -> f64 {
        self.seen.output * self.copies
    }

    /// The largest ratio of a latency to its bound; above one, a level is missed.
    pub fn over(&self, levels: &Levels) -> f64 {
        latencies(&self.seen, levels).map(|(_, _, best, bound)| best / bound).fold(0.0, f64::max)
    }

    /// Requests in flight in the whole system; of an open loop, on average.
    pub fn concurrency(&self) -> u64 {
        let of_cell = match self.load {
            CellLoad::Clients { count, .. } => count as f64,
            CellLoad::Rate { .. } => self.seen.requests * self.seen.e2e.mean,
        };
        (of_cell * self.copies).round().max(1.0) as u64
    }
}

/// Runs the points of one plan.
pub struct Runner<'s, 'a> {
    study: &'a Study,
    plan: &'s Plan,
    index: usize,
    ready: Ready<'s>,
    recall: &'a Recall,
    seats: u32,
    decodes: Parallel,
}

impl<'s, 'a> Runner<'s, 'a> {
    /// For one plan of a field.
    ///
    /// # Errors
    /// None that the making of the plan has not met before.
    pub fn new(
        study: &'a Study,
        field: &'s Field<'a>,
        plan: &'s Plan,
        index: usize,
    ) -> Result<Runner<'s, 'a>, Refusal> {
        let ready = field.setup(plan.pools).ready(field.longest)?;
        let limits = field.engine.limits_on(&field.machine.system.chip);
        let decodes = plan.pools.decode().parallel;
        Ok(Runner { study, plan, index, ready, recall: field.recall, seats: limits.max_seqs.mid(), decodes })
    }

    /// The priced set-up.
    pub fn ready(&self) -> &Ready<'s> {
        &self.ready
    }

    /// Clients of a cell that keep `batch` requests on each place, from the guesses.
    fn clients(&self, batch: u64) -> CellLoad {
        let rough = &self.plan.rough;
        let after = rough.partition_point(|r| r.batch < batch).min(rough.len() - 1);
        let (low, high) = (rough[after.saturating_sub(1)], rough[after]);
        let share = if high.batch == low.batch || batch >= high.batch {
            1.0
        } else {
            (batch as f64 - low.batch as f64) / (high.batch as f64 - low.batch as f64)
        };
        let beyond = (batch as f64 / high.batch as f64).max(1.0);
        let mix = |a: u64, b: u64| ((a as f64 + share * (b as f64 - a as f64)) * beyond).round().max(1.0) as u64;
        CellLoad::Clients { count: mix(low.clients, high.clients), decoding: mix(low.decoding, high.decoding) }
    }

    fn life(&self, guess: &Rough) -> f64 {
        guess.ttft + guess.tpot * self.study.traffic.output.mean()
    }

    /// The plan under a load that the search chooses: `batch` requests on each place that decodes.
    ///
    /// # Errors
    /// A simulation that cannot run.
    pub fn at(&self, batch: u64) -> Result<Point, Refusal> {
        self.run(batch, self.clients(batch), f64::from(self.plan.copies))
    }

    /// The plan under the study's own load on `copies` cells.
    ///
    /// # Errors
    /// A simulation that cannot run.
    pub fn under(&self, load: &Load, copies: u32) -> Result<Point, Refusal> {
        let places = u64::from(self.decodes.dp * self.decodes.pp * self.plan.pools.decode().replicas);
        match *load {
            Load::Concurrency(all) => {
                let cells = u64::from(copies).min(all).max(1);
                let clients = ((all as f64 / cells as f64).round() as u64).max(1);
                let batch = clients.div_ceil(places);
                // As many of them decode as the guess with so many clients says.
                let rough = &self.plan.rough;
                let guess = rough.iter().find(|r| r.clients >= clients).or(rough.last());
                let share = guess.map_or(1.0, |r| r.decoding as f64 / r.clients.max(1) as f64);
                let decoding = (clients as f64 * share).round() as u64;
                let load = CellLoad::Clients { count: clients, decoding };
                self.run(batch, load, all as f64 / clients as f64)
            }
            Load::Rate { per_second, cv } => {
                let rate = per_second / f64::from(copies);
                let guess = self.plan.rough.iter().find(|r| r.requests >= rate).or(self.plan.rough.last());
                let Some(guess) = guess else { return Err(Refusal::Row("no load".into())) };
                let life = self.life(guess);
                let batch = guess.batch.max((rate * life / places as f64).ceil() as u64);
                self.run(batch, CellLoad::Rate { per_second: rate, cv, life }, f64::from(copies))
            }
            Load::Search => self.at(self.plan.rough.last().map_or(1, |r| r.batch)),
        }
    }

    /// `batch` requests in flight on each replica that decodes; where prefill is apart, those that decode.
    ///
    /// # Errors
    /// A simulation that cannot run.
    pub fn holding(&self, batch: u64) -> Result<Point, Refusal> {
        let each = batch.div_ceil(u64::from(self.decodes.dp * self.decodes.pp)).max(1);
        let load = match &self.plan.pools {
            Pools::Together(_) => CellLoad::Clients { count: batch, decoding: batch },
            Pools::Split { .. } => self.clients(each),
        };
        self.run(each, load, f64::from(self.plan.copies))
    }

    /// The load of another point, on this plan.
    ///
    /// # Errors
    /// A simulation that cannot run.
    pub fn again(&self, point: &Point) -> Result<Point, Refusal> {
        self.run(point.batch, point.load, point.copies)
    }

    fn run(&self, batch: u64, load: CellLoad, copies: f64) -> Result<Point, Refusal> {
        let pools = self.seated(batch);
        let simulate = || -> Result<Seen, Refusal> {
            let steady = Steady::new(&self.study.traffic, load, self.study.search.requests, self.study.seed);
            let record = self.ready.record(&pools, &steady.workload, steady.resident(), self.study.seed)?;
            Ok(steady.seen(&record))
        };
        let seen = self.recall.seen(self.ready.setup().machine.place, pools, load, simulate)?;
        let mut point = Point { plan: self.index, batch, load, copies, seen, misses: None };
        point.misses = misses(&point, &self.study.levels);
        Ok(point)
    }

    /// The pools with seats for the batch, where the engine's default has fewer: whoever runs a larger batch sets so.
    fn seated(&self, batch: u64) -> Pools {
        let most = self.plan.rough.last().map_or(batch, |r| r.batch);
        let wanted = u32::try_from(batch.min(most) * u64::from(self.decodes.pp)).unwrap_or(u32::MAX).min(1 << 19);
        let seats = |p: &Pool| Pool { max_seqs: Some(self.seats.max(wanted)), ..*p };
        match &self.plan.pools {
            Pools::Together(p) => Pools::Together(seats(p)),
            Pools::Split { prefill, decode } => Pools::Split { prefill: *prefill, decode: seats(decode) },
        }
    }
}

/// The level that a point misses by most, or that it does not carry its load.
fn misses(point: &Point, levels: &Levels) -> Option<Reason> {
    let seen = &point.seen;
    if let CellLoad::Rate { per_second, .. } = point.load
        && seen.grows
    {
        let (asked, reached) = (per_second * point.copies, seen.requests * point.copies);
        return Some(Reason::Overloaded { asked, reached });
    }
    let mut worst: Option<(f64, Reason)> = None;
    for (latency, which, best, bound) in latencies(seen, levels) {
        let over = best / bound;
        if over > 1.0 && worst.as_ref().is_none_or(|w| over > w.0) {
            worst = Some((over, Reason::MissesLevel { level: level_name(latency, which), bound, best }));
        }
    }
    worst.map(|w| w.1)
}

/// What the levels bound: latency, statistic, what was seen, bound; both in seconds.
fn latencies<'s>(
    seen: &'s Seen,
    levels: &'s Levels,
) -> impl Iterator<Item = (&'static str, Statistic, f64, f64)> + use<'s> {
    let of = [("ttft", &levels.ttft, &seen.ttft), ("tpot", &levels.tpot, &seen.tpot), ("e2e", &levels.e2e, &seen.e2e)];
    of.into_iter().flat_map(|(latency, bounds, stat)| {
        bounds.iter().map(move |(which, bound)| (latency, *which, statistic(stat, *which), bound.0))
    })
}

/// `ttft_p99`.
pub fn level_name(latency: &str, which: Statistic) -> String {
    let which = match which {
        Statistic::Mean => "mean",
        Statistic::P50 => "p50",
        Statistic::P90 => "p90",
        Statistic::P99 => "p99",
    };
    format!("{latency}_{which}")
}
