//! `steelyard fabric collective`.

use catalog::{Catalog, System};
use fabric::estimate::{Answer, Bench, Place, Remedy, RemedyKind, Tried};
use fabric::fault::{Damage, Fault};
use fabric::price::Basis;
use fabric::recovery::Recovery;
use serde_json::Value;

use super::also::Together;
use super::ask::{Ground, Question, algorithm, size};
use super::{Stop, also, recovery, words};
use crate::lang::number::{NONE, Unit, digits, percent, quantity, thousands};
use crate::lang::{Lang, Msg, term};
use crate::table::{self, Align, View};

/// Times one collective on a system
#[derive(Debug, clap::Args)]
pub struct Collective {
    /// Id, alias or published name of a system
    system: String,
    #[command(flatten)]
    question: Question,
    /// auto, ring, tree, halving-doubling, direct, hierarchical or in-network
    #[arg(long, value_name = "NAME", default_value = "auto")]
    algorithm: String,
    /// Broken parts: link=3-4, chip=17, switch=NVLink.0, module=.., ocs=5, with commas between them
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    fault: Vec<String>,
    /// Another collective at the same time, on the next chips or from chip FIRST on; may be repeated: all-to-all:64MiB:32:0
    #[arg(long, value_name = "OP:BYTES:RANKS[:FIRST]")]
    also: Vec<String>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
    /// With --json and one size: where chips and switches are on a sheet, and how full the links between them
    #[arg(long, requires = "json")]
    map: bool,
    /// Language; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum)]
    lang: Option<Lang>,
}

/// One size answered.
pub(super) struct Row {
    pub bytes: f64,
    pub healthy: Answer,
    pub remedies: Vec<Remedy>,
}

pub fn run(args: &Collective, catalog: &Catalog) -> Result<(), Stop> {
    let (text, stuck) = if args.json {
        let value = answer(args, catalog)?;
        let stuck = value["stuck"].as_str().map(str::to_owned);
        (serde_json::to_string_pretty(&value).unwrap_or_default() + "\n", stuck)
    } else {
        let view = View::of_stdout(Lang::choose(args.lang));
        with_answer(args, catalog, |head, rows| (head.text(rows, view), stuck(rows)))?
    };
    table::print(&text).map_err(|e| Stop::Wrong(e.to_string()))?;
    stuck.map_or(Ok(()), |why| Err(Stop::Impossible(why)))
}

/// Why nothing goes on, if so.
pub(super) fn stuck(rows: &[Row]) -> Option<String> {
    let row = rows.iter().find(|r| !r.remedies.is_empty() && r.remedies.iter().all(|m| m.result.is_err()))?;
    row.remedies[0].result.as_ref().err().map(ToString::to_string)
}

/// What `--json` prints, for callers inside the program: parse arguments as the command line gives them
/// (`Collective::try_parse_from` through a `clap::Parser` of their own, `--map` among them for the sheet).
///
/// # Errors
/// [`Stop`] as the command ends.
pub fn answer(args: &Collective, catalog: &Catalog) -> Result<Value, Stop> {
    with_answer(args, catalog, |head, rows| head.json(rows))
}

