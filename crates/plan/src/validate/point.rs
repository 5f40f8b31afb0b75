//! One measured value with its prediction: a row of the answer.

use cost::calibration::Basis;

use super::case::Metric;
use super::file::File;

/// What kind of quantity a value is; errors of different kinds differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Time to first token.
    Ttft,
    /// Time per output token.
    Tpot,
    /// Tokens or requests per second.
    Throughput,
    /// Time of a whole request.
    Latency,
    /// Time of an operator.
    Operator,
    /// Time of an exchange.
    Exchange,
    /// Time of a training step.
    Step,
    /// Memory of the fullest device in training.
    Memory,
}

impl Kind {
    /// Kinds of serving values.
    pub const SERVING: [Kind; 4] = [Kind::Ttft, Kind::Tpot, Kind::Throughput, Kind::Latency];

    /// In tables and files.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Ttft => "ttft",
            Kind::Tpot => "tpot",
            Kind::Throughput => "throughput",
            Kind::Latency => "latency",
            Kind::Operator => "operator",
            Kind::Exchange => "exchange",
            Kind::Step => "step",
            Kind::Memory => "memory",
        }
    }
}

impl From<Metric> for Kind {
    fn from(metric: Metric) -> Kind {
        match metric {
            Metric::TtftMean | Metric::TtftP50 | Metric::TtftP99 => Kind::Ttft,
            Metric::TpotMean | Metric::TpotP50 | Metric::TpotP99 => Kind::Tpot,
            Metric::LatencyMean => Kind::Latency,
            Metric::OutputTokens | Metric::InputTokens | Metric::TotalTokens | Metric::Requests => Kind::Throughput,
        }
    }
}

/// In tables and files.
pub const fn basis_name(basis: Basis) -> &'static str {
    match basis {
        Basis::Chip => "chip",
        Basis::Architecture => "architecture",
        Basis::Class => "class",
        Basis::Assumed => "assumed",
    }
}

/// A prediction with its 90 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Predicted {
    /// The prediction.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// One measured value with its prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Key of the row.
    pub id: String,
    /// Which file.
    pub file: File,
    /// Whose page or dump.
    pub source: String,
    /// What, as the file names it.
    pub metric: String,
    /// Its kind.
    pub kind: Kind,
    /// Unit of the file.
    pub unit: String,
    /// As written, in `unit`.
    pub measured: f64,
    /// In `unit`, or why there is none.
    pub predicted: Result<Predicted, String>,
    /// What was modelled or chosen that the row does not say.
    pub remark: String,
    /// Whether no trap and no unknown stands in the way of a fair comparison.
    pub plain: bool,
    /// Chip as named.
    pub chip: String,
    /// Its maker; empty where the chip is not in the catalog.
    pub vendor: String,
    /// Model as named; of operators and exchanges the operator.
    pub model: String,
    /// `dense`, `MoE`; of operators their family.
    pub class: String,
    /// `aggregated`, `disaggregated`, `prefill`, `decode`; empty for operators.
    pub phase: String,
    /// Engine profile or library.
    pub engine: String,
    /// Whose measurements stand behind the prediction's operators.
    pub basis: Basis,
}

impl Point {
    /// `ln(predicted / measured)`; `None` where there is no prediction.
    pub fn error(&self) -> Option<f64> {
        let predicted = self.predicted.as_ref().ok()?;
        let error = (predicted.value / self.measured).ln();
        error.is_finite().then_some(error)
    }

    /// Whether the interval holds the measured value; `None` where there is no prediction.
    pub fn covered(&self) -> Option<bool> {
        let p = self.predicted.as_ref().ok()?;
        Some((p.low..=p.high).contains(&self.measured))
    }
}
