//! `steelyard trace`: execution traces (Chakra ET) shown, replayed on a system's fabric, written.

mod replay;
mod show;
mod write;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::fabric::Stop;

/// Arguments of `steelyard trace`.
#[derive(Args)]
pub struct TraceArgs {
    #[command(subcommand)]
    command: TraceCommand,
}

#[derive(Subcommand)]
enum TraceCommand {
    /// Shows what a trace holds: ranks, nodes, bytes by collective, recorded times, critical path.
    Show(show::Show),
    /// Replays a trace on a system's fabric: exchanges are timed there and share its links, whole or with faults.
    Replay(replay::Replay),
    /// Writes a trace of rounds of one collective, a file for each rank.
    Write(write::Write),
}

/// Runs the command; 1 if ranks are cut off, 2 if the input is wrong.
pub fn run(args: &TraceArgs, folder: Option<&Path>) -> ExitCode {
    let done = match &args.command {
        TraceCommand::Show(args) => show::run(args),
        TraceCommand::Replay(args) => replay::run(args, folder),
        TraceCommand::Write(args) => write::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Wrong(message)) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
        Err(Stop::Impossible(message)) => {
            eprintln!("error: {message}");
            ExitCode::from(1)
        }
    }
}

fn wrong(error: impl std::fmt::Display) -> Stop {
    Stop::Wrong(error.to_string())
}
