//! All things together: the embedded files, and a folder of the user's over them.
//!
//! A user's file of an id that exists changes fact by fact: what it says replaces, what it leaves out stays (tiers of a
//! system are replaced as a whole, since their order counts). A file of a new id adds a thing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::chip_spec::ChipSpec;
use crate::facts::Sources;
use crate::faults::{Faults, FaultsSpec};
use crate::files::{self, File, Files};
use crate::lookup::{LookupError, Names};
use crate::policy::{self, Policy};
use crate::price::{Ids, Prices};
use crate::price_lookup::Price;
use crate::region::{self, Region};
use crate::source::{self, Source};
use crate::supply::{self, Porting, Supply};
use crate::system_spec::SystemSpec;
use crate::written::nearest;
use crate::{Chip, Diagnostic, Engine, System, engine};

/// A thing as written, and checked: either ready to run, or the paths of what it lacks.
#[derive(Debug, Clone)]
pub struct Listed<S, T> {
    /// As written.
    pub spec: S,
    /// As checked.
    pub checked: Result<T, Vec<String>>,
}

/// Chips, systems and their sources.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    chips: BTreeMap<String, Listed<ChipSpec, Chip>>,
    systems: BTreeMap<String, Listed<SystemSpec, System>>,
    chip_names: Names,
    system_names: Names,
    faults: BTreeMap<String, Listed<FaultsSpec, Faults>>,
    /// Sources by key.
    pub sources: BTreeMap<String, Source>,
    /// Prices.
    pub prices: Prices,
    /// Policies, in the order of the file.
    pub policies: Vec<Policy>,
    /// What is made, ordered and licensed.
    pub supply: Vec<Supply>,
    /// What stacks can do.
    pub porting: Vec<Porting>,
    /// Regions by id, sorted.
    pub regions: Vec<Region>,
    /// Serving engines by id, sorted.
    pub engines: Vec<Engine>,
}

impl Catalog {
    /// The catalog in the binary.
    pub fn embedded() -> Catalog {
        // A test holds that the embedded files have no findings.
        Catalog::build(vec![files::embedded()]).0
    }

    /// The catalog in the binary with a folder of the user's over it.
    ///
    /// # Errors
    /// Every finding in the user's files, in order of file and line.
    pub fn with_folder(folder: &Path) -> Result<Catalog, Vec<Diagnostic>> {
        let (own, mut found) = files::folder(folder);
        let (catalog, more) = Catalog::build(vec![files::embedded(), own]);
        found.extend(more);
        found.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        if found.is_empty() { Ok(catalog) } else { Err(found) }
    }

    /// Everything that is wrong with the embedded files: nothing, or there is a bug.
    pub fn check_embedded() -> Vec<Diagnostic> {
        Catalog::build(vec![files::embedded()]).1
    }

    /// Reads layers of files, the later over the earlier.
    pub(crate) fn build(layers: Vec<Files>) -> (Catalog, Vec<Diagnostic>) {
        let mut build = Build::default();
        for layer in layers {
            build.add(layer);
        }
        build.finish()
    }

    /// A chip that can be run, by id, alias or name.
    ///
    /// # Errors
    /// The name is unknown, or the chip lacks a fact.
    pub fn chip(&self, name: &str) -> Result<&Chip, LookupError> {
        let listed = self.listed_chip(name)?;
        listed.checked.as_ref().map_err(|missing| incomplete("chip", &listed.spec.id, missing))
    }

    /// A chip as listed, complete or not.
    ///
    /// # Errors
    /// The name is unknown.
    pub fn listed_chip(&self, name: &str) -> Result<&Listed<ChipSpec, Chip>, LookupError> {
        find(&self.chips, &self.chip_names, "chip", name)
    }

    /// A system that can be run, by id, alias or name.
    ///
    /// # Errors
    /// The name is unknown, or the system or its chip lacks a fact.
    pub fn system(&self, name: &str) -> Result<&System, LookupError> {
        let listed = self.listed_system(name)?;
        listed.checked.as_ref().map_err(|missing| incomplete("system", &listed.spec.id, missing))
    }

