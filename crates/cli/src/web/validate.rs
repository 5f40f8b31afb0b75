//! Predicted against measured, as a job.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use plan::interval::Intervals;
use plan::train::Watch;
use plan::validate::{self, Bench, File, Point, serving, silicon};
use serde_json::{Value, json};

use super::error::Refusal;
use super::job::Progress;
use super::state::App;
use crate::cmd::ground;
use crate::cmd::validate::{faults, output, residuals};

/// Cases predicted between two looks at whether the job is cancelled.
const CHUNK: usize = 64;

/// `POST /api/v1/validate`: starts it; the job's result is what `steelyard validate --json` prints.
pub async fn start(State(app): State<Arc<App>>) -> Result<(StatusCode, Json<Value>), Refusal> {
    let work = {
        let app = Arc::clone(&app);
        move |progress: &Progress| all(&app, progress)
    };
    let id = app.jobs.start("validate", work)?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "job": id }))))
}

fn all(app: &App, progress: &Progress) -> Result<Value, Refusal> {
    let engines = ground::engines(None).map_err(Refusal::wrong)?;
    let bench = Bench { catalog: &app.catalog, fitted: &app.fitted, engines, intervals: &app.intervals };
    let bug = |_| Refusal::bug();
    let mut points: Vec<Point> = Vec::new();
    let mut tables = Vec::new();
    for file in [File::Serving, File::ServingSilicon] {
        let table = file.embedded().map_err(bug)?;
        let cases = match file {
            File::Serving => serving::cases(&table, bench.catalog, &bench.engines),
            _ => silicon::cases(&table),
        };
        let cases = cases.map_err(|e| Refusal::wrong(e.to_string()))?;
        progress.expect(cases.len() as u64);
        tables.push(cases);
    }
    for chunk in tables.iter().flat_map(|cases| cases.chunks(CHUNK)) {
        if progress.stopped() {
            return Err(Refusal::cancelled());
        }
        points.append(&mut bench.predict(chunk, &|| progress.step()));
    }
    let single = [(File::Operators, true), (File::Collectives, false)];
    for (file, operators) in single {
        let table = file.embedded().map_err(bug)?;
        let found = if operators { validate::operators(&table, &bench) } else { validate::collectives(&table, &bench) };
        points.append(&mut found.map_err(|e| Refusal::wrong(e.to_string()))?);
    }
    let watch = Watch { told: &|_| (), stopped: &|| progress.stopped() };
    let jobs = faults::jobs(&app.catalog, watch).map_err(|_| Refusal::bug())?;
    progress.heed();
    let held_out = Intervals::held_out(&residuals(&points));
    serde_json::from_str(&output::json(&points, &held_out, &jobs)).map_err(|_| Refusal::bug())
}
