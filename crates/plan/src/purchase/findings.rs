//! The answer to a plan's question: what every face shows.
//!
//! Names of fields are the JSON's; money is in millions of US dollars of the first quarter, power in watts.

use serde::{Deserialize, Serialize};

use super::quarter::Quarter;
use super::question::Remark;
use crate::findings::{Estimate, FactUse};

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanFindings {
    /// Version of this layout.
    pub schema: u32,
    /// Version of the program.
    pub program: String,
    /// The question's title.
    pub title: String,
    /// `least cost`, `most tokens`, `earliest date`.
    pub goal: String,
    /// `mean`, `worst case`, `least regret`.
    pub against: String,
    /// Currency that a face shows, and the US dollars for one of it.
    pub currency: (String, f64),
    /// The quarters.
    pub quarters: Vec<Quarter>,
    /// How many of them are decided before the scenario is known.
    pub decided: usize,
    /// Classes of work.
    pub work: Vec<WorkFinding>,
    /// Sites.
    pub sites: Vec<String>,
    /// Offers.
    pub offers: Vec<OfferFinding>,
    /// Scenarios.
    pub scenarios: Vec<ScenarioFinding>,
    /// The plan, or why there is none.
    pub answer: PlanAnswer,
    /// Facts that it rests on.
    pub facts: Vec<FactUse>,
    /// What the catalog says beside.
    pub remarks: Vec<Remark>,
}

/// A class of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkFinding {
    /// Name.
    pub name: String,
    /// What it is, in words: model, prompt and answer.
    pub what: String,
    /// `serving` or `training`.
    pub kind: String,
}

/// An offer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfferFinding {
    /// Name.
    pub name: String,
    /// Display name of the system.
    pub system: String,
    /// Chips of a unit.
    pub chips: u32,
    /// `buy` or `rent`.
    pub how: String,
    /// Site, if it has one.
    pub site: Option<String>,
    /// US dollars for a chip, or for a chip and hour.
    pub price: Estimate,
    /// Where the price comes from.
    pub price_source: String,
    /// Stack that work must be moved to.
    pub stack: Option<String>,
    /// Rates by task.
    pub rates: Vec<RateFinding>,
}

/// How fast a unit does a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateFinding {
    /// Name of the task.
    pub task: String,
    /// Tokens a second of a unit, or why it cannot.
    pub tokens: Result<Estimate, String>,
    /// How it is set up.
    pub setup: String,
}

/// A scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScenarioFinding {
    /// Name.
    pub name: String,
    /// Weight.
    pub weight: f64,
    /// What happens, one phrase an event: name, and quarter from which.
    pub events: Vec<(String, Quarter)>,
}

/// The plan, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PlanAnswer {
    /// A plan.
    Plan(Box<PlanFinding>),
    /// None.
    Short(ShortFinding),
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShortFinding {
    /// Work, quarter and share of its demand that cannot be served.
    pub unserved: Vec<(String, Quarter, f64)>,
    /// Limits that bind, the one that helps most first: name, kind, and percent of a quarter's demand that one more unit
    /// would serve.
    pub binding: Vec<LimitFinding>,
    /// Work that no offer can do, with the reason of each offer.
    pub undoable: Vec<(String, Vec<(String, String)>)>,
}

/// A limit and its worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LimitFinding {
    /// `power`, `racks`, `supply`, `stock`, `cap`, `share`, `budget`.
    pub kind: String,
    /// Of what: a site, an offer, an event.
    pub of: String,
    /// What one unit more is worth: millions of US dollars, trillions of tokens, or quarters' demand.
    pub worth: f64,
    /// Quarters in which it binds.
    pub quarters: Vec<Quarter>,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanFinding {
    /// What is minimised.
    pub total: f64,
    /// No plan is below this.
    pub bound: f64,
    /// Share of the bound that may be left to gain.
    pub gap: f64,
    /// Whether it is proven to be the best.
    pub proven: bool,
    /// First quarter from which all demand is served.
    pub served_from: Option<Quarter>,
    /// Mean cost over scenarios.
    pub cost: f64,
    /// What it would be if all uncertain inputs were at their cheap ends and units need not be whole; an end without a
    /// plan is `None`.
    pub cost_low: Option<f64>,
    /// The same at the middle.
    #[serde(default)]
    pub cost_mid: Option<f64>,
    /// The same at the dear ends.
    pub cost_high: Option<f64>,
    /// Why the dear end has no plan, where it has none.
    pub dear: Option<ShortFinding>,
    /// By scenario.
    pub by_scenario: Vec<ScenarioPlan>,
    /// Orders.
    pub orders: Vec<Order>,
    /// What works where.
    pub places: Vec<Place>,
    /// Demand and what is served of it.
    pub served: Vec<Served>,
    /// Power.
    pub power: Vec<PowerUse>,
    /// Every amount of money.
    pub spent: Vec<Spent>,
    /// What one unit more of each limit is worth.
    pub worth: Vec<LimitFinding>,
    /// How far each uncertain input moves the cost.
    pub tornado: Vec<Swing>,
    /// Break-even points.
    pub break_even: Vec<EvenFinding>,
    /// Maps.
    pub maps: Vec<MapFinding>,
}

