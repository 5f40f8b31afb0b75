//! What a framework, a study and a model leave to choose: every plan that makes sense.

use catalog::{Attention, Ffn, Framework, Model};
use cost::train::{ContextExchange, Job, Offload, Plan, Recompute, Schedule, Sharding};

use super::study::Space;

/// Splits inside a stage: what a layer's price depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Split {
    /// Tensor.
    pub tp: u32,
    /// Context.
    pub cp: u32,
    /// How context is exchanged.
    pub context: ContextExchange,
    /// Experts.
    pub ep: u32,
    /// Tensor inside experts.
    pub etp: u32,
    /// Sequences of a micro-batch.
    pub micro_batch: u32,
}

/// Everything that a framework and a study allow on `devices` devices.
pub struct Choices {
    /// Splits inside a stage.
    pub splits: Vec<Split>,
    /// Numbers of stages.
    pub pp: Vec<u32>,
    /// Schedules.
    pub schedules: Vec<Schedule>,
    /// Ways of sharding.
    pub sharding: Vec<Sharding>,
    /// What is computed again.
    pub recompute: Vec<Recompute>,
    /// What is offloaded.
    pub offload: Vec<Offload>,
    /// Devices.
    pub devices: u64,
}

/// Fewest tokens of a sequence that a context rank is worth.
const CONTEXT_TOKENS: u64 = 2048;

fn powers(most: u64) -> impl Iterator<Item = u32> {
    (0..).map(|i| 1u32 << i).take_while(move |p| u64::from(*p) <= most)
}

fn heads(model: &Model) -> u64 {
    let of = |attention: &Attention| match attention {
        Attention::None => 0,
        Attention::Gqa(a) => a.heads,
        Attention::Mla(a) => a.heads,
        Attention::Linear(a) => a.value_heads,
        Attention::Compressed(a) => a.heads,
    };
    model.layers.iter().map(|g| of(&g.attention)).max().unwrap_or(1)
}

fn experts(model: &Model) -> Option<u64> {
    model.layers.iter().find_map(|g| if let Ffn::Moe(f) = &g.ffn { Some(f.experts) } else { None })
}

