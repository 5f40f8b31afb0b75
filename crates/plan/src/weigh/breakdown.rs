//! Where the time of a step and the memory of a device go.

use std::collections::BTreeMap;

use catalog::Arithmetic;
use cost::calibration::{Basis, Bound, arithmetic_name};
use cost::comm::{self, Collective, Exchange, Phase};
use cost::deploy::{Memory, Part, Placed, Task};
use cost::{Batch, Op};

use super::fits::Fits;
use crate::findings::{OperatorShare, Roof};
use crate::machine::Fitted;
use crate::predict::{Setup, Side, step_seconds};

/// A step, by operators.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// In order of appearance.
    pub operators: Vec<OperatorShare>,
    /// Seconds of the step, host included.
    pub seconds: f64,
    /// Of it exchanges that nothing hides.
    pub communication: f64,
    /// Whose measurements stand behind most of the time of operators: the weakest that at least a quarter rests on.
    pub basis: Basis,
    /// Arithmetic that matrix products use.
    pub arithmetics: Vec<Arithmetic>,
    /// The fits behind the times.
    pub fits: Fits,
}

/// Sums of one operator.
#[derive(Default)]
struct Sum {
    seconds: f64,
    light: f64,
    flop: f64,
    bytes: f64,
    bounds: BTreeMap<&'static str, f64>,
    bases: BTreeMap<&'static str, f64>,
}

/// Takes a step with `batch` on each rank of a pool apart.
pub fn breakdown(setup: &Setup, side: &Side, batch: &Batch, phase: &str, fitted: &Fitted) -> Parts {
    let machine = setup.machine;
    let (mut sums, mut order): (BTreeMap<String, Sum>, Vec<String>) = (BTreeMap::new(), Vec::new());
    let (mut tasks, mut communication) = (0.0, 0.0);
    let mut rests = [0.0; 4];
    let mut arithmetics = Vec::new();
    let mut fits = Fits::default();
    for placed in side.steps.tasks(batch) {
        let name = name(&placed, setup);
        if !order.contains(&name) {
            order.push(name.clone());
        }
        let sum = sums.entry(name.clone()).or_default();
        let count = placed.count;
        let (seconds, light, bound, basis) = match &placed.task {
            Task::Compute(op) => {
                let time = machine.device.time(op);
                let work = op.work();
                fits.operator(&name, op, count * time.seconds, machine, &fitted.operators);
                sum.flop += count * work.flop.0;
                sum.bytes += count * work.bytes().0;
                rests[time.basis as usize] += count * time.seconds;
                if !matches!(op, Op::Elementwise { .. }) && !arithmetics.contains(&work.arithmetic) {
                    arithmetics.push(work.arithmetic);
                }
                (time.seconds, time.speed_of_light, bound_name(time.bound), basis_text(time.basis))
            }
            Task::Exchange(exchange) => {
                let time = machine.network.time(exchange);
                fits.exchange(&name, exchange, &time, count, machine);
                sum.bytes += count * exchange_bytes(exchange);
                communication += count * time.seconds;
                (time.seconds, time.physical_bound, "network", fabric_text(time.basis))
            }
        };
        tasks += count * seconds;
        sum.seconds += count * seconds;
        sum.light += count * light;
        *sum.bounds.entry(bound).or_default() += count * seconds;
        *sum.bases.entry(basis).or_default() += count * seconds;
    }
    let total = total(setup, side, batch);
    let most = |of: &BTreeMap<&'static str, f64>| -> String {
        let top = of.iter().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(a.0)));
        top.map_or_else(String::new, |(name, _)| (*name).to_owned())
    };
    let share = |seconds: f64| if total > 0.0 { seconds / total } else { 0.0 };
    let mut operators: Vec<OperatorShare> = order
        .into_iter()
        .filter_map(|name| {
            let sum = sums.get(&name)?;
            Some(OperatorShare {
                phase: phase.to_owned(),
                name,
                seconds: sum.seconds,
                share: share(sum.seconds),
                bound: most(&sum.bounds),
                speed_of_light: sum.light,
                flop: sum.flop,
                bytes: sum.bytes,
                basis: most(&sum.bases),
            })
        })
        .collect();
    let host = total - tasks;
    if host > 0.001 * total {
        operators.push(OperatorShare {
            phase: phase.to_owned(),
            name: "host".to_owned(),
            seconds: host,
            share: share(host),
            bound: "overhead".to_owned(),
            speed_of_light: 0.0,
            flop: 0.0,
            bytes: 0.0,
            basis: "engine profile".to_owned(),
        });
    }
    let computed: f64 = rests.iter().sum();
    let weakest = [Basis::Assumed, Basis::Class, Basis::Architecture];
    let basis = weakest.into_iter().find(|b| rests[*b as usize] >= 0.25 * computed && computed > 0.0);
    arithmetics.sort_unstable();
    Parts { operators, seconds: total, communication, basis: basis.unwrap_or(Basis::Chip), arithmetics, fits }
}

