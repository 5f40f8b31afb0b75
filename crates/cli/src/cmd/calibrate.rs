//! `steelyard calibrate`: fit the operator surfaces to measured tables.

use std::path::PathBuf;
use std::process::ExitCode;

use catalog::Catalog;
use clap::Args;
use comfy_table::Table;
use cost::Calibration;
use cost::calibration::{Entry, Subject, arithmetic_name};
use plan::calibrate::{Chips, Tables, calibrate, check_operators, load, save};
use plan::calibrate_fabric::{self, quantile};

/// Fits the time of operators to measured tables and writes small parameter files.
#[derive(Debug, Args)]
pub struct Calibrate {
    /// Folder of AIConfigurator's tables (its systems/data, or one above)
    #[arg(long, value_name = "DIR")]
    aic: Option<PathBuf>,
    /// Table of operators, one a row: columns chip, op, impl, shape, format, time_us
    #[arg(long, value_name = "FILE")]
    operators: Vec<PathBuf>,
    /// Folder of InferSim's bench_data
    #[arg(long, value_name = "DIR")]
    infersim: Option<PathBuf>,
    /// Folder of CANN profiler tables and the chip they were measured on
    #[arg(long, value_name = "CHIP=DIR")]
    profiler: Vec<String>,
    /// Folder of your own tables in the columns of --operators: every .csv and .parquet in it
    #[arg(long, value_name = "DIR")]
    tables: Option<PathBuf>,
    /// Table of collectives: fits the families of fabrics instead of operators, and writes fabric.toml
    #[arg(long, value_name = "FILE", conflicts_with_all = ["aic", "operators", "infersim", "profiler", "tables", "check"])]
    collectives: Option<PathBuf>,
    /// Folder to write to; use it with --calibration
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Date to note in the files
    #[arg(long, value_name = "DATE", default_value = "")]
    date: String,
    /// Instead of fitting: predict every row of a table of operators and compare
    #[arg(long, value_name = "FILE", conflicts_with_all = ["aic", "operators", "infersim", "profiler", "tables", "out"])]
    check: Option<PathBuf>,
    /// With --check: a folder that --out wrote, laid over the built-in calibration
    #[arg(long, value_name = "DIR", requires = "check")]
    calibration: Option<PathBuf>,
}

/// Messages from here on are bound by bandwidth more than by latency.
const MIB: f64 = 1_048_576.0;

/// Runs the command.
pub fn run(args: &Calibrate) -> ExitCode {
    let catalog = Catalog::embedded();
    let find = |name: &str| catalog.chip(name).ok().cloned();
    let done = match (&args.check, &args.collectives) {
        (_, Some(file)) => families(file, &catalog, args.out.as_deref()),
        (Some(file), _) => fitted(args).and_then(|calibration| check(file, &calibration, &find)),
        _ => fit(args, &find),
    };
    done.unwrap_or_else(|message| {
        eprintln!("error: {message}");
        ExitCode::from(2)
    })
}

/// The built-in calibration, with the user's over it.
fn fitted(args: &Calibrate) -> Result<Calibration, String> {
    let mut calibration = Calibration::embedded().map_err(|e| e.to_string())?;
    if let Some(folder) = &args.calibration {
        calibration.overlay(load(folder).map_err(|e| e.to_string())?);
    }
    Ok(calibration)
}

