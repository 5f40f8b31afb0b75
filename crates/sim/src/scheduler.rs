//! The policy of a serving engine, as data. No engine is named here: an engine is a set of these values.

use serde::{Deserialize, Serialize};
use units::Seconds;

use crate::error::SimError;
use crate::time::{Fine, fine};

/// What a step is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Steps {
    /// Prompts and decodes share a step: decodes first, prompts fill what is left of the token budget.
    Mixed,
    /// A step has prompts or decodes; while a prompt can be computed, decodes wait.
    PrefillFirst,
    /// A step has prompts or decodes; no request is admitted while any decodes (static batches).
    DecodeFirst,
}

/// What a request must find free in the KV cache before it is admitted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Admission {
    /// Its prompt. When the cache fills up the latest request is preempted and computed anew.
    Input,
    /// Its prompt, and this share (0 to 1) of the output still to come of every running request and of its own.
    /// Preemption is rare, but happens.
    Expected(f64),
    /// Its prompt and its whole output, reserved. Nothing is ever preempted.
    Whole,
}

/// How requests are spread over equal targets (attention-DP ranks, lanes, replicas).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Router {
    /// One after the other.
    RoundRobin,
    /// Where the fewest requests wait and run; the first of equals.
    LeastLoaded,
}

/// What the host adds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Per step.
    pub step: Seconds,
    /// Per request in a step.
    pub request: Seconds,
    /// Per prompt that a step finishes.
    pub prefill: Seconds,
    /// From the client's sending to the engine's queue: network.
    pub ingress: Seconds,
    /// Per request that the front end takes in, one after the other: parsing, templates.
    pub intake: Seconds,
    /// Per prompt token that the front end takes in, one after the other: tokenizer.
    pub intake_token: Seconds,
    /// Per token that the front end sends out, one after the other: detokenizer, streaming.
    pub stream: Seconds,
    /// From the end of a step to the client: detokenizer, network.
    pub egress: Seconds,
}

impl Host {
    /// A host that costs nothing.
    pub const FREE: Host = Host {
        step: Seconds::ZERO,
        request: Seconds::ZERO,
        prefill: Seconds::ZERO,
        ingress: Seconds::ZERO,
        intake: Seconds::ZERO,
        intake_token: Seconds::ZERO,
        stream: Seconds::ZERO,
        egress: Seconds::ZERO,
    };
}

/// A scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheduler {
    /// Most requests that run at a time, per attention-DP rank.
    pub max_seqs: u32,
    /// Most tokens in a step, per attention-DP rank.
    pub max_batched_tokens: u32,
    /// Whether a prompt may be cut to fit a step.
    pub chunked_prefill: bool,
    /// What a step is made of.
    pub steps: Steps,
    /// What a request must find free in the cache.
    pub admission: Admission,
    /// Share of the cache (0 to 1) that admission leaves free, unless nothing else runs.
    pub watermark: f64,
    /// Tokens in a block of the cache.
    pub block_size: u32,
    /// Whether the host prepares a step while the one before it runs: a step then takes the longer of host and chip,
    /// otherwise both.
    pub overlap: bool,
    /// How requests are spread over attention-DP ranks.
    pub ranks: Router,
    /// Steps for which a rank's prompt waits until all attention-DP ranks have one to compute, while they decode; 0:
    /// it does not wait.
    pub balance: u32,
    /// Where above 0: prompts wait, for as many steps as `balance` says and while others decode, until a step would be
    /// full to this share (at most 1) of its tokens, instead of until all ranks have one.
    pub gather: f64,
    /// What the host adds.
    pub host: Host,
}

/// Blocks are counted by phase, so their size is bounded; no engine comes near.
const LARGEST_BLOCK: u32 = 1 << 16;
const MOST_SEQS: u32 = 1 << 20;

impl Scheduler {
    /// Checks the values by themselves.
    ///
    /// # Errors
    /// [`SimError::Setting`] with the field and what it may be.
    pub fn check(&self) -> Result<(), SimError> {
        let bad = |field, value: String, expected| Err(SimError::Setting { field, value, expected });
        if !(1..=MOST_SEQS).contains(&self.max_seqs) {
            return bad("scheduler.max_seqs", self.max_seqs.to_string(), "1 to 1048576 requests");
        }
        if self.max_batched_tokens == 0 {
            return bad("scheduler.max_batched_tokens", "0".into(), "at least 1 token");
        }
        if !(1..=LARGEST_BLOCK).contains(&self.block_size) {
            return bad("scheduler.block_size", self.block_size.to_string(), "1 to 65536 tokens");
        }
        if !(0.0..1.0).contains(&self.watermark) {
            return bad("scheduler.watermark", self.watermark.to_string(), "a share from 0 to less than 1");
        }
        if !(0.0..=1.0).contains(&self.gather) {
            return bad("scheduler.gather", self.gather.to_string(), "a share from 0 to 1");
        }
        if let Admission::Expected(share) = self.admission
            && !(0.0..=1.0).contains(&share)
        {
            return bad("scheduler.admission.expected", share.to_string(), "a share from 0 to 1");
        }
        let host = &self.host;
        for (field, time) in [
            ("scheduler.host.step", host.step),
            ("scheduler.host.request", host.request),
            ("scheduler.host.prefill", host.prefill),
            ("scheduler.host.ingress", host.ingress),
            ("scheduler.host.intake", host.intake),
            ("scheduler.host.intake_token", host.intake_token),
            ("scheduler.host.stream", host.stream),
            ("scheduler.host.egress", host.egress),
        ] {
            if fine(time.0).is_none() {
                return bad(field, format!("{} s", time.0), "0 or more seconds, at most 11 days");
            }
        }
        Ok(())
    }
}

/// The host's times as spans.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostSpans {
    step: Fine,
    request: Fine,
    prefill: Fine,
    overlap: bool,
}

impl HostSpans {
    pub fn new(scheduler: &Scheduler) -> HostSpans {
        let span = |time: Seconds| fine(time.0).unwrap_or_default();
        let host = &scheduler.host;
        HostSpans {
            step: span(host.step),
            request: span(host.request),
            prefill: span(host.prefill),
            overlap: scheduler.overlap,
        }
    }

    /// The host's time of a rank's step.
    pub fn time(&self, requests: u64, prefilled: u64) -> Fine {
        self.step + self.request * Fine::from(requests) + self.prefill * Fine::from(prefilled)
    }

    /// What is to be added to the chip's time, and the least that a step takes.
    pub fn split(&self, host: Fine) -> (Fine, Fine) {
        if self.overlap { (0, host) } else { (host, 0) }
    }
}
