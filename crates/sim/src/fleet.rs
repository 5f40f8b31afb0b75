//! A fleet: pools of replicas of different kinds, the rules by which requests reach them, and what befalls them.

use std::fmt;
use std::ops::Range;

use units::Seconds;

use crate::deployment::{Instance, Link, units_of};
use crate::error::SimError;
use crate::experts::ExpertLoad;
use crate::rules::Rules;
use crate::time::Time;

/// How a rule chooses among the replicas of its pools that are up; the first of equals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Routing {
    /// One after the other.
    RoundRobin,
    /// Where the fewest requests wait and run.
    LeastOutstanding,
    /// Where the fewest requests wait; of these, where the fewest run.
    ShortestQueue,
    /// Where requests under way and prompt tokens to compute are the least together: a thousand tokens that are not in the
    /// replica's prefix cache weigh as much as so many requests.
    Prefix {
        /// Requests under way that weigh as much as a thousand tokens.
        weight: f64,
    },
    /// On the cheapest replica that has fewer than so many requests; where there is none, where the fewest are.
    Cheapest {
        /// Requests under way from which on a replica counts as full.
        full: u64,
    },
}

/// What a pool does with a request.
#[derive(Debug, Clone)]
pub enum Role<'a> {
    /// All of it.
    Whole,
    /// Computes its prompt and hands it over.
    Prefill {
        /// Pools that decode.
        to: Vec<usize>,
        /// How one of their replicas is chosen.
        routing: Routing,
        /// What ships the cache.
        link: Link<'a>,
        /// Transfers that what lies between the pools carries at a time, whatever their ends; 0: as many as they like.
        trunk: u32,
    },
    /// Decodes what others computed, and computes prompts only after a preemption.
    Decode,
}

/// Slower memories behind the KV cache of a replica's rank.
#[derive(Clone, Copy)]
pub struct Tiers<'a> {
    /// Tokens that the host's memory and its disk hold.
    pub tokens: [u64; 2],
    /// Seconds to fetch the cache of so many tokens from either. A replica fetches for one request at a time.
    pub seconds: [&'a (dyn Fn(u64) -> f64 + Sync); 2],
}

impl fmt::Debug for Tiers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tiers").field("tokens", &self.tokens).finish_non_exhaustive()
    }
}

/// Service classes with a rate of their own: what a rank does grows with their number.
const MOST_CLASSES: usize = 64;

/// When replicas are added and taken away.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaling {
    /// Fewest and most replicas.
    pub least: u32,
    /// Most replicas; as many exist, on or off.
    pub most: u32,
    /// Requests under way for which one replica is meant.
    pub target: f64,
    /// Time between two looks.
    pub every: Seconds,
    /// Looks in a row that must find fewer replicas enough before one is drained.
    pub patience: u32,
}

/// A pool: equal replicas.
#[derive(Debug, Clone)]
pub struct Replicas<'a, C> {
    /// One of them.
    pub instance: Instance<'a, C>,
    /// How many are up at the start.
    pub count: u32,
    /// What they do.
    pub role: Role<'a>,
    /// Whether prefixes are cached by content.
    pub prefix_cache: bool,
    /// Slower memories behind the cache.
    pub tiers: Option<Tiers<'a>>,
    /// Whether a preempted request's cache moves to the host's memory instead of being computed anew. Needs tiers.
    pub swap: bool,
    /// Tokens that a decoding request gets out of a step, by service class: drafts are accepted more often in code than in
    /// verse. Classes beyond the list have what the instance says.
    pub emitted: Vec<f64>,
    /// How the load of experts varies.
    pub experts: Option<ExpertLoad>,
    /// When replicas are added and taken away; `None`: never.
    pub scaling: Option<Scaling>,
    /// From the decision to start a replica until it serves: a new one, a spare, or one that was repaired.
    pub startup: Seconds,
    /// Spare replicas, which take the place of those that fail.
    pub spares: u32,
    /// What a replica costs a second, in any currency.
    pub price: f64,
    /// Tokens of the longest request, prompt and answer, that the model takes.
    pub context: u64,
}

