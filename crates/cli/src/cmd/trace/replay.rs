//! `steelyard trace replay`.

use std::path::{Path, PathBuf};

use fabric::fault::Fault;
use plan::trace::{ExchangeFinding, Fabric, Replayed, Stopped, open, replay};

use super::super::fabric::{Ground, Ways, place};
use super::{Stop, wrong};
use crate::lang::number::{NONE, Unit, digits, estimate, percent, quantity, thousands};
use crate::lang::trace::Words;
use crate::lang::{Lang, Msg, term};
use crate::report::write;
use crate::table::{self, Align, View};

/// Replays a trace on a system's fabric
#[derive(Debug, clap::Args)]
pub struct Replay {
    /// A folder of PREFIX.RANK.et, FOLDER/PREFIX, or one file
    trace: PathBuf,
    /// Id, alias or published name of a system
    #[arg(long, value_name = "SYSTEM")]
    system: String,
    /// Ranks that one file stands for
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    ranks: Option<u32>,
    /// Process groups as JSON: {"NAME": [0, 1], ...}; else groups.json in the folder
    #[arg(long, value_name = "FILE")]
    groups: Option<PathBuf>,
    /// packed, spread, or a file with one chip number a line
    #[arg(long, value_name = "HOW", default_value = "packed")]
    placement: String,
    /// How routes are chosen
    #[arg(long, value_enum, default_value = "dimension-order")]
    routing: Ways,
    /// Broken parts: link=3-4, chip=17, switch=NVLink.0, module=.., ocs=5, with commas between them
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    fault: Vec<String>,
    /// Write a timeline for ui.perfetto.dev
    #[arg(long, value_name = "FILE")]
    timeline: Option<PathBuf>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
    /// Language; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum)]
    lang: Option<Lang>,
}

pub fn run(args: &Replay, folder: Option<&Path>) -> Result<(), Stop> {
    let catalog = super::super::catalog::open(folder)
        .map_err(|faults| wrong(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
    let system = catalog.system(&args.system).map_err(wrong)?;
    let faults = Fault::parse(&args.fault.join(",")).map_err(|e| wrong(format!("--fault: {e}")))?;
    let mut traces = open(&args.trace, args.groups.as_deref()).map_err(wrong)?;
    if let Some(ranks) = args.ranks {
        traces = traces.stand_for(ranks).map_err(wrong)?;
    }
    let ground = Ground::read()?;
    let place = place(&args.placement, Some(traces.of.len() as u64))?;
    let fabric = Fabric {
        system,
        place,
        routing: args.routing.routing(),
        faults,
        curves: &ground.curves,
        families: &ground.families,
    };
    let mut timeline = Vec::new();
    let found =
        replay(&traces, &fabric, args.timeline.as_ref().map(|_| &mut timeline)).map_err(|error| match error {
            Stopped::CutOff(_) => Stop::Impossible(error.to_string()),
            other => wrong(other),
        })?;
    let lang = Lang::choose(args.lang);
    if let Some(path) = &args.timeline {
        write(path, &timeline).map_err(wrong)?;
    }
    let text = match args.json {
        true => serde_json::to_string_pretty(&found).map_err(wrong)? + "\n",
        false => text(&found, View::of_stdout(lang)),
    };
    table::print(&text).map_err(wrong)?;
    if let Some(path) = &args.timeline {
        eprintln!("{}", Msg::TimelineHelp.fill(lang, &[("path", &path.display().to_string())]));
    }
    Ok(())
}

fn text(found: &Replayed, view: View) -> String {
    let lang = view.lang;
    let count = |n: u64| thousands(n as f64);
    let (ranks, nodes) = (count(found.ranks.into()), count(found.nodes));
    let title = [("name", found.traces.as_str()), ("system", &found.system), ("ranks", &ranks), ("nodes", &nodes)];
    let mut out = table::bold(&Words::Replay.fill(lang, &title), view);
    let line = |what: &str, value: &str| table::paragraph(&format!("{what}{}{value}", lang.colon()), 2, view);
    let time = estimate(&found.seconds, Unit::Time);
    match found.healthy {
        None => out += &line(Words::Time.text(lang), &time),
        Some(healthy) => {
            let faults = Words::WithFaults.fill(lang, &[("faults", &found.faults.join(lang.comma()))]);
            let against = format!("{time}{}× {}", lang.comma(), digits(found.seconds.value / healthy));
            out += &line(Words::Healthy.text(lang), &quantity(healthy, Unit::Time));
            out += &line(&faults, &against);
        }
    }
    let states = [Words::ComputeOnly, Words::ExchangeOnly, Words::Both, Words::Neither];
    let shares: Vec<String> =
        states.iter().zip(found.shares).map(|(w, s)| format!("{} {}", w.text(lang), percent(s))).collect();
    out += &line(Words::Shares.text(lang), &shares.join(lang.comma()));
    if !found.exchanges.is_empty() {
        out.push('\n');
        out += &exchanges(&found.exchanges, view);
    }
    out.push('\n');
    if found.at_peak > 0 {
        out += &table::paragraph(&Words::AtPeak.fill(lang, &[("count", &count(found.at_peak))]), 0, view);
    }
    out += &table::paragraph(Words::Note.text(lang), 0, view);
    out
}

fn exchanges(found: &[ExchangeFinding], view: View) -> String {
    let lang = view.lang;
    let header = [
        (Words::Exchanges, Align::Left),
        (Words::Count, Align::Right),
        (Words::Bytes, Align::Right),
        (Words::Took, Align::Right),
        (Words::Alone, Align::Right),
        (Words::Slowed, Align::Right),
    ];
    let header: Vec<(String, Align)> = header.into_iter().map(|(w, a)| (w.text(lang).to_owned(), a)).collect();
    let row = |e: &ExchangeFinding| {
        let slowed = if e.alone > 0.0 { format!("× {}", digits(e.seconds / e.alone)) } else { NONE.to_owned() };
        vec![
            term(e.kind, lang).to_owned(),
            thousands(e.count as f64),
            quantity(e.bytes, Unit::Bytes),
            quantity(e.seconds, Unit::Time),
            quantity(e.alone, Unit::Time),
            slowed,
        ]
    };
    table::grid(&header, &found.iter().map(row).collect::<Vec<_>>(), false, view)
}
