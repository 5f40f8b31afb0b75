//! A parallel plan: how one training job is laid on devices.

use catalog::{Attention, Ffn, Model};
use thiserror::Error;

/// The order in which stages work on micro-batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Schedule {
    /// All forward passes, then all backward passes.
    GPipe,
    /// One forward, one backward.
    OneFOneB,
    /// The same with several chunks of layers on a device.
    Interleaved,
    /// 1F1B with weight gradients put off into the bubble, at the memory of 1F1B.
    ZbH1,
    /// Two chunks on a device, laid down and up again, weight gradients put off.
    ZbV,
    /// Micro-batches from both ends at once; a device holds two stages and overlaps a forward with a backward.
    DualPipe,
}

impl Schedule {
    /// Every schedule, with the name that studies write.
    pub const NAMED: [(&'static str, Schedule); 6] = [
        ("gpipe", Schedule::GPipe),
        ("1f1b", Schedule::OneFOneB),
        ("interleaved-1f1b", Schedule::Interleaved),
        ("zb-h1", Schedule::ZbH1),
        ("zb-v", Schedule::ZbV),
        ("dualpipe", Schedule::DualPipe),
    ];

    /// As studies write it.
    pub fn name(self) -> &'static str {
        Schedule::NAMED.iter().find(|(_, s)| *s == self).map_or("", |(n, _)| n)
    }

    /// Whether weight gradients are tasks of their own.
    pub fn splits_backward(self) -> bool {
        matches!(self, Schedule::ZbH1 | Schedule::ZbV | Schedule::DualPipe)
    }
}

/// What data-parallel ranks share instead of each holding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sharding {
    /// Nothing: gradients are summed everywhere.
    None,
    /// Optimizer states (ZeRO-1, Megatron's distributed optimizer).
    Optimizer,
    /// Gradients too (ZeRO-2).
    Gradients,
    /// Parameters too, gathered layer by layer (ZeRO-3, FSDP).
    Parameters,
}

impl Sharding {
    /// Every way, with the name that studies write.
    pub const NAMED: [(&'static str, Sharding); 4] = [
        ("none", Sharding::None),
        ("zero-1", Sharding::Optimizer),
        ("zero-2", Sharding::Gradients),
        ("zero-3", Sharding::Parameters),
    ];

    /// As studies write it.
    pub fn name(self) -> &'static str {
        Sharding::NAMED.iter().find(|(_, s)| *s == self).map_or("", |(n, _)| n)
    }
}

/// What is computed again in the backward pass instead of being kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Recompute {
    /// Nothing.
    None,
    /// What is cheap for its bytes: norms, activations, the inside of unfused attention.
    Selective,
    /// Everything in so many layers of each chunk, the rest as `Selective`.
    Layers(u32),
    /// Everything but the input of each layer.
    Full,
}

impl Recompute {
    /// In tables.
    pub fn name(self) -> &'static str {
        match self {
            Recompute::None => "none",
            Recompute::Selective => "selective",
            Recompute::Layers(_) => "some layers",
            Recompute::Full => "full",
        }
    }
}

/// How ranks that share a sequence come by each other's keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ContextExchange {
    /// Blocks go around a ring under the attention of the block before.
    Ring,
    /// All are gathered first.
    AllGather,
    /// Heads are exchanged for tokens before attention and back after it (Ulysses).
    Ulysses,
}

impl ContextExchange {
    /// Every way, with the name that studies write.
    pub const NAMED: [(&'static str, ContextExchange); 3] = [
        ("ring", ContextExchange::Ring),
        ("all-gather", ContextExchange::AllGather),
        ("ulysses", ContextExchange::Ulysses),
    ];

    /// As studies write it.
    pub fn name(self) -> &'static str {
        ContextExchange::NAMED.iter().find(|(_, s)| *s == self).map_or("", |(n, _)| n)
    }
}

/// What is kept in the host's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Offload {
    /// Optimizer states.
    pub optimizer: bool,
    /// Saved activations.
    pub activations: bool,
}

