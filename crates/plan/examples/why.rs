//! Scratch: operators of one decode step of a case.
use plan::validate::*;
use std::collections::BTreeMap;
use std::path::Path;
fn main() {
    let catalog = catalog::Catalog::embedded();
    let fitted = plan::machine::Fitted {
        operators: cost::Calibration::embedded().expect("cal"),
        exchanges: cost::comm::CommCalibration::embedded().expect("comm"),
    };
    let engines: BTreeMap<_, _> = catalog::Engine::names()
        .into_iter()
        .map(|n| (n.to_string(), catalog::Engine::load(n).expect("engine")))
        .collect();
    let id = std::env::args().nth(1).expect("id");
    let prefill: u64 = std::env::args().nth(2).map_or(0, |a| a.parse().unwrap());
    let table = plan::tables::Table::read(Path::new("/work/shared/data/measured/serving-silicon.csv")).expect("table");
    let cases = silicon::cases(&table).expect("cases");
    let intervals = plan::interval::Intervals::default();
    let bench = Bench { catalog: &catalog, fitted: &fitted, engines, intervals: &intervals };
    let case = cases.iter().find(|c| c.measured[0].id == id).expect("no such id");
    bench.why(case, prefill);
}
