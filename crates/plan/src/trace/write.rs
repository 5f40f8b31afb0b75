//! Traces of collectives, as the simulators that speak Chakra ship them for tests.

use std::io;

use sim::chakra::{COLLECTIVES, Writer};

/// Rounds of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// One of [`COLLECTIVES`], or `send`: each rank to the next.
    pub operation: &'a str,
    /// What a rank puts in.
    pub bytes: u64,
    /// Ranks.
    pub ranks: u32,
    /// How often, one after the other.
    pub rounds: u32,
    /// Microseconds that every rank computes before each.
    pub compute: u64,
}

/// The file of each rank, by name.
///
/// # Errors
/// An operation that does not exist.
pub fn collective(asked: &Asked, prefix: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
    let file = |rank: u32| Ok((format!("{prefix}.{rank}.et"), of_rank(asked, rank)?));
    (0..asked.ranks).map(file).collect()
}

fn of_rank(asked: &Asked, rank: u32) -> io::Result<Vec<u8>> {
    let mut out = Writer::new(Vec::new())?;
    let mut before: Vec<u64> = Vec::new();
    for round in 0..asked.rounds {
        if asked.compute > 0 {
            before = vec![out.compute("compute", asked.compute, &before)?];
        }
        if asked.operation != "send" {
            before = vec![out.collective(asked.operation, asked.bytes, None, &before)?];
            continue;
        }
        let mut done = Vec::new();
        if rank + 1 < asked.ranks {
            done.push(out.point(true, rank, rank + 1, round, asked.bytes, &before)?);
        }
        if rank > 0 {
            done.push(out.point(false, rank - 1, rank, round, asked.bytes, &before)?);
        }
        before = done;
    }
    out.finish()
}

/// Names of operations that can be written.
pub fn operations() -> Vec<&'static str> {
    COLLECTIVES.into_iter().chain(["send"]).collect()
}