/// A parallel plan. Devices: `tp * cp * dp * pp`, ranks laid in this order, `tp` innermost. Experts are folded over the
/// ranks of a stage: `etp` innermost, then `ep`, and what is left replicates them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Plan {
    /// Tensor parallelism.
    pub tp: u32,
    /// Pipeline stages (devices in a pipeline).
    pub pp: u32,
    /// Data-parallel replicas.
    pub dp: u32,
    /// Context parallelism: ranks that share a sequence.
    pub cp: u32,
    /// Expert parallelism.
    pub ep: u32,
    /// Tensor parallelism inside an expert.
    pub etp: u32,
    /// Chunks of layers that a device holds (virtual stages).
    pub chunks: u32,
    /// Sequences of a micro-batch.
    pub micro_batch: u32,
    /// Order of the micro-batches.
    pub schedule: Schedule,
    /// Whether TP ranks split norms and residuals by tokens.
    pub sequence_parallel: bool,
    /// How keys and values travel under `cp`.
    pub context: ContextExchange,
    /// What data-parallel ranks share.
    pub sharding: Sharding,
    /// Ranks that share a copy of it, of the `dp * cp` there are: fewer is HSDP.
    pub shard: u32,
    /// What is computed again.
    pub recompute: Recompute,
    /// What lives in the host's memory.
    pub offload: Offload,
}

/// Why a plan is impossible.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Misplan {
    /// A degree of zero.
    #[error("{0} is zero")]
    Zero(&'static str),
    /// A degree does not divide a count.
    #[error("{degree}={value} does not divide {count} {of}")]
    DoesNotDivide {
        /// Which degree.
        degree: &'static str,
        /// Its value.
        value: u64,
        /// What it should divide.
        of: &'static str,
        /// How many there are.
        count: u64,
    },
    /// More stages than layers.
    #[error("pp={pp} x chunks={chunks} exceeds the model's {layers} layers, embedding and head")]
    TooManyStages {
        /// Stages.
        pp: u32,
        /// Chunks on each.
        chunks: u32,
        /// Layers.
        layers: u64,
    },
    /// A schedule that does not go with the plan.
    #[error("{schedule} needs {needs}, has {has}")]
    Schedule {
        /// Which.
        schedule: &'static str,
        /// What it needs.
        needs: String,
        /// What there is.
        has: String,
    },
    /// Experts under tensor parallelism need tokens split among its ranks.
    #[error("experts with tp={0} need sequence parallelism")]
    ExpertsNeedSequenceParallel(u32),
}

fn divides(degree: &'static str, value: u32, of: &'static str, count: u64) -> Result<(), Misplan> {
    let value = u64::from(value);
    if count.is_multiple_of(value) { Ok(()) } else { Err(Misplan::DoesNotDivide { degree, value, of, count }) }
}

impl Plan {
    /// Pure data parallelism over `dp` devices, optimizer states shared.
    pub const fn data(dp: u32, micro_batch: u32) -> Plan {
        Plan {
            tp: 1,
            pp: 1,
            dp,
            cp: 1,
            ep: 1,
            etp: 1,
            chunks: 1,
            micro_batch,
            schedule: Schedule::OneFOneB,
            sequence_parallel: true,
            context: ContextExchange::AllGather,
            sharding: Sharding::Optimizer,
            shard: dp,
            recompute: Recompute::None,
            offload: Offload { optimizer: false, activations: false },
        }
    }

    /// Devices of the job.
    pub const fn devices(&self) -> u64 {
        self.tp as u64 * self.pp as u64 * self.dp as u64 * self.cp as u64
    }

    /// Micro-batches of a step of `batch` sequences; 0 if they do not come out even.
    pub const fn micro_batches(&self, batch: u64) -> u64 {
        let each = self.dp as u64 * self.micro_batch as u64;
        if each == 0 || !batch.is_multiple_of(each) { 0 } else { batch / each }
    }

    /// Copies of each parameter that a device holds: DualPipe keeps two stages.
    pub const fn stage_copies(&self) -> u32 {
        if matches!(self.schedule, Schedule::DualPipe) { 2 } else { 1 }
    }

