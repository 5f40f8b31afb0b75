//! What fails on a kind of machine, how often, and what it takes to come back: `catalog/faults/<id>.toml`.
//!
//! A rate is never one number: it is what operators of several fleets counted, row by row. What follows for another
//! fleet, and how sure that is, is for `plan` to say.

use std::collections::BTreeMap;

use units::{PerSecond, Seconds};

use crate::{ChipClass, Entry, Fact, System};

mod read;

/// One file of `faults/`, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Faults {
    /// Name of the file without its ending.
    pub id: String,
    /// "Servers of eight GPUs".
    pub name: String,
    /// Chips of a node: what has a host of its own and goes to repair as a whole.
    pub node: Fact<f64>,
    /// Chips of a unit: what is taken out of a job and replaced as a whole.
    pub unit: Fact<f64>,
    /// Time until a failed unit can be used again.
    pub repair: Fact<Seconds>,
    /// What fails.
    pub kinds: Vec<FaultKind>,
    /// The ways back.
    pub ways: BTreeMap<Way, Vec<PathStep>>,
    /// Every fact, for showing.
    pub entries: Vec<Entry>,
}

/// A kind of part that fails.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultKind {
    /// "server", "optical switch", "software".
    pub name: String,
    /// Of what there are as many as...
    pub of: Part,
    /// Parts of each of those; `None`: one.
    pub parts: Option<Fact<f64>>,
    /// Whether it matters only to jobs of more than one unit: links and switches between units.
    pub between_units: bool,
    /// Failures of one part, as counted.
    pub seen: Vec<Seen>,
    /// What was found to be the cause, with what follows from it.
    pub causes: Vec<Cause>,
}

/// What parts are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Chips of the job.
    Chip,
    /// Nodes of the job.
    Node,
    /// The job itself.
    Job,
}

/// How often parts of one kind failed in one fleet.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Which.
    pub fleet: String,
    /// Failures of one part.
    pub rate: Fact<PerSecond>,
}

/// One of the causes of a kind of fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// "HBM", "cable".
    pub name: String,
    /// Share of the faults of its kind.
    pub share: Fact<f64>,
    /// What it does to a job.
    pub effect: Effect,
}

/// What a fault does to a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Processes die; the same units start again.
    Restart,
    /// A unit is replaced.
    Replace,
    /// The job starts again around the dead part and is slower until that is repaired.
    Reroute {
        /// Steps take longer by this share.
        slower: Fact<f64>,
        /// Time until the part is repaired.
        repair: Fact<Seconds>,
    },
    /// Everything waits and goes on.
    Stall {
        /// How long.
        lasts: Fact<Seconds>,
    },
    /// A unit becomes slow, until somebody notices.
    Slow {
        /// Steps take longer by this share.
        slower: Fact<f64>,
        /// How long nobody notices.
        unnoticed: Fact<Seconds>,
    },
    /// Numbers go wrong, until somebody notices.
    Corrupt {
        /// How long nobody notices.
        unnoticed: Fact<Seconds>,
    },
}

/// A way back to training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// On the same units.
    Restart,
    /// With another unit in the place of a failed one.
    Replace,
    /// With another unit in the place of one that was slow or wrong, after a planned stop.
    Evict,
    /// After a planned stop.
    Resume,
    /// On another machine, where no unit of this one can take the place of another.
    Relocate,
}

