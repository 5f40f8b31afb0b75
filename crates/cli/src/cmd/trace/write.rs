//! `steelyard trace write`.

use std::path::PathBuf;

use plan::trace::{Asked, collective, operations};
use units::{Bytes, Seconds};

use super::{Stop, wrong};
use crate::lang::Lang;
use crate::lang::trace::Words;
use crate::report;

/// Writes a trace of rounds of one collective
#[derive(Debug, clap::Args)]
pub struct Write {
    /// Folder for the files, PREFIX.RANK.et
    folder: PathBuf,
    /// all-reduce, all-gather, reduce-scatter, all-to-all, broadcast, barrier or send (each rank to the next)
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(operations()))]
    op: String,
    /// What a rank puts in: 1MiB
    #[arg(long, value_name = "SIZE")]
    bytes: String,
    /// Ranks
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    ranks: u32,
    /// Rounds, one after the other
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rounds: u32,
    /// Time that every rank computes before each round, whole microseconds
    #[arg(long, value_name = "TIME", default_value = "0 s")]
    compute: String,
    /// Prefix of the files
    #[arg(long, value_name = "PREFIX", default_value = "trace")]
    prefix: String,
    /// Language; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum)]
    lang: Option<Lang>,
}

pub fn run(args: &Write) -> Result<(), Stop> {
    let bytes = args.bytes.trim().parse::<Bytes>().map_err(|e| wrong(format!("--bytes: {e}")))?.0;
    if !(0.0..=1e15).contains(&bytes) {
        return Err(wrong(format!("--bytes {}: must be between 0 B and 1 PB", args.bytes)));
    }
    let compute = args.compute.trim().parse::<Seconds>().map_err(|e| wrong(format!("--compute: {e}")))?.0;
    if !(0.0..=86_400.0).contains(&compute) {
        return Err(wrong(format!("--compute {}: must be between 0 s and 1 d", args.compute)));
    }
    if args.prefix.is_empty() || args.prefix.contains(['/', '\\', '\0']) {
        return Err(wrong(format!("--prefix '{}': must be part of a file name", args.prefix)));
    }
    let asked = Asked {
        operation: &args.op,
        bytes: bytes.round() as u64,
        ranks: args.ranks,
        rounds: args.rounds,
        compute: (compute * 1e6).round() as u64,
    };
    let files = collective(&asked, &args.prefix).map_err(wrong)?;
    for (name, bytes) in &files {
        report::write(&args.folder.join(name), bytes).map_err(wrong)?;
    }
    if let (Some((first, _)), Some((last, _))) = (files.first(), files.last()) {
        let count = files.len().to_string();
        let said = [("count", count.as_str()), ("first", first), ("last", last)];
        eprintln!("{}", Words::Wrote.fill(Lang::choose(args.lang), &said));
    }
    Ok(())
}
