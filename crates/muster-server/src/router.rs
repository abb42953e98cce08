//! All routes in one list, and what applies to each of them: slashes, host names, the log line, the metrics, and the rest of
//! the body. The path of an import: here, then `http/import.rs`, `ingest.rs`, and the rules in `muster-core`.

use crate::activity::{Refusal, RequestTrace};
use crate::app::App;
use crate::connection::Connection;
use crate::http::envelope::{self, LogFields};
use crate::http::manage::live;
use crate::http::manage::read_permit::ReadPermitSlot;
use crate::http::template::RouteTemplate;
use crate::http::{body, delete, framing, health, import, manage, path};
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Extension, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, Version, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use futures_util::FutureExt as _;
use muster_core::kinds::Route;
use muster_wire::data::api::Api;
use muster_wire::data::failure::{Failure, HOST_REFUSED};
use muster_wire::manage::problem::Problem;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tower::ServiceExt as _;

/// The path of the document that describes every call; for anybody, on each listener.
const OPENAPI: &str = "/openapi.json";

/// Paths of probes: they say only that the server runs.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];

/// One call: its method, its path, and who answers it.
type RouteEntry = (&'static str, &'static str, MethodRouter<Arc<App>>);

/// Returns every call that the server answers, in one list. Several methods of one path stand beside each other.
#[rustfmt::skip]
fn routes() -> Vec<RouteEntry> {
    let mut calls: Vec<RouteEntry> = vec![
        // The Data API (behaviour.md 1, 4): the id in the path, in `app_id`, or in both.
        ("POST", "/v1/transition", import_call(Api::Transition, Route::Transition)),
        ("POST", "/v1/transition/{workspace_id}", import_call(Api::Transition, Route::Transition)),
        ("POST", "/v1/customer", import_call(Api::Customer, Route::Customer)),
        ("POST", "/v1/customer/{workspace_id}", import_call(Api::Customer, Route::Customer)),
        ("POST", "/v1/event", import_call(Api::Event, Route::Event)),
        ("POST", "/v1/event/{workspace_id}", import_call(Api::Event, Route::Event)),
        ("POST", "/v1/device", import_call(Api::Device, Route::Device)),
        ("POST", "/v1/device/{workspace_id}", import_call(Api::Device, Route::Device)),
        ("POST", "/v1/customer/delete", delete_call()),
        ("POST", "/v1/customer/delete/bulk", delete_call()),
        // Operations.
        ("GET", "/healthz", get(health::alive)),
        ("GET", "/readyz", get(health::ready)),
        ("GET", "/metrics", get(health::metrics)),
        ("GET", OPENAPI, get(openapi)),
        // The one call of the management API that has no end, and so no document: all others are in its table.
        ("GET", "/api/v1/workspaces/{workspace_id}/requests/live", get(live::requests)),
    ];
    let typed = crate::manage::routes::routes().iter().filter(|route| route.is_typed());
    calls.extend(typed.map(|route| (route.method, route.path, manage::handler(route))));
    calls
}

fn import_call(api: Api, route: Route) -> MethodRouter<Arc<App>> {
    let handler = move |State(app): State<Arc<App>>, ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| {
        import::serve(app, (api, route), peer, request)
    };
    post(handler)
}

fn delete_call() -> MethodRouter<Arc<App>> {
    post(|State(app): State<Arc<App>>, ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| {
        delete::serve(app, peer, request)
    })
}

/// `GET /openapi.json`.
async fn openapi() -> Response {
    envelope::json(200, crate::openapi())
}

/// Method and path of every call, as the OpenAPI document must list them.
pub fn call_paths() -> Vec<(&'static str, &'static str)> {
    routes().into_iter().map(|(method, path, _)| (method, path)).collect()
}

/// Method and path of every address of the console.
pub fn console_paths() -> Vec<(&'static str, &'static str)> {
    crate::console::routes().into_iter().map(|(method, path, _)| (method, path)).collect()
}

/// Returns the service of the main listener: everything, but for what has a listener of its own.
pub fn router(app: Arc<App>) -> Router {
    let elsewhere = app.manage_elsewhere;
    build_router(app, |path, of_console| !(elsewhere && (of_console || is_management(path))))
}

/// Returns the service of a listener for the management API and the console.
pub fn manage_router(app: Arc<App>) -> Router {
    build_router(app, |path, of_console| of_console || is_management(path) || PROBES.contains(&path) || path == OPENAPI)
}

