//! Calibration as TOML.
//!
//! ```toml
//! chip = "nvidia_h100_sxm"        # or: class = "gpu"
//! architecture = "hopper"
//!
//! [[surface]]
//! family = "gemm"
//! storage = "16-bit"
//! arithmetic = "bf16"
//! stack = "trtllm"
//! parameters = { overhead_us = 4.1, compute = 0.74 }
//! fit = { n = 4000, median = 0.05, p90 = 0.2, held_out = 0.05 }
//! ```

use std::collections::BTreeMap;

use catalog::ChipClass;
use include_dir::{Dir, include_dir};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::surface::{self, WIDTH};
use super::{Calibration, Entry, Family, Fit, Format, Storage, Subject};
use super::{arithmetic_from_name, arithmetic_name};

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../calibration/operators");

/// Why a calibration file cannot be used.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CalibrationError {
    /// Not TOML, or not of this shape.
    #[error("{file}: {message}")]
    Syntax {
        /// Name of the file.
        file: String,
        /// What the parser says, with line and column.
        message: String,
    },
    /// A name or value that means nothing here.
    #[error("{file}: surface {number}: {what}")]
    Value {
        /// Name of the file.
        file: String,
        /// Counted from 1.
        number: usize,
        /// What is wrong and what would be right.
        what: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(skip_serializing_if = "Option::is_none")]
    chip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    architecture: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    #[serde(default)]
    fitted: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    surface: Vec<SurfaceRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SurfaceRecord {
    family: String,
    storage: String,
    arithmetic: String,
    #[serde(default)]
    stack: String,
    parameters: BTreeMap<String, f64>,
    fit: FitRecord,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FitRecord {
    n: u32,
    median: f64,
    p90: f64,
    held_out: f64,
}

const CLASSES: [(&str, ChipClass); 3] = [("gpu", ChipClass::Gpu), ("npu", ChipClass::Npu), ("tpu", ChipClass::Tpu)];

impl Calibration {
    /// What was fitted to public measurements and comes with the program.
    pub fn embedded() -> Result<Calibration, CalibrationError> {
        let mut files: Vec<_> =
            EMBEDDED.files().filter(|f| f.path().extension().is_some_and(|e| e == "toml")).collect();
        files.sort_by_key(|f| f.path());
        let mut all = Calibration::default();
        for file in files {
            let name = file.path().display().to_string();
            let text = file.contents_utf8().unwrap_or_default();
            all.entries.extend(Calibration::parse(&name, text)?.entries);
        }
        Ok(all)
    }

    /// One file.
    pub fn parse(file: &str, text: &str) -> Result<Calibration, CalibrationError> {
        let read: File = toml::from_str(text)
            .map_err(|e| CalibrationError::Syntax { file: file.to_owned(), message: e.to_string() })?;
        let wrong = |number, what: String| CalibrationError::Value { file: file.to_owned(), number, what };
        let subject = match (read.chip, read.class) {
            (Some(id), None) => Subject::Chip { id, architecture: read.architecture.unwrap_or_default() },
            (None, Some(class)) => {
                let known = CLASSES.iter().find(|(n, _)| *n == class);
                Subject::Class(known.ok_or_else(|| wrong(0, format!("class '{class}': use gpu, npu or tpu")))?.1)
            }
            _ => return Err(wrong(0, "give either 'chip' or 'class'".to_owned())),
        };
        let mut entries = Vec::with_capacity(read.surface.len());
        for (i, record) in read.surface.into_iter().enumerate() {
            entries.push(entry(subject.clone(), record).map_err(|what| wrong(i + 1, what))?);
        }
        Ok(Calibration { entries, measured: Vec::new() })
    }
}

fn entry(subject: Subject, record: SurfaceRecord) -> Result<Entry, String> {
    let family = Family::from_name(&record.family).ok_or_else(|| format!("unknown family '{}'", record.family))?;
    let storage = Storage::from_name(&record.storage).ok_or_else(|| format!("unknown storage '{}'", record.storage))?;
    let arithmetic = arithmetic_from_name(&record.arithmetic)
        .ok_or_else(|| format!("unknown arithmetic '{}'", record.arithmetic))?;
    let known = surface::parameters(family);
    let mut parameters = [0.0; WIDTH];
    for (value, p) in parameters.iter_mut().zip(known) {
        *value = *record.parameters.get(p.name).ok_or_else(|| format!("parameter '{}' is missing", p.name))?;
        if !(p.low..=p.high).contains(value) {
            return Err(format!("parameter '{}' = {value} is not between {} and {}", p.name, p.low, p.high));
        }
    }
    if let Some(name) = record.parameters.keys().find(|n| !known.iter().any(|p| p.name == **n)) {
        return Err(format!("unknown parameter '{name}'"));
    }
    let FitRecord { n, median, p90, held_out } = record.fit;
    if ![median, p90, held_out].iter().all(|e| e.is_finite() && *e >= 0.0) {
        return Err("errors of the fit must be finite and not negative".to_owned());
    }
    Ok(Entry {
        subject,
        family,
        format: Format { storage, arithmetic },
        stack: record.stack,
        parameters,
        fit: Fit { n, median, p90, held_out },
    })
}

/// Significant digits that a parameter is written with.
fn rounded(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

/// The entries of one subject as a file.
pub fn write(entries: &[Entry], fitted: &str, source: &str) -> Result<String, toml::ser::Error> {
    let (mut chip, mut architecture, mut class) = (None, None, None);
    match entries.first().map(|e| &e.subject) {
        Some(Subject::Chip { id, architecture: a }) => {
            chip = Some(id.clone());
            architecture = Some(a.clone());
        }
        Some(Subject::Class(c)) => class = CLASSES.iter().find(|(_, k)| k == c).map(|(n, _)| (*n).to_owned()),
        None => {}
    }
    let surface = entries
        .iter()
        .map(|e| SurfaceRecord {
            family: e.family.name().to_owned(),
            storage: e.format.storage.name().to_owned(),
            arithmetic: arithmetic_name(e.format.arithmetic).to_owned(),
            stack: e.stack.clone(),
            parameters: surface::parameters(e.family)
                .iter()
                .zip(e.parameters)
                .map(|(p, v)| (p.name.to_owned(), rounded(v).clamp(p.low, p.high)))
                .collect(),
            fit: FitRecord {
                n: e.fit.n,
                median: rounded(e.fit.median),
                p90: rounded(e.fit.p90),
                held_out: rounded(e.fit.held_out),
            },
        })
        .collect();
    let file = File { chip, architecture, class, fitted: fitted.to_owned(), source: source.to_owned(), surface };
    toml::to_string(&file)
}
