//! The best set-up of a system, told in full.

use catalog::Arithmetic;
use cost::calibration::arithmetic_name;
use cost::{Basis, Batch, arithmetic_for};

use super::breakdown::{self, Parts};
use super::facts::{self, End};
use super::fits::Fits;
use super::spread::{Ends, Spread};
use super::{Ground, chips_used};
use crate::findings::{self, Choice, Estimate, OperatorShare, ParetoPoint, Remark};
use crate::machine::Machine;
use crate::money::Bill;
use crate::predict::{Pools, Ready, Setup};
use crate::search::{Ceiling, CellLoad, Field, Found, Plan, Point, Runner, Seen, main_scheme};
use crate::study::{Candidate, Study};
use crate::validate::Kind;

/// Everything about the chosen point.
pub fn choice(
    study: &Study,
    candidate: &Candidate,
    found: &Found,
    point: &Point,
    ceiling: &Ceiling,
    ground: &Ground,
) -> Choice {
    let plan = &found.plans[point.plan];
    let field = &found.fields[plan.field];
    let chips = chips_used(study, candidate, found);
    let setup = field.setup(plan.pools);
    let seen = &point.seen;
    let ready = setup.ready(field.longest).ok();
    let (decode, prefill) = ready.as_ref().map_or((None, None), |r| steps(field, &setup, r, seen, ground));
    let basis = [&decode, &prefill].into_iter().flatten().map(|p| p.basis).max().unwrap_or(Basis::Assumed);
    let ends = ends(study, field, plan, point, ground);
    let spread = Spread::new(ground.intervals, basis.max(field.machine.basis()), &field.engine.id, ends);
    let per_system = spread.of(Kind::Throughput, seen, point.copies, |s| s.output);
    let power = candidate.power(&study.money).map(|p| {
        let share = f64::from(chips) / f64::from(candidate.chips);
        Estimate { value: p.mid.0 * share, low: p.low.0 * share, high: p.high.0 * share }
    });
    let energy = power.map(|p| Estimate {
        value: p.value / per_system.value,
        low: p.low / per_system.high,
        high: p.high / per_system.low,
    });
    let bill = candidate.bill(&study.money).map(|bill| Bill {
        chips,
        power: bill.power.map(|p| p.map(|w| w * (f64::from(chips) / f64::from(candidate.chips)))),
        ..bill
    });
    let cost = bill.and_then(|b| b.hourly().ok()).and_then(|h| h.per_million(per_system));
    // Share of the time in which the front ends of a lane send tokens out.
    let decodes = plan.pools.decode();
    let lanes = f64::from(decodes.replicas * decodes.parallel.pp);
    let front = seen.output / lanes * setup.front_end(&decodes.parallel, 0.0).1;
    let mut operators: Vec<OperatorShare> = Vec::new();
    for parts in [&decode, &prefill].into_iter().flatten() {
        operators.extend(parts.operators.iter().cloned());
    }
    let mut arithmetics: Vec<Arithmetic> =
        [&decode, &prefill].into_iter().flatten().flat_map(|p| p.arithmetics.iter().copied()).collect();
    arithmetics.sort_unstable();
    arithmetics.dedup();
    let facts = facts::all(field, candidate, &study.money, cost.is_some(), ground.catalog);
    let parts = || [&decode, &prefill].into_iter().flatten();
    let seconds = parts().map(|p| p.seconds).sum();
    let calibration = Fits::shares(parts().map(|p| p.fits.clone()), seconds);
    let memory = ready.as_ref().map(|r| r.decode().memory).unwrap_or_default();
    Choice {
        setup: told(field, plan, point),
        tokens_per_chip: scaled(per_system, 1.0 / f64::from(chips)),
        tokens_per_system: per_system,
        ttft: spread.latency(Kind::Ttft, seen, |s| s.ttft),
        tpot: spread.latency(Kind::Tpot, seen, |s| s.tpot),
        communication: communication(seen, decode.as_ref(), prefill.as_ref()),
        power,
        energy_per_token: energy,
        limit: limit(ceiling, seen, decode.as_ref(), prefill.as_ref(), front > 0.9),
        memory: breakdown::memory(&memory),
        memory_capacity: memory.capacity,
        roof: Some(breakdown::roof(&setup, &arithmetics)),
        operators,
        rests_on: facts.iter().filter(|f| facts::in_doubt(f)).cloned().collect(),
        facts,
        calibration,
        remarks: remarks(&Told { study, candidate, field, plan, point }, basis, front),
        cost,
    }
}

fn scaled(e: Estimate, by: f64) -> Estimate {
    Estimate { value: e.value * by, low: e.low * by, high: e.high * by }
}

