//! Alive, ready, and what is counted.

use super::envelope::json;
use super::{envelope, manage};
use crate::app::App;
use crate::callers::TokenScope;
use crate::telemetry::scrape::{ScrapedFigures, classic};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use muster_store::engine::Trouble;
use muster_wire::data::api::Api;
use muster_wire::data::failure::Failure;
use std::sync::Arc;

/// `GET /healthz`: the process answers and needs no restart.
pub(crate) async fn alive(State(app): State<Arc<App>>) -> Response {
    if app.needs_restart() {
        return json(503, r#"{"status":"restart needed","reason":"the storage cannot be written until a restart"}"#);
    }
    json(200, r#"{"status":"alive"}"#)
}

/// `GET /readyz`: the engine can write, and the process is not about to stop.
///
/// Why it is not, in words that name no workspace; with a token for all workspaces that has the scope `admin` also what the
/// log says, and what is wrong with single workspaces, which does not make the others less ready.
pub(crate) async fn ready(State(app): State<Arc<App>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let (status, mut body, detail) = match app.not_ready() {
        Some((reason, detail)) => (503, serde_json::json!({"status": "not ready", "reason": reason}), detail),
        None => (200, serde_json::json!({"status": "ready"}), None),
    };
    let caller = manage::caller_of(&app, &head.headers, manage::address(&app, &head));
    let may_know = caller.is_some_and(|caller| caller.has(TokenScope::Admin) && caller.workspace.is_none());
    if may_know {
        if let Some(detail) = detail {
            body["detail"] = serde_json::Value::from(&*detail);
        }
        let troubles: Vec<_> = app.engine.health().troubles.iter().map(trouble).collect();
        if !troubles.is_empty() {
            body["troubles"] = troubles.into();
        }
    }
    manage::json(status, &body)
}

/// Returns what is wrong with one workspace.
fn trouble(trouble: &Trouble) -> serde_json::Value {
    match trouble {
        Trouble::Orphan { folder } => serde_json::json!({"trouble": "orphan", "folder": &**folder}),
        Trouble::Damaged { workspace, why } => {
            serde_json::json!({"trouble": "damaged", "workspace": workspace.as_str(), "why": &**why})
        }
    }
}

/// `GET /metrics`, unless a listener of its own serves it.
pub(crate) async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if app.metrics_elsewhere {
        return envelope::refusal(&app, Api::Unknown, &Failure::NotFound, None);
    }
    metrics_alone(State(app), headers).await
}

const OPEN_METRICS: &str = "application/openmetrics-text";

/// `GET /metrics` on a listener of its own: OpenMetrics for clients that accept it, as Prometheus does, else the older format.
pub(crate) async fn metrics_alone(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let mut accepted = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let is_open = accepted.any(|line| line.contains(OPEN_METRICS));
    let text = app.telemetry.text(ScrapedFigures::read(&app));
    let (text, kind) = if is_open {
        (text, "application/openmetrics-text; version=1.0.0; charset=utf-8")
    } else {
        (classic(&text), "text/plain; version=0.0.4; charset=utf-8")
    };
    let mut response = Response::new(text.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
