//! A chip as written: anything may be missing, and a user's file may say only what it changes.

use std::collections::BTreeMap;

use units::{Bytes, BytesPerSecond, FlopPerSecond, Quantity, Seconds, Watts};

use crate::fact::Entry;
use crate::facts::{Facts, Sources, document, text, texts, within};
use crate::written::Table;
use crate::{Arithmetic, Chip, ChipClass, Diagnostic, Fact};

/// Believable bounds of each quantity in its base unit: a slip of a prefix falls outside.
const PEAK: (f64, f64) = (1e9, 1e18);
const MEMORY: (f64, f64) = (1e8, 1e14);
const BANDWIDTH: (f64, f64) = (1e9, 1e15);
const ON_CHIP: (f64, f64) = (1e4, 1e11);
const LINK: (f64, f64) = (1e6, 1e14);
const POWER: (f64, f64) = (1.0, 1e5);

const ABOUT: [&str; 5] = ["design", "launch", "process", "export", "formats"];
/// Peaks that are shown but not computed with.
const SHOWN_PEAKS: [&str; 3] = ["fp64", "tf32", "hif8"];

/// One file of `chips/`.
#[derive(Debug, Clone, Default)]
pub struct ChipSpec {
    /// Name of the file without its ending.
    pub id: String,
    /// Published name.
    pub name: Option<String>,
    /// Maker.
    pub vendor: Option<String>,
    /// Key by which chips share measured efficiency.
    pub architecture: Option<String>,
    /// Who lends efficiencies where the architecture has none.
    pub class: Option<ChipClass>,
    /// Separately addressed dies.
    pub devices: Option<u32>,
    /// Other names people use.
    pub aliases: Vec<String>,
    /// Remarks on design, launch, process, export and formats, by key.
    pub about: BTreeMap<String, String>,
    /// Dense peaks.
    pub peak: BTreeMap<Arithmetic, Fact<FlopPerSecond>>,
    /// Memory of the package.
    pub memory: Option<Fact<Bytes>>,
    /// Its bandwidth.
    pub bandwidth: Option<Fact<BytesPerSecond>>,
    /// Shared on-chip memory.
    pub on_chip: Option<Fact<Bytes>>,
    /// Scale-up, scale-out, host and die-to-die links in one direction.
    pub scale_up: Option<Fact<BytesPerSecond>>,
    /// See `scale_up`.
    pub scale_out: Option<Fact<BytesPerSecond>>,
    /// See `scale_up`.
    pub host_link: Option<Fact<BytesPerSecond>>,
    /// See `scale_up`.
    pub die_to_die: Option<Fact<BytesPerSecond>>,
    /// Thermal design power.
    pub tdp: Option<Fact<Watts>>,
    /// Every fact of the file, for showing.
    pub entries: Vec<Entry>,
}

impl ChipSpec {
    /// Reads a file of `chips/`. What cannot be read is left out and reported.
    pub(crate) fn read(id: &str, file: &str, written: &str, sources: &Sources) -> (ChipSpec, Vec<Diagnostic>) {
        document(file, written, |top| {
            let facts = Facts::new(format!("chips/{id}"), sources);
            let mut spec = ChipSpec {
                id: id.to_owned(),
                name: text(top, "name"),
                vendor: text(top, "vendor"),
                architecture: text(top, "architecture"),
                class: top.get("class").and_then(|v| v.choice(&ChipClass::NAMED)),
                devices: top.get("devices").and_then(|v| v.count(1, 64)).map(|n| n as u32),
                aliases: texts(top, "aliases"),
                ..ChipSpec::default()
            };
            let about = ABOUT.into_iter().filter_map(|key| Some((key.to_owned(), text(top, key)?)));
            spec.about = about.collect();
            within(top, "peak", |peaks| {
                let known = Arithmetic::NAMED.into_iter();
                spec.peak = known.filter_map(|(key, a)| Some((a, facts.quantity(peaks, key, PEAK)?))).collect();
                for key in SHOWN_PEAKS {
                    shown::<FlopPerSecond>(&facts, peaks, key, PEAK);
                }
            });
            within(top, "memory", |memory| {
                spec.about.extend(text(memory, "type").map(|t| ("memory".to_owned(), t)));
                spec.memory = facts.quantity(memory, "capacity", MEMORY);
                spec.bandwidth = facts.quantity(memory, "bandwidth", BANDWIDTH);
                spec.on_chip = facts.quantity(memory, "on_chip", ON_CHIP);
            });
            within(top, "links", |links| {
                spec.scale_up = facts.quantity(links, "scale_up", LINK);
                spec.scale_out = facts.quantity(links, "scale_out", LINK);
                spec.host_link = facts.quantity(links, "host", LINK);
                spec.die_to_die = facts.quantity(links, "die_to_die", LINK);
            });
            within(top, "power", |power| {
                spec.tdp = facts.quantity(power, "tdp", POWER);
                shown::<Watts>(&facts, power, "all_in", POWER);
            });
            within(top, "package", |package| {
                facts.number(package, "dies", (1.0, 1e3));
                read_area(&facts, package);
            });
            read_measured(&facts, top);
            spec.entries = facts.into_entries();
            spec
        })
    }

