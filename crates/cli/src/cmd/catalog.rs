//! `steelyard catalog`: what is known of chips and systems, and from whom.

mod list;
pub mod show;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use catalog::{Catalog, Diagnostic};
use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};

use crate::lang::{Lang, term};

/// Arguments of `steelyard catalog`.
#[derive(Args)]
pub struct CatalogArgs {
    /// Language; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum, global = true)]
    lang: Option<Lang>,
    #[command(subcommand)]
    command: CatalogCommand,
}

#[derive(Subcommand)]
enum CatalogCommand {
    /// Lists chips and systems, and what those lack that cannot be run.
    List {
        /// Chips only.
        #[arg(long, conflicts_with = "systems")]
        chips: bool,
        /// Systems only.
        #[arg(long)]
        systems: bool,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Shows every fact of a chip, a system or a file of faults with its range, kind and source.
    Show {
        /// Id, alias or published name; of faults the id ("gpu_server").
        name: String,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Reports everything that is wrong with the catalog, or with your own folder over it.
    Check,
}

/// Runs the command; exits with 2 if the input is wrong.
pub fn run(args: &CatalogArgs, folder: Option<&Path>) -> ExitCode {
    let catalog = match open(folder) {
        Ok(catalog) => catalog,
        Err(findings) => return refuse(&findings),
    };
    let lang = Lang::choose(args.lang);
    let text = match &args.command {
        CatalogCommand::List { chips, systems, json: true } => list::json(&catalog, !systems, !chips),
        CatalogCommand::List { chips, systems, json: false } => list::text(&catalog, !systems, !chips, None, lang),
        CatalogCommand::Show { name, json } => match show::find(&catalog, name) {
            Ok(things) if *json => show::json(&catalog, &things),
            Ok(things) => show::text(&catalog, &things, None, lang),
            Err(error) => {
                eprintln!("error: {error}");
                return ExitCode::from(2);
            }
        },
        CatalogCommand::Check => {
            let findings = if folder.is_none() { Catalog::check_embedded() } else { Vec::new() };
            if !findings.is_empty() {
                return refuse(&findings);
            }
            list::summary(&catalog, lang)
        }
    };
    // A reader that has seen enough closes the pipe: no fault of ours.
    let _ = writeln!(io::stdout().lock(), "{}", text.trim_end());
    ExitCode::SUCCESS
}

/// The catalog that a command works on.
///
/// # Errors
/// Every finding in the user's folder.
pub fn open(folder: Option<&Path>) -> Result<Catalog, Vec<Diagnostic>> {
    folder.map_or_else(|| Ok(Catalog::embedded()), Catalog::with_folder)
}

/// Prints findings; the exit of wrong input.
pub fn refuse(findings: &[Diagnostic]) -> ExitCode {
    for finding in findings {
        eprintln!("error: {finding}");
    }
    ExitCode::from(2)
}

/// A table as wide as the terminal, or as `width` says, or as it needs.
fn table(header: &[&str], width: Option<u16>, lang: Lang) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if let Some(width) = width {
        table.set_width(width);
    }
    table.set_header(header.iter().map(|word| term(word, lang)));
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_width_makes_it_panic() {
        let catalog = Catalog::embedded();
        let things = show::find(&catalog, "GB200").expect("known");
        for width in [0, 1, 2, 7, 20, 40, 80, 200, u16::MAX] {
            list::text(&catalog, true, true, Some(width), Lang::Zh);
            show::text(&catalog, &things, Some(width), Lang::Zh);
        }
    }

    #[test]
    fn show_prints_facts_with_sources() {
        let catalog = Catalog::embedded();
        let things = show::find(&catalog, "kunlun p800").expect("known");
        insta::assert_snapshot!(show::text(&catalog, &things, Some(120), Lang::En));
    }

    #[test]
    fn list_says_what_is_missing() {
        let text = list::text(&Catalog::embedded(), true, false, Some(200), Lang::En);
        let line = text.lines().find(|l| l.contains("metax_c600")).expect("listed");
        assert!(line.contains("peak.bf16"), "{line}");
    }
}