fn fit(args: &Calibrate, chips: Chips<'_>) -> Result<ExitCode, String> {
    let mut tables = Tables {
        aiconfigurator: args.aic.clone(),
        operators: args.operators.clone(),
        infersim: args.infersim.clone(),
        profiler: Vec::new(),
    };
    for pair in &args.profiler {
        let (chip, folder) = pair.split_once('=').ok_or_else(|| format!("--profiler {pair}: write CHIP=DIR"))?;
        tables.profiler.push((chip.to_owned(), PathBuf::from(folder)));
    }
    if let Some(folder) = &args.tables {
        let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let table = |p: &PathBuf| p.extension().is_some_and(|e| e == "csv" || e == "parquet");
        let mut files: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(table).collect();
        files.sort();
        tables.operators.extend(files);
    }
    let outcome = calibrate(&tables, chips).map_err(|e| e.to_string())?;
    println!("{}", report(&outcome.entries));
    for (reason, rows) in &outcome.dropped {
        println!("left out: {rows} ({reason})");
    }
    if let Some(folder) = &args.out {
        let sources: Vec<&str> = [
            (tables.aiconfigurator.is_some(), "AIConfigurator tables"),
            (tables.infersim.is_some(), "InferSim bench_data"),
            (!tables.profiler.is_empty(), "CANN profiler tables"),
            (!tables.operators.is_empty(), "single operators"),
        ]
        .into_iter()
        .filter_map(|(used, name)| used.then_some(name))
        .collect();
        let files = save(&outcome.entries, folder, &args.date, &sources.join(", ")).map_err(|e| e.to_string())?;
        println!("wrote {} files to {}", files.len(), folder.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Fits the families of fabrics, and shows how they meet rows that they were fitted to and rows that were held out.
fn families(file: &std::path::Path, catalog: &Catalog, out: Option<&std::path::Path>) -> Result<ExitCode, String> {
    let table = plan::tables::Table::read(file).map_err(|e| e.to_string())?;
    let fits = calibrate_fabric::fit(&table, catalog).map_err(|e| e.to_string())?;
    let mut table = Table::new();
    table.set_header(["family", "rows", "median %", "from 1 MiB %", "held out", "median %", "from 1 MiB %"]);
    let median = |errors: &[(f64, f64)], least| quantile(errors, least, 0.5).map_or_else(|| "-".to_owned(), percent);
    for f in &fits {
        let (own, held) = (&f.errors, &f.held_out);
        let counts = (own.len().to_string(), held.len().to_string());
        let row = [median(own, 0.0), median(own, MIB), median(held, 0.0), median(held, MIB)];
        table.add_row([&f.name, &counts.0, &row[0], &row[1], &counts.1, &row[2], &row[3]]);
    }
    let named = || fits.iter().filter(|f| !f.tiers.is_empty());
    let own: Vec<(f64, f64)> = named().flat_map(|f| f.errors.clone()).collect();
    let held: Vec<(f64, f64)> = named().flat_map(|f| f.held_out.clone()).collect();
    let counts = (own.len().to_string(), held.len().to_string());
    let row = [median(&own, 0.0), median(&own, MIB), median(&held, 0.0), median(&held, MIB)];
    table.add_row(["all of the above but any", &counts.0, &row[0], &row[1], &counts.1, &row[2], &row[3]]);
    println!("{table}");
    if let Some(folder) = out {
        let path = folder.join("fabric.toml");
        crate::report::write(&path, calibrate_fabric::write(&fits).as_bytes()).map_err(|e| e.to_string())?;
        println!("wrote {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn percent(value: f64) -> String {
    format!("{:.1}", value * 100.0)
}

fn report(entries: &[Entry]) -> Table {
    let mut table = Table::new();
    table.set_header(["chip", "stack", "family", "storage", "arithmetic", "n", "median %", "p90 %", "held out %"]);
    for e in entries {
        let subject = match &e.subject {
            Subject::Chip { id, .. } => id.clone(),
            Subject::Class(class) => format!("class {}", class.name()),
        };
        table.add_row([
            subject,
            e.stack.clone(),
            e.family.name().to_owned(),
            e.format.storage.name().to_owned(),
            arithmetic_name(e.format.arithmetic).to_owned(),
            e.fit.n.to_string(),
            percent(e.fit.median),
            percent(e.fit.p90),
            percent(e.fit.held_out),
        ]);
    }
    table
}

fn check(file: &std::path::Path, calibration: &Calibration, chips: Chips<'_>) -> Result<ExitCode, String> {
    let table = plan::tables::Table::read(file).map_err(|e| e.to_string())?;
    let rows = check_operators(&table, calibration, chips).map_err(|e| e.to_string())?;
    let mut table = Table::new();
    table.set_header(["id", "op", "chip", "measured us", "predicted us", "error %", "reason"]);
    for row in &rows {
        let predicted = row.predicted_us.map_or(String::new(), |p| format!("{p:.1}"));
        let error = row.predicted_us.map_or(String::new(), |p| percent((p / row.measured_us).ln()));
        let measured = format!("{:.1}", row.measured_us);
        table.add_row([&row.id, &row.op, &row.chip, &measured, &predicted, &error, &row.reason]);
    }
    println!("{table}");
    let mut kinds: Vec<&str> = rows.iter().map(|r| r.op.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for kind in kinds {
        let of_kind = || rows.iter().filter(|r| r.op == kind);
        let mut errors: Vec<f64> =
            of_kind().filter_map(|r| Some((r.predicted_us? / r.measured_us).ln().abs())).collect();
        errors.sort_by(f64::total_cmp);
        let at = |q: f64| errors.get((errors.len() as f64 * q) as usize).map_or(String::new(), |e| percent(*e));
        let refused = of_kind().count() - errors.len();
        println!("{kind}: n {} refused {refused} median {} % p90 {} %", errors.len(), at(0.5), at(0.9));
    }
    Ok(ExitCode::SUCCESS)
}
