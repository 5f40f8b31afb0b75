//! Ways to lay one replica on devices.

use catalog::engine::Features;
use catalog::{Attention, Model};
use cost::deploy::Parallel;

/// The devices that there are.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Devices of the whole system.
    pub devices: u32,
    /// Devices of one scale-up domain, the innermost tier of the fabric.
    pub domain: u32,
}

/// Every split of a replica on so many devices that engines with these features run, whether it divides the model or not.
///
/// Counts are powers of two, as those of heads and experts are. Tensor parallelism stays inside a scale-up domain, as
/// everywhere. Attention data parallelism shares experts, so it needs some. Stages come in where a replica is larger
/// than a domain (`stages`: or anywhere, where weights leave no other way).
pub fn splits(model: &Model, features: &Features, room: Room, devices: u32, stages: bool) -> Vec<Parallel> {
    let moe = model.is_moe();
    let (can_dp, can_ep) = (features.attention_dp.mid() && moe, features.expert_parallel.mid() && moe);
    let mut found = Vec::new();
    for pp in doubles(devices) {
        // Where a replica crosses domains each stage is one of them.
        let stage = devices / pp;
        let beyond = devices > room.domain && stage <= room.domain && 2 * stage > room.domain;
        if pp > 1 && !(features.pipeline.mid() && (stages || beyond)) {
            continue;
        }
        for tp in doubles(stage.min(room.domain).min(most_heads(model))) {
            let dp = stage / tp;
            if dp > 1 && !can_dp {
                continue;
            }
            if !moe {
                found.push(Parallel { tp, pp, dp, ep: 1, moe_tp: tp });
                continue;
            }
            // Every expert cut in parts, or experts whole and spread.
            let ways: &[u32] = if stage > 1 && can_ep { &[1, stage] } else { &[1] };
            for &ep in ways {
                if stage / ep <= room.domain {
                    found.push(Parallel { tp, pp, dp, ep, moe_tp: stage / ep });
                }
            }
        }
    }
    found
}

/// 1, 2, 4... up to `most`.
pub fn doubles(most: u32) -> impl Iterator<Item = u32> {
    (0..32).map(|bit| 1u32 << bit).take_while(move |n| *n <= most)
}

/// Most heads of any layer: beyond, no split divides.
fn most_heads(model: &Model) -> u32 {
    let heads = |attention: &Attention| match attention {
        Attention::None => 1,
        Attention::Gqa(a) => a.heads,
        Attention::Mla(a) => a.heads,
        Attention::Linear(a) => a.value_heads,
        Attention::Compressed(a) => a.heads,
    };
    let most = model.layers.iter().map(|g| heads(&g.attention)).max().unwrap_or(1);
    u32::try_from(most).unwrap_or(u32::MAX)
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
        splits(&model, &engine.features, room, devices, false).iter().map(short).collect()
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
}
