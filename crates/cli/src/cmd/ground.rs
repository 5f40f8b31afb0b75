//! What the commands that answer a study share: reading it, and what predictions rest on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use catalog::{Catalog, Diagnostic, Engine};
use cost::Calibration;
use cost::calibration::Measured;
use cost::comm::CommCalibration;
use plan::Study;
use plan::calibrate::Tables;
use plan::interval::Intervals;
use plan::machine::Fitted;
use plan::study::{self, Library};

use super::catalog::{open, refuse};

/// Where a study is and what it is answered with.
#[derive(Debug, Clone, clap::Args)]
pub struct Question {
    /// A study: a question in TOML
    pub study: PathBuf,
    /// Folder of fitted parameters of your own that go over the built-in ones, and of measured tables (.csv, .parquet in
    /// the columns of `calibrate --operators`) that go over both inside their hull
    #[arg(long, value_name = "FOLDER")]
    pub calibration: Option<PathBuf>,
    /// Threads to search with; else one for each processor
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

/// A study with all that answers it.
pub struct Asked {
    pub catalog: Catalog,
    pub study: Study,
    pub fitted: Fitted,
    pub intervals: Intervals,
}

impl Question {
    /// Reads everything, or prints all that is wrong and gives the exit of wrong input.
    pub fn read(&self, folder: Option<&Path>) -> Result<Asked, ExitCode> {
        let catalog = open(folder).map_err(|found| refuse(&found))?;
        let library = Library { catalog: &catalog, folder };
        let study = study::read(&self.study, library).map_err(|found| refuse(&found))?;
        let wrong = |message: String| {
            eprintln!("error: {message}");
            ExitCode::from(2)
        };
        let mut fitted = fitted(self.calibration.as_deref()).map_err(wrong)?;
        if let Some(folder) = &self.calibration {
            fitted.operators.measured = measured(folder, &catalog).map_err(wrong)?;
        }
        let intervals = Intervals::embedded().map_err(|e| wrong(e.to_string()))?;
        Ok(Asked { catalog, study, fitted, intervals })
    }

    /// Runs `work` on as many threads as asked for.
    pub fn on_threads<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, ExitCode> {
        on_threads(self.threads, work)
    }
}

/// Runs `work` on so many threads, or on one for each processor.
pub fn on_threads<T: Send>(threads: Option<u16>, work: impl FnOnce() -> T + Send) -> Result<T, ExitCode> {
    let Some(threads) = threads else { return Ok(work()) };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(usize::from(threads)).build();
    pool.map(|pool| pool.install(work)).map_err(|error| {
        eprintln!("error: cannot start {threads} threads: {error}");
        ExitCode::from(2)
    })
}

/// Largest calibration file: those that come with the program take less than 100 kB.
const LARGEST: u64 = 16 << 20;

/// Fitted parameters: those in the binary, and those of a folder over them.
pub fn fitted(folder: Option<&Path>) -> Result<Fitted, String> {
    let mut operators = Calibration::embedded().map_err(|e| e.to_string())?;
    let mut exchanges = CommCalibration::embedded().map_err(|e| e.to_string())?;
    if let Some(folder) = folder {
        let (curves, surfaces): (Vec<_>, Vec<_>) = texts(folder)?.into_iter().partition(|(name, _)| is_comm(name));
        if curves.is_empty() && surfaces.is_empty() && tables(folder)?.is_empty() {
            return Err(format!("{}: holds no calibration (.toml) and no table (.csv, .parquet)", folder.display()));
        }
        for (name, text) in &surfaces {
            operators.overlay(Calibration::parse(name, text).map_err(|e| e.to_string())?);
        }
        let own = CommCalibration::parse(curves.iter().map(|(n, t)| (n.as_str(), t.as_str())));
        exchanges.overlay(own.map_err(|e| e.to_string())?);
    }
    Ok(Fitted { operators, exchanges })
}

/// Engine profiles by name: those in the binary, and those of a folder (NAME.toml) over them.
pub fn engines(folder: Option<&Path>) -> Result<BTreeMap<String, Engine>, String> {
    let lines = |faults: Vec<Diagnostic>| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let mut engines = BTreeMap::new();
    for name in Engine::names() {
        engines.insert(name.to_owned(), Engine::load(name).map_err(lines)?);
    }
    for (path, text) in folder.map_or(Ok(Vec::new()), texts)? {
        let name = Path::new(&path).file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        if !engines.contains_key(&name) {
            return Err(format!("{path}: there is no engine profile '{name}'; known: {}", Engine::names().join(", ")));
        }
        let engine = Engine::parse(&name, &path, &text).map_err(lines)?;
        engines.insert(name, engine);
    }
    Ok(engines)
}

fn is_comm(name: &str) -> bool {
    Path::new(name).file_name().is_some_and(|f| f.to_string_lossy().starts_with("comm-"))
}

/// Files of a calibration folder that hold no operators and no exchanges.
const DATA: [&str; 5] =
    ["comm-data.toml", "host-times.toml", "intervals.toml", "training.toml", "training-intervals.toml"];

/// Tables of measured operators in a folder, by path.
pub fn tables(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let table = |p: &PathBuf| p.extension().is_some_and(|e| e == "csv" || e == "parquet");
    let mut files: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(table).collect();
    files.sort();
    Ok(files)
}

/// What the tables of a folder hold.
fn measured(folder: &Path, catalog: &Catalog) -> Result<Vec<Measured>, String> {
    let operators = tables(folder)?;
    if operators.is_empty() {
        return Ok(Vec::new());
    }
    let find = |name: &str| catalog.chip(name).ok().cloned();
    plan::calibrate::measured(&Tables { operators, ..Tables::default() }, &find).map_err(|e| e.to_string())
}

/// The calibration files of a folder and of `operators/` in it, by path.
fn texts(folder: &Path) -> Result<Vec<(String, String)>, String> {
    let told = |path: &Path, e: std::io::Error| format!("{}: {e}", path.display());
    let mut files = Vec::new();
    for place in [folder.to_owned(), folder.join("operators")] {
        if place != folder && !place.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(&place).map_err(|e| told(&place, e))? {
            let path = entry.map_err(|e| told(&place, e))?.path();
            let is_data = path.file_name().is_some_and(|f| DATA.iter().any(|d| f == *d));
            if path.extension().is_some_and(|e| e == "toml") && path.is_file() && !is_data {
                files.push(path);
            }
        }
    }
    files.sort();
    let read = |path: &PathBuf| {
        if path.metadata().map_err(|e| told(path, e))?.len() > LARGEST {
            return Err(format!("{}: larger than {LARGEST} bytes, so it is no calibration", path.display()));
        }
        let text = std::fs::read_to_string(path).map_err(|e| told(path, e))?;
        Ok((path.display().to_string(), text))
    };
    files.iter().map(read).collect()
}
