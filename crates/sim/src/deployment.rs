//! What serves: instances of an engine, all alike or split into prefill and decode.

use std::fmt;

use crate::curve::UNIT_BITS;
use crate::error::SimError;
use crate::job::Job;
use crate::rules::Rules;
use crate::scheduler::{HostSpans, Router, Scheduler};
use crate::time::{Time, fine};

/// Speculative decoding (MTP and the like). What the drafts cost is the cost model's matter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speculation {
    /// Tokens a decoding request puts into a step: 1 and its drafts.
    pub queries: u32,
    /// Tokens it gets out of a step on average: 1 and the accepted drafts. Whole tokens are emitted, spread evenly.
    pub emitted: f64,
}

impl Speculation {
    /// One token in, one out.
    pub const NONE: Speculation = Speculation { queries: 1, emitted: 1.0 };
}

/// One instance of an engine.
#[derive(Debug)]
pub struct Instance<'a, C> {
    /// What a step takes.
    pub cost: &'a C,
    /// Its scheduler.
    pub scheduler: Scheduler,
    /// Attention-DP ranks, in lock step; each with its own queue and KV cache.
    pub ranks: u32,
    /// Pipeline lanes: virtual engines that take turns in the stages of a pipeline. A step of a lane goes through all
    /// stages, and lanes do not wait for each other. KV cache and seats of the instance are divided among them.
    pub lanes: u32,
    /// Tokens in the KV cache of a rank, over all lanes.
    pub kv_tokens: u64,
    /// Speculative decoding.
    pub speculation: Speculation,
}

impl<C> Clone for Instance<'_, C> {
    fn clone(&self) -> Self {
        Instance { ..*self }
    }
}

/// The way of the KV cache from prefill to decode.
#[derive(Clone, Copy)]
pub struct Link<'a> {
    /// Seconds to ship the KV cache of so many tokens, alone on the link.
    pub seconds: &'a (dyn Fn(u64) -> f64 + Sync),
    /// Transfers that one instance sends, or receives, at a time at full speed; more wait their turn.
    pub streams: u32,
    /// What the client sees as the first token: the one that comes out of the decode instance once the cache is there
    /// (`true`), or the one that the prefill instance produces (`false`).
    pub first_token_after: bool,
}

impl fmt::Debug for Link<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("streams", &self.streams)
            .field("first_token_after", &self.first_token_after)
            .finish_non_exhaustive()
    }
}

/// A deployment.
#[derive(Debug, Clone)]
pub enum Deployment<'a, C> {
    /// Every instance does everything.
    Together {
        /// The instance.
        instance: Instance<'a, C>,
        /// How many.
        count: u32,
        /// How requests are spread over instances and lanes.
        router: Router,
    },
    /// Some instances compute prompts, others decode; the KV cache is shipped once, in between.
    Split {
        /// An instance that computes prompts.
        prefill: Instance<'a, C>,
        /// How many.
        prefills: u32,
        /// An instance that decodes. It computes a prompt only after a preemption.
        decode: Instance<'a, C>,
        /// How many.
        decodes: u32,
        /// How requests are spread over instances and lanes of either kind.
        router: Router,
        /// What ships the cache.
        link: Link<'a>,
    },
}

impl<'a, C> Deployment<'a, C> {
    /// One instance.
    pub fn one(instance: Instance<'a, C>) -> Deployment<'a, C> {
        Deployment::Together { instance, count: 1, router: Router::RoundRobin }
    }
}

/// Ranks of all engines of a pool.
const MOST_RANKS: u32 = 1 << 17;
const MOST_KV: u64 = 1 << 40;

impl<C> Instance<'_, C> {
    pub(crate) fn check(&self) -> Result<(), SimError> {
        self.scheduler.check()?;
        if self.ranks == 0 {
            return Err(SimError::setting("instance.ranks", 0, "at least 1 rank"));
        }
        if self.lanes == 0 {
            return Err(SimError::setting("instance.lanes", 0, "at least 1 lane"));
        }
        if self.kv_tokens > MOST_KV {
            return Err(SimError::setting("instance.kv_tokens", self.kv_tokens, "at most 2^40 tokens"));
        }
        let Speculation { queries, emitted } = self.speculation;
        if !(1..=64).contains(&queries) {
            return Err(SimError::setting("instance.speculation.queries", queries, "1 to 64 tokens"));
        }
        if !(1.0..=f64::from(queries)).contains(&emitted) {
            return Err(SimError::setting("instance.speculation.emitted", emitted, "1 to the queries"));
        }
        let decodes = u64::from(self.seats()) * u64::from(queries);
        if decodes > u64::from(self.scheduler.max_batched_tokens) {
            return Err(SimError::setting(
                "scheduler.max_batched_tokens",
                self.scheduler.max_batched_tokens,
                "at least one token (with speculation: one and its drafts) for each of max_seqs",
            ));
        }
        Ok(())
    }

