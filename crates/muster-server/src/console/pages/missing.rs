//! Pages for what does not exist: unknown addresses, and addresses of things that are not there. They say what was looked
//! for and why it may be gone, and quote nothing of the address.

use super::super::components::{self, count_noun};
use super::super::layout::BareLayout;
use super::super::page_context::{PageContext, signed_in};
use super::super::request_head::theme;
use super::super::response::{add_security_headers, html, plain};
use super::problem::problem_page;
use crate::app::App;
use crate::limits::REPLAY_JOBS_MAX;
use askama::Template;
use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use muster_wire::manage::settings::WorkspaceSettings;
use std::net::SocketAddr;
use std::sync::Arc;

/// The page for an address that is none, or that does not take the method that came.
pub(crate) async fn address(context: &PageContext, status: StatusCode) -> Response {
    if context.is_workspace_missing() {
        return workspace(context).await;
    }
    let (title, detail, why) = of_address(status);
    problem_page(context, status.as_u16(), title, (detail.to_owned(), why.to_owned())).await
}

/// Answers a browser at an address that does not exist, or that does not take its method. A visitor who is not signed in
/// learns no more than that.
pub(crate) async fn unknown_address(app: Arc<App>, peer: SocketAddr, head: &Parts, status: StatusCode) -> Response {
    if signed_in(&app, head, peer).is_none() {
        return add_security_headers(for_strangers(&head.headers, status));
    }
    // Treated like a visitor who follows a link: the body is not read.
    let mut request = Request::new(Body::empty());
    (*request.uri_mut(), *request.headers_mut()) = (head.uri.clone(), head.headers.clone());
    match PageContext::open(app, peer, request).await {
        Ok(context) => add_security_headers(address(&context, status).await),
        Err(refusal) => add_security_headers(refusal),
    }
}

/// The page for visitors who are not signed in.
#[derive(Template)]
#[template(path = "missing.html")]
struct Missing {
    layout: BareLayout,
    status: u16,
    detail: &'static str,
}

/// Renders the page of an unknown address for a visitor who is not signed in.
pub(crate) fn for_strangers(headers: &HeaderMap, status: StatusCode) -> Response {
    let (title, detail, _) = of_address(status);
    let page = html(&Missing { layout: BareLayout { title, theme: theme(headers) }, status: status.as_u16(), detail });
    let mut response = page.unwrap_or_else(|problem| plain(status, &problem.detail));
    *response.status_mut() = status;
    response
}

fn of_address(status: StatusCode) -> (&'static str, &'static str, &'static str) {
    if status == StatusCode::METHOD_NOT_ALLOWED {
        return (
            "This address is not a page",
            "It accepts only a form or an API call. Nothing was done.",
            "Go to the page that has the form, and send it from there.",
        );
    }
    (
        "Page not found",
        "The console has no page at this address.",
        "The address may be mistyped or cut off, or from another version of Muster.",
    )
}

/// The page for a workspace that is not there for the token, whether it exists or not.
pub(crate) async fn workspace(context: &PageContext) -> Response {
    let detail = "Your token gives access to no workspace with this id.".to_owned();
    let why =
        "It may be mistyped (upper and lower case count), it may have been deleted, or your token may be bound to \
               another workspace."
            .to_owned();
    problem_page(context, 404, "Workspace not found", (detail, why)).await
}

/// Returns what the address names.
pub(super) fn title(context: &PageContext) -> &'static str {
    match named(context) {
        "requests" => "Request not found",
        "users" => "User not found",
        "merges" => "Merge not found",
        "reviews" => "Review not found",
        "quarantine" => "Quarantine entry not found",
        "jobs" => "Bulk replay not found",
        "separations" => "Separation not found",
        "keys" => "Key not found",
        "tokens" => "Token not found",
        _ => "Not found",
    }
}

fn named(context: &PageContext) -> &str {
    match context.entry() {
        Ok(_) => context.part(0),
        Err(_) => context.path().split('/').nth(1).unwrap_or_default(),
    }
}

/// Returns the days for which something is kept as a reason why it is gone; empty if it is kept for ever.
fn older(days: u32, what: &str) -> String {
    match days {
        0 => String::new(),
        days => {
            format!(
                "It may be older than {}, and this workspace keeps {what} no longer than that. ",
                count_noun(u64::from(days), "day")
            )
        }
    }
}

/// Returns why what the address names may not be there; empty if nothing more is known than what the call said.
pub(super) fn why(context: &PageContext) -> String {
    let document = context.entry().ok().map(|entry| &entry.document);
    let kept = |of: fn(&WorkspaceSettings) -> u32, what: &str| {
        document.map(|document| older(of(document), what)).unwrap_or_default()
    };
    let elsewhere = "It may be mistyped or belong to another workspace.";
    match named(context) {
        "requests" => {
            kept(|document| document.log_retention_days, "requests")
                + elsewhere
                + " Requests refused before processing (401, 403, 413, 415, 429, 503) are not kept."
        }
        "users" => format!("The user may have been deleted. {elsewhere}"),
        "merges" | "reviews" => elsewhere.to_owned(),
        "quarantine" => {
            kept(|document| document.quarantine_retention_days, "rejected elements")
                + "Somebody may have deleted it. "
                + elsewhere
        }
        "jobs" => format!(
            "A restart of the server forgets bulk replays, and only the newest {REPLAY_JOBS_MAX} are remembered. What was \
             not replayed is still in the quarantine."
        ),
        "separations" => "Somebody may have lifted it already.".to_owned(),
        "keys" => "Somebody may have revoked it already.".to_owned(),
        _ => String::new(),
    }
}
