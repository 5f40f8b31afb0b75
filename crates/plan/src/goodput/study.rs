//! A study of goodput, checked: the question that a `goodput-*.toml` asks.

use std::path::Path;

use catalog::model::parameters;
use catalog::written::{Table, Value, nearest, short};
use catalog::{Diagnostic, Model, System};
use units::{Bytes, BytesPerSecond, Seconds};

use super::{Checkpoint, Job, Machine, Maintenance, Runs, Save, WithoutSpare};
use crate::study::systems::{MOST_CHIPS, system};
use crate::study::{Library, sections};

const SECOND: Seconds = Seconds(1.0);
const YEARS: Seconds = Seconds(5.0 * 366.0 * 86_400.0);
const RATE: (BytesPerSecond, BytesPerSecond) = (BytesPerSecond(1e6), BytesPerSecond(1e16));
const SIZE: (Bytes, Bytes) = (Bytes(1.0), Bytes(1e17));
/// Most runs that a study may ask for: a run takes well below a hundredth of a second.
const MOST_RUNS: u64 = 100_000;
/// Most systems of a study.
const MOST_SYSTEMS: usize = 100;
/// Runs of a study that names no number.
const RUNS: u32 = 400;

/// The question.
#[derive(Debug, Clone)]
pub struct Study {
    /// What it is about.
    pub title: String,
    /// The model, if the size of the checkpoint follows from one.
    pub model: Option<Model>,
    /// The machines to try.
    pub systems: Vec<Candidate>,
    /// Runs, seed, and sources left out.
    pub runs: Runs,
    /// What was seen of such a job, to compare with.
    pub observed: Option<Seen>,
}

/// A machine with the job on it.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Shown name: the study's own, or that of the system.
    pub name: String,
    /// Its system.
    pub system: System,
    /// The job on it.
    pub job: Job,
    /// The machine.
    pub machine: Machine,
}

/// What was seen of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Each value.
    pub values: Vec<SeenValue>,
    /// Who says so.
    pub source: String,
}

/// A value that was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeenValue {
    /// Of what.
    pub what: SeenWhat,
    /// A count, seconds, or a share of the wall clock.
    pub value: f64,
    /// Whether it was only said to be more than this.
    pub at_least: bool,
}

/// What of a job can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeenWhat {
    /// Interruptions by faults.
    Interruptions,
    /// Time in which the job was up, for each of them.
    MeanBetween,
    /// Share of useful time.
    Useful,
    /// Share of time in which the job was up.
    Up,
}

impl SeenWhat {
    /// In findings.
    pub fn name(self) -> &'static str {
        match self {
            SeenWhat::Interruptions => "interruptions",
            SeenWhat::MeanBetween => "mean between",
            SeenWhat::Useful => "useful time",
            SeenWhat::Up => "up time",
        }
    }
}

/// Reads the study in a file. Everything that it names is found and read.
///
/// # Errors
/// All that is wrong with the file, in order of place.
pub fn read(path: &Path, library: Library) -> Result<Study, Vec<Diagnostic>> {
    sections::from_file(path, |name, text, folder| check(name, text, folder, library))
}

/// Checks the text of a study. `name` is what faults call the file; without a `folder` it may not name other files.
///
/// # Errors
/// All that is wrong, in order of place.
pub fn check(name: &str, text: &str, folder: Option<&Path>, library: Library) -> Result<Study, Vec<Diagnostic>> {
    sections::walk(name, text, |_, root| {
        let found = body(&root, name, folder, library);
        root.finish();
        found
    })
}

/// A study that stands inside another file, without files of its own. `None` after a fault.
pub(crate) fn inside(value: &Value, library: Library) -> Option<Study> {
    section(value, "write a table with job, checkpoint and system", |table| body(table, "study", None, library))
}

fn body(root: &Table, name: &str, folder: Option<&Path>, library: Library) -> Option<Study> {
    let title = sections::title(root, name);
    let model = root.get("model").map_or(Some(None), |v| sections::model(&v, folder, library).map(Some));
    let counts = model.as_ref().and_then(|m| m.as_ref()).map(|m| parameters(m).total as f64);
    let job = root.need("job", "write a table [job] with length = \"54 d\"");
    let job = job.and_then(|v| section(&v, "write a table [job]", length));
    let checkpoint = root.need("checkpoint", "write a table [checkpoint] with size, write and save");
    let checkpoint =
        checkpoint.and_then(|v| section(&v, "write a table [checkpoint]", |t| self::checkpoint(t, counts)));
    let maintenance = match root.get("maintenance") {
        Some(v) => section(&v, "write a table [maintenance]", maintenance).map(Some),
        None => Some(None),
    };
    let runs = self::runs(root, library);
    let observed = match root.get("observed") {
        Some(v) => section(&v, "write a table [observed]", observed).map(Some),
        None => Some(None),
    };
    let wanted = Wanted { length: job, checkpoint, maintenance };
    let systems = root.need("system", "write a table [[system]] with a name for each machine");
    let systems = systems.and_then(|v| candidates(&v, library, &wanted));
    Some(Study { title: title?, model: model?, systems: systems?, runs: runs?, observed: observed? })
}