/// One steady decode step and one step with a prompt on every rank.
fn steps(field: &Field, setup: &Setup, ready: &Ready, seen: &Seen, ground: &Ground) -> (Option<Parts>, Option<Parts>) {
    let decode = ready.decode();
    let ranks = f64::from(decode.steps.deployment().parallel.dp);
    let load = seen.loads.last().copied().unwrap_or_default();
    let requests = ((load.batch / ranks).round() as u64).max(1);
    let held = field.shape.input + 0.5 * field.shape.output;
    let batch = Batch { decode: requests, decode_kv: requests as f64 * held, ..Batch::default() };
    let of_decode =
        (field.shape.output > 1.0).then(|| breakdown::breakdown(setup, decode, &batch, "decode", ground.fitted));
    let limits = field.engine.limits_on(&field.machine.system.chip);
    let whole = (field.shape.input - field.shape.cached).max(1.0);
    let new = if field.engine.scheduling.chunked_prefill.mid() {
        whole.min(f64::from(limits.max_batched_tokens.mid()))
    } else {
        whole
    };
    let past = field.shape.cached + 0.5 * (whole - new);
    let batch = Batch {
        prefill: 1,
        prefill_tokens: new.round() as u64,
        prefill_pairs: new * (past + (new + 1.0) / 2.0),
        prefill_past: past,
        ..Batch::default()
    };
    (of_decode, Some(breakdown::breakdown(setup, ready.prefill(), &batch, "prefill", ground.fitted)))
}

/// Share of the time of steps, as they alternate, that goes into exchanges.
fn communication(seen: &Seen, decode: Option<&Parts>, prefill: Option<&Parts>) -> f64 {
    let share = |p: Option<&Parts>| p.filter(|p| p.seconds > 0.0).map_or(0.0, |p| p.communication / p.seconds);
    let apart = seen.loads.len() > 1;
    let prompts = seen.loads.first().map_or(0.0, |l| l.prefill_share);
    if apart {
        // Two pools: by the time that each is busy.
        let busy = |l: Option<&sim::Load>| l.map_or(0.0, |l| l.busy * l.engines as f64);
        let (a, b) = (busy(seen.loads.first()), busy(seen.loads.last()));
        return (a * share(prefill) + b * share(decode)) / (a + b).max(1e-12);
    }
    prompts * share(prefill) + (1.0 - prompts) * share(decode)
}

/// What keeps the set-up from more: a level at its bound, a full cache, or what takes most of the time of steps.
fn limit(ceiling: &Ceiling, seen: &Seen, decode: Option<&Parts>, prefill: Option<&Parts>, front: bool) -> String {
    match ceiling {
        Ceiling::Level(findings::Reason::MissesLevel { level, .. }) => return level.clone(),
        Ceiling::Cache => return "cache capacity".to_owned(),
        _ => {}
    }
    if front {
        return "host".to_owned();
    }
    let prompts = seen.loads.first().map_or(0.0, |l| l.prefill_share).min(1.0);
    let weighted = [(decode, 1.0 - prompts), (prefill, prompts)];
    let mut by: [(&str, f64); 4] = [("memory bandwidth", 0.0), ("compute", 0.0), ("communication", 0.0), ("host", 0.0)];
    for (parts, weight) in weighted {
        for op in parts.map(|p| p.operators.as_slice()).unwrap_or_default() {
            let kind = match op.bound.as_str() {
                "memory" => 0,
                "compute" => 1,
                "network" => 2,
                _ => 3,
            };
            by[kind].1 += weight * op.share;
        }
    }
    by.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map_or("host", |b| b.0).to_owned()
}

/// The same point with disputed facts at their ends.
fn ends(study: &Study, field: &Field, plan: &Plan, point: &Point, ground: &Ground) -> Ends {
    let mut seen = Vec::new();
    for end in [End::Slow, End::Fast] {
        let Some(system) = facts::at_end(&field.machine.system, end) else { continue };
        let Ok(machine) = Machine::new(&system, ground.fitted, field.engine) else { continue };
        let (engine, _) = field.machine.place;
        let other = field.on(machine.recalling((engine, Some(end)), field.recall.steps()));
        let Ok(runner) = Runner::new(study, &other, plan, point.plan) else { continue };
        if let Ok(p) = runner.again(point) {
            seen.push(p.seen);
        }
    }
    Ends { seen }
}

/// A set-up as findings tell it.
fn told(field: &Field, plan: &Plan, point: &Point) -> findings::Setup {
    let parallel = |p: cost::deploy::Parallel| findings::Parallel { tp: p.tp, pp: p.pp, dp: p.dp, ep: p.ep };
    let cells = point.copies.round().max(1.0) as u32;
    let decode = plan.pools.decode();
    let scheme = main_scheme(field.model, &field.storage);
    let (arithmetic, emulated) = arithmetic_for(&field.machine.system.chip, scheme).unwrap_or((Arithmetic::Bf16, true));
    let places = f64::from(decode.parallel.dp * decode.parallel.pp);
    // Those that wait or are in prefill are not in the batch.
    let seen = point.seen.loads.last().map_or(0.0, |l| l.batch) * f64::from(decode.parallel.pp);
    let most = plan.rough.last().map_or(1, |r| r.batch);
    let (mode, prefill, batch) = match &plan.pools {
        Pools::Together(_) => {
            let open = matches!(point.load, CellLoad::Rate { .. });
            ("aggregated", None, if open { seen } else { point.batch.min(most) as f64 * places })
        }
        Pools::Split { prefill, .. } => {
            ("disaggregated", Some((prefill.replicas * cells, parallel(prefill.parallel))), seen)
        }
    };
    findings::Setup {
        mode: mode.to_owned(),
        engine: field.engine.id.clone(),
        replicas: decode.replicas * cells,
        parallel: parallel(decode.parallel),
        batch: batch.round().max(1.0) as u64,
        prefill,
        weights: scheme.to_string(),
        arithmetic: arithmetic_name(arithmetic).to_owned(),
        emulated,
        kv: field.storage.kv.to_string(),
        concurrency: point.concurrency(),
    }
}

