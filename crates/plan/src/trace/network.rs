//! Exchanges of a trace, timed on a fabric.

use std::collections::HashMap;
use std::sync::Arc;

use fabric::LinkId;
use fabric::collective::Operation;
use fabric::estimate::{Bench, EstimateError};
use fabric::fault::{Damage, Fault};
use fabric::place::Placement;
use fabric::price::CommCalibration;
use sim::chakra::{COLLECTIVES, Demand, Exchange, ExchangeKind};

/// More than the memory of any chip.
const MOST_BYTES: u64 = 1 << 50;
/// What a barrier, or an exchange of nothing, moves: one word.
const WORD: f64 = 8.0;

/// Times of an exchange alone: value, low and high; and what it takes of links meanwhile.
#[derive(Debug, Clone)]
struct Timed {
    seconds: [f64; 3],
    uses: Arc<[(LinkId, f64)]>,
}

/// The network of a replay: exchanges on the fabric of a system, each kind timed once.
pub(super) struct Network<'a> {
    /// All ranks on the fabric; none where a single rank exchanges nothing.
    all: Option<&'a Bench<'a>>,
    curves: &'a CommCalibration,
    damage: Option<Damage>,
    known: HashMap<(ExchangeKind, u64, Arc<[u32]>), Timed>,
    /// What stopped it, as it was.
    pub stopped: Option<EstimateError>,
}

impl<'a> Network<'a> {
    /// # Errors
    /// Faults that mean nothing on this fabric.
    pub fn new(
        all: Option<&'a Bench<'a>>,
        curves: &'a CommCalibration,
        faults: &[Fault],
    ) -> Result<Network<'a>, EstimateError> {
        let damage = all.map(|bench| Damage::of(&bench.graph, faults, bench.routing)).transpose()?;
        Ok(Network { all, curves, damage, known: HashMap::new(), stopped: None })
    }

    /// What an exchange takes: its value (0), or the low (1) or high (2) end of its interval.
    pub fn demand(&mut self, exchange: &Exchange, end: usize) -> Result<Demand, String> {
        let key = (exchange.kind, exchange.bytes, Arc::clone(&exchange.ranks));
        if !self.known.contains_key(&key) {
            let timed = self.time(exchange)?;
            self.known.insert(key.clone(), timed);
        }
        let timed = &self.known[&key];
        Ok(Demand { seconds: timed.seconds[end], uses: Arc::clone(&timed.uses) })
    }

    fn time(&mut self, exchange: &Exchange) -> Result<Timed, String> {
        let (operation, bytes) = operation(exchange)?;
        let (Some(all), Some(damage)) = (self.all, &self.damage) else {
            return Err("is with other ranks, but there is one only".to_owned());
        };
        let answer = || -> Result<Timed, EstimateError> {
            let chips = exchange.ranks.iter().map(|&r| all.placement.chips[r as usize]).collect();
            let bench = all.with_ranks(Placement { chips }, self.curves)?;
            let found = bench.answer(operation, bytes, None, damage)?;
            let uses = bench.loads(&found.flows, found.algorithm, damage).into();
            Ok(Timed { seconds: [found.seconds, found.low, found.high], uses })
        };
        match answer() {
            Ok(timed) => Ok(timed),
            Err(error) => {
                let told = error.to_string();
                self.stopped = Some(error);
                Err(told)
            }
        }
    }
}

/// The operation of an exchange, and the buffer of a rank as it is counted for it. A trace counts what a rank puts in; an
/// all-gather is asked for by what comes out.
fn operation(exchange: &Exchange) -> Result<(Operation, f64), String> {
    let ranks = exchange.ranks.len() as f64;
    if exchange.bytes > MOST_BYTES {
        return Err(format!("moves {} bytes, more than any chip holds", exchange.bytes));
    }
    let bytes = if exchange.bytes == 0 { WORD } else { exchange.bytes as f64 };
    let ExchangeKind::Collective(kind) = exchange.kind else { return Ok((Operation::Send, bytes)) };
    Ok(match COLLECTIVES.get(usize::from(kind)).copied().unwrap_or_default() {
        "all-reduce" => (Operation::AllReduce, bytes),
        "all-gather" => (Operation::AllGather, bytes * ranks),
        "reduce-scatter" | "reduce-scatter-block" => (Operation::ReduceScatter, bytes),
        "all-to-all" => (Operation::AllToAll, bytes),
        // The way of a broadcast backwards.
        "broadcast" | "reduce" => (Operation::Broadcast, bytes),
        "barrier" => (Operation::AllReduce, WORD),
        other => return Err(format!("is a {other}, for which no algorithm is known; write it as sends and receives")),
    })
}