fn with_answer<T>(args: &Collective, catalog: &Catalog, show: impl FnOnce(&Head<'_>, &[Row]) -> T) -> Result<T, Stop> {
    let wrong = |message: String| Stop::Wrong(message);
    let system = catalog.system(&args.system).map_err(|e| wrong(e.to_string()))?;
    let chosen = algorithm(&args.algorithm).map_err(wrong)?;
    let faults = Fault::parse(&args.fault.join(",")).map_err(|e| wrong(format!("--fault: {e}")))?;
    let (operation, sizes) = (args.question.operation()?, args.question.sizes()?);
    if args.map && sizes.len() > 1 {
        return Err(wrong(format!("--map: one size of --bytes, not {}", args.question.bytes)));
    }
    if !args.also.is_empty() && sizes.len() > 1 {
        return Err(wrong(format!("--also: one size of --bytes, not {}", args.question.bytes)));
    }
    let ground = Ground::read()?;
    let (place, routing) = (args.question.place()?, args.question.routing());
    let bench = Bench::new(system, args.question.ranks()?, &place, &ground.curves, &ground.families, routing)?;
    let whole = Damage::none(&bench.graph);
    let damage = Damage::of(&bench.graph, &faults, routing).map_err(|e| wrong(format!("--fault: {e}")))?;
    let mut rows = Vec::new();
    for bytes in sizes {
        let asked = bench.ask(operation, bytes)?;
        let healthy = asked.answer(chosen, &whole)?;
        let remedies = if faults.is_empty() { Vec::new() } else { asked.remedies(chosen, &damage) };
        rows.push(Row { bytes, healthy, remedies });
    }
    let together = match rows.first() {
        Some(Row { bytes, healthy, .. }) if !args.also.is_empty() => {
            let main = (&bench, operation, *bytes, healthy);
            match also::together(&args.also, &args.question, main, system, &ground, &faults) {
                // What a fault makes impossible is an answer.
                Err(Stop::Impossible(why)) if !faults.is_empty() => Err(why),
                together => Ok(together?),
            }
        }
        _ => Ok(Vec::new()),
    };
    let possible: Vec<RemedyKind> = rows
        .first()
        .map_or_else(Vec::new, |r| r.remedies.iter().filter(|m| m.result.is_ok()).map(|m| m.kind).collect());
    let head = Head {
        system,
        bench: &bench,
        operation: operation.name(),
        place: &place,
        faults: &faults,
        damage: &damage,
        ways: recovery::of(catalog, system, &possible),
        together,
        map: args.map,
    };
    Ok(show(&head, &rows))
}

/// The question as far as all sizes share it.
pub(super) struct Head<'a> {
    pub system: &'a System,
    pub bench: &'a Bench<'a>,
    pub operation: &'static str,
    pub place: &'a Place,
    pub faults: &'a [Fault],
    pub damage: &'a Damage,
    /// Ways back of what can be done about the faults.
    pub ways: Result<Vec<(Vec<RemedyKind>, Recovery)>, String>,
    /// All collectives that run at once, where there are several.
    pub together: Result<Vec<Together>, String>,
    /// Whether the JSON has sheets.
    pub map: bool,
}

/// `18.3 us (15.1-22.0)`.
fn time(answer: &Answer) -> String {
    let estimate = plan::findings::Estimate { value: answer.seconds, low: answer.low, high: answer.high };
    crate::lang::number::estimate(&estimate, Unit::Time)
}