    /// What `over` says replaces what this says, fact by fact.
    pub(crate) fn overlay(&mut self, over: ChipSpec) {
        take(&mut self.name, over.name);
        take(&mut self.vendor, over.vendor);
        take(&mut self.architecture, over.architecture);
        take(&mut self.class, over.class);
        take(&mut self.devices, over.devices);
        take(&mut self.memory, over.memory);
        take(&mut self.bandwidth, over.bandwidth);
        take(&mut self.on_chip, over.on_chip);
        take(&mut self.scale_up, over.scale_up);
        take(&mut self.scale_out, over.scale_out);
        take(&mut self.host_link, over.host_link);
        take(&mut self.die_to_die, over.die_to_die);
        take(&mut self.tdp, over.tdp);
        self.aliases.extend(over.aliases);
        self.about.extend(over.about);
        self.peak.extend(over.peak);
        overlay_entries(&mut self.entries, over.entries);
    }

    /// The checked chip, or the paths of what it lacks to be run.
    ///
    /// # Errors
    /// The paths of the missing facts, `chips/<id>.memory.capacity` for one.
    pub fn resolve(&self) -> Result<Chip, Vec<String>> {
        let mut missing = Vec::new();
        let mut lack = |path: &str| missing.push(format!("chips/{}.{path}", self.id));
        if self.name.is_none() {
            lack("name");
        }
        if self.vendor.is_none() {
            lack("vendor");
        }
        if self.class.is_none() {
            lack("class");
        }
        if self.architecture.is_none() {
            lack("architecture");
        }
        // Some layers of every model stay in 16 bits, so a peak in 8 or 4 bits alone is not enough.
        if !self.peak.contains_key(&Arithmetic::Bf16) && !self.peak.contains_key(&Arithmetic::Fp16) {
            lack("peak.bf16");
        }
        if self.memory.is_none() {
            lack("memory.capacity");
        }
        if self.bandwidth.is_none() {
            lack("memory.bandwidth");
        }
        match (&self.name, &self.vendor, self.class, &self.architecture, &self.memory, &self.bandwidth) {
            (Some(name), Some(vendor), Some(class), Some(architecture), Some(memory), Some(bandwidth))
                if missing.is_empty() =>
            {
                Ok(Chip {
                    id: self.id.clone(),
                    name: name.clone(),
                    vendor: vendor.clone(),
                    architecture: architecture.clone(),
                    class,
                    devices: self.devices.unwrap_or(1),
                    peak: self.peak.clone(),
                    memory: memory.clone(),
                    bandwidth: bandwidth.clone(),
                    on_chip: self.on_chip.clone(),
                    die_to_die: self.die_to_die.clone(),
                    scale_up: self.scale_up.clone(),
                    scale_out: self.scale_out.clone(),
                    host_link: self.host_link.clone(),
                    tdp: self.tdp.clone(),
                })
            }
            _ => Err(missing),
        }
    }
}

/// Area of all dies, of which no quantity is made.
fn read_area(facts: &Facts, package: &Table) {
    let Some(value) = package.get("area") else { return };
    let number = |text: &str| text.strip_suffix("mm^2").and_then(|n| n.trim().parse::<f64>().ok());
    facts.of(
        &value,
        |v| {
            let found = v.as_text().and_then(number).filter(|mm2| (1.0..=1e5).contains(mm2));
            if found.is_none() {
                v.fault("is no area", "write \"814 mm^2\"");
            }
            found
        },
        |mm2| format!("{mm2} mm^2"),
    );
}

/// `[measured]`: names are free, and each is a rate of operations, a data rate, a time or a power.
pub(crate) fn read_measured(facts: &Facts, top: &Table) {
    let Some(measured) = top.get("measured").and_then(|v| v.table("write [measured]")) else { return };
    for (_, value) in measured.entries() {
        let written = value.as_table().and_then(|t| t.get("value")?.as_text()).unwrap_or_default();
        if written.parse::<FlopPerSecond>().is_ok() {
            facts.of(&value, |v| v.quantity(FlopPerSecond(0.0), FlopPerSecond(1e24)), |q| q.to_string());
        } else if written.parse::<Seconds>().is_ok() {
            facts.of(&value, |v| v.quantity(Seconds(0.0), Seconds(1e9)), |q| q.to_string());
        } else if written.parse::<Watts>().is_ok() {
            facts.of(&value, |v| v.quantity(Watts(0.0), Watts(1e10)), |q| q.to_string());
        } else {
            facts.of(&value, |v| v.quantity(BytesPerSecond(0.0), BytesPerSecond(1e18)), |q| q.to_string());
        }
    }
}

/// A fact that is only shown.
pub(crate) fn shown<Q: Quantity>(facts: &Facts, table: &Table, key: &'static str, sane: (f64, f64)) {
    let _: Option<Fact<Q>> = facts.quantity(table, key, sane);
}

pub(crate) fn take<T>(mine: &mut Option<T>, over: Option<T>) {
    if over.is_some() {
        *mine = over;
    }
}

pub(crate) fn overlay_entries(mine: &mut Vec<Entry>, over: Vec<Entry>) {
    for entry in over {
        match mine.iter_mut().find(|e| e.path == entry.path) {
            Some(old) => *old = entry,
            None => mine.push(entry),
        }
    }
}
