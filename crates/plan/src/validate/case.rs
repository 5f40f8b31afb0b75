//! A measured serving point, whatever file it came from.

use formats::Scheme;

use super::file::File;
use super::reading::Gathering;
use crate::traffic::Lengths;

/// A degree of parallelism as written; `None` where the source leaves it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Split {
    /// Tensor, of attention and dense layers.
    pub tp: Option<u32>,
    /// Pipeline.
    pub pp: Option<u32>,
    /// Data, of attention.
    pub dp: Option<u32>,
    /// Experts.
    pub ep: Option<u32>,
    /// Tensor, inside experts.
    pub moe_tp: Option<u32>,
}

/// A pool of equal replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pool {
    /// Replicas; 0: as many as the chips hold.
    pub workers: u32,
    /// Their split.
    pub split: Split,
    /// Requests of one attention rank at most; `None`: not stated.
    pub batch: Option<u64>,
}

impl Case {
    /// Whether the source leaves parallelism to whoever repeats the run.
    pub fn is_open(&self) -> bool {
        match self.mode {
            Mode::Aggregated(p) | Mode::PrefillOnly(p) | Mode::DecodeOnly(p) => {
                let one = |degree: Option<u32>| degree.is_none_or(|d| d == 1);
                p.split.tp.is_none() && one(p.split.pp) && one(p.split.dp) && one(p.split.ep)
            }
            Mode::Disaggregated { .. } => false,
        }
    }
}

/// Who does what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The same chips prefill and decode.
    Aggregated(Pool),
    /// Prefill and decode pools.
    Disaggregated {
        /// The prefill pool.
        prefill: Pool,
        /// The decode pool.
        decode: Pool,
    },
    /// Prefill alone, saturated.
    PrefillOnly(Pool),
    /// Decode alone, saturated with requests whose prompts are there.
    DecodeOnly(Pool),
}

impl Mode {
    /// In tables.
    pub fn name(&self) -> &'static str {
        match self {
            Mode::Aggregated(_) => "aggregated",
            Mode::Disaggregated { .. } => "disaggregated",
            Mode::PrefillOnly(_) => "prefill",
            Mode::DecodeOnly(_) => "decode",
        }
    }
}

/// How requests came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CaseLoad {
    /// So many in flight, closed loop.
    Concurrency(u64),
    /// All at once, this many.
    Burst(u64),
    /// One fixed batch of this many, start to end.
    Static(u64),
    /// At this rate per second.
    Rate(f64),
    /// As many as the memory holds.
    Saturated,
    /// As many as a latency bound allows: seconds of TTFT and TPOT at the 99th percentile.
    Bounded {
        /// TTFT.
        ttft: f64,
        /// TPOT.
        tpot: f64,
    },
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Mean time to first token.
    TtftMean,
    /// Median.
    TtftP50,
    /// 99th percentile.
    TtftP99,
    /// Mean time per output token.
    TpotMean,
    /// Median.
    TpotP50,
    /// 99th percentile.
    TpotP99,
    /// Mean time of a request.
    LatencyMean,
    /// Generated tokens per second of the whole deployment.
    OutputTokens,
    /// Prompt tokens per second of the whole deployment.
    InputTokens,
    /// Prompt and generated tokens per second of the whole deployment.
    TotalTokens,
    /// Requests per second of the whole deployment.
    Requests,
}

impl Metric {
    /// In tables.
    pub fn name(self) -> &'static str {
        match self {
            Metric::TtftMean => "ttft_mean",
            Metric::TtftP50 => "ttft_p50",
            Metric::TtftP99 => "ttft_p99",
            Metric::TpotMean => "tpot_mean",
            Metric::TpotP50 => "tpot_p50",
            Metric::TpotP99 => "tpot_p99",
            Metric::LatencyMean => "latency_mean",
            Metric::OutputTokens => "output_tokens_per_s",
            Metric::InputTokens => "input_tokens_per_s",
            Metric::TotalTokens => "total_tokens_per_s",
            Metric::Requests => "requests_per_s",
        }
    }

    /// Whether it is a time (else a rate).
    pub fn is_time(self) -> bool {
        !matches!(self, Metric::OutputTokens | Metric::InputTokens | Metric::TotalTokens | Metric::Requests)
    }
}

/// One measured value of a point.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Key of the row.
    pub id: String,
    /// What, as the file names it.
    pub name: String,
    /// What.
    pub metric: Metric,
    /// As written, in `unit`.
    pub value: f64,
    /// Unit of the file.
    pub unit: String,
    /// One of our units (seconds, or a rate of the whole deployment) in units of the file.
    pub factor: f64,
}

impl Measured {
    /// In seconds, or as a rate of the whole deployment.
    pub fn plain_value(&self) -> f64 {
        self.value / self.factor
    }
}

/// Number formats as the source names them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CaseFormats {
    /// Attention projections and dense layers; `None`: as published.
    pub dense: Option<Scheme>,
    /// Routed experts; `None`: as `dense`, or as published.
    pub experts: Option<Scheme>,
    /// The cache; `None`: not stated.
    pub kv: Option<Scheme>,
}

/// A measured serving point.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The values measured at it.
    pub measured: Vec<Measured>,
    /// Which file.
    pub file: File,
    /// Whose page or dump.
    pub source: String,
    /// Whether no trap and no unknown stands in the way of a fair comparison.
    pub plain: bool,
    /// Model as named.
    pub model: String,
    /// Chip as named.
    pub chip: String,
    /// Chips in all; `None`: follow from the split.
    pub chips: Option<u32>,
    /// Engine profile.
    pub engine: &'static str,
    /// Engine as named, with version.
    pub engine_text: String,
    /// Formats.
    pub formats: CaseFormats,
    /// Who does what.
    pub mode: Mode,
    /// Prompt lengths.
    pub input: Lengths,
    /// Output lengths.
    pub output: Lengths,
    /// How requests came.
    pub load: CaseLoad,
    /// Requests of the run, where stated.
    pub requests: Option<u64>,
    /// Draft tokens a step and those accepted, where speculation is on.
    pub speculation: Option<(u32, f64)>,
    /// Share of prompt tokens found in the cache.
    pub prefix_hit: f64,
    /// Whether every kernel is launched by the host, without graphs.
    pub eager: bool,
    /// Whether the engine is called in its own process: no server between it and the client.
    pub in_process: bool,
    /// Whether the run is so long that ramp and drain do not count.
    pub long: bool,
    /// Most tokens in a step, where the source limits it.
    pub step_tokens: Option<u32>,
    /// Prompts wait for fuller steps.
    pub gather: Option<Gathering>,
    /// Why the row cannot be predicted, if it cannot.
    pub refused: Option<String>,
    /// Remarks: trap modelled, set-up searched.
    pub remark: String,
}
