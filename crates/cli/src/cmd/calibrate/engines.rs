//! `steelyard calibrate --engines`: fit the host times of engine profiles to served points.

use std::path::Path;

use catalog::{Catalog, Engine};
use indicatif::{ProgressBar, ProgressStyle};
use plan::calibrate_engine::{self, EngineFit, Quality};
use plan::interval::Intervals;
use plan::validate::case::Case;
use plan::validate::{Bench, Errors, File, serving, silicon};

use super::Calibrate;
use crate::cmd::ground;
use crate::lang::number::percent;
use crate::lang::{Lang, Msg};
use crate::report::write;
use crate::table::{self, Align, View, grid};

/// Fits, or only checks, and prints errors before, in sample and held out.
pub fn run(args: &Calibrate) -> Result<(), String> {
    let lang = Lang::choose(args.lang);
    if args.check.as_ref().is_some_and(|file| !file.as_os_str().is_empty()) {
        return Err("--engines --check takes no file".to_owned());
    }
    let catalog = Catalog::embedded();
    let fitted = ground::fitted(args.calibration.as_deref())?;
    let intervals = Intervals::embedded().map_err(|e| e.to_string())?;
    let bench = Bench { catalog: &catalog, fitted: &fitted, engines: ground::engines(None)?, intervals: &intervals };
    let cases = cases(&bench)?;
    let named = args.engines.as_deref().unwrap_or_default();
    if let Some(unknown) = named.iter().find(|n| !bench.engines.contains_key(*n)) {
        return Err(format!("no engine profile '{unknown}'; known: {}", Engine::names().join(", ")));
    }
    let wanted = |name: &&String| named.is_empty() || named.contains(name);
    let view = View::of_stdout(lang);
    let mut rows = Vec::new();
    for name in bench.engines.keys().filter(wanted) {
        if args.check.is_some() {
            rows.extend(calibrate_engine::check(&bench, name, &cases).iter().map(|q| row(name, q)));
            continue;
        }
        let bar = ProgressBar::new(1000).with_message(name.clone());
        if let Ok(style) = ProgressStyle::with_template("{msg:16} {wide_bar} {percent} % {eta}") {
            bar.set_style(style);
        }
        let fit = calibrate_engine::fit(&bench, name, &cases, &mut |share| bar.set_position((share * 1000.0) as u64));
        bar.finish_and_clear();
        let Some(fit) = fit else {
            if named.contains(name) {
                return Err(format!("no plain row of '{name}' states its set-up: nothing to fit to"));
            }
            continue;
        };
        rows.extend(fit.quality.iter().map(|q| row(name, q)));
        if let Some(folder) = &args.out {
            save(folder, &fit)?;
        }
    }
    let header: Vec<(String, Align)> = [
        (Msg::FitEngine, Align::Left),
        (Msg::Value, Align::Left),
        (Msg::Count, Align::Right),
        (Msg::FitBefore, Align::Right),
        (Msg::FitInSample, Align::Right),
        (Msg::FitHeldOut, Align::Right),
    ]
    .into_iter()
    .map(|(msg, align)| (msg.text(lang).to_owned(), align))
    .collect();
    table::print(&grid(&header, &rows, false, view)).map_err(|e| format!("cannot write to standard output: {e}"))
}

fn cases(bench: &Bench<'_>) -> Result<Vec<Case>, String> {
    let table = |file: File| file.embedded().map_err(|e| e.to_string());
    let mut cases = silicon::cases(&table(File::ServingSilicon)?).map_err(|e| e.to_string())?;
    let more = serving::cases(&table(File::Serving)?, bench.catalog, &bench.engines);
    cases.extend(more.map_err(|e| e.to_string())?);
    Ok(cases)
}

fn row(engine: &str, quality: &Quality) -> Vec<String> {
    let shown = |e: Option<Errors>| e.map_or("-".to_owned(), |e| format!("{} / {}", percent(e.median), percent(e.p90)));
    vec![
        engine.to_owned(),
        quality.kind.name().to_owned(),
        quality.before.count.to_string(),
        shown(Some(quality.before)),
        shown(quality.fitted),
        shown(quality.held_out),
    ]
}

fn save(folder: &Path, fit: &EngineFit) -> Result<(), String> {
    let text = Engine::text(&fit.engine).unwrap_or_default();
    let note = format!("calibrate --engines: {} values, {} models on chips", fit.values, fit.groups);
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let path = folder.join(format!("{}.toml", fit.engine));
    write(&path, calibrate_engine::written(text, fit, &note).as_bytes()).map_err(|e| e.to_string())
}
