//! Studies of other kinds than serving: training, replay, goodput, purchase, claims. They take longer, so they run as jobs.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use cost::train::TrainingCalibration;
use plan::train::{self, NoAnswer, TrainingGround, Watch};
use plan::weigh::Ground;
use plan::{claims, goodput, purchase, replay};
use serde::Serialize;
use serde_json::{Value, json};

use super::error::Refusal;
use super::job::Progress;
use super::state::App;
use super::traces;
use super::weigh::NAME;
use crate::report;

/// What can be run: its name, and studies to begin with.
struct Kind {
    name: &'static str,
    run: fn(&App, &str, &Progress) -> Result<Value, Refusal>,
    examples: &'static [(&'static str, &'static str)],
}

macro_rules! examples {
    ($($name:literal),*) => {
        &[$(($name, include_str!(concat!("../../../../examples/", $name, ".toml")))),*]
    };
}

const KINDS: [Kind; 5] = [
    Kind {
        name: "train",
        run: train,
        examples: examples!["deepseek-v3-pretrain", "llama-3.1-405b-pretrain", "moe-1t-pretrain"],
    },
    Kind { name: "replay", run: replay, examples: examples!["azure-conversation", "mixed-fleet"] },
    Kind {
        name: "goodput",
        run: goodput,
        examples: examples!["goodput-supernodes", "goodput-tpu-rewiring", "goodput-llama3-54-days"],
    },
    Kind { name: "plan", run: plan, examples: examples!["china-inference-2026"] },
    Kind {
        name: "claims",
        run: claims,
        examples: examples!["claims/h20-20-percent", "claims/cm384-beats-nvl72", "claims/tpu-half-cost-long-context"],
    },
];

/// `GET /api/v1/run`: kinds of studies with examples.
pub async fn kinds() -> Json<Value> {
    let kind = |kind: &Kind| {
        let examples: Vec<Value> =
            kind.examples.iter().map(|(name, text)| json!({ "name": name, "text": text })).collect();
        json!({ "kind": kind.name, "examples": examples })
    };
    Json(KINDS.iter().map(kind).collect())
}

/// `POST /api/v1/run/{kind}`: starts a job. Its result: findings, the sections that show them, the whole report.
pub async fn start(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    text: String,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let kind = KINDS.iter().find(|k| k.name == name).ok_or_else(|| Refusal::unknown("kind of study of that name"))?;
    let run = kind.run;
    let work = {
        let app = Arc::clone(&app);
        move |progress: &Progress| run(&app, &text, progress)
    };
    let id = app.jobs.start(kind.name, work)?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "job": id }))))
}

/// Parts of work whose steps are many and small.
const PARTS: usize = 100;

fn train(app: &App, text: &str, progress: &Progress) -> Result<Value, Refusal> {
    let study = train::study::check(NAME, text, None, app.library()).map_err(Refusal::faults)?;
    let chips = TrainingCalibration::embedded().map_err(|_| Refusal::bug())?;
    let ground = TrainingGround {
        catalog: &app.catalog,
        fitted: &app.fitted,
        chips: &chips,
        intervals: &app.intervals,
        done: &|_| (),
        watch: Watch { told: &|share| progress.share(share, PARTS), stopped: &|| progress.stopped() },
    };
    let findings = train::weigh(&study, &ground).map_err(|error| match error {
        NoAnswer::Profile(faults) => Refusal::faults(faults),
        NoAnswer::Stopped => Refusal::cancelled(),
    })?;
    told(&findings, report::train::render(&findings))
}

fn replay(app: &App, text: &str, progress: &Progress) -> Result<Value, Refusal> {
    traces::confined(text)?;
    let study = replay::check(NAME, text, Some(app.traces.folder()?), app.library()).map_err(Refusal::faults)?;
    let answered = replay::answer(&study, &app.fitted, &|now| {
        progress.at(now.ended as u64, now.requests as u64);
        !progress.stopped()
    });
    let findings = answered.map_err(|e| Refusal::wrong(e.to_string()))?.findings;
    told(&findings, report::render_replay(&findings))
}

fn goodput(app: &App, text: &str, progress: &Progress) -> Result<Value, Refusal> {
    let study = goodput::check(NAME, text, None, app.library()).map_err(Refusal::faults)?;
    let watch = Watch { told: &|share| progress.share(share, study.systems.len()), stopped: &|| progress.stopped() };
    let findings = goodput::watched(&study, watch).ok_or_else(Refusal::cancelled)?;
    told(&findings, report::goodput(&findings))
}

fn plan(app: &App, text: &str, progress: &Progress) -> Result<Value, Refusal> {
    let question = purchase::check(NAME, text, None, app.library()).map_err(Refusal::faults)?;
    let chips = TrainingCalibration::embedded().map_err(|_| Refusal::bug())?;
    // Systems that are weighed on the way are no steps, but the work may end after any of them.
    let (heed, stopped) = (|_: &str| progress.heed(), || progress.stopped());
    let engine = purchase::engine::Engine::new(ground(app, &heed), &chips).watched(quiet(&stopped));
    let watch = purchase::Watch {
        expect: &|more| progress.expect(more),
        step: &|_| progress.step(),
        stopped: &|| progress.stopped(),
    };
    let findings = purchase::plan(question, &engine, &watch).map_err(|e| Refusal::wrong(e.to_string()))?;
    told(&findings, report::plan::render(&findings))
}

/// One claim, or all that come with the program where none is written.
fn claims(app: &App, text: &str, progress: &Progress) -> Result<Value, Refusal> {
    let claims = match text.trim() {
        "" => claims::embedded(app.library()).map_err(|_| Refusal::bug())?,
        _ => vec![claims::check(NAME, text, None, app.library()).map_err(Refusal::faults)?],
    };
    progress.expect(claims.len() as u64);
    let (heed, stopped) = (|_: &str| progress.heed(), || progress.stopped());
    let ground = ground(app, &heed);
    let mut found = Vec::new();
    for claim in &claims {
        found.push(claims::run(claim, &ground, quiet(&stopped)).ok_or_else(Refusal::cancelled)?);
        progress.step();
    }
    told(&found, report::claims::render(&found))
}

fn ground<'a>(app: &'a App, done: &'a (dyn Fn(&str) + Sync)) -> Ground<'a> {
    Ground { catalog: &app.catalog, fitted: &app.fitted, intervals: &app.intervals, done }
}

/// Who may end work that is a part of other work, and is told nothing of it.
fn quiet<'a>(stopped: &'a (dyn Fn() -> bool + Sync)) -> Watch<'a> {
    Watch { told: &|_| (), stopped }
}

fn told<T: Serialize>(findings: &T, report: String) -> Result<Value, Refusal> {
    let findings = serde_json::to_value(findings).map_err(|_| Refusal::bug())?;
    let page = report.split_once("<main>").and_then(|(_, rest)| rest.split_once("</main>")).map(|(page, _)| page);
    let page = page.ok_or_else(Refusal::bug)?.to_owned();
    Ok(json!({ "findings": findings, "page": page, "report": report }))
}
