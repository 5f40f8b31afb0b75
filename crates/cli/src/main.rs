//! The terminal face of Steelyard: it asks and shows, and computes nothing.

mod chart;
mod cmd;
mod lang;
mod report;
mod table;
mod web;

use std::panic;
use std::path::PathBuf;
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
    /// Converts a checkpoint to another number format.
    Quantize(cmd::quantize::Args),
    /// Shows formats, scales, layouts and sizes of a checkpoint.
    Inspect(cmd::inspect::Args),
    /// Compares the weights of two checkpoints, tensor by tensor.
    CompareWeights(cmd::compare_weights::Args),
    /// Fits the time of operators and exchanges to measured tables.
    Calibrate(cmd::calibrate::Calibrate),
    /// Shows chips and systems, every fact with its source; checks a folder of your own.
    Catalog(cmd::catalog::CatalogArgs),
    /// Puts statements of the press to the test: computes a verdict for each, and writes `claims.json` and `claims.html`.
    Claims(cmd::claims::Claims),
    /// Shows where the time and the memory of one system's best set-up go.
    Explain(cmd::explain::Explain),
    /// Shows fabrics, and times collectives on them: by algorithm, placement and fault.
    Fabric(cmd::fabric::FabricArgs),
    /// Shows how much of its time a long job on a machine that fails really trains.
    Goodput(cmd::goodput::Goodput),
    /// Shows models: parameters, cache, formats.
    Model(cmd::model::ModelArgs),
    /// Plans what to buy or rent, when, under prices, duties, caps, power and doubt: writes `plan.json` and `plan.html`.
    Plan(cmd::plan::Plan),
    /// Plays recorded or drawn traffic against a fleet: routers, caches, faults; writes `replay.json`, `replay.html`, Parquet.
    Replay(cmd::replay::Replay),
    /// Shows a `findings.json` again: as a table or as a report.
    Report(cmd::report::Report),
    /// Opens the page to weigh on in a browser.
    Ui(web::Ui),
    /// Shows execution traces (Chakra ET), replays them on any system's fabric, writes them.
    Trace(cmd::trace::TraceArgs),
    /// Finds the best parallel plan for training a model on each system of a study.
    Train(cmd::train::Train),
    /// Predicts published measurements and shows how far off the predictions are.
    Validate(cmd::validate::Validate),
    /// Weighs the systems of a study against each other: ranks them, and writes `findings.json` and `report.html`.
    Weigh(cmd::weigh::Weigh),
}

/// Exit code of a fault of ours.
const BUG: u8 = 70;

fn main() -> ExitCode {
    let cli = Cli::parse();
    panic::set_hook(Box::new(|bug| {
        eprintln!("steelyard {} has a bug: {bug}", env!("CARGO_PKG_VERSION"));
        eprintln!("Please report it with the command and its input files.");
    }));
    let folder = cli.catalog;
    let folder = folder.as_deref();
    let run = || match cli.command {
        Command::Quantize(args) => converted(cmd::quantize::run(args)),
        Command::Inspect(args) => converted(cmd::inspect::run(args)),
        Command::CompareWeights(args) => converted(cmd::compare_weights::run(args)),
        Command::Calibrate(args) => cmd::calibrate::run(&args, folder),
        Command::Catalog(args) => cmd::catalog::run(&args, folder),
        Command::Claims(args) => cmd::claims::run(&args, folder),
        Command::Explain(args) => cmd::explain::run(&args, folder),
        Command::Fabric(args) => cmd::fabric::run(&args, folder),
        Command::Goodput(args) => cmd::goodput::run(&args, folder),
        Command::Model(args) => cmd::model::run(&args, folder),
        Command::Plan(args) => cmd::plan::run(&args, folder),
        Command::Replay(args) => cmd::replay::run(&args, folder),
        Command::Report(args) => cmd::report::run(&args),
        Command::Ui(args) => web::run(&args, folder),
        Command::Trace(args) => cmd::trace::run(&args, folder),
        Command::Train(args) => cmd::train::run(&args, folder),
        Command::Validate(args) => cmd::validate::run(&args, folder),
        Command::Weigh(args) => cmd::weigh::run(&args, folder),
    };
    panic::catch_unwind(panic::AssertUnwindSafe(run)).unwrap_or(ExitCode::from(BUG))
}

fn converted(done: Result<(), formats::Error>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(e.exit_code())
        }
    }
}
