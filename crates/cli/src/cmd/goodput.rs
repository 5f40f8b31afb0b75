//! `steelyard goodput`: how much of its time a long job on a machine that fails really trains.

mod timeline;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use plan::goodput::{self, Findings};
use plan::study::Library;

use super::catalog::{open, refuse};
use super::ground::on_threads;
use crate::lang::{Lang, Msg};
use crate::report::{self, write};
use crate::table::{self, View};

/// Simulate a long job on machines that fail: interruptions, recovery, checkpoints, spares, re-wiring
#[derive(Debug, clap::Args)]
pub struct Goodput {
    /// A study of goodput in TOML: see examples/goodput-*.toml
    study: PathBuf,
    /// Causes, parts and facts in doubt of every machine, not only of a study with one
    #[arg(long)]
    details: bool,
    /// Write one run of each machine as a timeline for ui.perfetto.dev
    #[arg(long, value_name = "FILE")]
    timeline: Option<PathBuf>,
    /// Folder for findings.json and report.html
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
    /// Threads to simulate with; else one for each processor
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Language; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum)]
    lang: Option<Lang>,
}

/// Exit where no machine makes progress.
const NO_PLAN: u8 = 1;
/// Share of useful time below which a job makes no progress.
const PROGRESS: f64 = 0.01;

/// Runs the command: 0 if a machine makes progress, 1 if none does, 2 if the input is wrong.
pub fn run(args: &Goodput, folder: Option<&Path>) -> ExitCode {
    try_run(args, folder).unwrap_or_else(|exit| exit)
}

fn try_run(args: &Goodput, folder: Option<&Path>) -> Result<ExitCode, ExitCode> {
    let catalog = open(folder).map_err(|found| refuse(&found))?;
    let library = Library { catalog: &catalog, folder };
    let study = goodput::read(&args.study, library).map_err(|found| refuse(&found))?;
    let findings = on_threads(args.threads, || goodput::answer(&study, &|_| {}))?;
    let lang = Lang::choose(args.lang);
    let wrong = |error: &dyn std::fmt::Display| {
        eprintln!("error: {error}");
        ExitCode::from(2)
    };
    let mut files = vec![
        (args.out.join("findings.json"), report::json(&findings).into_bytes()),
        (args.out.join("report.html"), report::goodput(&findings).into_bytes()),
    ];
    if let Some(path) = &args.timeline {
        files.push((path.clone(), timeline::timeline(&study).map_err(|e| wrong(&e))?));
    }
    for (path, bytes) in &files {
        write(path, bytes).map_err(|e| wrong(&e))?;
    }
    table::print(&table::goodput(&findings, args.details, View::of_stdout(lang))).map_err(|e| wrong(&e))?;
    for (path, _) in &files {
        let msg = if Some(path) == args.timeline.as_ref() { Msg::TimelineHelp } else { Msg::WroteFile };
        eprintln!("{}", msg.fill(lang, &[("path", &path.display().to_string())]));
    }
    Ok(if progress(&findings, lang) { ExitCode::SUCCESS } else { ExitCode::from(NO_PLAN) })
}

fn progress(findings: &Findings, lang: Lang) -> bool {
    let some = crate::lang::goodput::effective(findings).any(|(_, found)| found.ratio.value >= PROGRESS);
    if !some {
        eprintln!("{}", Msg::NoProgress.text(lang));
    }
    some
}
