//! Fits the operator surfaces to measured tables.
//!
//! Parameters are fitted per chip, stack of kernels, family and format; never per row, model or shape. The result is a set
//! of small TOML files: one a chip, and one a class with what chips without measurements borrow.

mod aiconfigurator;
mod check;
mod fit;
mod infersim;
mod operators;
mod profiler;
mod samples;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use catalog::{Chip, ChipClass};
use cost::calibration::surface::Parameters;
use cost::calibration::{CalibrationError, Entry, Family, Fit, Format, Measured, Subject, write};
use rayon::prelude::*;
use thiserror::Error;

use crate::tables::TableError;
pub use check::{Checked, check_operators};
use fit::{Prior, Sample, percentiles};
pub use samples::{Key, Samples};

/// Why a calibration fails.
#[derive(Debug, Error)]
pub enum CalibrateError {
    /// A table cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A folder or file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The existing calibration is broken.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
    /// Nothing to fit.
    #[error("no measurement of a known chip in {0}")]
    Nothing(String),
    /// Our own output cannot be written as TOML.
    #[error("cannot write calibration: {0}")]
    Write(String),
}

/// Where measurements come from. All may be missing, not all at once.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    /// `systems/data` of AIConfigurator, or a folder above it.
    pub aiconfigurator: Option<PathBuf>,
    /// Files in the columns of `operators.csv`.
    pub operators: Vec<PathBuf>,
    /// `bench_data` of InferSim.
    pub infersim: Option<PathBuf>,
    /// Folders of CANN profiler tables, each with the name of the chip that it was measured on.
    pub profiler: Vec<(String, PathBuf)>,
}

/// All of a calibration.
#[derive(Debug)]
pub struct Outcome {
    /// Every entry, chips first, then classes.
    pub entries: Vec<Entry>,
    /// Rows left out, by reason.
    pub dropped: BTreeMap<&'static str, usize>,
}

/// Finds a chip by any of its names.
pub type Chips<'a> = &'a (dyn Fn(&str) -> Option<Chip> + Sync);

/// Largest calibration file read, in bytes.
const LARGEST: u64 = 16 << 20;
/// Rows below which a group is held near what its class does.
const FEW: usize = 100;
/// Median log error from which a version of an engine is taken to have other kernels than the newest.
const DIFFERENT: f64 = 0.3;
/// Rows below which nothing is fitted.
const LEAST: usize = 4;

/// Reads all tables.
pub fn read(tables: &Tables, chips: Chips<'_>) -> Result<Samples, CalibrateError> {
    let mut samples = Samples::default();
    if let Some(folder) = &tables.aiconfigurator {
        aiconfigurator::read(folder, chips, &mut samples)?;
    }
    if let Some(folder) = &tables.infersim {
        infersim::read(folder, chips, &mut samples)?;
    }
    for (chip, folder) in &tables.profiler {
        profiler::read(chip, folder, chips, &mut samples)?;
    }
    for file in &tables.operators {
        operators::read(file, chips, &mut samples)?;
    }
    Ok(samples)
}

/// Fits everything that was read. The same samples give the same entries on any number of threads.
pub fn fit_all(samples: &Samples) -> Vec<Entry> {
    let groups: Vec<(&Key, &Vec<Sample>)> = samples.groups.iter().collect();
    let subject = |key: &Key| Subject::Chip {
        id: key.chip.clone(),
        architecture: samples.chips.get(&key.chip).map(|c| c.architecture.clone()).unwrap_or_default(),
    };
    let fitted = |key: &Key, rows: &[Sample], prior: Prior| {
        let (parameters, fit) = fitted(key.family, rows, prior);
        let stack = key.stack.clone();
        Entry { subject: subject(key), family: key.family, format: key.format, stack, parameters, fit }
    };
    let many: Vec<(&Key, Entry)> = groups
        .par_iter()
        .filter(|(_, rows)| rows.len() >= FEW)
        .map(|(key, rows)| (*key, fitted(key, rows, Prior::free(key.family))))
        .collect();
    let few: Vec<(&Key, Entry)> = groups
        .par_iter()
        .filter(|(_, rows)| (LEAST..FEW).contains(&rows.len()))
        .filter(|(key, rows)| !answered(key, rows, &many))
        .map(|(key, rows)| (*key, fitted(key, rows, nearest(samples, key, rows, &many))))
        .collect();
    let classes = classes(samples, &many, &few);
    let mut entries: Vec<(&Key, Entry)> = many.into_iter().chain(few).collect();
    entries.sort_by(|a, b| a.0.cmp(b.0));
    entries.into_iter().map(|(_, e)| e).chain(classes).collect()
}

