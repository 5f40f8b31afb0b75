//! What the commands about collectives have in common: reading the question.

use std::path::Path;

use clap::ValueEnum;
use cost::comm::CommCalibration;
use fabric::collective::{self, Algorithm, Operation};
use fabric::estimate::Place;
use fabric::family::Families;
use fabric::place::Placement;
use fabric::route::Routing;
use units::Bytes;

use super::Stop;

/// Most bytes of a rank's buffer: a thousand times the memory of any chip.
pub const MOST_BYTES: f64 = 1e15;

/// Collective operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Op {
    AllReduce,
    AllGather,
    ReduceScatter,
    AllToAll,
    Dispatch,
    Combine,
    Broadcast,
    Send,
}

/// Ways to choose a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ways {
    /// One shortest way
    Shortest,
    /// All shortest ways in equal shares
    Ecmp,
    /// Axis by axis in a torus, elsewhere as ecmp
    DimensionOrder,
    /// The least loaded shortest way
    Adaptive,
}

/// What is asked of a fabric.
#[derive(Debug, Clone, clap::Args)]
pub struct Question {
    /// Operation
    #[arg(long, value_enum)]
    pub op: Op,
    /// Buffer of one rank as nccl-tests counts it, one size or a range: 1GiB, 64KiB..8GiB
    #[arg(long, value_name = "SIZE")]
    pub bytes: String,
    /// Ranks, one on each chip; else all chips of the system
    #[arg(long, value_name = "COUNT")]
    pub ranks: Option<u64>,
    /// packed, spread, or a file with one chip number a line
    #[arg(long, value_name = "HOW", default_value = "packed")]
    pub placement: String,
    /// How routes are chosen
    #[arg(long, value_enum, default_value = "dimension-order")]
    pub routing: Ways,
    /// Experts of a token, for dispatch and combine
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub top_k: u64,
    /// Experts of a layer, for dispatch and combine
    #[arg(long, value_name = "COUNT", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub experts: u64,
}

impl Question {
    /// The operation with its tokens.
    pub fn operation(&self) -> Result<Operation, Stop> {
        if self.experts < self.top_k {
            let message =
                format!("--top-k {} of --experts {}: a token cannot have more than all", self.top_k, self.experts);
            return Err(Stop::Wrong(message));
        }
        Ok(self.tokens(self.op))
    }

    /// An operation with the tokens that are asked for.
    fn tokens(&self, op: Op) -> Operation {
        let tokens = collective::Routing { top_k: self.top_k, experts: self.experts };
        match op {
            Op::AllReduce => Operation::AllReduce,
            Op::AllGather => Operation::AllGather,
            Op::ReduceScatter => Operation::ReduceScatter,
            Op::AllToAll => Operation::AllToAll,
            Op::Dispatch => Operation::Dispatch(tokens),
            Op::Combine => Operation::Combine(tokens),
            Op::Broadcast => Operation::Broadcast,
            Op::Send => Operation::Send,
        }
    }

    /// The sizes asked for: one, or powers of two from the first to the last, at most a dozen.
    pub fn sizes(&self) -> Result<Vec<f64>, Stop> {
        let size = |text: &str| {
            let bytes = text.trim().parse::<Bytes>().map_err(|e| Stop::Wrong(format!("--bytes: {e}")))?.0;
            if !(1.0..=MOST_BYTES).contains(&bytes) {
                return Err(Stop::Wrong(format!("--bytes {text}: must be between 1 B and 1 PB")));
            }
            Ok(bytes)
        };
        let Some((from, to)) = self.bytes.split_once("..") else { return Ok(vec![size(&self.bytes)?]) };
        let (from, to) = (size(from)?, size(to)?);
        if to < from {
            return Err(Stop::Wrong(format!("--bytes {}: the range runs backwards", self.bytes)));
        }
        let doublings = (to / from).log2();
        let factor = 2f64.powf((doublings / 11.0).ceil().max(1.0));
        let mut sizes: Vec<f64> =
            std::iter::successors(Some(from), |b| Some(b * factor)).take_while(|b| *b < to * 0.999).collect();
        sizes.push(to);
        Ok(sizes)
    }

