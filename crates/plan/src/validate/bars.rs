//! What the program must reach, and what it reaches.

use super::file::File;
use super::point::{Kind, Point};
use super::reading::Reading;
use super::stats::Errors;

/// A set of measured values that one goal speaks of.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// Which values.
    pub what: What,
    /// Their errors.
    pub errors: Errors,
    /// Median and 90th percentile to stay below, in `|ln(predicted / measured)|`.
    pub goal: (Option<f64>, Option<f64>),
    /// The maker that serving rows are split by.
    pub maker: String,
}

/// Which values a goal speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// TPOT of plain silicon rows.
    SiliconTpot,
    /// TTFT of them.
    SiliconTtft,
    /// TPOT of the other silicon rows.
    OtherTpot,
    /// TTFT of the other silicon rows.
    OtherTtft,
    /// Output tokens/s of serving rows on chips of the maker that the goals name.
    ServingFirst,
    /// Output tokens/s of serving rows on all other chips.
    ServingOthers,
    /// GEMM operators.
    Gemm,
    /// Attention operators.
    Attention,
    /// MoE operators.
    Moe,
    /// MLA operators.
    Mla,
    /// Exchanges.
    Exchanges,
    /// Steps of training runs on chips of the maker that the goals name.
    TrainingFirst,
    /// Steps of training runs on all other chips.
    TrainingOthers,
    /// Memory of the fullest device in training.
    TrainingMemory,
}

impl What {
    /// In files.
    pub const fn name(self) -> &'static str {
        match self {
            What::SiliconTpot => "serving-silicon plain tpot",
            What::SiliconTtft => "serving-silicon plain ttft",
            What::OtherTpot => "serving-silicon other tpot",
            What::OtherTtft => "serving-silicon other ttft",
            What::ServingFirst => "serving output tokens/s, first maker",
            What::ServingOthers => "serving output tokens/s, other makers",
            What::Gemm => "operators GEMM",
            What::Attention => "operators attention",
            What::Moe => "operators MoE",
            What::Mla => "operators MLA",
            What::Exchanges => "collectives",
            What::TrainingFirst => "training steps, first maker",
            What::TrainingOthers => "training steps, other makers",
            What::TrainingMemory => "training memory",
        }
    }
}

/// Every goal that `points` have values for.
pub fn bars(points: &[Point]) -> Vec<Bar> {
    let first = Reading::embedded().goals.first_maker.as_str();
    let bar = |what, goal: (f64, f64), keep: &dyn Fn(&Point) -> bool| Bar {
        what,
        errors: Errors::of(points.iter().filter(|p| keep(p))),
        goal: (Some(goal.0).filter(|g| *g > 0.0), Some(goal.1).filter(|g| *g > 0.0)),
        maker: first.to_owned(),
    };
    let silicon = |p: &Point, kind, plain| p.file == File::ServingSilicon && p.kind == kind && p.plain == plain;
    let maker = |p: &Point| p.vendor == first;
    let serving = |p: &Point| p.file == File::Serving && p.plain && p.metric.starts_with("output_tokens_per_s");
    let training = |p: &Point| p.file == File::Training && p.plain && p.kind == Kind::Step;
    let operator = |p: &Point, family: &str| p.file == File::Operators && p.kind == Kind::Operator && p.class == family;
    [
        bar(What::SiliconTpot, (0.10, 0.30), &|p| silicon(p, Kind::Tpot, true)),
        bar(What::SiliconTtft, (0.30, 0.80), &|p| silicon(p, Kind::Ttft, true)),
        bar(What::OtherTpot, (0.0, 0.0), &|p| silicon(p, Kind::Tpot, false)),
        bar(What::OtherTtft, (0.0, 0.0), &|p| silicon(p, Kind::Ttft, false)),
        bar(What::ServingFirst, (0.20, 0.0), &|p| serving(p) && maker(p)),
        bar(What::ServingOthers, (0.30, 0.0), &|p| serving(p) && !maker(p)),
        bar(What::Gemm, (0.12, 0.0), &|p| operator(p, "GEMM")),
        bar(What::Attention, (0.12, 0.0), &|p| operator(p, "attention")),
        bar(What::Moe, (0.12, 0.0), &|p| operator(p, "MoE")),
        bar(What::Mla, (0.12, 0.0), &|p| operator(p, "MLA")),
        bar(What::Exchanges, (0.20, 0.0), &|p| p.file == File::Collectives),
        bar(What::TrainingFirst, (0.12, 0.0), &|p| training(p) && maker(p)),
        bar(What::TrainingOthers, (0.20, 0.0), &|p| training(p) && !maker(p)),
        bar(What::TrainingMemory, (0.10, 0.0), &|p| p.kind == Kind::Memory && p.plain),
    ]
    .into_iter()
    .filter(|b| b.errors.count + b.errors.refused > 0)
    .collect()
}
