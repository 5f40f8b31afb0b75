//! Studies in, findings out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use plan::findings::{Findings, SystemFinding};
use plan::study::{self, Candidate, Study};
use plan::weigh::{self, Ground};
use rayon::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::error::Refusal;
use super::gate::Stop;
use super::state::{App, Key};
use crate::report;

/// Most candidates of a study that a request may bring.
const CANDIDATES: usize = 64;
/// Most requests simulated for each point.
const REQUESTS: u64 = 8_192;
/// What faults call the text.
pub const NAME: &str = "study.toml";

/// `POST /api/v1/weigh`: findings, and the page's sections that show them.
pub async fn weigh(State(app): State<Arc<App>>, text: String) -> Result<Json<Value>, Refusal> {
    let (findings, counts) = answer(app, text).await?;
    let page = report::sections(&findings);
    Ok(Json(
        json!({ "findings": findings, "page": page, "weighed": counts.weighed, "remembered": counts.remembered, "simulated": counts.simulated }),
    ))
}

/// `POST /api/v1/report`: the same as one HTML file.
pub async fn report(State(app): State<Arc<App>>, text: String) -> Result<Response, Refusal> {
    let (findings, _) = answer(app, text).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"report.html\""),
    ];
    Ok((headers, report::render(&findings)).into_response())
}

/// `POST /api/v1/csv`: the ranking as a table.
pub async fn csv(State(app): State<Arc<App>>, text: String) -> Result<Response, Refusal> {
    let (findings, _) = answer(app, text).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"findings.csv\""),
    ];
    Ok((headers, report::csv(&findings)).into_response())
}

/// `POST /api/v1/parquet`: the same, typed.
pub async fn parquet(State(app): State<Arc<App>>, text: String) -> Result<Response, Refusal> {
    let (findings, _) = answer(app, text).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/vnd.apache.parquet"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"findings.parquet\""),
    ];
    let bytes = report::parquet(&findings).map_err(|_| Refusal::bug())?;
    Ok((headers, bytes).into_response())
}

/// `POST /api/v1/check`: whether a study is whole, without weighing.
pub async fn check(State(app): State<Arc<App>>, text: String) -> Result<Json<Value>, Refusal> {
    app.gate
        .run({
            let app = Arc::clone(&app);
            move |_| {
                read(&app, &text).map(|study| Json(json!({ "title": study.title, "systems": study.systems.len() })))
            }
        })
        .await
}

/// Systems weighed for a request, and taken from memory; points simulated for them.
struct Counts {
    weighed: usize,
    remembered: usize,
    simulated: u64,
}

async fn answer(app: Arc<App>, text: String) -> Result<(Findings, Counts), Refusal> {
    app.gate
        .run({
            let app = Arc::clone(&app);
            move |stop| compute(&app, &text, stop)
        })
        .await
}

/// A study whose candidates and simulations a request may ask for.
pub fn read(app: &App, text: &str) -> Result<Study, Refusal> {
    // Without a folder a study may name no files of this machine.
    let study = study::check(NAME, text, None, app.library()).map_err(Refusal::faults)?;
    if study.systems.len() + study.incomplete.len() > CANDIDATES {
        return Err(Refusal::wrong(format!(
            "a study may bring {CANDIDATES} candidates here; the command line takes more"
        )));
    }
    if study.search.requests > REQUESTS {
        return Err(Refusal::wrong(format!("search.requests may be {REQUESTS} here; the command line takes more")));
    }
    Ok(study)
}

fn compute(app: &App, text: &str, stop: &Stop) -> Result<(Findings, Counts), Refusal> {
    let study = read(app, text)?;
    let engines = weigh::engines(&study, &app.catalog);
    let ground = Ground { catalog: &app.catalog, fitted: &app.fitted, intervals: &app.intervals, done: &|_| {} };
    let simulated = AtomicU64::new(0);
    let one = |(candidate, engines): (&Candidate, &Vec<catalog::Engine>)| {
        let key = key(&study, candidate);
        if let Some(known) = app.known(&key) {
            return Some(((*known).clone(), false));
        }
        if stop.stopped() {
            return None;
        }
        let recall = app.recall(&study, candidate);
        let before = recall.simulated();
        let finding: SystemFinding = weigh::weigh_one(&study, candidate, engines, &ground, &recall);
        simulated.fetch_add(recall.simulated() - before, Ordering::Relaxed);
        app.keep(key, Arc::new(finding.clone()));
        Some((finding, true))
    };
    let found: Option<Vec<(SystemFinding, bool)>> = study.systems.par_iter().zip(engines.par_iter()).map(one).collect();
    let found = found.ok_or_else(|| Refusal::wrong("given up"))?;
    let weighed = found.iter().filter(|(_, new)| *new).count();
    let counts = Counts { weighed, remembered: found.len() - weighed, simulated: simulated.into_inner() };
    let systems = found.into_iter().map(|(finding, _)| finding).collect();
    Ok((weigh::assemble(&study, systems, &app.catalog), counts))
}

/// Digest of all that the answer for one candidate depends on: the study without its title and its other candidates.
fn key(study: &Study, candidate: &Candidate) -> Key {
    let alone = Study { title: String::new(), systems: Vec::new(), incomplete: Vec::new(), ..study.clone() };
    let mut digest = Sha256::new();
    digest.update(format!("{alone:?}{candidate:?}"));
    digest.finalize().into()
}
