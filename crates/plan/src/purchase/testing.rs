//! Small questions for tests: real shapes, invented numbers.

use catalog::Catalog;
use catalog::written::{Document, Table};
use units::Range;

use super::case::Case;
use super::quarter::Quarter;
use super::question::{
    Against, Ask, Effect, Event, Finance, Further, Goal, How, Offer, Question, Scenario, Site, Work,
};
use super::rates::{NoRate, Phase, Rate, Source};
use crate::study::{Candidate, Library};

/// A source that knows rates by the names of offer and work, in units a second.
pub struct Known(pub Vec<(String, String, f64)>);

impl Source for Known {
    fn rate(&self, offer: &Offer, work: &Work, _: Phase) -> Result<Rate, NoRate> {
        let found = self.0.iter().find(|(o, w, _)| *o == offer.unit.system.id && *w == work.name);
        let rate = found.map(|f| f.2).ok_or_else(|| NoRate("cannot".into()))?;
        Ok(Rate { per_second: rate, low: 0.8 * rate, high: 1.25 * rate, setup: "test".into() })
    }
}

pub fn exact(x: f64) -> Range<f64> {
    Range::exact(x)
}

/// One of eight chips of any complete system of the catalog: its numbers play no part in plans.
fn unit(id: &str) -> Candidate {
    let catalog = Catalog::embedded();
    let listed = catalog.systems().find(|s| s.checked.is_ok()).expect("a complete system");
    let mut system = listed.checked.clone().expect("complete");
    system.id = id.to_owned();
    Candidate {
        system,
        chips: 8,
        engine: None,
        given: Default::default(),
        price: None,
        surcharge: exact(0.0),
        pass_through: exact(1.0),
    }
}

/// An offer of units of eight chips at `price` dollars a chip.
pub fn offer(name: &str, price: f64, how: How) -> Offer {
    Offer {
        name: name.to_owned(),
        unit: unit(name),
        chip: name.to_owned(),
        site: (how == How::Buy).then_some(0),
        stack: None,
        how,
        price: exact(price),
        price_source: "test".into(),
        beside: exact(0.0),
        duty: exact(0.0),
        pass_through: exact(1.0),
        lead: exact(0.0),
        from: 0,
        until: usize::MAX,
        supply: None,
        stock: None,
        power: exact(10_000.0),
        racks: 1.0,
        origin: None,
    }
}

/// Work of so many tokens a day.
pub fn work(name: &str, tokens_per_day: f64) -> Work {
    let catalog = Catalog::embedded();
    let library = Library { catalog: &catalog, folder: None };
    let text = "model = \"llama-3.1-8b\"\nsequence = 4096\nbatch = 256";
    let doc = Document::new("test", text);
    let root = doc.parse();
    let study = crate::train::study::work(&Table::root(&doc, &root), None, library).expect("sound");
    Work {
        name: name.to_owned(),
        ask: Ask::Train(Box::new(study)),
        tokens_per_day: exact(tokens_per_day),
        growth: exact(0.0),
        from: 0,
        until: usize::MAX,
        unmet: None,
        apart: false,
    }
}

/// A scenario.
pub fn scenario(name: &str, weight: f64, events: Vec<Event>) -> Scenario {
    Scenario { name: name.to_owned(), weight, events }
}

/// An event about offers, from a quarter on.
pub fn event(offers: Vec<usize>, from: usize, effect: Effect) -> Event {
    Event { name: "event".into(), offers, sites: vec![], work: vec![], from, until: usize::MAX, effect }
}

/// A question with one site, no interest, no resale and two years of life.
pub fn question(quarters: usize, work: Vec<Work>, offers: Vec<Offer>) -> Question {
    Question {
        title: "test".into(),
        start: Quarter::parse("2026-Q4").expect("a quarter"),
        quarters,
        decided: 1,
        goal: Goal::LeastCost,
        against: Against::Mean,
        budget: None,
        finance: Finance {
            interest: exact(0.0),
            lifetime_years: exact(2.0),
            resale: exact(0.0),
            utilisation: exact(1.0),
            currency: "USD".into(),
            usd: 1.0,
        },
        sites: vec![Site {
            name: "here".into(),
            region: "world".into(),
            power: None,
            racks: None,
            electricity: exact(0.0),
            pue: exact(1.0),
            hosting: exact(0.0),
        }],
        stacks: vec![],
        work,
        offers,
        scenarios: vec![scenario("base", 1.0, vec![])],
        further: Further::default(),
        facts: vec![],
        remarks: vec![],
    }
}

/// A case with rates in tokens a day by offer, the same for all work.
pub fn case(question: Question, tokens_per_day: &[f64]) -> Case {
    let mut known = Vec::new();
    for (offer, rate) in question.offers.iter().zip(tokens_per_day) {
        for work in &question.work {
            known.push((offer.name.clone(), work.name.clone(), rate / 86_400.0));
        }
    }
    Case::new(question, &Known(known), &super::watch::Watch::NOBODY).expect("rates")
}
