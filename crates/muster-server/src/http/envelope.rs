//! Answers of the Data API: the documented envelope, the rate headers, and what the log learns of an answer.

use crate::app::App;
use crate::limits::DELETES_PER_MINUTE;
use crate::sync::lock;
use crate::workspaces::Entry;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use muster_core::id::{RequestId, RequestNo, WorkspaceId};
use muster_core::settings::RateLimits;
use muster_wire::data::api::Api;
use muster_wire::data::failure::Failure;

/// Says that an answer is a recorded one (behaviour.md 1.4).
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Counts of the elements by outcome (behaviour.md 1.3).
pub(crate) const OUTCOMES: HeaderName = HeaderName::from_static("muster-outcomes");
/// Which preferences were honoured (RFC 7240).
pub(crate) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const RATE_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const RATE_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RATE_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const RATE_RESOURCE: HeaderName = HeaderName::from_static("x-ratelimit-resource");

/// What the log says of a request beside its route, status and duration. Never more than ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogFields {
    /// The workspace, once it is known to be one.
    pub(crate) workspace: Option<WorkspaceId>,
    /// The request id of the answer.
    pub(crate) request_id: Option<RequestId>,
}

/// Which budget of a workspace a call spends, and its answers tell of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Budget {
    /// That of the bulk and Track calls (behaviour.md 1.7).
    Imports,
    /// That of Delete Users (FACTS 4).
    Deletes,
}

/// The budget of Delete Users, in the terms of the others: one user a call.
pub(crate) const DELETE_LIMITS: RateLimits = RateLimits { users: DELETES_PER_MINUTE, events: 0, devices: 0 };

/// An answer with a JSON body.
pub(crate) fn json(status: u16, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A refusal in the envelope of the called API. With the workspace whose key it was, if the key was right.
pub(crate) fn refusal(app: &App, api: Api, failure: &Failure, entry: Option<(&Entry, Budget)>) -> Response {
    let request_id = RequestId::from_no(app.refused_number());
    let mut response = json(failure.status(), failure.render(api, request_id));
    if matches!(failure.status(), 401) {
        let challenge = HeaderValue::from_static("Basic realm=\"Muster Data API\", charset=\"UTF-8\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    finish(app, &mut response, entry, request_id);
    response
}

/// Returns the number of the request that this is the refusal of.
pub(crate) fn request_no(response: &Response) -> RequestNo {
    let noted = response.extensions().get::<LogFields>().and_then(|noted| noted.request_id);
    noted.map_or(RequestNo(0), RequestId::no)
}

/// Adds what every answer after the key check carries.
pub(crate) fn finish(app: &App, response: &mut Response, entry: Option<(&Entry, Budget)>, request_id: RequestId) {
    if let Some(entry) = entry {
        rate_headers(app, entry, response.headers_mut());
    }
    let workspace = entry.map(|(entry, _)| entry.id().clone());
    response.extensions_mut().insert(LogFields { workspace, request_id: Some(request_id) });
}

/// The budget of the scarcest class (behaviour.md 1.7); nothing if all are unlimited.
fn rate_headers(app: &App, (entry, budget): (&Entry, Budget), headers: &mut HeaderMap) {
    let (limits, window) = match budget {
        Budget::Imports => (entry.settings.limits, app.engine.rate(entry.id())),
        Budget::Deletes => (DELETE_LIMITS, lock(&entry.runtime.delete_window).clone()),
    };
    if limits.users == 0 && limits.events == 0 && limits.devices == 0 {
        return;
    }
    let Some(status) = window.at(app.clock.now()).status(limits) else { return };
    headers.insert(RATE_LIMIT, status.limit.into());
    headers.insert(RATE_REMAINING, status.remaining.into());
    headers.insert(RATE_RESET, status.reset_seconds.into());
    headers.insert(RATE_RESOURCE, HeaderValue::from_static(status.class.name()));
}

/// `Retry-After` in whole seconds.
pub(crate) fn retry_after(response: &mut Response, seconds: u32) {
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
}
