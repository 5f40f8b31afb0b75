//! Rows of one operator or one exchange.

use std::collections::BTreeMap;

use cost::calibration::Basis;
use cost::comm;

use super::file::File;
use super::point::{Kind, Point, Predicted};
use super::run::Bench;
use crate::calibrate::{CalibrateError, check_operators};
use crate::calibrate_comm::{self, CommFitError, check_collectives};
use crate::tables::{Table, TableError};

/// Why a file of operators or exchanges cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum SingleError {
    /// The table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The operators.
    #[error(transparent)]
    Operators(#[from] CalibrateError),
    /// The exchanges.
    #[error(transparent)]
    Exchanges(#[from] CommFitError),
}

/// Standard deviations in 90 % of a Gaussian.
const NINE_IN_TEN: f64 = 1.645;

/// What the file says of a row besides its time.
struct Written<'t> {
    source: Vec<&'t str>,
    engine: Vec<&'t str>,
    metric: Vec<&'t str>,
    value: Vec<&'t str>,
    unit: Vec<&'t str>,
}

impl<'t> Written<'t> {
    fn read(table: &'t Table, library: &str) -> Result<Written<'t>, TableError> {
        let text = |name: &str| table.text_if_any(name);
        let (metric, value, unit) = (text("metric")?, text("value")?, text("unit")?);
        Ok(Written { source: text("source_key")?, engine: text(library)?, metric, value, unit })
    }

    /// A point of row `index` measured to take `measured` microseconds: in the row's own quantity where it has one, a time
    /// or a rate that falls as the time rises.
    fn point(&self, index: usize, checked: &Checked) -> Point {
        let own: Option<f64> = self.value[index].trim().parse().ok();
        let is_time = matches!(self.unit[index], "" | "us" | "ms" | "s" | "ns");
        let (metric, unit, measured) = match own {
            Some(value) if !self.metric[index].is_empty() => (self.metric[index], self.unit[index], value),
            _ => ("time_us", "us", checked.measured_us),
        };
        let convert = |us: f64| {
            let ratio = us / checked.measured_us;
            measured * if is_time || own.is_none() { ratio } else { 1.0 / ratio }
        };
        let predicted = checked.predicted_us.clone().and_then(|us| {
            let value = convert(us);
            let ends = [convert(us * (-checked.spread).exp()), convert(us * checked.spread.exp())];
            if value.is_finite() && value > 0.0 {
                Ok(Predicted { value, low: ends[0].min(ends[1]), high: ends[0].max(ends[1]) })
            } else {
                Err("the row has neither a time nor a rate".to_owned())
            }
        });
        Point {
            id: checked.id.clone(),
            file: checked.file,
            source: self.source[index].to_owned(),
            metric: metric.to_owned(),
            kind: checked.kind,
            unit: unit.to_owned(),
            measured,
            plain: predicted.is_ok(),
            predicted,
            remark: String::new(),
            chip: checked.chip.clone(),
            vendor: checked.vendor.clone(),
            model: checked.op.clone(),
            class: checked.class.clone(),
            phase: String::new(),
            engine: self.engine[index].split([' ', ',']).next().unwrap_or("").to_owned(),
            basis: checked.basis,
        }
    }
}

/// A row of either check.
struct Checked {
    id: String,
    file: File,
    kind: Kind,
    op: String,
    class: String,
    chip: String,
    vendor: String,
    measured_us: f64,
    predicted_us: Result<f64, String>,
    /// Half the 90 % interval of the logarithm.
    spread: f64,
    basis: Basis,
}

/// Rows of operators, in the order of the file; those that are exchanges are priced as such.
///
/// # Errors
/// [`SingleError`] if the table lacks columns.
pub fn operators(table: &Table, bench: &Bench<'_>) -> Result<Vec<Point>, SingleError> {
    let written = Written::read(table, "impl")?;
    let chips = |name: &str| bench.catalog.chip(name).ok().cloned();
    let rows = check_operators(table, &bench.fitted.operators, &chips)?;
    let exchanges: BTreeMap<String, calibrate_comm::Row> =
        check_collectives(table, &bench.fitted.exchanges, bench.catalog)?
            .into_iter()
            .map(|row| (row.id.clone(), row))
            .collect();
    let point = |(index, row): (usize, crate::calibrate::Checked)| match exchanges.get(&row.id) {
        Some(exchange) => written.point(index, &of_exchange(exchange, File::Operators, bench)),
        None => {
            let chip = chips(&row.chip);
            let checked = Checked {
                class: family(&row.op).to_owned(),
                vendor: chip.map_or_else(String::new, |c| c.vendor),
                measured_us: row.measured_us,
                predicted_us: row.predicted_us.ok_or(row.reason),
                spread: row.spread * NINE_IN_TEN,
                basis: Basis::Chip,
                id: row.id,
                file: File::Operators,
                kind: Kind::Operator,
                op: row.op,
                chip: row.chip,
            };
            written.point(index, &checked)
        }
    };
    Ok(rows.into_iter().enumerate().map(point).collect())
}

/// Rows of exchanges, in the order of the file.
///
/// # Errors
/// [`SingleError`] if the table lacks columns.
pub fn collectives(table: &Table, bench: &Bench<'_>) -> Result<Vec<Point>, SingleError> {
    let written = Written::read(table, "library")?;
    let rows = check_collectives(table, &bench.fitted.exchanges, bench.catalog)?;
    let point = |(i, row): (usize, &calibrate_comm::Row)| written.point(i, &of_exchange(row, File::Collectives, bench));
    Ok(rows.iter().enumerate().map(point).collect())
}

fn of_exchange(row: &calibrate_comm::Row, file: File, bench: &Bench<'_>) -> Checked {
    Checked {
        id: row.id.clone(),
        file,
        kind: Kind::Exchange,
        op: row.operation.clone(),
        class: "exchange".to_owned(),
        chip: row.chip.clone(),
        vendor: bench.catalog.chip(&row.chip).map_or_else(|_| String::new(), |c| c.vendor.clone()),
        measured_us: row.measured * 1e6,
        predicted_us: match row.predicted {
            Some(seconds) => Ok(seconds * 1e6),
            None if row.reason.is_empty() => Err("not an exchange that is priced".to_owned()),
            None => Err(row.reason.clone()),
        },
        spread: row.spread,
        basis: match row.basis {
            Some(comm::Basis::Measured) => Basis::Chip,
            Some(comm::Basis::SameFabric) => Basis::Architecture,
            Some(comm::Basis::SameShape) => Basis::Class,
            Some(comm::Basis::Other) | None => Basis::Assumed,
        },
    }
}

/// Family of an operator as the bars count them.
fn family(op: &str) -> &'static str {
    match op {
        _ if op.contains("mla") || op.contains("mqa") => "MLA",
        _ if op.contains("moe") || op.contains("grouped") => "MoE",
        _ if op.contains("attention") || op.contains("mha") => "attention",
        _ if op.contains("gemm") => "GEMM",
        _ => "other",
    }
}
