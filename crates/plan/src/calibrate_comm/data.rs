//! Which rows belong to which machine, and the traps among them: `calibration/comm-data.toml`.

use catalog::{Catalog, System};
use cost::comm::{CommCalibration, Network};
use serde::Deserialize;
use units::{Bytes, Seconds};

use super::CommFitError;

const TEXT: &str = include_str!("../../../../calibration/comm-data.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    machine: Vec<MachineSpec>,
    trap: Vec<TrapSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MachineSpec {
    system: String,
    tables: Option<String>,
    #[serde(default = "eight")]
    tray: u32,
    chips: Vec<String>,
    #[serde(default)]
    direct: bool,
    #[serde(default = "yes")]
    lends: bool,
}

fn eight() -> u32 {
    8
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrapSpec {
    id: Option<String>,
    library: Option<String>,
    machine: Option<String>,
    fit_below: Option<Bytes>,
    refuse: Option<String>,
    host: Option<Seconds>,
    #[serde(default)]
    outer_only: bool,
    #[serde(default)]
    rings: bool,
    #[serde(default)]
    #[allow(dead_code, reason = "for people")]
    note: String,
}

/// A machine with what its rows need.
pub(crate) struct MachineData {
    pub system: System,
    /// Folder of its tables.
    pub tables: Option<String>,
    /// Ranks of one node in expert-parallel tables.
    pub tray: u32,
    /// Names of its chip in measured rows.
    pub chips: Vec<String>,
    /// High-throughput exchanges go straight to ranks.
    pub direct: bool,
    /// Whether its curves say something about other fabrics of the shape.
    pub lends: bool,
    network: Network,
}

/// A row that is not what it seems.
pub(crate) struct Trap {
    id: Option<String>,
    library: Option<String>,
    /// Machine to take it for.
    pub machine: Option<usize>,
    /// Smaller messages may be fitted, though the row is refused.
    pub fit_below: Option<f64>,
    /// Why it is not predicted.
    pub refuse: Option<String>,
    /// Host time in it.
    pub host: f64,
    /// Only the outermost tier was used.
    pub outer_only: bool,
    /// In-network reduction was switched off.
    pub rings: bool,
}

pub(crate) struct Data {
    pub machines: Vec<MachineData>,
    pub traps: Vec<Trap>,
}

impl Data {
    pub fn embedded(catalog: &Catalog) -> Result<Data, CommFitError> {
        let spec: Spec = toml::from_str(TEXT).map_err(|e| CommFitError::Data(e.to_string()))?;
        let mut machines = Vec::new();
        for m in spec.machine {
            let system = catalog.system(&m.system)?.clone();
            let network = Network::unpriced(&system.fabric, system.chip.devices.max(1));
            let MachineSpec { tables, tray, chips, direct, lends, .. } = m;
            machines.push(MachineData { system, tables, tray, chips, direct, lends, network });
        }
        let place = |id: &String| machines.iter().position(|m| &m.system.id == id);
        let trap = |t: TrapSpec| Trap {
            machine: t.machine.as_ref().and_then(place),
            id: t.id,
            library: t.library,
            fit_below: t.fit_below.map(|b| b.0),
            refuse: t.refuse,
            host: t.host.map_or(0.0, |s| s.0),
            outer_only: t.outer_only,
            rings: t.rings,
        };
        let traps = spec.trap.into_iter().map(trap).collect();
        Ok(Data { machines, traps })
    }

    pub fn network(&self, machine: usize) -> &Network {
        &self.machines[machine].network
    }

    /// Machine whose chip is called so in measured rows.
    pub fn by_chip(&self, chip: &str) -> Option<usize> {
        self.machines.iter().position(|m| m.chips.iter().any(|c| c == chip))
    }

    /// The trap that a row falls into.
    pub fn trap(&self, id: &str, library: &str) -> Option<&Trap> {
        let hit = |t: &&Trap| {
            t.id.as_ref().is_none_or(|prefix| id.starts_with(prefix.as_str()))
                && t.library.as_ref().is_none_or(|part| library.contains(part.as_str()))
        };
        self.traps.iter().find(hit)
    }

    /// The network of a machine under a calibration.
    pub fn priced_one(&self, machine: usize, calibration: &CommCalibration) -> Result<Network, CommFitError> {
        let System { fabric, chip, .. } = &self.machines[machine].system;
        Ok(Network::new(fabric, calibration, &chip.architecture, chip.devices.max(1))?)
    }

    /// Networks of all machines under a calibration.
    pub fn priced(&self, calibration: &CommCalibration) -> Result<Vec<Network>, CommFitError> {
        (0..self.machines.len()).map(|m| self.priced_one(m, calibration)).collect()
    }
}
