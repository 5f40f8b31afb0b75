//! The answer to a study: what every face (table, report, JSON, page) shows, and all that it shows.
//!
//! Names of fields are the JSON's; times are in seconds, rates per second, power in watts, money in US dollars.

use serde::{Deserialize, Serialize};

/// A prediction with its 90 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The prediction.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Estimate {
    /// The same in a unit that holds so many of this one: 3.6e12 J are a GWh.
    pub fn per(self, unit: f64) -> Estimate {
        Estimate { value: self.value / unit, low: self.low / unit, high: self.high / unit }
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// Version of this layout.
    pub schema: u32,
    /// Version of the program.
    pub program: String,
    /// The study's title.
    pub title: String,
    /// The model.
    pub model: ModelSummary,
    /// Traffic: name and value.
    pub traffic: Vec<(String, Saying)>,
    /// Levels, in words of the study.
    pub levels: Vec<(String, String)>,
    /// `cost per token`, `tokens per chip`, `energy`, `chips`.
    pub objective: String,
    /// Systems, best first; those that cannot serve come last.
    pub systems: Vec<SystemFinding>,
}

/// A part of the question; a face words it in its language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum Saying {
    /// So many tokens.
    Tokens {
        /// Count.
        tokens: u64,
    },
    /// Between two counts, all alike.
    Uniform {
        /// Least.
        low: u64,
        /// Most.
        high: u64,
    },
    /// Log-normal.
    LogNormal {
        /// Median.
        median: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
        /// Most.
        max: u64,
    },
    /// Counts from a file.
    Listed {
        /// How many.
        count: u64,
        /// Their mean.
        mean: f64,
    },
    /// So many requests in flight.
    InFlight {
        /// Count.
        requests: u64,
    },
    /// As many requests in flight as the levels allow.
    AsManyAsFit,
    /// An open loop.
    Rate {
        /// Requests per second.
        per_second: f64,
        /// Coefficient of variation of the time between them; 1: Poisson.
        cv: f64,
    },
    /// Requests as a file recorded them.
    Trace {
        /// How many.
        requests: u64,
        /// Over how many seconds.
        seconds: f64,
    },
    /// A share of one.
    Share {
        /// 0 to 1.
        share: f64,
    },
    /// A plain number.
    Number {
        /// It.
        value: f64,
    },
}

/// The model in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelSummary {
    /// Published name.
    pub name: String,
    /// Parameters.
    pub parameters: f64,
    /// Parameters that a token uses.
    pub active_parameters: f64,
    /// Weight formats as run.
    pub weights: String,
    /// Bytes of one token's cache, all layers.
    pub kv_bytes_per_token: f64,
}

/// The answer for one system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SystemFinding {
    /// Key in the catalog.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Its chip.
    pub chip: String,
    /// Its maker.
    pub vendor: String,
    /// Chips used.
    pub chips: u32,
    /// How its chips are joined, innermost first; empty where facts are missing.
    #[serde(default)]
    pub tiers: Vec<TierFinding>,
    /// Optical circuit switches, where it has any.
    #[serde(default)]
    pub optical_switches: Option<f64>,
    /// The best set-up, or why there is none.
    pub answer: Answer,
    /// Set-ups that no other one beats in both tokens/s per chip and tokens/s per user.
    pub pareto: Vec<ParetoPoint>,
    /// Set-ups tried.
    pub tried: u32,
    /// What was rejected, and why.
    pub rejected: Vec<Rejection>,
}

/// One tier of a fabric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TierFinding {
    /// "NVLink".
    pub name: String,
    /// "switch", "mesh", "torus" or "clos".
    pub shape: String,
    /// Chips along each axis of a torus.
    pub dims: Vec<u32>,
    /// Whether wrap-around links of a torus are shifted.
    pub twisted: bool,
    /// Bandwidth below a Clos over that above; 1 elsewhere.
    pub oversubscription: f64,
    /// Chips of a domain.
    pub chips: u32,
    /// Bytes per second of a chip, one way.
    pub bandwidth: f64,
    /// Seconds, where stated.
    pub latency: Option<f64>,
    /// Switch chips of a domain, where stated.
    pub switches: Option<f64>,
    /// "copper", "optics", "mixed".
    pub medium: String,
}

impl TierFinding {
    /// As the catalog has it.
    pub fn of(tier: &catalog::Tier) -> TierFinding {
        use catalog::TierShape as S;
        let (shape, dims, oversubscription) = match &tier.shape {
            S::Switch => ("switch", Vec::new(), 1.0),
            S::Mesh => ("mesh", Vec::new(), 1.0),
            S::Torus { dims } => ("torus", dims.clone(), 1.0),
            S::Clos { oversubscription_percent } => {
                ("clos", Vec::new(), f64::from(*oversubscription_percent).max(100.0) / 100.0)
            }
        };
        TierFinding {
            name: tier.name.clone(),
            shape: shape.to_owned(),
            dims,
            twisted: tier.wiring.twisted,
            oversubscription,
            chips: tier.chips,
            bandwidth: tier.bandwidth.mid().0,
            latency: tier.latency.as_ref().map(|l| l.mid().0),
            switches: tier.wiring.switches.as_ref().map(catalog::Fact::mid),
            medium: tier.medium.clone(),
        }
    }
}

