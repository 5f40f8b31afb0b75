//! What a prediction says of a run, in the words of a measurement.

use sim::{Outcome, Rates, Stat};

use super::case::Metric;
use crate::refusal::Refusal;

/// What a prediction says of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    ttft: Option<Stat>,
    tpot: Option<Stat>,
    e2e: Option<Stat>,
    /// Throughput of the whole deployment.
    pub rates: Rates,
}

impl Seen {
    /// As a benchmark client reports it: everything over the whole duration.
    pub fn whole(outcome: &Outcome) -> Seen {
        Seen { ttft: Some(outcome.ttft), tpot: outcome.tpot, e2e: Some(outcome.e2e), rates: outcome.overall }
    }

    /// With the throughput between ramp and drain, where there is such a time.
    pub fn steady(outcome: &Outcome) -> Seen {
        Seen { rates: outcome.steady.unwrap_or(outcome.overall), ..Seen::whole(outcome) }
    }

    /// A pool that does nothing but prefill or decode, in steps of one kind.
    pub fn of_steps(tpot: Option<f64>, rates: Rates) -> Seen {
        let stat = |s: f64| Stat { mean: s, p50: s, p90: s, p99: s };
        Seen { ttft: None, tpot: tpot.map(stat), e2e: None, rates }
    }

    /// Latencies alone.
    #[cfg(test)]
    pub fn of_times(ttft: Option<Stat>, tpot: Option<Stat>) -> Seen {
        Seen { ttft, tpot, e2e: None, rates: Rates::default() }
    }

    /// Whether latencies at the 99th percentile stay within bounds, in seconds.
    pub fn within(&self, ttft: f64, tpot: f64) -> bool {
        self.ttft.is_none_or(|s| s.p99 <= ttft) && self.tpot.is_none_or(|s| s.p99 <= tpot)
    }

    /// The value of a metric, in seconds or as a rate of the whole deployment.
    pub fn value(&self, metric: Metric) -> Result<f64, Refusal> {
        let of = |stat: &Option<Stat>, what: &str| stat.ok_or_else(|| Refusal::Row(format!("no {what} at this load")));
        Ok(match metric {
            Metric::TtftMean => of(&self.ttft, "TTFT")?.mean,
            Metric::TtftP50 => of(&self.ttft, "TTFT")?.p50,
            Metric::TtftP99 => of(&self.ttft, "TTFT")?.p99,
            Metric::TpotMean => of(&self.tpot, "TPOT")?.mean,
            Metric::TpotP50 => of(&self.tpot, "TPOT")?.p50,
            Metric::TpotP99 => of(&self.tpot, "TPOT")?.p99,
            Metric::LatencyMean => of(&self.e2e, "latency")?.mean,
            Metric::OutputTokens => self.rates.output,
            Metric::InputTokens => self.rates.total - self.rates.output,
            Metric::TotalTokens => self.rates.total,
            Metric::Requests => self.rates.requests,
        })
    }
}
