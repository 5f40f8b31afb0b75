//! One set-up on one machine under one workload: what users see, and what it rests on.

use catalog::engine::FrontEnds;
use catalog::{Engine, Model};
use cost::StepCost;
use cost::comm::Transfer;
use cost::deploy::{self, Launch, Memory, Parallel, Speculation, StepTimes, Storage};
use sim::{Admission, Host, Instance, Link, Record, Router, Scheduler, Settings, Steps, Workload};
use units::Seconds;

use crate::machine::Machine;
use crate::refusal::Refusal;
use crate::search::{Place, Steps as KnownSteps};

/// Unevenness of experts: coefficient of variation of their popularity among the tokens of a batch.
///
/// Judged on measured decode steps of mixture-of-experts models at small batches, where it decides how many experts are
/// read; searches, explanations and validation use the same. Where experts are balanced by replicas it is too large.
pub const EXPERT_SKEW: f64 = 0.8;

/// Equal replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pool {
    /// How many.
    pub replicas: u32,
    /// Their split.
    pub parallel: Parallel,
    /// Most requests that one attention rank runs at a time; `None`: the engine's default.
    pub max_seqs: Option<u32>,
}

/// Who does what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pools {
    /// The same replicas prefill and decode.
    Together(Pool),
    /// Prefill and decode on separate replicas.
    Split {
        /// Prefill.
        prefill: Pool,
        /// Decode.
        decode: Pool,
    },
}

impl Pools {
    /// Devices in all.
    pub fn devices(&self) -> u32 {
        let of = |p: &Pool| p.replicas * p.parallel.devices();
        match self {
            Pools::Together(pool) => of(pool),
            Pools::Split { prefill, decode } => of(prefill) + of(decode),
        }
    }

    /// The pool that generates.
    pub fn decode(&self) -> &Pool {
        match self {
            Pools::Together(pool) => pool,
            Pools::Split { decode, .. } => decode,
        }
    }
}

/// A set-up.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// What is served.
    pub model: &'a Model,
    /// On what.
    pub machine: &'a Machine,
    /// By what.
    pub engine: &'a Engine,
    /// Formats.
    pub storage: Storage,
    /// Speculation.
    pub speculation: Option<Speculation>,
    /// Unevenness of experts.
    pub expert_skew: f64,
    /// Front ends of a replica.
    pub front_ends: FrontEnds,
    /// Pools.
    pub pools: Pools,
}

/// What a set-up does under a workload.
#[derive(Debug, Clone)]
pub struct Prediction {
    /// What users see.
    pub outcome: sim::Outcome,
    /// Memory of a device of the (decode or aggregated) pool.
    pub memory: Memory,
    /// Tokens that the cache of one attention rank of that pool holds.
    pub kv_tokens: u64,
}

