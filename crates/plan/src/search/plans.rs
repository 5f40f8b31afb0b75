//! The set-ups worth a look on one system under one engine, each with a guess at its speed.

use std::ops::Range;

use catalog::{Engine, Model};
use cost::deploy::{Parallel, Speculation, Storage};

use super::gauge::{Gauge, Guess, Prompt, Shape};
use super::recall::Recall;
use super::reject::{Tally, reason};
use super::splits::{self, Room};
use crate::findings::Reason;
use crate::machine::Machine;
use crate::predict::{EXPERT_SKEW, Pool, Pools, Setup, Side};
use crate::refusal::Refusal;
use crate::study::{Degrees, Given, SearchLimits};

/// A system under one engine.
#[derive(Debug)]
pub struct Field<'a> {
    /// What is served.
    pub model: &'a Model,
    /// The engine.
    pub engine: &'a Engine,
    /// The system, priced.
    pub machine: Machine,
    /// Formats.
    pub storage: Storage,
    /// Speculation.
    pub speculation: Option<Speculation>,
    /// Devices of the system, and of a scale-up domain.
    pub room: Room,
    /// What is named of the set-up.
    pub given: &'a Given,
    /// Requests on average.
    pub shape: Shape,
    /// Tokens of the longest request.
    pub longest: f64,
    /// What was found out before.
    pub recall: &'a Recall,
}

/// A cell that serves by itself, and how many of them the system holds.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Index of its field.
    pub field: usize,
    /// Pools of a cell: one replica, or the least group of prefill and decode replicas.
    pub pools: Pools,
    /// Cells.
    pub copies: u32,
    /// Guesses by requests in flight on each place that decodes, ascending.
    pub rough: Vec<Rough>,
    /// Whether the largest batch is that of a full cache; else prefill gives no more.
    pub fills_cache: bool,
}

/// A guess at a cell under a load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rough {
    /// Requests in flight on each place that decodes.
    pub batch: u64,
    /// Requests in flight in the cell, waiting ones included.
    pub clients: u64,
    /// Of these, the ones that decode.
    pub decoding: u64,
    /// Requests per second of the cell.
    pub requests: f64,
    /// Mean time per output token.
    pub tpot: f64,
    /// Mean time to first token.
    pub ttft: f64,
}

impl Plan {
    /// In short, for people.
    pub fn name(&self, engine: &Engine) -> String {
        let pool = |p: &Pool| format!("{} x {}", p.replicas * self.copies, splits::short(&p.parallel));
        match &self.pools {
            Pools::Together(p) => format!("{} on {}", pool(p), engine.id),
            Pools::Split { prefill, decode } => format!("{} + {} on {}", pool(prefill), pool(decode), engine.id),
        }
    }
}

/// A pool that fits, gauged.
struct Gauged<'a> {
    parallel: Parallel,
    side: Side<'a>,
    prompt: Prompt,
    /// Requests per second that it prefills if it does nothing else.
    fill: f64,
    /// Guesses of decoding alone by batch.
    decoding: Vec<(u64, Guess)>,
}