/// Points that no other beats in both tokens per chip and tokens per user, the quickest first.
pub fn pareto(study: &Study, candidate: &Candidate, found: &Found) -> Vec<ParetoPoint> {
    let user = |p: &Point| if p.seen.tpot.mean > 0.0 { 1.0 / p.seen.tpot.mean } else { 0.0 };
    let mut points: Vec<&Point> = found.points.iter().filter(|p| user(p) > 0.0).collect();
    points.sort_by(|a, b| user(b).total_cmp(&user(a)).then(b.output().total_cmp(&a.output())));
    let mut most = 0.0;
    points.retain(|p| {
        let better = p.output() > most;
        most = f64::max(most, p.output());
        better
    });
    let hourly = candidate.bill(&study.money).and_then(|b| b.hourly().ok());
    let of = |p: &Point| {
        let plan = &found.plans[p.plan];
        let speed = p.output();
        let exact = Estimate { value: speed, low: speed, high: speed };
        ParetoPoint {
            setup: told(&found.fields[plan.field], plan, p),
            tokens_per_user: user(p),
            tokens_per_chip: speed / f64::from(candidate.chips),
            ttft: p.seen.ttft.mean,
            cost_per_million: hourly.as_ref().and_then(|h| h.per_million(exact)).map(|c| c.per_million.value),
            meets_levels: p.misses.is_none(),
        }
    };
    points.into_iter().map(of).collect()
}

/// What a reader should know besides.
fn remarks(told: &Told, basis: Basis, front: f64) -> Vec<Remark> {
    let Told { study, candidate, field, plan, point } = *told;
    let mut out = Vec::new();
    let chip = &candidate.system.chip;
    let scheme = main_scheme(field.model, &field.storage);
    if let Some((arithmetic, true)) = arithmetic_for(chip, scheme) {
        let arithmetic = arithmetic_name(arithmetic).to_owned();
        out.push(Remark::Emulated { chip: chip.name.clone(), weights: scheme.to_string(), arithmetic });
    }
    out.extend(match basis {
        Basis::Chip => None,
        Basis::Architecture => Some(Remark::BorrowedArchitecture),
        Basis::Class => Some(Remark::BorrowedClass),
        Basis::Assumed => Some(Remark::AssumedEfficiency),
    });
    if field.engine.id == catalog::engine::GENERIC {
        out.push(Remark::GenericEngine);
    }
    let used = f64::from(plan.pools.devices() * plan.copies);
    let idle = candidate.chips - (field.machine.chips(used as u32).ceil() as u32).min(candidate.chips);
    if idle > 0 && study.objective != crate::study::Objective::Chips {
        out.push(Remark::IdleChips { idle, chips: candidate.chips });
    }
    let decodes = plan.pools.decode().parallel;
    let count = field.engine.features.front_ends.mid().count(decodes.dp);
    if front > 0.9 {
        out.push(Remark::FrontEndBusy);
    } else if count > 1 && front * f64::from(count) > 0.9 {
        out.push(Remark::FrontEnds { count });
    }
    let copies = field.model.layers.iter().filter_map(|g| match &g.ffn {
        catalog::Ffn::Moe(moe) => Some(decodes.expert_places(moe.experts).1 - moe.experts),
        catalog::Ffn::None | catalog::Ffn::Dense(_) => None,
    });
    if let Some(copies) = copies.max().filter(|n| *n > 0) {
        out.push(Remark::RedundantExperts { copies, ep: decodes.ep });
    }
    if candidate.price.as_ref().is_some_and(|p| p.bare) {
        out.push(Remark::BareChips);
    }
    let limit = field.engine.limits_on(chip).max_seqs.mid();
    if point.batch > u64::from(limit) {
        out.push(Remark::RaiseSeats { limit });
    }
    if study.traffic.mtp_accepted.is_some() && field.speculation.is_none() {
        out.push(Remark::NoDrafts { engine: field.engine.name.clone() });
    }
    out
}

/// What is told of.
#[derive(Clone, Copy)]
struct Told<'t, 'a> {
    study: &'t Study,
    candidate: &'t Candidate,
    field: &'t Field<'a>,
    plan: &'t Plan,
    point: &'t Point,
}