impl<'a, C> Replicas<'a, C> {
    /// A pool that does everything, and nothing special.
    pub fn plain(instance: Instance<'a, C>, count: u32) -> Replicas<'a, C> {
        Replicas {
            instance,
            count,
            role: Role::Whole,
            prefix_cache: false,
            tiers: None,
            swap: false,
            emitted: Vec::new(),
            experts: None,
            scaling: None,
            startup: Seconds::ZERO,
            spares: 0,
            price: 0.0,
            context: u64::MAX,
        }
    }

    /// Tokens of the longest request that a replica takes.
    pub(crate) fn longest(&self) -> u64 {
        let block = u64::from(self.instance.scheduler.block_size);
        (self.instance.lane_tokens() / block * block).min(self.context)
    }

    /// Tokens of the longest prompt that a step takes.
    pub(crate) fn prompt(&self) -> u64 {
        let scheduler = &self.instance.scheduler;
        if scheduler.chunked_prefill { u64::MAX } else { u64::from(scheduler.max_batched_tokens) }
    }

    /// The rules of an engine of it.
    pub(crate) fn rules(&self, priorities: bool, watched: bool) -> Result<Rules, SimError> {
        let mut rules = self.instance.lane().rules(matches!(self.role, Role::Prefill { .. }))?;
        (rules.priorities, rules.swap, rules.sticky) = (priorities, self.swap, watched && self.prefix_cache);
        for emitted in &self.emitted {
            let units = units_of(*emitted);
            let rate = rules.rates.iter().position(|rate| *rate == units).unwrap_or(rules.rates.len());
            if rate == rules.rates.len() {
                rules.rates.push(units);
            }
            rules.rate_of.push(rate as u8);
        }
        Ok(rules)
    }

    /// Replicas that exist, on or off.
    pub(crate) fn places(&self) -> u32 {
        self.scaling.map_or(self.count, |scaling| scaling.most.max(self.count))
    }
}

/// Which requests go where. The first rule that fits a request decides.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Service class; `None`: any.
    pub class: Option<u16>,
    /// Model; `None`: any.
    pub model: Option<u16>,
    /// Prompt tokens, first and last included.
    pub input: (u32, u32),
    /// Pools.
    pub pools: Vec<usize>,
    /// How one of their replicas is chosen.
    pub routing: Routing,
    /// Requests under way from which on a replica accepts no more; where all have as many a request is refused.
    pub limit: Option<u64>,
}

impl Rule {
    /// Everything to some pools.
    pub fn all(pools: Vec<usize>, routing: Routing) -> Rule {
        Rule { class: None, model: None, input: (0, u32::MAX), pools, routing, limit: None }
    }
}

/// What befalls replicas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Harm {
    /// They stop at once; all that they hold is lost. They are back after so long (and their start-up), or never.
    Stop {
        /// Time to repair; `None`: for good.
        repair: Option<Seconds>,
    },
    /// Their steps take longer for some time.
    Slow {
        /// So many times as long.
        factor: f64,
        /// For so long.
        span: Seconds,
    },
    /// Transfers to and from them take longer for some time.
    Link {
        /// So many times as long.
        factor: f64,
        /// For so long.
        span: Seconds,
    },
    /// They accept nothing new, finish what they have, and start again.
    Drain,
}

/// Something that befalls some replicas of a pool at some time.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// When.
    pub at: Seconds,
    /// Which pool.
    pub pool: usize,
    /// Which of its replicas.
    pub replicas: Range<u32>,
    /// What.
    pub harm: Harm,
}

/// A fleet.
#[derive(Debug, Clone)]
pub struct Fleet<'a, C> {
    /// Its pools.
    pub pools: Vec<Replicas<'a, C>>,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
    /// What befalls it.
    pub faults: Vec<Fault>,
    /// How often a request begins anew after what served it failed, before it is given up.
    pub retries: u32,
    /// Whether a request that begins anew keeps the tokens that the client has; otherwise the client starts over.
    pub resumes: bool,
    /// From a failure until its requests are sent anew.
    pub notice: Seconds,
    /// Age of what routers know of prefix caches.
    pub view_delay: Seconds,
}

