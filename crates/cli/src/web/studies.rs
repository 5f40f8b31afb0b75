//! Studies kept as plain files in one folder.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::error::Refusal;
use super::state::App;
use crate::report::write;

/// Most studies in the folder.
const MOST: usize = 1_000;
/// Longest name.
const LONGEST: usize = 64;
/// Longest kept study, as the limit of a request's body.
pub const BYTES: u64 = 1 << 20;

/// `GET /api/v1/studies`: names, newest first.
pub async fn list(State(app): State<Arc<App>>) -> Result<Json<Value>, Refusal> {
    let folder = folder(&app)?;
    let mut found = names(folder)?;
    found.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    Ok(Json(json!(found.into_iter().map(|(name, _)| name).collect::<Vec<_>>())))
}

/// `GET /api/v1/studies/{name}`: its text.
pub async fn read(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Response, Refusal> {
    let path = place(&app, &name)?;
    let meta = std::fs::symlink_metadata(&path).map_err(|_| Refusal::unknown("study of that name"))?;
    // A link could lead out of the folder.
    if !meta.is_file() || meta.len() > BYTES {
        return Err(Refusal::unknown("study of that name"));
    }
    let text = std::fs::read_to_string(&path).map_err(|_| Refusal::unknown("study of that name"))?;
    Ok(([(header::CONTENT_TYPE, "application/toml; charset=utf-8")], text).into_response())
}

/// `PUT /api/v1/studies/{name}`: keeps it, over an older one of that name.
pub async fn keep(State(app): State<Arc<App>>, Path(name): Path<String>, text: String) -> Result<StatusCode, Refusal> {
    let path = place(&app, &name)?;
    if !path.exists() && names(folder(&app)?)?.len() >= MOST {
        return Err(Refusal::wrong(format!("{MOST} studies are kept already; remove some")));
    }
    write(&path, text.as_bytes())
        .map_err(|e| Refusal::new(StatusCode::INSUFFICIENT_STORAGE, "cannot-write", e.to_string()))?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /api/v1/studies/{name}`.
pub async fn remove(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<StatusCode, Refusal> {
    std::fs::remove_file(place(&app, &name)?).map_err(|_| Refusal::unknown("study of that name"))?;
    Ok(StatusCode::NO_CONTENT)
}

fn folder(app: &App) -> Result<&FilePath, Refusal> {
    let none = || Refusal::new(StatusCode::NOT_FOUND, "no-folder", "start with --studies FOLDER to keep studies");
    app.studies.as_deref().ok_or_else(none)
}

/// The file of a study: a plain name in the folder, never a path.
fn place(app: &App, name: &str) -> Result<PathBuf, Refusal> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ' | '.' | '(' | ')');
    let is_name = !name.is_empty()
        && name.chars().count() <= LONGEST
        && name.chars().all(plain)
        && !name.starts_with(['.', ' '])
        && !name.ends_with([' ', '.']);
    if !is_name {
        return Err(Refusal::wrong("a study's name has letters, digits, blanks, - _ . ( )"));
    }
    Ok(folder(app)?.join(format!("{name}.toml")))
}

fn names(folder: &FilePath) -> Result<Vec<(String, std::time::SystemTime)>, Refusal> {
    let told = |e: std::io::Error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "cannot-read", e.to_string());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(told)? {
        let path = entry.map_err(told)?.path();
        let Some(stem) = path.file_stem().and_then(|s| s.to_str()) else { continue };
        if path.extension().is_some_and(|e| e == "toml") && !stem.starts_with('.') {
            let changed = path.symlink_metadata().and_then(|m| m.modified());
            found.push((stem.to_owned(), changed.unwrap_or(std::time::SystemTime::UNIX_EPOCH)));
        }
    }
    Ok(found)
}
