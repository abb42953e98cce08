//! The console: pages that the server renders for the question "did my data arrive, and what happened to it?". A page calls
//! the functions of the management API, whose documents are already masked where they must be, and lays them out. What a
//! page changes goes through the same functions, so that checks, audit and refusals are the same for both.
//!
//! `request_head` reads what a request says before its sender is known, `page_context` finds out who asks and under which
//! settings, `layout` is the frame of a page, `components` are its reusable pieces, `response` makes it an answer, and
//! `pages` has one file a page. A change is answered by a redirect to a page that confirms it; a refused form is answered as
//! 422 with what was typed. Templates are in `templates/`, the style sheet and the script in `assets/`. Every page works
//! without script, except for the movement of the live view.

mod assets;
mod components;
mod response;
mod request_head;
mod page_context;
mod layout;
mod pages;

use crate::app::App;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use page_context::PageContext;
use response::{PageResult, add_security_headers, redirect};

pub(crate) use pages::missing::unknown_address;
pub(crate) use request_head::is_page_wanted;
use std::net::SocketAddr;
use std::sync::Arc;

/// One address of the console: its method, its path, and who answers it.
type RouteEntry = (&'static str, &'static str, MethodRouter<Arc<App>>);

/// Returns every address of the console.
#[rustfmt::skip]
fn listed() -> Vec<RouteEntry> {
    use pages::{asset, audit, docs, document, frame, identity, log, merge, merges, overview, quarantine, request, reviews};
    use pages::{settings, sign_in, tokens, users, watch, workspaces, zone};
    vec![
        ("GET", "/", page(frame::home)),
        ("GET", "/sign-in", get(sign_in::show)),
        ("POST", "/sign-in", post(sign_in::begin)),
        ("POST", "/sign-out", act_of("/", sign_in::end)),
        ("POST", "/theme", post(frame::theme).merge(page_of("/"))),
        ("POST", "/zone", act_of("/", zone::choose)),
        ("GET", "/docs", get(docs::show)),
        ("GET", "/assets/{name}", get(asset::serve)),
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

/// Returns the routes of the console, each with its template for the log and the metrics.
pub(crate) fn routes() -> Vec<(&'static str, &'static str, MethodRouter<Arc<App>>)> {
    listed()
}

fn page<H, F>(handler: H) -> MethodRouter<Arc<App>>
where
    H: Fn(Arc<PageContext>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = PageResult> + Send,
{
    get(answering(handler))
}

fn act<H, F>(handler: H) -> MethodRouter<Arc<App>>
where
    H: Fn(Arc<PageContext>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = PageResult> + Send,
{
    post(answering(handler))
}

/// Routes an action whose address is not a page: a GET, after signing in for example, is redirected to the page that has its
/// form. A place without a leading slash is in the workspace; a part in braces is taken from the path.
fn act_of<H, F>(place: &'static str, handler: H) -> MethodRouter<Arc<App>>
where
    H: Fn(Arc<PageContext>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = PageResult> + Send,
{
    act(handler).merge(page_of(place))
}

fn page_of(place: &'static str) -> MethodRouter<Arc<App>> {
    page(move |context: Arc<PageContext>| async move { Ok(redirect(&context.place(place))) })
}

/// Wraps a handler: checks the context of the page first, and shows its problems as pages.
fn answering<H, F>(
    handler: H,
) -> impl Fn(State<Arc<App>>, ConnectInfo<SocketAddr>, Request) -> futures_util::future::BoxFuture<'static, Response>
+ Clone
+ Send
+ Sync
+ 'static
where
    H: Fn(Arc<PageContext>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = PageResult> + Send,
{
    move |State(app), ConnectInfo(peer), request| {
        let handler = handler.clone();
        Box::pin(async move {
            let context = match PageContext::open(app, peer, request).await {
                Ok(context) => Arc::new(context),
                Err(refusal) => return add_security_headers(refusal),
            };
            if context.is_workspace_missing() {
                return add_security_headers(pages::missing::workspace(&context).await);
            }
            let response = match handler(Arc::clone(&context)).await {
                Ok(response) => response,
                Err(problem) => pages::frame::problem_answer(&context, &problem).await,
            };
            add_security_headers(response)
        })
    }
}
