//! `steelyard fabric show`.

use std::path::PathBuf;

use catalog::{Catalog, Fact, System, TierShape};
use fabric::bound::{Diameter, bisection, diameter};
use fabric::graph::{Graph, build};
use plan::findings::TierFinding;
use serde_json::{Value, json};

use super::Stop;
use crate::chart::fabric::Drawn;
use crate::lang::number::{Unit, quantity, thousands};
use crate::lang::{Lang, Msg, term};
use crate::report::write;
use crate::table::{self, Align, View};

/// Shows a system's fabric
#[derive(Debug, clap::Args)]
pub struct Show {
    /// Id, alias or published name of a system
    system: String,
    /// A part of it, or several of it: so many chips
    #[arg(long, value_name = "COUNT")]
    chips: Option<u32>,
    /// Draws it
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
    /// Language; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum)]
    lang: Option<Lang>,
}

pub fn run(args: &Show, catalog: &Catalog) -> Result<(), Stop> {
    let wrong = |message: String| Stop::Wrong(message);
    let whole = catalog.system(&args.system).map_err(|e| wrong(e.to_string()))?;
    let chips = args.chips.unwrap_or(whole.chips);
    let graph = build(whole, chips).map_err(|e| wrong(e.to_string()))?;
    let system = whole.with_chips(chips).unwrap_or_else(|| whole.clone());
    let lang = Lang::choose(args.lang);
    let shown = Shown { system: &system, graph: &graph, bisection: bisection(&graph), diameter: diameter(&graph) };
    if let Some(path) = &args.svg {
        write(path, Drawn::of(&system).file(lang).as_bytes()).map_err(|e| wrong(e.to_string()))?;
        eprintln!("{}", Msg::WroteFile.fill(lang, &[("path", &path.display().to_string())]));
    }
    let text = if args.json { shown.json() } else { shown.text(View::of_stdout(lang)) };
    table::print(&text).map_err(|e| wrong(e.to_string()))
}

struct Shown<'a> {
    system: &'a System,
    graph: &'a Graph,
    bisection: f64,
    diameter: Diameter,
}

/// "torus 4 x 4 x 4", "Clos 1:2", "switch".
pub fn shape(tier: &TierFinding, lang: Lang) -> String {
    match tier.shape.as_str() {
        "torus" => {
            let dims: Vec<String> = tier.dims.iter().map(u32::to_string).collect();
            let name = if tier.twisted { "twisted torus" } else { "torus" };
            format!("{} {}", term(name, lang), dims.join("×"))
        }
        "clos" if tier.oversubscription > 1.0 => format!("{} {}:1", term("Clos", lang), tier.oversubscription),
        "clos" => term("Clos", lang).to_owned(),
        "mesh" => term("full mesh", lang).to_owned(),
        other => term(other, lang).to_owned(),
    }
}

fn count(fact: Option<&Fact<f64>>, lang: Lang) -> String {
    fact.map_or_else(|| Msg::FabricNotStated.text(lang).to_owned(), |f| thousands(f.mid()))
}