    /// Ranks as the fabric counts them.
    pub fn ranks(&self) -> Result<Option<u32>, Stop> {
        let count = |n: u64| u32::try_from(n).map_err(|_| Stop::Wrong(format!("--ranks {n}: no fabric joins as many")));
        match self.ranks {
            Some(n @ 0..=1) => Err(Stop::Wrong(format!("--ranks {n}: a collective takes at least 2"))),
            Some(n) => count(n).map(Some),
            None => Ok(None),
        }
    }

    /// Where ranks are.
    pub fn place(&self) -> Result<Place, Stop> {
        place(&self.placement, self.ranks)
    }

    /// How routes are chosen.
    pub fn routing(&self) -> Routing {
        self.routing.routing()
    }
}

impl Ways {
    /// As the fabric knows it.
    pub fn routing(self) -> Routing {
        match self {
            Ways::Shortest => Routing::Shortest,
            Ways::Ecmp => Routing::Ecmp,
            Ways::DimensionOrder => Routing::DimensionOrder,
            Ways::Adaptive => Routing::Adaptive,
        }
    }
}

/// Reads "packed", "spread", or a file with one chip number a line.
pub fn place(written: &str, ranks: Option<u64>) -> Result<Place, Stop> {
    match written {
        "packed" => Ok(Place::Packed),
        "spread" => Ok(Place::Spread),
        file => {
            let wrong = |why: String| Stop::Wrong(format!("--placement {file}: {why}"));
            let path = Path::new(file);
            let size =
                std::fs::metadata(path).map_err(|e| wrong(format!("neither packed nor spread nor a file: {e}")))?;
            if size.len() > 1 << 20 {
                return Err(wrong("larger than 1 MiB, more chips than any graph has".to_owned()));
            }
            let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
            let placement = Placement::parse(&text).map_err(|e| wrong(e.to_string()))?;
            if let Some(ranks) = ranks.filter(|&r| r != placement.len() as u64) {
                return Err(wrong(format!("{} chips for {ranks} ranks", placement.len())));
            }
            Ok(Place::Chips(placement))
        }
    }
}

/// An operation by its name on the command line, with the tokens of a question.
pub fn operation(name: &str, question: &Question) -> Option<Operation> {
    Op::from_str(name, true).ok().map(|op| question.tokens(op))
}

/// What answers rest on.
pub struct Ground {
    pub curves: CommCalibration,
    pub families: Families,
}

impl Ground {
    pub fn read() -> Result<Ground, Stop> {
        let curves = CommCalibration::embedded().map_err(|e| Stop::Wrong(e.to_string()))?;
        let families = Families::embedded().map_err(|e| Stop::Wrong(e.to_string()))?;
        Ok(Ground { curves, families })
    }
}

/// Reads "auto" or an algorithm's name.
pub fn algorithm(name: &str) -> Result<Option<Algorithm>, String> {
    if name == "auto" {
        return Ok(None);
    }
    let found = Algorithm::ALL.into_iter().find(|a| a.name() == name).map(Some);
    let names: Vec<&str> = Algorithm::ALL.iter().map(|a| a.name()).collect();
    found.ok_or_else(|| format!("no algorithm '{name}'; there are auto, {}", names.join(", ")))
}

/// Bytes with a binary unit where they are whole ones of it: 64 KiB.
pub fn size(bytes: f64) -> String {
    let units = [(1u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let whole = units.iter().find(|(u, _)| bytes >= *u as f64 && (bytes / *u as f64).fract() == 0.0);
    match whole {
        Some((unit, name)) => format!("{} {name}", bytes / *unit as f64),
        None => crate::lang::number::quantity(bytes, crate::lang::number::Unit::Bytes),
    }
}
