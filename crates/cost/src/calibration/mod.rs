//! Fitted parameters of the operator surfaces, where they came from, and devices priced by them.

mod device;
mod family;
mod file;
mod grid;
mod policy;
pub mod surface;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use device::{Basis, Bound, Device, DeviceError, OpTime};
pub use fabric::Fit;
pub use family::{Family, Format, Storage, arithmetic_from_name, arithmetic_name};
pub use file::{CalibrationError, write};
pub use policy::{arithmetic_for, nearest_arithmetic};

use catalog::{Chip, ChipClass};
use surface::Parameters;

/// Whose kernels a set of parameters describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A chip by its id, and its architecture.
    Chip {
        /// `nvidia_h100_sxm`.
        id: String,
        /// "hopper".
        architecture: String,
    },
    /// The median of the chips of a class.
    Class(ChipClass),
}

/// Parameters of one family and format on one chip or class, for one stack of kernels.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Whose.
    pub subject: Subject,
    /// Which operators.
    pub family: Family,
    /// Storage and arithmetic.
    pub format: Format,
    /// "trtllm", "sglang", "vllm"; with a version ("trtllm-1.2.0") where its kernels differ from the newest; empty where
    /// kernels are not tied to an engine.
    pub stack: String,
    /// In the order of [`surface::parameters`].
    pub parameters: Parameters,
    /// Its errors.
    pub fit: Fit,
}

impl Entry {
    /// Standard deviation of the log error that its percentiles point to: the largest of the estimates, so that heavy
    /// tails count, and rows that were not seen.
    pub fn spread(&self) -> f64 {
        (self.fit.median.max(self.fit.held_out) * 1.4826).max(self.fit.p90 / 1.645)
    }
}

/// An entry that may stand for a chip.
#[derive(Debug, Clone, Copy)]
struct Standing<'e> {
    basis: Basis,
    entry: &'e Entry,
    /// Its place among all.
    place: u32,
}

/// All fitted parameters.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Calibration {
    /// In the order of the files.
    pub entries: Vec<Entry>,
    /// Operators as somebody measured them: inside their hull they go before the entries.
    pub measured: Vec<Measured>,
}

/// Measured operators of one chip, family, format and stack.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Id of the chip.
    pub chip: String,
    /// Which operators.
    pub family: Family,
    /// Storage and arithmetic.
    pub format: Format,
    /// Whose kernels; empty where they are not tied to an engine.
    pub stack: String,
    /// Operators and their seconds.
    pub rows: Vec<(crate::Op, f64)>,
}

impl Calibration {
    /// What `overlay` fits takes the place of the same chip, family, format and stack here.
    pub fn overlay(&mut self, overlay: Calibration) {
        let same = |a: &Entry, b: &Entry| {
            a.subject == b.subject && a.family == b.family && a.format == b.format && a.stack == b.stack
        };
        self.entries.retain(|old| !overlay.entries.iter().any(|new| same(old, new)));
        // In front: where no stack is asked for, the first one listed is used.
        let mut entries = overlay.entries;
        entries.append(&mut self.entries);
        self.entries = entries;
        self.measured.extend(overlay.measured);
    }

    /// What was measured of a family and format on a chip, on the kernels that answer best for `stack`.
    fn measured_on(&self, chip: &Chip, family: Family, format: Format, stack: Option<&str>) -> Option<&Measured> {
        let of = |m: &&Measured| m.chip == chip.id && m.family == family && m.format == format;
        let able = self.measured.iter().filter(of).filter(|m| liking(stack, &m.stack) > 0);
        // Of equals the first.
        able.rev().max_by_key(|m| liking(stack, &m.stack))
    }

    /// Entries of a family that may stand for a chip, each with its basis. Within the chip's own and within its
    /// architecture the stack asked for is preferred; where it is missing, the first stack listed stands in.
    fn candidates(&self, chip: &Chip, family: Family, stack: Option<&str>) -> Vec<Standing<'_>> {
        let mut found: Vec<Standing> = Vec::new();
        for (place, entry) in self.entries.iter().enumerate().filter(|(_, e)| e.family == family) {
            let basis = match &entry.subject {
                Subject::Chip { id, .. } if *id == chip.id => Basis::Chip,
                Subject::Chip { architecture, .. } if *architecture == chip.architecture => Basis::Architecture,
                Subject::Class(class) if *class == chip.class => Basis::Class,
                _ => continue,
            };
            let liking = |e: &Entry| liking(stack, &e.stack);
            if liking(entry) == 0 {
                continue;
            }
            let standing = Standing { basis, entry, place: place as u32 };
            match found.iter_mut().find(|s| s.basis == basis && s.entry.format == entry.format) {
                Some(held) if liking(entry) > liking(held.entry) => *held = standing,
                Some(_) => {}
                None => found.push(standing),
            }
        }
        found
    }
}

/// How well a stack answers for the one asked for: 3 itself, 2 its engine whatever the version, 1 another, 0 a version that
/// was not asked for (its kernels are known to differ).
fn liking(asked: Option<&str>, stack: &str) -> u32 {
    let version = stack.contains('-');
    match asked {
        Some(asked) if asked == stack => 3,
        Some(asked) if asked.split_once('-').is_some_and(|(engine, _)| engine == stack) => 2,
        _ => u32::from(!version),
    }
}