    /// A system as listed, complete or not.
    ///
    /// # Errors
    /// The name is unknown.
    pub fn listed_system(&self, name: &str) -> Result<&Listed<SystemSpec, System>, LookupError> {
        find(&self.systems, &self.system_names, "system", name)
    }

    /// The system that a bare count of a chip means: "8 x H100" is an HGX H100 node.
    ///
    /// # Errors
    /// The chip is unknown or in no usual system, or the system lacks a fact.
    pub fn usual_system(&self, chip: &str) -> Result<&System, LookupError> {
        let id = &self.listed_chip(chip)?.spec.id;
        let of_chip = || self.systems.values().filter(|s| s.spec.chip.as_deref() == Some(id));
        let Some(listed) = of_chip().find(|s| s.spec.usual).or_else(|| of_chip().next()) else {
            return Err(LookupError::Unknown { what: "system of", name: id.clone(), near: None });
        };
        listed.checked.as_ref().map_err(|missing| incomplete("system", &listed.spec.id, missing))
    }

    /// The complete systems of a chip, by its id.
    pub fn systems_of<'a>(&'a self, chip: &'a str) -> impl Iterator<Item = &'a System> {
        self.systems.values().filter_map(|s| s.checked.as_ref().ok()).filter(move |s| s.chip.id == chip)
    }

    /// What a chip of a system costs: the system's own price shared among its chips, else the bare chip's.
    ///
    /// # Errors
    /// The system is unknown.
    pub fn price_of_system(&self, system: &str) -> Result<Price, LookupError> {
        let spec = &self.listed_system(system)?.spec;
        let chip = spec.chip.as_deref().unwrap_or_default();
        let whole = self.prices.purchase_of_system(&spec.id);
        Ok(Price {
            rent: self.prices.rent(chip, None),
            whole_system: whole.is_some(),
            purchase: whole.or_else(|| self.prices.purchase_of_chip(chip)),
        })
    }

    /// What a bare chip costs.
    ///
    /// # Errors
    /// The chip is unknown.
    pub fn price_of_chip(&self, chip: &str) -> Result<Price, LookupError> {
        let id = &self.listed_chip(chip)?.spec.id;
        let (rent, purchase) = (self.prices.rent(id, None), self.prices.purchase_of_chip(id));
        Ok(Price { rent, purchase, whole_system: false })
    }

    /// Policies that name a chip, oldest first.
    pub fn policies_of(&self, chip: &str) -> Vec<&Policy> {
        let id = self.chip_names.id(chip).unwrap_or(chip);
        let mut policies: Vec<&Policy> = self.policies.iter().filter(|p| p.chips.iter().any(|c| c == id)).collect();
        policies.sort_by(|a, b| a.date.cmp(&b.date));
        policies
    }

    /// What fails on a machine and how it comes back, by the id of its file.
    ///
    /// # Errors
    /// The id is unknown, or the file lacks a fact.
    pub fn faults(&self, id: &str) -> Result<&Faults, LookupError> {
        let listed = self.faults.get(id).ok_or_else(|| LookupError::Unknown {
            what: "faults file",
            name: id.to_owned(),
            near: nearest(id, self.faults.keys().map(String::as_str)).map(str::to_owned),
        })?;
        listed.checked.as_ref().map_err(|missing| incomplete("faults file", id, missing))
    }

    /// The faults that are closest to a system: of itself, of its chip's architecture, or of its chip's class.
    ///
    /// # Errors
    /// No file is about it, or that file lacks a fact.
    pub fn faults_of(&self, system: &System) -> Result<&Faults, LookupError> {
        // The first of equals in the order of ids, so that a new file of a class does not take the place of another.
        let best = self.faults.values().rev().max_by_key(|f| f.spec.closeness(system));
        match best.filter(|f| f.spec.closeness(system) > 0) {
            Some(listed) => self.faults(&listed.spec.id),
            None => Err(LookupError::Unknown { what: "faults file for", name: system.id.clone(), near: None }),
        }
    }

