//! What users send: how long their requests are and how they come.

use crate::normal;

/// A distribution of token counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Lengths {
    /// All the same.
    Fixed(u64),
    /// Uniform between two counts, both included.
    Uniform(u64, u64),
    /// Log-normal with this median and sigma of the logarithm; what lies above `max` is `max`.
    LogNormal {
        /// Median.
        median: f64,
        /// Standard deviation of the natural logarithm.
        sigma: f64,
        /// Longest.
        max: u64,
    },
    /// As listed, in order, repeated. Never empty.
    List(Vec<u64>),
}

/// How requests come.
#[derive(Debug, Clone, PartialEq)]
pub enum Load {
    /// So many requests in flight; a new one comes when one ends.
    Concurrency(u64),
    /// The search chooses the concurrency.
    Search,
    /// Requests per second, with the coefficient of variation of the time between them (1: Poisson).
    Rate {
        /// Requests per second over the whole system.
        per_second: f64,
        /// 1 for Poisson, more for bursts.
        cv: f64,
    },
}

/// What users send.
#[derive(Debug, Clone, PartialEq)]
pub struct Traffic {
    /// Prompt tokens.
    pub input: Lengths,
    /// Generated tokens.
    pub output: Lengths,
    /// Share of prompt tokens found in the prefix cache.
    pub prefix_hit: f64,
    /// How requests come.
    pub load: Load,
    /// Accepted draft tokens per step where the model has MTP layers and they are used: `None` leaves them off.
    pub mtp_accepted: Option<f64>,
}

/// Points of the distribution that the mean of a log-normal is taken over: more change it by less than a token in 10^5.
const STRATA: usize = 4096;

impl Lengths {
    /// The length that a share `u` of requests does not exceed.
    pub fn quantile(&self, u: f64) -> u64 {
        let u = if u.is_finite() { u.clamp(0.0, 1.0) } else { 0.5 };
        match *self {
            Lengths::Fixed(n) => n,
            Lengths::Uniform(low, high) => {
                let span = high.saturating_sub(low) + 1;
                low + ((u * span as f64) as u64).min(span - 1)
            }
            Lengths::LogNormal { median, sigma, max } => {
                let x = (median.ln() + sigma * normal::quantile(u)).exp();
                (x.round().min(max as f64) as u64).max(1)
            }
            Lengths::List(ref list) => {
                let mut sorted = list.clone();
                sorted.sort_unstable();
                let i = (u * sorted.len() as f64) as usize;
                sorted.get(i.min(sorted.len().saturating_sub(1))).copied().unwrap_or(1)
            }
        }
    }

    /// Tokens of a request on average.
    pub fn mean(&self) -> f64 {
        match *self {
            Lengths::Fixed(n) => n as f64,
            Lengths::Uniform(low, high) => 0.5 * (low as f64 + high as f64),
            Lengths::LogNormal { .. } => {
                let u = |i: usize| (i as f64 + 0.5) / STRATA as f64;
                (0..STRATA).map(|i| self.quantile(u(i)) as f64).sum::<f64>() / STRATA as f64
            }
            Lengths::List(ref list) => list.iter().map(|&n| n as f64).sum::<f64>() / list.len().max(1) as f64,
        }
    }

    /// Tokens of the shortest request.
    pub fn shortest(&self) -> u64 {
        match *self {
            Lengths::Fixed(n) | Lengths::Uniform(n, _) => n,
            Lengths::LogNormal { .. } => 1,
            Lengths::List(ref list) => list.iter().copied().min().unwrap_or(1),
        }
    }

    /// Tokens of the longest request.
    pub fn longest(&self) -> u64 {
        match *self {
            Lengths::Fixed(n) | Lengths::Uniform(_, n) | Lengths::LogNormal { max: n, .. } => n,
            Lengths::List(ref list) => list.iter().copied().max().unwrap_or(1),
        }
    }
}

impl From<&Lengths> for sim::Lengths {
    fn from(lengths: &Lengths) -> sim::Lengths {
        let count = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        match *lengths {
            Lengths::Fixed(n) => sim::Lengths::Fixed(count(n)),
            Lengths::Uniform(low, high) => sim::Lengths::Uniform(count(low), count(high)),
            // Mean and coefficient of variation of a log-normal: median x e^(s^2 / 2), sqrt(e^(s^2) - 1).
            Lengths::LogNormal { median, sigma, max } => sim::Lengths::LogNormal {
                mean: median * (sigma * sigma / 2.0).exp(),
                cv: ((sigma * sigma).exp() - 1.0).sqrt(),
                most: count(max),
            },
            Lengths::List(ref list) => sim::Lengths::List(list.iter().map(|&n| count(n)).collect()),
        }
    }
}

