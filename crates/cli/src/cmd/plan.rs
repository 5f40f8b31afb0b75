//! `steelyard plan`: what to buy or rent, when and where.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cost::train::TrainingCalibration;
use indicatif::{ProgressBar, ProgressStyle};
use plan::interval::Intervals;
use plan::purchase::findings::{PlanAnswer, PlanFindings};
use plan::purchase::{self, Watch, engine::Engine};
use plan::study::Library;
use plan::weigh::Ground;

use super::catalog::{open, refuse};
use super::ground::fitted;
use crate::lang::{Lang, Msg};
use crate::report::{self, write};
use crate::table::{self, View};

/// Plan what to buy or rent, when, under prices, duties, caps, power and doubt
#[derive(Debug, clap::Args)]
pub struct Plan {
    /// A plan's question in TOML
    question: PathBuf,
    /// Folder of fitted parameters of your own that go over the built-in ones
    #[arg(long, value_name = "FOLDER")]
    calibration: Option<PathBuf>,
    /// Threads to work with; else one for each processor
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Language; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum)]
    lang: Option<Lang>,
    /// Folder for plan.json and plan.html
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
}

/// Exit where no plan serves all demand.
const NO_PLAN: u8 = 1;
/// Exit of wrong input.
const WRONG: u8 = 2;

/// Runs the command: 0 if there is a plan, 1 if none serves all demand, 2 if the input is wrong.
pub fn run(args: &Plan, folder: Option<&Path>) -> ExitCode {
    try_run(args, folder).unwrap_or_else(|exit| exit)
}

fn wrong(message: impl std::fmt::Display) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(WRONG)
}

fn try_run(args: &Plan, folder: Option<&Path>) -> Result<ExitCode, ExitCode> {
    let catalog = open(folder).map_err(|found| refuse(&found))?;
    let library = Library { catalog: &catalog, folder };
    let question = purchase::read(&args.question, library).map_err(|found| refuse(&found))?;
    let fitted = fitted(args.calibration.as_deref()).map_err(wrong)?;
    let intervals = Intervals::embedded().map_err(wrong)?;
    let done = |_: &str| {};
    let ground = Ground { catalog: &catalog, fitted: &fitted, intervals: &intervals, done: &done };
    let chips = TrainingCalibration::embedded().map_err(wrong)?;
    let engine = Engine::new(ground, &chips);
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    let (expect, step) = (|more| bar.inc_length(more), |what: &str| told(&bar, what));
    let watch = Watch { expect: &expect, step: &step, ..Watch::NOBODY };
    let work = || purchase::plan(question, &engine, &watch);
    let findings = match args.threads {
        None => work(),
        Some(threads) => {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(usize::from(threads)).build();
            pool.map_err(|e| wrong(format!("cannot start {threads} threads: {e}")))?.install(work)
        }
    };
    bar.finish_and_clear();
    let findings = findings.map_err(wrong)?;
    show(&findings, args)?;
    Ok(match findings.answer {
        PlanAnswer::Plan(_) => ExitCode::SUCCESS,
        PlanAnswer::Short(_) => ExitCode::from(NO_PLAN),
    })
}

/// One more step.
fn told(bar: &ProgressBar, what: &str) {
    bar.set_message(what.to_owned());
    bar.inc(1);
}

fn show(findings: &PlanFindings, args: &Plan) -> Result<(), ExitCode> {
    let lang = Lang::choose(args.lang);
    let files = [("plan.json", report::json(findings)), ("plan.html", report::plan::render(findings))];
    for (name, text) in &files {
        write(&args.out.join(name), text.as_bytes()).map_err(wrong)?;
    }
    table::print(&table::plan(findings, View::of_stdout(lang))).map_err(wrong)?;
    for (name, _) in &files {
        eprintln!("{}", Msg::WroteFile.fill(lang, &[("path", &args.out.join(name).display().to_string())]));
    }
    Ok(())
}
