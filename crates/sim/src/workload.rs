//! What clients ask for: how many requests, how long, and when.

use crate::draw::Draw;
use crate::error::SimError;
use crate::job::Job;
use crate::time::Time;

/// When requests arrive.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrivals {
    /// Closed loop: so many clients, each of which sends its next request as soon as it has the last answer.
    Closed {
        /// Clients.
        concurrency: u32,
        /// Seconds over which the clients start, evenly; 0: all at once, as benchmark clients do.
        ramp: f64,
        /// Seconds between an answer and the next request of a client.
        think: f64,
    },
    /// Open loop, independent arrivals at a rate per second.
    Poisson {
        /// Requests per second.
        rate: f64,
    },
    /// Open loop, gaps from a gamma distribution: bursty above a coefficient of variation of 1, even below it.
    Gamma {
        /// Requests per second.
        rate: f64,
        /// Standard deviation of the gaps over their mean.
        cv: f64,
    },
    /// Open loop, at given seconds, in ascending order; one for each request.
    Times(Vec<f64>),
}

/// How long prompts or answers are, in tokens.
#[derive(Debug, Clone, PartialEq)]
pub enum Lengths {
    /// All the same.
    Fixed(u32),
    /// Every length from the first to the second equally often, both included.
    Uniform(u32, u32),
    /// Log-normal, cut to 1 and `most`.
    LogNormal {
        /// Mean, before the cut.
        mean: f64,
        /// Standard deviation over mean, before the cut.
        cv: f64,
        /// Longest.
        most: u32,
    },
    /// Request `i` has length `i` modulo the list's own length: two lists of one length stay paired.
    List(Vec<u32>),
}

/// A workload.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Requests.
    pub requests: usize,
    /// Of which the first so many warm up: they are served, but no latency is taken from them.
    pub warmup: usize,
    /// When they arrive.
    pub arrivals: Arrivals,
    /// Prompt tokens.
    pub input: Lengths,
    /// Answer tokens.
    pub output: Lengths,
    /// Share of the prompt tokens (0 to 1) that the prefix cache already holds. At least one token of a prompt is
    /// always computed. Cached tokens take their place in the KV cache all the same.
    pub prefix_hit: f64,
}

/// Lengths beyond are refused; sums of them stay far from any overflow.
const LONGEST: u32 = 1 << 30;
const MOST_REQUESTS: usize = 50_000_000;

impl Workload {
    /// A closed loop of fixed lengths, all clients at once.
    pub fn closed(requests: usize, concurrency: u32, input: u32, output: u32) -> Workload {
        Workload {
            requests,
            warmup: 0,
            arrivals: Arrivals::Closed { concurrency, ramp: 0.0, think: 0.0 },
            input: Lengths::Fixed(input),
            output: Lengths::Fixed(output),
            prefix_hit: 0.0,
        }
    }

    /// Checks the values.
    ///
    /// # Errors
    /// [`SimError::Setting`] with the field and what it may be.
    pub fn check(&self) -> Result<(), SimError> {
        if !(1..=MOST_REQUESTS).contains(&self.requests) {
            return Err(SimError::setting("workload.requests", self.requests, "1 to 50000000 requests"));
        }
        if self.warmup >= self.requests {
            return Err(SimError::setting("workload.warmup", self.warmup, "fewer than the requests"));
        }
        if !(0.0..=1.0).contains(&self.prefix_hit) {
            return Err(SimError::setting("workload.prefix_hit", self.prefix_hit, "a share from 0 to 1"));
        }
        self.arrivals.check(self.requests)?;
        self.input.check("workload.input")?;
        self.output.check("workload.output")
    }

