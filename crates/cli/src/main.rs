//! The terminal face of Steelyard: it asks and shows, and computes nothing.

mod cmd;

use std::panic;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Weighs AI compute systems against each other: which system should run this model, set up how, how fast,
/// at what cost, and how sure are we?
#[derive(Parser)]
#[command(name = "steelyard", version, about)]
struct Cli {
    /// A folder of your own facts, laid out as `catalog/`, that goes over the built-in ones.
    #[arg(long, global = true, value_name = "FOLDER")]
    catalog: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Shows chips and systems, every fact with its source; checks a folder of your own.
    Catalog(cmd::catalog::CatalogArgs),
    Calibrate(cmd::calibrate::Calibrate),
    Model(cmd::model::ModelArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    panic::set_hook(Box::new(|bug| {
        eprintln!("steelyard {} has a bug: {bug}", env!("CARGO_PKG_VERSION"));
        eprintln!("Please report it with the command and its input files.");
    }));
    let folder = cli.catalog.as_deref();
    let run = || match &cli.command {
        Command::Catalog(args) => cmd::catalog::run(args, folder),
        Command::Calibrate(args) => calibrate(args, folder),
        Command::Model(args) => cmd::model::run(args, folder),
    };
    panic::catch_unwind(panic::AssertUnwindSafe(run)).unwrap_or(ExitCode::from(70))
}

fn calibrate(args: &cmd::calibrate::Calibrate, folder: Option<&Path>) -> ExitCode {
    let catalog = match cmd::catalog::open(folder) {
        Ok(catalog) => catalog,
        Err(findings) => return cmd::catalog::refuse(&findings),
    };
    let done = cost::Calibration::embedded()
        .map_err(|e| e.to_string())
        .and_then(|calibration| cmd::calibrate::run(args, &catalog, &calibration));
    done.unwrap_or_else(|message| {
        eprintln!("error: {message}");
        ExitCode::from(2)
    })
}
