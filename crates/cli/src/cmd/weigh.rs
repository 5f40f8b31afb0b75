//! `steelyard weigh`: the main job.

use std::path::Path;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use plan::findings::{Answer, Findings};
use plan::weigh::{Ground, weigh};

use super::ground::{Asked, Question};
use super::show::{Show, show};

/// Weigh the systems of a study against each other
#[derive(Debug, clap::Args)]
pub struct Weigh {
    #[command(flatten)]
    question: Question,
    #[command(flatten)]
    show: Show,
}

/// Exit where no system can serve.
const NO_PLAN: u8 = 1;

/// Runs the command: 0 if a system serves, 1 if none can, 2 if the input is wrong.
pub fn run(args: &Weigh, folder: Option<&Path>) -> ExitCode {
    try_run(args, folder).unwrap_or_else(|exit| exit)
}

fn try_run(args: &Weigh, folder: Option<&Path>) -> Result<ExitCode, ExitCode> {
    let asked = args.question.read(folder)?;
    let findings = answer(&args.question, &asked)?;
    if let Err(error) = show(&findings, &args.show) {
        eprintln!("error: {error}");
        return Err(ExitCode::from(2));
    }
    let served = findings.systems.iter().any(|s| matches!(s.answer, Answer::Served(_)));
    Ok(if served { ExitCode::SUCCESS } else { ExitCode::from(NO_PLAN) })
}

/// Answers a study, with a bar on a terminal.
pub fn answer(question: &Question, asked: &Asked) -> Result<Findings, ExitCode> {
    // Hidden by itself where standard error is no terminal.
    let bar = ProgressBar::new(asked.study.systems.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    let done = |name: &str| {
        bar.set_message(name.to_owned());
        bar.inc(1);
    };
    let ground = Ground { catalog: &asked.catalog, fitted: &asked.fitted, intervals: &asked.intervals, done: &done };
    let findings = question.on_threads(|| weigh(&asked.study, &ground));
    bar.finish_and_clear();
    findings
}