fn divisors(n: u64) -> Vec<u32> {
    let mut found: Vec<u32> = (1..=(n as f64).sqrt() as u64)
        .filter(|d| n.is_multiple_of(*d))
        .flat_map(|d| [d, n / d])
        .filter_map(|d| u32::try_from(d).ok())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn wanted<T: Copy + PartialEq>(asked: &[T], usual: Vec<T>) -> Vec<T> {
    if asked.is_empty() { usual } else { asked.to_vec() }
}

impl Choices {
    /// For a job under a framework.
    pub fn new(job: &Job, space: &Space, framework: &Framework, devices: u64) -> Choices {
        let model = job.model;
        let most_tp = if framework.tensor_parallel.mid() { heads(model).min(64) } else { 1 };
        let tps = wanted(&space.tp, powers(most_tp.min(devices)).collect());
        let cps = wanted(
            &space.cp,
            powers((job.sequence / CONTEXT_TOKENS).clamp(1, 64))
                .filter(|c| *c == 1 || job.sequence >= 16_384)
                .collect(),
        );
        let eps = match experts(model) {
            Some(experts) => {
                wanted(&space.ep, divisors(experts).into_iter().filter(|e| u64::from(*e) <= devices.min(512)).collect())
            }
            None => vec![1],
        };
        let micro = wanted(&space.micro_batch, powers(16.min(job.batch)).collect());
        let contexts = wanted(&space.context, ContextExchange::NAMED.iter().map(|(_, c)| *c).collect());
        let mut splits = Vec::new();
        for &tp in &tps {
            for &cp in &cps {
                let ways = if cp == 1 { &contexts[..1] } else { &contexts[..] };
                for &context in ways {
                    for &ep in &eps {
                        // Experts whole, or split as dense layers are.
                        let split_experts =
                            if experts(model).is_some() && tp > 1 && tp <= 8 { vec![1, tp] } else { vec![1] };
                        for etp in split_experts {
                            splits.extend(micro.iter().map(|&micro_batch| Split {
                                tp,
                                cp,
                                context,
                                ep,
                                etp,
                                micro_batch,
                            }));
                        }
                    }
                }
            }
        }
        let allowed = |s: &Schedule| framework.schedules.iter().any(|n| n == s.name());
        let schedules = Schedule::NAMED.iter().map(|(_, s)| *s).filter(allowed).collect();
        let shares = |s: &Sharding| framework.sharding.iter().any(|n| n == s.name());
        let sharding = Sharding::NAMED.iter().map(|(_, s)| *s).filter(shares).collect();
        let layers = model.num_layers();
        let offload = match (space.offload, job.chip.host_link.is_some()) {
            (true, true) => vec![
                Offload::default(),
                Offload { optimizer: true, activations: false },
                Offload { optimizer: false, activations: true },
                Offload { optimizer: true, activations: true },
            ],
            _ => vec![Offload::default()],
        };
        Choices {
            splits,
            pp: wanted(&space.pp, divisors(devices).into_iter().filter(|p| u64::from(*p) <= layers.min(128)).collect()),
            schedules: wanted(&space.schedules, schedules),
            sharding: wanted(&space.sharding, sharding),
            recompute: vec![
                Recompute::None,
                Recompute::Selective,
                Recompute::Layers(1),
                Recompute::Layers(2),
                Recompute::Layers(4),
                Recompute::Full,
            ],
            offload,
            devices,
        }
    }

    /// Every plan of a split, and the number of those that do not come out even.
    pub fn each(&self, job: &Job, split: &Split, mut plan_of: impl FnMut(&Plan)) -> u64 {
        let mut uneven = 0;
        let layers = job.model.num_layers();
        for &pp in &self.pp {
            let replica = u64::from(split.tp) * u64::from(split.cp) * u64::from(pp);
            if !self.devices.is_multiple_of(replica) {
                uneven += 1;
                continue;
            }
            let Ok(dp) = u32::try_from(self.devices / replica) else { continue };
            if !job.batch.is_multiple_of(u64::from(dp) * u64::from(split.micro_batch)) {
                uneven += 1;
                continue;
            }
            let ranks = dp * split.cp;
            for &schedule in &self.schedules {
                for chunks in chunks(schedule, pp, layers) {
                    for &sharding in &self.sharding {
                        for shard in shards(sharding, ranks) {
                            for &recompute in &self.recompute {
                                let held = layers / (u64::from(pp) * u64::from(chunks));
                                if matches!(recompute, Recompute::Layers(n) if u64::from(n) >= held) {
                                    continue;
                                }
                                for &offload in &self.offload {
                                    plan_of(&Plan {
                                        tp: split.tp,
                                        pp,
                                        dp,
                                        cp: split.cp,
                                        ep: split.ep,
                                        etp: split.etp,
                                        chunks,
                                        micro_batch: split.micro_batch,
                                        schedule,
                                        sequence_parallel: true,
                                        context: split.context,
                                        sharding,
                                        shard,
                                        recompute,
                                        offload,
                                    });
                                }
                            }
                        }
                    }
                }
            }
        }
        uneven
    }
}

fn chunks(schedule: Schedule, pp: u32, layers: u64) -> Vec<u32> {
    match schedule {
        // One stage has no order to choose.
        Schedule::OneFOneB => vec![1],
        _ if pp == 1 => Vec::new(),
        Schedule::GPipe | Schedule::ZbH1 | Schedule::DualPipe => vec![1],
        Schedule::ZbV => vec![2],
        Schedule::Interleaved => {
            let most = (layers + 2) / u64::from(pp);
            (2..=most.min(16) as u32)
                .filter(|v| {
                    layers.is_multiple_of(u64::from(pp * v))
                        || layers % u64::from(pp * v) >= u64::from(pp * v) - 2
                        || *v <= 4
                })
                .collect()
        }
    }
}

/// Whole, and within the replicas that one node or rack is likely to hold.
fn shards(sharding: Sharding, ranks: u32) -> Vec<u32> {
    match sharding {
        Sharding::None => vec![1],
        Sharding::Optimizer | Sharding::Gradients => vec![ranks],
        Sharding::Parameters => {
            let mut all: Vec<u32> =
                [8, 64, ranks].into_iter().filter(|s| *s <= ranks && ranks.is_multiple_of(*s)).collect();
            all.dedup();
            all
        }
    }
}
