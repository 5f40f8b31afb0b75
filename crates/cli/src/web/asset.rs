//! The built page, in the binary. `web/` holds its source; `web/build.sh` builds it.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use include_dir::{Dir, include_dir};

use crate::report;

static PAGE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/assets/page");

/// `GET /`.
pub async fn index() -> Response {
    file("index.html")
}

/// `GET /assets/{name}`: scripts and styles. Their names hold a digest of what is in them, so they never change.
pub async fn asset(Path(name): Path<String>) -> Response {
    match name.as_str() {
        "report.css" => text("text/css; charset=utf-8", report::STYLE),
        "report.js" => text("text/javascript; charset=utf-8", report::SCRIPT),
        _ => file(&format!("assets/{name}")),
    }
}

fn text(kind: &'static str, body: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], body).into_response()
}

fn file(path: &str) -> Response {
    let Some(file) = PAGE.get_file(path) else { return StatusCode::NOT_FOUND.into_response() };
    let kind = match path.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let keep = if path == "index.html" { "no-cache" } else { "public, max-age=31536000, immutable" };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, keep)], file.contents()).into_response()
}
