//! Rows that leave parallelism open: the set-ups that whoever ran them may have chosen are those that the search finds.

use super::case::{Case, CaseLoad};
use crate::predict::{Pool, Pools, Setup};
use crate::refusal::Refusal;
use crate::search::{Field, Plan, Recall, Room, Rough, Shape};
use crate::study::{Given, SearchLimits};

/// Set-ups that are simulated: those that the search guesses to be the quickest.
const CONTENDERS: usize = 4;
/// Share of the best guess below which a set-up is not simulated: guesses are within about a quarter.
const PROMISING: f64 = 0.75;

/// The most promising ways to use `devices` devices like `setup`, the best guess first.
///
/// # Errors
/// Nothing fits: what the smallest split says.
pub fn candidates(case: &Case, setup: &Setup<'_>, devices: u32) -> Result<Vec<Pools>, Refusal> {
    let machine = setup.machine;
    let inner = machine.system.fabric.tiers.first().map_or(1, |t| t.chips).max(1);
    let (input, output) = (case.input.mean(), case.output.mean());
    let (given, recall) = (Given::default(), Recall::default());
    let field = Field {
        given: &given,
        model: setup.model,
        engine: setup.engine,
        machine: machine.clone(),
        storage: setup.storage,
        speculation: setup.speculation,
        room: Room { devices, domain: machine.devices(inner).min(devices) },
        shape: Shape { input, cached: input * case.prefix_hit, output },
        longest: (case.input.longest() + case.output.longest()) as f64,
        recall: &recall,
    };
    let limits = SearchLimits { aggregated: true, disaggregated: false, requests: 0, curve: 0 };
    let (plans, ..) = field.plans(0, &limits, None);
    let mut ranked: Vec<(f64, Pools)> = plans.iter().map(|plan| (promise(plan, case), whole(plan))).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let best = ranked.first().map_or(0.0, |r| r.0);
    ranked.retain(|r| r.0 >= PROMISING * best);
    ranked.truncate(CONTENDERS);
    if ranked.is_empty() {
        // The refusal of the widest split tells what is missing.
        let refused = field.setup(setup.pools).ready(field.longest).err();
        return Err(refused.unwrap_or_else(|| Refusal::Row("no split divides the model".to_owned())));
    }
    Ok(ranked.into_iter().map(|r| r.1).collect())
}

/// Requests per second that a plan is guessed to reach within the row's bounds; the quickest answer where none seems to.
fn promise(plan: &Plan, case: &Case) -> f64 {
    let copies = f64::from(plan.copies);
    let within = |r: &&Rough| match case.load {
        CaseLoad::Bounded { ttft, tpot } => r.ttft <= ttft && r.tpot <= tpot,
        CaseLoad::Concurrency(n) | CaseLoad::Burst(n) | CaseLoad::Static(n) => {
            r.clients as f64 * copies <= n as f64 || r.batch == 1
        }
        CaseLoad::Rate(_) | CaseLoad::Saturated => true,
    };
    plan.rough.iter().filter(within).map(|r| r.requests * copies).fold(0.0, f64::max)
}

/// All copies of a plan's cell.
fn whole(plan: &Plan) -> Pools {
    let all = |pool: &Pool| Pool { replicas: pool.replicas * plan.copies, ..*pool };
    match &plan.pools {
        Pools::Together(pool) => Pools::Together(all(pool)),
        Pools::Split { prefill, decode } => Pools::Split { prefill: all(prefill), decode: all(decode) },
    }
}
