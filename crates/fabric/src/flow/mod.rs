//! Flows that share links max-min fairly, event by event.
//!
//! A stream is fluid: from its start it moves at one rate through every link of its path at once (cut-through), and its
//! last byte arrives the path's latency after it was sent. Rates are max-min fair: no stream can be faster without another,
//! no faster one becoming slower. They change only when a stream starts or ends, and only among the streams that share
//! links with it, directly or through others: only those are computed again. What links are is not known here: a stream
//! uses resources, each by a share of its rate, so that one stream may stand for many alike (see [`crate::symmetry`]).
//!
//! Jobs are phases one after the other, a phase being streams that start together; the next begins when the last byte of
//! all is there. Phases that repeat (a ring's steps) bring the same state again and again. That is recognised for all jobs
//! together, and whole periods are skipped.

mod fair;
mod run;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

pub use run::{FlowError, Job, Outcome, Phase, run};

/// Streams that start together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Streams {
    bytes: Vec<f64>,
    latency: Vec<f64>,
    ends: Vec<u32>,
    uses: Vec<(u32, f64)>,
}

impl Streams {
    /// None.
    pub fn new() -> Streams {
        Streams::default()
    }

    /// Adds a stream of `bytes` that arrives `latency` seconds after it is sent and uses each resource by a share of its
    /// rate. One that uses nothing takes no time beyond its latency.
    pub fn push(&mut self, bytes: f64, latency: f64, uses: impl IntoIterator<Item = (u32, f64)>) {
        self.bytes.push(bytes.max(0.0));
        self.latency.push(latency.max(0.0));
        self.uses.extend(uses);
        self.ends.push(self.uses.len() as u32);
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Resources that a stream uses.
    pub fn uses(&self, stream: usize) -> &[(u32, f64)] {
        let start = stream.checked_sub(1).map_or(0, |s| self.ends[s] as usize);
        &self.uses[start..self.ends[stream] as usize]
    }

    /// Uses of all streams together.
    pub fn total_uses(&self) -> usize {
        self.uses.len()
    }

    /// Longest latency of any.
    pub fn latency(&self) -> f64 {
        self.latency.iter().copied().fold(0.0, f64::max)
    }

    /// Gives every stream the mean latency, by bytes: for steps that do not wait for the longest way.
    pub fn level_latency(&mut self) {
        let all: f64 = self.bytes.iter().sum();
        let mean = self.bytes.iter().zip(&self.latency).map(|(b, l)| b * l).sum::<f64>() / all;
        if mean.is_finite() {
            self.latency.fill(mean);
        }
    }

    /// Multiplies the shares in which streams use resources: a stream that reaches less of a link than others takes more of
    /// it for the same bytes.
    pub fn widen(&mut self, by: impl Fn(u32) -> f64) {
        self.uses.iter_mut().for_each(|(resource, share)| *share *= by(*resource));
    }

    /// Gives every stream another weight than 1 in sharing links: it then counts as `weight` streams.
    pub fn weigh(&mut self, weight: f64) {
        // Rates are equal among streams; one of fewer bytes that each use more of the links is a heavier or lighter one.
        self.bytes.iter_mut().for_each(|b| *b /= weight);
        self.uses.iter_mut().for_each(|(_, share)| *share *= weight);
    }

    /// Adds the bytes that each resource carries, `times` over.
    pub fn load(&self, times: f64, onto: &mut [f64]) {
        for stream in 0..self.len() {
            for &(resource, share) in self.uses(stream) {
                onto[resource as usize] += self.bytes[stream] * share * times;
            }
        }
    }
}
