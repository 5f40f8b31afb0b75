//! The fleet of a study, priced: machines, step times, ways between pools.

use catalog::{Engine, Model};
use cost::deploy::{Apart, Deployment, Parallel, Speculation, StepTimes};
use sim::{Fleet, Link, Replayed, Replicas, Role, Rule, Tiers};
use units::{Range, Seconds};

use super::ReplayError;
use super::assemble::Assembled;
use super::faults::faults;
use super::study::{PoolAsked, ReplayStudy, RoleAsked};
use crate::machine::{Fitted, Machine};
use crate::predict::{EXPERT_SKEW, Pool, Pools, Setup, Side};
use crate::refusal::Refusal;
use crate::search::storage;
use crate::study::{Candidate, Given};

/// Seconds to move the cache of so many tokens.
pub type Path<'s> = Box<dyn Fn(u64) -> f64 + Sync + 's>;

/// What moves caches of a pool: to the pools that decode, to and from the host's memory, and its disk.
pub struct Paths<'s> {
    link: Path<'s>,
    tiers: [Path<'s>; 2],
}

/// The pools of a study on their machines.
pub struct Stage<'q> {
    study: &'q ReplayStudy,
    machines: Vec<Machine>,
    engines: Vec<Engine>,
    splits: Vec<Parallel>,
    /// Dollars a second of a replica, where a price is known; watts of a replica, where its power is.
    pub prices: Vec<Option<f64>>,
    pub powers: Vec<Option<f64>>,
}

impl<'q> Stage<'q> {
    /// Prices the pools.
    ///
    /// # Errors
    /// A chip without peak or bandwidth, or a calibration without curves.
    pub fn new(study: &'q ReplayStudy, fitted: &Fitted) -> Result<Stage<'q>, ReplayError> {
        let mut stage = Stage {
            study,
            machines: Vec::new(),
            engines: Vec::new(),
            splits: Vec::new(),
            prices: Vec::new(),
            powers: Vec::new(),
        };
        for pool in &study.pools {
            let mut engine = pool.engine.clone();
            if let Some(tokens) = pool.max_batched_tokens {
                engine.limits.iter_mut().for_each(|limits| limits.max_batched_tokens.value = Range::exact(tokens));
            }
            if let Some(steps) = pool.steps {
                engine.scheduling.steps.value = Range::exact(steps);
            }
            let machine = Machine::new(&pool.system, fitted, &engine)
                .map_err(|refusal| ReplayError::Pool { pool: pool.name.clone(), refusal })?;
            stage.splits.push(split(pool, &study.models[usize::from(pool.model)], &engine, &machine)?);
            let candidate = Candidate {
                system: pool.system.clone(),
                chips: pool.chips,
                engine: None,
                given: Given::default(),
                price: pool.price.clone(),
                surcharge: Range::exact(0.0),
                pass_through: Range::exact(1.0),
            };
            let hourly = candidate.bill(&study.money).and_then(|bill| bill.hourly().ok());
            stage.prices.push(hourly.map(|h| (h.chips.mid + h.electricity.mid) / 3600.0));
            // A system's own power is of all its chips.
            let whole = f64::from(pool.system.chips.max(1));
            let power = match &pool.system.power {
                Some(power) => Some(power.mid().0 * f64::from(pool.chips) / whole),
                None => candidate.power(&study.money).map(|power| power.mid.0),
            };
            stage.powers.push(power);
            stage.machines.push(machine);
            stage.engines.push(engine);
        }
        Ok(stage)
    }

    fn setup(&self, place: usize) -> Setup<'_> {
        let asked = &self.study.pools[place];
        let model = &self.study.models[usize::from(asked.model)];
        let engine = &self.engines[place];
        let storage = storage(asked.formats.0, asked.formats.1, model, engine, &self.machines[place].system.chip);
        // As many drafts as the class that accepts the most can use.
        let most = asked.mtp_accepted.iter().copied().reduce(f64::max);
        Setup {
            model,
            machine: &self.machines[place],
            engine,
            storage,
            speculation: most.map(|accepted| Speculation { drafts: accepted.ceil().max(1.0) as u32, accepted }),
            expert_skew: EXPERT_SKEW,
            front_ends: engine.features.front_ends.mid(),
            pools: Pools::Together(self.pool(place)),
        }
    }