/// Walks a table, unknown keys included.
fn section<T>(value: &Value, remedy: &str, read: impl FnOnce(&Table) -> Option<T>) -> Option<T> {
    let table = value.table(remedy)?;
    let found = read(&table);
    table.finish();
    found
}

fn length(table: &Table) -> Option<Seconds> {
    let length = table.need("length", "write the wall clock from the first step on, as in \"54 d\"");
    length.and_then(|v| v.quantity(Seconds(60.0), YEARS))
}

fn checkpoint(table: &Table, parameters: Option<f64>) -> Option<Checkpoint> {
    let (size, each) = (table.get("size"), table.get("bytes_per_parameter"));
    let size = match (size, each, parameters) {
        (Some(size), None, _) => size.quantity(SIZE.0, SIZE.1),
        (None, Some(each), Some(parameters)) => each.quantity(Bytes(0.1), Bytes(100.0)).map(|b| b * parameters),
        (None, Some(each), None) => {
            each.fault("goes with a model", "write model = \"llama-3.1-405b\", or the size of the checkpoint");
            None
        }
        (Some(size), Some(_), _) => {
            size.fault("stands beside bytes_per_parameter", "write one of the two");
            None
        }
        (None, None, _) => {
            let remedy = "write size = \"5.7 TB\", or a model and bytes_per_parameter = \"14 B\" (weights in BF16 and an \
                          optimizer in FP32)";
            table.fault("does not say how large it is", remedy);
            None
        }
    };
    let write = table.need("write", "write the rate at which all chips together write it, as in \"200 GB/s\"");
    let write = write.and_then(|v| v.quantity(RATE.0, RATE.1));
    let read = table.get("read").map_or(write, |v| v.quantity(RATE.0, RATE.1));
    let every = table.get("every");
    let every_seconds = match &every {
        Some(v) if v.as_text() == Some("best") => Some(None),
        Some(v) => v.quantity(SECOND, YEARS).map(Some),
        None => Some(None),
    };
    let save = table.need("save", "write \"blocking\" or \"background\"");
    let save = save.and_then(|v| v.choice(&[("blocking", false), ("background", true)]));
    let stall = table.get("stall");
    let save = match (save?, stall) {
        (false, None) => Some(Save::Blocking),
        (false, Some(stall)) => {
            stall.fault("goes with save = \"background\"", "leave it out");
            None
        }
        (true, Some(stall)) => stall.quantity(Seconds(0.0), Seconds(3600.0)).map(Save::Background),
        (true, None) => {
            table.fault("does not say how long a save holds training up", "write stall = \"1 s\"");
            None
        }
    };
    let (size, write, read, every_seconds) = (size?, write?, read?, every_seconds?);
    let takes = (size / write).0;
    if let (Some(value), Some(Seconds(every))) = (&every, every_seconds)
        && every < takes
    {
        let message = format!("saves {} s apart, and one takes {} s to write", rounded(every), rounded(takes));
        value.fault(message, "save less often, write faster, or write every = \"best\"");
        return None;
    }
    Some(Checkpoint { size, write, read, every: every_seconds, save: save? })
}

fn rounded(x: f64) -> f64 {
    (x * 10.0).round() / 10.0
}

fn maintenance(table: &Table) -> Option<Maintenance> {
    let every = table.need("every", "write how far apart planned stops are, as in \"7 d\"");
    let every = every.and_then(|v| v.quantity(Seconds(600.0), YEARS));
    let lasts = table.need("lasts", "write how long the machine is taken, as in \"30 min\"");
    let lasts = lasts.and_then(|v| v.quantity(Seconds(0.0), YEARS));
    Some(Maintenance { every: every?, lasts: lasts? })
}

fn runs(root: &Table, library: Library) -> Option<Runs> {
    let count = root.get("runs").map_or(Some(u64::from(RUNS)), |v| v.count(1, MOST_RUNS));
    let seed = root.get("seed").map_or(Some(1), |v| v.count(0, i64::MAX as u64));
    let without = root.get("without_sources").map_or(Some(Vec::new()), |value| {
        let list = value.list("write a list of keys of sources.toml")?;
        let known = |v: &Value| {
            let key = v.text("write a key of sources.toml")?;
            if !library.catalog.sources.contains_key(key) {
                let near = nearest(key, library.catalog.sources.keys().map(String::as_str));
                let remedy = near.map_or_else(
                    || "'steelyard catalog show' prints them with the facts".to_owned(),
                    |n| format!("did you mean \"{n}\"?"),
                );
                v.fault(format!("there is no source '{}'", short(key)), remedy);
                return None;
            }
            Some(key.to_owned())
        };
        let keys: Vec<Option<String>> = list.iter().map(known).collect();
        keys.into_iter().collect()
    });
    Some(Runs { count: u32::try_from(count?).unwrap_or(u32::MAX), seed: seed?, without: without? })
}

