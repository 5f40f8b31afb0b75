//! Answers a training study.

use catalog::framework::frameworks_for;
use catalog::model::parameters;
use catalog::{Arithmetic, Diagnostic, Framework, Kind as FactKind};
use cost::train::{Breakdown, Job, Plan, Recompute, StepTime, TrainingCalibration};
use sim::train::{Pass, SpanKind};
use units::Range;

use super::findings::{
    PlanWords, Share, Timeline, Traffic, TrainingAnswer, TrainingChoice, TrainingFindings, TrainingSystem,
};
use super::play::Played;
use super::rig::Rig;
use super::search::{Choices, Searched, search};
use super::study::{Best, TrainingCandidate, TrainingStudy};
use super::validate::basis;
use crate::findings::{Estimate, FactUse};
use crate::interval::Intervals;
use crate::machine::Fitted;
use crate::refusal::Refusal;
use crate::validate::{Kind, basis_name};

/// Version of the findings' layout.
const SCHEMA: u32 = 1;
const DAY: f64 = 86_400.0;
/// How MFU is counted.
pub const MFU: &str = "three times the forward operations of the weights that a token meets and of attended pairs \
                       (causal half), no recomputation, over the dense peak";
/// Works of a timeline that are told.
const MOST_WORKS: usize = 6000;

/// What answers rest on.
pub struct TrainingGround<'a> {
    /// Operators and exchanges.
    pub fitted: &'a Fitted,
    /// Efficiencies of chips.
    pub chips: &'a TrainingCalibration,
    /// What predictions may be off by.
    pub intervals: &'a Intervals,
    /// Told the name of each system that is done.
    pub done: &'a (dyn Fn(&str) + Sync),
}

/// Answers a study.
///
/// # Errors
/// A framework's profile that is broken.
pub fn weigh(study: &TrainingStudy, ground: &TrainingGround) -> Result<TrainingFindings, Vec<Diagnostic>> {
    let mut systems = Vec::new();
    for candidate in &study.systems {
        systems.push(system(study, candidate, ground)?);
        (ground.done)(&candidate.candidate.system.name);
    }
    let merit = |s: &TrainingSystem| match &s.answer {
        TrainingAnswer::Trains(c) => match study.best {
            Best::Days => c.days.value,
            Best::Cost => c.cost.map_or(f64::MAX, |e| e.value),
            Best::Energy => c.energy.map_or(f64::MAX, |e| e.value),
            Best::TokensPerChip => -c.tokens_per_chip.value,
        },
        _ => f64::INFINITY,
    };
    // What misses a limit comes after all that keep them.
    let missed = |s: &TrainingSystem| matches!(&s.answer, TrainingAnswer::Trains(c) if !c.misses.is_empty());
    systems.sort_by(|a, b| missed(a).cmp(&missed(b)).then(merit(a).total_cmp(&merit(b))));
    systems.extend(study.incomplete.iter().map(|i| TrainingSystem {
        id: i.id.clone(),
        name: i.id.clone(),
        chip: String::new(),
        chips: i.chips.unwrap_or(0),
        answer: TrainingAnswer::Incomplete { missing: i.missing.clone() },
        priced: 0,
        too_large: 0,
        played: 0,
        agreed: true,
        refused: Vec::new(),
    }));
    let counted = parameters(&study.model);
    let best = super::study::BESTS.iter().find(|(_, b)| *b == study.best).map_or("", |(n, _)| n);
    Ok(TrainingFindings {
        schema: SCHEMA,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        title: study.title.clone(),
        model: study.model.name.clone(),
        parameters: counted.total as f64,
        active_parameters: counted.active as f64,
        tokens: study.tokens,
        sequence: study.sequence,
        batch: study.batch,
        precision: study.recipe.linear.to_string(),
        mfu_convention: MFU.to_owned(),
        effective: study.effective.map(|e| Estimate { value: e.mid, low: e.low, high: e.high }),
        objective: best.to_owned(),
        systems,
    })
}

fn job<'a>(study: &'a TrainingStudy, rig: &'a Rig) -> Job<'a> {
    let mut job = rig.job(&study.model, study.recipe, study.sequence, study.batch);
    job.imbalance = study.imbalance;
    job.capacity = study.capacity;
    job.mtp = study.mtp;
    job
}

