//! The terminal face of Steelyard: it asks and shows, and computes nothing.

mod cmd;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Weighs AI compute systems against each other: which system should run this model, set up how, how fast,
/// at what cost, and how sure are we?
#[derive(Parser)]
#[command(name = "steelyard", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Quantize(cmd::quantize::Args),
    Inspect(cmd::inspect::Args),
    CompareWeights(cmd::compare_weights::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Quantize(args) => cmd::quantize::run(args),
        Command::Inspect(args) => cmd::inspect::run(args),
        Command::CompareWeights(args) => cmd::compare_weights::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(e.exit_code())
        }
    }
}
