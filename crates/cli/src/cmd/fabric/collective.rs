//! `steelyard fabric collective`.

use catalog::{Catalog, System};
use fabric::collective::Algorithm;
use fabric::estimate::{Answer, Bench, Place, Remedy, RemedyKind};
use fabric::fault::{Damage, Fault};
use fabric::price::Basis;
use serde_json::{Value, json};

use super::Stop;
use super::ask::{Ground, Question, algorithm, size};
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
    /// Prints JSON
    #[arg(long)]
    json: bool,
    /// Language; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum)]
    lang: Option<Lang>,
}

/// One size answered.
struct Row {
    bytes: f64,
    healthy: Answer,
    remedies: Vec<Remedy>,
}

pub fn run(args: &Collective, catalog: &Catalog) -> Result<(), Stop> {
    let wrong = |message: String| Stop::Wrong(message);
    let system = catalog.system(&args.system).map_err(|e| wrong(e.to_string()))?;
    let chosen = algorithm(&args.algorithm).map_err(wrong)?;
    let faults = Fault::parse(&args.fault.join(",")).map_err(|e| wrong(format!("--fault: {e}")))?;
    let (operation, sizes) = (args.question.operation()?, args.question.sizes()?);
    let ground = Ground::read()?;
    let (place, routing) = (args.question.place()?, args.question.routing());
    let bench = Bench::new(system, args.question.ranks()?, &place, &ground.curves, &ground.families, routing)?;
    let whole = Damage::none(&bench.graph);
    let damage = Damage::of(&bench.graph, &faults, routing).map_err(|e| wrong(format!("--fault: {e}")))?;
    let mut rows = Vec::new();
    for bytes in sizes {
        let healthy = bench.answer(operation, bytes, chosen, &whole)?;
        let remedies = if faults.is_empty() { Vec::new() } else { bench.remedies(operation, bytes, chosen, &damage) };
        rows.push(Row { bytes, healthy, remedies });
    }
    let lang = Lang::choose(args.lang);
    let head = Head { system, bench: &bench, operation: operation.name(), place: &place, faults: &faults };
    let text = if args.json { head.json(&rows) } else { head.text(&rows, View::of_stdout(lang)) };
    table::print(&text).map_err(|e| wrong(e.to_string()))?;
    // With nothing that goes on, there is no way.
    let stuck = rows.iter().find(|r| !r.remedies.is_empty() && r.remedies.iter().all(|m| m.result.is_err()));
    match stuck {
        Some(row) => Err(Stop::Impossible(row.remedies[0].result.as_ref().err().cloned().unwrap_or_default())),
        None => Ok(()),
    }
}

struct Head<'a> {
    system: &'a System,
    bench: &'a Bench<'a>,
    operation: &'static str,
    place: &'a Place,
    faults: &'a [Fault],
}

/// `18.3 us (15.1-22.0)`.
fn time(answer: &Answer) -> String {
    let estimate = plan::findings::Estimate { value: answer.seconds, low: answer.low, high: answer.high };
    crate::lang::number::estimate(&estimate, Unit::Time)
}

impl Head<'_> {
    fn place_name(&self) -> &'static str {
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
            let (time, remark) = match &c.seconds {
                Ok(seconds) if c.algorithm == row.healthy.algorithm => {
                    (quantity(*seconds, Unit::Time), Msg::FabricChosen.text(lang).to_owned())
                }
                Ok(seconds) if !c.usual => (quantity(*seconds, Unit::Time), Msg::FabricUnusual.text(lang).to_owned()),
                Ok(seconds) => (quantity(*seconds, Unit::Time), String::new()),
                Err(why) => (NONE.to_owned(), term(why, lang).to_owned()),
            };
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
                    Err(why) => (NONE.to_owned(), NONE.to_owned(), why.clone()),
                };
                let first = if at == 0 { size(row.bytes) } else { String::new() };
                let kind = remedy_name(m.kind, lang).to_owned();
                lines.push(vec![first, kind, thousands(f64::from(m.ranks)), time, against, remark]);
            }
        }
        table::heading(&title, view) + &table::grid(&header, &lines, false, view)
    }

    fn json(&self, rows: &[Row]) -> String {
        let faults: Vec<String> = self.faults.iter().map(ToString::to_string).collect();
        let value = json!({
            "system": self.system.id,
            "operation": self.operation,
            "ranks": self.bench.ranks(),
            "placement": self.place_name(),
            "faults": faults,
            "sizes": rows.iter().map(|r| {
                let mut row = answer_json(&r.healthy, r.bytes);
                row["remedies"] = r.remedies.iter().map(|m| match &m.result {
                    Ok(a) => json!({ "remedy": remedy_key(m.kind), "ranks": m.ranks, "spares": m.spares,
                                     "answer": answer_json(a, r.bytes) }),
                    Err(why) => json!({ "remedy": remedy_key(m.kind), "ranks": m.ranks, "why_not": why }),
                }).collect();
                row
            }).collect::<Vec<Value>>(),
        });
        serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
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

fn remedy_key(kind: RemedyKind) -> &'static str {
    match kind {
        RemedyKind::Reroute => "reroute",
        RemedyKind::Rewire => "rewire",
        RemedyKind::Replace => "replace",
        RemedyKind::Shrink => "shrink",
    }
}

fn remedy_name(kind: RemedyKind, lang: Lang) -> &'static str {
    match kind {
        RemedyKind::Reroute => Msg::FabricReroute,
        RemedyKind::Rewire => Msg::FabricRewire,
        RemedyKind::Replace => Msg::FabricReplace,
        RemedyKind::Shrink => Msg::FabricShrink,
    }
    .text(lang)
}

/// One answer as JSON.
pub fn answer_json(a: &Answer, bytes: f64) -> Value {
    let algorithms = a.choices.iter().map(|c| match &c.seconds {
        Ok(seconds) => (c.algorithm.name().to_owned(), json!({ "seconds": seconds, "usual": c.usual })),
        Err(why) => (c.algorithm.name().to_owned(), json!({ "why_not": why })),
    });
    json!({
        "bytes": bytes,
        "seconds": a.seconds,
        "low": a.low,
        "high": a.high,
        "algorithm": Algorithm::name(a.algorithm),
        "wire_seconds": a.flows.wire,
        "bound_seconds": a.bounds.seconds(),
        "bounds": { "injection": a.bounds.injection, "bisection": a.bounds.bisection, "latency": a.bounds.latency },
        "rounds": a.flows.rounds,
        "algorithms": algorithms.collect::<serde_json::Map<String, Value>>(),
        "busiest": a.flows.busiest.iter().map(|(n, s)| json!({ "link": n, "share": s })).collect::<Vec<_>>(),
    })
}