/// Whether the newest kernels of an engine, where they are well measured, answer for this version of it too.
fn answered(key: &Key, rows: &[Sample], many: &[(&Key, Entry)]) -> bool {
    let Some((engine, _)) = key.stack.split_once('-') else { return false };
    let same = |k: &Key| k.chip == key.chip && k.family == key.family && k.format == key.format && k.stack == engine;
    let newest = many.iter().find(|(k, _)| same(k));
    newest.is_some_and(|(_, e)| percentiles(rows.iter().map(|s| s.error(&e.parameters))).0 < DIFFERENT)
}

/// Fits on even rows and judges on odd ones, then fits on all.
fn fitted(family: Family, rows: &[Sample], prior: Prior) -> (Parameters, Fit) {
    let even: Vec<&Sample> = rows.iter().step_by(2).collect();
    let seen = fit::fit(family, &even, prior);
    let held_out = percentiles(rows.iter().skip(1).step_by(2).map(|s| s.error(&seen))).0;
    let all: Vec<&Sample> = rows.iter().collect();
    let parameters = fit::fit(family, &all, prior);
    let (median, p90) = percentiles(all.iter().map(|s| s.error(&parameters)));
    (parameters, Fit { n: rows.len() as u32, median, p90, held_out })
}

/// Where the fit of a few rows starts and is held: at the entry of a well-measured chip of the same family and the nearest
/// format that already meets them best.
fn nearest(samples: &Samples, key: &Key, rows: &[Sample], many: &[(&Key, Entry)]) -> Prior {
    let architecture = |chip: &str| samples.chips.get(chip).map(|c| c.architecture.as_str());
    let candidates = many.iter().filter(|(k, _)| k.family == key.family);
    let best = candidates.min_by_key(|(k, e)| {
        let foreign = u32::from(architecture(&k.chip) != architecture(&key.chip));
        let (median, _) = percentiles(rows.iter().map(|s| s.error(&e.parameters)));
        (k.format.distance(key.format), foreign, (median * 1e6) as u64)
    });
    match best {
        Some((_, entry)) => Prior { start: entry.parameters, spread: 0.4 },
        None => Prior { spread: 0.4, ..Prior::free(key.family) },
    }
}

/// Groups that share a class, family and format.
type Group<'a> = Vec<(&'a Key, &'a Entry)>;

