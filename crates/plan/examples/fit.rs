//! Scratch: fits an engine.
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
    let engine = std::env::args().nth(1).expect("engine");
    let every: usize = std::env::args().nth(2).map_or(5, |a| a.parse().unwrap());
    let table = plan::tables::Table::read(Path::new("/work/shared/data/measured/serving-silicon.csv")).expect("table");
    let cases: Vec<_> = silicon::cases(&table)
        .expect("cases")
        .into_iter()
        .filter(|c| c.plain && c.engine == engine)
        .step_by(every)
        .collect();
    eprintln!("{} cases", cases.len());
    let intervals = plan::interval::Intervals::default();
    let bench = Bench { catalog: &catalog, fitted: &fitted, engines, intervals: &intervals };
    let fit = plan::calibrate_engine::fit(&bench, &engine, &cases, &mut |l| eprintln!("loss {l:.4}")).unwrap();
    println!("{fit:#?}");
}