    /// Engines that so many instances make: their lanes.
    pub(crate) fn engines(&self, field: &'static str, count: u32) -> Result<u32, SimError> {
        let engines = count.checked_mul(self.lanes);
        let ranks = engines.and_then(|engines| engines.checked_mul(self.ranks));
        match (engines, ranks) {
            (Some(engines), Some(1..=MOST_RANKS)) => Ok(engines),
            _ => Err(SimError::setting(field, count, "1 to 131072 instances, with all their lanes and ranks")),
        }
    }

    /// Seats of a lane.
    fn seats(&self) -> u32 {
        self.scheduler.max_seqs.div_ceil(self.lanes)
    }

    /// Tokens in the KV cache of a lane's rank.
    pub(crate) fn lane_tokens(&self) -> u64 {
        self.kv_tokens / u64::from(self.lanes)
    }

    /// One of its lanes as an instance of its own.
    pub(crate) fn lane(&self) -> Self {
        let scheduler = Scheduler { max_seqs: self.seats(), ..self.scheduler };
        Instance { scheduler, lanes: 1, kv_tokens: self.lane_tokens(), ..*self }
    }

    pub(crate) fn rules(&self, prefill_only: bool) -> Result<Rules, SimError> {
        let scheduler = &self.scheduler;
        let blocks = self.lane_tokens() / u64::from(scheduler.block_size);
        Ok(Rules {
            seats: u64::from(self.seats()),
            budget: u64::from(scheduler.max_batched_tokens),
            chunked: scheduler.chunked_prefill,
            steps: scheduler.steps,
            admission: scheduler.admission,
            watermark: (scheduler.watermark * blocks as f64).ceil() as u64,
            queries: u64::from(self.speculation.queries),
            rates: vec![units_of(self.speculation.emitted)],
            rate_of: Vec::new(),
            balance: if self.ranks > 1 || scheduler.gather > 0.0 { u64::from(scheduler.balance) } else { 0 },
            gather: (scheduler.gather * f64::from(scheduler.max_batched_tokens)).ceil() as u64,
            prefill_only,
            priorities: false,
            sticky: false,
            swap: false,
            host: HostSpans::new(scheduler),
            egress: Time::from_seconds(scheduler.host.egress.0)?,
            stream: fine(scheduler.host.stream.0).unwrap_or_default(),
        })
    }

    /// Refuses requests that can never be served.
    pub(crate) fn check_jobs(&self, jobs: &[Job], prefill_only: bool, computes: bool) -> Result<(), SimError> {
        let rules = self.rules(prefill_only)?;
        let block = u64::from(self.scheduler.block_size);
        let has = self.lane_tokens() / block * block;
        for (request, job) in jobs.iter().enumerate() {
            let needs = rules.longest(job).div_ceil(block) * block;
            if needs > has {
                return Err(SimError::ExceedsCache { request, needs, has });
            }
            let tokens = u64::from(job.input - job.cached);
            if computes && !rules.chunked && tokens > rules.budget {
                return Err(SimError::ExceedsStep { request, tokens, budget: rules.budget });
            }
        }
        Ok(())
    }
}

/// Tokens out of a step, in units.
pub(crate) fn units_of(emitted: f64) -> u64 {
    (emitted * f64::from(1u32 << UNIT_BITS)).round() as u64
}
