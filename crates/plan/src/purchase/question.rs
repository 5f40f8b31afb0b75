//! The buyer's question, checked: what is wanted, what can be had, and what may happen.
//!
//! Every uncertain number is a [`Range`]; [`Question::inputs`] walks over all of them, so that sensitivity, break-even
//! points and maps need no list of their own.

use serde::{Deserialize, Serialize};
use units::Range;

use super::quarter::Quarter;
use crate::findings::FactUse;
use crate::study::{Candidate, Study};
use crate::train::TrainingStudy;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// What it is about.
    pub title: String,
    /// First quarter.
    pub start: Quarter,
    /// Quarters that are planned.
    pub quarters: usize,
    /// Quarters, from the first, whose orders are decided before it is known which scenario comes.
    pub decided: usize,
    /// What is best.
    pub goal: Goal,
    /// How scenarios count.
    pub against: Against,
    /// Most that may be spent in any scenario, in US dollars of the first quarter.
    pub budget: Option<Range<f64>>,
    /// Interest, write-off, currency.
    pub finance: Finance,
    /// Where systems stand.
    pub sites: Vec<Site>,
    /// Software stacks that work has to be moved to before it runs there.
    pub stacks: Vec<Stack>,
    /// Classes of work.
    pub work: Vec<Work>,
    /// What can be bought or rented.
    pub offers: Vec<Offer>,
    /// What may happen.
    pub scenarios: Vec<Scenario>,
    /// What else is asked about the answer.
    pub further: Further,
    /// Facts of the catalog that prices and terms rest on.
    pub facts: Vec<FactUse>,
    /// What the catalog says of the stacks and of the supply of the offers' chips, beside what is counted with.
    pub remarks: Vec<Remark>,
}

/// Something that the catalog says and no number takes in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// The stack or offer that it is about.
    pub about: String,
    /// What is said.
    pub says: String,
    /// Title of the source.
    pub source: String,
}

/// What is best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// All demand served at least cost.
    LeastCost,
    /// Most tokens for a budget.
    MostTokens,
    /// All demand served from the earliest quarter on, then at least cost.
    Earliest,
}

/// Goals by the name that a study writes.
pub const GOALS: [(&str, Goal); 3] =
    [("least cost", Goal::LeastCost), ("most tokens", Goal::MostTokens), ("earliest date", Goal::Earliest)];

/// How scenarios count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// Their mean by weight.
    Mean,
    /// The dearest.
    Worst,
    /// The largest regret: what a scenario costs more than if it had been known beforehand.
    Regret,
}

/// Ways to count scenarios by the name that a study writes.
pub const AGAINST: [(&str, Against); 3] =
    [("mean", Against::Mean), ("worst case", Against::Worst), ("least regret", Against::Regret)];

/// Money over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Finance {
    /// Interest by year: what is paid later counts less.
    pub interest: Range<f64>,
    /// Years after which a purchase is written off, and scrapped.
    pub lifetime_years: Range<f64>,
    /// What a purchase sells for at the end of the plan, as a share of what is not written off yet.
    pub resale: Range<f64>,
    /// Share of the time that a system's speed can be sold: demand comes in waves.
    pub utilisation: Range<f64>,
    /// Currency that the answer is shown in.
    pub currency: String,
    /// US dollars for one of it.
    pub usd: f64,
}

/// A place with power.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Name.
    pub name: String,
    /// Region, for prices and rules.
    pub region: String,
    /// Power for systems and cooling by quarter, watts; `None`: no limit.
    pub power: Option<Vec<Range<f64>>>,
    /// Racks; `None`: no limit.
    pub racks: Option<Range<f64>>,
    /// US dollars per kilowatt-hour.
    pub electricity: Range<f64>,
    /// Facility power over IT power.
    pub pue: Range<f64>,
    /// Building and its staff, US dollars per kilowatt of IT power and month.
    pub hosting: Range<f64>,
}

/// A software stack and the way to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// Name.
    pub name: String,
    /// What the catalog calls it in `porting.toml`, if it knows it.
    pub porting: Option<String>,
    /// Moving all work to it, US dollars, once.
    pub cost: Range<f64>,
    /// Quarters until work runs on it.
    pub quarters: Range<f64>,
    /// People who keep it running, US dollars a year from then on.
    pub staff: Range<f64>,
}

/// A class of work.
#[derive(Debug, Clone)]
pub struct Work {
    /// Name.
    pub name: String,
    /// What has to be done; its own systems are empty.
    pub ask: Ask,
    /// Tokens a day in the first quarter: generated ones of serving, processed ones of training.
    pub tokens_per_day: Range<f64>,
    /// Growth by quarter, as a share.
    pub growth: Range<f64>,
    /// First quarter with demand, counted from the start.
    pub from: usize,
    /// First quarter without, counted from the start.
    pub until: usize,
    /// US dollars that a million unserved tokens cost; `None`: all must be served.
    pub unmet: Option<Range<f64>>,
    /// Whether prefill and decode may run on different systems.
    pub apart: bool,
}