/// Returns the service of those calls that are wanted, by their path and whether they are the console's.
fn build_router(app: Arc<App>, is_wanted: impl Fn(&str, bool) -> bool) -> Router {
    let mut calls = Router::new();
    let own = routes().into_iter().map(|listed| (listed, false));
    let console = crate::console::routes().into_iter().map(|listed| (listed, true));
    for ((_, path, handler), _) in own.chain(console).filter(|((_, path, _), is_console)| is_wanted(path, *is_console))
    {
        let layered = handler.route_layer(map_response(move |response| with_template(path, response)));
        calls = calls.route(path, layered.route_layer(Extension(RouteTemplate(path))));
    }
    // A listener with the console answers a browser at an unknown address with a page.
    let calls = if is_wanted("/", true) {
        calls.fallback(unknown_page).method_not_allowed_fallback(wrong_page_method)
    } else {
        calls.fallback(unknown_path).method_not_allowed_fallback(unknown_method)
    };
    let calls = calls.with_state(Arc::clone(&app));
    Router::new().fallback(front).with_state(Front { app, calls })
}

/// Returns the service of a listener for `/metrics` alone.
pub fn metrics_router(app: Arc<App>) -> Router {
    Router::new().route("/metrics", get(health::metrics_alone)).fallback(unknown_path).with_state(app)
}

#[derive(Clone)]
struct Front {
    app: Arc<App>,
    calls: Router,
}

async fn with_template(path: &'static str, mut response: Response) -> Response {
    response.extensions_mut().insert(RouteTemplate(path));
    response
}

/// Around every request: what no route must forget.
async fn front(State(Front { app, calls }): State<Front>, request: Request) -> Response {
    let began = app.clock.now().micros;
    let (mut head, body) = request.into_parts();
    if let Some(path) = path::canonical(head.uri.path()) {
        head.uri = path::with(&head.uri, &path);
    }
    let rest = body::UnreadBody::from_head(&head);
    let (method, version) = (head.method.clone(), head.version);
    let connection = head.extensions.get::<Arc<Connection>>().cloned();
    let (body, left) = body::DrainedBody::new(body, rest, Arc::clone(&app.drains));
    let permit_slot = ReadPermitSlot::default();
    head.extensions.insert(permit_slot.clone());
    // Where only some names are answered, a request that names none is refused like one that names another.
    let is_named = app.hosts.is_some() || framing::names_host(&head, connection.is_some());
    let is_plain = is_named && framing::is_plain(&head);
    let mut response = if !is_plain {
        drop(body);
        not_plain()
    } else if !is_host_allowed(&app, &head) {
        drop(body);
        host_refused(&app, (head.uri.path(), manage::address(&app, &head)))
    } else if let Some(call) = path::not_built(head.uri.path()) {
        drop(body);
        stranger_refused(&app, Failure::NotBuilt(call), manage::address(&app, &head))
    } else {
        let path = head.uri.path().to_owned();
        let request = Request::from_parts(head, Body::new(body));
        // A handler that panics is a bug, and costs this one request alone (behaviour.md 1.11).
        match AssertUnwindSafe(calls.oneshot(request)).catch_unwind().await {
            Ok(answered) => answered.unwrap_or_else(|never| match never {}),
            Err(_panic) => failed(&app, &path),
        }
    };
    response = permit_slot.pass(response);
    // A connection with an unread rest of a body cannot be used again, and the client must know.
    let is_left = left.load(Ordering::Acquire) && rest != body::UnreadBody::ReadOn;
    if (is_left || !is_plain) && version <= Version::HTTP_11 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        if let Some(connection) = connection {
            connection.leaves_body();
        }
    }
    let now = app.clock.now();
    let micros = now.micros.saturating_sub(began);
    let trace = response.extensions_mut().remove::<RequestTrace>();
    // The work is done, and the client must learn it: a failure to record the request must not lose the answer.
    let record = AssertUnwindSafe(|| {
        if let Some(trace) = trace {
            trace.record(response.status().as_u16(), micros, now.at);
        }
        log_request(&app, &response, known_method(&method), micros);
    });
    let _panicked = catch_unwind(record);
    response
}

/// Counts the request and writes its line into the log: the route's template, never the path or the query.
fn log_request(app: &App, response: &Response, method: &str, micros: u64) {
    let status = response.status().as_u16();
    let route = response.extensions().get::<RouteTemplate>().map_or("unmatched", |template| template.0);
    app.telemetry.record_answer(route, status, Duration::from_micros(micros));
    // What asks every few seconds would drown the rest.
    let is_routine = PROBES.contains(&route) || route == "/metrics";
    let is_logged =
        if is_routine { tracing::enabled!(tracing::Level::DEBUG) } else { tracing::enabled!(tracing::Level::INFO) };
    if !is_logged {
        return;
    }
    let fields = response.extensions().get::<LogFields>().cloned().unwrap_or_default();
    let workspace = fields.workspace.map(tracing::field::display);
    let request_id = fields.request_id.map(tracing::field::display);
    if is_routine {
        return tracing::debug!(method, route, status, duration_us = micros, "request");
    }
    tracing::info!(method, route, status, duration_us = micros, workspace, request_id, "request");
}

