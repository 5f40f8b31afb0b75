//! `steelyard calibrate`: fit the operator surfaces to measured tables, or the host times of engines to served points.

mod engines;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use catalog::Catalog;
use clap::Args;
use comfy_table::Table;
use cost::Calibration;
use cost::calibration::{Entry, Subject, arithmetic_name};
use cost::comm::CommCalibration;
use cost::train::TrainingCalibration;
use plan::calibrate::{Chips, Tables, calibrate, check_operators, load, save};
use plan::calibrate_fabric::{self, quantile};
use plan::interval::{Intervals, TRAINING_HEAD};
use plan::machine::Fitted;
use plan::train::TrainingBench;

use super::catalog::{open, refuse};
use super::ground::tables as own_tables;
use super::validate::residuals;
use crate::lang::Lang;

/// Fits the time of operators to measured tables, or the host times of engines to served points
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
    /// Folder of your own tables in the columns of --operators: every .csv and .parquet in it. With --out they are copied
    /// beside the fit, so that --calibration uses the rows themselves inside their hull
    #[arg(long, value_name = "DIR")]
    tables: Option<PathBuf>,
    /// Fit the host times of these engine profiles (all that were measured, if none is named) to the built-in serving
    /// measurements; --out writes the profiles, --check only shows the errors of those there are
    #[arg(long, value_name = "NAME", num_args = 0.., conflicts_with_all = ["aic", "operators", "infersim", "profiler", "tables", "date"])]
    engines: Option<Vec<String>>,
    /// Table of collectives: fits the families of fabrics instead of operators, and writes fabric.toml
    #[arg(long, value_name = "FILE", conflicts_with_all = ["aic", "operators", "infersim", "profiler", "tables", "check"])]
    collectives: Option<PathBuf>,
    /// Folder to write to; use it with --calibration, or (profiles) with validate --profiles
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Date to note in the files
    #[arg(long, value_name = "DATE", default_value = "")]
    date: String,
    /// Instead of fitting: predict every row of a table of operators and compare
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "",
          conflicts_with_all = ["aic", "operators", "infersim", "profiler", "tables", "out"])]
    check: Option<PathBuf>,
    /// Language; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum)]
    lang: Option<Lang>,
    /// With --check or --engines: a folder that --out wrote, laid over the built-in calibration
    #[arg(long, value_name = "DIR")]
    calibration: Option<PathBuf>,
    /// Instead of operators: fit training frameworks and chips to the built-in training runs; with --out write them
    #[arg(long, conflicts_with_all = ["aic", "operators", "infersim", "profiler", "tables", "check"])]
    training: bool,
    /// With --training: instead of one fit, predict each part of the runs by a fit to the others, and fit intervals
    #[arg(long, value_name = "COUNT", requires = "training", value_parser = clap::value_parser!(u8).range(2..=20))]
    folds: Option<u8>,
}

/// Messages from here on are bound by bandwidth more than by latency.
const MIB: f64 = 1_048_576.0;

/// Runs the command.
pub fn run(args: &Calibrate, folder: Option<&Path>) -> ExitCode {
    let catalog = match open(folder) {
        Ok(catalog) => catalog,
        Err(found) => return refuse(&found),
    };
    let find = |name: &str| catalog.chip(name).ok().cloned();
    if args.training {
        return train(args, &catalog).unwrap_or_else(|message| {
            eprintln!("error: {message}");
            ExitCode::from(2)
        });
    }
    let done = match (&args.check, &args.collectives) {
        (_, Some(file)) => families(file, &catalog, args.out.as_deref()),
        _ if args.engines.is_some() => engines::run(args).map(|()| ExitCode::SUCCESS),
        (Some(file), _) if file.as_os_str().is_empty() => {
            Err("--check: name a table of operators, or use --engines".into())
        }
        (Some(file), _) => fitted(args).and_then(|calibration| check(file, &calibration, &find)),
        _ => fit(args, &find),
    };
    done.unwrap_or_else(|message| {
        eprintln!("error: {message}");
        ExitCode::from(2)
    })
}

