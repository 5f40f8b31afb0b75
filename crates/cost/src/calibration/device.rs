//! A chip with its calibration resolved: the price of an operator without looking anything up by name.

use catalog::{Arithmetic, Chip, ChipClass};
use thiserror::Error;

use super::grid::Grid;
use super::surface::{self, Parameters, Rates, Terms, WIDTH};
use super::{Calibration, Family, Format, Standing, Storage, nearest_arithmetic};
use crate::{Op, Work};

/// Whose measurements stand behind a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// The chip's own.
    Chip,
    /// Another chip of the same architecture, scaled by peak and bandwidth.
    Architecture,
    /// The median of the class (GPU, NPU, TPU).
    Class,
    /// Nobody's: assumed.
    Assumed,
}

/// What bounds an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bound {
    /// The matrix unit.
    Compute,
    /// The memory.
    Memory,
    /// Launch, latency, a chain of dependent steps.
    Overhead,
}

/// The time of an operator on a device, and why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpTime {
    /// Seconds; never below `speed_of_light`.
    pub seconds: f64,
    /// Seconds that the matrix unit alone would need.
    pub compute: f64,
    /// Seconds that the memory alone would need.
    pub memory: f64,
    /// Seconds paid besides: launch, passes over activations, the longest chain of dependent steps.
    pub overhead: f64,
    /// The largest of the three.
    pub bound: Bound,
    /// Seconds that no device with this peak and bandwidth can beat.
    pub speed_of_light: f64,
    /// Whose measurements stand behind the time.
    pub basis: Basis,
    /// Standard deviation of `ln(predicted / measured)` of the fit, widened where it was borrowed.
    pub spread: f64,
}

/// Why a chip cannot be priced.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum DeviceError {
    /// No peak in any arithmetic.
    #[error("chips/{0}.peak: no arithmetic has a peak; give at least one, e.g. bf16 = \"100 TFLOP/s\"")]
    NoPeak(String),
    /// Zero where a rate must be.
    #[error("chips/{0}.{1}: must be greater than zero")]
    Zero(String, &'static str),
}

/// Parameters for one family and format, resolved.
#[derive(Debug, Clone, Copy)]
struct Resolved {
    parameters: Parameters,
    rates: Rates,
    basis: Basis,
    spread: f64,
    /// Bytes at memory bandwidth that turning one stored value into an operand costs; 0 where native or measured.
    conversion: f64,
    /// Place of the fit in the calibration; `None`: assumed.
    entry: Option<u32>,
    /// Place of what was measured among the device's grids.
    grid: Option<u16>,
}

impl Resolved {
    /// The terms of the surface, conversion of formats included.
    fn terms(&self, op: &Op, work: &Work) -> Terms {
        let mut terms = surface::terms(op, work, &self.parameters, self.rates);
        if self.conversion > 0.0 {
            let bits = f64::from(Format::of(op).storage.bits());
            let values = (work.weights.0 + work.cache.0) * 8.0 / bits;
            terms.memory += values * self.conversion / self.rates.bandwidth;
        }
        terms
    }
}

/// One addressable device of a chip (a die of a package that has several) with the parameters of every family and
/// format, ready to price operators. Building one costs about a millisecond, asking it some tens of nanoseconds.
#[derive(Debug, Clone)]
pub struct Device {
    table: Vec<Resolved>,
    index: Vec<u16>,
    grids: Vec<Grid>,
}

const ARITHMETICS: [Arithmetic; 8] = [
    Arithmetic::Fp32,
    Arithmetic::Bf16,
    Arithmetic::Fp16,
    Arithmetic::Fp8,
    Arithmetic::Mxfp8,
    Arithmetic::Fp6,
    Arithmetic::Fp4,
    Arithmetic::Int8,
];

fn slot(family: Family, format: Format) -> usize {
    (family as usize * Storage::ALL.len() + format.storage as usize) * ARITHMETICS.len() + format.arithmetic as usize
}

impl Device {
    /// A device of `chip`, priced by `calibration` as measured on the kernels of `stack`: an engine ("trtllm", "sglang",
    /// "vllm") or a version of one ("trtllm-1.2.0"). `None`, or one that was not measured: the first that the calibration
    /// lists.
    pub fn new(chip: &Chip, calibration: &Calibration, stack: Option<&str>) -> Result<Device, DeviceError> {
        let devices = f64::from(chip.devices.max(1));
        let bandwidth = chip.bandwidth.mid().0 / devices;
        if bandwidth.is_nan() || bandwidth <= 0.0 {
            return Err(DeviceError::Zero(chip.id.clone(), "memory.bandwidth"));
        }
        let mut device = Device { table: Vec::new(), index: Vec::new(), grids: Vec::new() };
        for family in Family::ALL {
            let entries = calibration.candidates(chip, family, stack);
            for storage in Storage::ALL {
                for arithmetic in ARITHMETICS {
                    let native =
                        nearest_arithmetic(chip, arithmetic).ok_or_else(|| DeviceError::NoPeak(chip.id.clone()))?;
                    let peak = chip.peak[&native].mid().0 / devices;
                    if peak.is_nan() || peak <= 0.0 {
                        return Err(DeviceError::Zero(chip.id.clone(), "peak"));
                    }
                    let format = Format { storage, arithmetic: native };
                    let rates = Rates { peak, bandwidth };
                    let mut resolved = resolve(chip, family, format, &entries, rates);
                    if let Some(own) = calibration.measured_on(chip, family, format, stack) {
                        let rows = own.rows.iter().map(|(op, seconds)| (op, *seconds));
                        device.grids.push(Grid::new(rows, |op| resolved.terms(op, &op.work()).seconds()));
                        resolved.grid = Some(device.grids.len() as u16 - 1);
                    }
                    device.push(resolved);
                }
            }
        }
        Ok(device)
    }