/// For a `--dev` server: a name in `Host` that is not local is from a page that tries to find this port
/// (DNS rebinding), and is not answered. Probes call by the address of a pod, and learn nothing (behaviour.md 1.10.h).
fn is_host_allowed(app: &App, head: &Parts) -> bool {
    let Some(allowed) = &app.hosts else { return true };
    if PROBES.contains(&head.uri.path()) {
        return true;
    }
    let line = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let Some(host) = line.or_else(|| head.uri.authority().map(axum::http::uri::Authority::as_str)) else {
        return false;
    };
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, _)) => inside,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    allowed.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Refuses a head that two servers may read in two ways: what follows it on the connection cannot be trusted.
fn not_plain() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

/// Returns the method, if it is one that is known: any other is text of a client (invariant 7).
fn known_method(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];
    known.into_iter().find(|known| method.as_str() == *known).unwrap_or("other")
}

fn host_refused(app: &App, (path, from): (&str, Option<IpAddr>)) -> Response {
    if path.starts_with("/v1") {
        return stranger_refused(app, Failure::HostRefused, from);
    }
    manage::problem(&Problem::new(403, HOST_REFUSED))
}

/// Refuses a call of the Data API before its caller is known; the refusal can be looked up (behaviour.md 4.p).
fn stranger_refused(app: &App, failure: Failure, from: Option<IpAddr>) -> Response {
    let response = envelope::refusal(app, Api::Unknown, &failure, None);
    app.server_activity.strangers().push(Refusal {
        no: envelope::request_no(&response),
        api: Api::Unknown,
        failure,
        route: None,
        origin: from.map(|address| address.to_string().into()),
        received_at: app.now(),
        duration_us: None,
    });
    response
}

fn failed(app: &App, path: &str) -> Response {
    tracing::error!("a handler panicked; the message is above");
    if is_management(path) {
        return manage::problem(&Problem::new(500, "the call failed inside the server; check the server log"));
    }
    envelope::refusal(app, Api::Unknown, &Failure::Internal, None)
}

async fn unknown_page(app: State<Arc<App>>, ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if crate::console::is_page_wanted(&head) {
        return crate::console::unknown_address(app.0, peer, &head, StatusCode::NOT_FOUND).await;
    }
    unknown_path(app, Request::from_parts(head, body)).await
}

async fn wrong_page_method(
    app: State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    if crate::console::is_page_wanted(&head) {
        return crate::console::unknown_address(app.0, peer, &head, StatusCode::METHOD_NOT_ALLOWED).await;
    }
    unknown_method(app, Request::from_parts(head, body)).await
}

async fn unknown_path(State(app): State<Arc<App>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    if is_management(head.uri.path()) {
        return manage::problem(&Problem::new(404, "the management API has no such path"));
    }
    stranger_refused(&app, Failure::NotFound, manage::address(&app, &head))
}

async fn unknown_method(State(app): State<Arc<App>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    if is_management(head.uri.path()) {
        return manage::problem(&Problem::new(
            405,
            "this method is not allowed here; the Allow header lists the methods that are",
        ));
    }
    stranger_refused(&app, Failure::MethodNotAllowed, manage::address(&app, &head))
}

fn is_management(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when `known_method` gives the method out as it is.
    #[test]
    fn a_method_that_is_not_known_is_not_told() {
        assert_eq!(known_method(&Method::PATCH), "PATCH");
        assert_eq!(known_method(&Method::from_bytes(b"X-SECRET").unwrap()), "other");
    }

    #[test]
    // Fails when a call of the management API has no handler, or a handler no row of the table.
    fn every_call_of_the_management_api_is_in_the_table_and_is_answered() {
        let mut listed: Vec<(&str, &str)> = call_paths().into_iter().filter(|(_, path)| is_management(path)).collect();
        let mut table: Vec<(&str, &str)> =
            crate::manage::routes::routes().iter().map(|route| (route.method, route.path)).collect();
        listed.sort_unstable();
        table.sort_unstable();
        assert_eq!(listed, table);
    }

    #[test]
    fn every_call_is_in_the_openapi_document_and_nothing_else_is() {
        let document: serde_json::Value = serde_json::from_str(crate::openapi()).unwrap();
        let mut written = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            let methods = item.as_object().unwrap().keys().filter(|name| *name != "parameters" && *name != "summary");
            written.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
        }
        let mut listed: Vec<(String, String)> =
            call_paths().into_iter().map(|(method, path)| (method.to_owned(), path.to_owned())).collect();
        written.sort();
        listed.sort();
        assert_eq!(written, listed);
    }
}
