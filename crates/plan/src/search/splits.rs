//! Ways to lay one replica on devices.

use std::collections::BTreeSet;

use catalog::engine::Features;
use catalog::{Attention, Ffn, LayerGroup, Model};
use cost::deploy::Parallel;

use crate::study::Degrees;

/// The devices that there are.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Devices of the whole system.
    pub devices: u32,
    /// Devices of one scale-up domain, the innermost tier of the fabric.
    pub domain: u32,
}

/// Numbers of devices that a replica may have, ascending: powers of two; what divides a scale-up domain or is a multiple of
/// it that divides the system (72 is no power of two); and with copies of experts, those on which an eighth or a quarter
/// of the experts' places are copies, as deployments of wide expert parallelism choose. Where degrees are named, what
/// they multiply to.
pub fn sizes(model: &Model, features: &Features, room: Room, named: &Degrees) -> Vec<u32> {
    let mut all: BTreeSet<u32> = doubles(room.devices).collect();
    let domain = room.domain.min(room.devices).max(1);
    all.extend((1..=domain).filter(|n| domain.is_multiple_of(*n)));
    all.extend((1..=room.devices / domain).map(|n| n * domain).filter(|n| room.devices.is_multiple_of(*n)));
    if features.redundant_experts.mid() && features.expert_parallel.mid() {
        for places in model.layers.iter().filter_map(experts).flat_map(|e| [e + e / 8, e + e / 4]) {
            let fills = |n: &u32| places.is_multiple_of(u64::from(*n)) && *n >= WIDE;
            all.extend((1..=room.devices.min(u32::try_from(places).unwrap_or(u32::MAX))).filter(fills));
        }
    }
    let base = [named.tp, named.pp, named.dp].into_iter().flatten().fold(1u32, u32::saturating_mul);
    let stage = named.ep.unwrap_or(1).saturating_mul(named.pp.unwrap_or(1));
    for least in [base, stage] {
        all.extend(doubles(room.devices).map(|n| n.saturating_mul(least)));
    }
    all.into_iter().filter(|n| (1..=room.devices).contains(n)).collect()
}

/// Expert parallelism from which on copies of experts are considered.
const WIDE: u32 = 16;

fn experts(group: &LayerGroup) -> Option<u64> {
    match &group.ffn {
        Ffn::Moe(moe) => Some(moe.experts),
        Ffn::None | Ffn::Dense(_) => None,
    }
}

/// Every split of a replica on so many devices that engines with these features run, whether it divides the model or not.
///
/// Tensor parallelism stays inside a scale-up domain, as everywhere, and is a power of two or divides the heads. Attention
/// data parallelism shares experts, so it needs some. Stages come in where a replica is larger than a domain (`stages`: or
/// anywhere, where weights leave no other way). What is named is taken as it is, as long as the engine can do it.
pub fn splits(
    model: &Model,
    features: &Features,
    room: Room,
    devices: u32,
    stages: bool,
    named: &Degrees,
) -> Vec<Parallel> {
    let moe = model.is_moe();
    let (can_dp, can_ep) = (features.attention_dp.mid() && moe, features.expert_parallel.mid() && moe);
    let mut found = Vec::new();
    for pp in divisors(devices) {
        // Where a replica crosses domains each stage is one of them.
        let stage = devices / pp;
        let beyond = devices > room.domain && stage <= room.domain && 2 * stage > room.domain;
        let wanted = named.pp.map_or(pp == 1 || stages || beyond, |n| n == pp);
        if !wanted || pp > 1 && !features.pipeline.mid() {
            continue;
        }
        for tp in divisors(stage) {
            let usual =
                tp <= room.domain && tp <= most_heads(model) && (tp.is_power_of_two() || divides_heads(model, tp));
            let dp = stage / tp;
            if !named.tp.map_or(usual, |n| n == tp) || named.dp.is_some_and(|n| n != dp) || dp > 1 && !can_dp {
                continue;
            }
            if !moe {
                if named.ep.is_none_or(|n| n == 1) {
                    found.push(Parallel { tp, pp, dp, ep: 1, moe_tp: tp });
                }
                continue;
            }
            // Every expert cut in parts (which powers of two divide), or experts whole and spread.
            let ways: Vec<u32> = match named.ep {
                Some(ep) => vec![ep],
                None if stage > 1 && can_ep && !stage.is_power_of_two() => vec![stage],
                None if stage > 1 && can_ep => vec![1, stage],
                None => vec![1],
            };
            for ep in ways {
                let cut = stage / ep.max(1);
                let fits = ep > 0 && stage.is_multiple_of(ep) && (ep == 1 || can_ep);
                if fits && (cut <= room.domain || named.ep.is_some()) {
                    found.push(Parallel { tp, pp, dp, ep, moe_tp: cut });
                }
            }
        }
    }
    found
}

