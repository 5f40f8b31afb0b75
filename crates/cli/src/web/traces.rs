//! Traces that a replay may name: uploaded ones, in a folder that holds nothing else, and the one that comes with the
//! program. A study from a client may name files there and nowhere else.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::error::Refusal;
use super::state::App;
use crate::report::write;

/// Longest upload.
pub const BYTES: usize = 64 << 20;
/// Most uploads that are kept.
const MOST: usize = 32;
/// Longest name.
const LONGEST: usize = 64;
/// The trace of the example.
const OWN: (&str, &[u8]) =
    ("azure-2023-conversation.csv.gz", include_bytes!("../../../../examples/azure-2023-conversation.csv.gz"));

/// The folder of traces. It is made when it is first needed and goes with the server.
#[derive(Debug, Default)]
pub struct Traces {
    made: std::sync::OnceLock<Result<PathBuf, String>>,
}

impl Traces {
    /// The folder, with the program's own trace in it.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn folder(&self) -> Result<&FilePath, Refusal> {
        let made = self.made.get_or_init(|| make().map_err(|e| format!("cannot keep traces: {e}")));
        let told = |e: &String| Refusal::new(StatusCode::INSUFFICIENT_STORAGE, "cannot-write", e.clone());
        made.as_deref().map_err(told)
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Some(Ok(folder)) = self.made.get() {
            // What is left behind is in the system's folder for things that may go.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

fn make() -> std::io::Result<PathBuf> {
    // A name that nobody can have prepared: making it fails where something is there.
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    let folder = std::env::temp_dir().join(format!("steelyard-traces-{}-{nanos}", std::process::id()));
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&folder)?;
    std::fs::write(folder.join(OWN.0), OWN.1)?;
    Ok(folder)
}

/// `GET /api/v1/traces`: names and sizes.
pub async fn list(State(app): State<Arc<App>>) -> Result<Json<Value>, Refusal> {
    let mut found = names(app.traces.folder()?)?;
    found.sort();
    Ok(Json(found.into_iter().map(|(name, bytes)| json!({ "name": name, "bytes": bytes })).collect()))
}

/// `PUT /api/v1/traces/{name}`: keeps it, over an older one of that name.
pub async fn keep(State(app): State<Arc<App>>, Path(name): Path<String>, bytes: Bytes) -> Result<StatusCode, Refusal> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.chars().count() > LONGEST || !name.chars().all(plain) || name.starts_with('.') {
        return Err(Refusal::wrong("a trace's name has letters, digits, - _ ."));
    }
    let folder = app.traces.folder()?;
    let path = folder.join(&name);
    if !path.exists() && names(folder)?.len() >= MOST {
        return Err(Refusal::wrong(format!("{MOST} traces are kept already; start the server anew to be rid of them")));
    }
    let told =
        |e: &dyn std::fmt::Display| Refusal::new(StatusCode::INSUFFICIENT_STORAGE, "cannot-write", e.to_string());
    let written = tokio::task::spawn_blocking(move || write(&path, &bytes)).await;
    written.map_err(|_| Refusal::bug())?.map_err(|e| told(&e))?;
    Ok(StatusCode::NO_CONTENT)
}

fn names(folder: &FilePath) -> Result<Vec<(String, u64)>, Refusal> {
    let told = |e: std::io::Error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "cannot-read", e.to_string());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(told)? {
        let entry = entry.map_err(told)?;
        if let (Ok(name), Ok(meta)) = (entry.file_name().into_string(), entry.metadata()) {
            found.push((name, meta.len()));
        }
    }
    Ok(found)
}

/// Refuses a study that names a file elsewhere: every text in it that could lead out of the folder.
///
/// # Errors
/// The text.
pub fn confined(study: &str) -> Result<(), Refusal> {
    fn walk(value: &toml::Value) -> Result<(), Refusal> {
        match value {
            toml::Value::String(text) => {
                let path = FilePath::new(text);
                let leads_out = path.is_absolute()
                    || text.contains('\\')
                    || path.components().any(|c| matches!(c, std::path::Component::ParentDir));
                let told =
                    || Refusal::wrong(format!("'{text}': a study here names uploaded traces and no other files"));
                if leads_out { Err(told()) } else { Ok(()) }
            }
            toml::Value::Array(list) => list.iter().try_for_each(walk),
            toml::Value::Table(table) => table.values().try_for_each(walk),
            _ => Ok(()),
        }
    }
    // A text that is no TOML is refused with its place by whoever reads it.
    toml::from_str::<toml::Value>(study).map_or(Ok(()), |value| walk(&value))
}
