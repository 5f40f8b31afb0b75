//! Which requests go where, and how a replica is chosen.

use catalog::written::Value;
use sim::Routing;

use super::{Names, tables};
use crate::replay::study::{PoolAsked, RoleAsked, RuleAsked};

/// The rules as written.
pub fn rules(value: &Value, names: &Names, pools: Option<&[PoolAsked]>) -> Option<Vec<RuleAsked>> {
    let mut found = Vec::new();
    for table in tables(value, "write a table [[rule]] with pools")? {
        let class = table.get("class").map_or(Some(None), |v| Names::of(&names.classes, &v, "class").map(Some));
        let model = table.get("model").map_or(Some(None), |v| Names::of(&names.models, &v, "model").map(Some));
        let tokens = |key| table.get(key).map(|v| v.count(0, u64::from(u32::MAX)).map(|n| n as u32));
        let (from, to) = (tokens("input_from"), tokens("input_to"));
        let limit = table.get("limit").map_or(Some(None), |v| v.count(1, 1 << 40).map(Some));
        let routing = table.get("router").map_or(Some(Routing::LeastOutstanding), |v| routing(&v));
        let listed = table.need("pools", "list the pools that such requests go to");
        let list = listed.as_ref().and_then(|v| v.list("list the names of pools"));
        let list: Option<Vec<usize>> =
            list.map(|list| list.iter().filter_map(|v| Names::of(&names.pools, v, "pool")).collect());
        if let (Some(listed), Some(list), Some(pools)) = (&listed, &list, pools) {
            if list.is_empty() {
                listed.fault("is empty", "name at least one pool");
            }
            for pool in list.iter().filter(|pool| pools.get(**pool).is_some_and(|p| p.role == RoleAsked::Decode)) {
                listed.fault(format!("{} takes no prompts", pools[*pool].name), "name pools of role whole or prefill");
            }
        }
        table.finish();
        found.push((|| {
            Some(RuleAsked {
                class: class?.map(|c| c as u16),
                model: model?.map(|m| m as u16),
                input: (from.unwrap_or(Some(0))?, to.unwrap_or(Some(u32::MAX))?),
                pools: list?,
                routing: routing?,
                limit: limit?,
            })
        })());
    }
    found.into_iter().collect()
}

/// What a study without rules means: each model's requests to all pools that serve it and take prompts.
pub fn natural(pools: &[PoolAsked]) -> Vec<RuleAsked> {
    let mut models: Vec<u16> = pools.iter().map(|pool| pool.model).collect();
    models.sort_unstable();
    models.dedup();
    let rule = |model: u16| RuleAsked {
        class: None,
        model: Some(model),
        input: (0, u32::MAX),
        pools: (0..pools.len()).filter(|p| pools[*p].model == model && pools[*p].role != RoleAsked::Decode).collect(),
        routing: Routing::LeastOutstanding,
        limit: None,
    };
    models.into_iter().map(rule).collect()
}

/// How a replica is chosen.
pub fn routing(value: &Value) -> Option<Routing> {
    const NAMES: [(&str, Routing); 4] = [
        ("round robin", Routing::RoundRobin),
        ("least outstanding", Routing::LeastOutstanding),
        ("shortest queue", Routing::ShortestQueue),
        ("prefix", Routing::Prefix { weight: 1.0 }),
    ];
    let Some(table) = value.as_table() else { return value.choice(&NAMES) };
    let prefix = table.get("prefix").map(|v| v.number(0.0, 1e6).map(|weight| Routing::Prefix { weight }));
    let cheapest = table.get("cheapest").map(|v| v.count(1, 1 << 40).map(|full| Routing::Cheapest { full }));
    table.finish();
    match (prefix, cheapest) {
        (Some(found), None) | (None, Some(found)) => found,
        _ => {
            value.fault(
                "says not one thing but none or several",
                "write { prefix = 1.0 } or { cheapest = 32 }, or a name",
            );
            None
        }
    }
}