/// What has to be done.
#[derive(Debug, Clone)]
pub enum Ask {
    /// Requests to serve.
    Serve(Box<Study>),
    /// A model to train; its own systems are empty.
    Train(Box<TrainingStudy>),
}

impl Work {
    /// Tokens of one unit of demand: those that a request generates, or one.
    pub fn tokens_per_unit(&self) -> f64 {
        match &self.ask {
            Ask::Serve(study) => study.traffic.output.mean().max(1.0),
            Ask::Train(_) => 1.0,
        }
    }
}

/// A way to get systems.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Name.
    pub name: String,
    /// One unit: a system with so many chips.
    pub unit: Candidate,
    /// Id of the chip.
    pub chip: String,
    /// Index of its site; `None` where somebody else houses it.
    pub site: Option<usize>,
    /// Index of its stack; `None` where nothing has to be moved.
    pub stack: Option<usize>,
    /// Bought, or rented for how long.
    pub how: How,
    /// US dollars for one chip, or for one chip and hour.
    pub price: Range<f64>,
    /// Where the price comes from.
    pub price_source: String,
    /// Hosts, network and optics of one chip where the price has them not, US dollars.
    pub beside: Range<f64>,
    /// Duty or surcharge, as a share of the price.
    pub duty: Range<f64>,
    /// Share of it that reaches the buyer.
    pub pass_through: Range<f64>,
    /// Quarters from order to delivery.
    pub lead: Range<f64>,
    /// First quarter of orders.
    pub from: usize,
    /// First quarter without orders.
    pub until: usize,
    /// Most units a quarter; `None`: no limit.
    pub supply: Option<Range<f64>>,
    /// Most units over all; `None`: no limit.
    pub stock: Option<Range<f64>>,
    /// IT power of a unit, watts. 0 for rents.
    pub power: Range<f64>,
    /// Racks of a unit.
    pub racks: f64,
    /// Where the chip comes from, for rules that ask.
    pub origin: Option<String>,
}

/// Bought or rented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Bought.
    Buy,
    /// Rented for so many quarters at a time.
    Rent {
        /// Quarters that an order lasts and is paid for.
        quarters: usize,
    },
}

/// What may happen.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Name.
    pub name: String,
    /// How likely, as a share; all add up to one.
    pub weight: f64,
    /// What happens in it.
    pub events: Vec<Event>,
}

/// Something that happens to offers, sites or demand for a while.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What it is called: the id of a policy, or words of the study.
    pub name: String,
    /// Indices of the offers that it is about.
    pub offers: Vec<usize>,
    /// Indices of the sites that it is about.
    pub sites: Vec<usize>,
    /// Indices of the work that it is about.
    pub work: Vec<usize>,
    /// First quarter, counted from the start.
    pub from: usize,
    /// First quarter after it.
    pub until: usize,
    /// What it does.
    pub effect: Effect,
}

/// What an event does.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Nothing is delivered: orders of these quarters lapse unpaid.
    Ban,
    /// What is there may not be used either.
    NoUse,
    /// A share of the price comes on top.
    Surcharge(Range<f64>),
    /// The price is multiplied.
    Price(Range<f64>),
    /// At most so many chips of all these offers together, over the whole time.
    Cap(Range<f64>),
    /// What can be had a quarter is multiplied.
    Supply(Range<f64>),
    /// Deliveries come so many quarters later.
    Delay(Range<f64>),
    /// At least this share of ordered chips comes from the named origin.
    OriginShare(String, Range<f64>),
    /// Power of a site is multiplied.
    Power(Range<f64>),
    /// Electricity is multiplied.
    Electricity(Range<f64>),
    /// Demand is multiplied.
    Demand(Range<f64>),
}

/// What else is asked about the answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Further {
    /// Whether the answer says how far each uncertain input moves it.
    pub tornado: bool,
    /// Break-even points.
    pub break_even: Vec<BreakEven>,
    /// Maps over two inputs.
    pub maps: Vec<Map>,
}

/// At which value of an input an offer starts or stops to pay.
#[derive(Debug, Clone, PartialEq)]
pub struct BreakEven {
    /// Path of the input.
    pub input: String,
    /// Least value that is looked at.
    pub low: f64,
    /// Most value.
    pub high: f64,
    /// Index of the offer.
    pub offer: usize,
}

/// What a map shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Cost of the plan.
    Cost,
    /// Units of an offer, by index.
    Units(usize),
}

/// A map over two inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// Input across and its values.
    pub x: (String, Vec<f64>),
    /// Input upwards and its values.
    pub y: (String, Vec<f64>),
    /// What each cell shows.
    pub shown: Shown,
}

impl Question {
    /// The name of a quarter, counted from the start.
    pub fn quarter(&self, index: usize) -> Quarter {
        self.start.plus(index)
    }
}