/// For every class, family and format the entry that meets the other chips of the class best, and how well it does:
/// that is the error to expect where a chip was never measured.
fn classes(samples: &Samples, many: &[(&Key, Entry)], few: &[(&Key, Entry)]) -> Vec<Entry> {
    let mut sets: BTreeMap<(ChipClass, Family, Format), Group<'_>> = BTreeMap::new();
    let class = |key: &Key| samples.chips.get(&key.chip).map(|c| c.class);
    // A few rows speak for a class only where nobody has many.
    let alone = |key: &Key| {
        let near = |k: &Key| class(k) == class(key) && k.family == key.family && k.format.distance(key.format) <= 1;
        !key.stack.contains('-') && !many.iter().any(|(k, _)| near(k))
    };
    for (key, entry) in many.iter().chain(few.iter().filter(|(key, _)| alone(key))) {
        if let Some(chip) = samples.chips.get(&key.chip) {
            sets.entry((chip.class, key.family, key.format)).or_default().push((*key, entry));
        }
    }
    // A hundred rows of each group say enough.
    let sparse = |key: &Key| {
        let rows = &samples.groups[key];
        rows.iter().step_by(rows.len().div_ceil(100).max(1))
    };
    sets.into_par_iter()
        .filter_map(|((class, family, format), set)| {
            let judged = set.iter().map(|(own, entry)| {
                let others = set.iter().filter(|(k, _)| k.chip != own.chip || set.len() == 1);
                let errors: Vec<f64> =
                    others.flat_map(|(k, _)| sparse(k).map(|s| s.error(&entry.parameters))).collect();
                let (median, p90) = percentiles(errors.iter().copied());
                (errors.len(), median, p90, *entry)
            });
            let (n, median, p90, best) = judged.min_by(|a, b| a.1.total_cmp(&b.1))?;
            let fit = Fit { n: n as u32, median, p90, held_out: median };
            Some(Entry {
                subject: Subject::Class(class),
                family,
                format,
                stack: String::new(),
                parameters: best.parameters,
                fit,
            })
        })
        .collect()
}

/// The rows of tables as they are, to go before the surfaces inside their hull.
pub fn measured(tables: &Tables, chips: Chips<'_>) -> Result<Vec<Measured>, CalibrateError> {
    let samples = read(tables, chips)?;
    let of = |(key, rows): (Key, Vec<Sample>)| Measured {
        chip: key.chip,
        family: key.family,
        format: key.format,
        stack: key.stack,
        rows: rows.into_iter().map(|s| (s.op, s.seconds)).collect(),
    };
    Ok(samples.groups.into_iter().map(of).collect())
}

/// Reads and fits.
pub fn calibrate(tables: &Tables, chips: Chips<'_>) -> Result<Outcome, CalibrateError> {
    let samples = read(tables, chips)?;
    if samples.groups.is_empty() {
        return Err(CalibrateError::Nothing(format!("{tables:?}")));
    }
    Ok(Outcome { entries: fit_all(&samples), dropped: samples.dropped })
}

/// Reads every `.toml` of a folder that [`save`] wrote, or somebody by hand, to be laid over the embedded calibration.
pub fn load(folder: &Path) -> Result<cost::Calibration, CalibrateError> {
    let io = |path: &Path, source| CalibrateError::Io { path: path.to_owned(), source };
    let entries = std::fs::read_dir(folder).map_err(|e| io(folder, e))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "toml"));
    files.sort();
    let mut all = cost::Calibration::default();
    for path in files {
        let size = std::fs::metadata(&path).map_err(|e| io(&path, e))?.len();
        if size > LARGEST {
            let source = std::io::Error::other("larger than any calibration (16 MB)");
            return Err(io(&path, source));
        }
        let text = std::fs::read_to_string(&path).map_err(|e| io(&path, e))?;
        all.entries.extend(cost::Calibration::parse(&path.display().to_string(), &text)?.entries);
    }
    Ok(all)
}

/// Writes one file a chip and one a class into `folder`; `fitted` is a date, `source` says which tables.
pub fn save(entries: &[Entry], folder: &Path, fitted: &str, source: &str) -> Result<Vec<PathBuf>, CalibrateError> {
    let io = |path: &Path, source| CalibrateError::Io { path: path.to_owned(), source };
    let mut files: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        let name = match &entry.subject {
            Subject::Chip { id, .. } => id.clone(),
            Subject::Class(class) => format!("class-{}", format!("{class:?}").to_lowercase()),
        };
        files.entry(name).or_default().push(entry.clone());
    }
    std::fs::create_dir_all(folder).map_err(|e| io(folder, e))?;
    let mut written = Vec::new();
    for (name, entries) in files {
        let text = write(&entries, fitted, source).map_err(|e| CalibrateError::Write(e.to_string()))?;
        let path = folder.join(format!("{name}.toml"));
        std::fs::write(&path, text).map_err(|e| io(&path, e))?;
        written.push(path);
    }
    Ok(written)
}
