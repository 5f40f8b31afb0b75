//! What the parts of a machine promise each, and what they give together: why 99.999 % of a switch is not the
//! availability of a job.

use catalog::faults::Effect;

use super::doubt::Values;
use super::lower::{count, rate, unit};
use super::{Job, Machine, Refusal};

/// Parts that can be down.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// Each kind of part.
    pub kinds: Vec<PartKind>,
    /// Units that the job uses, and spares.
    pub units: u32,
    /// See `units`.
    pub spares: u32,
    /// Chips of a unit.
    pub unit: f64,
    /// Share of the time in which one unit has no part down that takes it out of a job.
    pub unit_up: f64,
    /// Share of the time in which all units that the job began with are up.
    pub all_up: f64,
    /// Share of the time in which as many units are up, the spares among them.
    pub enough_up: f64,
}

/// A kind of part.
#[derive(Debug, Clone, PartialEq)]
pub struct PartKind {
    /// Its name.
    pub name: String,
    /// How many the job uses.
    pub count: f64,
    /// Failures of one a day.
    pub per_day: f64,
    /// Share of the time in which one is not under repair; none where nothing is repaired.
    pub up: Option<f64>,
    /// Share of the time in which all are.
    pub all_up: Option<f64>,
}

const DAY: f64 = 86_400.0;

/// Availabilities in closed form, from failures and repairs in balance: `1 / (1 + rate x repair)`.
pub fn parts(job: &Job, machine: &Machine, without: &[String]) -> Result<Parts, Refusal> {
    let values = &mut Values::default();
    let (chips, unit) = (f64::from(job.chips), unit(job, machine));
    let repair = machine.faults.repair.mid().0;
    let mut kinds = Vec::new();
    let mut unit_down = 0.0;
    for kind in &machine.faults.kinds {
        if kind.between_units && chips <= machine.faults.unit.mid() {
            continue;
        }
        let each = rate(kind, machine, without, values)?;
        let parts = count(kind, chips, machine, values);
        let mut down = 0.0;
        for cause in &kind.causes {
            down += match &cause.effect {
                Effect::Replace => {
                    unit_down += each * cause.share.mid() * parts * unit / chips * repair;
                    each * cause.share.mid() * repair
                }
                Effect::Reroute { repair, .. } => each * cause.share.mid() * repair.mid().0,
                _ => 0.0,
            };
        }
        let up = (down > 0.0).then(|| 1.0 / (1.0 + down));
        let all_up = up.map(|up| up.powf(parts));
        kinds.push(PartKind { name: kind.name.clone(), count: parts, per_day: each * DAY, up, all_up });
    }
    let units = (chips / unit).ceil() as u32;
    // Nodes of a unit fail and are repaired side by side.
    let nodes = (unit / machine.faults.node.mid()).max(1.0);
    let unit_up = (1.0 + unit_down / nodes).powf(-nodes);
    Ok(Parts {
        kinds,
        units,
        spares: machine.spares,
        unit,
        unit_up,
        all_up: unit_up.powf(f64::from(units)),
        enough_up: at_least(units, units + machine.spares, unit_up),
    })
}

/// The chance that at least `need` of `all` are up where each is with chance `up`, independent of the others.
fn at_least(need: u32, all: u32, up: f64) -> f64 {
    // Terms of the binomial distribution from none down on, in logarithms against underflow.
    let mut log_choose = 0.0;
    let mut sum = 0.0;
    for down in 0..=(all - need) {
        if down > 0 {
            log_choose += f64::from(all - down + 1).ln() - f64::from(down).ln();
        }
        let log_down = if down == 0 { 0.0 } else { f64::from(down) * (1.0 - up).ln() };
        sum += (log_choose + f64::from(all - down) * up.ln() + log_down).exp();
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spares_are_binomial() {
        // Two of three at 90 %: 0.729 + 3 x 0.081.
        assert!((at_least(2, 3, 0.9) - 0.972).abs() < 1e-12);
        assert!((at_least(2, 2, 0.9) - 0.81).abs() < 1e-12);
        assert!((at_least(1000, 1000, 0.999) - 0.999f64.powi(1000)).abs() < 1e-12);
        assert_eq!(at_least(5, 9, 1.0), 1.0);
    }
}
