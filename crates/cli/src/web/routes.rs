//! What is where.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::{get, post, put};
use axum::{Router, middleware};

use super::error::Refusal;
use super::state::App;
use super::{asset, catalog, even, fabric, guard, job, run, studies, table, traces, validate, weigh};

/// The description of the API.
pub const OPENAPI: &str = include_str!("openapi.json");

/// All routes behind the guard.
pub fn router(app: Arc<App>) -> Router {
    let api = Router::new()
        .route("/choices", get(catalog::choices))
        .route("/catalog/{name}", get(catalog::facts))
        .route("/check", post(weigh::check))
        .route("/weigh", post(weigh::weigh))
        .route("/report", post(weigh::report))
        .route("/csv", post(weigh::csv))
        .route("/parquet", post(weigh::parquet))
        .route("/columns", post(table::columns).layer(DefaultBodyLimit::max(table::BYTES)))
        .route("/break-even", post(even::start))
        .route("/studies", get(studies::list))
        .route("/studies/{name}", get(studies::read).put(studies::keep).delete(studies::remove))
        .route("/fabric", get(fabric::collective))
        .route("/traces", get(traces::list))
        .route("/traces/{name}", put(traces::keep).layer(DefaultBodyLimit::max(traces::BYTES)))
        .route("/validate", post(validate::start))
        .route("/run", get(run::kinds))
        .route("/run/{kind}", post(run::start))
        .route("/jobs/{id}", get(job::watch).delete(job::cancel))
        .fallback(|| async { Refusal::unknown("such address; /api tells all") });
    Router::new()
        .route("/", get(asset::index))
        .route("/assets/{name}", get(asset::asset))
        .route("/api", get(openapi))
        .nest("/api/v1", api)
        .layer(DefaultBodyLimit::max(studies::BYTES as usize))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard::guard))
        .with_state(app)
}

async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}