fn divisors(of: u32) -> impl Iterator<Item = u32> {
    (1..=of).filter(move |n| of.is_multiple_of(*n))
}

fn divides_heads(model: &Model, tp: u32) -> bool {
    model.layers.iter().all(|g| heads(&g.attention).is_multiple_of(u64::from(tp)))
}

/// 1, 2, 4... up to `most`.
pub fn doubles(most: u32) -> impl Iterator<Item = u32> {
    (0..32).map(|bit| 1u32 << bit).take_while(move |n| *n <= most)
}

/// Most heads of any layer: beyond, no split divides.
fn most_heads(model: &Model) -> u32 {
    let most = model.layers.iter().map(|g| heads(&g.attention)).max().unwrap_or(1);
    u32::try_from(most).unwrap_or(u32::MAX)
}

fn heads(attention: &Attention) -> u64 {
    match attention {
        Attention::None => 1,
        Attention::Gqa(a) => a.heads,
        Attention::Mla(a) => a.heads,
        Attention::Linear(a) => a.value_heads,
        Attention::Compressed(a) => a.heads,
    }
}

/// A split in short: `TP4 DP16 EP64`.
pub fn short(p: &Parallel) -> String {
    let mut out = format!("TP{}", p.tp);
    for (name, degree) in [("PP", p.pp), ("DP", p.dp), ("EP", p.ep)] {
        if degree > 1 {
            out.push_str(&format!(" {name}{degree}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(model: &str, devices: u32, domain: u32) -> Vec<String> {
        let model = catalog::model::load(model, None).expect("built in");
        let engine = catalog::Engine::load("sglang").expect("built in");
        let room = Room { devices, domain };
        splits(&model, &engine.features, room, devices, false, &Degrees::default()).iter().map(short).collect()
    }

    #[test]
    fn dense_models_split_by_tensor_and_stage() {
        assert_eq!(all("qwen3-32b", 4, 8), ["TP4"]);
        assert_eq!(all("qwen3-32b", 16, 8), ["TP8 PP2"]);
    }

    #[test]
    fn experts_bring_attention_ranks() {
        let found = all("deepseek-v3.1", 8, 8);
        let wanted = ["TP1 DP8", "TP1 DP8 EP8", "TP2 DP4", "TP2 DP4 EP8", "TP4 DP2", "TP4 DP2 EP8", "TP8", "TP8 EP8"];
        assert_eq!(found, wanted);
        // Experts split by tensors stay inside a domain.
        assert!(all("deepseek-v3.1", 32, 8).iter().all(|s| s.contains("EP") || s.contains("PP")));
    }

    #[test]
    fn sizes_fit_domains_and_experts() {
        let model = catalog::model::load("deepseek-v3.1", None).expect("built in");
        let of = |engine: &str, devices, domain, named: &Degrees| {
            let engine = catalog::Engine::load(engine).expect("built in");
            sizes(&model, &engine.features, Room { devices, domain }, named)
        };
        let free = Degrees::default();
        assert_eq!(of("sglang", 8, 8, &free), [1, 2, 4, 8]);
        assert_eq!(of("sglang", 24, 8, &free), [1, 2, 4, 8, 16, 18, 20, 24]);
        let rack = of("sglang", 72, 72, &free);
        assert!([36, 48, 72].iter().all(|n| rack.contains(n)) && !rack.contains(&7), "{rack:?}");
        assert!(of("sglang", 768, 768, &free).contains(&320));
        // Without copies of experts 20 or 40 devices are nothing special.
        assert!(!of("vllm-tpu", 64, 64, &free).contains(&40));
        let named = Degrees { tp: Some(3), dp: Some(4), ..free };
        assert!(of("sglang", 16, 8, &named).contains(&12));
    }

    #[test]
    fn what_is_named_is_taken() {
        let model = catalog::model::load("deepseek-v3.1", None).expect("built in");
        let engine = catalog::Engine::load("sglang").expect("built in");
        let room = Room { devices: 72, domain: 72 };
        let with = |named: Degrees, devices| {
            let found = splits(&model, &engine.features, room, devices, false, &named);
            found.iter().map(short).collect::<Vec<_>>()
        };
        assert_eq!(with(Degrees { ep: Some(72), tp: Some(1), ..Degrees::default() }, 72), ["TP1 DP72 EP72"]);
        assert_eq!(with(Degrees { ep: Some(12), tp: Some(3), ..Degrees::default() }, 12), ["TP3 DP4 EP12"]);
        assert_eq!(with(Degrees { pp: Some(3), tp: Some(4), ..Degrees::default() }, 12), ["TP4 PP3", "TP4 PP3 EP4"]);
        assert!(with(Degrees { ep: Some(5), ..Degrees::default() }, 12).is_empty());
    }
}