/// A scenario's sums.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScenarioPlan {
    /// Cost.
    pub cost: f64,
    /// What it costs more than if it had been known; `None` unless regret counts.
    pub regret: Option<f64>,
    /// Tokens that are wanted.
    pub wanted: f64,
    /// Tokens that are served.
    pub served: f64,
    /// Chips that stand in the last quarter.
    pub chips: f64,
    /// Largest power of all sites together, watts.
    pub power: f64,
}

/// An order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Its scenario; `None` if it is made in all.
    pub scenario: Option<usize>,
    /// Index of the offer.
    pub offer: usize,
    /// Index of the quarter.
    pub quarter: usize,
    /// Index of the quarter of delivery; `None` if it lapses in that scenario, or differs between scenarios.
    pub arrives: Option<usize>,
    /// Index of the first quarter in which it serves no more, by the end of a rent or of its life; at most the number of
    /// quarters.
    pub until: Option<usize>,
    /// Units.
    pub units: f64,
}

/// Units at work.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Index of the scenario.
    pub scenario: usize,
    /// Index of the offer.
    pub offer: usize,
    /// Index of the work.
    pub work: usize,
    /// `whole`, `prefill` or `decode`.
    pub phase: super::rates::Phase,
    /// Index of the quarter.
    pub quarter: usize,
    /// Units.
    pub units: f64,
    /// Tokens of the quarter; of prefill none, so that the sum counts each token once.
    pub tokens: f64,
}

/// Demand of a quarter and what is served of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Served {
    /// Index of the scenario.
    pub scenario: usize,
    /// Index of the work.
    pub work: usize,
    /// Index of the quarter.
    pub quarter: usize,
    /// Tokens wanted.
    pub wanted: f64,
    /// Tokens served.
    pub served: f64,
    /// Tokens that all units that stand could serve if they did nothing else.
    pub capacity: f64,
}

/// Power of a site.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PowerUse {
    /// Index of the scenario.
    pub scenario: usize,
    /// Index of the site.
    pub site: usize,
    /// Index of the quarter.
    pub quarter: usize,
    /// Watts, cooling included.
    pub watts: f64,
    /// Watts there are.
    pub limit: Option<f64>,
}

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    /// Index of the scenario.
    pub scenario: usize,
    /// Index of the quarter; the number of quarters for what is settled at the end.
    pub quarter: usize,
    /// `purchase`, `rent`, `electricity`, ...
    pub kind: String,
    /// Index of the offer, if it is of one.
    pub offer: Option<usize>,
    /// Index of the site, if it is at one.
    pub site: Option<usize>,
    /// Index of the work that it is for: by the share of unit-quarters; `None` for what never works.
    pub work: Option<usize>,
    /// Millions of US dollars.
    pub amount: f64,
}

/// How far an uncertain input moves the cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Swing {
    /// Path of the input.
    pub input: String,
    /// Its unit.
    pub unit: String,
    /// Its ends.
    pub range: (f64, f64, f64),
    /// Cost at its low end; `None` where no plan serves all demand.
    pub at_low: Option<f64>,
    /// Cost at its high end.
    pub at_high: Option<f64>,
    /// Cost at its middle. All three where units need not be whole.
    pub at_mid: f64,
}

/// Where an offer starts or stops to pay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvenFinding {
    /// Path of the input.
    pub input: String,
    /// Its unit.
    pub unit: String,
    /// Name of the offer.
    pub offer: String,
    /// What the plan counts with.
    pub now: f64,
    /// The span that was looked at.
    pub span: (f64, f64),
    /// Units of the offer at both ends of the span.
    pub units: (f64, f64),
    /// The value at which it starts or stops to pay; `None` where it does not in the span.
    pub at: Option<f64>,
}

/// A map over two inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapFinding {
    /// Input across, its unit and values.
    pub x: (String, String, Vec<f64>),
    /// Input upwards, its unit and values.
    pub y: (String, String, Vec<f64>),
    /// What the plan counts with, across and upwards.
    #[serde(default)]
    pub now: Option<(f64, f64)>,
    /// `cost` or the name of an offer.
    pub shown: String,
    /// Values, row by row upwards; `None` where no plan serves all demand.
    pub cells: Vec<Vec<Option<f64>>>,
}