/// The best set-up, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Answer {
    /// It serves.
    Served(Box<Choice>),
    /// No set-up fits or meets the levels.
    Unserved {
        /// Code and arguments of the reason.
        reason: Reason,
        /// The set-up that comes nearest, if any runs at all: it misses what the reason says.
        #[serde(default)]
        nearest: Option<Box<Choice>>,
    },
    /// The catalog lacks facts.
    Incomplete {
        /// Paths of the missing facts.
        missing: Vec<String>,
    },
}

/// A reason that a face words in its language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum Reason {
    /// Weights or cache exceed the memory.
    DoesNotFit {
        /// Bytes needed on the fullest chip.
        needs: f64,
        /// Bytes there are.
        has: f64,
        /// Chips with which it would fit, if any number does.
        nearest_chips: Option<u32>,
    },
    /// A level is missed.
    MissesLevel {
        /// `ttft_p99` and so on.
        level: String,
        /// The bound, seconds.
        bound: f64,
        /// The best reached, seconds.
        best: f64,
    },
    /// A split does not divide the model.
    DoesNotDivide {
        /// `tp`, `ep`...
        what: String,
        /// How many there are of what it should divide.
        count: u64,
        /// What it should divide: `attention heads`, `experts`...
        of: String,
    },
    /// The engine has no set-up as the study names it, or not on so many chips.
    NotAsNamed {
        /// As named.
        setup: String,
    },
    /// The load cannot be carried.
    Overloaded {
        /// Requests per second asked.
        asked: f64,
        /// Requests per second reached.
        reached: f64,
    },
}

/// Set-ups rejected for one reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rejection {
    /// Why.
    pub reason: Reason,
    /// How many.
    pub count: u32,
    /// One of them, e.g. `TP8`.
    pub example: String,
}

/// How a model is laid on chips.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// `aggregated` or `disaggregated`.
    pub mode: String,
    /// Engine profile.
    pub engine: String,
    /// Replicas of the (decode or aggregated) pool.
    pub replicas: u32,
    /// Split of the (decode or aggregated) pool.
    pub parallel: Parallel,
    /// Requests in flight per replica of it.
    pub batch: u64,
    /// The prefill pool: replicas and split.
    pub prefill: Option<(u32, Parallel)>,
    /// Weight storage.
    pub weights: String,
    /// Arithmetic of the matrix products.
    pub arithmetic: String,
    /// Whether the chip lacks the weights' format and works in a wider one.
    pub emulated: bool,
    /// Cache storage.
    pub kv: String,
    /// Concurrency over the whole system.
    pub concurrency: u64,
}

/// Degrees of parallelism of one replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parallel {
    /// Tensor.
    pub tp: u32,
    /// Pipeline.
    pub pp: u32,
    /// Data, of attention.
    pub dp: u32,
    /// Experts.
    pub ep: u32,
}

/// Mean and percentiles of a latency.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Mean.
    pub mean: Estimate,
    /// Median.
    pub p50: Estimate,
    /// 99th percentile.
    pub p99: Estimate,
}

/// The best set-up and what it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// How.
    pub setup: Setup,
    /// Generated tokens per second and chip.
    pub tokens_per_chip: Estimate,
    /// Generated tokens per second of the system.
    pub tokens_per_system: Estimate,
    /// Time to first token.
    pub ttft: Latency,
    /// Time per output token.
    pub tpot: Latency,
    /// Share of step time in communication that is not hidden.
    pub communication: f64,
    /// Power of all chips used, hosts and fabric included where known.
    pub power: Option<Estimate>,
    /// Joules per generated token.
    pub energy_per_token: Option<Estimate>,
    /// US dollars per million generated tokens; `None` where no price is known.
    pub cost: Option<Cost>,
    /// What limits it: `memory bandwidth`, `compute`, `communication`, `cache capacity`, `host`, or a level's name.
    pub limit: String,
    /// Memory of the fullest chip.
    pub memory: Vec<(String, f64)>,
    /// Memory of a chip.
    pub memory_capacity: f64,
    /// What the chip could do at best; `None` where it is not told.
    #[serde(default)]
    pub roof: Option<Roof>,
    /// Time by operator, one steady step of decode and one of prefill.
    pub operators: Vec<OperatorShare>,
    /// Assumed and disputed facts that it rests on.
    pub rests_on: Vec<FactUse>,
    /// Every fact about the system that it rests on.
    #[serde(default)]
    pub facts: Vec<FactUse>,
    /// The fits behind the times of its operators, the most time first.
    #[serde(default)]
    pub calibration: Vec<FitUse>,
    /// Remarks: borrowed efficiencies, substituted formats.
    pub remarks: Vec<Remark>,
}

