//! `steelyard fabric`: how chips are joined, and what collectives take on them.

mod also;
mod ask;
mod collective;
mod compare;
mod json;
mod map;
mod recovery;
mod show;
mod words;

pub use ask::{Ground, Ways, place, size};
pub use collective::{Collective, answer as collective_json};
pub use show::shape;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};

/// Arguments of `steelyard fabric`.
#[derive(Args)]
pub struct FabricArgs {
    #[command(subcommand)]
    command: FabricCommand,
}

#[derive(Subcommand)]
enum FabricCommand {
    /// Shows a system's tiers: links, bandwidths, latencies, bisection, diameter, optics; draws them.
    Show(show::Show),
    /// Times one collective on a system: by size, algorithm and placement, whole or with faults.
    Collective(collective::Collective),
    /// Times one collective on several systems or by several algorithms, side by side.
    Compare(compare::Compare),
}

/// Why a command ends without an answer.
pub enum Stop {
    /// The input is wrong: exit 2.
    Wrong(String),
    /// There is no way to do it: exit 1.
    Impossible(String),
}

impl From<fabric::estimate::EstimateError> for Stop {
    fn from(error: fabric::estimate::EstimateError) -> Stop {
        use fabric::estimate::EstimateError as E;
        match &error {
            E::Lower(_) | E::DeadChip { .. } => Stop::Impossible(error.to_string()),
            _ => Stop::Wrong(error.to_string()),
        }
    }
}

/// Runs the command; 1 if ranks are cut off, 2 if the input is wrong.
pub fn run(args: &FabricArgs, folder: Option<&Path>) -> ExitCode {
    let catalog = match super::catalog::open(folder) {
        Ok(catalog) => catalog,
        Err(findings) => return super::catalog::refuse(&findings),
    };
    let done = match &args.command {
        FabricCommand::Show(args) => show::run(args, &catalog),
        FabricCommand::Collective(args) => collective::run(args, &catalog),
        FabricCommand::Compare(args) => compare::run(args, &catalog),
    };
    let (message, code) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Stop::Wrong(message)) => (message, 2),
        Err(Stop::Impossible(message)) => (message, 1),
    };
    eprintln!("error: {message}");
    ExitCode::from(code)
}
