//! A fleet as it stands before its first request.

use cost::StepCost;

use super::life::Place;
use super::{Group, Play, Route, Told};
use crate::cache::Cache;
use crate::curve::Curves;
use crate::engine::Engine;
use crate::error::SimError;
use crate::experts::Experts;
use crate::fleet::{Fleet, Role, Routing, Rule};
use crate::job::Job;
use crate::pool::Pool;
use crate::queue::Queue;
use crate::rank::Rank;
use crate::requests::Content;
use crate::time::Time;
use crate::view::View;

impl<'f, 'a, C: StepCost> Play<'f, 'a, C> {
    /// A fleet before its first request.
    pub fn new(
        fleet: &'f Fleet<'a, C>,
        jobs: Vec<Job>,
        content: Option<Content>,
        told: Told,
    ) -> Result<Play<'f, 'a, C>, SimError> {
        let mut routes: Vec<Route> = Vec::new();
        for rule in &fleet.rules {
            routes.push(Route::new(rule.clone(), fleet)?);
        }
        let watched = fleet.rules.iter().any(|rule| matches!(rule.routing, Routing::Prefix { .. }));
        let priorities = jobs.iter().any(|job| job.priority != jobs[0].priority);
        let (mut groups, mut engines, mut places) = (Vec::new(), Vec::new(), Vec::new());
        let (mut pool_of, mut place_of, mut lines) = (Vec::new(), Vec::new(), Vec::new());
        for (number, pool) in fleet.pools.iter().enumerate() {
            let lane = pool.instance.lane();
            let rules = pool.rules(priorities, watched)?;
            let rates = rules.rates.len();
            let first = places.len();
            let block = u64::from(pool.instance.scheduler.block_size);
            let cache = match &content {
                Some(content) if pool.prefix_cache => {
                    if u64::from(content.block) % block != 0 {
                        let expected = "a block size of the cache that divides the block size of the contents";
                        return Err(SimError::setting("scheduler.block_size", block, expected));
                    }
                    let tokens = u64::from(content.block);
                    let rooms = pool.tiers.map_or([0, 0], |tiers| tiers.tokens.map(|room| room / tokens));
                    Some(Cache::new(content.names.clone(), tokens, tokens / block, rooms, watched))
                }
                _ => None,
            };
            for replica in 0..pool.places() {
                places.push(Place::new(number, engines.len(), pool.instance.lanes, replica < pool.count));
                for _ in 0..pool.instance.lanes {
                    let blocks = || Pool::new(lane.kv_tokens, lane.scheduler.block_size, rates);
                    let rank = || Rank::new(blocks(), cache.clone(), rates);
                    let ranks = (0..lane.ranks).map(|_| rank()).collect();
                    let mut engine = Engine::new(rules.clone(), ranks, lane.scheduler.ranks, told.longest_run);
                    // Engines draw from streams of their own.
                    let seed = told.seed ^ ((engines.len() as u64 + 1) << 40);
                    engine.experts = pool.experts.map(|load| Experts::new(load, seed));
                    engines.push(engine);
                    pool_of.push(number as u32);
                    place_of.push((places.len() - 1) as u32);
                    lines.push(Vec::new());
                }
            }
            let (mut handover, mut trunk) = (0, Vec::new());
            if let Role::Prefill { to, routing, trunk: carries, .. } = &pool.role {
                handover = routes.len();
                routes.push(Route::new(Rule::all(to.clone(), *routing), fleet)?);
                trunk = vec![Time::ZERO; *carries as usize];
            }
            groups.push(Group {
                curves: Curves::new(pool.instance.cost),
                role: pool.role.clone(),
                handover,
                tiers: pool.tiers,
                longest: pool.longest(),
                prompt: pool.prompt(),
                price: pool.price,
                handed: 0,
                trunk,
                places: first..places.len(),
            });
        }
        // Both ends of a hand-over need as many streams as its link has.
        for number in 0..fleet.pools.len() {
            let Role::Prefill { to, link, .. } = &fleet.pools[number].role else { continue };
            for (engine, line) in lines.iter_mut().enumerate() {
                let of = pool_of[engine] as usize;
                if (of == number || to.contains(&of)) && line.len() < link.streams as usize {
                    line.resize(link.streams as usize, Time::ZERO);
                }
            }
        }
        let view = watched.then(|| Time::from_seconds(fleet.view_delay.0)).transpose()?;
        let mut play = Play {
            fleet,
            groups,
            routes,
            view: view
                .map(|delay| View::new(engines.len(), content.as_ref().map_or(0, |content| content.count), delay)),
            known: Vec::new(),
            touched: Vec::with_capacity(engines.len()),
            marked: vec![false; engines.len()],
            fetches: vec![Time::ZERO; engines.len()],
            engines,
            pool_of,
            place_of,
            places,
            lines,
            jobs,
            content,
            next: 0,
            closed: false,
            think: Time::ZERO,
            resident: 0,
            told,
            queue: Queue::default(),
            acts: Vec::new(),
            signals: Vec::new(),
            ended: 0,
            shipped: 0,
            swapped: 0,
            samples: Vec::new(),
            spares: fleet.pools.iter().map(|pool| pool.spares).collect(),
            calm: vec![0; fleet.pools.len()],
            drains: false,
            now: Time::ZERO,
        };
        play.muster();
        Ok(play)
    }
}
