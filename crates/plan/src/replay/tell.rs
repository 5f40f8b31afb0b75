//! From what happened to every request and pool to what people are told.

use sim::{Fate, Refusal, Replay, Replayed, Stat};

use super::assemble::Assembled;
use super::findings::{ClassFinding, Count, Figures, LevelFinding, PoolFinding, ReplayFindings, SearchFinding};
use super::search::Found;
use super::series::series;
use super::stage::Stage;
use super::study::{Best, Class, ReplayStudy};
use crate::predict::Side;
use crate::study::Statistic;

/// Whether every class has its levels, and the share of all requests that were served within their promise.
pub fn meets(study: &ReplayStudy, replayed: &Replayed) -> (bool, f64) {
    let mut all = true;
    for (number, class) in study.classes.iter().enumerate() {
        let own: Vec<&Replay> = replayed.requests.iter().filter(|r| usize::from(r.class) == number).collect();
        let told = told(&class.name, class, &own);
        all &= own.is_empty() || told.levels.iter().all(|level| level.value.is_some_and(|value| value <= level.bound));
    }
    let within = replayed.requests.iter().filter(|r| kept(&study.classes[usize::from(r.class)], r)).count();
    (all, within as f64 / replayed.requests.len().max(1) as f64)
}

/// Whether a request was served within what it is promised.
pub fn kept(class: &Class, replay: &Replay) -> bool {
    let [ttft, tpot, e2e] = class.promise;
    let within =
        |value: Option<f64>, bound: Option<f64>| bound.is_none_or(|bound| value.is_none_or(|value| value <= bound));
    replay.fate == Fate::Served
        && within(Some(first(replay)), ttft)
        && within(per_token(replay), tpot)
        && within(Some(whole(replay)), e2e)
}

pub fn first(replay: &Replay) -> f64 {
    replay.served.first.since(replay.served.arrival)
}

fn whole(replay: &Replay) -> f64 {
    replay.served.last.since(replay.served.arrival)
}

fn per_token(replay: &Replay) -> Option<f64> {
    let served = &replay.served;
    (served.output > 1).then(|| served.last.since(served.first) / f64::from(served.output - 1))
}

pub fn figures(sample: Vec<f64>) -> Option<Figures> {
    Stat::of(sample).map(|Stat { mean, p50, p90, p99 }| Figures { mean, p50, p90, p99 })
}

fn told(name: &str, class: &Class, all: &[&Replay]) -> ClassFinding {
    let served: Vec<&Replay> = all.iter().copied().filter(|r| r.fate == Fate::Served).collect();
    let sample = |value: &dyn Fn(&Replay) -> Option<f64>| figures(served.iter().filter_map(|r| value(r)).collect());
    let (ttft, tpot, e2e) = (sample(&|r| Some(first(r))), sample(&per_token), sample(&|r| Some(whole(r))));
    let mut levels = Vec::new();
    let lists =
        [(&class.levels.ttft, &ttft, "ttft"), (&class.levels.tpot, &tpot, "tpot"), (&class.levels.e2e, &e2e, "e2e")];
    for (list, found, what) in lists {
        for (statistic, bound) in list {
            let (at, value): (_, fn(&Figures) -> f64) = match statistic {
                Statistic::Mean => ("mean", |f| f.mean),
                Statistic::P50 => ("p50", |f| f.p50),
                Statistic::P90 => ("p90", |f| f.p90),
                Statistic::P99 => ("p99", |f| f.p99),
            };
            levels.push(LevelFinding {
                name: format!("{what}_{at}"),
                bound: bound.0,
                value: found.as_ref().map(value),
            });
        }
    }
    let promised = class.promise != [None; 3] && !all.is_empty();
    let within = all.iter().filter(|r| kept(class, r)).count();
    ClassFinding {
        name: name.to_owned(),
        requests: all.len() as u64,
        served: served.len() as u64,
        retried: all.iter().filter(|r| r.retries > 0).count() as u64,
        queue: sample(&|r| Some(r.served.started.since(r.served.arrival))),
        ttft,
        tpot,
        e2e,
        goodput: promised.then(|| within as f64 / all.len() as f64),
        levels,
    }
}

