//! The question in words, for the head of an answer.

use crate::search::level_name;
use crate::study::{Levels, Load, OBJECTIVES, Objective};
use crate::traffic::{Lengths, Traffic};

/// Name and value of all that users send.
pub fn traffic(traffic: &Traffic) -> Vec<(String, String)> {
    let mut rows = vec![
        ("input".to_owned(), lengths(&traffic.input)),
        ("output".to_owned(), lengths(&traffic.output)),
        ("load".to_owned(), load(&traffic.load)),
    ];
    if traffic.prefix_hit > 0.0 {
        rows.insert(2, ("prefix_hit".to_owned(), format!("{} %", round(traffic.prefix_hit * 100.0))));
    }
    if let Some(accepted) = traffic.mtp_accepted {
        rows.push(("mtp_accepted".to_owned(), round(accepted)));
    }
    rows
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

fn lengths(lengths: &Lengths) -> String {
    match lengths {
        Lengths::Fixed(n) => format!("{n} tokens"),
        Lengths::Uniform(low, high) => format!("uniform, {low} to {high} tokens"),
        Lengths::LogNormal { median, sigma, max } => {
            format!("log-normal, median {} tokens, sigma {}, at most {max}", round(*median), round(*sigma))
        }
        Lengths::List(list) => format!("{} listed, {} tokens on average", list.len(), round(lengths.mean())),
    }
}

fn load(load: &Load) -> String {
    match load {
        Load::Concurrency(n) => format!("{n} requests in flight"),
        Load::Search => "as many requests in flight as the levels allow".to_owned(),
        Load::Rate { per_second, cv } if *cv == 1.0 => format!("{} requests/s, Poisson", round(*per_second)),
        Load::Rate { per_second, cv } => {
            format!("{} requests/s, coefficient of variation {}", round(*per_second), round(*cv))
        }
    }
}

fn round(value: f64) -> String {
    format!("{}", (value * 1000.0).round() / 1000.0)
}
