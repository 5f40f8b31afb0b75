//! Predicts measured points.

use std::borrow::Cow;
use std::collections::BTreeMap;

use catalog::engine::Gather;
use catalog::{Catalog, Engine, Model};
use cost::calibration::Basis;
use cost::deploy::Speculation;
use rayon::prelude::*;
use units::{Range, Seconds};

use super::case::{Case, CaseLoad, Measured, Mode};
use super::point::{Kind, Point, Predicted};
use super::reading::Reading;
use super::seen::Seen;
use super::{load, open, physics, resolve};
use crate::interval::Intervals;
use crate::machine::{Fitted, Machine};
use crate::predict::{EXPERT_SKEW, Pools, Setup};
use crate::refusal::Refusal;

/// Runs a set-up under the load of a case.
pub(super) type Run = dyn Fn(&Case, &Setup<'_>) -> Result<Seen, Refusal> + Sync;

/// What predictions share.
#[derive(Debug)]
pub struct Bench<'c> {
    /// The catalog.
    pub catalog: &'c Catalog,
    /// Fitted parameters.
    pub fitted: &'c Fitted,
    /// Engine profiles by name.
    pub engines: BTreeMap<String, Engine>,
    /// What predictions may be off by.
    pub intervals: &'c Intervals,
}

/// Whoever looks for the most throughput raises the limit on requests until memory binds.
const OPEN_SEQS: u32 = 4096;

impl Bench<'_> {
    /// Predicts every value of every case, in their order. `tick` is called once a case is done.
    pub fn predict(&self, cases: &[Case], tick: &(dyn Fn() + Sync)) -> Vec<Point> {
        self.predict_by(&load::run, cases, tick)
    }

    /// The same, each case run by `run`.
    pub(super) fn predict_by(&self, run: &Run, cases: &[Case], tick: &(dyn Fn() + Sync)) -> Vec<Point> {
        let models = self.models(cases);
        let machines = self.machines(cases);
        let one = |case: &Case| -> Vec<Point> {
            let model = &models[&case.model];
            let machine = &machines[&(case.chip.clone(), case.engine)];
            let seen = self.case(run, case, model, machine);
            let points = case.measured.iter().map(|m| self.point(case, m, model, machine, &seen)).collect();
            tick();
            points
        };
        cases.par_iter().map(one).collect::<Vec<_>>().into_iter().flatten().collect()
    }

    fn point(
        &self,
        case: &Case,
        measured: &Measured,
        model: &Result<Model, Refusal>,
        machine: &Result<Machine, Refusal>,
        seen: &Result<(Seen, &'static str), Refusal>,
    ) -> Point {
        let kind = Kind::from(measured.metric);
        let basis = machine.as_ref().map_or(Basis::Assumed, Machine::basis);
        let predicted = seen.as_ref().map_err(Clone::clone).and_then(|(seen, _)| seen.value(measured.metric));
        let predicted = predicted.map_err(|e| e.to_string()).and_then(|plain| {
            let value = plain * measured.factor;
            let (low, high) = self.intervals.factors(kind, basis, case.engine);
            if value.is_finite() && value > 0.0 {
                Ok(Predicted { value, low: value * low, high: value * high })
            } else {
                Err("there is no such value at this load".to_owned())
            }
        });
        Point {
            id: measured.id.clone(),
            file: case.file,
            source: case.source.clone(),
            metric: measured.name.clone(),
            kind,
            unit: measured.unit.clone(),
            measured: measured.value,
            predicted,
            remark: remarks(&case.remark, seen.as_ref().map_or("", |(_, chosen)| chosen)),
            plain: case.plain,
            chip: case.chip.clone(),
            vendor: machine.as_ref().map_or_else(|_| String::new(), |m| m.system.chip.vendor.clone()),
            model: case.model.clone(),
            class: model.as_ref().map_or("", |m| if m.is_moe() { "MoE" } else { "dense" }).to_owned(),
            phase: case.mode.name().to_owned(),
            engine: case.engine.to_owned(),
            basis,
        }
    }

    fn models(&self, cases: &[Case]) -> BTreeMap<String, Result<Model, Refusal>> {
        let mut models = BTreeMap::new();
        for case in cases {
            models.entry(case.model.clone()).or_insert_with(|| {
                catalog::model::load(&case.model, None)
                    .map_err(|e| Refusal::Row(e.first().map_or_else(String::new, ToString::to_string)))
            });
        }
        models
    }

    fn machines(&self, cases: &[Case]) -> BTreeMap<(String, &'static str), Result<Machine, Refusal>> {
        let mut machines = BTreeMap::new();
        for case in cases {
            machines.entry((case.chip.clone(), case.engine)).or_insert_with(|| {
                let system = resolve::system(self.catalog, &case.chip)?;
                Machine::new(system, self.fitted, self.engine(case.engine)?)
            });
        }
        machines
    }

    fn engine(&self, name: &str) -> Result<&Engine, Refusal> {
        self.engines.get(name).ok_or_else(|| Refusal::Row(format!("no engine profile '{name}'")))
    }

    /// What is seen, what is behind it, and what was chosen that the source leaves open.
    fn case(
        &self,
        run: &Run,
        case: &Case,
        model: &Result<Model, Refusal>,
        machine: &Result<Machine, Refusal>,
    ) -> Result<(Seen, &'static str), Refusal> {
        if let Some(reason) = &case.refused {
            return Err(Refusal::Row(reason.clone()));
        }
        if let Some(reason) = physics::absurd(case) {
            return Err(Refusal::Row(reason));
        }
        let model = model.as_ref().map_err(Clone::clone)?;
        let machine = machine.as_ref().map_err(Clone::clone)?;
        let pads = Reading::embedded().pads_heads.iter().any(|e| e == case.engine);
        let padded = match case.mode {
            Mode::Aggregated(pool) if pads => resolve::padded(model, pool.split.tp.unwrap_or(1)),
            _ => None,
        };
        let model = padded.as_ref().unwrap_or(model);
        let devices = case.chips.map(|chips| machine.devices(chips));
        let profile = as_started(self.engine(case.engine)?, case);
        let setup = |pools: Pools| -> Result<Setup<'_>, Refusal> {
            Ok(Setup {
                // Benchmarks start an engine as it comes: with one.
                front_ends: catalog::engine::FrontEnds::Replica,
                model,
                machine,
                engine: profile.as_ref(),
                storage: resolve::storage(case, model, &profile.family),
                speculation: case.speculation.map(|(drafts, accepted)| Speculation { drafts, accepted }),
                expert_skew: EXPERT_SKEW,
                pools,
            })
        };
        if !case.is_open() {
            let setup = setup(pools(case, model, devices))?;
            if let Some(reason) = physics::beyond(case, &setup) {
                return Err(Refusal::Row(reason));
            }
            let remark = if padded.is_some() { "heads padded to a multiple of TP" } else { "" };
            return Ok((run(case, &setup)?, remark));
        }
        let any = setup(pools(case, model, devices))?;
        if let Some(reason) = physics::beyond(case, &any) {
            return Err(Refusal::Row(reason));
        }
        let mut best: Option<Seen> = None;
        let mut refusal = None;
        for pools in open::candidates(case, &any, devices.unwrap_or(1))? {
            match run(case, &setup(pools)?) {
                Ok(seen) if best.as_ref().is_none_or(|b| seen.rates.output > b.rates.output) => best = Some(seen),
                Ok(_) => {}
                Err(error) => refusal = Some(error),
            }
        }
        let nothing = || refusal.unwrap_or_else(|| Refusal::Row("no split divides the model".to_owned()));
        best.map(|seen| (seen, "set-up searched")).ok_or_else(nothing)
    }
}