    /// The requests, drawn. Lengths do not depend on the arrivals nor outputs on inputs: each has its own stream.
    /// Closed-loop requests have no arrival yet, except the first of each client.
    pub(crate) fn jobs(&self, seed: u64) -> Result<Vec<Job>, SimError> {
        let (mut inputs, mut outputs) = (Draw::new(seed, 1), Draw::new(seed, 2));
        let mut jobs: Vec<Job> = (0..self.requests)
            .map(|i| Job::new(self.input.draw(i, &mut inputs), self.output.draw(i, &mut outputs), self.prefix_hit))
            .collect();
        let mut gaps = Draw::new(seed, 3);
        let mut now = 0.0;
        match &self.arrivals {
            Arrivals::Closed { concurrency, ramp, .. } => {
                for (client, job) in jobs.iter_mut().take(*concurrency as usize).enumerate() {
                    job.arrival = Time::from_seconds(ramp * client as f64 / f64::from(*concurrency))?;
                }
            }
            Arrivals::Poisson { rate } => {
                for job in &mut jobs {
                    now += gaps.exponential() / rate;
                    job.arrival = Time::from_seconds(now)?;
                }
            }
            Arrivals::Gamma { rate, cv } => {
                let shape = 1.0 / (cv * cv);
                for job in &mut jobs {
                    now += gaps.gamma(shape) / (shape * rate);
                    job.arrival = Time::from_seconds(now)?;
                }
            }
            Arrivals::Times(times) => {
                for (job, time) in jobs.iter_mut().zip(times) {
                    job.arrival = Time::from_seconds(*time)?;
                }
            }
        }
        Ok(jobs)
    }
}

impl Arrivals {
    fn check(&self, requests: usize) -> Result<(), SimError> {
        let rate_is = |rate: f64| {
            if rate > 0.0 && rate.is_finite() {
                Ok(())
            } else {
                Err(SimError::setting("workload.arrivals.rate", rate, "more than 0 requests per second"))
            }
        };
        let span = |field, value: f64| {
            Time::from_seconds(value).map(|_| ()).map_err(|_| SimError::setting(field, value, "0 s to 213 days"))
        };
        match self {
            Arrivals::Closed { concurrency: 0, .. } => {
                Err(SimError::setting("workload.arrivals.concurrency", 0, "at least 1 client"))
            }
            Arrivals::Closed { ramp, think, .. } => {
                span("workload.arrivals.ramp", *ramp)?;
                span("workload.arrivals.think", *think)
            }
            Arrivals::Poisson { rate } => rate_is(*rate),
            Arrivals::Gamma { rate, cv } => {
                rate_is(*rate)?;
                if (0.01..=100.0).contains(cv) {
                    Ok(())
                } else {
                    Err(SimError::setting("workload.arrivals.cv", cv, "0.01 to 100"))
                }
            }
            Arrivals::Times(times) => {
                if times.len() != requests {
                    return Err(SimError::setting("workload.arrivals.times", times.len(), "one time for each request"));
                }
                for time in times {
                    span("workload.arrivals.times", *time)?;
                }
                match times.windows(2).find(|pair| pair[1] < pair[0]) {
                    Some(pair) => Err(SimError::setting("workload.arrivals.times", pair[1], "ascending times")),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Lengths {
    fn check(&self, field: &'static str) -> Result<(), SimError> {
        let length = |value: u32| {
            if (1..=LONGEST).contains(&value) {
                Ok(())
            } else {
                Err(SimError::setting(field, value, "1 to 1073741824 tokens"))
            }
        };
        match self {
            Lengths::Fixed(value) => length(*value),
            Lengths::Uniform(least, most) => {
                length(*least)?;
                length(*most)?;
                if least > most {
                    return Err(SimError::setting(field, format!("{least} to {most}"), "the shorter length first"));
                }
                Ok(())
            }
            Lengths::LogNormal { mean, cv, most } => {
                length(*most)?;
                if !(1.0..=f64::from(LONGEST)).contains(mean) {
                    return Err(SimError::setting(field, mean, "a mean of 1 to 1073741824 tokens"));
                }
                if !(0.0..=100.0).contains(cv) {
                    return Err(SimError::setting(field, cv, "a coefficient of variation of 0 to 100"));
                }
                Ok(())
            }
            Lengths::List(list) if list.is_empty() => Err(SimError::setting(field, "[]", "at least one length")),
            Lengths::List(list) => list.iter().try_for_each(|value| length(*value)),
        }
    }

    fn draw(&self, request: usize, draw: &mut Draw) -> u32 {
        match self {
            Lengths::Fixed(value) => *value,
            Lengths::Uniform(least, most) => least + draw.below(u64::from(most - least) + 1) as u32,
            Lengths::LogNormal { mean, cv, most } => {
                let variance = (1.0 + cv * cv).ln();
                let value = (mean.ln() - variance / 2.0 + variance.sqrt() * draw.normal()).exp();
                value.round().clamp(1.0, f64::from(*most)) as u32
            }
            Lengths::List(list) => list[request % list.len()],
        }
    }

    /// Whether any part of the requests has the same distribution as all of them.
    pub(crate) fn is_alike(&self) -> bool {
        !matches!(self, Lengths::List(_))
    }
}