    /// Checks the plan against a model, a sequence and a batch.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn check(&self, model: &Model, sequence: u64, batch: u64) -> Result<(), Misplan> {
        let degrees = [
            ("tp", self.tp),
            ("pp", self.pp),
            ("dp", self.dp),
            ("cp", self.cp),
            ("ep", self.ep),
            ("etp", self.etp),
            ("chunks", self.chunks),
            ("micro_batch", self.micro_batch),
            ("shard", self.shard),
        ];
        if let Some((name, _)) = degrees.iter().find(|(_, v)| *v == 0) {
            return Err(Misplan::Zero(name));
        }
        let layers = model.num_layers();
        // The embedding and the head may have chunks of their own.
        if u64::from(self.pp) * u64::from(self.chunks) > layers + 2 {
            return Err(Misplan::TooManyStages { pp: self.pp, chunks: self.chunks, layers });
        }
        for group in &model.layers {
            let heads = match &group.attention {
                Attention::None => 0,
                Attention::Gqa(a) => a.heads,
                Attention::Mla(a) => a.heads,
                Attention::Linear(a) => a.value_heads,
                Attention::Compressed(a) => a.heads,
            };
            divides("tp", self.tp, "attention heads", heads)?;
            if self.context == ContextExchange::Ulysses {
                divides("tp x cp", self.tp * self.cp, "attention heads", heads)?;
            }
            match &group.ffn {
                Ffn::None => {}
                Ffn::Dense(f) => divides("tp", self.tp, "feed-forward columns", f.inner)?,
                Ffn::Moe(f) => {
                    divides("ep", self.ep, "experts", f.experts)?;
                    divides("etp", self.etp, "columns of an expert", f.inner)?;
                    if self.tp > 1 && !self.sequence_parallel {
                        return Err(Misplan::ExpertsNeedSequenceParallel(self.tp));
                    }
                }
            }
        }
        let stage = u64::from(self.tp) * u64::from(self.cp) * u64::from(self.dp);
        divides("ep x etp", self.ep * self.etp, "ranks of a stage", stage)?;
        divides("shard", self.shard, "data-parallel ranks", u64::from(self.dp) * u64::from(self.cp))?;
        // Causal attention is balanced by giving each rank a block from either end.
        divides("2 x cp", if self.cp > 1 { 2 * self.cp } else { 1 }, "tokens of a sequence", sequence)?;
        divides("dp x micro_batch", self.dp * self.micro_batch, "sequences of a step", batch)?;
        self.check_schedule(self.micro_batches(batch))
    }

    fn check_schedule(&self, micro_batches: u64) -> Result<(), Misplan> {
        let wrong = |needs: String, has: String| Err(Misplan::Schedule { schedule: self.schedule.name(), needs, has });
        let chunks = format!("chunks={}", self.chunks);
        let pp = u64::from(self.pp);
        match self.schedule {
            Schedule::GPipe | Schedule::OneFOneB | Schedule::ZbH1 if self.chunks != 1 => {
                wrong("chunks=1".into(), chunks)
            }
            Schedule::Interleaved if self.chunks < 2 || self.pp < 2 => {
                wrong("pp and chunks of at least 2".into(), format!("pp={}, {chunks}", self.pp))
            }
            Schedule::Interleaved if !micro_batches.is_multiple_of(pp) => {
                wrong(format!("a multiple of pp={pp} micro-batches"), micro_batches.to_string())
            }
            Schedule::ZbV if self.chunks != 2 || self.pp < 2 => wrong("chunks=2 and pp of at least 2".into(), chunks),
            Schedule::DualPipe if self.chunks != 1 || !self.pp.is_multiple_of(2) => {
                wrong("chunks=1 and an even pp".into(), format!("pp={}, {chunks}", self.pp))
            }
            Schedule::DualPipe if micro_batches < 2 * pp || !micro_batches.is_multiple_of(2) => {
                wrong(format!("an even number of at least {} micro-batches", 2 * pp), micro_batches.to_string())
            }
            _ => Ok(()),
        }
    }
}
