//! Shows findings: the table on standard output, `findings.json` and `report.html` in a folder.

use std::path::PathBuf;

use plan::Findings;
use thiserror::Error;

use crate::lang::{Lang, Msg};
use crate::report::{self, WriteError, write};
use crate::table::{self, View};

/// How and where a command shows its findings.
#[derive(Debug, Clone, clap::Args)]
pub struct Show {
    /// Language; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum)]
    pub lang: Option<Lang>,
    /// Folder for findings.json and report.html
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub out: PathBuf,
}

/// Why findings cannot be shown.
#[derive(Debug, Error)]
pub enum ShowError {
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Standard output is gone for another reason than a closed pipe.
    #[error("cannot write to standard output: {0}")]
    Stdout(#[from] std::io::Error),
}

/// Writes both files, then prints the table. Both are rendered before either is written.
pub fn show(findings: &Findings, how: &Show) -> Result<(), ShowError> {
    let lang = Lang::choose(how.lang);
    let files = [("findings.json", report::json(findings)), ("report.html", report::render(findings))];
    for (name, text) in &files {
        write(&how.out.join(name), text.as_bytes())?;
    }
    table::print(&table::weigh(findings, View::of_stdout(lang)))?;
    for (name, _) in &files {
        eprintln!("{}", Msg::WroteFile.fill(lang, &[("path", &how.out.join(name).display().to_string())]));
    }
    Ok(())
}
