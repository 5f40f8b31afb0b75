//! Who may ask: this machine's own pages, and elsewhere who shows the token.
//!
//! A page of another site can make a browser send requests here (cross-site requests), or point its own name at this
//! address (DNS rebinding). The first are told by `Origin` and `Sec-Fetch-Site`, the second by `Host`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::Refusal;
use super::state::App;

/// Nothing but the page's own files: no other site, no inline script, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Names under which a server at `address` is asked: those of this machine, or `None` where it listens to others, who
/// may call it by any name and have to show the token.
pub fn hosts(address: SocketAddr) -> Option<Vec<String>> {
    let port = address.port();
    let own = ["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned(), bracketed(address).to_string()];
    address.ip().is_loopback().then(|| own.iter().map(|name| format!("{name}:{port}")).collect())
}

fn bracketed(address: SocketAddr) -> String {
    if address.is_ipv6() { format!("[{}]", address.ip()) } else { address.ip().to_string() }
}

/// Refuses who may not ask, and adds the headers that every answer bears.
pub async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let refused = check(&app, request.method(), request.uri().path(), request.headers());
    let mut response = match refused {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in fixed {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    response
}

fn check(app: &App, method: &Method, path: &str, headers: &HeaderMap) -> Option<Refusal> {
    let text = |name| headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    let forbidden = |code, message: &str| Some(Refusal::new(StatusCode::FORBIDDEN, code, message));
    let host = text(header::HOST).unwrap_or("");
    if let Some(hosts) = &app.hosts
        && !hosts.iter().any(|h| h.eq_ignore_ascii_case(host))
    {
        return forbidden("host", "asked under a name that is not this machine's");
    }
    if let Some(origin) = text(header::ORIGIN) {
        let own = origin.split_once("://").is_some_and(|(_, o)| o.eq_ignore_ascii_case(host));
        if !own {
            return forbidden("origin", "asked by a page of another site");
        }
    }
    let is_api = path.starts_with("/api");
    if text(header::HeaderName::from_static("sec-fetch-site")).is_some_and(|s| s == "cross-site" || s == "same-site")
        && (is_api || method != Method::GET)
    {
        return forbidden("origin", "asked by a page of another site");
    }
    if let Some(token) = &app.token
        && is_api
    {
        let shown = text(header::AUTHORIZATION).and_then(|v| v.strip_prefix("Bearer ")).unwrap_or("");
        if !same(shown.as_bytes(), token.as_bytes()) {
            return Some(Refusal::new(
                StatusCode::UNAUTHORIZED,
                "token",
                "show the token that the server was started with",
            ));
        }
    }
    None
}

/// Whether two words are the same, in a time that does not tell where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (x, y)| differ | (x ^ y)) == 0
}
