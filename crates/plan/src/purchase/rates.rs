//! How fast a unit of an offer does a task, and where that is known from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use units::Range;

use super::question::{Offer, Question, Work};
use super::solver::Unsolved;
use super::watch::Watch;

/// The part of a class of work that a system does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// All of it.
    Whole,
    /// Reading prompts.
    Prefill,
    /// Writing answers to prompts that were read elsewhere.
    Decode,
}

/// A column of the table of rates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Index of the work.
    pub work: usize,
    /// Part of it.
    pub phase: Phase,
    /// Name, for people.
    pub name: String,
}

/// The tasks of a question.
pub fn tasks(work: &[Work]) -> Vec<Task> {
    let mut tasks = Vec::new();
    for (i, w) in work.iter().enumerate() {
        tasks.push(Task { work: i, phase: Phase::Whole, name: w.name.clone() });
        if w.apart {
            tasks.push(Task { work: i, phase: Phase::Prefill, name: format!("{}, prefill", w.name) });
            tasks.push(Task { work: i, phase: Phase::Decode, name: format!("{}, decode", w.name) });
        }
    }
    tasks
}

/// How fast one unit does a task, when it does nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Units of demand a second: requests of serving, tokens of training.
    pub per_second: f64,
    /// Lower end of its 90 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How it is set up, for people.
    pub setup: String,
}

/// Why a unit does not do a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoRate(pub String);

/// Whoever knows how fast a unit does a task. Serving is answered by [`super::engine::Engine`]; training plugs in here.
pub trait Source: Sync {
    /// The rate of one unit of `offer` at `phase` of `work`.
    ///
    /// # Errors
    /// Why it cannot do it, in words.
    fn rate(&self, offer: &Offer, work: &Work, phase: Phase) -> Result<Rate, NoRate>;
}

/// The table: rows are offers, columns tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    /// Columns.
    pub tasks: Vec<Task>,
    /// Rows.
    pub table: Vec<Vec<Result<Rate, NoRate>>>,
}

impl Rates {
    /// Asks a source for every cell. Offers of the same system are asked for once.
    ///
    /// # Errors
    /// It was called off.
    pub fn ask(question: &Question, source: &dyn Source, watch: &Watch) -> Result<Rates, Unsolved> {
        use rayon::prelude::*;
        let tasks = tasks(&question.work);
        let key = |o: &Offer| (o.unit.system.id.clone(), o.unit.chips, o.unit.engine.clone());
        let mut cells: BTreeMap<_, &Offer> = BTreeMap::new();
        for offer in &question.offers {
            for (t, _) in tasks.iter().enumerate() {
                cells.entry((key(offer), t)).or_insert(offer);
            }
        }
        let ask = |(k, offer): (_, &Offer)| {
            let (_, t): &((String, u32, Option<String>), usize) = &k;
            let task = &tasks[*t];
            watch.check()?;
            let rate = source.rate(offer, &question.work[task.work], task.phase);
            (watch.step)(&offer.name);
            Ok((k, rate))
        };
        let cells: Vec<_> = cells.into_iter().collect();
        (watch.expect)(cells.len() as u64);
        let known: Vec<_> = cells.into_par_iter().map(ask).collect::<Result<_, Unsolved>>()?;
        let known: BTreeMap<_, _> = known.into_iter().collect();
        let row = |o: &Offer| (0..tasks.len()).map(|t| known[&(key(o), t)].clone()).collect();
        let table = question.offers.iter().map(row).collect();
        Ok(Rates { tasks, table })
    }

    /// The rate of an offer at a task; 0 where it cannot do it.
    pub fn per_second(&self, offer: usize, task: usize) -> f64 {
        self.table[offer][task].as_ref().map_or(0.0, |r| r.per_second)
    }

    /// How far the speed of an offer is uncertain, as a factor on all its rates: the widest of its tasks.
    pub fn doubt(&self, offer: usize) -> Range<f64> {
        let mut range: Range<f64> = Range::exact(1.0);
        for rate in self.table[offer].iter().flatten().filter(|r| r.per_second > 0.0) {
            range.low = range.low.min(rate.low / rate.per_second);
            range.high = range.high.max(rate.high / rate.per_second);
        }
        range
    }
}
