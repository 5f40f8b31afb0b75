//! What can be chosen, and every fact with its source.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use formats::Scheme;
use serde_json::{Value, json};

use super::error::Refusal;
use super::state::App;
use crate::cmd::catalog::show;

/// `GET /api/v1/choices`: models, systems, storage schemes, engines, regions, objectives.
pub async fn choices(State(app): State<Arc<App>>) -> Result<Json<Value>, Refusal> {
    let models: Vec<Value> =
        ::catalog::model::entries().iter().map(|m| json!({ "id": m.id, "name": m.name })).collect();
    let systems: Vec<Value> = app
        .catalog
        .systems()
        .map(|listed| {
            let spec = &listed.spec;
            let chip = spec.chip.as_deref().and_then(|c| app.catalog.listed_chip(c).ok());
            json!({
                "id": spec.id,
                "name": spec.name.as_deref().unwrap_or(&spec.id),
                "chip": chip.and_then(|c| c.spec.name.as_deref()),
                "vendor": chip.and_then(|c| c.spec.vendor.as_deref()),
                "chips": listed.checked.as_ref().ok().map(|s| s.chips),
                "missing": listed.checked.as_ref().err(),
            })
        })
        .collect();
    let objectives: Vec<&str> = plan::study::OBJECTIVES.iter().map(|(name, _)| *name).collect();
    Ok(Json(json!({
        "program": format!("steelyard {}", env!("CARGO_PKG_VERSION")),
        "models": models,
        "systems": systems,
        "schemes": Scheme::names().collect::<Vec<_>>(),
        "engines": ::catalog::Engine::names(),
        "regions": app.catalog.regions.iter().map(|r| &r.id).collect::<Vec<_>>(),
        "objectives": objectives,
        "studies": app.studies.is_some(),
    })))
}

/// `GET /api/v1/catalog/{name}`: a chip or system with every fact, its range, kind and source.
pub async fn facts(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Value>, Refusal> {
    let things = show::find(&app.catalog, &name).map_err(|e| Refusal::unknown(&format!("thing of that name: {e}")))?;
    let text = show::json(&app.catalog, &things);
    serde_json::from_str(&text).map(Json).map_err(|_| Refusal::bug())
}
