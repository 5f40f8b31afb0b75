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
    Calibrate(cmd::calibrate::Calibrate),
    Model(cmd::model::ModelArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        Command::Calibrate(args) => {
            let catalog = catalog::Catalog::embedded();
            let done = cost::Calibration::embedded()
                .map_err(|e| e.to_string())
                .and_then(|calibration| cmd::calibrate::run(&args, &catalog, &calibration));
            done.unwrap_or_else(|message| {
                eprintln!("error: {message}");
                ExitCode::from(2)
            })
        }
        Command::Model(args) => cmd::model::run(&args),
    }
}
