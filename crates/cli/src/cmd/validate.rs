//! `steelyard validate`: predicted against measured, for everyone to see.

pub mod faults;
pub mod output;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use cost::train::TrainingCalibration;
use indicatif::{ProgressBar, ProgressStyle};
use plan::interval::{HEAD, Intervals, Residual};
use plan::tables::Table;
use plan::train::TrainingBench;
use plan::validate::{self, Bench, By, File, Kind, Point, serving, silicon};

use super::ground;
use crate::lang::Lang;
use crate::lang::training::{Training, fill};
use crate::report::write;
use crate::table::{self, View};

/// Predicts published measurements and shows how far off the predictions are
#[derive(Debug, Args)]
pub struct Validate {
    /// Only this file of the built-in ones
    #[arg(long, value_name = "FILE", value_parser = clap::builder::PossibleValuesParser::new(FILES), conflicts_with = "rows")]
    file: Option<String>,
    /// Measurements of your own, in the columns of one of the built-in files
    #[arg(long, value_name = "FILE")]
    rows: Option<PathBuf>,
    /// Folder of fitted parameters of your own that go over the built-in ones
    #[arg(long, value_name = "FOLDER")]
    calibration: Option<PathBuf>,
    /// Folder of engine profiles of your own (NAME.toml), laid over the built-in ones
    #[arg(long, value_name = "DIR")]
    profiles: Option<PathBuf>,
    /// Write every row: id, metric, unit, measured, predicted, low, high, reason and more
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Print every row and the goals as JSON instead of tables
    #[arg(long)]
    json: bool,
    /// What to group by
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "metric,chip,class,phase,engine",
          value_parser = clap::builder::PossibleValuesParser::new(GROUPS))]
    by: Vec<String>,
    /// One table of every combination of --by instead of one table each
    #[arg(long)]
    cross: bool,
    /// Also count rows with a trap or a doubt in the groups
    #[arg(long)]
    all: bool,
    /// Fit the 90 % intervals to these rows and write them
    #[arg(long, value_name = "FILE")]
    write_intervals: Option<PathBuf>,
    /// Of training: predict each row by a fit that has seen no row of its model on its chip; so many fits, minutes each
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(2..=20))]
    folds: Option<u8>,
    /// Language; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum)]
    lang: Option<Lang>,
}

const FILES: [&str; 6] = ["serving", "serving-silicon", "operators", "collectives", "training", FAULTS];
/// Jobs that fail: studies instead of a table.
const FAULTS: &str = "faults";
const GROUPS: [&str; 8] = ["chip", "model", "class", "phase", "engine", "metric", "source", "basis"];

