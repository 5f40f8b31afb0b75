//! Rates of serving, from the engine that weighs systems: each cell of the table is a search of its own.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::question::{Ask, Offer, Work};
use super::rates::{NoRate, Phase, Rate, Source};
use crate::findings::{Answer, Choice, Reason};
use crate::study::{Levels, Study};
use crate::traffic::Lengths;
use crate::weigh::{Ground, weigh};

/// Weighs one system at a time and remembers what it found, by all that goes in.
pub struct Engine<'a> {
    ground: Ground<'a>,
    known: Mutex<BTreeMap<String, Result<Rate, NoRate>>>,
}

impl<'a> Engine<'a> {
    /// With what weighing rests on.
    pub fn new(ground: Ground<'a>) -> Engine<'a> {
        Engine { ground, known: Mutex::default() }
    }

    fn weigh(&self, study: &Study) -> Result<Rate, NoRate> {
        let findings = weigh(study, &self.ground).map_err(|faults| {
            NoRate(faults.first().map_or_else(|| "engine profiles are wrong".to_owned(), ToString::to_string))
        })?;
        let Some(system) = findings.systems.first() else { return Err(NoRate("no system".into())) };
        let per_request = study.traffic.output.mean().max(1.0);
        match &system.answer {
            Answer::Served(choice) => {
                let tokens = choice.tokens_per_system;
                let of = |x: f64| x / per_request;
                let (low, high) = (of(tokens.low), of(tokens.high));
                Ok(Rate { per_second: of(tokens.value), low, high, setup: setup(choice) })
            }
            Answer::Unserved { reason } => Err(NoRate(why(reason))),
            Answer::Incomplete { missing } => Err(NoRate(format!("lacks {}", missing.join(", ")))),
        }
    }
}

impl Source for Engine<'_> {
    fn rate(&self, offer: &Offer, work: &Work, phase: Phase) -> Result<Rate, NoRate> {
        let Ask::Serve(study) = &work.ask else {
            return Err(NoRate("this engine serves; it does not train".into()));
        };
        let mut study = (**study).clone();
        match phase {
            Phase::Whole => {}
            // Reading: the answer's first token alone, and the levels of it.
            Phase::Prefill => {
                study.traffic.output = Lengths::Fixed(1);
                study.traffic.mtp_accepted = None;
                study.levels = Levels { ttft: study.levels.ttft, ..Levels::default() };
            }
            // Writing: the prompt's cache comes from elsewhere.
            Phase::Decode => {
                study.traffic.prefix_hit = 1.0;
                study.levels = Levels { tpot: study.levels.tpot, ..Levels::default() };
            }
        }
        study.systems = vec![offer.unit.clone()];
        // Everything that the answer depends on, printed, is its key.
        let key = format!("{study:?}");
        let known =
            |map: &Mutex<BTreeMap<String, Result<Rate, NoRate>>>| map.lock().map_or(None, |map| map.get(&key).cloned());
        if let Some(rate) = known(&self.known) {
            return rate;
        }
        let rate = self.weigh(&study);
        if let Ok(mut map) = self.known.lock() {
            map.insert(key, rate.clone());
        }
        rate
    }
}

fn setup(choice: &Choice) -> String {
    let s = &choice.setup;
    let degrees = |p: &crate::findings::Parallel| {
        let mut out = format!("TP{}", p.tp);
        for (name, degree) in [("PP", p.pp), ("DP", p.dp), ("EP", p.ep)] {
            if degree > 1 {
                out.push_str(&format!(" {name}{degree}"));
            }
        }
        out
    };
    let main = format!("{} x {}", s.replicas, degrees(&s.parallel));
    let pools = match &s.prefill {
        Some((replicas, p)) => format!("{replicas} x {} + {main}", degrees(p)),
        None => main,
    };
    format!("{}, {pools}, {}", s.engine, s.weights)
}

fn why(reason: &Reason) -> String {
    match reason {
        Reason::DoesNotFit { needs, has, nearest_chips } => {
            let nearest = nearest_chips.map_or(String::new(), |n| format!("; nearest that fits: {n} chips"));
            format!("needs {:.0} GB on the fullest chip, has {:.0}{nearest}", needs / 1e9, has / 1e9)
        }
        Reason::MissesLevel { level, bound, best } => format!("{level}: {best:.3} s at best, {bound:.3} s allowed"),
        Reason::DoesNotDivide { what, of } => format!("{what} does not divide {of}"),
        Reason::Overloaded { asked, reached } => format!("reaches {reached:.2} of {asked:.2} requests/s"),
    }
}