impl Head<'_> {
    pub(super) fn place_name(&self) -> &'static str {
        match self.place {
            Place::Packed => "packed",
            Place::Spread => "spread",
            Place::Chips(_) => "from a file",
        }
    }

    fn text(&self, rows: &[Row], view: View) -> String {
        let lang = view.lang;
        let ranks = thousands(f64::from(self.bench.ranks()));
        let mut out = table::bold(
            &Msg::FabricCollectiveTitle.fill(
                lang,
                &[
                    ("op", term(self.operation, lang)),
                    ("ranks", &ranks),
                    ("system", &self.system.name),
                    ("place", term(self.place_name(), lang)),
                ],
            ),
            view,
        );
        out += &self.sizes(rows, view);
        if let [row] = rows {
            out += &self.algorithms(row, view);
            out += &self.links(&row.healthy, view);
        }
        if !self.faults.is_empty() {
            out += &self.remedies(rows, view);
            match &self.ways {
                Ok(ways) => out += &recovery::text(ways, view),
                Err(why) => out += &table::paragraph(&Msg::FabricNoRecovery.fill(lang, &[("why", why)]), 0, view),
            }
        }
        match &self.together {
            Ok(all) if all.is_empty() => {}
            Ok(all) => out += &self.at_once(all, view),
            Err(why) => {
                out += &table::heading(Msg::FabricTogether.text(lang), view);
                out += &table::paragraph(why, 0, view);
            }
        }
        out += "\n";
        let basis = match rows.first().map(|r| r.healthy.basis) {
            Some(Basis::Measured) => Msg::FabricBasisMeasured,
            Some(Basis::SameFabric) => Msg::FabricBasisFabric,
            Some(Basis::SameShape) => Msg::FabricBasisShape,
            _ => Msg::FabricBasisOther,
        };
        out += &table::paragraph(basis.text(lang), 0, view);
        out += &table::paragraph(Msg::FabricNote.text(lang), 0, view);
        out
    }

    fn sizes(&self, rows: &[Row], view: View) -> String {
        let lang = view.lang;
        let right = |m: Msg| (m.text(lang).to_owned(), Align::Right);
        let header = vec![
            right(Msg::FabricSize),
            right(Msg::FabricTime),
            right(Msg::FabricRate),
            right(Msg::FabricBound),
            right(Msg::FabricWire),
            (Msg::FabricAlgorithm.text(lang).to_owned(), Align::Left),
        ];
        let row = |r: &Row| {
            let a = &r.healthy;
            vec![
                size(r.bytes),
                time(a),
                quantity(r.bytes / a.seconds, Unit::Bandwidth),
                quantity(a.bounds.seconds(), Unit::Time),
                quantity(a.flows.wire, Unit::Time),
                term(a.algorithm.name(), lang).to_owned(),
            ]
        };
        table::grid(&header, &rows.iter().map(row).collect::<Vec<_>>(), false, view)
    }

    fn algorithms(&self, row: &Row, view: View) -> String {
        let lang = view.lang;
        let header = vec![
            (Msg::FabricAlgorithm.text(lang).to_owned(), Align::Left),
            (Msg::FabricTime.text(lang).to_owned(), Align::Right),
            (Msg::FabricRemark.text(lang).to_owned(), Align::Left),
        ];
        let line = |c: &fabric::estimate::Choice| {
            let note = match &c.tried {
                _ if c.algorithm == row.healthy.algorithm => Msg::FabricChosen.text(lang),
                Tried::Timed(_) if c.usual => "",
                Tried::Timed(_) => Msg::FabricUnusual.text(lang),
                Tried::AtLeast(_) if !c.usual => Msg::FabricUnusualNotFollowed.text(lang),
                Tried::AtLeast(least) if *least < row.healthy.seconds => Msg::FabricNotAsked.text(lang),
                Tried::AtLeast(_) => Msg::FabricNotFollowed.text(lang),
                Tried::Not(why) => term(why, lang),
            };
            let time = match &c.tried {
                Tried::Timed(seconds) => quantity(*seconds, Unit::Time),
                Tried::AtLeast(seconds) => format!("≥ {}", quantity(*seconds, Unit::Time)),
                Tried::Not(_) => NONE.to_owned(),
            };
            let remark = note.to_owned();
            vec![term(c.algorithm.name(), lang).to_owned(), time, remark]
        };
        let rows: Vec<Vec<String>> = row.healthy.choices.iter().map(line).collect();
        table::heading(Msg::FabricAlgorithms.text(lang), view) + &table::grid(&header, &rows, false, view)
    }

    fn links(&self, answer: &Answer, view: View) -> String {
        let lang = view.lang;
        let b = &answer.bounds;
        let parts = [
            ("injection", quantity(b.injection, Unit::Time)),
            ("bisection", quantity(b.bisection, Unit::Time)),
            ("latency", quantity(b.latency, Unit::Time)),
        ];
        let arguments: Vec<(&str, &str)> = parts.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let mut out = String::from("\n") + &table::paragraph(&Msg::FabricBounds.fill(lang, &arguments), 0, view);
        let busy: Vec<String> =
            answer.flows.busiest.iter().take(3).map(|(name, share)| format!("{name} {}", percent(*share))).collect();
        out += &table::paragraph(
            &Msg::FabricBusiest
                .fill(lang, &[("links", &busy.join(lang.comma())), ("rounds", &digits(answer.flows.rounds))]),
            0,
            view,
        );
        if answer.flows.fidelity == fabric::collective::Fidelity::Loads {
            out += &table::paragraph(Msg::FabricLoads.text(lang), 0, view);
        }
        out
    }

    fn remedies(&self, rows: &[Row], view: View) -> String {
        let lang = view.lang;
        let faults: Vec<String> = self.faults.iter().map(ToString::to_string).collect();
        let title = Msg::FabricWithFaults.fill(lang, &[("faults", &faults.join(lang.comma()))]);
        let header = vec![
            (Msg::FabricSize.text(lang).to_owned(), Align::Right),
            (Msg::FabricRemedy.text(lang).to_owned(), Align::Left),
            (Msg::FabricRanks.text(lang).to_owned(), Align::Right),
            (Msg::FabricTime.text(lang).to_owned(), Align::Right),
            (Msg::FabricAgainst.text(lang).to_owned(), Align::Right),
            (Msg::FabricRemark.text(lang).to_owned(), Align::Left),
        ];
        let mut lines = Vec::new();
        for row in rows {
            for (at, m) in row.remedies.iter().enumerate() {
                let (time, against, remark) = match &m.result {
                    Ok(a) => (time(a), format!("× {}", digits(a.seconds / row.healthy.seconds)), spare(m, lang)),
                    Err(why) => (NONE.to_owned(), NONE.to_owned(), words::why(why, lang)),
                };
                let first = if at == 0 { size(row.bytes) } else { String::new() };
                let kind = remedy_name(m.kind, lang).to_owned();
                lines.push(vec![first, kind, thousands(f64::from(m.ranks)), time, against, remark]);
            }
        }
        table::heading(&title, view) + &table::grid(&header, &lines, false, view)
    }

    fn at_once(&self, all: &[Together], view: View) -> String {
        let lang = view.lang;
        let right = |m: Msg| (m.text(lang).to_owned(), Align::Right);
        let header = vec![
            (Msg::FabricOperation.text(lang).to_owned(), Align::Left),
            right(Msg::FabricSize),
            right(Msg::FabricRanks),
            right(Msg::FabricChips),
            (Msg::FabricAlgorithm.text(lang).to_owned(), Align::Left),
            right(Msg::FabricAlone),
            right(Msg::FabricAtOnce),
            right(Msg::FabricSlowdown),
        ];
        let row = |t: &Together| {
            vec![
                term(t.operation, lang).to_owned(),
                size(t.bytes),
                thousands(f64::from(t.ranks)),
                format!("{}–{}", t.chips.0, t.chips.1),
                term(t.alone.algorithm.name(), lang).to_owned(),
                quantity(t.alone.seconds, Unit::Time),
                quantity(t.alone.seconds * t.slowdown, Unit::Time),
                format!("× {}", digits(t.slowdown)),
            ]
        };
        let rows: Vec<Vec<String>> = all.iter().map(row).collect();
        let note = if self.faults.is_empty() { Msg::FabricTogetherNote } else { Msg::FabricTogetherFaults };
        table::heading(Msg::FabricTogether.text(lang), view)
            + &table::grid(&header, &rows, false, view)
            + &table::paragraph(note.text(lang), 0, view)
    }
}

fn spare(remedy: &Remedy, lang: Lang) -> String {
    let count = thousands(f64::from(remedy.spares));
    match remedy.kind {
        RemedyKind::Rewire => Msg::FabricSpareCubes.fill(lang, &[("count", &count)]),
        RemedyKind::Replace => Msg::FabricSpareChips.fill(lang, &[("count", &count)]),
        RemedyKind::Reroute | RemedyKind::Shrink => String::new(),
    }
}

pub fn remedy_key(kind: RemedyKind) -> &'static str {
    match kind {
        RemedyKind::Reroute => "reroute",
        RemedyKind::Rewire => "rewire",
        RemedyKind::Replace => "replace",
        RemedyKind::Shrink => "shrink",
    }
}

pub fn remedy_name(kind: RemedyKind, lang: Lang) -> &'static str {
    match kind {
        RemedyKind::Reroute => Msg::FabricReroute,
        RemedyKind::Rewire => Msg::FabricRewire,
        RemedyKind::Replace => Msg::FabricReplace,
        RemedyKind::Shrink => Msg::FabricShrink,
    }
    .text(lang)
}
