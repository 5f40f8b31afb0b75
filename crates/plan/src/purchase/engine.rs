//! Rates from the engines that weigh systems for serving and for training: each cell of the table is a search of its own.

use std::collections::BTreeMap;
use std::sync::Mutex;

use cost::train::TrainingCalibration;

use super::question::{Ask, Offer, Work};
use super::rates::{NoRate, Phase, Rate, Source};
use crate::findings::{Answer, Choice, Reason};
use crate::study::{Levels, Study};
use crate::traffic::Lengths;
use crate::train::findings::TrainingAnswer;
use crate::train::study::TrainingCandidate;
use crate::train::{self, TrainingGround, TrainingStudy, Watch};
use crate::weigh::{Ground, weigh};

/// Weighs one system at a time and remembers what it found, by all that goes in.
pub struct Engine<'a> {
    ground: Ground<'a>,
    chips: &'a TrainingCalibration,
    watch: Watch<'a>,
    known: Mutex<BTreeMap<String, Result<Rate, NoRate>>>,
}

impl<'a> Engine<'a> {
    /// With what weighing rests on.
    pub fn new(ground: Ground<'a>, chips: &'a TrainingCalibration) -> Engine<'a> {
        Engine { ground, chips, watch: Watch::NOBODY, known: Mutex::default() }
    }

    /// Searches for training plans that `watch` stops leave no rate.
    pub fn watched(self, watch: Watch<'a>) -> Engine<'a> {
        Engine { watch, ..self }
    }

    /// Remembers by `key`, which prints everything that the answer depends on.
    fn once(&self, key: String, find: impl FnOnce() -> Result<Rate, NoRate>) -> Result<Rate, NoRate> {
        let known = self.known.lock().map_or(None, |map| map.get(&key).cloned());
        if let Some(rate) = known {
            return rate;
        }
        let rate = find();
        if let Ok(mut map) = self.known.lock() {
            map.insert(key, rate.clone());
        }
        rate
    }

    /// Training: tokens a second of the unit.
    fn train(&self, offer: &Offer, study: &TrainingStudy) -> Result<Rate, NoRate> {
        let mut study = study.clone();
        study.systems = vec![TrainingCandidate { candidate: offer.unit.clone(), framework: None }];
        let Ground { catalog, fitted, intervals, done } = self.ground;
        let ground = TrainingGround { catalog, fitted, chips: self.chips, intervals, done, watch: self.watch };
        self.once(format!("{study:?}"), || {
            let findings = train::weigh(&study, &ground).map_err(|error| NoRate(error.to_string()))?;
            let Some(system) = findings.systems.first() else { return Err(NoRate("no system".into())) };
            match &system.answer {
                TrainingAnswer::Trains(choice) => {
                    let (e, chips) = (choice.tokens_per_chip, f64::from(offer.unit.chips));
                    let degrees: Vec<String> = choice.plan.degrees.iter().map(|(n, d)| format!("{n} {d}")).collect();
                    let setup = format!("{}, {}", choice.plan.framework, degrees.join(", "));
                    Ok(Rate { per_second: e.value * chips, low: e.low * chips, high: e.high * chips, setup })
                }
                TrainingAnswer::NoPlan { needs, has, nearest_chips, .. } => {
                    Err(NoRate(why(&Reason::DoesNotFit { needs: *needs, has: *has, nearest_chips: *nearest_chips })))
                }
                TrainingAnswer::Incomplete { missing } => Err(NoRate(format!("lacks {}", missing.join(", ")))),
            }
        })
    }

    fn weigh(&self, study: &Study) -> Result<Rate, NoRate> {
        let findings = weigh(study, &self.ground);
        let Some(system) = findings.systems.first() else { return Err(NoRate("no system".into())) };
        let per_request = study.traffic.output.mean().max(1.0);
        match &system.answer {
            Answer::Served(choice) => {
                let tokens = choice.tokens_per_system;
                let of = |x: f64| x / per_request;
                let (low, high) = (of(tokens.low), of(tokens.high));
                Ok(Rate { per_second: of(tokens.value), low, high, setup: setup(choice) })
            }
            Answer::Unserved { reason, .. } => Err(NoRate(why(reason))),
            Answer::Incomplete { missing } => Err(NoRate(format!("lacks {}", missing.join(", ")))),
        }
    }
}

impl Source for Engine<'_> {
    fn rate(&self, offer: &Offer, work: &Work, phase: Phase) -> Result<Rate, NoRate> {
        let mut study = match &work.ask {
            Ask::Serve(study) => (**study).clone(),
            Ask::Train(study) => return self.train(offer, study),
        };
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
        self.once(format!("{study:?}"), || self.weigh(&study))
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
        Reason::DoesNotDivide { what, count, of } => format!("{what} does not divide {count} {of}"),
        Reason::NotAsNamed { setup } => format!("no set-up is as named: {setup}"),
        Reason::Overloaded { asked, reached } => format!("reaches {reached:.2} of {asked:.2} requests/s"),
    }
}
