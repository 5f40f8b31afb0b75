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
    Model(cmd::model::ModelArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        Command::Model(args) => cmd::model::run(&args),
    }
}
