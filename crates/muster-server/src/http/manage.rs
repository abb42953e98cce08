//! The management API (`/api/v1`) over HTTP: authentication, bodies and answers. What a call does is in `crate::manage`;
//! the live stream, which has no end and so no document, is in `live`.

pub(crate) mod live;
pub(crate) mod read_permit;
mod parameters;

use super::body::{self, AdmittedBody, BodyLimits, Coding};
use super::envelope::{self, LogFields};
use super::guard;
use super::template::RouteTemplate;
use crate::app::App;
use crate::budget::BudgetGuard;
use crate::callers::{Caller, TokenScope};
use crate::limits::{MANAGEMENT_BODY_BYTES_MAX, UNAVAILABLE_RETRY_SECONDS};
use crate::manage::answers::Rendered;
use crate::manage::arguments::Sent;
pub(crate) use crate::manage::context::{ManageContext, ReadPermit};
pub(crate) use crate::manage::error::ManageError;
use crate::manage::routes::{self, ManageRoute, OF_WORKSPACE, needed};
use crate::workspaces::Entry;
use axum::extract::{ConnectInfo, FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use bytes::Bytes;
use muster_wire::data::failure::Failure;
use muster_wire::manage::page::render;
use muster_wire::manage::problem::{CONTENT_TYPE, Problem};
use read_permit::ReadPermitSlot;
use serde_json::Value as Json;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// An answer or a problem.
pub(crate) type ManageResult = Result<Response, ManageError>;

impl IntoResponse for ManageError {
    fn into_response(self) -> Response {
        let mut response = problem(self.problem());
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// A problem as an answer (RFC 9457).
pub(crate) fn problem(problem: &Problem) -> Response {
    let mut response = envelope::json(problem.status, problem.render());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    if problem.status == 503 {
        headers.insert(header::RETRY_AFTER, UNAVAILABLE_RETRY_SECONDS.into());
    }
    if problem.status == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"Muster management API\""));
    }
    response
}

/// A JSON tree as an answer.
pub(crate) fn json(status: u16, json: &Json) -> Response {
    envelope::json(status, render(json))
}

/// Returns the handler of a call of the route table.
pub(crate) fn handler(route: &'static ManageRoute) -> MethodRouter<Arc<App>> {
    let filter = MethodFilter::try_from(axum::http::Method::from_bytes(route.method.as_bytes()).unwrap_or_default());
    let filter = filter.expect("the table has methods of HTTP");
    on(filter, move |call: ManageCall| async move {
        let sent = Sent {
            path: Sent::path_of(route.path, &call.path),
            query: call.query,
            if_match: call.headers.get(header::IF_MATCH).map(|line| line.to_str().unwrap_or_default().to_owned()),
            body: call.body,
        };
        // The memory of the body is given back when the answer is made.
        let _memory = call._memory;
        let Some(run) = route.run(call.context, sent) else {
            return Err(Problem::new(500, "this call has no handler").into());
        };
        Ok::<_, ManageError>(response(run.await?))
    })
}