impl<'a> Setup<'a> {
    /// One replica of `pool`.
    pub fn deployment(&self, pool: &Pool) -> deploy::Deployment<'a> {
        deploy::Deployment {
            model: self.model,
            chip: &self.machine.system.chip,
            device: &self.machine.device,
            network: &self.machine.network,
            parallel: pool.parallel,
            storage: self.storage,
            speculation: self.speculation,
            fused_norm: self.engine.features.fused_norm.mid(),
            apart: None,
            expert_skew: self.expert_skew,
        }
    }

    /// How the engine launches kernels here.
    pub fn launch(&self) -> Launch {
        let host = &self.engine.host;
        let limits = self.engine.limits_on(&self.machine.system.chip);
        Launch {
            gap: host.gap.mid().0,
            launch: host.launch.mid().0,
            graph_decode: host.graph_decode.mid(),
            graph_prefill: host.graph_prefill.mid(),
            graph_requests: u64::from(limits.graph_seqs.mid()),
            wait: host.wait.mid().0,
            prompt_token: host.token.mid().0,
        }
    }

    /// Step times of one replica of `pool`.
    pub fn steps(&self, pool: &Pool) -> Result<StepTimes<'a>, Refusal> {
        self.check(pool)?;
        Ok(StepTimes::new(self.deployment(pool), self.launch()))
    }

    /// Whether the split of `pool` divides the model.
    fn check(&self, pool: &Pool) -> Result<(), Refusal> {
        pool.parallel.check(self.model)?;
        if !self.engine.features.redundant_experts.mid() {
            pool.parallel.divides_experts(self.model)?;
        }
        Ok(())
    }

    /// Seconds of the front ends of a replica of `pool` to take a request of `tokens` in, and to send a token out, where
    /// they share the work: several are as one that is so many times as fast.
    pub fn front_end(&self, parallel: &Parallel, tokens: f64) -> (f64, f64) {
        let host = &self.engine.host;
        let fronts = f64::from(self.front_ends.count(parallel.dp));
        ((host.intake.mid().0 + host.intake_token.mid().0 * tokens) / fronts, host.stream.mid().0 / fronts)
    }

    /// Memory of a device of `pool`.
    pub fn memory(&self, pool: &Pool) -> Memory {
        let limits = self.engine.limits_on(&self.machine.system.chip);
        self.deployment(pool).memory(&self.engine.memory, limits)
    }

    /// `longest`: tokens of the longest prompt. Where prompts are not cut, the largest step is set to hold it beside the
    /// batch, as deployments do.
    fn scheduler(&self, pool: &Pool, longest: u32) -> Scheduler {
        let engine = self.engine;
        let limits = engine.limits_on(&self.machine.system.chip);
        let rules = &engine.scheduling;
        let host = &engine.host;
        let fronts = f64::from(self.front_ends.count(pool.parallel.dp));
        let shared = |time: Seconds| Seconds(time.0 / fronts);
        let max_seqs = pool.max_seqs.unwrap_or(limits.max_seqs.mid()).max(1);
        let queries = 1 + self.speculation.map_or(0, |s| s.drafts);
        let beside = if rules.chunked_prefill.mid() { 0 } else { longest };
        let least = max_seqs.saturating_mul(queries).saturating_add(beside);
        Scheduler {
            max_seqs,
            max_batched_tokens: limits.max_batched_tokens.mid().max(least),
            chunked_prefill: rules.chunked_prefill.mid(),
            steps: match rules.steps.mid() {
                catalog::engine::Steps::Mixed => Steps::Mixed,
                catalog::engine::Steps::PrefillFirst => Steps::PrefillFirst,
                catalog::engine::Steps::DecodeFirst => Steps::DecodeFirst,
            },
            admission: match rules.admission.mid() {
                catalog::engine::Admission::Input => Admission::Input,
                catalog::engine::Admission::Expected(share) => Admission::Expected(share),
                catalog::engine::Admission::Whole => Admission::Whole,
            },
            watermark: rules.watermark.mid(),
            block_size: rules.block_size.mid(),
            overlap: rules.overlap.mid(),
            ranks: Router::LeastLoaded,
            balance: rules.gather.as_ref().map_or(0, |g| g.steps.mid()),
            gather: rules.gather.as_ref().map_or(0.0, |g| g.share.mid()),
            host: Host {
                step: host.step.mid(),
                request: host.request.mid(),
                prefill: host.prefill.mid(),
                ingress: host.ingress.mid(),
                intake: shared(host.intake.mid()),
                intake_token: shared(host.intake_token.mid()),
                stream: shared(host.stream.mid()),
                egress: host.egress.mid(),
            },
        }
    }

    pub(crate) fn instance<'c, C>(&self, pool: &Pool, cost: &'c C, kv_tokens: u64, longest: u32) -> Instance<'c, C> {
        Instance {
            cost,
            scheduler: self.scheduler(pool, longest),
            ranks: pool.parallel.dp,
            lanes: pool.parallel.pp,
            kv_tokens,
            speculation: self.speculation.map_or(sim::Speculation::NONE, |s| sim::Speculation {
                queries: 1 + s.drafts,
                emitted: 1.0 + s.accepted,
            }),
        }
    }

    /// Runs `workload` whose longest request has `longest` tokens.
    ///
    /// # Errors
    /// A split that does not divide the model, a model that does not fit, or a workload that cannot run.
    pub fn run(&self, workload: &Workload, longest: f64, seed: u64) -> Result<Prediction, Refusal> {
        let ready = self.ready(longest)?;
        let outcome = ready.record(&self.pools, workload, 0, seed)?.outcome();
        let side = ready.decode();
        Ok(Prediction { outcome, memory: side.memory, kv_tokens: side.kv_tokens })
    }

    /// Step times and memory of each pool, for any number of workloads whose longest request has `longest` tokens.
    ///
    /// # Errors
    /// A split that does not divide the model, or a model that does not fit.
    pub fn ready(&self, longest: f64) -> Result<Ready<'a>, Refusal> {
        let (first, second) = match &self.pools {
            Pools::Together(pool) => (self.side(pool, longest)?, None),
            Pools::Split { prefill, decode } => (self.side(prefill, longest)?, Some(self.side(decode, longest)?)),
        };
        Ok(Ready { setup: *self, first, second })
    }

    /// Step times and memory of one pool.
    ///
    /// # Errors
    /// As [`Setup::ready`].
    pub fn side(&self, pool: &Pool, longest: f64) -> Result<Side<'a>, Refusal> {
        self.check(pool)?;
        self.priced(self.deployment(pool), longest)
    }

    /// The same of a replica laid on its devices, which is taken to divide the model.
    ///
    /// # Errors
    /// A model that does not fit, or not even one request of `longest` tokens beside it.
    pub fn priced(&self, deployment: deploy::Deployment<'a>, longest: f64) -> Result<Side<'a>, Refusal> {
        let limits = self.engine.limits_on(&self.machine.system.chip);
        let memory = deployment.memory(&self.engine.memory, limits);
        let elsewhere = deployment.feed_forward_bytes();
        if elsewhere > 0.0 {
            let needs = elsewhere + memory.activations + memory.reserved;
            if needs > memory.capacity {
                return Err(Refusal::DoesNotFit { needs, has: memory.capacity });
            }
        }
        let kv_tokens = memory.tokens(longest);
        if (kv_tokens as f64) < longest {
            // All but the pool is taken: by weights, by activations and buffers, and by what the engine leaves alone.
            let one = memory.per_token * longest + memory.per_request;
            return Err(Refusal::DoesNotFit { needs: memory.capacity - memory.pool + one, has: memory.capacity });
        }
        // Where feed-forward layers are elsewhere, step times are not those that the machine recalls.
        let recall = self.machine.steps.as_deref().filter(|_| deployment.apart.is_none());
        let recall = recall.map(|steps| (steps, self.machine.place, deployment.parallel));
        let known = recall.map(|(steps, place, parallel)| steps.take(place, parallel)).unwrap_or_default();
        Ok(Side { steps: StepTimes::knowing(deployment, self.launch(), known), memory, kv_tokens, recall })
    }

    /// Seconds to ship the cache of a prompt from a prefill to a decode replica.
    pub(crate) fn transfer(&self, prefill: &Pool, decode: &Pool, tokens: u64) -> f64 {
        // What the model caches, each value once, however many devices of a replica hold a copy.
        let whole = deploy::Deployment { parallel: Parallel::tensor(1), ..self.deployment(prefill) };
        let (per_token, per_request) = whole.cache_bytes();
        let layers: u32 = self.model.layers.iter().map(|g| g.count).sum();
        let time = self.machine.network.transfer(&Transfer {
            bytes: per_token * tokens as f64 + per_request,
            senders: prefill.parallel.tp * prefill.parallel.pp,
            receivers: decode.parallel.tp * decode.parallel.pp,
            layers,
            distance: prefill.parallel.devices(),
        });
        time.seconds
    }
}

