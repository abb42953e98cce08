//! Reads the head of a request before its sender is known: the origin of a form, whether the connection is secure, the theme.

use super::response::plain;
use crate::app::App;
use crate::budget::BudgetGuard;
use crate::callers::{Caller, TokenScope};
use crate::http::body::{self, AdmittedBody, BodyLimits, Coding};
use crate::limits::{CONSOLE_FORM_BYTES_MAX, OPEN_FORM_BYTES_MAX, READING_FORM_BYTES_MAX};
use crate::sessions::cookies::{THEME, cookie};
use crate::workspaces::Entry;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use muster_wire::data::failure::Failure;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;

/// The themes of pages.
pub(super) const THEMES: [&str; 3] = ["light", "dark", "system"];

/// Returns the theme that a cookie names.
pub(super) fn theme(headers: &HeaderMap) -> &'static str {
    match cookie(headers, THEME) {
        Some("light") => "light",
        Some("dark") => "dark",
        _ => "system",
    }
}

/// Returns the path of the page that a form was sent from; the start if it is not known.
pub(super) fn referring_path(headers: &HeaderMap) -> String {
    let referer = headers.get(header::REFERER).and_then(|it| it.to_str().ok());
    let path = referer.and_then(|it| it.split_once("://")).and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
    path.filter(|path| is_local(path)).unwrap_or("/").to_owned()
}

/// Returns whether a browser asks for a page: other clients do not say that they take one.
fn takes_pages(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT).into_iter().filter_map(|line| line.to_str().ok());
    let mut kinds =
        lines.flat_map(|line| line.split(',')).map(|kind| kind.split(';').next().unwrap_or_default().trim());
    kinds.any(|kind| kind.eq_ignore_ascii_case("text/html"))
}

/// Returns whether a browser asks for a page: the console answers whatever is neither an API nor a probe.
pub(crate) fn is_page_wanted(head: &Parts) -> bool {
    let of_machines = ["v1", "v1.0", "api", "healthz", "readyz", "metrics"];
    let first = head.uri.path().split('/').nth(1).unwrap_or_default();
    !of_machines.contains(&first) && takes_pages(&head.headers)
}

/// Returns whether the browser prefetches a page: a message that is shown once must not be lost to that.
pub(super) fn is_ahead(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose"].iter().any(|name| headers.contains_key(*name))
}

/// Returns whether the script asks by itself, not somebody who goes to a page: no use of the session, so that a page
/// that is left open keeps none alive.
pub(super) fn is_asked_by_script(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-dest").is_some_and(|dest| dest == "empty")
}

/// Returns whether a path stays on this server.
pub(super) fn is_local(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

/// Returns whether a form was sent from a page of this server: the browser says so, or the origin is the host.
pub(super) fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
    match (text("sec-fetch-site"), text("origin"), text("host")) {
        (Some(site), ..) => site == "same-origin",
        (None, Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, authority)| authority == host),
        _ => false,
    }
}

/// Returns whether the connection is over TLS, here or at a proxy that is believed.
pub(super) fn is_secure(app: &App, headers: &HeaderMap, peer: SocketAddr) -> bool {
    let forwarded = headers.get("x-forwarded-proto").is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"https"));
    app.over_tls.load(Ordering::Acquire) || forwarded && is_trusted(app, peer)
}

/// Returns whether a connection comes from a proxy that is believed.
pub(super) fn is_trusted(app: &App, peer: SocketAddr) -> bool {
    let address = peer.ip().to_canonical();
    app.trusted_proxies.iter().any(|net| net.contains(&address))
}

/// Returns the fields of a form that anybody may send: short ones alone, and a longer one is refused before it is read.
pub(super) async fn open_form(
    app: &App,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<Vec<(String, String)>, Response> {
    let declared = body::declared_length(headers);
    let read = body::read(&mut body, Coding::Identity, declared, OPEN_FORM_BYTES_MAX);
    let bytes = app.in_time(read).await.map_err(|failure| form_refused(&failure))?;
    Ok(fields(&bytes))
}

/// Returns the fields of a form of somebody who is signed in, with the memory that is charged for them to the workspace
/// that the form is about.
pub(super) async fn form(
    app: &App,
    (caller, entry): (&Caller, Option<&Entry>),
    headers: &HeaderMap,
    mut body: Body,
) -> Result<(Vec<(String, String)>, BudgetGuard), Response> {
    let is_long = entry.is_some() && caller.has(TokenScope::Operate);
    let limit = if is_long { CONSOLE_FORM_BYTES_MAX } else { READING_FORM_BYTES_MAX };
    let limits = BodyLimits { coding: Coding::Identity, limit };
    let quota = app.quota_of(entry.map(|entry| entry.id().as_str()));
    let admitted = body::admit((app, &quota), headers, &mut body, limits).await;
    let AdmittedBody { bytes, memory } = admitted.map_err(|failure| form_refused(&failure))?;
    Ok((fields(&bytes), memory))
}

fn fields(form: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(form).into_owned().collect()
}

fn form_refused(failure: &Failure) -> Response {
    match failure {
        Failure::TooLarge { .. } => plain(StatusCode::PAYLOAD_TOO_LARGE, "the form is too long; nothing was done"),
        Failure::Unavailable => {
            plain(StatusCode::SERVICE_UNAVAILABLE, "too many forms are being received; try again in a second")
        }
        _ => plain(StatusCode::BAD_REQUEST, "the form was not received completely; nothing was done"),
    }
}