    fn pool(&self, place: usize) -> Pool {
        Pool { replicas: 1, parallel: self.splits[place], max_seqs: self.study.pools[place].max_seqs }
    }

    /// Step times and memory of each pool, for requests as long as those played on average.
    ///
    /// # Errors
    /// A split that does not divide the model, or a model that does not fit.
    pub fn sides(&self, played: &Assembled) -> Result<Vec<Side<'_>>, ReplayError> {
        let list = &played.requests.list;
        let tokens: u64 = list.iter().map(|r| u64::from(r.input) + u64::from(r.output)).sum();
        let mean = tokens as f64 / list.len().max(1) as f64;
        let side = |(place, asked): (usize, &PoolAsked)| {
            let named = |refusal: Refusal| ReplayError::Pool { pool: asked.name.clone(), refusal };
            let (setup, pool) = (self.setup(place), self.pool(place));
            let Some(ffn) = asked.ffn else { return setup.side(&pool, mean).map_err(named) };
            // Heads are divided by attention's devices; experts are spread over others, with copies where need be.
            let attention = Parallel { ep: pool.parallel.devices(), moe_tp: 1, ..pool.parallel };
            attention.check(setup.model).map_err(|misfit| named(misfit.into()))?;
            let apart = Some(Apart { devices: pool.parallel.ep, micro_batches: ffn.micro_batches });
            setup.priced(Deployment { apart, ..setup.deployment(&pool) }, mean).map_err(named)
        };
        self.study.pools.iter().enumerate().map(side).collect()
    }

    /// Bytes of the cache of a token, and of a request whatever its length, each value once.
    fn cache_bytes(&self, place: usize) -> (f64, f64) {
        let setup = self.setup(place);
        Deployment { parallel: Parallel::tensor(1), ..setup.deployment(&self.pool(place)) }.cache_bytes()
    }

    /// The ways of caches, for each pool.
    pub fn paths(&self) -> Vec<Paths<'_>> {
        let one = |(place, asked): (usize, &PoolAsked)| {
            let (per_token, per_request) = self.cache_bytes(place);
            let link: Path<'_> = match &asked.role {
                RoleAsked::Prefill { link: Some((bandwidth, latency)), .. } => {
                    let (bandwidth, latency) = (*bandwidth, *latency);
                    Box::new(move |tokens| latency + (per_token * tokens as f64 + per_request) / bandwidth)
                }
                RoleAsked::Prefill { to, link: None, .. } => {
                    let (setup, from, to) = (self.setup(place), self.pool(place), self.pool(to[0]));
                    Box::new(move |tokens| setup.transfer(&from, &to, tokens))
                }
                _ => Box::new(|_| 0.0),
            };
            let tier = |tier: usize| -> Path<'_> {
                let bandwidth = asked.tiers[tier].map_or(1.0, |(_, bandwidth)| bandwidth);
                Box::new(move |tokens| per_token * tokens as f64 / bandwidth)
            };
            Paths { link, tiers: [tier(0), tier(1)] }
        };
        self.study.pools.iter().enumerate().map(one).collect()
    }

    /// The fleet with so many replicas in each pool. `split`: the prompt tokens up to which the first rule holds, the second
    /// one taking what is longer.
    ///
    /// # Errors
    /// Pools on different systems without a link between them.
    pub fn fleet<'s>(
        &'s self,
        sides: &'s [Side<'s>],
        paths: &'s [Paths<'s>],
        played: &Assembled,
        sizes: &[u32],
        split: Option<u32>,
    ) -> Result<Fleet<'s, StepTimes<'s>>, ReplayError> {
        let study = self.study;
        // Where prompts are not cut, the largest step holds the longest of them that the model takes.
        let prompt = |model: u16| {
            let most = u32::try_from(study.models[usize::from(model)].max_context).unwrap_or(u32::MAX);
            let own = played.requests.list.iter().filter(|r| r.model == model && r.input <= most);
            own.map(|r| r.input).max().unwrap_or(1)
        };
        let mut pools = Vec::new();
        for (place, asked) in study.pools.iter().enumerate() {
            let (setup, side, pool) = (self.setup(place), &sides[place], self.pool(place));
            let instance = setup.instance(&pool, &side.steps, side.kv_tokens, prompt(asked.model));
            let role = match &asked.role {
                RoleAsked::Whole => Role::Whole,
                RoleAsked::Decode => Role::Decode,
                RoleAsked::Prefill { to, routing, link, trunk } => {
                    let apart = to.iter().find(|to| study.pools[**to].system.id != asked.system.id);
                    if let (Some(other), None) = (apart, link) {
                        let (from, to) = (&asked.name, &study.pools[*other].name);
                        let message = format!(
                            "pools {from} and {to} are on different systems: write link = {{ bandwidth = \"50 GB/s\" }}"
                        );
                        return Err(ReplayError::Study(message));
                    }
                    let link = Link { seconds: &*paths[place].link, streams: 1, first_token_after: true };
                    Role::Prefill { to: to.clone(), routing: *routing, link, trunk: *trunk }
                }
            };
            let (per_token, _) = self.cache_bytes(place);
            let lanes = f64::from(instance.ranks * instance.lanes);
            let room = |tier: usize| asked.tiers[tier].map_or(0, |(bytes, _)| (bytes / per_token / lanes) as u64);
            let tiers = asked.tiers.iter().any(Option::is_some).then(|| Tiers {
                tokens: [room(0), room(1)],
                seconds: [&*paths[place].tiers[0], &*paths[place].tiers[1]],
            });
            pools.push(Replicas {
                count: sizes[place],
                role,
                prefix_cache: asked.prefix_cache,
                tiers,
                swap: asked.swap,
                emitted: asked.mtp_accepted.iter().map(|accepted| 1.0 + accepted).collect(),
                experts: asked.experts,
                scaling: asked.scaling,
                startup: asked.startup,
                spares: asked.spares,
                price: self.prices[place].unwrap_or(0.0),
                context: study.models[usize::from(asked.model)].max_context,
                ..Replicas::plain(instance, sizes[place])
            });
        }
        let rule = |asked: &super::study::RuleAsked| Rule {
            class: asked.class,
            model: asked.model,
            input: asked.input,
            pools: asked.pools.clone(),
            routing: asked.routing,
            limit: asked.limit,
        };
        let mut rules: Vec<Rule> = study.rules.iter().map(rule).collect();
        if let (Some(split), [first, second, ..]) = (split, &mut rules[..]) {
            first.input = (0, split);
            second.input = (split.saturating_add(1), u32::MAX);
        }
        let places: Vec<u32> = study
            .pools
            .iter()
            .zip(sizes)
            .map(|(pool, size)| pool.scaling.map_or(*size, |s| s.most.max(*size)))
            .collect();
        Ok(Fleet {
            pools,
            rules,
            faults: faults(&study.faults, &study.pools, &places, LONGEST_FAULTS, study.seed),
            retries: study.recovery.retries,
            resumes: study.recovery.resumes,
            notice: study.recovery.notice,
            view_delay: Seconds(study.view_delay.0),
        })
    }

    /// Whether every pool has a price, as a search for the cheapest fleet needs.
    ///
    /// # Errors
    /// The pool that has none.
    pub fn priced(&self) -> Result<(), ReplayError> {
        let lacks = self.study.pools.iter().zip(&self.prices).find(|(_, price)| price.is_none());
        lacks.map_or(Ok(()), |(pool, _)| {
            let message = "no price of its chips is known, and the cheapest fleet is looked for: write price = \"2 USD/h\", or \
                           best = \"chips\"";
            Err(ReplayError::Study(format!("pool {}: {message}", pool.name)))
        })
    }

    /// Money spent on a replay; `None` where a price is unknown.
    pub fn cost(&self, replayed: &Replayed) -> Option<f64> {
        let of =
            |(pool, price): (&sim::PoolUse, &Option<f64>)| price.map(|price| pool.paid.iter().sum::<f64>() * price);
        replayed.pools.iter().zip(&self.prices).map(of).sum()
    }

    /// How a pool's replica is split, for people.
    pub fn split_name(&self, place: usize) -> String {
        let split = &self.splits[place];
        match self.study.pools[place].ffn {
            None => crate::search::short(split),
            Some(_) => {
                let attention = Parallel { ep: 1, moe_tp: split.tp * split.dp, ..*split };
                format!("{} + FFN{}", crate::search::short(&attention), split.ep)
            }
        }
    }

    /// Engine of a pool, for people.
    pub fn engine_name(&self, place: usize) -> &str {
        &self.engines[place].name
    }
}

