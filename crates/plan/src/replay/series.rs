//! What happened between two looks at the fleet, to all requests, to each class, in each pool.

use sim::{Fate, Replay, Replayed};

use super::findings::{ClassPoint, PoolPoint, SeriesPoint};
use super::stage::Stage;
use super::study::ReplayStudy;
use super::tell::{figures, first, kept};

/// Times that never came, and what is as good as that: beyond 208 days.
const NEVER: f64 = 1.8e7;

/// Requests by the window in which they were sent.
#[derive(Clone)]
struct Sent {
    count: Vec<u64>,
    within: Vec<u64>,
    firsts: Vec<Vec<f64>>,
}

impl Sent {
    fn new(windows: usize) -> Sent {
        Sent { count: vec![0; windows], within: vec![0; windows], firsts: vec![Vec::new(); windows] }
    }

    fn add(&mut self, window: usize, within: bool, replay: &Replay) {
        self.count[window] += 1;
        self.within[window] += u64::from(within);
        if replay.fate == Fate::Served {
            self.firsts[window].push(first(replay));
        }
    }

    /// What was seen in a window of so many seconds.
    fn point(&mut self, window: usize, every: f64, promised: bool) -> ClassPoint {
        let (sent, within) = (self.count[window], self.within[window]);
        ClassPoint {
            arrivals: sent as f64 / every,
            ttft: figures(std::mem::take(&mut self.firsts[window])).map(|f| [f.p50, f.p99]),
            goodput: (promised && sent > 0).then(|| within as f64 / sent as f64),
        }
    }
}

/// Tokens by window: whole ones in between by differences of a rate, those of the ends as they are.
struct Tokens {
    every: f64,
    ends: Vec<f64>,
    rates: Vec<f64>,
}

impl Tokens {
    fn add(&mut self, replay: &Replay, of: impl Fn(f64) -> usize) {
        let r = &replay.served;
        let (from, to) = (r.first.seconds(), r.last.seconds());
        let (first, last) = (of(from), of(to));
        self.ends[first] += 1.0;
        let rest = f64::from(r.output - 1);
        if first == last || to <= from {
            self.ends[last] += rest;
            return;
        }
        let rate = rest / (to - from);
        self.ends[first] += rate * ((first + 1) as f64 * self.every - from);
        self.ends[last] += rate * (to - last as f64 * self.every);
        self.rates[first + 1] += rate;
        self.rates[last] -= rate;
    }
}

/// The series.
pub fn series(study: &ReplayStudy, stage: &Stage, replayed: &Replayed) -> Vec<SeriesPoint> {
    let count = study.pools.len();
    let times: Vec<f64> = replayed.samples.iter().step_by(count).map(|s| s.time.seconds()).collect();
    let Some(every) = times.get(1).copied().filter(|every| *every > 0.0) else { return Vec::new() };
    let windows = times.len();
    let of = |time: f64| ((time / every) as usize).min(windows);
    let mut all = Sent::new(windows + 1);
    let mut classes = vec![Sent::new(windows + 1); if study.classes.len() > 1 { study.classes.len() } else { 0 }];
    let mut tokens = Tokens { every, ends: vec![0.0; windows + 2], rates: vec![0.0; windows + 2] };
    for replay in replayed.requests.iter().filter(|r| r.served.arrival.seconds() <= NEVER) {
        let class = usize::from(replay.class);
        let (window, within) = (of(replay.served.arrival.seconds()), kept(&study.classes[class], replay));
        all.add(window, within, replay);
        if let Some(own) = classes.get_mut(class) {
            own.add(window, within, replay);
        }
        if replay.fate == Fate::Served {
            tokens.add(replay, of);
        }
    }
    let promised: Vec<bool> = study.classes.iter().map(|class| class.promise != [None; 3]).collect();
    let mut rate = 0.0;
    let mut points = Vec::with_capacity(windows);
    for (place, time) in times.iter().enumerate() {
        // A sample looks back: at what was sent since the sample before.
        let Some(window) = place.checked_sub(1) else { continue };
        rate += tokens.rates[window];
        let whole = all.point(window, every, promised.contains(&true));
        let each = classes.iter_mut().zip(&promised).map(|(own, promised)| own.point(window, every, *promised));
        let pools = replayed.samples[place * count..(place + 1) * count].iter().map(|s| {
            let number = s.pool as usize;
            let on = f64::from(s.on);
            let power = stage.powers[number].zip(study.idle_power);
            PoolPoint {
                waiting: s.waiting,
                running: s.running,
                kv: s.kv,
                idle: s.idle,
                busy: s.busy,
                up: s.up,
                power: power.map(|(power, idle)| on * power * (idle + (1.0 - idle) * s.busy.min(1.0))),
                cost: stage.prices[number].map(|price| on * price * 3600.0),
            }
        });
        points.push(SeriesPoint {
            time: *time,
            arrivals: whole.arrivals,
            throughput: tokens.ends[window] / every + rate,
            ttft: whole.ttft,
            goodput: whole.goodput,
            classes: each.collect(),
            pools: pools.collect(),
        });
    }
    points
}
