//! Scratch: prints one line a row.
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
    let path = std::env::args().nth(1).expect("file");
    let table = plan::tables::Table::read(Path::new(&path)).expect("table");
    let cases = if path.contains("silicon") { silicon::cases(&table) } else { serving::cases(&table) }.expect("cases");
    let bench = Bench { catalog: &catalog, fitted: &fitted, engines };
    let rows = bench.predict(&cases);
    println!("id,plain,model,chip,engine,mode,source,metric,measured,predicted,reason");
    for r in rows {
        let c = &cases[r.case];
        let mode = match c.mode {
            case::Mode::Aggregated(_) => "agg",
            case::Mode::Disaggregated { .. } => "disagg",
            _ => "one",
        };
        let (p, why) = match r.predicted {
            Ok(v) => (v.to_string(), String::new()),
            Err(e) => (String::new(), e.to_string().replace(',', ";").replace('\n', " ")),
        };
        println!(
            "{},{},{},{},{},{},{},{},{},{},{}",
            r.measured.id,
            c.plain,
            c.model.replace(',', ";"),
            c.chip,
            c.engine,
            mode,
            c.source,
            r.measured.metric.name(),
            r.measured.value,
            p,
            why
        );
    }
}