impl Traffic {
    /// The workload of so many requests, of which the first `warmup` are not counted. `concurrency` stands in where the
    /// study leaves it to the search.
    pub fn workload(&self, requests: usize, warmup: usize, concurrency: u64) -> sim::Workload {
        let closed = |n: u64| {
            let concurrency = u32::try_from(n.max(1)).unwrap_or(u32::MAX);
            sim::Arrivals::Closed { concurrency, ramp: 0.0, think: 0.0 }
        };
        let arrivals = match self.load {
            Load::Concurrency(n) => closed(n),
            Load::Search => closed(concurrency),
            Load::Rate { per_second: rate, cv: 1.0 } => sim::Arrivals::Poisson { rate },
            Load::Rate { per_second: rate, cv } => sim::Arrivals::Gamma { rate, cv },
        };
        let (input, output) = ((&self.input).into(), (&self.output).into());
        sim::Workload { requests, warmup, arrivals, input, output, prefix_hit: self.prefix_hit }
    }

    /// Tokens that the longest request takes in the cache, prompt and answer together. Paired lists are taken by pair.
    pub fn longest_request(&self) -> u64 {
        match (&self.input, &self.output) {
            (Lengths::List(a), Lengths::List(b)) if a.len() == b.len() => {
                a.iter().zip(b).map(|(x, y)| x + y).max().unwrap_or(1)
            }
            (input, output) => input.longest() + output.longest(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_by_hand() {
        assert_eq!(Lengths::Fixed(7).mean(), 7.0);
        assert_eq!(Lengths::Uniform(3200, 4000).mean(), 3600.0);
        assert_eq!(Lengths::Uniform(3200, 4000).quantile(0.0), 3200);
        assert_eq!(Lengths::Uniform(3200, 4000).quantile(1.0), 4000);
        assert_eq!(Lengths::List(vec![1, 2, 6]).mean(), 3.0);
        // Mean of a log-normal is median x exp(sigma^2 / 2) where nothing is cut: 1000 x e^0.125 = 1133.1.
        let free = Lengths::LogNormal { median: 1000.0, sigma: 0.5, max: 10_000_000 };
        assert!((free.mean() - 1133.1).abs() < 1.0, "{}", free.mean());
        assert_eq!(free.quantile(0.5), 1000);
        let cut = Lengths::LogNormal { median: 1000.0, sigma: 0.5, max: 1000 };
        assert!(cut.mean() < 1000.0 && cut.mean() > 600.0);
    }

    #[test]
    fn the_simulator_gets_the_same_distribution() {
        // Median 1000, sigma 0.5: mean 1000 e^0.125 = 1133.1, cv sqrt(e^0.25 - 1) = 0.533.
        let lengths = Lengths::LogNormal { median: 1000.0, sigma: 0.5, max: 9000 };
        let sim::Lengths::LogNormal { mean, cv, most } = (&lengths).into() else { panic!("log-normal") };
        assert!((mean - 1133.1).abs() < 0.1 && (cv - 0.533).abs() < 1e-3 && most == 9000);
        let traffic = Traffic {
            input: lengths,
            output: Lengths::Uniform(3, 5),
            prefix_hit: 0.25,
            load: Load::Rate { per_second: 4.0, cv: 1.0 },
            mtp_accepted: None,
        };
        let workload = traffic.workload(100, 10, 1);
        assert_eq!(workload.arrivals, sim::Arrivals::Poisson { rate: 4.0 });
        assert!(workload.check().is_ok());
    }

    #[test]
    fn paired_lists_are_taken_by_pair() {
        let list = |v: &[u64]| Lengths::List(v.to_vec());
        let mut traffic = Traffic {
            input: list(&[100, 1]),
            output: list(&[1, 100]),
            prefix_hit: 0.0,
            load: Load::Search,
            mtp_accepted: None,
        };
        assert_eq!(traffic.longest_request(), 101);
        traffic.output = Lengths::Fixed(100);
        assert_eq!(traffic.longest_request(), 200);
    }

    proptest! {
        #[test]
        fn draws_rise_with_u_and_stay_inside(median in 1.0f64..1e5, sigma in 0.0f64..3.0, a in 0.0f64..1.0, b in 0.0f64..1.0) {
            let lengths = Lengths::LogNormal { median, sigma, max: 200_000 };
            let (low, high) = (lengths.quantile(a.min(b)), lengths.quantile(a.max(b)));
            prop_assert!(low <= high && low >= lengths.shortest() && high <= lengths.longest());
        }
    }
}