fn observed(table: &Table) -> Option<Seen> {
    use SeenWhat::{Interruptions, MeanBetween, Up, Useful};
    let keys = [
        ("interruptions", Interruptions, false),
        ("interruptions_above", Interruptions, true),
        ("mean_between", MeanBetween, false),
        ("effective", Useful, false),
        ("effective_above", Useful, true),
        ("up", Up, false),
    ];
    let mut values = Vec::new();
    let mut sound = true;
    for (key, what, at_least) in keys {
        let Some(written) = table.get(key) else { continue };
        let value = match what {
            Interruptions => written.count(0, 1_000_000_000).map(|n| n as f64),
            MeanBetween => written.quantity(SECOND, YEARS).map(|s| s.0),
            Useful | Up => written.fraction(0.0, 1.0),
        };
        sound &= value.is_some();
        values.extend(value.map(|value| SeenValue { what, value, at_least }));
    }
    let source = table.need("source", "write who says so").and_then(|v| v.text("write who says so"));
    Some(Seen { values, source: short(source?) }).filter(|_| sound)
}

/// What all machines of a study share; `None` where it is wrong, which is told already.
struct Wanted {
    length: Option<Seconds>,
    checkpoint: Option<Checkpoint>,
    maintenance: Option<Option<Maintenance>>,
}

fn candidates(value: &Value, library: Library, wanted: &Wanted) -> Option<Vec<Candidate>> {
    const REMEDY: &str = "write a table [[system]] with a name for each machine";
    let list = value.list(REMEDY)?;
    if list.is_empty() || list.len() > MOST_SYSTEMS {
        value.fault(format!("lists {} machines", list.len()), format!("give 1 to {MOST_SYSTEMS}"));
        return None;
    }
    let each: Vec<Option<Candidate>> =
        list.iter().map(|item| section(item, REMEDY, |table| candidate(table, library, wanted))).collect();
    each.into_iter().collect()
}

fn candidate(table: &Table, library: Library, wanted: &Wanted) -> Option<Candidate> {
    let name = table.need("name", "name a system of the catalog");
    let listed = name.as_ref().and_then(|v| system(v, library));
    let label = table.get("label").map_or(Some(None), |v| v.text("write a name to show").map(|l| Some(short(l))));
    let count = |key, low: u64| match table.get(key) {
        Some(v) => v.count(low, MOST_CHIPS).map(|n| Some(n as u32)),
        None => Some(None),
    };
    let (chips, spares, unit, replica) = (count("chips", 1), count("spares", 0), count("unit", 1), count("replica", 1));
    let rewire = table.get("rewire").map_or(Some(true), |v| v.truth());
    let without = table.get("without_spare");
    let choice = without.as_ref().map_or(Some(false), |v| v.choice(&[("wait", false), ("shrink", true)]));
    let least_written = table.get("least_chips");
    let least = least_written.as_ref().map_or(Some(None), |v| v.count(1, MOST_CHIPS).map(|n| Some(n as u32)));
    let faults_id = table.get("faults");
    let (listed, chips, spares, unit, replica) = (listed?, chips?, spares?, unit?, replica?);
    let (label, rewire, shrink, least) = (label?, rewire?, choice?, least?);
    let system = match &listed.checked {
        Ok(system) => system.clone(),
        Err(missing) => {
            name.as_ref()?.fault("lacks facts", format!("add to a catalog folder of your own: {}", missing.join(", ")));
            return None;
        }
    };
    let faults = match &faults_id {
        Some(v) => v.text("name a file of faults/").map(|id| library.catalog.faults(id)),
        None => Some(library.catalog.faults_of(&system)),
    };
    let faults = match faults? {
        Ok(faults) => faults.clone(),
        Err(error) => {
            faults_id.or(name)?.fault(error.to_string(), "'steelyard catalog list' shows all");
            return None;
        }
    };
    let chips = chips.unwrap_or(system.chips);
    let replica = replica.unwrap_or(1);
    for (value, what) in [(Some(replica), "replica"), (least, "least_chips"), (unit, "unit")] {
        if let Some(value) = value.filter(|v| *v > chips) {
            table.fault(format!("{what} = {value} is more than the {chips} chips of the job"), "write fewer");
            return None;
        }
    }
    let without_spare = match (shrink, least) {
        (true, least) => WithoutSpare::Shrink(least.unwrap_or(replica)),
        (false, None) => WithoutSpare::Wait,
        (false, Some(_)) => {
            least_written?.fault("goes with without_spare = \"shrink\"", "leave it out");
            return None;
        }
    };
    let (length, checkpoint) = (wanted.length?, wanted.checkpoint.clone()?);
    let job = Job { length, chips, replica, checkpoint, maintenance: wanted.maintenance? };
    let machine = Machine { faults, spares: spares.unwrap_or(0), without_spare, unit, rewire };
    Some(Candidate { name: label.unwrap_or_else(|| system.name.clone()), system, job, machine })
}
