//! Errors as JSON, with the exits of the terminal.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use catalog::Diagnostic;
use serde_json::{Value, json};

/// Why a request has no answer.
#[derive(Debug, Clone)]
pub struct Refusal {
    status: StatusCode,
    /// Stable name.
    code: &'static str,
    message: String,
    faults: Vec<Diagnostic>,
}

impl Refusal {
    /// A refusal by name.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { status, code, message: message.into(), faults: Vec::new() }
    }

    /// Wrong input, all faults at once.
    pub fn faults(faults: Vec<Diagnostic>) -> Refusal {
        let message = format!("{} to mend", faults.len());
        Refusal { faults, ..Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong-input", message) }
    }

    /// Wrong input in words.
    pub fn wrong(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong-input", message)
    }

    /// Nothing of that name.
    pub fn unknown(what: &str) -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, "unknown", format!("there is no {what}"))
    }

    /// Work that was called off.
    pub fn cancelled() -> Refusal {
        Refusal::new(StatusCode::CONFLICT, "cancelled", "cancelled")
    }

    /// A fault of ours.
    pub fn bug() -> Refusal {
        let message = "a bug of steelyard; what it printed in the terminal helps to find it";
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "bug", message)
    }

    /// The body: code, the terminal's exit, message, faults with their places.
    pub fn json(&self) -> Value {
        let exit = if self.code == "bug" { 70 } else { 2 };
        let fault = |f: &Diagnostic| json!({ "line": f.line, "column": f.column, "code": f.code, "message": f.message, "help": f.help });
        let faults: Vec<Value> = self.faults.iter().map(fault).collect();
        json!({ "error": { "code": self.code, "exit": exit, "message": self.message, "faults": faults } })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.json())).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
        }
        response
    }
}
