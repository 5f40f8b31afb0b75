//! What a programme of a question is made of: money, limits, and where its columns are.

use super::super::program::Program;
use super::super::terms::Terms;

/// What money pays for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Systems bought.
    Purchase,
    /// Duties and surcharges.
    Surcharge,
    /// Hosts, network and optics beside the chips.
    Beside,
    /// Rent.
    Rent,
    /// Electricity.
    Electricity,
    /// Building and its staff.
    Hosting,
    /// Moving work to a stack.
    Migration,
    /// People who keep a stack running.
    Staff,
    /// What purchases are worth at the end: below 0.
    Resale,
    /// What unserved demand costs.
    Unmet,
}

impl Kind {
    /// All of them, in the order of showing.
    pub const ALL: [Kind; 10] = [
        Kind::Purchase,
        Kind::Surcharge,
        Kind::Beside,
        Kind::Rent,
        Kind::Electricity,
        Kind::Hosting,
        Kind::Migration,
        Kind::Staff,
        Kind::Resale,
        Kind::Unmet,
    ];

    /// Its name in findings.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Purchase => "purchase",
            Kind::Surcharge => "surcharge",
            Kind::Beside => "hosts and network",
            Kind::Rent => "rent",
            Kind::Electricity => "electricity",
            Kind::Hosting => "hosting",
            Kind::Migration => "migration",
            Kind::Staff => "staff",
            Kind::Resale => "resale",
            Kind::Unmet => "unmet demand",
        }
    }
}

/// What a unit of a column costs in one scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Charge {
    /// The column.
    pub column: usize,
    /// The scenario.
    pub scenario: usize,
    /// When it is paid.
    pub quarter: usize,
    /// For what.
    pub kind: Kind,
    /// For which offer, if for one.
    pub offer: Option<usize>,
    /// Millions of US dollars of the first quarter.
    pub amount: f64,
}

/// A limit that has a worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// The row.
    pub row: usize,
    /// What it limits.
    pub what: LimitOf,
    /// Its scenario; `None` where all share it.
    pub scenario: Option<usize>,
    /// Its quarter; `None` where it spans all.
    pub quarter: Option<usize>,
    /// What one unit of the row is in the limit's own unit (watts in a megawatt, ...).
    pub unit: f64,
}

/// What a limit limits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LimitOf {
    /// Megawatts of a site.
    Power(usize),
    /// Racks of a site.
    Racks(usize),
    /// Units of an offer a quarter.
    Supply(usize),
    /// Units of an offer over all.
    Stock(usize),
    /// Chips of an event's cap.
    Cap(String),
    /// A share by origin.
    Share(String),
    /// Millions of US dollars.
    Budget,
}

/// Where the columns of a decision are.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// Orders by scenario, offer, quarter. Decided quarters have the same column in all scenarios.
    pub order: Vec<Vec<Vec<Option<usize>>>>,
    /// Units that stand by scenario, offer, quarter.
    pub stand: Vec<Vec<Vec<Option<usize>>>>,
    /// Units at work by scenario, offer, task, quarter.
    pub work: Vec<Vec<Vec<Vec<Option<usize>>>>>,
    /// Share of demand left by scenario, work, quarter.
    pub unmet: Vec<Vec<Vec<Option<usize>>>>,
    /// Stacks moved to from the start, and after the scenario is known: by stack, by scenario and stack.
    pub moved: Vec<Option<usize>>,
    /// The same after the scenario is known.
    pub moved_later: Vec<Vec<Option<usize>>>,
    /// The largest cost or regret.
    pub worst: Option<usize>,
}

/// A question as a programme.
#[derive(Debug, Clone)]
pub struct Model {
    /// The programme.
    pub program: Program,
    /// Its columns.
    pub index: Index,
    /// Its money.
    pub ledger: Vec<Charge>,
    /// Its limits.
    pub limits: Vec<Limit>,
    /// Terms by scenario.
    pub terms: Vec<Terms>,
    /// Demand in units a quarter by scenario, work, quarter.
    pub demand: Vec<Vec<Vec<f64>>>,
    /// Quarters that a unit of each offer serves.
    pub serves: Vec<usize>,
    /// Millions of US dollars that all unserved demand of a class and quarter costs beyond the ledger, where all must be
    /// served.
    pub penalty: f64,
}
