//! The console: pages rendered on the server for whoever asks "did my data arrive, and what became of it?". A page asks
//! the functions of the management API for their documents (already masked where they must be) and lays them out; what
//! a page changes goes through the same functions, so that both are checked, audited and refused alike.
//!
//! `head` is what a request says before anybody is known, `context` who asks and under which settings, `session` who is
//! signed in, `flash` what a page says once about an action, `shell` the frame around a page, `parts` the components, `doc`
//! how documents are read, `pages` one file a page. What changes something is answered by a redirect to a page that says
//! so; what was refused is answered by its form with what was typed, as 422. Templates stand in `templates/`, the style sheet
//! and the script in `assets/`. Every page works without script, the movement of the live view aside.

mod assets;
mod flash;
mod request_head;
mod pages;
mod components;
pub(crate) mod session;
mod layout;
mod page_context;

use crate::app::App;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use muster_wire::manage::problem::Problem;
use page_context::PageContext;
use std::net::SocketAddr;
use std::sync::Arc;

/// A page, or why it cannot be shown.
type Page = Result<Response, Problem>;

/// Nothing but the console's own files and the empty icon, no frames, no inline script or style, forms to itself alone.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// One address of the console: its method, its path, and who answers it.
type RouteEntry = (&'static str, &'static str, MethodRouter<Arc<App>>);

/// Every address of the console.
#[rustfmt::skip]
fn listed() -> Vec<RouteEntry> {
    use pages::{audit, docs, document, frame, identity, log, merge, merges, overview, quarantine, request, reviews};
    use pages::{settings, sign_in, tokens, users, watch, workspaces, zone};
    vec![
        ("GET", "/", page(frame::home)),
        ("GET", "/sign-in", get(sign_in::show)),
        ("POST", "/sign-in", post(sign_in::begin)),
        ("POST", "/sign-out", act_of("/", sign_in::end)),
        ("POST", "/theme", post(frame::theme).merge(page_of("/"))),
        ("POST", "/zone", act_of("/", zone::choose)),
        ("GET", "/docs", get(docs::show)),
        ("GET", "/assets/{name}", get(assets::serve)),
        ("GET", "/components", page(frame::components)),
        ("GET", "/workspaces", page(workspaces::list)),
        ("POST", "/workspaces", act(workspaces::create)),
        ("GET", "/audit", page(audit::show)),
        ("GET", "/tokens", page(tokens::list)),
        ("POST", "/tokens", act(tokens::create)),
        ("POST", "/tokens/{name}/revoke", act_of("/tokens", tokens::revoke)),
        ("GET", "/w/{workspace_id}", page(workspaces::enter)),
        ("GET", "/w/{workspace_id}/overview", page(overview::show)),
        ("GET", "/w/{workspace_id}/overview/figures", page(overview::figures_alone)),
        ("GET", "/w/{workspace_id}/overview/budget", page(overview::budget_alone)),
        ("GET", "/w/{workspace_id}/overview/first", page(overview::first)),
        ("GET", "/w/{workspace_id}/live", page(log::live)),
        ("POST", "/w/{workspace_id}/live", act(log::filter)),
        ("GET", "/w/{workspace_id}/live/stream", page(watch::stream)),
        ("GET", "/w/{workspace_id}/live/rate", page(watch::rate)),
        ("GET", "/w/{workspace_id}/requests/{request_id}", page(request::show)),
        ("GET", "/w/{workspace_id}/requests/{request_id}/json", page(document::request)),
        ("GET", "/w/{workspace_id}/quarantine", page(quarantine::list)),
        ("POST", "/w/{workspace_id}/quarantine", act(quarantine::many)),
        ("GET", "/w/{workspace_id}/quarantine/{entry_id}/json", page(document::entry)),
        ("POST", "/w/{workspace_id}/quarantine/{entry_id}/replay", act_of("quarantine", quarantine::replay)),
        ("POST", "/w/{workspace_id}/quarantine/{entry_id}/check", act_of("quarantine", quarantine::check)),
        ("POST", "/w/{workspace_id}/quarantine/restore", act_of("quarantine", quarantine::restore)),
        ("GET", "/w/{workspace_id}/jobs/{job_id}", page(quarantine::job)),
        ("GET", "/w/{workspace_id}/users", page(users::blank)),
        ("POST", "/w/{workspace_id}/users", act(users::find)),
        ("GET", "/w/{workspace_id}/users/{user_id}", page(users::show)),
        ("GET", "/w/{workspace_id}/users/{user_id}/json", page(document::user)),
        ("POST", "/w/{workspace_id}/users/{user_id}/merge", act_of("users/{user_id}", users::merge)),
        ("GET", "/w/{workspace_id}/merges", page(merges::list)),
        ("POST", "/w/{workspace_id}/merges", act(merges::narrow)),
        ("GET", "/w/{workspace_id}/merges/{merge_id}", page(merge::show)),
        ("GET", "/w/{workspace_id}/merges/{merge_id}/json", page(document::merge)),
        ("POST", "/w/{workspace_id}/merges/{merge_id}/revert", act_of("merges/{merge_id}", merge::revert)),
        ("POST", "/w/{workspace_id}/separations/{separation_id}/lift", act_of("merges", merges::lift)),
        ("GET", "/w/{workspace_id}/reviews", page(reviews::list)),
        ("GET", "/w/{workspace_id}/reviews/{review_id}", page(reviews::show)),
        ("GET", "/w/{workspace_id}/reviews/{review_id}/json", page(document::review)),
        ("POST", "/w/{workspace_id}/reviews/{review_id}", act(reviews::decide)),
        ("GET", "/w/{workspace_id}/identity", page(identity::show)),
        ("POST", "/w/{workspace_id}/identity", act(identity::change)),
        ("GET", "/w/{workspace_id}/identity/progress", page(identity::progress)),
        ("POST", "/w/{workspace_id}/identity/cancel", act_of("identity", identity::cancel)),
        ("GET", "/w/{workspace_id}/settings", page(settings::apis)),
        ("POST", "/w/{workspace_id}/keys/rotate", act_of("settings", settings::rotate)),
        ("POST", "/w/{workspace_id}/keys/revoke", act_of("settings", settings::revoke)),
        ("GET", "/w/{workspace_id}/settings/workspace", page(settings::workspace)),
        ("POST", "/w/{workspace_id}/settings/workspace", act(settings::save)),
        ("POST", "/w/{workspace_id}/settings/suspend", act_of("settings/workspace", settings::suspend)),
        ("POST", "/w/{workspace_id}/settings/delete", act_of("settings/workspace", settings::delete)),
        ("GET", "/w/{workspace_id}/audit", page(audit::show)),
    ]
}