/// Ends by name.
fn counts(replayed: &Replayed) -> Vec<Count> {
    const ENDS: [(&str, Fate); 6] = [
        ("served", Fate::Served),
        ("lost", Fate::Lost),
        ("refused: too long", Fate::Refused(Refusal::TooLong)),
        ("refused: full", Fate::Refused(Refusal::Full)),
        ("refused: no rule", Fate::Refused(Refusal::NoRoute)),
        ("not sent: no answer before", Fate::Refused(Refusal::Orphan)),
    ];
    let count = |fate: Fate| replayed.requests.iter().filter(|r| r.fate == fate).count() as u64;
    let all = ENDS.map(|(name, fate)| Count { name: name.to_owned(), count: count(fate) });
    all.into_iter().filter(|c| c.count > 0 || c.name == "served").collect()
}

/// Tells what came out.
pub fn tell(
    study: &ReplayStudy,
    stage: &Stage,
    sides: &[Side],
    played: &Assembled,
    replayed: &Replayed,
    sizes: &[u32],
    found: Option<Found>,
) -> ReplayFindings {
    let served = || replayed.requests.iter().filter(|r| r.fate == Fate::Served);
    let tokens = [
        served().map(|r| u64::from(r.served.input)).sum::<u64>(),
        served().map(|r| u64::from(r.served.output)).sum::<u64>(),
    ];
    let all: Vec<&Replay> = replayed.requests.iter().collect();
    let mut classes: Vec<ClassFinding> = Vec::new();
    if study.classes.len() > 1 {
        // Together they are promised what each is; there is no level for all.
        let nobody = Class { name: "all".into(), priority: 0, promise: [None; 3], levels: Default::default() };
        let mut together = told("all", &nobody, &all);
        let within = all.iter().filter(|r| kept(&study.classes[usize::from(r.class)], r)).count();
        let promised = study.classes.iter().any(|class| class.promise != [None; 3]);
        together.goodput = promised.then(|| within as f64 / all.len().max(1) as f64);
        classes.push(together);
    }
    for (number, class) in study.classes.iter().enumerate() {
        let own: Vec<&Replay> = all.iter().copied().filter(|r| usize::from(r.class) == number).collect();
        classes.push(told(&class.name, class, &own));
    }
    let begin = replayed.requests.iter().map(|r| r.served.arrival).min().unwrap_or_default();
    let span = replayed.end.since(begin).max(1e-12);
    let cost = stage.cost(replayed);
    let pools = study.pools.iter().enumerate().map(|(place, asked)| {
        let done = &replayed.pools[place];
        let paid: f64 = done.paid.iter().sum();
        let share = |part: u64| if done.cache.asked > 0 { part as f64 / done.cache.asked as f64 } else { 0.0 };
        let lanes = (done.load.engines as f64 / done.paid.len().max(1) as f64).max(1.0);
        let energy = stage.powers[place].zip(study.idle_power).map(|(power, idle)| {
            let busy = (done.busy / lanes).min(paid);
            power * (paid * idle + busy * (1.0 - idle))
        });
        PoolFinding {
            name: asked.name.clone(),
            system: asked.system.name.clone(),
            engine: stage.engine_name(place).to_owned(),
            split: stage.split_name(place),
            replicas: sizes[place],
            chips: asked.chips,
            requests: replayed
                .requests
                .iter()
                .filter(|r| r.place.is_some_and(|(pool, _)| pool as usize == place))
                .count() as u64
                + done.handed,
            kv_tokens: sides[place].kv_tokens,
            busy: if paid > 0.0 { done.busy / lanes / paid } else { 0.0 },
            batch: done.load.batch,
            kv: [done.load.kv, done.load.kv_peak],
            preemptions: done.load.preemptions,
            hits: asked
                .prefix_cache
                .then(|| [share(done.cache.hit), share(done.cache.fetched[0] + done.cache.fetched[1])]),
            paid,
            cost: stage.prices[place].map(|price| price * paid),
            energy,
        }
    });
    let pools: Vec<PoolFinding> = pools.collect();
    ReplayFindings {
        program: format!("steelyard {}", env!("CARGO_PKG_VERSION")),
        title: study.title.clone(),
        models: study.models.iter().map(|model| model.name.clone()).collect(),
        span,
        requests: counts(replayed),
        empty: played.empty,
        tokens,
        throughput: tokens[1] as f64 / span,
        classes,
        series: series(study, stage, replayed),
        pools,
        cost,
        cost_per_million: cost.filter(|_| tokens[1] > 0).map(|cost| cost / tokens[1] as f64 * 1e6),
        moved: [replayed.shipped, replayed.swapped],
        search: found.map(|found| SearchFinding {
            best: study.search.as_ref().map_or("", |s| if s.best == Best::Cost { "cost" } else { "chips" }).to_owned(),
            met: found.met,
            sizes: found.sizes,
            split: found.split,
            trials: found.trials,
        }),
    }
}
