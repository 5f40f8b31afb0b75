//! `steelyard trace show`.

use std::path::PathBuf;

use plan::trace::{KindShown, Shown, open, show};

use super::{Stop, wrong};
use crate::lang::number::{Unit, percent, quantity, thousands};
use crate::lang::trace::Words;
use crate::lang::{Lang, term};
use crate::table::{self, Align, View};

/// Shows what a trace holds
#[derive(Debug, clap::Args)]
pub struct Show {
    /// A file (one rank), a folder of PREFIX.RANK.et, or FOLDER/PREFIX
    trace: PathBuf,
    /// Process groups as JSON: {"NAME": [0, 1], ...}; else groups.json in the folder
    #[arg(long, value_name = "FILE")]
    groups: Option<PathBuf>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
    /// Language; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum)]
    lang: Option<Lang>,
}

/// Process groups that are listed.
const MOST_GROUPS: usize = 12;

pub fn run(args: &Show) -> Result<(), Stop> {
    let traces = open(&args.trace, args.groups.as_deref()).map_err(wrong)?;
    let shown = show(&traces);
    let text = match args.json {
        true => serde_json::to_string_pretty(&shown).map_err(wrong)? + "\n",
        false => text(&shown, View::of_stdout(Lang::choose(args.lang))),
    };
    table::print(&text).map_err(wrong)
}

/// A kind of node; elsewhere "compute" is a chip's power.
fn kind(name: &'static str, lang: Lang) -> &'static str {
    if name == "compute" { Words::Compute.text(lang) } else { term(name, lang) }
}

fn text(shown: &Shown, view: View) -> String {
    let lang = view.lang;
    let head = |words: &[(Words, Align)]| -> Vec<(String, Align)> {
        words.iter().map(|&(w, a)| (w.text(lang).to_owned(), a)).collect()
    };
    let count = |n: u64| thousands(n as f64);
    let (ranks, nodes, needs) = (count(shown.ranks.into()), count(shown.nodes), count(shown.dependencies));
    let title = [
        ("name", shown.name.as_str()),
        ("ranks", &ranks),
        ("nodes", &nodes),
        ("needs", &needs),
        ("version", &shown.version),
    ];
    let mut out = table::bold(&Words::Title.fill(lang, &title), view);
    if shown.traces < shown.ranks {
        out += &table::paragraph(&Words::Same.fill(lang, &[("traces", &count(shown.traces.into()))]), 0, view);
    }
    let row = |k: &KindShown| vec![kind(k.kind, lang).to_owned(), count(k.nodes), quantity(k.seconds, Unit::Time)];
    let header = head(&[(Words::Kind, Align::Left), (Words::Nodes, Align::Right), (Words::Recorded, Align::Right)]);
    out += &table::grid(&header, &shown.kinds.iter().map(row).collect::<Vec<_>>(), false, view);
    if !shown.collectives.is_empty() {
        out.push('\n');
        let header =
            head(&[(Words::Collective, Align::Left), (Words::Nodes, Align::Right), (Words::Bytes, Align::Right)]);
        let row = |c: &plan::trace::CollectiveShown| {
            vec![term(c.kind, lang).to_owned(), count(c.nodes), quantity(c.bytes, Unit::Bytes)]
        };
        out += &table::grid(&header, &shown.collectives.iter().map(row).collect::<Vec<_>>(), false, view);
    }
    if !shown.groups.is_empty() {
        out += &table::heading(Words::Groups.text(lang), view);
        let header = head(&[(Words::Group, Align::Left), (Words::Ranks, Align::Right)]);
        let few = shown.groups.iter().take(MOST_GROUPS);
        let mut rows: Vec<Vec<String>> = few.map(|(name, ranks)| vec![name.clone(), count((*ranks).into())]).collect();
        if shown.groups.len() > MOST_GROUPS {
            rows.push(vec![format!("… {}", shown.groups.len()), String::new()]);
        }
        out += &table::grid(&header, &rows, false, view);
    }
    let (time, rank) = (quantity(shown.critical_seconds, Unit::Time), shown.critical_rank.to_string());
    let critical = Words::Critical.fill(lang, &[("time", &time), ("rank", &rank)]);
    let part = |k: &KindShown| {
        let (share, nodes) = (percent(k.seconds / shown.critical_seconds), count(k.nodes));
        Words::CriticalPart.fill(lang, &[("share", &share), ("kind", kind(k.kind, lang)), ("nodes", &nodes)])
    };
    let timed: Vec<String> = shown.critical.iter().filter(|k| k.seconds > 0.0).map(part).collect();
    let parts = if timed.is_empty() { Words::Unrecorded.text(lang).to_owned() } else { timed.join(lang.comma()) };
    out.push('\n');
    out += &table::paragraph(&format!("{critical}{}{parts}", lang.colon()), 0, view);
    out
}
