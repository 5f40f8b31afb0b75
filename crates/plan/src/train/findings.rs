//! The answer to a training study: what every face shows. Names of fields are the JSON's; times are in seconds, energies
//! in joules, money in US dollars.

use serde::{Deserialize, Serialize};

use crate::findings::{Estimate, FactUse, Paid};

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingFindings {
    /// Version of this layout.
    pub schema: u32,
    /// Version of the program.
    pub program: String,
    /// The study's title.
    pub title: String,
    /// The model's published name.
    pub model: String,
    /// Parameters.
    pub parameters: f64,
    /// Parameters that a token meets.
    pub active_parameters: f64,
    /// Tokens of the run.
    pub tokens: f64,
    /// Tokens of a sequence.
    pub sequence: u64,
    /// Sequences of a step.
    pub batch: u64,
    /// Operands of linear layers.
    pub precision: String,
    /// How MFU is counted.
    pub mfu_convention: String,
    /// `days`, `cost`, `energy`, `tokens per chip`.
    pub objective: String,
    /// Systems, best first; those without a plan last.
    pub systems: Vec<TrainingSystem>,
}

impl TrainingFindings {
    /// Systems that have a plan, best first.
    pub fn trained(&self) -> impl Iterator<Item = (&TrainingSystem, &TrainingChoice)> {
        self.systems.iter().filter_map(|s| match &s.answer {
            TrainingAnswer::Trains(choice) => Some((s, choice.as_ref())),
            _ => None,
        })
    }
}

/// The answer for one system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingSystem {
    /// Key in the catalog.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Its chip.
    pub chip: String,
    /// Chips used.
    pub chips: u32,
    /// The best plan, or why there is none.
    pub answer: TrainingAnswer,
    /// Plans priced in closed form.
    pub priced: u64,
    /// Plans that exceed the memory.
    pub too_large: u64,
    /// Plans played by the event engine.
    pub played: u64,
    /// Whether closed form and event engine name the same best plan.
    pub agreed: bool,
    /// Plans that do not come out even, by reason.
    pub refused: Vec<(String, u64)>,
}

/// The best plan, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TrainingAnswer {
    /// It trains.
    Trains(Box<TrainingChoice>),
    /// No plan fits.
    NoPlan {
        /// Bytes that the plan with the least needs on a device; 0 where no plan divides model and batch.
        needs: f64,
        /// Bytes of a device.
        has: f64,
        /// That plan, in short.
        plan: String,
        /// Chips with which one fits, if any number tried does.
        nearest_chips: Option<u32>,
    },
    /// The catalog lacks facts.
    Incomplete {
        /// Their paths.
        missing: Vec<String>,
    },
}

/// A plan in words and numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanWords {
    /// Framework profile.
    pub framework: String,
    /// Degrees by name: those above one, and the micro-batch.
    pub degrees: Vec<(String, u32)>,
    /// Schedule.
    pub schedule: String,
    /// Chunks of a device.
    pub chunks: u32,
    /// Sharding.
    pub sharding: String,
    /// Ranks that share a copy.
    pub shard: u32,
    /// Recomputation.
    pub recompute: String,
    /// Layers of each chunk that are computed again, where only some are.
    pub recomputed_layers: u32,
    /// How context is exchanged; empty without context parallelism.
    pub context: String,
    /// What lives in the host's memory.
    pub offload: Vec<String>,
    /// Micro-batches of a step.
    pub micro_batches: u64,
}

/// A share of the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// What: `compute`, `recompute`, `tensor`, `context`, `expert`, `data`, `pipeline`, `bubble`, `optimizer`, `offload`,
    /// `other`.
    pub what: String,
    /// Seconds of a step.
    pub seconds: f64,
}

/// Exchanges of one kind, and what of them is seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    /// `tensor`, `context`, `expert`, `data`, `pipeline`.
    pub what: String,
    /// Seconds on the links in a step.
    pub seconds: f64,
    /// Of these, seconds that nothing hides.
    pub exposed: f64,
}