/// The profile with what the source says of how it was started.
fn as_started<'e>(engine: &'e Engine, case: &Case) -> Cow<'e, Engine> {
    let mut engine = Cow::Borrowed(engine);
    if case.eager {
        let host = &mut engine.to_mut().host;
        host.graph_decode.value = Range::exact(false);
        host.graph_prefill.value = Range::exact(false);
    }
    if case.in_process {
        let host = &mut engine.to_mut().host;
        for time in [&mut host.ingress, &mut host.intake, &mut host.intake_token, &mut host.stream, &mut host.egress] {
            time.value = Range::exact(Seconds(0.0));
        }
    }
    if matches!(case.load, CaseLoad::Saturated | CaseLoad::Bounded { .. }) {
        for limits in &mut engine.to_mut().limits {
            limits.max_seqs.value = Range::exact(OPEN_SEQS);
        }
    }
    if let Some(gather) = case.gather {
        let stated = &engine.scheduling.watermark;
        let gather = Gather { share: stated.map(|_| gather.share), steps: stated.map(|_| gather.steps) };
        engine.to_mut().scheduling.gather = Some(gather);
    }
    if let Some(tokens) = case.step_tokens {
        for limits in &mut engine.to_mut().limits {
            limits.max_batched_tokens.value = Range::exact(tokens);
        }
    }
    engine
}

/// Pools as the source states them.
fn pools(case: &Case, model: &Model, devices: Option<u32>) -> Pools {
    match &case.mode {
        Mode::Aggregated(pool) => Pools::Together(resolve::pool(pool, model, devices)),
        Mode::Disaggregated { prefill, decode } => {
            Pools::Split { prefill: resolve::pool(prefill, model, None), decode: resolve::pool(decode, model, None) }
        }
        Mode::PrefillOnly(pool) | Mode::DecodeOnly(pool) => Pools::Together(resolve::pool(pool, model, devices)),
    }
}

fn remarks(of_row: &str, chosen: &str) -> String {
    match (of_row, chosen) {
        (row, "") => row.to_owned(),
        ("", chosen) => chosen.to_owned(),
        (row, chosen) => format!("{row}; {chosen}"),
    }
}