/// One pool of a set-up, priced.
pub struct Side<'a> {
    /// Times of its steps.
    pub steps: StepTimes<'a>,
    /// Memory of one of its devices.
    pub memory: Memory,
    /// Tokens that the cache of one of its attention ranks holds.
    pub kv_tokens: u64,
    recall: Option<(&'a KnownSteps, Place, Parallel)>,
}

impl Drop for Side<'_> {
    fn drop(&mut self) {
        if let Some((steps, place, parallel)) = self.recall {
            steps.put(place, parallel, self.steps.take_known());
        }
    }
}

/// A set-up, priced. What was asked of the cost model is remembered from one workload to the next.
pub struct Ready<'a> {
    setup: Setup<'a>,
    first: Side<'a>,
    second: Option<Side<'a>>,
}

impl<'a> Ready<'a> {
    /// The set-up.
    pub fn setup(&self) -> &Setup<'a> {
        &self.setup
    }

    /// The pool that prefills.
    pub fn prefill(&self) -> &Side<'a> {
        &self.first
    }

    /// The pool that decodes.
    pub fn decode(&self) -> &Side<'a> {
        self.second.as_ref().unwrap_or(&self.first)
    }

    fn instance<'s>(&self, side: &'s Side<'a>, pool: &Pool, longest: u32) -> Instance<'s, StepTimes<'a>> {
        self.setup.instance(pool, &side.steps, side.kv_tokens, longest)
    }

    /// Runs `workload` on `pools`: those of the set-up, but for the number of replicas and the seats. The first
    /// `resident` requests are under way when it begins.
    ///
    /// # Errors
    /// A workload that cannot run.
    pub fn record(&self, pools: &Pools, workload: &Workload, resident: usize, seed: u64) -> Result<Record, Refusal> {
        let settings = Settings { seed, resident, ..Settings::default() };
        let prompt = longest_of(&workload.input);
        match pools {
            Pools::Together(pool) => {
                let deployment = sim::Deployment::Together {
                    instance: self.instance(&self.first, pool, prompt),
                    count: pool.replicas,
                    router: Router::RoundRobin,
                };
                Ok(sim::record(&deployment, workload, &settings)?)
            }
            Pools::Split { prefill, decode } => {
                let setup = self.setup;
                let transfer = |tokens: u64| setup.transfer(prefill, decode, tokens);
                let deployment = sim::Deployment::Split {
                    prefill: self.instance(&self.first, prefill, prompt),
                    prefills: prefill.replicas,
                    decode: self.instance(self.decode(), decode, prompt),
                    decodes: decode.replicas,
                    router: Router::RoundRobin,
                    link: Link { seconds: &transfer, streams: 1, first_token_after: true },
                };
                Ok(sim::record(&deployment, workload, &settings)?)
            }
        }
    }
}

/// Tokens of the longest length.
fn longest_of(lengths: &sim::Lengths) -> u32 {
    match lengths {
        sim::Lengths::Fixed(n) | sim::Lengths::Uniform(_, n) | sim::Lengths::LogNormal { most: n, .. } => *n,
        sim::Lengths::List(list) => list.iter().copied().max().unwrap_or(1),
    }
}

/// Exposes the trait's methods to callers that only hold step times.
pub fn step_seconds(steps: &StepTimes<'_>, batch: &cost::Batch) -> f64 {
    let ranks = u64::from(steps.deployment().parallel.dp);
    let rows = batch.decode * steps.deployment().queries() + batch.prefill_tokens;
    steps.local(batch) + steps.shared(rows * ranks, rows)
}
