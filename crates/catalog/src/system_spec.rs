//! A system as written.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeValue;
use units::{Bytes, BytesPerSecond, FlopPerSecond, Seconds, Watts};

use crate::chip_spec::{overlay_entries, read_measured, shown, take};
use crate::diagnostic::Diagnostic;
use crate::fact::Entry;
use crate::read::{Reader, Section};
use crate::{Chip, Fabric, Fact, System, Tier, TierShape};

/// Most chips that anything joins.
const MOST_CHIPS: u32 = 10_000_000;

const TOP: &[&str] = &[
    "name",
    "chip",
    "chips",
    "usual",
    "aliases",
    "design",
    "availability",
    "tier",
    "power",
    "total",
    "parts",
    "measured",
];
const PARTS: &[&str] =
    &["racks", "optical_modules", "optical_switches", "cubes", "hosts", "l1_switches_per_node", "l2_switches", "sold"];
const RATES: &[&str] = &["bandwidth", "scale_up", "scale_out", "bisection"];
const PEAKS: &[&str] = &["peak", "bf16", "fp8", "mxfp8", "fp4", "int8"];

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
}

impl SystemSpec {
    /// Reads a file of `systems/`. What cannot be read is left out and reported.
    pub(crate) fn read(
        id: &str,
        file: &str,
        text: &str,
        sources: Option<&BTreeSet<String>>,
    ) -> (SystemSpec, Vec<Diagnostic>) {
        let mut r = Reader::new(file, text, format!("systems/{id}"), sources);
        let table = r.parse();
        let top = r.top(&table, TOP);
        let mut spec = SystemSpec {
            id: id.to_owned(),
            name: r.text(top, "name").map(str::to_owned),
            chip: r.text(top, "chip").map(str::to_owned),
            chips: r.ratio(top, "chips", (1.0, f64::from(MOST_CHIPS))).map(|c| c.mid() as u32),
            usual: r.flag(top, "usual"),
            aliases: r.texts(top, "aliases"),
            ..SystemSpec::default()
        };
        for key in ["design", "availability"] {
            if let Some(text) = r.text(top, key) {
                spec.about.insert(key.to_owned(), text.to_owned());
            }
        }
        spec.read_tiers(&mut r, top);
        if let Some(power) = r.section(top, "power", &["system"]) {
            spec.power = r.fact(power, "system", (1.0, 1e10));
        }
        read_totals(&mut r, top);
        if let Some(parts) = r.section(top, "parts", PARTS) {
            for key in PARTS {
                r.ratio(parts, key, (0.0, 1e9));
            }
        }
        read_measured(&mut r, top);
        spec.entries = r.entries;
        (spec, r.found)
    }

    fn read_tiers(&mut self, r: &mut Reader<'_>, top: Section<'_>) {
        let known = ["name", "shape", "chips", "bandwidth", "latency", "in_network_reduction", "medium"];
        for (index, of) in r.sections(top, "tier", &known).into_iter().enumerate() {
            let before = r.entries.len();
            let name = r.required(of, "name").unwrap_or_default().to_owned();
            let shape = shape(r, of);
            if r.value(of, "chips").is_none() {
                r.report_missing(of, "'chips' is missing in [[tier]]".to_owned());
            }
            let chips = r.whole(of, "chips", MOST_CHIPS);
            let bandwidth = r.fact(of, "bandwidth", (1e6, 1e14));
            let latency = r.fact(of, "latency", (1e-10, 1.0));
            let in_network_reduction = r.flag(of, "in_network_reduction");
            let medium = medium(r, of).to_owned();
            for entry in &mut r.entries[before..] {
                entry.path = entry.path.replacen("tier", &format!("tier{}", index + 1), 1);
            }
            let (Some(shape), Some(chips)) = (shape, chips) else { continue };
            let inner = self.tiers.last().map_or(1, |t| t.chips);
            if let Some(last) = self.tiers.last()
                && chips <= last.chips
            {
                let span = r.value(of, "chips").map(|v| v.span()).unwrap_or_default();
                let message = format!("tier '{name}' reaches {chips} chips, no more than '{}' within it", last.name);
                r.report(span, "system/tier-order", message, "list tiers from the innermost out".to_owned());
            }
            if let TierShape::Torus { dims } = &shape {
                let product: u64 = dims.iter().map(|&d| u64::from(d)).product();
                if product != u64::from(chips) && product * u64::from(inner) != u64::from(chips) {
                    let span = r.value(of, "shape").map(|v| v.span()).unwrap_or_default();
                    let message = format!("a torus of {dims:?} does not have {chips} chips");
                    r.report(
                        span,
                        "system/torus",
                        message,
                        "dims multiply to chips, or to the units within".to_owned(),
                    );
                }
            }
            let bandwidth = bandwidth.map(|f| placed(f, index));
            let latency = latency.map(|f| placed(f, index));
            self.tiers.push(TierSpec { name, shape, chips, bandwidth, latency, in_network_reduction, medium });
        }
    }