    /// Every file of faults, by id.
    pub fn all_faults(&self) -> impl Iterator<Item = &Listed<FaultsSpec, Faults>> {
        self.faults.values()
    }

    /// A serving engine by id.
    pub fn engine(&self, id: &str) -> Option<&Engine> {
        self.engines.iter().find(|e| e.id == id)
    }

    /// The engines that run on `architecture`, older versions left out; the generic one where none does.
    pub fn engines_for(&self, architecture: &str) -> Vec<Engine> {
        engine::able(&self.engines, architecture)
    }

    /// Every chip, by id.
    pub fn chips(&self) -> impl Iterator<Item = &Listed<ChipSpec, Chip>> {
        self.chips.values()
    }

    /// Every system, by id.
    pub fn systems(&self) -> impl Iterator<Item = &Listed<SystemSpec, System>> {
        self.systems.values()
    }
}

fn find<'c, S, T>(
    things: &'c BTreeMap<String, Listed<S, T>>,
    names: &Names,
    what: &'static str,
    name: &str,
) -> Result<&'c Listed<S, T>, LookupError> {
    names.id(name).and_then(|id| things.get(id)).ok_or_else(|| LookupError::Unknown {
        what,
        name: name.to_owned(),
        near: names.near(name),
    })
}

fn incomplete(what: &'static str, id: &str, missing: &[String]) -> LookupError {
    LookupError::Incomplete { what, id: id.to_owned(), missing: missing.to_vec() }
}

/// A catalog in the making.
#[derive(Default)]
struct Build {
    sources: BTreeMap<String, Source>,
    chips: BTreeMap<String, (String, ChipSpec)>,
    systems: BTreeMap<String, (String, SystemSpec)>,
    faults: BTreeMap<String, (String, FaultsSpec)>,
    prices: Vec<File>,
    policies: Vec<File>,
    supply: Vec<File>,
    porting: Vec<File>,
    regions: Vec<File>,
    engines: BTreeMap<String, Engine>,
    found: Vec<Diagnostic>,
}

impl Build {
    fn add(&mut self, layer: Files) {
        if let Some(file) = &layer.sources {
            let (sources, found) = source::read(&file.name, &file.text);
            self.sources.extend(sources);
            self.found.extend(found);
        }
        let keys: Sources = self.sources.keys().cloned().collect();
        for file in &layer.chips {
            let (spec, found) = ChipSpec::read(&file.id, &file.name, &file.text, &keys);
            self.found.extend(found);
            match self.chips.get_mut(&file.id) {
                Some((_, old)) => old.overlay(spec),
                None => {
                    self.named(&file.name, spec.name.is_some() && spec.vendor.is_some());
                    self.chips.insert(file.id.clone(), (file.name.clone(), spec));
                }
            }
        }
        self.add_faults(&layer.faults, &keys);
        self.prices.extend(layer.prices);
        self.policies.extend(layer.policies);
        self.supply.extend(layer.supply);
        self.porting.extend(layer.porting);
        self.regions.extend(layer.regions);
        for file in &layer.engines {
            let base = self.engines.get(&file.id);
            match Engine::parse_over(&file.id, &file.name, &file.text, base, Some(&keys)) {
                Ok(engine) => drop(self.engines.insert(file.id.clone(), engine)),
                Err(found) => self.found.extend(found),
            }
        }
        for file in &layer.systems {
            let (spec, found) = SystemSpec::read(&file.id, &file.name, &file.text, &keys);
            self.found.extend(found);
            match self.systems.get_mut(&file.id) {
                Some((_, old)) => old.overlay(spec),
                None => {
                    self.named(&file.name, spec.name.is_some() && spec.chip.is_some());
                    self.systems.insert(file.id.clone(), (file.name.clone(), spec));
                }
            }
        }
    }

    fn add_faults(&mut self, files: &[File], keys: &Sources) {
        for file in files {
            let (spec, found) = FaultsSpec::read(&file.id, &file.name, &file.text, keys);
            self.found.extend(found);
            match self.faults.get_mut(&file.id) {
                Some((_, old)) => old.overlay(spec),
                None => {
                    self.named(&file.name, spec.name.is_some());
                    self.faults.insert(file.id.clone(), (file.name.clone(), spec));
                }
            }
        }
    }

