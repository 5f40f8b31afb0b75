//! Studies in, findings out.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
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
pub async fn weigh(State(app): State<Arc<App>>, headers: HeaderMap, text: String) -> Result<Response, Refusal> {
    let packs = headers.get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("gzip"));
    let key: Key = Sha256::digest(&text).into();
    if let Some(known) = app.answered(&key) {
        return Ok(known.response(packs));
    }
    let work = {
        let app = Arc::clone(&app);
        move |stop: &Stop| {
            let (findings, counts) = compute(&app, &text, stop)?;
            let (fresh, again) = Answered::of(&findings, &counts)?;
            app.remember(key, Arc::new(again));
            Ok(fresh)
        }
    };
    app.gate.run(work).await
}

/// An answer as it is sent to whoever asks for it again: nothing is weighed, nor simulated.
pub struct Answered {
    plain: Bytes,
    /// Made when it is first asked for.
    packed: OnceLock<Bytes>,
}

impl Answered {
    /// The answer as sent now, and as sent again.
    fn of(findings: &Findings, counts: &Counts) -> Result<(Response, Answered), Refusal> {
        let page = report::sections(findings);
        let part = |value: Result<String, serde_json::Error>| value.map_err(|_| Refusal::bug());
        let (findings, page) = (part(serde_json::to_string(findings))?, part(serde_json::to_string(&page))?);
        let body = |weighed: usize, remembered: usize, simulated: u64| {
            let counts = format!("\"weighed\":{weighed},\"remembered\":{remembered},\"simulated\":{simulated}");
            format!("{{\"findings\":{findings},\"page\":{page},{counts}}}")
        };
        let fresh = body(counts.weighed, counts.remembered, counts.simulated);
        let again = body(0, counts.weighed + counts.remembered, 0);
        let fresh = ([(header::CONTENT_TYPE, "application/json")], fresh).into_response();
        Ok((fresh, Answered { plain: again.into(), packed: OnceLock::new() }))
    }

    fn response(&self, packs: bool) -> Response {
        let kind = (header::CONTENT_TYPE, "application/json");
        if !packs {
            return ([kind], self.plain.clone()).into_response();
        }
        let pack = || {
            let mut writer = GzEncoder::new(Vec::new(), Compression::fast());
            // Writing to memory does not fail.
            let _ = writer.write_all(&self.plain);
            writer.finish().unwrap_or_default().into()
        };
        let packed = self.packed.get_or_init(pack).clone();
        ([kind, (header::CONTENT_ENCODING, "gzip")], packed).into_response()
    }
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
