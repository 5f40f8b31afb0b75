//! Work, its place and its needs.

use crate::error::SimError;
use crate::time::Time;

/// The order in which stages work on micro-batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Schedule {
    /// All forward, then all backward.
    GPipe,
    /// One forward, one backward.
    OneFOneB,
    /// The same over several chunks on a stage.
    Interleaved,
    /// Weight gradients put off into the bubble.
    ZbH1,
    /// Two chunks on a stage, down and up again, weight gradients put off.
    ZbV,
    /// Micro-batches from both ends.
    DualPipe,
}

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pass {
    /// Forward.
    Forward,
    /// Backward to inputs only.
    Input,
    /// Backward to weights only, any time after `Input`.
    Weight,
    /// Backward to inputs and weights in one.
    Backward,
}

/// A chunk's work on a micro-batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Work {
    /// What.
    pub pass: Pass,
    /// Chunk, counted along the model.
    pub chunk: u32,
    /// Micro-batch.
    pub micro: u32,
}

/// What a stage does next: one work, or a forward and a backward pass that overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// First.
    pub work: Work,
    /// With it.
    pub with: Option<Work>,
}

/// Times of a chunk for one micro-batch.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Chunk {
    /// Forward.
    pub forward: Time,
    /// Backward to inputs.
    pub input: Time,
    /// Backward to weights.
    pub weight: Time,
    /// Share of the inner and of the outer links, in 1024ths, that its own exchanges take while it runs.
    pub busy: [u32; 2],
    /// Equal parts (layers) that it consists of: gradients of one part go while the others are computed.
    pub parts: u32,
}

/// What replicas exchange for one chunk, once a step.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Data {
    /// Gathering updated parameters: the part that may hide, and the part that the stage waits for.
    pub gather: [Time; 2],
    /// Summing or scattering gradients, the same.
    pub reduce: [Time; 2],
    /// Whether they use the inner links.
    pub inner: bool,
}

/// A pipeline and its step.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    /// How its stages take turns.
    pub schedule: Schedule,
    /// Stages.
    pub stages: u32,
    /// Micro-batches.
    pub micro_batches: u32,
    /// Chunks along the model: as many for each stage.
    pub chunks: Vec<Chunk>,
    /// A hand-over to a neighbour: the part on the links, and the part for which the sender stands still.
    pub hop: [Time; 2],
    /// Whether hand-overs use the inner links.
    pub hop_inner: bool,
    /// Exchanges of replicas for each chunk.
    pub data: Vec<Data>,
    /// The optimizer's update, and the host's work.
    pub optimizer: Time,
}

/// Most works of a step that are run.
const MOST: u64 = 20_000_000;

impl Pipeline {
    /// Chunks of a stage.
    pub fn held(&self) -> u32 {
        (self.chunks.len() as u32 / self.stages.max(1)).max(1)
    }

    /// The stage that works on `chunk` for `micro`.
    pub fn stage_of(&self, chunk: u32, micro: u32) -> u32 {
        match self.schedule {
            Schedule::ZbV if chunk >= self.stages => 2 * self.stages - 1 - chunk,
            // The second half of the micro-batches comes from the other end.
            Schedule::DualPipe if micro >= self.micro_batches / 2 => self.stages - 1 - chunk,
            Schedule::DualPipe => chunk,
            _ => chunk % self.stages,
        }
    }

    /// How long a work takes.
    pub fn time_of(&self, work: Work) -> Time {
        let chunk = &self.chunks[work.chunk as usize];
        match work.pass {
            Pass::Forward => chunk.forward,
            Pass::Input => chunk.input,
            Pass::Weight => chunk.weight,
            Pass::Backward => Time(chunk.input.0.saturating_add(chunk.weight.0)),
        }
    }

    /// # Errors
    /// A pipeline whose parts do not go together, or one that is too large.
    pub fn check(&self) -> Result<(), SimError> {
        let wrong = |what: &str| Err(SimError::Pipeline(what.to_owned()));
        let chunks = self.chunks.len() as u64;
        if self.stages == 0 || self.micro_batches == 0 || chunks == 0 {
            return wrong("needs stages, chunks and micro-batches");
        }
        if self.data.len() != self.chunks.len() {
            return wrong("needs one exchange of replicas for each chunk");
        }
        let per_stage = chunks / u64::from(self.stages);
        if !chunks.is_multiple_of(u64::from(self.stages)) {
            return wrong("the chunks do not come out even over the stages");
        }
        if chunks * u64::from(self.micro_batches) > MOST {
            return wrong("has more than 20 million works in a step");
        }
        match self.schedule {
            Schedule::GPipe | Schedule::OneFOneB | Schedule::ZbH1 if per_stage != 1 => wrong("one chunk a stage"),
            Schedule::Interleaved if !self.micro_batches.is_multiple_of(self.stages) => {
                wrong("interleaved 1F1B needs a multiple of the stages in micro-batches")
            }
            Schedule::ZbV if per_stage != 2 => wrong("ZB-V needs two chunks a stage"),
            Schedule::DualPipe
                if per_stage != 1
                    || !self.stages.is_multiple_of(2)
                    || !self.micro_batches.is_multiple_of(2)
                    || self.micro_batches < 2 * self.stages =>
            {
                wrong(
                    "DualPipe needs one chunk a stage, even stages, and an even number of micro-batches, two a stage at least",
                )
            }
            _ => Ok(()),
        }
    }
}
