//! A played plan as findings tell it.

use catalog::model::parameters;
use catalog::{Arithmetic, Framework, Kind as FactKind};
use cost::train::{Breakdown, Plan, Recompute, StepTime};
use sim::train::{Pass, SpanKind};
use units::{Bytes, Range, Seconds};

use super::findings::{PlanWords, Share, Timeline, Traffic, TrainingChoice, WidthShare};
use super::play::Played;
use super::search::Width;
use super::study::{TrainingCandidate, TrainingStudy, Useful};
use super::validate::basis;
use super::weigh::{TrainingGround, Winner, job};
use crate::findings::{Estimate, FactUse};
use crate::goodput;
use crate::validate::{Kind, basis_name};

const DAY: f64 = 86_400.0;
/// Most works of a timeline that are told.
const MOST_WORKS: usize = 16_000;

/// A plan in a line.
pub(super) fn short(plan: &Plan) -> String {
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

fn width(w: &Width, experts: bool) -> WidthShare {
    WidthShare {
        what: if experts { "EP" } else { "TP" }.to_owned(),
        degree: w.degree,
        plan: short(&w.plan),
        step: w.step.seconds,
        exposed: w.step.breakdown.exposed() / w.step.seconds,
        bare_step: w.bare.seconds,
        bare: w.bare.breakdown.exposed() / w.bare.seconds,
    }
}

fn estimate(value: f64, low: f64, high: f64) -> Estimate {
    Estimate { value, low: value * low, high: value * high }
}

/// The answer of a system with a plan.
pub(super) fn choice(
    study: &TrainingStudy,
    asked: &TrainingCandidate,
    best: &Winner,
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
    let run = steps * seconds;
    let (useful, fault_note) = useful(study, asked, plan, run, ground);
    let effective = useful.unwrap_or(Range::exact(1.0));
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
    let whole = timeline(first);
    TrainingChoice {
        plan: words(plan, best.framework, study.batch),
        step,
        tokens_per_chip: Estimate { value: rate, low: rate / high, high: rate / low },
        mfu_half: flop / peak(Arithmetic::Bf16),
        mfu: flop / peak(arithmetic),
        shares: shares(&first.step.breakdown),
        traffic: traffic(&first.step),
        widths: best.found.widths.iter().map(|w| width(w, study.model.is_moe())).collect(),
        memory: memory.into_iter().map(|(n, b)| (n.to_owned(), b)).collect(),
        memory_capacity: m.capacity,
        host_memory: m.host,
        steps,
        effective: useful.map(|e| Estimate { value: e.mid, low: e.low, high: e.high }),
        fault_note,
        days,
        energy,
        cost,
        cost_basis: hourly.map(|h| h.basis),
        misses,
        basis: basis_name(whose).to_owned(),
        timeline: short_timeline(&whole),
        whole,
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
    let works = played.ran.spans.iter().map(work).collect();
    let end = played.ran.end.seconds();
    Timeline { stages: played.priced.plan.pp, end, told: end / 2.0, works }
}

/// The beginning and the end of a step: the way in and the way out, which the middle repeats.
fn short_timeline(whole: &Timeline) -> Timeline {
    let longest = whole.works.iter().map(|w| w.2 - w.1).fold(0.0, f64::max);
    let within = |told: f64| move |w: &&(u32, f64, f64, String, u32, u32)| w.1 < told || w.2 > whole.end - told;
    let mut told = (longest * 3.0 * f64::from(whole.stages.max(4))).min(whole.end / 2.0);
    let count = whole.works.iter().filter(within(told)).count();
    told *= (MOST_WORKS as f64 / count.max(1) as f64).min(1.0);
    Timeline { told, works: whole.works.iter().filter(within(told)).cloned().collect(), ..*whole }
}

/// Share of the time that trains; why it is not told, where a model was asked and none can answer.
fn useful(
    study: &TrainingStudy,
    asked: &TrainingCandidate,
    plan: &Plan,
    run: f64,
    ground: &TrainingGround,
) -> (Option<Range<f64>>, String) {
    let saving = match &study.effective {
        Useful::Whole => return (None, String::new()),
        Useful::Stated(share) => return (Some(*share), String::new()),
        Useful::Modelled(saving) => saving,
    };
    let system = &asked.candidate.system;
    let faults = match ground.catalog.faults_of(system) {
        Ok(faults) => faults.clone(),
        Err(error) => return (None, error.to_string()),
    };
    let devices = system.chip.devices.max(1);
    let replica = (plan.tp * plan.cp * plan.pp).div_ceil(devices);
    let state = study.recipe.weight_bytes() + study.recipe.optimizer_bytes();
    let job = goodput::Job {
        length: Seconds(run),
        chips: asked.candidate.chips,
        replica,
        checkpoint: goodput::Checkpoint {
            size: Bytes(parameters(&study.model).total as f64 * state),
            write: saving.write,
            read: saving.read,
            every: None,
            save: saving.stall.map_or(goodput::Save::Blocking, goodput::Save::Background),
        },
        maintenance: None,
    };
    let machine = goodput::Machine {
        faults,
        spares: saving.spares,
        without_spare: goodput::WithoutSpare::Wait,
        unit: None,
        rewire: true,
    };
    match goodput::effective(&job, &machine, &goodput::Runs::default()) {
        Ok(found) => {
            let ratio = found.ratio;
            (Some(Range { low: ratio.low, mid: ratio.value, high: ratio.high }), String::new())
        }
        Err(error) => (None, error.to_string()),
    }
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