/// Seconds of a step with launches and what the host adds that the device does not hide.
fn total(setup: &Setup, side: &Side, batch: &Batch) -> f64 {
    let host = &setup.engine.host;
    let requests = (batch.decode + batch.prefill) as f64;
    let added = host.step.mid().0 + host.request.mid().0 * requests;
    let device = step_seconds(&side.steps, batch);
    let step = if setup.engine.scheduling.overlap.mid() { device.max(added) } else { device + added };
    step + host.prefill.mid().0 * batch.prefill as f64
}

/// What readers call it.
fn name(placed: &Placed, setup: &Setup) -> String {
    let exchange = |other: &'static str| match &placed.task {
        Task::Exchange(Exchange::Collective { operation, .. }) => match operation {
            Collective::AllReduce => "all-reduce",
            Collective::AllGather => "all-gather",
            Collective::ReduceScatter => "reduce-scatter",
            Collective::AllToAll => "all-to-all",
            Collective::Broadcast => "broadcast",
        },
        Task::Exchange(Exchange::Routed(routed)) => match routed.phase {
            Phase::Dispatch => "dispatch",
            Phase::Combine => "combine",
        },
        _ => other,
    };
    let name = match placed.part {
        Part::Projection => "projections",
        Part::Attention => "attention",
        Part::Indexer => "indexer",
        Part::Dense if setup.model.is_moe() => "shared experts",
        Part::Dense => "feed-forward",
        Part::Router => "router",
        Part::Experts => "experts",
        Part::Small => "norms and quantize",
        Part::Head => "output head",
        Part::TensorExchange | Part::ExpertExchange => exchange("exchange"),
        Part::StageExchange => "pipeline",
    };
    name.to_owned()
}

fn bound_name(bound: Bound) -> &'static str {
    match bound {
        Bound::Compute => "compute",
        Bound::Memory => "memory",
        Bound::Overhead => "overhead",
    }
}

fn basis_text(basis: Basis) -> &'static str {
    match basis {
        Basis::Chip => "measured on this chip",
        Basis::Architecture => "borrowed: architecture",
        Basis::Class => "borrowed: class of chips",
        Basis::Assumed => "assumed",
    }
}

fn fabric_text(basis: comm::Basis) -> &'static str {
    match basis {
        comm::Basis::Measured => "fabric: measured",
        comm::Basis::SameFabric => "fabric: measured under other chips",
        comm::Basis::SameShape => "borrowed: fabrics of this shape",
        comm::Basis::Other => "borrowed: other fabrics",
    }
}

/// Bytes that one rank hands over, about.
fn exchange_bytes(exchange: &Exchange) -> f64 {
    match exchange {
        Exchange::Collective { bytes, .. } | Exchange::SendRecv { bytes, .. } => *bytes,
        Exchange::Routed(r) => r.tokens * r.hidden as f64 * r.value_bits / 8.0 * r.top_k as f64,
    }
}

/// Memory of a device by kind.
pub fn memory(memory: &Memory) -> Vec<(String, f64)> {
    let rows = [
        ("weights", memory.weights),
        ("kv cache", memory.pool.max(0.0)),
        ("activations", memory.activations),
        ("reserved", memory.reserved),
    ];
    rows.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

/// What one device could do at best.
pub fn roof(setup: &Setup, arithmetics: &[Arithmetic]) -> Roof {
    let chip = &setup.machine.system.chip;
    let devices = f64::from(chip.devices.max(1));
    let mut peaks: Vec<(String, f64)> = Vec::new();
    for arithmetic in arithmetics {
        let native = cost::calibration::nearest_arithmetic(chip, *arithmetic);
        if let Some((native, peak)) = native.and_then(|n| Some((n, chip.peak.get(&n)?))) {
            let name = arithmetic_name(native).to_owned();
            if !peaks.iter().any(|(n, _)| *n == name) {
                peaks.push((name, peak.mid().0 / devices));
            }
        }
    }
    peaks.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Roof { bandwidth: chip.bandwidth.mid().0 / devices, peaks }
}
