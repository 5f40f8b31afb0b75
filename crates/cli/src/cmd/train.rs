//! `steelyard train`: the best parallel plan for every system.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use catalog::Framework;
use cost::train::TrainingCalibration;
use plan::interval::Intervals;
use plan::study::Library;
use plan::train::findings::TrainingAnswer;
use plan::train::{TrainingGround, study, weigh};

use super::catalog::{open, refuse};
use super::ground::fitted;
use crate::lang::{Lang, Msg};
use crate::report::{self, write};
use crate::table::{self, View};

/// Find the best parallel plan for training a model on each system of a study
#[derive(Debug, clap::Args)]
pub struct Train {
    /// A training study: a question in TOML
    study: PathBuf,
    /// Folder of fitted parameters of your own that go over the built-in ones
    #[arg(long, value_name = "FOLDER")]
    calibration: Option<PathBuf>,
    /// Threads to search with; else one for each processor
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Folder for training.json and training.html
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
    /// Write the step of the best plan as a timeline for ui.perfetto.dev
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Language; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum)]
    lang: Option<Lang>,
}

/// Runs the command: 0 if a system has a plan, 1 if none has, 2 if the input is wrong.
pub fn run(args: &Train, folder: Option<&Path>) -> ExitCode {
    try_run(args, folder).unwrap_or_else(|exit| exit)
}

fn try_run(args: &Train, folder: Option<&Path>) -> Result<ExitCode, ExitCode> {
    let wrong = |message: String| {
        eprintln!("error: {message}");
        ExitCode::from(2)
    };
    let lang = Lang::choose(args.lang);
    let catalog = open(folder).map_err(|found| refuse(&found))?;
    let library = Library { catalog: &catalog, folder };
    let study = study::read(&args.study, library).map_err(|found| refuse(&found))?;
    let fitted = fitted(args.calibration.as_deref()).map_err(wrong)?;
    let chips = TrainingCalibration::embedded().map_err(|e| wrong(e.to_string()))?;
    let intervals = Intervals::embedded().map_err(|e| wrong(e.to_string()))?;
    let ground =
        TrainingGround { catalog: &catalog, fitted: &fitted, chips: &chips, intervals: &intervals, done: &|_| () };
    let answer = || weigh(&study, &ground);
    let findings = match args.threads {
        None => answer(),
        Some(threads) => {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(usize::from(threads)).build();
            pool.map_err(|e| wrong(format!("cannot start {threads} threads: {e}")))?.install(answer)
        }
    };
    let findings = findings.map_err(|faults| refuse(&faults))?;
    let mut json = serde_json::to_string_pretty(&findings).unwrap_or_default();
    json.push('\n');
    let files = [("training.json", json), ("training.html", report::train::render(&findings))];
    for (name, text) in &files {
        write(&args.out.join(name), text.as_bytes()).map_err(|e| wrong(e.to_string()))?;
    }
    if let Some(path) = &args.trace
        && let Some(choice) = table::train::trained(&findings).next().map(|(_, c)| c)
    {
        let trace = plan::train::trace(&choice.timeline).map_err(|e| wrong(e.to_string()))?;
        write(path, &trace).map_err(|e| wrong(e.to_string()))?;
        eprintln!("{}", Msg::WroteFile.fill(lang, &[("path", &path.display().to_string())]));
    }
    table::print(&table::train::train(&findings, View::of_stdout(lang))).map_err(|e| wrong(e.to_string()))?;
    for (name, _) in &files {
        eprintln!("{}", Msg::WroteFile.fill(lang, &[("path", &args.out.join(name).display().to_string())]));
    }
    let any = findings.systems.iter().any(|s| matches!(s.answer, TrainingAnswer::Trains(_)));
    Ok(if any { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The built-in profiles of frameworks.
pub fn frameworks() -> Result<BTreeMap<String, Framework>, String> {
    let load = |name: &str| match Framework::load(name) {
        Ok(found) => Ok((name.to_owned(), found)),
        Err(faults) => Err(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    };
    Framework::names().into_iter().map(load).collect()
}