    /// What `over` says replaces what this says; tiers are replaced as a whole, for their order counts.
    pub(crate) fn overlay(&mut self, over: SystemSpec) {
        take(&mut self.name, over.name);
        take(&mut self.chip, over.chip);
        take(&mut self.chips, over.chips);
        take(&mut self.power, over.power);
        self.usual |= over.usual;
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
                None => lack(format!("tier{}.bandwidth", index + 1)),
                Some(bandwidth) => tiers.push(Tier {
                    name: tier.name.clone(),
                    shape: tier.shape.clone(),
                    chips: tier.chips,
                    bandwidth: bandwidth.clone(),
                    latency: tier.latency.clone(),
                    in_network_reduction: tier.in_network_reduction,
                    medium: tier.medium.clone(),
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
            }),
            _ => Err(missing),
        }
    }
}

/// Facts of tiers carry their place in the list: `systems/x.tier2.bandwidth`.
fn placed<T>(mut fact: Fact<T>, index: usize) -> Fact<T> {
    fact.path = fact.path.replacen(".tier.", &format!(".tier{}.", index + 1), 1);
    fact
}

fn medium<'t>(r: &mut Reader<'_>, of: Section<'t>) -> &'t str {
    let medium = r.text(of, "medium").unwrap_or("copper");
    if !["copper", "optics", "mixed"].contains(&medium) {
        let span = r.value(of, "medium").map(|v| v.span()).unwrap_or_default();
        let help = "use copper, optics or mixed".to_owned();
        r.report(span, "system/bad-medium", format!("unknown medium '{medium}'"), help);
    }
    medium
}

/// "switch", "mesh", `{ torus = [4, 4] }` or `{ clos = 2.0 }`.
fn shape(r: &mut Reader<'_>, of: Section<'_>) -> Option<TierShape> {
    let help = "use \"switch\", \"mesh\", { torus = [4, 4] } or { clos = 2.0 }";
    let Some(value) = r.value(of, "shape") else {
        r.report_missing(of, "'shape' is missing in [[tier]]".to_owned());
        return None;
    };
    match value.get_ref() {
        DeValue::String(name) if name == "switch" => return Some(TierShape::Switch),
        DeValue::String(name) if name == "mesh" => return Some(TierShape::Mesh),
        DeValue::Table(table) if table.len() == 1 => {
            if let Some(ratio) = table.get("clos") {
                let ratio = r.number(ratio, "clos", (1.0, 1000.0))?;
                return Some(TierShape::Clos { oversubscription_percent: (ratio * 100.0).round() as u32 });
            }
            if let Some(dims) = table.get("torus").and_then(|t| t.get_ref().as_array())
                && (1..=6).contains(&dims.len())
            {
                let dims = dims.iter().map(|d| r.whole_of(d, "torus", 65_536)).collect::<Option<Vec<u32>>>()?;
                return Some(TierShape::Torus { dims });
            }
        }
        _ => {}
    }
    r.report(value.span(), "system/bad-shape", "not a shape of a tier".to_owned(), help.to_owned());
    None
}

fn read_totals(r: &mut Reader<'_>, top: Section<'_>) {
    let known: Vec<&str> = RATES.iter().chain(PEAKS).copied().chain(["memory"]).collect();
    let Some(total) = r.section(top, "total", &known) else { return };
    shown::<Bytes>(r, total, "memory", (1e9, 1e18));
    for key in RATES {
        shown::<BytesPerSecond>(r, total, key, (1e9, 1e18));
    }
    for key in PEAKS {
        shown::<FlopPerSecond>(r, total, key, (1e12, 1e24));
    }
}
