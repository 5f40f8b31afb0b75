//! What ranks can ask of a fabric.

/// Collective operations. `bytes` of each follows nccl-tests: the larger of the two buffers of one rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Collective {
    /// Every rank ends with the sum of all; `bytes` is the buffer of one rank.
    AllReduce,
    /// Every rank ends with the parts of all; `bytes` is the gathered whole, of which each rank had `1 / ranks`.
    AllGather,
    /// Every rank ends with its part of the sum; `bytes` is the input of one rank, of which it keeps `1 / ranks`.
    ReduceScatter,
    /// Every rank sends another part to each; `bytes` is the send buffer of one rank, of which `1 / ranks` stays.
    AllToAll,
    /// One rank's `bytes` reach all.
    Broadcast,
}

/// Which code moves the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Library {
    /// The vendor's collective library.
    Standard,
    /// The serving engine's own all-reduce for small messages, captured in a graph; the library's beyond its size.
    Engine,
}

/// How experts' tokens are exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kernel {
    /// A token travels once to each node that has experts for it and is spread there to ranks: prefill, training.
    HighThroughput,
    /// A token travels straight to each of its experts, as many copies as experts: decode.
    LowLatency,
    /// A token is written once into the memory of each rank that has experts for it, inside one memory domain.
    OneSided,
}

/// Before or after the experts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Tokens to experts.
    Dispatch,
    /// Results back, summed.
    Combine,
}

/// Which ranks take part: every `stride`-th one, from the first of an innermost domain on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Group {
    /// How many.
    pub ranks: u32,
    /// 1: neighbours. Data parallelism over tensor-parallel groups of 8 has stride 8. The ranks between do the same
    /// exchange among themselves at the same time.
    pub stride: u32,
}

impl Group {
    /// `ranks` neighbours.
    pub fn packed(ranks: u32) -> Group {
        Group { ranks, stride: 1 }
    }
}

/// Tokens routed to experts or back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Routed {
    /// There or back.
    pub phase: Phase,
    /// How.
    pub kernel: Kernel,
    /// Ranks that share the experts.
    pub group: Group,
    /// Tokens of each rank.
    pub tokens: f64,
    /// Values of a token.
    pub hidden: u64,
    /// Bits of a value, scales included: 16 for BF16, 8.25 for FP8 with one FP32 scale per 128.
    pub value_bits: f64,
    /// Experts of a token.
    pub top_k: u64,
    /// Experts of the layer.
    pub experts: u64,
    /// Most nodes that a token may be routed to, where the router has such a limit.
    pub node_limit: Option<u32>,
}

/// A request to the network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Exchange {
    /// A collective operation.
    Collective {
        /// Which.
        operation: Collective,
        /// Whose code.
        library: Library,
        /// Who.
        group: Group,
        /// How much: see [`Collective`].
        bytes: f64,
    },
    /// `bytes` from one rank to another, `stride` positions away.
    SendRecv {
        /// Distance of the two.
        stride: u32,
        /// How much.
        bytes: f64,
    },
    /// MoE dispatch or combine.
    Routed(Routed),
}

impl Exchange {
    /// An all-reduce of a serving engine among neighbours.
    pub fn engine_all_reduce(bytes: f64, ranks: u32) -> Exchange {
        let group = Group::packed(ranks);
        Exchange::Collective { operation: Collective::AllReduce, library: Library::Engine, group, bytes }
    }

    /// A collective of the vendor's library among neighbours.
    pub fn standard(operation: Collective, bytes: f64, ranks: u32) -> Exchange {
        Exchange::Collective { operation, library: Library::Standard, group: Group::packed(ranks), bytes }
    }
}