/// What a reader should know besides; a face words it in its language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum Remark {
    /// The chip lacks the weights' format: bytes are saved, products run in another.
    Emulated {
        /// Name of the chip.
        chip: String,
        /// Storage of the weights.
        weights: String,
        /// Arithmetic of the products.
        arithmetic: String,
    },
    /// Times borrow measurements of another chip of the architecture.
    BorrowedArchitecture,
    /// Times borrow the efficiency of the class of chips.
    BorrowedClass,
    /// Nothing like this chip was measured.
    AssumedEfficiency,
    /// No engine profile is known for the chip.
    GenericEngine,
    /// Chips that the set-up leaves over, and that are paid all the same.
    IdleChips {
        /// So many.
        idle: u32,
        /// Of so many.
        chips: u32,
    },
    /// Front ends send tokens as fast as they can.
    FrontEndBusy,
    /// One front end would not do.
    FrontEnds {
        /// Front ends of a replica: one for each attention rank.
        count: u32,
    },
    /// The engine's limit of requests has to be raised.
    RaiseSeats {
        /// The limit, for each attention rank.
        limit: u32,
    },
    /// Copies of popular experts fill up the last places.
    RedundantExperts {
        /// Copies in each layer.
        copies: u64,
        /// Expert parallelism.
        ep: u32,
    },
    /// The price is that of bare chips, without hosts and fabric.
    BareChips,
    /// The engine does not draft with MTP layers here.
    NoDrafts {
        /// Its name.
        engine: String,
    },
}

/// A fit that stands behind times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FitUse {
    /// Operators that it prices, as in [`OperatorShare::name`].
    pub operators: Vec<String>,
    /// Share of the time of both steps, host included.
    pub share: f64,
    /// Whose measurements: a chip, a class of chips, an architecture on a fabric, a fabric...
    pub subject: String,
    /// What was measured: family and formats of operators, or the kind of exchange.
    pub what: String,
    /// Whose kernels; empty where they are not tied to an engine.
    pub stack: String,
    /// Measurements behind it; 0: assumed.
    pub rows: u32,
    /// Median of |ln(fitted / measured)|.
    pub median: f64,
    /// 90th percentile of it.
    pub p90: f64,
}

/// What a chip can do at best: the lines of its roofline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Roof {
    /// Memory bandwidth, bytes per second.
    pub bandwidth: f64,
    /// Dense peak of each arithmetic that the operators use, FLOP per second.
    pub peaks: Vec<(String, f64)>,
}

/// Money.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// US dollars per million generated tokens.
    pub per_million: Estimate,
    /// Of it chips (rent or written-off purchase).
    pub chips: f64,
    /// Of it electricity (0 where the rent includes it).
    pub electricity: f64,
    /// Of it surcharges.
    pub surcharge: f64,
    /// What is paid for the chips.
    pub basis: Paid,
}

/// What is paid for a chip; a face words it in its language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum Paid {
    /// By the hour.
    Rent {
        /// Of one chip, as printed.
        price: String,
        /// Title of the source; empty: the study.
        source: String,
    },
    /// Once, and written off.
    Purchase {
        /// Of one chip, as printed.
        price: String,
        /// Over so many years, as printed.
        years: String,
        /// Title of the source; empty: the study.
        source: String,
    },
}

/// A point of the Pareto curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParetoPoint {
    /// Set-up.
    pub setup: Setup,
    /// 1 / mean TPOT.
    pub tokens_per_user: f64,
    /// Generated tokens per second and chip.
    pub tokens_per_chip: f64,
    /// Mean time to first token.
    pub ttft: f64,
    /// US dollars per million generated tokens.
    pub cost_per_million: Option<f64>,
    /// Whether it meets the levels.
    pub meets_levels: bool,
}

/// Time of one operator in a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperatorShare {
    /// `decode` or `prefill`.
    pub phase: String,
    /// `attention`, `experts`, `all-reduce`...
    pub name: String,
    /// Seconds per step, all layers.
    pub seconds: f64,
    /// Share of the step.
    pub share: f64,
    /// `compute`, `memory`, `overhead`, `network`.
    pub bound: String,
    /// Seconds at the speed of light.
    pub speed_of_light: f64,
    /// Flop per step on one chip.
    pub flop: f64,
    /// Bytes per step on one chip (memory or network).
    pub bytes: f64,
    /// Where the efficiency comes from.
    pub basis: String,
}

/// A fact that a result rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FactUse {
    /// `chips/baidu_kunlun_p800.memory.bandwidth`.
    pub path: String,
    /// As printed, with its range.
    pub value: String,
    /// `vendor`, `measured`, `analyst`, `derived`, `assumed`.
    pub kind: String,
    /// Title of the source.
    pub source: String,
    /// Whether sources differ.
    pub disputed: bool,
}
