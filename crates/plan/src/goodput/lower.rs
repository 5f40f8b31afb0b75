//! A job and a machine as the simulation takes them.

use catalog::Fact;
use catalog::faults::{Effect, FaultKind, Part, PathStep, StepTime, Way};
use sim::Nanos;
use sim::goodput::{Checkpoints, Fault, Maintenance, Paths, Response, Scenario, Step, Units, Without, daly};
use units::Seconds;

use super::doubt::{Doubt, Values, What, evidence};
use super::{Job, Machine, Refusal, Save, WithoutSpare};

/// Least training between two saves: nobody saves more often than a step takes.
const LEAST_EVERY: f64 = 1.0;
const PPM: f64 = 1e6;
/// Five years, in seconds.
const NEVER: f64 = 5.0 * 365.25 * 86_400.0;

/// A scenario, and the names of what is only an index in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Lowered {
    /// What is simulated.
    pub scenario: Scenario,
    /// Kind and cause of each fault.
    pub faults: Vec<(String, String)>,
    /// Names of steps by index.
    pub steps: Vec<String>,
    /// Mean time between interruptions by faults, seconds; infinite without any.
    pub mean_between: f64,
    /// The best interval by Daly's formula, bounded as a job has to bound it, seconds.
    pub best_every: f64,
    /// Time to read the checkpoint, seconds.
    pub reload: f64,
}

/// Parts of a kind that a job on so many chips uses: chips, nodes or one, times the parts of each.
pub fn count(kind: &FaultKind, chips: f64, machine: &Machine, values: &mut Values) -> f64 {
    let of = match kind.of {
        Part::Chip => chips,
        Part::Node => (chips / machine.faults.node.mid()).ceil(),
        Part::Job => 1.0,
    };
    of * kind.parts.as_ref().map_or(1.0, |fact| values.fact(What::Parts(kind.name.clone()), fact))
}

/// Chips of a unit of replacement.
pub fn unit(job: &Job, machine: &Machine) -> f64 {
    if !machine.rewire {
        return f64::from(job.chips);
    }
    machine.unit.map_or(machine.faults.unit.mid(), f64::from).min(f64::from(job.chips))
}

/// Failures per second of one part of a kind.
pub fn rate(kind: &FaultKind, machine: &Machine, without: &[String], values: &mut Values) -> Result<f64, Refusal> {
    let path = format!("faults/{}.{}", machine.faults.id, kind.name);
    let doubt = Doubt::of_fleets(&evidence(kind, without)).ok_or(Refusal::NoEvidence { path: path.clone() })?;
    Ok(values.of(What::Rate(kind.name.clone()), &path, || doubt))
}

/// Everything in the simulation's terms, with the values of one run.
pub fn lower(job: &Job, machine: &Machine, without: &[String], values: &mut Values) -> Result<Lowered, Refusal> {
    let chips = f64::from(job.chips);
    let unit = unit(job, machine);
    let mut lowered = Faults { machine, values, list: Vec::new(), names: Vec::new() };
    for kind in &machine.faults.kinds {
        // The catalog's unit decides what is between units, whether or not units can be exchanged.
        if !kind.between_units || chips > machine.faults.unit.mid() {
            lowered.add(kind, chips, unit, without)?;
        }
    }
    let (faults, names) = (lowered.list, lowered.names);
    let interrupts =
        |f: &&Fault| matches!(f.response, Response::Restart | Response::Replace | Response::Reroute { .. });
    let total: f64 = faults.iter().filter(interrupts).map(|f| f.rate).sum();
    let mean_between = 1.0 / total;

    let write = (job.checkpoint.size / job.checkpoint.write).0;
    let reload = (job.checkpoint.size / job.checkpoint.read).0;
    let blocks = match job.checkpoint.save {
        Save::Blocking => write,
        Save::Background(stall) => stall.0,
    };
    let durable = write.max(blocks);
    let length = job.length.0;
    // The next save cannot begin before the last is done.
    let best_every = daly(blocks, mean_between.min(length)).max(durable).max(LEAST_EVERY);
    let every = job.checkpoint.every.map_or(best_every, |s| s.0);

    let mut steps = Steps { values, reload, names: Vec::new() };
    let replace = if machine.rewire { Way::Replace } else { Way::Relocate };
    let paths = Paths {
        restart: steps.path(machine, Way::Restart)?,
        replace: steps.path(machine, replace)?,
        evict: steps.path(machine, if machine.rewire { Way::Evict } else { Way::Relocate })?,
        resume: steps.path(machine, Way::Resume)?,
    };
    let steps = steps.names;
    let used = (chips / unit).ceil() as u32;
    let replica = ((f64::from(job.replica) / unit).ceil() as u32).clamp(1, used);
    let without_spare = match machine.without_spare {
        WithoutSpare::Wait => Without::Wait,
        WithoutSpare::Shrink(chips) => Without::Shrink(((f64::from(chips) / unit).ceil() as u32).clamp(replica, used)),
    };
    let nanos = Nanos::from_seconds;
    let maintenance = match job.maintenance {
        Some(m) => Some(Maintenance {
            every: nanos("maintenance.every", m.every.0)?,
            lasts: nanos("maintenance.lasts", m.lasts.0)?,
        }),
        None => None,
    };
    let mut repair = values.fact(What::Repair, &seconds(&machine.faults.repair));
    if !machine.rewire {
        repair = whole_repair(&faults, chips / machine.faults.node.mid(), repair);
    }
    let scenario = Scenario {
        length: nanos("job.length", length)?,
        units: Units {
            used,
            spares: machine.spares,
            replica,
            without: without_spare,
            repair: nanos("repair", repair)?,
        },
        faults,
        paths,
        checkpoints: Checkpoints {
            every: nanos("checkpoint.every", every)?,
            blocks: nanos("checkpoint.stall", blocks)?,
            durable: nanos("checkpoint.write", durable)?,
        },
        maintenance,
    };
    Ok(Lowered { scenario, faults: names, steps, mean_between, best_every, reload })
}