impl<'a, C> Fleet<'a, C> {
    /// Pools under one rule that sends everything to the first of them, or to any where none hands over.
    pub fn of(pools: Vec<Replicas<'a, C>>, routing: Routing) -> Fleet<'a, C> {
        let entry = (0..pools.len()).filter(|place| !matches!(pools[*place].role, Role::Decode)).collect();
        Fleet {
            pools,
            rules: vec![Rule::all(entry, routing)],
            faults: Vec::new(),
            retries: 3,
            resumes: false,
            notice: Seconds::ZERO,
            view_delay: Seconds::ZERO,
        }
    }

    /// Checks what is wrong whatever is sent.
    ///
    /// # Errors
    /// [`SimError::Setting`] with the field and what it may be.
    pub fn check(&self) -> Result<(), SimError> {
        let pools = self.pools.len();
        let exists = |field: &'static str, list: &[usize], entry: bool| {
            let able =
                |place: &usize| self.pools.get(*place).is_some_and(|pool| matches!(pool.role, Role::Decode) != entry);
            match list.iter().find(|place| !able(place)) {
                _ if list.is_empty() => Err(SimError::setting(field, "[]", "at least one pool")),
                Some(place) if *place >= pools => Err(SimError::setting(field, place, "a pool that there is")),
                Some(place) if entry => Err(SimError::setting(field, place, "a pool that takes prompts")),
                Some(place) => Err(SimError::setting(field, place, "a pool that decodes what others computed")),
                None => Ok(()),
            }
        };
        for rule in &self.rules {
            exists("rule.pools", &rule.pools, true)?;
            rule.routing.check()?;
        }
        for pool in &self.pools {
            pool.check()?;
            if let Role::Prefill { to, routing, .. } = &pool.role {
                exists("pool.to", to, false)?;
                routing.check()?;
            }
        }
        for fault in &self.faults {
            fault.check(&self.pools)?;
        }
        Time::from_seconds(self.notice.0)?;
        Time::from_seconds(self.view_delay.0)?;
        Ok(())
    }
}

impl Routing {
    fn check(&self) -> Result<(), SimError> {
        match self {
            Routing::Prefix { weight } if !(0.0..=1e6).contains(weight) => {
                Err(SimError::setting("routing.weight", weight, "0 to 1000000 requests for a thousand tokens"))
            }
            _ => Ok(()),
        }
    }
}

impl<C> Replicas<'_, C> {
    fn check(&self) -> Result<(), SimError> {
        self.instance.check()?;
        self.instance.engines("pool.count", self.places())?;
        if let Role::Prefill { link, .. } = &self.role
            && link.streams == 0
        {
            return Err(SimError::setting("link.streams", 0, "at least 1 transfer at a time"));
        }
        if self.swap && self.tiers.is_none() {
            return Err(SimError::setting("pool.swap", true, "a host memory to swap to"));
        }
        let queries = f64::from(self.instance.speculation.queries);
        if let Some(wrong) = self.emitted.iter().find(|emitted| !(1.0..=queries).contains(*emitted)) {
            return Err(SimError::setting("pool.emitted", wrong, "1 to the queries of the instance's speculation"));
        }
        if self.emitted.len() > MOST_CLASSES {
            return Err(SimError::setting("pool.emitted", self.emitted.len(), "at most 64 service classes"));
        }
        if let Some(experts) = &self.experts {
            experts.check()?;
        }
        if let Some(scaling) = &self.scaling {
            if !(1..=scaling.most).contains(&scaling.least) || !(scaling.least..=scaling.most).contains(&self.count) {
                return Err(SimError::setting("pool.scaling", scaling.least, "1 <= least <= count <= most"));
            }
            if !(scaling.target > 0.0 && scaling.target.is_finite()) {
                return Err(SimError::setting("pool.scaling.target", scaling.target, "more than 0 requests"));
            }
            if !(1e-3..=1e6).contains(&scaling.every.0) {
                return Err(SimError::setting("pool.scaling.every", scaling.every.0, "1 ms to 11 days"));
            }
        }
        if !(self.price >= 0.0 && self.price.is_finite()) {
            return Err(SimError::setting("pool.price", self.price, "0 or more"));
        }
        Time::from_seconds(self.startup.0).map(|_| ())
    }
}

impl Fault {
    fn check<C>(&self, pools: &[Replicas<'_, C>]) -> Result<(), SimError> {
        let Some(pool) = pools.get(self.pool) else {
            return Err(SimError::setting("fault.pool", self.pool, "a pool that there is"));
        };
        if self.replicas.is_empty() || self.replicas.end > pool.places() {
            let given = format!("{} to {}", self.replicas.start, self.replicas.end);
            return Err(SimError::setting("fault.replicas", given, "replicas that the pool has"));
        }
        Time::from_seconds(self.at.0)?;
        match self.harm {
            Harm::Slow { factor, span } | Harm::Link { factor, span } => {
                if !(1.0..=1e6).contains(&factor) {
                    return Err(SimError::setting("fault.factor", factor, "1 to 1000000 times as long"));
                }
                Time::from_seconds(span.0).map(|_| ())
            }
            Harm::Stop { repair: Some(span) } => Time::from_seconds(span.0).map(|_| ()),
            Harm::Stop { repair: None } | Harm::Drain => Ok(()),
        }
    }
}
