//! A chip as written: anything may be missing, and a user's file may say only what it changes.

use std::collections::{BTreeMap, BTreeSet};

use units::{Bytes, BytesPerSecond, FlopPerSecond, Quantity, Seconds, Watts};

use crate::diagnostic::Diagnostic;
use crate::fact::Entry;
use crate::read::{Reader, Section};
use crate::{Arithmetic, Chip, ChipClass, Fact};

/// Believable bounds of each quantity in its base unit: a slip of a prefix falls outside.
const PEAK: (f64, f64) = (1e9, 1e18);
const MEMORY: (f64, f64) = (1e8, 1e14);
const BANDWIDTH: (f64, f64) = (1e9, 1e15);
const ON_CHIP: (f64, f64) = (1e4, 1e11);
const LINK: (f64, f64) = (1e6, 1e14);
const POWER: (f64, f64) = (1.0, 1e5);

const TOP: &[&str] = &[
    "name",
    "vendor",
    "class",
    "architecture",
    "devices",
    "aliases",
    "design",
    "launch",
    "process",
    "export",
    "formats",
    "peak",
    "memory",
    "links",
    "power",
    "package",
    "measured",
];
const ABOUT: &[&str] = &["design", "launch", "process", "export", "formats"];
/// Peaks that are shown but not computed with.
const SHOWN_PEAKS: &[&str] = &["fp64", "tf32", "hif8"];

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
    pub(crate) fn read(
        id: &str,
        file: &str,
        text: &str,
        sources: Option<&BTreeSet<String>>,
    ) -> (ChipSpec, Vec<Diagnostic>) {
        let mut r = Reader::new(file, text, format!("chips/{id}"), sources);
        let table = r.parse();
        let top = r.top(&table, TOP);
        let mut spec = ChipSpec {
            id: id.to_owned(),
            name: r.text(top, "name").map(str::to_owned),
            vendor: r.text(top, "vendor").map(str::to_owned),
            architecture: r.text(top, "architecture").map(str::to_owned),
            devices: r.whole(top, "devices", 64),
            aliases: r.texts(top, "aliases"),
            ..ChipSpec::default()
        };
        spec.class = class(&mut r, top);
        for &key in ABOUT {
            if let Some(text) = r.text(top, key) {
                spec.about.insert(key.to_owned(), text.to_owned());
            }
        }
        spec.read_peaks(&mut r, top);
        if let Some(memory) = r.section(top, "memory", &["type", "capacity", "bandwidth", "on_chip"]) {
            if let Some(text) = r.text(memory, "type") {
                spec.about.insert("memory".to_owned(), text.to_owned());
            }
            spec.memory = r.fact(memory, "capacity", MEMORY);
            spec.bandwidth = r.fact(memory, "bandwidth", BANDWIDTH);
            spec.on_chip = r.fact(memory, "on_chip", ON_CHIP);
        }
        if let Some(links) = r.section(top, "links", &["scale_up", "scale_out", "host", "die_to_die"]) {
            spec.scale_up = r.fact(links, "scale_up", LINK);
            spec.scale_out = r.fact(links, "scale_out", LINK);
            spec.host_link = r.fact(links, "host", LINK);
            spec.die_to_die = r.fact(links, "die_to_die", LINK);
        }
        if let Some(power) = r.section(top, "power", &["tdp", "all_in"]) {
            spec.tdp = r.fact(power, "tdp", POWER);
            shown::<Watts>(&mut r, power, "all_in", POWER);
        }
        if let Some(package) = r.section(top, "package", &["dies", "area"]) {
            r.ratio(package, "dies", (1.0, 1e3));
            r.suffixed(package, "area", (1.0, 1e5), "mm^2");
        }
        read_measured(&mut r, top);
        spec.entries = r.entries;
        (spec, r.found)
    }

    fn read_peaks(&mut self, r: &mut Reader<'_>, top: Section<'_>) {
        let known: Vec<&str> = Arithmetic::NAMED.iter().map(|&(n, _)| n).chain(SHOWN_PEAKS.iter().copied()).collect();
        let Some(peaks) = r.section(top, "peak", &known) else { return };
        for (name, arithmetic) in Arithmetic::NAMED {
            if let Some(fact) = r.fact(peaks, name, PEAK) {
                self.peak.insert(arithmetic, fact);
            }
        }
        for name in SHOWN_PEAKS {
            shown::<FlopPerSecond>(r, peaks, name, PEAK);
        }
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

fn class(r: &mut Reader<'_>, top: Section<'_>) -> Option<ChipClass> {
    let name = r.text(top, "class")?;
    let class = ChipClass::NAMED.into_iter().find(|&(n, _)| n == name).map(|(_, c)| c);
    if class.is_none() {
        let span = r.value(top, "class").map(|v| v.span()).unwrap_or_default();
        r.report(span, "chip/bad-class", format!("unknown class '{name}'"), "use gpu, npu or tpu".to_owned());
    }
    class
}

/// `[measured]`: names are free, and each is a rate of operations, a data rate, a time or a power.
pub(crate) fn read_measured(r: &mut Reader<'_>, top: Section<'_>) {
    let Some(measured) = r.section(top, "measured", &[]) else { return };
    for key in r.keys(measured) {
        let written = r.value(measured, key).and_then(|v| v.get_ref().get("value")).and_then(|v| v.get_ref().as_str());
        let text = written.unwrap_or_default();
        if text.parse::<FlopPerSecond>().is_ok() {
            shown::<FlopPerSecond>(r, measured, key, PEAK);
        } else if text.parse::<Seconds>().is_ok() {
            shown::<Seconds>(r, measured, key, (1e-12, 1e9));
        } else if text.parse::<Watts>().is_ok() {
            shown::<Watts>(r, measured, key, POWER);
        } else {
            shown::<BytesPerSecond>(r, measured, key, (1.0, 1e18));
        }
    }
}

/// A fact that is only shown.
pub(crate) fn shown<T: Quantity>(r: &mut Reader<'_>, of: Section<'_>, key: &str, sane: (f64, f64)) {
    let _: Option<Fact<T>> = r.fact(of, key, sane);
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