struct Best1<'a> {
    rig: Rig,
    framework: &'a Framework,
    found: Searched,
}

fn system(
    study: &TrainingStudy,
    asked: &TrainingCandidate,
    ground: &TrainingGround,
) -> Result<TrainingSystem, Vec<Diagnostic>> {
    let system = &asked.candidate.system;
    let frameworks = match &asked.framework {
        Some(name) => vec![Framework::load(name)?],
        None => frameworks_for(&system.chip.architecture)?,
    };
    let mut best: Option<Best1> = None;
    let mut refusal: Option<Refusal> = None;
    let (mut priced, mut too_large, mut played) = (0, 0, 0);
    for framework in &frameworks {
        let rig = match Rig::new(system, ground.fitted, ground.chips, framework) {
            Ok(rig) => rig,
            Err(error) => {
                refusal = Some(error);
                continue;
            }
        };
        let found = {
            let job = job(study, &rig);
            let choices = Choices::new(&job, &study.space, framework, rig.devices());
            search(&job, &choices, study.space.played as usize)
        };
        match found {
            Ok(found) => {
                priced += found.priced;
                too_large += found.too_large;
                played += found.played.len() as u64;
                let seconds = |s: &Searched| s.played.first().map_or(f64::INFINITY, |p| p.step.seconds);
                if best.as_ref().is_none_or(|b| seconds(&found) < seconds(&b.found)) {
                    best = Some(Best1 { rig, framework, found });
                }
            }
            Err(error) => refusal = Some(error),
        }
    }
    let mut out = TrainingSystem {
        id: system.id.clone(),
        name: system.name.clone(),
        chip: system.chip.name.clone(),
        chips: asked.candidate.chips,
        answer: TrainingAnswer::Incomplete { missing: vec![refusal.map_or_else(String::new, |r| r.to_string())] },
        priced,
        too_large,
        played,
        agreed: true,
        refused: Vec::new(),
    };
    let Some(best) = best else { return Ok(out) };
    out.agreed = best.found.agreed;
    out.refused = best.found.refused.iter().map(|(why, n)| (why.clone(), *n)).collect();
    out.answer = match best.found.played.first() {
        Some(first) => TrainingAnswer::Trains(Box::new(choice(study, asked, &best, first, ground))),
        None => {
            let (needs, has, plan) = match &best.found.nearest {
                Some((plan, m)) => (m.total(), m.capacity, short(plan)),
                None => (0.0, 0.0, String::new()),
            };
            TrainingAnswer::NoPlan { needs, has, plan, nearest_chips: nearest(study, asked, &best, ground) }
        }
    };
    Ok(out)
}

/// The least doubling of chips with which some plan fits.
fn nearest(study: &TrainingStudy, asked: &TrainingCandidate, best: &Best1, ground: &TrainingGround) -> Option<u32> {
    let mut chips = asked.candidate.chips;
    for _ in 0..7 {
        chips = chips.checked_mul(2)?;
        let system = asked.candidate.system.with_chips(chips)?;
        let rig = Rig::new(&system, ground.fitted, ground.chips, best.framework).ok()?;
        let job = job(study, &rig);
        let choices = Choices::new(&job, &study.space, best.framework, rig.devices());
        if search(&job, &choices, 1).ok()?.played.first().is_some() {
            return Some(chips);
        }
    }
    None
}

/// A plan in a line.
pub fn short(plan: &Plan) -> String {
    let mut out: Vec<String> = degrees(plan).into_iter().map(|(name, n)| format!("{name}{n}")).collect();
    out.push(plan.schedule.name().to_owned());
    out.push(plan.sharding.name().to_owned());
    out.push(format!("recompute {}", plan.recompute.name()));
    out.join(" ")
}

fn degrees(plan: &Plan) -> Vec<(String, u32)> {
    let all = [
        ("TP", plan.tp),
        ("PP", plan.pp),
        ("VP", plan.chunks),
        ("CP", plan.cp),
        ("DP", plan.dp),
        ("EP", plan.ep),
        ("ETP", plan.etp),
    ];
    let mut out: Vec<(String, u32)> =
        all.into_iter().filter(|(_, n)| *n > 1).map(|(name, n)| (name.to_owned(), n)).collect();
    out.push(("MB".to_owned(), plan.micro_batch));
    out
}