impl Shown<'_> {
    fn text(&self, view: View) -> String {
        let lang = view.lang;
        let title = Msg::FabricTitle
            .fill(lang, &[("system", &self.system.name), ("chips", &thousands(f64::from(self.system.chips)))]);
        let header = [
            (Msg::FabricTier, Align::Left),
            (Msg::FabricShape, Align::Left),
            (Msg::FabricReach, Align::Right),
            (Msg::FabricPerChip, Align::Right),
            (Msg::FabricLatency, Align::Right),
            (Msg::FabricLinks, Align::Right),
            (Msg::FabricSwitches, Align::Right),
            (Msg::FabricMedium, Align::Left),
            (Msg::FabricAdds, Align::Left),
        ];
        let header: Vec<(String, Align)> = header.iter().map(|(m, a)| (m.text(lang).to_owned(), *a)).collect();
        let not_stated = || Msg::FabricNotStated.text(lang).to_owned();
        let row = |t: &catalog::Tier| {
            vec![
                t.name.clone(),
                shape(&TierFinding::of(t), lang),
                thousands(f64::from(t.chips)),
                quantity(t.bandwidth.mid().0, Unit::Bandwidth),
                t.latency.as_ref().map_or_else(not_stated, |l| quantity(l.mid().0, Unit::Time)),
                count(t.wiring.links.as_ref(), lang),
                if matches!(t.shape, TierShape::Switch | TierShape::Clos { .. }) {
                    count(t.wiring.switches.as_ref(), lang)
                } else {
                    crate::lang::number::NONE.to_owned()
                },
                term(&t.medium, lang).to_owned(),
                (if t.in_network_reduction { Msg::Yes } else { Msg::No }).text(lang).to_owned(),
            ]
        };
        let rows: Vec<Vec<String>> = self.system.fabric.tiers.iter().map(row).collect();
        let mut out = table::bold(&title, view) + &table::grid(&header, &rows, false, view);
        for (name, value) in self.sums(lang) {
            out += &table::paragraph(&format!("{name}{}{value}", lang.colon()), 2, view);
        }
        out
    }

    fn sums(&self, lang: Lang) -> Vec<(&'static str, String)> {
        let rate = |b: f64| quantity(b, Unit::Bandwidth);
        let hops = match self.diameter.latency {
            Some(latency) => {
                let time = quantity(latency, Unit::Time);
                Msg::FabricHopsAndTime.fill(lang, &[("hops", &self.diameter.hops.to_string()), ("time", &time)])
            }
            None => Msg::FabricHops.fill(lang, &[("hops", &self.diameter.hops.to_string())]),
        };
        let of_chip = rate(self.graph.injection(self.graph.chips[0]));
        let mut all = vec![
            (Msg::FabricInjection.text(lang), of_chip),
            (Msg::FabricBisection.text(lang), rate(self.bisection)),
            (Msg::FabricDiameter.text(lang), hops),
            (Msg::FabricOptics.text(lang), count(self.system.parts.get("optical_modules"), lang)),
        ];
        for (key, msg) in [("optical_switches", Msg::FabricOcs), ("cubes", Msg::FabricCubes)] {
            if let Some(fact) = self.system.parts.get(key) {
                all.push((msg.text(lang), thousands(fact.mid())));
            }
        }
        let power = self.system.power.as_ref();
        let power =
            power.map_or_else(|| Msg::FabricNotStated.text(lang).to_owned(), |p| quantity(p.mid().0, Unit::Power));
        all.push((Msg::FabricPower.text(lang), power));
        all
    }

    fn json(&self) -> String {
        let tier = |t: &catalog::Tier| {
            let count = |f: &Option<Fact<f64>>| f.as_ref().map(Fact::mid);
            json!({
                "name": t.name,
                "shape": shape(&TierFinding::of(t), Lang::En),
                "chips": t.chips,
                "bytes_per_second": t.bandwidth.mid().0,
                "latency_seconds": t.latency.as_ref().map(|l| l.mid().0),
                "links": count(&t.wiring.links),
                "switches": count(&t.wiring.switches),
                "planes": count(&t.wiring.planes),
                "medium": t.medium,
                "in_network_reduction": t.in_network_reduction,
            })
        };
        let parts: serde_json::Map<String, Value> =
            self.system.parts.iter().map(|(k, f)| (k.clone(), json!(f.mid()))).collect();
        let value = json!({
            "system": self.system.id,
            "chips": self.system.chips,
            "tiers": self.system.fabric.tiers.iter().map(tier).collect::<Vec<_>>(),
            "nodes": self.graph.nodes.len(),
            "links": self.graph.links.len(),
            "injection_bytes_per_second": self.graph.injection(self.graph.chips[0]),
            "bisection_bytes_per_second": self.bisection,
            "diameter_hops": self.diameter.hops,
            "diameter_seconds": self.diameter.latency,
            "parts": parts,
            "power_watts": self.system.power.as_ref().map(|p| p.mid().0),
        });
        serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
    }
}
