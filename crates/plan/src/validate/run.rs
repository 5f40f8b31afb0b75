//! Predicts measured points.

use std::collections::BTreeMap;

use catalog::{Catalog, Engine, Model};
use rayon::prelude::*;
use sim::Outcome;

use super::case::{Case, CaseLoad, Measured, Metric, Mode};
use super::resolve;
use crate::machine::{Fitted, Machine};
use crate::predict::{Pools, Setup};
use crate::refusal::Refusal;
use crate::workload;

/// A row of the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Index of its case.
    pub case: usize,
    /// The measured value.
    pub measured: Measured,
    /// The prediction in the unit of `measured.value`, or why there is none.
    pub predicted: Result<f64, Refusal>,
}

/// What predictions share.
#[derive(Debug)]
pub struct Bench<'c> {
    /// The catalog.
    pub catalog: &'c Catalog,
    /// Fitted parameters.
    pub fitted: &'c Fitted,
    /// Engine profiles by name.
    pub engines: BTreeMap<String, Engine>,
}

/// Every random draw of validation starts here.
const SEED: u64 = 1;
/// Requests of a closed loop, per client, where the source does not say: what public benchmark scripts send.
const ROUNDS: u64 = 10;

impl Bench<'_> {
    /// Scratch.
    pub fn why(&self, case: &Case, prefill: u64) {
        let model = catalog::model::load(&case.model, None).unwrap();
        let machine = Machine::new(
            resolve::system(self.catalog, &case.chip).unwrap(),
            self.fitted,
            self.engine(case.engine).unwrap(),
        )
        .unwrap();
        let Mode::Aggregated(pool) = &case.mode else { return println!("disagg") };
        let pools = Pools::Together(resolve::pool(pool, &model));
        let setup = Setup {
            model: &model,
            machine: &machine,
            engine: self.engine(case.engine).unwrap(),
            storage: resolve::storage(case, &model),
            speculation: None,
            expert_skew: 0.8,
            pools,
        };
        let steps = setup.steps(pools.decode()).unwrap();
        let CaseLoad::Concurrency(c) = case.load else { return };
        let b = (c / u64::from(pools.decode().parallel.dp)).max(1);
        let kv = b as f64 * (case.input.mean() + case.output.mean() / 2.0);
        let batch = if prefill == 0 {
            cost::Batch { decode: b, decode_kv: kv, ..Default::default() }
        } else {
            let n = case.input.mean() as u64;
            let k = prefill.div_ceil(n);
            cost::Batch {
                prefill: k,
                prefill_tokens: k * n,
                prefill_pairs: (k * n * (n + 1) / 2) as f64,
                ..Default::default()
            }
        };
        println!("storage {:?} parallel {:?}", setup.storage, pools.decode().parallel);
        let mut total = 0.0;
        let mut kernels = 0.0;
        for p in steps.tasks(&batch) {
            let t = steps.seconds(&p.task) * p.count;
            total += t;
            kernels += p.count;
            let (sol, extra) = match &p.task {
                cost::deploy::Task::Compute(op) => {
                    let o = machine.device.time(op);
                    (o.speed_of_light * p.count, format!("{:?} {:?} ovh {:.2}us", o.basis, o.bound, o.overhead * 1e6))
                }
                cost::deploy::Task::Exchange(e) => {
                    let o = machine.network.time(e);
                    (o.physical_bound * p.count, format!("{:?} {:?}", o.basis, o.algorithm))
                }
            };
            println!("{:>9.3} ms {:>9.3} sol {:?} x{} {} {:?}", t * 1e3, sol * 1e3, p.part, p.count, extra, p.task);
        }
        println!(
            "device {:.3} ms tasks {kernels} step {:.3} ms",
            total * 1e3,
            crate::predict::step_seconds(&steps, &batch) * 1e3
        );
    }

    /// Predicts every case; rows in the order of cases.
    pub fn predict(&self, cases: &[Case]) -> Vec<Row> {
        let models = self.models(cases);
        let machines = self.machines(cases);
        let one = |(index, case): (usize, &Case)| -> Vec<Row> {
            let outcome = self.case(case, &models, &machines);
            let row = |measured: &Measured| Row {
                case: index,
                measured: measured.clone(),
                predicted: outcome.as_ref().map_err(Clone::clone).and_then(|o| value(o, measured.metric)),
            };
            case.measured.iter().map(row).collect()
        };
        cases.par_iter().enumerate().map(one).collect::<Vec<_>>().into_iter().flatten().collect()
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

    fn case(
        &self,
        case: &Case,
        models: &BTreeMap<String, Result<Model, Refusal>>,
        machines: &BTreeMap<(String, &'static str), Result<Machine, Refusal>>,
    ) -> Result<Outcome, Refusal> {
        if let Some(reason) = &case.refused {
            return Err(Refusal::Row(reason.clone()));
        }
        let model = models[&case.model].as_ref().map_err(Clone::clone)?;
        let machine = machines[&(case.chip.clone(), case.engine)].as_ref().map_err(Clone::clone)?;
        let pools = match &case.mode {
            Mode::Aggregated(pool) => Pools::Together(resolve::pool(pool, model)),
            Mode::Disaggregated { prefill, decode } => {
                Pools::Split { prefill: resolve::pool(prefill, model), decode: resolve::pool(decode, model) }
            }
            Mode::PrefillOnly(pool) | Mode::DecodeOnly(pool) => Pools::Together(resolve::pool(pool, model)),
        };
        let setup = Setup {
            model,
            machine,
            engine: self.engine(case.engine)?,
            storage: resolve::storage(case, model),
            speculation: None,
            expert_skew: 0.8,
            pools,
        };
        let (concurrency, requests) = match case.load {
            CaseLoad::Concurrency(c) => (c, case.requests.unwrap_or(c * ROUNDS)),
            CaseLoad::Burst(n) | CaseLoad::Static(n) => (n, n),
            _ => return Err(Refusal::Row("open load".into())),
        };
        let work = workload::closed(concurrency, requests, &case.input, &case.output, case.prefix_hit);
        let longest = (case.input.longest() + case.output.longest()) as f64;
        Ok(setup.run(&work, longest, SEED)?.outcome)
    }
}

/// The predicted value of a metric.
fn value(outcome: &Outcome, metric: Metric) -> Result<f64, Refusal> {
    let tpot = || outcome.tpot.as_ref().ok_or_else(|| Refusal::Row("answers of one token have no TPOT".into()));
    Ok(match metric {
        Metric::TtftMean => outcome.ttft.mean,
        Metric::TtftP50 => outcome.ttft.p50,
        Metric::TtftP99 => outcome.ttft.p99,
        Metric::TpotMean => tpot()?.mean,
        Metric::TpotP50 => tpot()?.p50,
        Metric::TpotP99 => tpot()?.p99,
        Metric::LatencyMean => outcome.e2e.mean,
        Metric::OutputTokens => outcome.overall.output,
        Metric::InputTokens => outcome.overall.total - outcome.overall.output,
        Metric::TotalTokens => outcome.overall.total,
        Metric::Requests => outcome.overall.requests,
    })
}
