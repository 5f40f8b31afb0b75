//! Predicted against measured exchanges.

use catalog::{Catalog, Fabric};
use cost::comm::{Basis, Collective, CommCalibration, Exchange, Network};

use super::data::Data;
use super::{CommFitError, measured};
use crate::tables::Table;

/// A measured row and its prediction, both in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Id of the row.
    pub id: String,
    /// Operation as the file names it.
    pub operation: String,
    /// Chip as the file names it.
    pub chip: String,
    /// Measured seconds (from bandwidth where the row gives that); NaN if it gives neither.
    pub measured: f64,
    /// Predicted seconds, if predicted.
    pub predicted: Option<f64>,
    /// No prediction may be below.
    pub bound: f64,
    /// 90th percentile of |ln(predicted / measured)| that the model expects of itself.
    pub spread: f64,
    /// Where the curve is from.
    pub basis: Option<Basis>,
    /// Whether curves were fitted to this very row.
    pub fitted: bool,
    /// Why there is no prediction.
    pub reason: String,
}

/// Prices the rows of a table with the columns of `collectives.csv`, or the exchanges among those of `operators.csv`.
///
/// # Errors
/// [`CommFitError`] if the table lacks columns or a named system is missing.
pub fn check_collectives(
    table: &Table,
    calibration: &CommCalibration,
    catalog: &Catalog,
) -> Result<Vec<Row>, CommFitError> {
    let data = Data::embedded(catalog)?;
    let networks = data.priced(calibration)?;
    let outer = |m: &super::data::MachineData| {
        let fabric = Fabric { tiers: m.system.fabric.tiers.last().cloned().into_iter().collect() };
        Network::new(&fabric, calibration, &m.system.chip.architecture, m.system.chip.devices.max(1))
    };
    let outers = data.machines.iter().map(outer).collect::<Result<Vec<_>, _>>()?;
    let rows = if table.has("message_bytes") {
        measured::read_collectives(table, &data)?
    } else {
        measured::read_operators(table, &data)?
    };
    let price = |row: measured::MeasuredRow| {
        let mut priced = Row {
            id: row.id,
            operation: row.operation,
            chip: row.chip,
            measured: row.seconds,
            predicted: None,
            bound: 0.0,
            spread: f64::NAN,
            basis: None,
            fitted: row.fitted,
            reason: row.refused.clone().unwrap_or_default(),
        };
        if let (Some(ask), None) = (row.ask, row.refused) {
            let network = if ask.outer_only { &outers[ask.machine] } else { &networks[ask.machine] };
            let time = network.time(&ask.exchange);
            let seconds = if ask.rings { halves(network, &ask.exchange) } else { time.seconds };
            priced.predicted = Some(seconds + ask.host);
            priced.bound = time.physical_bound;
            priced.spread = time.spread;
            priced.basis = Some(time.basis);
        }
        priced
    };
    Ok(rows.into_iter().map(price).collect())
}

/// An all-reduce whose sum the ranks make: reduce-scatter, then all-gather.
fn halves(network: &Network, exchange: &Exchange) -> f64 {
    let half = |operation| match *exchange {
        Exchange::Collective { library, group, bytes, .. } => {
            network.time(&Exchange::Collective { operation, library, group, bytes }).seconds
        }
        other => network.time(&other).seconds,
    };
    half(Collective::ReduceScatter) + half(Collective::AllGather)
}