/// The best plan that spreads a layer over so many devices: experts, or a layer's products where there are none. In closed
/// form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WidthShare {
    /// `EP` or `TP`.
    pub what: String,
    /// Its degree.
    pub degree: u32,
    /// The plan in short.
    pub plan: String,
    /// Seconds of its step.
    pub step: f64,
    /// Share of the step in which nothing but exchanges goes on.
    pub exposed: f64,
    /// Seconds of the step if nothing were hidden behind operators.
    pub bare_step: f64,
    /// Share of that step in exchanges.
    pub bare: f64,
}

/// The best plan and what it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingChoice {
    /// How.
    pub plan: PlanWords,
    /// Seconds of a step.
    pub step: Estimate,
    /// Tokens per second and chip.
    pub tokens_per_chip: Estimate,
    /// Share of the dense 16-bit peak by the convention of the findings.
    pub mfu_half: f64,
    /// The same of the dense peak of the format that computes.
    pub mfu: f64,
    /// Where the step goes.
    pub shares: Vec<Share>,
    /// Where communication goes.
    pub traffic: Vec<Traffic>,
    /// Where communication would go in plans of other widths, narrowest first.
    #[serde(default)]
    pub widths: Vec<WidthShare>,
    /// Memory of the fullest device by kind.
    pub memory: Vec<(String, f64)>,
    /// Memory of a device.
    pub memory_capacity: f64,
    /// Bytes in the host's memory, of one device.
    pub host_memory: f64,
    /// Steps of the run.
    pub steps: f64,
    /// Share of the time not lost to faults; `None`: days are without faults.
    pub effective: Option<Estimate>,
    /// Why the fault model cannot tell it, where it was asked.
    pub fault_note: String,
    /// Days of the run, with what faults take where that is told.
    pub days: Estimate,
    /// Joules of the run at the facility; `None` where the power is unknown.
    pub energy: Option<Estimate>,
    /// US dollars of the run; `None` where no price is known.
    pub cost: Option<Estimate>,
    /// What the price is, for people.
    pub cost_basis: Option<Paid>,
    /// Limits of the study that it misses: `time`, `power`, `money`.
    pub misses: Vec<String>,
    /// What stands behind the chip's efficiency: `chip`, `architecture`, `class`.
    pub basis: String,
    /// The step as the event engine played it: its beginning and its end.
    pub timeline: Timeline,
    /// The whole step, for a trace; files of findings do not hold it.
    #[serde(skip)]
    pub whole: Timeline,
    /// Runners-up in short: plan and step seconds.
    pub others: Vec<(String, f64)>,
    /// Assumed and disputed facts that it rests on.
    pub rests_on: Vec<FactUse>,
}

/// Works of a step on every stage.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Timeline {
    /// Stages.
    pub stages: u32,
    /// Seconds of the whole step.
    pub end: f64,
    /// Seconds at either end of the step whose works are told: half of it where all are.
    #[serde(default)]
    pub told: f64,
    /// Works: stage, start, end, kind (`forward`, `backward`, `input`, `weight`, `optimizer`, `gather`, `reduce`), chunk,
    /// micro-batch.
    pub works: Vec<(u32, f64, f64, String, u32, u32)>,
}

impl TrainingFindings {
    /// US dollars of a trained token on a system of these findings; `None` where no price is known.
    pub fn cost_per_token(&self, choice: &TrainingChoice) -> Option<Estimate> {
        let all = choice.cost?;
        let of = |dollars: f64| dollars / self.tokens;
        Some(Estimate { value: of(all.value), low: of(all.low), high: of(all.high) })
    }
}

impl TrainingChoice {
    /// Seconds of exchanges over those of the step, hidden or not: above 1 where several links are busy at a time.
    pub fn on_links(&self) -> f64 {
        self.traffic.iter().map(|t| t.seconds).sum::<f64>() / self.step.value
    }

    /// Share of the step in which nothing but exchanges goes on.
    pub fn exposed(&self) -> f64 {
        self.traffic.iter().map(|t| t.exposed).sum::<f64>() / self.step.value
    }
}
