//! A system as written.

use std::collections::BTreeMap;

use units::{Bytes, BytesPerSecond, FlopPerSecond, Seconds, Watts};

use crate::chip_spec::{overlay_entries, read_measured, shown, take};
use crate::fact::Entry;
use crate::facts::{Facts, Sources, document, each, need_text, text, texts, within};
use crate::written::{Table, Value};
use crate::{Chip, Diagnostic, Fabric, Fact, System, Tier, TierShape, Wiring};

/// Most chips that anything joins.
const MOST_CHIPS: u32 = 10_000_000;

const PARTS: [&str; 9] = [
    "racks",
    "optical_modules",
    "optical_switches",
    "cubes",
    "usable_cubes",
    "hosts",
    "l1_switches_per_node",
    "l2_switches",
    "sold",
];
const RATES: [&str; 4] = ["bandwidth", "scale_up", "scale_out", "bisection"];
const PEAKS: [&str; 6] = ["peak", "bf16", "fp8", "mxfp8", "fp4", "int8"];
const SHAPES: &str = "write \"switch\", \"mesh\", { torus = [4, 4] } or { clos = 2.0 }";

/// One file of `systems/`.
#[derive(Debug, Clone, Default)]
pub struct SystemSpec {
    /// Name of the file without its ending.
    pub id: String,
    /// Published name.
    pub name: Option<String>,
    /// Id of its chip.
    pub chip: Option<String>,
    /// How many chips it has.
    pub chips: Option<u32>,
    /// Whether a bare count of its chip means this system.
    pub usual: bool,
    /// Other names people use.
    pub aliases: Vec<String>,
    /// Remarks on design and availability, by key.
    pub about: BTreeMap<String, String>,
    /// Tiers, innermost first.
    pub tiers: Vec<TierSpec>,
    /// Power of the whole.
    pub power: Option<Fact<Watts>>,
    /// Counted parts.
    pub parts: BTreeMap<String, Fact<f64>>,
    /// Every fact of the file, for showing.
    pub entries: Vec<Entry>,
}

/// One `[[tier]]`.
#[derive(Debug, Clone)]
pub struct TierSpec {
    /// "NVLink".
    pub name: String,
    /// How chips are joined.
    pub shape: TierShape,
    /// Chips that reach each other without leaving it.
    pub chips: u32,
    /// Bandwidth of one chip in one direction.
    pub bandwidth: Option<Fact<BytesPerSecond>>,
    /// Latency of a small message.
    pub latency: Option<Fact<Seconds>>,
    /// Whether switches add.
    pub in_network_reduction: bool,
    /// Copper, optics or mixed.
    pub medium: String,
    /// How it is built.
    pub wiring: Wiring,
}

impl SystemSpec {
    /// Reads a file of `systems/`. What cannot be read is left out and reported.
    pub(crate) fn read(id: &str, file: &str, written: &str, sources: &Sources) -> (SystemSpec, Vec<Diagnostic>) {
        document(file, written, |top| {
            let facts = Facts::new(format!("systems/{id}"), sources);
            let mut spec = SystemSpec {
                id: id.to_owned(),
                name: text(top, "name"),
                chip: text(top, "chip"),
                chips: facts.number(top, "chips", (1.0, f64::from(MOST_CHIPS))).map(|c| c.mid() as u32),
                usual: top.get("usual").and_then(|v| v.truth()).unwrap_or(false),
                aliases: texts(top, "aliases"),
                ..SystemSpec::default()
            };
            let about = ["design", "availability"].into_iter();
            spec.about = about.filter_map(|key| Some((key.to_owned(), text(top, key)?))).collect();
            each(top, "tier", |_, tier| spec.read_tier(&facts, tier));
            within(top, "power", |power| spec.power = facts.quantity(power, "system", (1.0, 1e10)));
            within(top, "total", |total| {
                shown::<Bytes>(&facts, total, "memory", (1e9, 1e18));
                RATES.iter().for_each(|key| shown::<BytesPerSecond>(&facts, total, key, (1e9, 1e18)));
                PEAKS.iter().for_each(|key| shown::<FlopPerSecond>(&facts, total, key, (1e12, 1e24)));
            });
            within(top, "parts", |parts| {
                for key in PARTS {
                    spec.parts.extend(facts.number(parts, key, (0.0, 1e9)).map(|count| (key.to_owned(), count)));
                }
            });
            read_measured(&facts, top);
            spec.entries = facts.into_entries();
            spec
        })
    }