/// An answer over HTTP. Its values were masked where they must be.
fn response(rendered: Rendered) -> Response {
    let Rendered { status, location, revision, body, workspace } = rendered;
    let mut response = match body {
        Some(body) => envelope::json(status, body),
        None => no_content(),
    };
    if let Some(location) = location.and_then(|location| HeaderValue::try_from(location).ok()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    if let Some(tag) = revision.and_then(|revision| HeaderValue::try_from(format!("\"{revision}\"")).ok()) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    if workspace.is_some() {
        response.extensions_mut().insert(LogFields { workspace, request_id: None });
    }
    response
}

/// 204.
fn no_content() -> Response {
    let mut response = Response::default();
    *response.status_mut() = axum::http::StatusCode::NO_CONTENT;
    response
}

/// A call of the management API whose token was checked and whose body was read.
pub(crate) struct ManageCall {
    pub(crate) context: ManageContext,
    pub(crate) body: Bytes,
    pub(crate) headers: HeaderMap,
    query: Vec<(String, String)>,
    /// The path.
    path: String,
    /// The parts of the path below `/api/v1/workspaces`, or below another resource.
    parts: Vec<String>,
    /// The memory of its body.
    _memory: Option<BudgetGuard>,
}

impl FromRequest<Arc<App>> for ManageCall {
    type Rejection = ManageError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ManageError> {
        let (head, mut body) = request.into_parts();
        let caller = authorise(app, &head).await?;
        let template = head.extensions.get::<RouteTemplate>().map_or("", |template| template.0);
        let parts: Vec<String> = head.uri.path().split('/').skip(4).map(str::to_owned).collect();
        let method = head.method.as_str();
        routes::judge(&caller, (method, template), parts.first().map_or("", String::as_str))?;
        let query = guard::query(&head);
        parameters::check((method, template), &query)?;
        let coding = Coding::from_headers(&head.headers).map_err(body_problem)?;
        let limits = BodyLimits { coding, limit: MANAGEMENT_BODY_BYTES_MAX };
        if head.method.is_safe() {
            // The body of a GET means nothing (RFC 9110 9.3.1).
            body = axum::body::Body::empty();
        }
        let about = parts.first().filter(|_| template.starts_with(OF_WORKSPACE)).map(String::as_str);
        let quota = app.quota_of(about);
        let admitted = body::admit((app, &quota), &head.headers, &mut body, limits);
        let AdmittedBody { bytes, memory } = admitted.await.map_err(body_problem)?;
        // Only now: a client that sends slowly takes no place meanwhile.
        let reads = head.method.is_safe() || needed(method, template) == TokenScope::Read;
        let permit = if reads && !is_stream(head.uri.path()) {
            Some(ReadPermit::take(app, &caller, about).ok_or_else(busy)?)
        } else {
            None
        };
        if let Some(permit_slot) = head.extensions.get::<ReadPermitSlot>() {
            permit_slot.set_permit(permit.clone());
        }
        let address = address(app, &head);
        let context = ManageContext::new(Arc::clone(app), caller, address, permit);
        let path = head.uri.path().to_owned();
        Ok(Self { context, body: bytes, headers: head.headers, query, path, parts, _memory: Some(memory) })
    }
}

/// Returns whether the path is that of a live stream.
fn is_stream(path: &str) -> bool {
    path.ends_with("/requests/live")
}

fn body_problem(failure: Failure) -> ManageError {
    let (status, detail) = match failure {
        Failure::TooLarge { limit_bytes } => (413, format!("a body may have at most {limit_bytes} bytes")),
        Failure::Timeout => (408, "the body did not arrive in time".to_owned()),
        Failure::Unavailable => (503, "too many request bodies are being read; retry in a second".to_owned()),
        Failure::UnsupportedEncoding => (415, "a body must be plain, gzip or zstd".to_owned()),
        _ => (400, "the body cannot be read: it is cut off, or not encoded as its Content-Encoding says".to_owned()),
    };
    Problem::new(status, detail).into()
}

fn busy() -> Problem {
    Problem::new(503, "too many reads are in progress; retry in a few seconds")
}

/// Whose token these headers carry; None if there is none, or no such.
pub(crate) fn caller_of(app: &App, headers: &HeaderMap, from: Option<IpAddr>) -> Option<Arc<Caller>> {
    app.caller(token(headers)?, from)
}

fn token(headers: &HeaderMap) -> Option<&str> {
    let line = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim();
    let (_, token) = line.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))?;
    Some(token.trim())
}

async fn authorise(app: &App, head: &axum::http::request::Parts) -> Result<Arc<Caller>, ManageError> {
    let Some(token) = token(&head.headers) else {
        return Err(Problem::new(401, "send the header Authorization: Bearer TOKEN").into());
    };
    if let Some(caller) = app.caller(token, address(app, head)) {
        return Ok(caller);
    }
    let delay = app.lockout.wrong(address(app, head).unwrap_or(IpAddr::from([0, 0, 0, 0])), app.now());
    tokio::time::sleep(delay).await;
    Err(Problem::new(401, "no such token; it may have expired, or may not be allowed from this address").into())
}

/// Returns where a call came from (behaviour.md 1.9); None if it came over no connection.
pub(crate) fn address(app: &App, head: &axum::http::request::Parts) -> Option<IpAddr> {
    let peer = head.extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(guard::client_address(app, &head.headers, peer.0))
}

impl ManageCall {
    /// An answer about a workspace, whose id goes into the log.
    fn about(entry: &Entry, mut response: Response) -> Response {
        response.extensions_mut().insert(LogFields { workspace: Some(entry.id().clone()), request_id: None });
        response
    }
}
