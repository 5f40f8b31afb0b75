//! `steelyard claims`: statements of the press, put to the test.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use plan::claims::{self, Claim, ClaimFinding};
use plan::interval::Intervals;
use plan::study::Library;
use plan::train::Watch;
use plan::weigh::Ground;

use super::catalog::{open, refuse};
use super::ground::fitted;
use crate::lang::{Lang, Msg};
use crate::report::{self, write};
use crate::table::{self, View};

/// Put statements to the test: a verdict for each, computed from its figures
#[derive(Debug, clap::Args)]
pub struct Claims {
    /// Claims in TOML; else those that come with the program
    files: Vec<PathBuf>,
    /// Only list them
    #[arg(long)]
    list: bool,
    /// Folder of fitted parameters of your own that go over the built-in ones
    #[arg(long, value_name = "FOLDER")]
    calibration: Option<PathBuf>,
    /// Language; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum)]
    lang: Option<Lang>,
    /// Folder for claims.json and claims.html
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
}

/// Runs the command: 0 whatever the verdicts are, 2 if the input is wrong.
pub fn run(args: &Claims, folder: Option<&Path>) -> ExitCode {
    match try_run(args, folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => exit,
    }
}

fn wrong(message: impl std::fmt::Display) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(2)
}

fn try_run(args: &Claims, folder: Option<&Path>) -> Result<(), ExitCode> {
    let catalog = open(folder).map_err(|found| refuse(&found))?;
    let library = Library { catalog: &catalog, folder };
    let claims = read(args, library)?;
    let lang = Lang::choose(args.lang);
    if args.list {
        let line = |c: &Claim| format!("{}  {}\n", c.id, if lang == Lang::En { &c.says.en } else { &c.says.zh });
        return table::print(&claims.iter().map(line).collect::<String>()).map_err(wrong);
    }
    let fitted = fitted(args.calibration.as_deref()).map_err(wrong)?;
    let intervals = Intervals::embedded().map_err(wrong)?;
    let done = |_: &str| {};
    let ground = Ground { catalog: &catalog, fitted: &fitted, intervals: &intervals, done: &done };
    let bar = ProgressBar::new(claims.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    let findings: Vec<ClaimFinding> = claims
        .iter()
        .filter_map(|claim| {
            bar.set_message(claim.id.clone());
            let finding = claims::run(claim, &ground, Watch::NOBODY);
            bar.inc(1);
            finding
        })
        .collect();
    bar.finish_and_clear();
    let files = [("claims.json", report::json(&findings)), ("claims.html", report::claims::render(&findings))];
    for (name, text) in &files {
        write(&args.out.join(name), text.as_bytes()).map_err(wrong)?;
    }
    table::print(&table::claims(&findings, View::of_stdout(lang))).map_err(wrong)?;
    for (name, _) in &files {
        eprintln!("{}", Msg::WroteFile.fill(lang, &[("path", &args.out.join(name).display().to_string())]));
    }
    Ok(())
}

/// The claims of the files, or those in the binary; all that is wrong with any of them is told at once.
fn read(args: &Claims, library: Library) -> Result<Vec<Claim>, ExitCode> {
    if args.files.is_empty() {
        return claims::embedded(library).map_err(|found| refuse(&found));
    }
    let (mut all, mut found) = (Vec::new(), Vec::new());
    for file in &args.files {
        match claims::read(file, library) {
            Ok(claim) => all.push(claim),
            Err(faults) => found.extend(faults),
        }
    }
    if found.is_empty() { Ok(all) } else { Err(refuse(&found)) }
}