    fn read_tier(&mut self, facts: &Facts, tier: &Table) {
        let name = need_text(tier, "name");
        let shape = tier.need("shape", SHAPES).and_then(|v| shape(&v));
        let chips = tier.need("chips", "write a whole number").and_then(|v| v.count(1, u64::from(MOST_CHIPS)));
        let spec = (
            facts.quantity(tier, "bandwidth", (1e6, 1e14)),
            facts.quantity(tier, "latency", (1e-10, 1.0)),
            tier.get("in_network_reduction").and_then(|v| v.truth()).unwrap_or(false),
            tier.get("medium").and_then(|v| v.choice(&MEDIA)).unwrap_or("copper").to_owned(),
        );
        let wiring = wiring(facts, tier);
        let (Some(shape), Some(chips)) = (shape, chips) else { return };
        let inner = self.tiers.last().map_or(1, |t| t.chips);
        if let Some(last) = self.tiers.last()
            && chips <= u64::from(last.chips)
        {
            let message = format!("reaches {chips} chips, no more than '{}' within it", last.name);
            tier.fault(message, "list tiers from the innermost out");
        }
        if let TierShape::Torus { dims } = &shape {
            let units: u64 = dims.iter().map(|&d| u64::from(d)).product();
            if units != chips && units.checked_mul(u64::from(inner)) != Some(chips) {
                let message = format!("a torus of {dims:?} does not have {chips} chips");
                tier.fault(message, "axes multiply to chips, or to the units within");
            }
        }
        let (bandwidth, latency, in_network_reduction, medium) = spec;
        let chips = chips as u32;
        self.tiers.push(TierSpec { name, shape, chips, bandwidth, latency, in_network_reduction, medium, wiring });
    }

    /// What `over` says replaces what this says; tiers are replaced as a whole, for their order counts.
    pub(crate) fn overlay(&mut self, over: SystemSpec) {
        take(&mut self.name, over.name);
        take(&mut self.chip, over.chip);
        take(&mut self.chips, over.chips);
        take(&mut self.power, over.power);
        self.usual |= over.usual;
        self.parts.extend(over.parts);
        self.aliases.extend(over.aliases);
        self.about.extend(over.about);
        if !over.tiers.is_empty() {
            self.entries.retain(|e| !e.path.starts_with("tier"));
            self.tiers = over.tiers;
        }
        overlay_entries(&mut self.entries, over.entries);
    }

    /// The checked system made of `chip`, or the paths of what it lacks to be run.
    ///
    /// # Errors
    /// The paths of the missing facts, those of the chip among them.
    pub fn resolve(&self, chip: Result<&Chip, &[String]>) -> Result<System, Vec<String>> {
        let mut missing = match chip {
            Ok(_) => Vec::new(),
            Err(paths) => paths.to_vec(),
        };
        let mut lack = |path: String| missing.push(format!("systems/{}.{path}", self.id));
        if self.name.is_none() {
            lack("name".to_owned());
        }
        if self.chips.is_none() {
            lack("chips".to_owned());
        }
        if self.tiers.is_empty() {
            lack("tier".to_owned());
        }
        let mut tiers = Vec::new();
        for (index, tier) in self.tiers.iter().enumerate() {
            match &tier.bandwidth {
                None => lack(format!("tier[{index}].bandwidth")),
                Some(bandwidth) => tiers.push(Tier {
                    name: tier.name.clone(),
                    shape: tier.shape.clone(),
                    chips: tier.chips,
                    bandwidth: bandwidth.clone(),
                    latency: tier.latency.clone(),
                    in_network_reduction: tier.in_network_reduction,
                    medium: tier.medium.clone(),
                    wiring: tier.wiring.clone(),
                }),
            }
        }
        match (&self.name, self.chips, chip) {
            (Some(name), Some(chips), Ok(chip)) if missing.is_empty() => Ok(System {
                id: self.id.clone(),
                name: name.clone(),
                chip: chip.clone(),
                chips,
                fabric: Fabric { tiers },
                power: self.power.clone(),
                parts: self.parts.clone(),
            }),
            _ => Err(missing),
        }
    }
}

const MEDIA: [(&str, &str); 3] = [("copper", "copper"), ("optics", "optics"), ("mixed", "mixed")];

fn wiring(facts: &Facts, tier: &Table) -> Wiring {
    let flag = |key| tier.get(key).and_then(|v| v.truth()).unwrap_or(false);
    let count = |key, most| facts.number(tier, key, (1.0, most));
    Wiring {
        links: count("links", 1024.0),
        switches: count("switches", 1e6),
        planes: count("planes", 1024.0),
        leaf: count("leaf", f64::from(MOST_CHIPS)),
        rails: flag("rails"),
        uplink: flag("uplink"),
        twisted: flag("twisted"),
    }
}

/// "switch", "mesh", `{ torus = [4, 4] }` or `{ clos = 2.0 }`.
fn shape(value: &Value) -> Option<TierShape> {
    if value.as_text().is_some() {
        return value.choice(&[("switch", TierKind::Switch), ("mesh", TierKind::Mesh)]).map(|kind| match kind {
            TierKind::Switch => TierShape::Switch,
            TierKind::Mesh => TierShape::Mesh,
        });
    }
    let table = value.table(SHAPES)?;
    let clos = table.get("clos").and_then(|v| v.number(1.0, 1000.0));
    let torus = table.get("torus").and_then(|v| v.list(SHAPES));
    table.finish();
    match (clos, torus) {
        (Some(ratio), None) => Some(TierShape::Clos { oversubscription_percent: (ratio * 100.0).round() as u32 }),
        (None, Some(dims)) if (1..=6).contains(&dims.len()) => {
            let dims = dims.iter().map(|d| d.count(1, 1024).map(|n| n as u32)).collect::<Option<Vec<u32>>>()?;
            Some(TierShape::Torus { dims })
        }
        _ => {
            value.fault("is no shape", SHAPES);
            None
        }
    }
}

/// Shapes that a word says.
#[derive(Clone, Copy)]
enum TierKind {
    Switch,
    Mesh,
}