/// Seconds within which random faults are drawn: a fortnight.
const LONGEST_FAULTS: f64 = 14.0 * 86_400.0;

/// How a replica of a pool is laid on its devices: as written, or by tensor parallelism (of experts too, where the engine
/// can spread them). Feed-forward layers apart: attention on each device by itself, experts spread over the others.
fn split(pool: &PoolAsked, model: &Model, engine: &Engine, machine: &Machine) -> Result<Parallel, ReplayError> {
    let wrong = |message: String| Err(ReplayError::Study(format!("pool {}: {message}", pool.name)));
    if !pool.mtp_accepted.is_empty() && model.mtp_layers == 0 {
        return wrong(format!("{} has no multi-token-prediction layers: leave mtp_accepted out", model.name));
    }
    if !pool.mtp_accepted.is_empty() && !engine.features.mtp.mid() {
        return wrong(format!("{} does not draft tokens: leave mtp_accepted out", engine.name));
    }
    let ffn = pool.ffn.map_or(0, |ffn| ffn.chips);
    if pool.ffn.is_some() && !model.is_moe() {
        return wrong(format!("{} has no experts to put on chips of their own: leave ffn out", model.name));
    }
    if ffn >= pool.chips {
        return wrong(format!("{ffn} of {} chips for feed-forward layers leave none for attention", pool.chips));
    }
    let devices = machine.devices(pool.chips - ffn);
    let split = match pool.parallel {
        Some(split) => split,
        None if ffn > 0 => Parallel { tp: 1, pp: 1, dp: devices, ep: 1, moe_tp: devices },
        None if model.is_moe() && engine.features.expert_parallel.mid() => {
            Parallel { tp: devices, pp: 1, dp: 1, ep: devices, moe_tp: 1 }
        }
        None => Parallel::tensor(devices),
    };
    if split.devices() != devices {
        let whose = if ffn > 0 { "the attention part of a replica" } else { "a replica" };
        return wrong(format!("the split is for {} devices and {whose} has {devices}", split.devices()));
    }
    if ffn > 0 && (split.pp > 1 || (pool.parallel.is_some() && split.ep > 1)) {
        return wrong("with ffn a split names tp and dp of attention only; all ffn chips share the experts".into());
    }
    if pool.experts.is_some() && split.dp == 1 && ffn == 0 {
        return wrong(
            "experts = { .. } is of experts that attention ranks share: write a split with dp above 1".into(),
        );
    }
    Ok(if ffn > 0 { Parallel { ep: machine.devices(ffn), moe_tp: 1, ..split } } else { split })
}
