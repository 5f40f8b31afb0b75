//! A question with its rates: all numbers that a plan is made of.

use units::Range;

use super::inputs::Input;
use super::quarter::HOURS;
use super::question::Question;
use super::rates::{Rates, Source};
use super::solver::Unsolved;
use super::watch::Watch;

/// A question with its rates.
#[derive(Debug, Clone)]
pub struct Case {
    /// The question.
    pub question: Question,
    /// Rates of every offer at every task.
    pub rates: Rates,
    /// Factor on all rates of an offer: 1 with what is uncertain about them.
    pub speed: Vec<Range<f64>>,
}

impl Case {
    /// Asks for the rates of a question.
    ///
    /// # Errors
    /// It was called off.
    pub fn new(question: Question, source: &dyn Source, watch: &Watch) -> Result<Case, Unsolved> {
        let rates = Rates::ask(&question, source, watch)?;
        let speed = (0..question.offers.len()).map(|o| rates.doubt(o)).collect();
        Ok(Case { question, rates, speed })
    }

    /// Units of demand a second that one unit of an offer does; 0 where it cannot.
    pub fn per_second(&self, offer: usize, task: usize) -> f64 {
        self.rates.per_second(offer, task) * self.speed[offer].mid
    }

    /// Units of demand a quarter, at the share of the time that can be sold.
    pub fn per_quarter(&self, offer: usize, task: usize) -> f64 {
        self.per_second(offer, task) * HOURS * 3600.0 * self.question.finance.utilisation.mid
    }

    /// Walks over every number that may be uncertain, speeds included.
    pub fn inputs(&mut self, see: &mut dyn FnMut(Input)) {
        self.question.inputs(see);
        for (offer, speed) in self.question.offers.iter().zip(&mut self.speed) {
            let path = format!("offer.{}.speed", offer.name);
            see(Input { path, unit: "x", range: speed, engine: false });
        }
    }

    /// The case with one input at one value; `None` if there is no such input. Rates are asked for again where the
    /// input is one of the engine's.
    ///
    /// # Errors
    /// It was called off.
    pub fn with(&self, path: &str, value: f64, source: &dyn Source, watch: &Watch) -> Result<Option<Case>, Unsolved> {
        let mut case = self.clone();
        let mut found = None;
        case.inputs(&mut |input| {
            if input.path == path {
                *input.range = Range::exact(value);
                found = Some(input.engine);
            }
        });
        match found {
            None => Ok(None),
            Some(true) => Case::new(case.question, source, watch).map(Some),
            Some(false) => Ok(Some(case)),
        }
    }

    /// Paths of all inputs with unit and range.
    pub fn listed(&self) -> Vec<(String, &'static str, Range<f64>)> {
        let mut all = Vec::new();
        self.clone().inputs(&mut |input| all.push((input.path, input.unit, *input.range)));
        all
    }
}
