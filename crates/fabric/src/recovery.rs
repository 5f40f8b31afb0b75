//! The way back to work after a fault: its steps and their times, as the catalog has them for a kind of machine.

use catalog::faults::{Faults, PathStep, StepTime, Way};
use catalog::{Fact, Kind};
use units::Seconds;

use crate::estimate::RemedyKind;

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// "detect", "re-wire", "reload".
    pub name: String,
    /// Seconds when it is needed: usual, least, most; `None` where a job's checkpoint decides.
    pub seconds: Option<[f64; 3]>,
    /// How often it is needed; 1 is always.
    pub chance: f64,
    /// What stands behind the time.
    pub kind: Option<Kind>,
    /// Key of its source.
    pub source: String,
}

/// A way back.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovery {
    /// Which.
    pub way: Way,
    /// Chips that are taken out of the job and come back as a whole.
    pub unit: f64,
    /// In order.
    pub steps: Vec<Step>,
    /// Seconds of all steps whose time is known, each as often as it is needed: usual, least, most.
    pub seconds: [f64; 3],
    /// Whether reading a checkpoint comes on top.
    pub reload: bool,
}

/// The way that a remedy takes on such machines: around a dead part, or without it, the same units start again; what is
/// replaced or re-wired takes the way of replacing.
///
/// # Errors
/// The path of the missing way, `faults/tpu_slice.way.replace`.
pub fn recovery(faults: &Faults, remedy: RemedyKind) -> Result<Recovery, String> {
    let way = match remedy {
        RemedyKind::Reroute | RemedyKind::Shrink => Way::Restart,
        RemedyKind::Rewire | RemedyKind::Replace => Way::Replace,
    };
    let name = Way::NAMED.iter().find(|(_, w)| *w == way).map_or("", |(name, _)| *name);
    let steps = faults.ways.get(&way).ok_or_else(|| format!("faults/{}.way.{name} is missing", faults.id))?;
    let steps: Vec<Step> = steps.iter().map(step).collect();
    let mut seconds = [0.0; 3];
    for s in &steps {
        for (sum, time) in seconds.iter_mut().zip(s.seconds.unwrap_or_default()) {
            *sum += s.chance * time;
        }
    }
    let reload = steps.iter().any(|s| s.seconds.is_none());
    Ok(Recovery { way, unit: faults.unit.mid(), steps, seconds, reload })
}

fn step(step: &PathStep) -> Step {
    let known: Option<&Fact<Seconds>> = match &step.time {
        StepTime::Known(fact) => Some(fact),
        StepTime::Reload => None,
    };
    Step {
        name: step.name.clone(),
        seconds: known.map(|f| [f.value.mid.0, f.value.low.0, f.value.high.0]),
        chance: step.chance.as_ref().map_or(1.0, Fact::mid),
        kind: known.map(|f| f.kind),
        source: known.map_or_else(String::new, |f| f.source.clone()),
    }
}

#[cfg(test)]
mod tests {
    use catalog::Catalog;

    use super::*;

    fn of(system: &str, remedy: RemedyKind) -> Recovery {
        let catalog = Catalog::embedded();
        let system = catalog.system(system).expect("known");
        recovery(catalog.faults_of(system).expect("facts"), remedy).expect("a way")
    }

    #[test]
    fn mirrors_turn_in_milliseconds_and_jobs_come_back_in_minutes() {
        let rewired = of("google_ironwood_9216", RemedyKind::Rewire);
        let time =
            |name: &str| rewired.steps.iter().find(|s| s.name == name).and_then(|s| s.seconds).expect("a time")[0];
        assert!(time("re-wire") < 0.01);
        assert!(rewired.reload && rewired.seconds[0] > 1e3 * time("re-wire") && rewired.seconds[0] > 60.0);
        assert!(rewired.seconds[1] < rewired.seconds[0] && rewired.seconds[0] < rewired.seconds[2]);
        assert_eq!(rewired.unit, 64.0);
        // Around a dead link nothing is re-wired.
        assert!(of("google_ironwood_9216", RemedyKind::Reroute).steps.iter().all(|s| s.name != "re-wire"));
    }

    #[test]
    fn the_sum_is_of_steps_as_often_as_needed() {
        let rack = of("nvidia_gb200_nvl72", RemedyKind::Replace);
        let sum: f64 = rack.steps.iter().filter_map(|s| s.seconds.map(|t| t[0] * s.chance)).sum();
        // 5 min, a person for 2 h in one of twenty, 50 s, 1 min.
        assert!((sum - (300.0 + 0.05 * 7200.0 + 50.0 + 60.0)).abs() < 1e-9 && sum == rack.seconds[0]);
    }
}