    /// A new thing must say what it is, else its id is more likely a slip of an existing one.
    fn named(&mut self, file: &str, complete: bool) {
        if !complete {
            let remedy = "add name and vendor (a chip), name and chip (a system) or name (faults), or name the file as an existing id";
            self.found.push(Diagnostic::of_file(file, "is new, but does not say what it is", remedy));
        }
    }

    fn finish(mut self) -> (Catalog, Vec<Diagnostic>) {
        let mut catalog = Catalog { sources: self.sources, ..Catalog::default() };
        for (id, (file, spec)) in self.chips {
            add_names(&mut catalog.chip_names, &id, &file, spec.name.as_deref(), &spec.aliases, &mut self.found);
            let checked = spec.resolve();
            catalog.chips.insert(id, Listed { spec, checked });
        }
        for (id, (file, spec)) in self.systems {
            add_names(&mut catalog.system_names, &id, &file, spec.name.as_deref(), &spec.aliases, &mut self.found);
            let lacks = [format!("systems/{id}.chip")];
            let checked = match spec.chip.as_deref().map(|c| (c, catalog.chips.get(c))) {
                Some((_, Some(chip))) => spec.resolve(chip.checked.as_ref().map_err(Vec::as_slice)),
                Some((name, None)) => {
                    let help = nearest(name, catalog.chips.keys().map(String::as_str));
                    let help =
                        help.map_or("give the id of a file of chips/".to_owned(), |n| format!("did you mean '{n}'?"));
                    let message = format!("is made of chip '{name}', which is unknown");
                    self.found.push(Diagnostic::of_file(file.clone(), message, help));
                    spec.resolve(Err(&lacks))
                }
                None => spec.resolve(Err(&lacks)),
            };
            catalog.systems.insert(id, Listed { spec, checked });
        }
        for (id, (file, spec)) in self.faults {
            for system in spec.systems.iter().filter(|s| !catalog.systems.contains_key(*s)) {
                let near = nearest(system, catalog.systems.keys().map(String::as_str));
                let help = near.map(|n| format!("did you mean '{n}'?")).unwrap_or_default();
                self.found.push(Diagnostic::of_file(&file, format!("'{system}' is not the id of a system"), help));
            }
            let checked = spec.resolve();
            catalog.faults.insert(id, Listed { spec, checked });
        }
        let sources: Sources = catalog.sources.keys().cloned().collect();
        let chips: BTreeSet<&str> = catalog.chips.keys().map(String::as_str).collect();
        let ids = Ids { systems: catalog.systems.keys().map(String::as_str).collect(), chips };
        for file in &self.prices {
            self.found.extend(catalog.prices.read(&file.name, &file.text, &sources, &ids));
        }
        for file in &self.policies {
            let chips = &ids.chips;
            self.found.extend(policy::read(&mut catalog.policies, &file.name, &file.text, &sources, chips));
        }
        for file in &self.supply {
            let chips = &ids.chips;
            self.found.extend(supply::read_supply(&mut catalog.supply, &file.name, &file.text, &sources, chips));
        }
        for file in &self.porting {
            self.found.extend(supply::read_porting(&mut catalog.porting, &file.name, &file.text, &sources));
        }
        let ground = region::Ground { prices: &catalog.prices, sources: &sources };
        for file in &self.regions {
            self.found.extend(region::read(&mut catalog.regions, &file.name, &file.text, &ground));
        }
        catalog.engines = self.engines.into_values().collect();
        (catalog, self.found)
    }
}

fn add_names(
    names: &mut Names,
    id: &str,
    file: &str,
    name: Option<&str>,
    aliases: &[String],
    found: &mut Vec<Diagnostic>,
) {
    for name in [Some(id), name].into_iter().flatten().chain(aliases.iter().map(String::as_str)) {
        if let Some(other) = names.add(name, id) {
            let message = format!("the name '{name}' belongs to '{other}' already");
            found.push(Diagnostic::of_file(file, message, "choose another"));
        }
    }
}