impl Way {
    /// As written in a file.
    pub const NAMED: [(&'static str, Way); 5] = [
        ("restart", Way::Restart),
        ("replace", Way::Replace),
        ("evict", Way::Evict),
        ("resume", Way::Resume),
        ("relocate", Way::Relocate),
    ];
}

/// One step of a way back.
#[derive(Debug, Clone, PartialEq)]
pub struct PathStep {
    /// "detect", "re-wire", "reload".
    pub name: String,
    /// How long it takes.
    pub time: StepTime,
    /// How often it is needed; `None`: always.
    pub chance: Option<Fact<f64>>,
}

/// How long a step takes.
#[derive(Debug, Clone, PartialEq)]
pub enum StepTime {
    /// As long as this.
    Known(Fact<Seconds>),
    /// As long as the job's checkpoint takes to read.
    Reload,
}

/// One file of `faults/` as written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FaultsSpec {
    /// Name of the file without its ending.
    pub id: String,
    /// What machines it is about, in words.
    pub name: Option<String>,
    /// Systems that it is for, by id.
    pub systems: Vec<String>,
    /// Architectures of chips that it is for.
    pub architectures: Vec<String>,
    /// The class of chips that it is for where no other file names their system or architecture.
    pub class: Option<ChipClass>,
    /// See [`Faults::node`].
    pub node: Option<Fact<f64>>,
    /// See [`Faults::unit`].
    pub unit: Option<Fact<f64>>,
    /// See [`Faults::repair`].
    pub repair: Option<Fact<Seconds>>,
    /// See [`Faults::kinds`].
    pub kinds: Vec<FaultKind>,
    /// See [`Faults::ways`].
    pub ways: BTreeMap<Way, Vec<PathStep>>,
    /// See [`Faults::entries`].
    pub entries: Vec<Entry>,
}

impl FaultsSpec {
    /// What `over` says replaces what this says: facts one by one, kinds of fault and ways as wholes.
    pub(crate) fn overlay(&mut self, over: FaultsSpec) {
        for (old, new) in [(&mut self.node, over.node), (&mut self.unit, over.unit)] {
            *old = new.or(old.take());
        }
        self.name = over.name.or(self.name.take());
        self.repair = over.repair.or(self.repair.take());
        self.class = over.class.or(self.class);
        self.systems.extend(over.systems);
        self.architectures.extend(over.architectures);
        for kind in over.kinds {
            match self.kinds.iter_mut().find(|k| k.name == kind.name) {
                Some(old) => *old = kind,
                None => self.kinds.push(kind),
            }
        }
        self.ways.extend(over.ways);
        self.entries.retain(|old| !over.entries.iter().any(|new| new.path == old.path));
        self.entries.extend(over.entries);
    }

    /// The checked file, or the paths of what it lacks.
    ///
    /// # Errors
    /// The paths of the missing facts, `faults/<id>.repair` for one.
    pub fn resolve(&self) -> Result<Faults, Vec<String>> {
        let mut missing = Vec::new();
        let mut lacks = |what: &str| missing.push(format!("faults/{}.{what}", self.id));
        for (absent, what) in [
            (self.name.is_none(), "name"),
            (self.node.is_none(), "node"),
            (self.unit.is_none(), "unit"),
            (self.repair.is_none(), "repair"),
            (self.kinds.is_empty(), "fault"),
        ] {
            if absent {
                lacks(what);
            }
        }
        for (name, way) in Way::NAMED {
            if way != Way::Relocate && !self.ways.contains_key(&way) {
                lacks(&format!("way.{name}"));
            }
        }
        match (&self.name, &self.node, &self.unit, &self.repair) {
            (Some(name), Some(node), Some(unit), Some(repair)) if missing.is_empty() => Ok(Faults {
                id: self.id.clone(),
                name: name.clone(),
                node: node.clone(),
                unit: unit.clone(),
                repair: repair.clone(),
                kinds: self.kinds.clone(),
                ways: self.ways.clone(),
                entries: self.entries.clone(),
            }),
            _ => Err(missing),
        }
    }

    /// How closely it is about a system: 3 its id, 2 its chip's architecture, 1 its chip's class, 0 not at all.
    pub fn closeness(&self, system: &System) -> u8 {
        if self.systems.contains(&system.id) {
            3
        } else if self.architectures.contains(&system.chip.architecture) {
            2
        } else if self.class == Some(system.chip.class) && self.systems.is_empty() && self.architectures.is_empty() {
            1
        } else {
            0
        }
    }
}
