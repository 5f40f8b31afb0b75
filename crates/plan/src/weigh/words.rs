//! The question in words, for the head of an answer.

use crate::findings::Saying;
use crate::search::level_name;
use crate::study::{Levels, Load, OBJECTIVES, Objective};
use crate::traffic::{Lengths, Traffic};

/// Name and value of all that users send.
pub fn traffic(traffic: &Traffic) -> Vec<(String, Saying)> {
    let mut rows = vec![("input", lengths(&traffic.input)), ("output", lengths(&traffic.output))];
    if traffic.prefix_hit > 0.0 {
        rows.push(("prefix_hit", Saying::Share { share: traffic.prefix_hit }));
    }
    rows.push(("load", load(&traffic.load)));
    if let Some(value) = traffic.mtp_accepted {
        rows.push(("mtp_accepted", Saying::Number { value }));
    }
    rows.into_iter().map(|(name, saying)| (name.to_owned(), saying)).collect()
}

/// Name and bound of each level.
pub fn levels(levels: &Levels) -> Vec<(String, String)> {
    let of = [("ttft", &levels.ttft), ("tpot", &levels.tpot), ("e2e", &levels.e2e)];
    let rows = of.into_iter().flat_map(|(latency, bounds)| {
        bounds.iter().map(move |(which, bound)| (level_name(latency, *which), bound.to_string()))
    });
    rows.collect()
}

/// As a study writes it.
pub fn objective(objective: Objective) -> &'static str {
    OBJECTIVES.iter().find(|(_, o)| *o == objective).map_or("", |(name, _)| name)
}

fn lengths(lengths: &Lengths) -> Saying {
    match *lengths {
        Lengths::Fixed(tokens) => Saying::Tokens { tokens },
        Lengths::Uniform(low, high) => Saying::Uniform { low, high },
        Lengths::LogNormal { median, sigma, max } => Saying::LogNormal { median, sigma, max },
        Lengths::List(ref list) => Saying::Listed { count: list.len() as u64, mean: lengths.mean() },
    }
}

fn load(load: &Load) -> Saying {
    match *load {
        Load::Concurrency(requests) => Saying::InFlight { requests },
        Load::Search => Saying::AsManyAsFit,
        Load::Rate { per_second, cv } => Saying::Rate { per_second, cv },
    }
}