fn words(plan: &Plan, framework: &Framework, batch: u64) -> PlanWords {
    let mut offload = Vec::new();
    if plan.offload.optimizer {
        offload.push("optimizer".to_owned());
    }
    if plan.offload.activations {
        offload.push("activations".to_owned());
    }
    PlanWords {
        framework: framework.name.clone(),
        degrees: degrees(plan),
        schedule: if plan.pp > 1 { plan.schedule.name() } else { "none" }.to_owned(),
        chunks: plan.chunks,
        sharding: plan.sharding.name().to_owned(),
        shard: plan.shard,
        recompute: plan.recompute.name().to_owned(),
        recomputed_layers: if let Recompute::Layers(n) = plan.recompute { n } else { 0 },
        context: if plan.cp > 1 { plan.context.name().to_owned() } else { String::new() },
        offload,
        micro_batches: plan.micro_batches(batch),
    }
}

fn shares(b: &Breakdown) -> Vec<Share> {
    let parts = [
        ("compute", b.compute),
        ("recompute", b.recompute),
        ("tensor", b.tensor),
        ("context", b.context),
        ("expert", b.expert),
        ("data", b.data),
        ("pipeline", b.pipeline),
        ("bubble", b.bubble),
        ("optimizer", b.optimizer),
        ("offload", b.offload),
        ("other", b.other),
    ];
    parts.into_iter().map(|(what, seconds)| Share { what: what.to_owned(), seconds }).collect()
}

fn traffic(step: &StepTime) -> Vec<Traffic> {
    let b = &step.breakdown;
    let kinds = ["tensor", "context", "expert", "data", "pipeline"];
    let exposed = [b.tensor, b.context, b.expert, b.data, b.pipeline];
    let rows = kinds.into_iter().zip(step.exchanges).zip(exposed);
    rows.map(|((what, seconds), exposed)| Traffic { what: what.to_owned(), seconds: seconds.max(exposed), exposed })
        .filter(|t| t.seconds > 0.0)
        .collect()
}

fn estimate(value: f64, low: f64, high: f64) -> Estimate {
    Estimate { value, low: value * low, high: value * high }
}

fn choice(
    study: &TrainingStudy,
    asked: &TrainingCandidate,
    best: &Best1,
    first: &Played,
    ground: &TrainingGround,
) -> TrainingChoice {
    let job = job(study, &best.rig);
    let plan = &first.priced.plan;
    let whose = basis(best.rig.basis);
    let (low, high) = ground.intervals.factors(Kind::Step, whose, &best.framework.id);
    let seconds = first.step.seconds;
    let step = estimate(seconds, low, high);
    let tokens = (study.batch * study.sequence) as f64;
    let chips = f64::from(asked.candidate.chips);
    let rate = tokens / seconds / chips;
    let layers = study.model.num_layers() as f64;
    let terms = &first.priced.terms;
    let forward = terms.layer.model_flop_per_token * layers + terms.ends.model_flop_per_token;
    let flop = 3.0 * forward * rate;
    let peak = |a: Arithmetic| asked.candidate.system.chip.peak.get(&a).map_or(f64::NAN, |p| p.mid().0);
    let arithmetic = cost::arithmetic_for(job.chip, study.recipe.linear).map_or(Arithmetic::Bf16, |(a, _)| a);
    let steps = (study.tokens / tokens).ceil();
    let effective = study.effective.unwrap_or(Range::exact(1.0));
    let days = Estimate {
        value: steps * step.value / effective.mid / DAY,
        low: steps * step.low / effective.high / DAY,
        high: steps * step.high / effective.low / DAY,
    };
    let power = asked.candidate.power(&study.money);
    let pue = study.money.pue.value;
    let energy = power.map(|p| Estimate {
        value: p.mid.0 * pue.mid * days.value * DAY,
        low: p.low.0 * pue.low * days.low * DAY,
        high: p.high.0 * pue.high * days.high * DAY,
    });
    let hourly = asked.candidate.bill(&study.money).and_then(|bill| bill.hourly().ok());
    let cost = hourly.as_ref().map(|h| {
        let hour = |pick: fn(&Range<f64>) -> f64| pick(&h.chips) + pick(&h.surcharge) + pick(&h.electricity);
        Estimate {
            value: hour(|r| r.mid) * days.value * 24.0,
            low: hour(|r| r.low) * days.low * 24.0,
            high: hour(|r| r.high) * days.high * 24.0,
        }
    });
    let mut misses = Vec::new();
    if study.limits.time.is_some_and(|t| days.value * DAY > t.0) {
        misses.push("time".to_owned());
    }
    if let (Some(limit), Some(power)) = (study.limits.power, power)
        && power.mid.0 * pue.mid > limit.0
    {
        misses.push("power".to_owned());
    }
    if let (Some(limit), Some(cost)) = (study.limits.money, cost)
        && cost.value > limit.0
    {
        misses.push("money".to_owned());
    }
    let m = &first.priced.memory;
    let memory = [
        ("parameters", m.parameters),
        ("gradients", m.gradients),
        ("optimizer states", m.optimizer),
        ("activations", m.activations),
        ("buffers", m.buffers),
        ("reserved", m.reserved),
    ];
    TrainingChoice {
        plan: words(plan, best.framework, study.batch),
        step,
        tokens_per_chip: Estimate { value: rate, low: rate / high, high: rate / low },
        mfu_half: flop / peak(Arithmetic::Bf16),
        mfu: flop / peak(arithmetic),
        shares: shares(&first.step.breakdown),
        traffic: traffic(&first.step),
        memory: memory.into_iter().map(|(n, b)| (n.to_owned(), b)).collect(),
        memory_capacity: m.capacity,
        host_memory: m.host,
        steps,
        days,
        energy,
        cost,
        cost_basis: hourly.map(|h| h.basis),
        misses,
        basis: basis_name(whose).to_owned(),
        timeline: timeline(first),
        others: best.found.played.iter().skip(1).take(5).map(|p| (short(&p.priced.plan), p.step.seconds)).collect(),
        rests_on: rests_on(asked),
    }
}

