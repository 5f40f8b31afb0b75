//! `steelyard replay`: traffic on a fleet, minute by minute.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use plan::replay::{self, Answered, Progress, ReplayError, ReplayStudy};
use plan::study::Library;

use super::catalog::{open, refuse};
use super::ground::fitted;
use crate::lang::{Lang, Msg};
use crate::report::{self, stop_between_files, write};
use crate::table::{self, View};

/// Play recorded or drawn traffic against a fleet
#[derive(Debug, clap::Args)]
pub struct Replay {
    /// A replay study: traffic, pools and rules in TOML
    study: PathBuf,
    /// Folder of fitted parameters of your own that go over the built-in ones
    #[arg(long, value_name = "FOLDER")]
    calibration: Option<PathBuf>,
    /// Language; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum)]
    lang: Option<Lang>,
    /// Folder for replay.json and replay.html
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
    /// Also write requests.parquet and series.parquet: what happened to every request, and to every pool over time
    #[arg(long)]
    parquet: bool,
    /// Also write timeline.json, which Perfetto opens
    #[arg(long)]
    timeline: bool,
}

/// Exit where a search finds no fleet.
const NO_PLAN: u8 = 1;
const WRONG: u8 = 2;

/// Runs the command: 0 if the replay ran, 1 if a pool cannot serve its model or a search finds no fleet, 2 if the input is
/// wrong.
pub fn run(args: &Replay, folder: Option<&Path>) -> ExitCode {
    try_run(args, folder).unwrap_or_else(|exit| exit)
}

fn try_run(args: &Replay, folder: Option<&Path>) -> Result<ExitCode, ExitCode> {
    let wrong = |message: String| {
        eprintln!("error: {message}");
        ExitCode::from(WRONG)
    };
    let catalog = open(folder).map_err(|found| refuse(&found))?;
    let library = Library { catalog: &catalog, folder };
    let study = replay::read(&args.study, library).map_err(|found| refuse(&found))?;
    let fitted = fitted(args.calibration.as_deref()).map_err(wrong)?;
    // Hidden by itself where standard error is no terminal.
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {human_pos}/{human_len} {elapsed} {msg}") {
        bar.set_style(style);
    }
    let watch = |now: &Progress| {
        bar.set_length(now.requests as u64);
        bar.set_position(now.ended as u64);
        if study.search.is_some() {
            bar.set_message(format!("{}: {:?}", now.fleets + 1, now.replicas));
        }
        true
    };
    stop_between_files();
    let answered = replay::answer(&study, &fitted, &watch);
    bar.finish_and_clear();
    let answered = answered.map_err(|error| {
        eprintln!("error: {error}");
        ExitCode::from(if matches!(error, ReplayError::Pool { .. }) { NO_PLAN } else { WRONG })
    })?;
    let files = files(args, &study, &answered).map_err(wrong)?;
    let lang = Lang::choose(args.lang);
    for (name, bytes) in &files {
        write(&args.out.join(name), bytes).map_err(|error| wrong(error.to_string()))?;
    }
    table::print(&table::replay::replay(&answered.findings, View::of_stdout(lang)))
        .map_err(|e| wrong(e.to_string()))?;
    for (name, _) in &files {
        eprintln!("{}", Msg::WroteFile.fill(lang, &[("path", &args.out.join(name).display().to_string())]));
    }
    let found = answered.findings.search.as_ref().is_none_or(|search| search.met);
    Ok(if found { ExitCode::SUCCESS } else { ExitCode::from(NO_PLAN) })
}

/// All files, whole, before any is written.
fn files(args: &Replay, study: &ReplayStudy, answered: &Answered) -> Result<Vec<(&'static str, Vec<u8>)>, String> {
    let findings = &answered.findings;
    let mut json = serde_json::to_string_pretty(findings).map_err(|e| e.to_string())?;
    json.push('\n');
    let mut files =
        vec![("replay.json", json.into_bytes()), ("replay.html", report::render_replay(findings).into_bytes())];
    if args.parquet {
        let requests = replay::requests_parquet(study, &answered.replayed).map_err(|e| e.to_string())?;
        let series = replay::series_parquet(findings).map_err(|e| e.to_string())?;
        files.extend([("requests.parquet", requests), ("series.parquet", series)]);
    }
    if args.timeline {
        files.push(("timeline.json", replay::timeline(findings, &answered.replayed).map_err(|e| e.to_string())?));
    }
    Ok(files)
}
