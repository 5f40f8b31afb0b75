//! Predicted against measured, for tables in the columns of `operators.csv`.

use std::collections::BTreeMap;

use cost::{Calibration, Device};

use super::operators::{lower, records, stack};
use super::{CalibrateError, Chips};
use crate::tables::Table;

/// A measured operator and what the cost model says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// Key of the row.
    pub id: String,
    /// Kind of operator, as written.
    pub op: String,
    /// Chip, as written.
    pub chip: String,
    /// Microseconds.
    pub measured_us: f64,
    /// Microseconds; `None` where the row was refused.
    pub predicted_us: Option<f64>,
    /// Standard deviation of the logarithm of the prediction's error, as the fit states it.
    pub spread: f64,
    /// Why the row was refused; empty where it was not.
    pub reason: String,
}

/// Checks every row that is one operator of one chip; exchanges between chips are refused here.
pub fn check_operators(
    table: &Table,
    calibration: &Calibration,
    chips: Chips<'_>,
) -> Result<Vec<Checked>, CalibrateError> {
    let mut devices: BTreeMap<(String, Option<String>), Device> = BTreeMap::new();
    let mut checked = Vec::new();
    for record in records(table)? {
        let mut row = Checked {
            id: record.id.clone(),
            op: record.op.clone(),
            chip: record.chip.clone(),
            measured_us: record.us,
            predicted_us: None,
            spread: 0.0,
            reason: String::new(),
        };
        match predict(&record, calibration, chips, &mut devices) {
            Ok((us, spread)) => (row.predicted_us, row.spread) = (Some(us), spread),
            Err(reason) => row.reason = reason,
        }
        checked.push(row);
    }
    Ok(checked)
}

fn predict(
    record: &super::operators::Record,
    calibration: &Calibration,
    chips: Chips<'_>,
    devices: &mut BTreeMap<(String, Option<String>), Device>,
) -> Result<(f64, f64), String> {
    let chip = chips(&record.chip).ok_or_else(|| format!("chip '{}' is not in the catalog", record.chip))?;
    let ops = lower(record, &chip)?;
    let key = (chip.id.clone(), stack(&record.library));
    if !devices.contains_key(&key) {
        let device = Device::new(&chip, calibration, key.1.as_deref()).map_err(|e| e.to_string())?;
        devices.insert(key.clone(), device);
    }
    let device = &devices[&key];
    let light: f64 = ops.iter().map(|op| device.time(op).speed_of_light).sum();
    if light * 1e6 > 1.05 * record.us {
        return Err("faster than peak and bandwidth allow: data was in a cache, or the shape is another".to_owned());
    }
    let times = ops.iter().map(|op| device.time(op));
    Ok(times.fold((0.0, 0.0), |(us, spread), t| (us + t.seconds * 1e6, f64::max(spread, t.spread))))
}
