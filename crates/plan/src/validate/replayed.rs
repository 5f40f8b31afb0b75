//! Closed loops of measured runs, played request by request on a fleet as `steelyard replay` does: no further from what was
//! measured than the search's own simulation of them. There is one engine; this shows that there is.

use std::path::Path;

use catalog::Catalog;
use sim::{Fate, Fleet, Link, ReplaySettings, Replayed, Replicas, Requests, Role, Routing, Stat};

use super::case::{Case, CaseLoad};
use super::file::File;
use super::run::Bench;
use super::seen::Seen;
use super::{Kind, Point, silicon};
use crate::interval::Intervals;
use crate::machine::Fitted;
use crate::predict::{Pools, Setup};
use crate::refusal::Refusal;
use crate::replay::study::{Arrivals, Synthetic};
use crate::replay::synthetic;
use crate::tables::Table;

/// Requests of a client, as validation has it.
const ROUNDS: usize = 10;
/// What the draw of lengths may do to a median: four seeds gave 0.206 to 0.211 for TTFT, 0.085 for TPOT.
const CHANCE: f64 = 0.01;

fn played(case: &Case, setup: &Setup<'_>) -> Result<Seen, Refusal> {
    let CaseLoad::Concurrency(clients) = case.load else { return Err(Refusal::Row("no closed loop".into())) };
    let clients = clients as usize;
    let drawn = synthetic::draw(
        &Synthetic {
            arrivals: Arrivals::Closed(clients, 0.0),
            diurnal: None,
            count: clients * ROUNDS,
            input: case.input.clone(),
            output: case.output.clone(),
            shared: (0, 1),
            session: None,
        },
        0,
        1,
    );
    let requests = Requests { list: drawn.requests, ..Requests::default() };
    let longest = (case.input.longest() + case.output.longest()) as f64;
    let prompt = case.input.longest() as u32;
    let one = |pool| setup.side(pool, longest);
    let run = |pools: Vec<Replicas<'_, _>>| -> Result<Replayed, Refusal> {
        Ok(sim::replay(&Fleet::of(pools, Routing::RoundRobin), &requests, &ReplaySettings::default())?)
    };
    let replayed = match &setup.pools {
        Pools::Together(pool) => {
            let side = one(pool)?;
            run(vec![Replicas::plain(setup.instance(pool, &side.steps, side.kv_tokens, prompt), pool.replicas)])?
        }
        Pools::Split { prefill, decode } => {
            let (first, second) = (one(prefill)?, one(decode)?);
            let seconds = |tokens: u64| setup.transfer(prefill, decode, tokens);
            let link = Link { seconds: &seconds, streams: 1, first_token_after: true };
            let role = Role::Prefill { to: vec![1], routing: Routing::RoundRobin, link, trunk: 0 };
            let head = setup.instance(prefill, &first.steps, first.kv_tokens, prompt);
            let tail = setup.instance(decode, &second.steps, second.kv_tokens, prompt);
            run(vec![
                Replicas { role, ..Replicas::plain(head, prefill.replicas) },
                Replicas { role: Role::Decode, ..Replicas::plain(tail, decode.replicas) },
            ])?
        }
    };
    if replayed.requests.iter().any(|r| r.fate != Fate::Served) {
        return Err(Refusal::Row("a request is longer than the cache".into()));
    }
    let ttft = replayed.requests.iter().map(|r| r.served.first.since(r.served.arrival)).collect();
    let decoded = replayed.requests.iter().map(|r| &r.served).filter(|r| r.output > 1);
    let tpot = decoded.map(|r| r.last.since(r.first) / f64::from(r.output - 1)).collect();
    Ok(Seen::of_times(Stat::of(ttft), Stat::of(tpot)))
}

fn median(points: &[&Point]) -> f64 {
    let mut errors: Vec<f64> = points.iter().filter_map(|p| p.error()).map(|e| e.abs().exp_m1()).collect();
    errors.sort_by(f64::total_cmp);
    errors[errors.len() / 2]
}

#[test]
fn closed_loops_by_replay_are_as_near_as_by_the_search() {
    let catalog = Catalog::embedded();
    let fitted = Fitted {
        operators: cost::Calibration::embedded().expect("sound"),
        exchanges: cost::comm::CommCalibration::embedded().expect("sound"),
    };
    let intervals = Intervals::embedded().expect("sound");
    let names = catalog::Engine::names();
    let engines =
        names.iter().filter_map(|name| Some(((*name).to_owned(), catalog::Engine::load(name).ok()?))).collect();
    let bench = Bench { catalog: &catalog, fitted: &fitted, engines, intervals: &intervals };
    let rows = include_bytes!("../../../../catalog/measurements/serving-silicon.csv");
    let table = Table::parse(Path::new("serving-silicon.csv"), rows.to_vec());
    let cases = silicon::cases(&table.expect("a table")).expect("rows");
    let some: Vec<Case> = cases.into_iter().filter(|c| c.plain).collect();
    let weighed = bench.predict(&some, &|| ());
    assert!(weighed.iter().all(|p| p.file == File::ServingSilicon));
    let replayed = bench.predict_by(&played, &some, &|| ());
    for kind in [Kind::Ttft, Kind::Tpot] {
        // Rows that both can tell.
        let known = |i: &usize| weighed[*i].error().is_some() && replayed[*i].error().is_some();
        let rows: Vec<usize> = (0..weighed.len()).filter(|i| weighed[*i].kind == kind && known(i)).collect();
        let pick = |points: &[Point]| median(&rows.iter().map(|i| &points[*i]).collect::<Vec<_>>());
        let (by_search, by_replay) = (pick(&weighed), pick(&replayed));
        println!("{} over {} rows: weigh {by_search:.4}, replay {by_replay:.4}", kind.name(), rows.len());
        assert!(rows.len() > 1000, "{} rows", rows.len());
        assert!(by_replay <= by_search + CHANCE, "{}: weigh {by_search}, replay {by_replay}", kind.name());
    }
}
