//! Everything that can go wrong with a simulation.

use thiserror::Error;

/// Why a simulation was refused or stopped.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SimError {
    /// A setting that makes no sense.
    #[error("{field}: {value} is not allowed; {expected}")]
    Setting {
        /// Path of the setting.
        field: &'static str,
        /// What was given.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
    /// A request that can never be in the cache as a whole.
    #[error(
        "request {request} needs {needs} tokens of KV cache at its longest and a rank has {has}: \
         shorten it, raise the memory fraction or use more chips"
    )]
    ExceedsCache {
        /// Index of the request in the workload.
        request: usize,
        /// Tokens it needs, whole blocks.
        needs: u64,
        /// Tokens a rank has, whole blocks.
        has: u64,
    },
    /// A prompt that can never be in one step, and the scheduler does not cut prompts.
    #[error(
        "request {request} may have to compute {tokens} prompt tokens at once and a step takes {budget}: \
         raise max_batched_tokens or turn chunked_prefill on"
    )]
    ExceedsStep {
        /// Index of the request in the workload.
        request: usize,
        /// Tokens to compute, at most (a preempted request computes its output anew).
        tokens: u64,
        /// Tokens a step may hold.
        budget: u64,
    },
    /// The cost model returned something that is no time.
    #[error("the cost model says {seconds} s for a step of {decode} decodes and {prefill_tokens} prompt tokens")]
    Cost {
        /// What it returned.
        seconds: f64,
        /// Requests that decode.
        decode: u64,
        /// Prompt tokens.
        prefill_tokens: u64,
    },
    /// The transfer function returned something that is no time.
    #[error("the transfer of {tokens} tokens of KV cache takes {seconds} s, which is no time")]
    Transfer {
        /// What it returned.
        seconds: f64,
        /// Tokens moved.
        tokens: u64,
    },
    /// The simulated time ran out of range (213 days).
    #[error("the simulation runs longer than 213 days of simulated time: the rate or the steps are absurd")]
    Horizon,
    /// Who watched it stopped it.
    #[error("the simulation was stopped")]
    Stopped,
    /// A pipeline of a training step that cannot be run.
    #[error("pipeline: {0}")]
    Pipeline(String),
    /// Nothing can happen any more but requests are left. This is a fault of the engine, never of the input.
    #[error("deadlock: {served} of {requests} requests were served and nothing can happen any more")]
    Deadlock {
        /// Requests that finished.
        served: usize,
        /// Requests in all.
        requests: usize,
    },
}

impl SimError {
    pub(crate) fn setting(field: &'static str, value: impl ToString, expected: &'static str) -> SimError {
        SimError::Setting { field, value: value.to_string(), expected }
    }
}
