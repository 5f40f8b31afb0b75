//! A fabric under a collective: what `steelyard fabric collective --json --map` prints.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use clap::Parser;
use serde::Deserialize;
use serde_json::Value;

use super::error::Refusal;
use super::state::App;
use crate::cmd::fabric::{Collective, Stop, collective_json};

/// Faults that a request may bring.
const FAULTS: usize = 64;

/// What is asked, in the words of the command line.
#[derive(Debug, Deserialize)]
pub struct Asked {
    system: String,
    op: String,
    bytes: String,
    ranks: Option<u32>,
    placement: Option<String>,
    algorithm: Option<String>,
    faults: Option<String>,
}

/// The command's arguments by themselves.
#[derive(Debug, Parser)]
#[command(name = "fabric", no_binary_name = true, disable_help_flag = true)]
struct Arguments {
    #[command(flatten)]
    collective: Collective,
}

/// `GET /api/v1/fabric?system=..&op=..&bytes=..`: times, remedies, and the fabric on a sheet with the load of its links.
pub async fn collective(State(app): State<Arc<App>>, Query(asked): Query<Asked>) -> Result<Json<Value>, Refusal> {
    let arguments = arguments(&asked)?;
    let work = {
        let app = Arc::clone(&app);
        move |_: &super::gate::Stop| collective_json(&arguments.collective, &app.catalog).map_err(refusal)
    };
    app.gate.run(work).await.map(Json)
}

fn arguments(asked: &Asked) -> Result<Arguments, Refusal> {
    let placement = asked.placement.as_deref().unwrap_or("packed");
    // The command line reads placements from files; a request may name none.
    if !["packed", "spread"].contains(&placement) {
        return Err(Refusal::wrong("placement: write packed or spread"));
    }
    let faults = asked.faults.as_deref().unwrap_or("");
    if faults.split(',').count() > FAULTS {
        return Err(Refusal::wrong(format!("faults: at most {FAULTS}")));
    }
    let mut line = vec![format!("--op={}", asked.op), format!("--bytes={}", asked.bytes)];
    line.push(format!("--placement={placement}"));
    line.extend(asked.ranks.map(|ranks| format!("--ranks={ranks}")));
    line.extend(asked.algorithm.as_ref().map(|name| format!("--algorithm={name}")));
    if !faults.is_empty() {
        line.push(format!("--fault={faults}"));
    }
    line.extend(["--json", "--map", "--", asked.system.as_str()].map(str::to_owned));
    let told = |e: clap::Error| {
        let text = e.to_string();
        let first = text.lines().next().unwrap_or("wrong").trim_start_matches("error: ").to_owned();
        Refusal::wrong(first.replace("--", ""))
    };
    Arguments::try_parse_from(line).map_err(told)
}

fn refusal(stop: Stop) -> Refusal {
    match stop {
        Stop::Wrong(message) => Refusal::wrong(message),
        Stop::Impossible(message) => Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "impossible", message),
    }
}