/// Mean time until a machine of so many nodes is whole again once one of them failed: nodes fail and are repaired side by
/// side, so another may fail meanwhile. From the share of time in which all are up, and how often that ends.
fn whole_repair(faults: &[Fault], nodes: f64, repair: f64) -> f64 {
    let fail: f64 = faults.iter().filter(|f| f.response == Response::Replace).map(|f| f.rate).sum();
    if fail == 0.0 {
        return repair;
    }
    let all_up = (1.0 + fail / nodes * repair).powf(-nodes);
    // What would take years never ends within a job.
    ((1.0 / all_up - 1.0) / fail).min(NEVER)
}

/// Faults in the making.
struct Faults<'a> {
    machine: &'a Machine,
    values: &'a mut Values,
    list: Vec<Fault>,
    names: Vec<(String, String)>,
}

impl Faults<'_> {
    fn add(&mut self, kind: &FaultKind, chips: f64, unit: f64, without: &[String]) -> Result<(), Refusal> {
        let each = rate(kind, self.machine, without, self.values)?;
        let parts = count(kind, chips, self.machine, self.values);
        let in_unit = match kind.of {
            Part::Job => 0.0,
            _ => count(kind, unit, self.machine, self.values),
        };
        for cause in &kind.causes {
            let share = cause.share.mid();
            let response = self.response(&cause.name, &cause.effect)?;
            let spare_rate = if response == Response::Replace { each * in_unit * share } else { 0.0 };
            self.list.push(Fault { rate: each * parts * share, spare_rate, response });
            self.names.push((kind.name.clone(), cause.name.clone()));
        }
        Ok(())
    }

    fn response(&mut self, cause: &str, effect: &Effect) -> Result<Response, Refusal> {
        let name = || cause.to_owned();
        Ok(match effect {
            Effect::Restart => Response::Restart,
            Effect::Replace => Response::Replace,
            Effect::Reroute { slower, repair } => Response::Reroute {
                slower: self.slower(cause, slower),
                healed: self.time(What::RepairOf(name()), repair)?,
            },
            Effect::Stall { lasts } => Response::Stall { lasts: self.time(What::Stall(name()), lasts)? },
            Effect::Slow { slower, unnoticed } => Response::Slow {
                slower: self.slower(cause, slower),
                unnoticed: self.time(What::Unnoticed(name()), unnoticed)?,
            },
            Effect::Corrupt { unnoticed } => {
                Response::Corrupt { unnoticed: self.time(What::Unnoticed(name()), unnoticed)? }
            }
        })
    }

    fn slower(&mut self, cause: &str, fact: &Fact<f64>) -> u64 {
        (self.values.fact(What::Slower(cause.to_owned()), fact) * PPM).round() as u64
    }

    fn time(&mut self, what: What, fact: &Fact<Seconds>) -> Result<Nanos, Refusal> {
        Ok(Nanos::from_seconds("faults", self.values.fact(what, &seconds(fact)))?)
    }
}

/// Steps in the making: one number for each name.
struct Steps<'a> {
    values: &'a mut Values,
    reload: f64,
    names: Vec<String>,
}

impl Steps<'_> {
    fn path(&mut self, machine: &Machine, way: Way) -> Result<Vec<Step>, Refusal> {
        let name = Way::NAMED.iter().find(|(_, w)| *w == way).map_or("", |(name, _)| *name);
        let missing = || Refusal::NoWay { path: format!("faults/{}.way.{name}", machine.faults.id) };
        machine.faults.ways.get(&way).ok_or_else(missing)?.iter().map(|step| self.step(step)).collect()
    }

    fn step(&mut self, step: &PathStep) -> Result<Step, Refusal> {
        let at = self.names.iter().position(|n| *n == step.name).unwrap_or_else(|| {
            self.names.push(step.name.clone());
            self.names.len() - 1
        });
        let lasts = match &step.time {
            StepTime::Known(fact) => self.values.fact(What::Step(step.name.clone()), &seconds(fact)),
            StepTime::Reload => self.reload,
        };
        let chance =
            step.chance.as_ref().map_or(1.0, |fact| self.values.fact(What::Chance(step.name.clone()), fact).min(1.0));
        Ok(Step { name: at as u8, lasts: Nanos::from_seconds("way.step.time", lasts)?, chance })
    }
}

/// The time to repair, as a plain number of seconds.
fn seconds(fact: &Fact<Seconds>) -> Fact<f64> {
    fact.map(|s| s.0)
}