impl<'a> Field<'a> {
    /// A set-up here.
    pub fn setup(&self, pools: Pools) -> Setup<'_> {
        Setup {
            model: self.model,
            machine: &self.machine,
            engine: self.engine,
            storage: self.storage,
            speculation: self.speculation,
            expert_skew: EXPERT_SKEW,
            front_ends: self.engine.features.front_ends.mid(),
            pools,
        }
    }

    /// The same on another machine.
    pub fn on(&self, machine: Machine) -> Field<'a> {
        Field { machine, ..*self }
    }

    fn together(&self, parallel: Parallel) -> Setup<'_> {
        self.setup(Pools::Together(Pool { replicas: 1, parallel, max_seqs: None }))
    }

    fn side(&self, parallel: Parallel) -> Result<Side<'_>, Refusal> {
        let setup = self.together(parallel);
        setup.side(setup.pools.decode(), self.longest)
    }

    /// The plans of this field, the number of set-ups looked at, and what was rejected before any simulation.
    pub fn plans(&self, field: usize, limits: &SearchLimits, tpot: Option<f64>) -> (Vec<Plan>, u32, Tally) {
        let mut tally = Tally::default();
        let given = self.given;
        let (mut pools, mut tried) = self.pools(&given.decode, &mut tally);
        let mut plans = Vec::new();
        if given.apart.map_or(limits.aggregated, |apart| !apart) {
            plans.extend(pools.iter().filter_map(|p| self.aggregated(field, p)));
        }
        if given.apart.unwrap_or(limits.disaggregated) && self.engine.features.disaggregation.mid() {
            // Pools that only prefill come after those that may decode.
            let decoders = pools.len();
            let free = |d: &Degrees| Degrees { replicas: None, ..*d };
            if free(&given.prefill) != free(&given.decode) {
                let (more, count) = self.pools(&given.prefill, &mut tally);
                tried += count;
                pools.extend(more);
            }
            let fillers = if pools.len() > decoders { decoders..pools.len() } else { 0..decoders };
            let split = self.disaggregated(field, &pools, (fillers, 0..decoders), tpot);
            tried += split.len() as u32;
            plans.extend(split);
        }
        plans.retain(|p| !p.rough.is_empty());
        if plans.is_empty() && tally.is_empty() && given.names_pools() {
            tally.add(Reason::NotAsNamed { setup: given.text.clone() }, || self.engine.id.clone());
        }
        let least = pools.iter().map(|p| p.parallel.devices()).min();
        let nearest = least.or_else(|| self.least_devices());
        tally.set_nearest(nearest.map(|d| self.machine.chips(d).ceil() as u32));
        (plans, tried, tally)
    }

    /// The pools that fit, of splits as named, and how many were looked at.
    fn pools(&self, named: &Degrees, tally: &mut Tally) -> (Vec<Gauged<'_>>, u32) {
        let features = &self.engine.features;
        let (mut pools, mut tried) = (Vec::new(), 0);
        for stages in [false, true] {
            for devices in splits::sizes(self.model, features, self.room, named) {
                for parallel in splits::splits(self.model, features, self.room, devices, stages, named) {
                    if stages && (parallel.pp == 1 || named.pp.is_some()) {
                        continue;
                    }
                    tried += 1;
                    match self.side(parallel) {
                        Ok(side) => pools.push(self.gauged(parallel, side)),
                        Err(refusal) => {
                            if let Some(reason) = reason(&refusal) {
                                tally.add(reason, || splits::short(&parallel));
                            }
                        }
                    }
                }
            }
            // Stages inside a domain only where nothing fits without.
            if !pools.is_empty() {
                break;
            }
        }
        (pools, tried)
    }

    fn gauged<'s>(&'s self, parallel: Parallel, side: Side<'s>) -> Gauged<'s> {
        let setup = self.together(parallel);
        let gauge = Gauge::new(&setup, &side, self.shape);
        let prompt = gauge.prompt();
        let decoding = grid(gauge.room()).map(|b| (b, gauge.decoding(b))).collect();
        let fill = f64::from(parallel.pp) * prompt.rate().min(1.0 / gauge.intake().max(1e-12));
        Gauged { parallel, side, prompt, fill, decoding }
    }

    /// `None` where as many replicas as named do not find room.
    fn aggregated(&self, field: usize, pool: &Gauged) -> Option<Plan> {
        let parallel = pool.parallel;
        let setup = self.together(parallel);
        let gauge = Gauge::new(&setup, &pool.side, self.shape);
        let places = f64::from(gauge.places());
        let rough = grid(gauge.room()).map(|batch| {
            let guess = gauge.together(batch, pool.prompt);
            let clients = batch * u64::from(gauge.places());
            let requests = guess.requests * places;
            Rough { batch, clients, decoding: clients, requests, tpot: guess.tpot, ttft: guess.ttft }
        });
        let most = self.room.devices / parallel.devices();
        let copies = self.given.decode.replicas.unwrap_or(most);
        let pools = Pools::Together(Pool { replicas: 1, parallel, max_seqs: None });
        (copies <= most).then(|| Plan { field, pools, copies, rough: rough.collect(), fills_cache: true })
    }

    /// Prefill and decode apart: the best few pools for each, in the ratio that matches their rates.
    fn disaggregated(
        &self,
        field: usize,
        pools: &[Gauged],
        (fillers, drainers): (Range<usize>, Range<usize>),
        tpot: Option<f64>,
    ) -> Vec<Plan> {
        let places = |p: &Gauged| f64::from(p.parallel.dp * p.parallel.pp);
        let per_device = |rate: f64, p: &Gauged| rate / f64::from(p.parallel.devices());
        let fill = |p: &Gauged| p.fill;
        // The largest batch that decodes fast enough, or the smallest there is.
        let drain = |p: &Gauged| {
            let fits = |g: &&(u64, Guess)| tpot.is_none_or(|most| g.1.tpot <= most);
            let best = p.decoding.iter().rfind(fits).or(p.decoding.first());
            best.map_or(0.0, |(_, g)| g.requests * places(p))
        };
        let best = |rate: &dyn Fn(&Gauged) -> f64, of: Range<usize>, count: usize| -> Vec<usize> {
            let mut order: Vec<usize> = of.collect();
            order.sort_by(|&a, &b| {
                let speed = |i: usize| per_device(rate(&pools[i]), &pools[i]);
                speed(b).total_cmp(&speed(a)).then(a.cmp(&b))
            });
            order.truncate(count);
            order
        };
        let mut plans = Vec::new();
        for &p in &best(&fill, fillers, FILLERS) {
            for &d in &best(&drain, drainers.clone(), DRAINERS) {
                let (prefill, decode) = (&pools[p], &pools[d]);
                for (fills, drains) in self.ratios(fill(prefill), drain(decode), prefill.parallel, decode.parallel) {
                    plans.push(self.cell(field, (prefill, fills), (decode, drains)));
                }
            }
        }
        plans
    }

    /// Numbers of prefill and decode replicas of a cell whose rates match best, for the devices that there are.
    fn ratios(&self, fill: f64, drain: f64, prefill: Parallel, decode: Parallel) -> Vec<(u32, u32)> {
        let mut found: Vec<(f64, u32, u32)> = Vec::new();
        let counts = |named: Option<u32>| named.map_or(1..=MOST_REPLICAS, |n| n..=n);
        let (fills, drains) = (self.given.prefill.replicas, self.given.decode.replicas);
        let named = fills.is_some() || drains.is_some();
        for p in counts(fills) {
            for d in counts(drains) {
                let devices = p.saturating_mul(prefill.devices()).saturating_add(d.saturating_mul(decode.devices()));
                if devices > self.room.devices || gcd(p, d) > 1 && !named {
                    continue;
                }
                let copies = if named { 1 } else { self.room.devices / devices };
                let rate = f64::from(copies) * (f64::from(p) * fill).min(f64::from(d) * drain);
                found.push((rate, p, d));
            }
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1 + a.2).cmp(&(b.1 + b.2))).then(a.1.cmp(&b.1)));
        found.truncate(RATIOS);
        found.into_iter().map(|(_, p, d)| (p, d)).collect()
    }

    fn cell(&self, field: usize, (prefill, fills): (&Gauged, u32), (decode, drains): (&Gauged, u32)) -> Plan {
        let places = |p: &Gauged| f64::from(p.parallel.dp * p.parallel.pp);
        let most = f64::from(fills) * prefill.fill;
        let mut rough = Vec::new();
        for &(batch, guess) in &decode.decoding {
            let wanted = guess.requests * places(decode) * f64::from(drains);
            let requests = wanted.min(NEARLY * most);
            let busy = requests / most;
            let ttft = prefill.prompt.alone * (1.0 + 0.5 * busy / (1.0 - busy));
            let decoding = batch as f64 * places(decode) * f64::from(drains) * requests / wanted.max(1e-12);
            let clients = (decoding + requests * ttft).ceil().max(1.0) as u64;
            rough.push(Rough { batch, clients, decoding: decoding as u64, requests, tpot: guess.tpot, ttft });
            // Beyond what prefill gives, more requests only wait.
            if wanted >= NEARLY * most {
                break;
            }
        }
        let pool = |p: &Gauged, replicas| Pool { replicas, parallel: p.parallel, max_seqs: None };
        let pools = Pools::Split { prefill: pool(prefill, fills), decode: pool(decode, drains) };
        let named = self.given.prefill.replicas.is_some() || self.given.decode.replicas.is_some();
        let copies = if named { 1 } else { self.room.devices / pools.devices() };
        let fills_cache = rough.len() == decode.decoding.len();
        Plan { field, pools, copies, rough, fills_cache }
    }

    /// The least number of devices, in powers of two, on which some split of a replica fits.
    fn least_devices(&self) -> Option<u32> {
        splits::doubles(MOST_DEVICES).find(|&devices| {
            let room = Room { devices, ..self.room };
            let free = Degrees::default();
            let all = splits::splits(self.model, &self.engine.features, room, devices, true, &free);
            all.into_iter().any(|parallel| self.side(parallel).is_ok())
        })
    }
}