fn timeline(played: &Played) -> Timeline {
    let name = |pass: Pass| match pass {
        Pass::Forward => "forward",
        Pass::Backward => "backward",
        Pass::Input => "input",
        Pass::Weight => "weight",
    };
    let work = |s: &sim::train::Span| {
        let (kind, chunk, micro) = match s.kind {
            SpanKind::Work(w) => (name(w.pass), w.chunk, w.micro),
            SpanKind::Gather(chunk) => ("gather", chunk, 0),
            SpanKind::Reduce(chunk) => ("reduce", chunk, 0),
            SpanKind::Optimizer => ("optimizer", 0, 0),
        };
        (s.stage, s.start.seconds(), s.end.seconds(), kind.to_owned(), chunk, micro)
    };
    let works = played.ran.spans.iter().take(MOST_WORKS).map(work).collect();
    Timeline { stages: played.priced.plan.pp, end: played.ran.end.seconds(), works }
}

/// Facts of the chip and the fabric that are assumed or disputed.
fn rests_on(asked: &TrainingCandidate) -> Vec<FactUse> {
    let mut out: Vec<FactUse> = Vec::new();
    let system = &asked.candidate.system;
    let chip = &system.chip;
    let peaks = chip.peak.values().map(|f| (&f.path, f.value.to_string(), f.kind, &f.source, f.value.is_exact()));
    let memory = [
        (
            &chip.memory.path,
            chip.memory.value.to_string(),
            chip.memory.kind,
            &chip.memory.source,
            chip.memory.value.is_exact(),
        ),
        (
            &chip.bandwidth.path,
            chip.bandwidth.value.to_string(),
            chip.bandwidth.kind,
            &chip.bandwidth.source,
            chip.bandwidth.value.is_exact(),
        ),
    ];
    let links = system.fabric.tiers.iter().map(|t| {
        let b = &t.bandwidth;
        (&b.path, b.value.to_string(), b.kind, &b.source, b.value.is_exact())
    });
    for (path, value, kind, source, exact) in peaks.chain(memory).chain(links) {
        if kind == FactKind::Assumed || !exact {
            let (path, source) = (path.clone(), source.clone());
            out.push(FactUse { path, value, kind: kind.name().to_owned(), source, disputed: !exact });
        }
    }
    out
}