/// Runs the command; 2 if a file is not what it should be.
pub fn run(args: &Validate, folder: Option<&std::path::Path>) -> ExitCode {
    match try_run(args, folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

fn try_run(args: &Validate, folder: Option<&std::path::Path>) -> Result<(), String> {
    let lang = Lang::choose(args.lang);
    let catalog = super::catalog::open(folder).map_err(|faults| lines(&faults))?;
    let fitted = ground::fitted(args.calibration.as_deref())?;
    let intervals = Intervals::embedded().map_err(|e| e.to_string())?;
    let bench = Bench {
        catalog: &catalog,
        fitted: &fitted,
        engines: ground::engines(args.profiles.as_deref())?,
        intervals: &intervals,
    };
    if args.folds.is_some() && args.rows.is_none() && args.file.as_deref() != Some(File::Training.name()) {
        return Err("--folds goes with --file training".to_owned());
    }
    let jobs = match args.rows.is_none() && args.file.as_ref().is_none_or(|f| f == FAULTS) {
        true => faults::jobs(&catalog, plan::train::Watch::NOBODY).map_err(|found| lines(&found))?,
        false => Vec::new(),
    };
    let points = points(args, &bench)?;
    let residuals = residuals(&points);
    if let Some(path) = &args.write_intervals {
        // Those of training come from fits that have not seen a run: `calibrate --training --folds` makes them.
        let served: Vec<Residual> =
            residuals.iter().filter(|r| !matches!(r.kind, Kind::Step | Kind::Memory)).cloned().collect();
        write(path, Intervals::fit(&served).to_toml(HEAD).as_bytes()).map_err(|e| e.to_string())?;
    }
    if let Some(path) = &args.csv {
        write(path, &output::csv(&points)).map_err(|e| e.to_string())?;
    }
    let held_out = Intervals::held_out(&residuals);
    let orders = orderings(args, &points)?;
    let text = if args.json {
        output::json(&points, &held_out, &jobs)
    } else {
        let by: Vec<By> = By::NAMED.iter().filter(|(n, _)| args.by.iter().any(|b| b == n)).map(|&(_, b)| b).collect();
        let shape = show::Shape { cross: args.cross, all: args.all, held_out: &held_out };
        let view = View::of_stdout(lang);
        let mut text = if points.is_empty() { String::new() } else { show::tables(&points, &by, &shape, view) };
        text.push_str(&faults::text(&jobs, view));
        if orders.pairs > 0 {
            let share = crate::lang::number::percent(orders.right as f64 / orders.pairs as f64);
            let counts = [("right", orders.right.to_string()), ("pairs", orders.pairs.to_string()), ("share", share)];
            let counts: Vec<(&str, &str)> = counts.iter().map(|(n, v)| (*n, v.as_str())).collect();
            text.push_str(&format!("\n{}\n", fill(Training::Orderings, lang, &counts)));
        }
        text
    };
    table::print(&text).map_err(|e| format!("cannot write to standard output: {e}"))
}

fn lines(faults: &[catalog::Diagnostic]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn points(args: &Validate, bench: &Bench<'_>) -> Result<Vec<Point>, String> {
    let mut tables: Vec<(File, Table)> = Vec::new();
    match &args.rows {
        Some(path) => {
            let table = Table::read(path).map_err(|e| e.to_string())?;
            tables.push((File::of(&table).map_err(|e| e.to_string())?, table));
        }
        None => {
            let wanted = |f: &File| args.file.as_ref().is_none_or(|name| name == f.name());
            for file in File::ALL.into_iter().filter(wanted) {
                tables.push((file, file.embedded().map_err(|e| e.to_string())?));
            }
        }
    }
    let mut points = Vec::new();
    for (file, table) in &tables {
        points.append(&mut of_table(args, *file, table, bench)?);
    }
    Ok(points)
}

fn of_table(args: &Validate, file: File, table: &Table, bench: &Bench<'_>) -> Result<Vec<Point>, String> {
    let cases = match file {
        File::Serving => serving::cases(table, bench.catalog, &bench.engines),
        File::ServingSilicon => silicon::cases(table),
        File::Operators => return validate::operators(table, bench).map_err(|e| e.to_string()),
        File::Collectives => return validate::collectives(table, bench).map_err(|e| e.to_string()),
        File::Training => return training(args, table, bench),
    };
    let cases = cases.map_err(|e| e.to_string())?;
    // indicatif draws on a terminal's standard error only.
    let bar = ProgressBar::new(cases.len() as u64).with_message(file.name());
    if let Ok(style) = ProgressStyle::with_template("{msg:16} {wide_bar} {pos}/{len} {eta}") {
        bar.set_style(style);
    }
    let points = bench.predict(&cases, &|| bar.inc(1));
    bar.finish_and_clear();
    Ok(points)
}

/// How many pairs of measured training runs are ordered as they were measured.
fn orderings(args: &Validate, points: &[Point]) -> Result<plan::train::Ordering, String> {
    let of_training: Vec<Point> = points.iter().filter(|p| p.file == File::Training).cloned().collect();
    if of_training.is_empty() {
        return Ok(plan::train::Ordering::default());
    }
    let table = match &args.rows {
        Some(path) => Table::read(path).map_err(|e| e.to_string())?,
        None => File::Training.embedded().map_err(|e| e.to_string())?,
    };
    let cases = plan::train::cases(&table).map_err(|e| e.to_string())?;
    Ok(plan::train::orderings(&cases, &of_training))
}

/// Training runs: another question, other set-ups, the same answer.
fn training(args: &Validate, table: &Table, bench: &Bench<'_>) -> Result<Vec<Point>, String> {
    let cases = plan::train::cases(table).map_err(|e| e.to_string())?;
    let chips = TrainingCalibration::embedded().map_err(|e| e.to_string())?;
    let frameworks = super::train::frameworks()?;
    let bench = TrainingBench {
        catalog: bench.catalog,
        fitted: bench.fitted,
        chips: &chips,
        frameworks,
        intervals: bench.intervals,
    };
    Ok(match args.folds {
        None => plan::train::predict(&bench, &cases, &|| ()),
        Some(folds) => {
            let bar = ProgressBar::new(u64::from(folds)).with_message("training");
            if let Ok(style) = ProgressStyle::with_template("{msg:16} {wide_bar} {pos}/{len} {elapsed}") {
                bar.set_style(style);
            }
            bar.tick();
            let told = &mut |_| bar.inc(1);
            let unseen = plan::train::calibrate::held_out(&bench, &cases, usize::from(folds), told);
            bar.finish_and_clear();
            unseen.groups
        }
    })
}

/// Residuals of the rows that a fair comparison is possible with.
pub fn residuals(points: &[Point]) -> Vec<Residual> {
    let serving = |p: &&Point| p.plain && matches!(p.file, File::Serving | File::ServingSilicon | File::Training);
    let residual = |p: &Point| {
        Some(Residual {
            kind: p.kind,
            basis: p.basis,
            engine: p.engine.clone(),
            group: format!("{} on {}", p.model, p.chip),
            log: -p.error()?,
        })
    };
    points.iter().filter(serving).filter_map(residual).collect()
}