/// Pools taken for prefill and for decode where they are apart.
const FILLERS: usize = 6;
const DRAINERS: usize = 8;
/// Ratios tried for each pair of pools.
const RATIOS: usize = 2;
/// Share of the time that prefill may be busy: above, queues grow without bound.
const NEARLY: f64 = 0.95;
/// Most replicas of a pool of a cell.
const MOST_REPLICAS: u32 = 12;
/// Devices up to which a fit is looked for.
const MOST_DEVICES: u32 = 1 << 14;

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// 1, 2, 3, 4, 6, 8, 12, 16... up to `most`, which comes last.
fn grid(most: f64) -> impl Iterator<Item = u64> {
    let most = most.min(1e6).floor() as u64;
    let points = (0..40).flat_map(|octave| [1u64 << octave, 3u64 << octave >> 1]).filter(|n| *n > 0);
    let mut last = 0;
    let inner = points.filter(move |n| {
        let new = *n > last;
        last = last.max(*n);
        new
    });
    inner.take_while(move |n| *n < most).chain((most > 0).then_some(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_is_geometric_and_ends_at_the_most() {
        assert_eq!(grid(20.9).collect::<Vec<_>>(), [1, 2, 3, 4, 6, 8, 12, 16, 20]);
        assert_eq!(grid(1.0).collect::<Vec<_>>(), [1]);
        assert_eq!(grid(0.7).count(), 0);
    }
}
