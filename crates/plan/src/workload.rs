//! From a study's or a measurement's words to the simulator's workload.

use sim::{Arrivals, Workload};

use crate::traffic::Lengths;

/// Lengths as the simulator draws them.
pub fn lengths(lengths: &Lengths) -> sim::Lengths {
    let cut = |n: u64| u32::try_from(n).unwrap_or(u32::MAX).max(1);
    match *lengths {
        Lengths::Fixed(n) => sim::Lengths::Fixed(cut(n)),
        Lengths::Uniform(low, high) => sim::Lengths::Uniform(cut(low), cut(high)),
        Lengths::LogNormal { median, sigma, max } => sim::Lengths::LogNormal {
            mean: median * (sigma * sigma / 2.0).exp(),
            cv: ((sigma * sigma).exp() - 1.0).sqrt(),
            most: cut(max),
        },
        Lengths::List(ref list) => sim::Lengths::List(list.iter().map(|&n| cut(n)).collect()),
    }
}

/// A closed loop of `concurrency` clients that send `requests` requests, all clients at once.
pub fn closed(concurrency: u64, requests: u64, input: &Lengths, output: &Lengths, prefix_hit: f64) -> Workload {
    let concurrency = u32::try_from(concurrency).unwrap_or(u32::MAX).max(1);
    Workload {
        requests: usize::try_from(requests).unwrap_or(usize::MAX).max(1),
        warmup: 0,
        arrivals: Arrivals::Closed { concurrency, ramp: 0.0, think: 0.0 },
        input: lengths(input),
        output: lengths(output),
        prefix_hit,
    }
}