/// Fits what training frameworks and chips cost to the built-in training runs.
fn train(args: &Calibrate, catalog: &Catalog) -> Result<ExitCode, String> {
    let fitted = Fitted {
        operators: Calibration::embedded().map_err(|e| e.to_string())?,
        exchanges: CommCalibration::embedded().map_err(|e| e.to_string())?,
    };
    let chips = TrainingCalibration::embedded().map_err(|e| e.to_string())?;
    let intervals = Intervals::embedded().map_err(|e| e.to_string())?;
    let frameworks = super::train::frameworks()?;
    let bench = TrainingBench { catalog, fitted: &fitted, chips: &chips, frameworks, intervals: &intervals };
    let table = plan::validate::File::Training.embedded().map_err(|e| e.to_string())?;
    let cases = plan::train::cases(&table).map_err(|e| e.to_string())?;
    if let Some(folds) = args.folds {
        return held_out(args, &bench, &cases, usize::from(folds));
    }
    let fit = plan::train::calibrate::fit(&bench, &cases, &mut |loss| eprintln!("loss {loss:.4}"));
    println!("{} runs, loss {:.4} before, {:.4} after", fit.rows, fit.loss.0, fit.loss.1);
    for (name, text) in plan::train::files(&fit, &args.date) {
        match &args.out {
            None => println!("\n# {name}\n{text}"),
            Some(folder) => {
                let path = folder.join(name);
                crate::report::write(&path, text.as_bytes()).map_err(|e| e.to_string())?;
                println!("{}", path.display());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Predicts runs by fits that have not seen their group, tells the errors, and fits intervals to them.
fn held_out(
    args: &Calibrate,
    bench: &TrainingBench<'_>,
    cases: &[plan::train::TrainingCase],
    folds: usize,
) -> Result<ExitCode, String> {
    let unseen = plan::train::calibrate::held_out(bench, cases, folds, &mut |part| eprintln!("{part} of {folds}"));
    for bar in plan::validate::bars(&unseen.groups) {
        let e = &bar.errors;
        println!(
            "{} ({}): {} runs unseen by the fit, median error {} %, p90 {} %",
            bar.what.name(),
            bar.maker,
            e.count,
            percent(e.median),
            percent(e.p90)
        );
    }
    let orders = plan::train::orderings(cases, &unseen.groups);
    println!("orderings: {} of {} right", orders.right, orders.pairs);
    let intervals = plan::train::calibrate::intervals(&residuals(&unseen.groups), &residuals(&unseen.classes));
    for s in &intervals.stratum {
        println!(
            "interval {} {} {}: {} to {}, {} runs, {} groups, coverage of unseen groups {} %",
            s.kind,
            s.basis,
            s.engine,
            s.low,
            s.high,
            s.n,
            s.groups,
            percent(s.coverage)
        );
    }
    if let Some(folder) = &args.out {
        let path = folder.join("training-intervals.toml");
        crate::report::write(&path, intervals.to_toml(TRAINING_HEAD).as_bytes()).map_err(|e| e.to_string())?;
        println!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
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
        tables.operators.extend(own_tables(folder)?);
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
        // Inside their hull the rows themselves go before what was fitted to them.
        for table in args.tables.as_deref().map_or(Ok(Vec::new()), own_tables)? {
            let Some(name) = table.file_name() else { continue };
            let copy = folder.join(name);
            if copy != table {
                std::fs::copy(&table, &copy).map_err(|e| format!("{}: {e}", copy.display()))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Fits the families of fabrics, and shows how they meet rows that they were fitted to and rows that were held out.
fn families(file: &std::path::Path, catalog: &Catalog, out: Option<&std::path::Path>) -> Result<ExitCode, String> {
    let table = plan::tables::Table::read(file).map_err(|e| e.to_string())?;
    let fits = calibrate_fabric::fit(&table, catalog).map_err(|e| e.to_string())?;
    let mut table = Table::new();
    table.set_header([
        "family",
        "rows",
        "median %",
        "from 1 MiB %",
        "source held out",
        "from 1 MiB %",
        "machine held out",
        "from 1 MiB %",
    ]);
    let median = |errors: &[(f64, f64)], least| quantile(errors, least, 0.5).map_or_else(|| "-".to_owned(), percent);
    let mut show = |name: &str, errors: [&[(f64, f64)]; 3]| {
        let mut row = vec![name.to_owned(), errors[0].len().to_string()];
        row.extend(errors.iter().flat_map(|e| [median(e, 0.0), median(e, MIB)]));
        table.add_row(row);
    };
    for f in &fits {
        show(&f.name, [&f.errors, &f.held_out, &f.unseen]);
    }
    let named = |of: &dyn Fn(&calibrate_fabric::FamilyFit) -> Vec<(f64, f64)>| -> Vec<(f64, f64)> {
        fits.iter().filter(|f| !f.tiers.is_empty()).flat_map(of).collect()
    };
    let all = [named(&|f| f.errors.clone()), named(&|f| f.held_out.clone()), named(&|f| f.unseen.clone())];
    show("all of the above but any", [&all[0], &all[1], &all[2]]);
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
