//! `steelyard train`: the best parallel plan for every system.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use catalog::{Catalog, Framework};
use cost::train::TrainingCalibration;
use indicatif::{ProgressBar, ProgressStyle};
use plan::interval::Intervals;
use plan::machine::Fitted;
use plan::study::Library;
use plan::train::findings::{TrainingAnswer, TrainingFindings};
use plan::train::{NoAnswer, TrainingGround, TrainingStudy, Watch, study, weigh};

use super::catalog::{open, refuse};
use super::ground::{fitted, on_threads};
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

/// A training study with all that answers it.
pub struct Asked {
    pub catalog: Catalog,
    pub study: TrainingStudy,
    fitted: Fitted,
    chips: TrainingCalibration,
    intervals: Intervals,
}

impl Asked {
    /// Reads everything, or prints all that is wrong and gives the exit of wrong input.
    pub fn read(path: &Path, calibration: Option<&Path>, folder: Option<&Path>) -> Result<Asked, ExitCode> {
        let catalog = open(folder).map_err(|found| refuse(&found))?;
        let library = Library { catalog: &catalog, folder };
        let study = study::read(path, library).map_err(|found| refuse(&found))?;
        let fitted = fitted(calibration).map_err(wrong)?;
        let chips = TrainingCalibration::embedded().map_err(|e| wrong(e.to_string()))?;
        let intervals = Intervals::embedded().map_err(|e| wrong(e.to_string()))?;
        Ok(Asked { catalog, study, fitted, chips, intervals })
    }

    /// Answers the study, with a bar on a terminal.
    pub fn answer(&self, threads: Option<u16>) -> Result<TrainingFindings, ExitCode> {
        // Hidden by itself where standard error is no terminal.
        let bar = ProgressBar::new(1000);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent} % {elapsed} {msg}") {
            bar.set_style(style);
        }
        let told = |share: f64| bar.set_position((share * 1000.0) as u64);
        let ground = TrainingGround {
            catalog: &self.catalog,
            fitted: &self.fitted,
            chips: &self.chips,
            intervals: &self.intervals,
            done: &|name| bar.set_message(name.to_owned()),
            watch: Watch { told: &told, ..Watch::NOBODY },
        };
        let findings = on_threads(threads, || weigh(&self.study, &ground));
        bar.finish_and_clear();
        findings?.map_err(|error| match error {
            NoAnswer::Profile(faults) => refuse(&faults),
            NoAnswer::Stopped => wrong(error.to_string()),
        })
    }
}

fn wrong(message: String) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(2)
}

fn try_run(args: &Train, folder: Option<&Path>) -> Result<ExitCode, ExitCode> {
    let lang = Lang::choose(args.lang);
    let asked = Asked::read(&args.study, args.calibration.as_deref(), folder)?;
    let findings = asked.answer(args.threads)?;
    let mut json = serde_json::to_string_pretty(&findings).unwrap_or_default();
    json.push('\n');
    let files = [("training.json", json), ("training.html", report::train::render(&findings))];
    for (name, text) in &files {
        write(&args.out.join(name), text.as_bytes()).map_err(|e| wrong(e.to_string()))?;
    }
    if let Some(path) = &args.trace {
        trace(&findings, path, lang)?;
    }
    table::print(&table::train::train(&findings, View::of_stdout(lang))).map_err(|e| wrong(e.to_string()))?;
    for (name, _) in &files {
        eprintln!("{}", Msg::WroteFile.fill(lang, &[("path", &args.out.join(name).display().to_string())]));
    }
    Ok(exit(&findings))
}

/// 0 if a system has a plan.
pub fn exit(findings: &TrainingFindings) -> ExitCode {
    let any = findings.systems.iter().any(|s| matches!(s.answer, TrainingAnswer::Trains(_)));
    if any { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// Writes the step of the best plan for ui.perfetto.dev.
pub fn trace(findings: &TrainingFindings, path: &Path, lang: Lang) -> Result<(), ExitCode> {
    let Some((_, choice)) = findings.trained().next() else { return Ok(()) };
    let trace = plan::train::trace(&choice.whole).map_err(|e| wrong(e.to_string()))?;
    write(path, &trace).map_err(|e| wrong(e.to_string()))?;
    eprintln!("{}", Msg::WroteFile.fill(lang, &[("path", &path.display().to_string())]));
    Ok(())
}

/// The built-in profiles of frameworks.
pub fn frameworks() -> Result<BTreeMap<String, Framework>, String> {
    let load = |name: &str| match Framework::load(name) {
        Ok(found) => Ok((name.to_owned(), found)),
        Err(faults) => Err(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    };
    Framework::names().into_iter().map(load).collect()
}
