//! Which fits stand behind the times of a step, and how good they are.

use cost::calibration::{Subject, arithmetic_name};
use cost::comm::{Exchange, ExchangeTime, Scope};
use cost::{Calibration, Op};

use crate::findings::FitUse;
use crate::machine::Machine;

/// Fits with the seconds that they price.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fits {
    list: Vec<(FitUse, f64)>,
}

impl Fits {
    /// Counts `seconds` of an operator that readers know as `name`.
    pub fn operator(&mut self, name: &str, op: &Op, seconds: f64, machine: &Machine, calibration: &Calibration) {
        let family = cost::calibration::Family::of(op);
        let entry = machine.device.entry(op).and_then(|i| calibration.entries.get(i));
        let found = match entry {
            Some(entry) => FitUse {
                operators: Vec::new(),
                share: 0.0,
                subject: match &entry.subject {
                    Subject::Chip { id, .. } => id.clone(),
                    Subject::Class(class) => format!("class {}", class.name()),
                },
                what: format!(
                    "{} {} / {}",
                    family.name(),
                    entry.format.storage.name(),
                    arithmetic_name(entry.format.arithmetic)
                ),
                stack: entry.stack.clone(),
                rows: entry.fit.n,
                median: entry.fit.median.max(entry.fit.held_out),
                p90: entry.fit.p90,
            },
            None => FitUse {
                operators: Vec::new(),
                share: 0.0,
                subject: String::new(),
                what: family.name().to_owned(),
                stack: String::new(),
                rows: 0,
                median: 0.0,
                p90: 0.0,
            },
        };
        let found = if machine.device.interpolates(op) {
            FitUse { what: format!("{} (between rows of your table)", found.what), ..found }
        } else {
            found
        };
        self.add(found, name, seconds);
    }

    /// Counts an exchange, `count` times.
    pub fn exchange(&mut self, name: &str, exchange: &Exchange, time: &ExchangeTime, count: f64, machine: &Machine) {
        let network = &machine.network;
        let Some((scope, fit)) = network.origin(time.tier, exchange) else { return };
        let found = FitUse {
            operators: Vec::new(),
            share: 0.0,
            subject: subject(scope),
            what: network.kind(time.tier, exchange).name().replace('_', " "),
            stack: scope.stack.clone().unwrap_or_default(),
            rows: fit.n,
            median: fit.median,
            p90: fit.p90,
        };
        self.add(found, name, count * time.seconds);
    }

    fn add(&mut self, new: FitUse, name: &str, seconds: f64) {
        let same = |old: &FitUse| old.subject == new.subject && old.what == new.what && old.stack == new.stack;
        let at = match self.list.iter().position(|(old, _)| same(old)) {
            Some(at) => at,
            None => {
                self.list.push((new, 0.0));
                self.list.len() - 1
            }
        };
        let (fit, sum) = &mut self.list[at];
        *sum += seconds;
        if !fit.operators.iter().any(|o| o == name) {
            fit.operators.push(name.to_owned());
        }
    }

    /// Those of several steps that take `seconds` together, the most time first.
    pub fn shares(all: impl IntoIterator<Item = Fits>, seconds: f64) -> Vec<FitUse> {
        let mut sum = Fits::default();
        for (fit, time) in all.into_iter().flat_map(|f| f.list) {
            for name in fit.operators.clone() {
                sum.add(fit.clone(), &name, time / fit.operators.len() as f64);
            }
        }
        let share = |(fit, time): (FitUse, f64)| FitUse { share: time / seconds.max(1e-30), ..fit };
        let mut list: Vec<FitUse> = sum.list.into_iter().map(share).collect();
        list.sort_by(|a, b| {
            b.share.total_cmp(&a.share).then_with(|| (&a.subject, &a.what).cmp(&(&b.subject, &b.what)))
        });
        list
    }
}

/// For whom curves of exchanges were fitted.
fn subject(scope: &Scope) -> String {
    let fabric = scope.fabric.as_deref().map(|f| f.to_owned());
    let shape = scope.shape.as_deref().map(|s| format!("any {s}"));
    let place = fabric.or(shape);
    match (&scope.architecture, place) {
        (Some(architecture), Some(place)) => format!("{architecture} {place}"),
        (Some(architecture), None) => architecture.clone(),
        (None, Some(place)) => place,
        (None, None) => "any fabric".to_owned(),
    }
}
