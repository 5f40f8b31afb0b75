//! What would have to change for one system to come level with another, as a job: it weighs dozens of times.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use plan::weigh::{Ground, break_even};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::Refusal;
use super::job::Progress;
use super::state::App;
use super::weigh;

/// Levers that are moved at most.
const LEVERS: u64 = 4;

/// Which two of the study's candidates: keys in the catalog; of several alike, the first.
#[derive(Debug, Deserialize)]
pub struct Pair {
    challenger: String,
    against: String,
}

/// `POST /api/v1/break-even?challenger=ID&against=ID`: starts it; the job's result names each lever's point.
pub async fn start(
    State(app): State<Arc<App>>,
    Query(pair): Query<Pair>,
    text: String,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let work = {
        let app = Arc::clone(&app);
        move |progress: &Progress| find(&app, &text, &pair, progress)
    };
    let id = app.jobs.start("break-even", work)?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "job": id }))))
}

fn find(app: &App, text: &str, pair: &Pair, progress: &Progress) -> Result<Value, Refusal> {
    let study = weigh::read(app, text)?;
    let of = |id: &str| {
        let found = study.systems.iter().find(|c| c.system.id == id);
        found.ok_or_else(|| Refusal::unknown(&format!("candidate '{id}' in this study")))
    };
    let (challenger, against) = (of(&pair.challenger)?, of(&pair.against)?);
    progress.expect(LEVERS);
    let done = |_: &str| progress.step();
    let ground = Ground { catalog: &app.catalog, fitted: &app.fitted, intervals: &app.intervals, done: &done };
    let found = break_even(&study, [challenger, against], &ground, &|| progress.stopped());
    let found = found.map_err(|e| Refusal::wrong(e.to_string()))?;
    serde_json::to_value(found).map_err(|_| Refusal::bug())
}