    fn push(&mut self, resolved: Resolved) {
        let last = self.table.len();
        let same = self.table.last().is_some_and(|l| {
            l.parameters == resolved.parameters
                && l.rates == resolved.rates
                && l.basis == resolved.basis
                && l.spread == resolved.spread
                && l.conversion == resolved.conversion
                && l.entry == resolved.entry
                && l.grid == resolved.grid
        });
        if !same {
            self.table.push(resolved);
        }
        self.index.push(if same { last - 1 } else { last } as u16);
    }

    /// Place in the calibration's entries of the fit that prices `op`; `None` where its efficiency is assumed.
    pub fn entry(&self, op: &Op) -> Option<usize> {
        let at = self.index[slot(Family::of(op), Format::of(op))];
        self.table[usize::from(at)].entry.map(|e| e as usize)
    }

    /// Whether `op` lies among operators that were measured on this chip and given as they are.
    pub fn interpolates(&self, op: &Op) -> bool {
        let at = self.index[slot(Family::of(op), Format::of(op))];
        self.table[usize::from(at)].grid.is_some_and(|g| self.grids[usize::from(g)].ratio(op).is_some())
    }

    /// The time of `op`.
    pub fn time(&self, op: &Op) -> OpTime {
        let (family, format) = (Family::of(op), Format::of(op));
        let r = &self.table[usize::from(self.index[slot(family, format)])];
        let work = op.work();
        let terms = r.terms(op, &work);
        let measured = r.grid.and_then(|g| self.grids[usize::from(g)].ratio(op)).unwrap_or(1.0);
        let speed_of_light = (work.flop.0 / r.rates.peak).max(work.bytes().0 / r.rates.bandwidth);
        let bound = if terms.overhead.max(terms.serial) > terms.compute.max(terms.memory) {
            Bound::Overhead
        } else if terms.compute > terms.memory {
            Bound::Compute
        } else {
            Bound::Memory
        };
        OpTime {
            seconds: (terms.seconds() * measured).max(speed_of_light),
            compute: terms.compute,
            memory: terms.memory,
            overhead: terms.overhead.max(terms.serial),
            bound,
            speed_of_light,
            basis: r.basis,
            spread: r.spread,
        }
    }
}

/// Least spread of a time borrowed from the architecture, from the class, or assumed: judged, not fitted.
const BORROWED: [(Basis, f64); 3] = [(Basis::Architecture, 0.12), (Basis::Class, 0.25), (Basis::Assumed, 0.5)];

/// Bytes at memory bandwidth that one converted value costs where nothing was measured: many-core chips convert in
/// registers under the shadow of the loads; chips with separate matrix and vector units write the value back once and
/// read it again, mostly on chip.
fn conversion(class: ChipClass) -> f64 {
    match class {
        ChipClass::Gpu => 0.25,
        ChipClass::Npu | ChipClass::Tpu => 1.0,
    }
}

fn resolve(chip: &Chip, family: Family, format: Format, entries: &[Standing], rates: Rates) -> Resolved {
    // The chip's own measurement of another format says more than the class's of this one, unless the arithmetic differs.
    let rank = |s: &&Standing| s.entry.format.distance(format) + 60 * s.basis as u32;
    let best = entries.iter().min_by_key(rank);
    let converts = format.storage.bits() < super::family::arithmetic_bits(format.arithmetic);
    let Some(&Standing { basis, entry, place }) = best else {
        let mut parameters = [0.0; WIDTH];
        for (value, p) in parameters.iter_mut().zip(surface::parameters(family)) {
            *value = p.start;
        }
        let conversion = if converts { conversion(chip.class) } else { 0.0 };
        return Resolved { parameters, rates, basis: Basis::Assumed, spread: 0.5, conversion, entry: None, grid: None };
    };
    let measured = entry.format.storage.bits() < super::family::arithmetic_bits(entry.format.arithmetic);
    let least = BORROWED.iter().find(|(b, _)| *b == basis).map_or(0.0, |&(_, s)| s);
    let other_format = if entry.format == format { 0.0 } else { 0.1 };
    let conversion = if converts && !measured { conversion(chip.class) } else { 0.0 };
    Resolved {
        parameters: entry.parameters,
        rates,
        basis,
        spread: (entry.spread().powi(2) + least.powi(2) + f64::powi(other_format, 2)).sqrt(),
        conversion,
        entry: Some(place),
        grid: None,
    }
}
