//! `steelyard report`: shows findings that were written before, without computing them again.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use plan::Findings;
use serde::Deserialize;
use thiserror::Error;

use crate::lang::{Lang, Msg};
use crate::report::{self, WriteError, write};
use crate::table::{self, View};

/// Show findings again: the table, and the report as one HTML file
#[derive(Debug, clap::Args)]
pub struct Report {
    /// A findings.json
    findings: PathBuf,
    /// Where to write the report; without it only the table is printed
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Language; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum)]
    lang: Option<Lang>,
}

/// Findings of a few dozen systems take less than 1 MB.
const LARGEST: u64 = 256 << 20;

#[derive(Debug, Error)]
enum Failure {
    #[error("{path}: {source}")]
    Read { path: String, source: std::io::Error },
    #[error("{path}: larger than {LARGEST} bytes, so it is not a findings.json")]
    TooLarge { path: String },
    #[error("{path}: not a findings.json of this version: {source}")]
    Format { path: String, source: serde_json::Error },
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("cannot write to standard output: {0}")]
    Stdout(#[from] std::io::Error),
}

/// Runs the command; 2 if the file is not what it should be.
pub fn run(command: &Report) -> ExitCode {
    match try_run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(2)
        }
    }
}

fn try_run(command: &Report) -> Result<(), Failure> {
    let lang = Lang::choose(command.lang);
    let view = View::of_stdout(lang);
    let (html, text) = match read(&command.findings)? {
        Found::Weighed(findings) => (report::render(&findings), table::weigh(&findings, view)),
        Found::Goodput(findings) => (report::goodput(&findings), table::goodput(&findings, true, view)),
    };
    if let Some(path) = &command.html {
        write(path, html.as_bytes())?;
    }
    table::print(&text)?;
    if let Some(path) = &command.html {
        eprintln!("{}", Msg::WroteFile.fill(lang, &[("path", &path.display().to_string())]));
    }
    Ok(())
}

/// Findings of one kind or the other.
enum Found {
    Weighed(Box<Findings>),
    Goodput(Box<plan::goodput::Findings>),
}

/// What a file of findings says of itself; a weighing says nothing.
#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

fn read(path: &Path) -> Result<Found, Failure> {
    let name = || path.display().to_string();
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut text))
        .map_err(|source| Failure::Read { path: name(), source })?;
    if text.len() as u64 > LARGEST {
        return Err(Failure::TooLarge { path: name() });
    }
    let format = |source| Failure::Format { path: name(), source };
    let Kind { kind } = serde_json::from_slice(&text).map_err(format)?;
    Ok(match kind.as_deref() {
        Some("goodput") => Found::Goodput(serde_json::from_slice(&text).map_err(format)?),
        _ => Found::Weighed(serde_json::from_slice(&text).map_err(format)?),
    })
}
