//! Tables of the page as files: what a view shows, in columns.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::error::Refusal;
use super::state::App;
use crate::report;

/// Longest table: rows of all measurements are about 1 MB.
pub const BYTES: usize = 8 << 20;

/// `POST /api/v1/columns`: a table in CSV as Parquet.
pub async fn columns(State(app): State<Arc<App>>, text: String) -> Result<Response, Refusal> {
    let bytes =
        app.gate.run(move |_| report::parquet_of_table(text.as_bytes()).map_err(|e| Refusal::wrong(e.to_string())));
    let headers = [
        (header::CONTENT_TYPE, "application/vnd.apache.parquet"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"table.parquet\""),
    ];
    Ok((headers, bytes.await?).into_response())
}