/// The routes of the console, each with its template for the log and the metrics.
pub(crate) fn routes() -> Vec<(&'static str, &'static str, MethodRouter<Arc<App>>)> {
    listed()
}

fn page<H, F>(handler: H) -> MethodRouter<Arc<App>>
where
    H: Fn(Arc<PageContext>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Page> + Send,
{
    get(answering(handler))
}

fn act<H, F>(handler: H) -> MethodRouter<Arc<App>>
where
    H: Fn(Arc<PageContext>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Page> + Send,
{
    post(answering(handler))
}

/// An action whose address is no page: whoever comes to it by GET, after signing in for example, is led to the page that
/// has its form. A place without a slash before it is in the workspace; a part of it in braces is that of the path.
fn act_of<H, F>(place: &'static str, handler: H) -> MethodRouter<Arc<App>>
where
    H: Fn(Arc<PageContext>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Page> + Send,
{
    act(handler).merge(page_of(place))
}

fn page_of(place: &'static str) -> MethodRouter<Arc<App>> {
    page(move |context: Arc<PageContext>| async move { Ok(request_head::redirect(&context.place(place))) })
}

/// What a browser gets for an address that is none, or that does not take its method: a page that says so. Whoever is not
/// signed in learns no more than that.
pub(crate) async fn nowhere(app: Arc<App>, peer: SocketAddr, head: &Parts, status: StatusCode) -> Response {
    if page_context::signed_in(&app, head, peer).is_none() {
        return guarded(pages::missing::for_strangers(&head.headers, status));
    }
    // As somebody comes who follows a link: what was sent is not read.
    let mut request = Request::new(Body::empty());
    (*request.uri_mut(), *request.headers_mut()) = (head.uri.clone(), head.headers.clone());
    match PageContext::open(app, peer, request).await {
        Ok(context) => guarded(pages::missing::address(&context, status).await),
        Err(refusal) => guarded(refusal),
    }
}

/// Whether an address is for people: the console is there for whatever is neither an API nor a probe.
pub(crate) fn is_page_wanted(head: &Parts) -> bool {
    let of_machines = ["v1", "v1.0", "api", "healthz", "readyz", "metrics"];
    let first = head.uri.path().split('/').nth(1).unwrap_or_default();
    !of_machines.contains(&first) && request_head::takes_pages(&head.headers)
}

/// A handler around which the visit is judged, and whose problems become pages.
fn answering<H, F>(
    handler: H,
) -> impl Fn(State<Arc<App>>, ConnectInfo<SocketAddr>, Request) -> futures_util::future::BoxFuture<'static, Response>
+ Clone
+ Send
+ Sync
+ 'static
where
    H: Fn(Arc<PageContext>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Page> + Send,
{
    move |State(app), ConnectInfo(peer), request| {
        let handler = handler.clone();
        Box::pin(async move {
            let context = match PageContext::open(app, peer, request).await {
                Ok(context) => Arc::new(context),
                Err(refusal) => return guarded(refusal),
            };
            if context.is_workspace_missing() {
                return guarded(pages::missing::workspace(&context).await);
            }
            let response = match handler(Arc::clone(&context)).await {
                Ok(response) => response,
                Err(problem) => pages::frame::problem_answer(&context, &problem).await,
            };
            guarded(response)
        })
    }
}

/// The headers that every page carries.
fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // With no referrer at all, browsers would send the origin of forms as null.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
