//! The start page, the theme, the component sheet, and the answer to a problem of a page.

use super::super::components::{self, Html, TreeRow};
use super::super::layout::BareLayout;
use super::super::page_context::{FOREIGN_FORM, PageContext};
use super::super::request_head::{is_same_origin, open_form, referring_path};
use super::super::response::{PageResult, add_security_headers, html, plain, redirect};
use super::missing;
use super::problem::{problem_page, sentence};
use crate::app::App;
use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use muster_wire::manage::problem::Problem;
use std::sync::Arc;

/// `GET /`: the first workspace, or the list of them.
pub(crate) async fn home(context: Arc<PageContext>) -> PageResult {
    let all = context.app.workspaces.all();
    let first = all.iter().find(|entry| context.caller.sees(entry.id().as_str()));
    let first = first.map(|entry| format!("/w/{}/overview", entry.id()));
    Ok(redirect(&first.unwrap_or_else(|| "/workspaces".to_owned())))
}

/// `POST /theme` with `theme`: kept in a cookie, for the sign-in page, too.
pub(crate) async fn theme(State(app): State<Arc<App>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if !is_same_origin(&head.headers) {
        return add_security_headers(plain(StatusCode::FORBIDDEN, FOREIGN_FORM));
    }
    let fields = match open_form(&app, &head.headers, body).await {
        Ok(fields) => fields,
        Err(response) => return add_security_headers(response),
    };
    let wanted = fields.iter().find(|(name, _)| name == "theme").map_or("", |(_, value)| value.as_str());
    let line = match wanted {
        "light" => "theme=light; Path=/; Max-Age=31536000; SameSite=Lax",
        "dark" => "theme=dark; Path=/; Max-Age=31536000; SameSite=Lax",
        _ => "theme=; Path=/; Max-Age=0; SameSite=Lax",
    };
    let mut response = redirect(&referring_path(&head.headers));
    response.headers_mut().append(header::SET_COOKIE, HeaderValue::from_static(line));
    add_security_headers(response)
}

#[derive(Template)]
#[template(path = "components.html")]
struct Components {
    layout: BareLayout,
    /// Drawings that the server makes, of samples.
    tree: Html,
    groups: Html,
}

/// `GET /components`: every part of the console in both themes, for those who build it.
pub(crate) async fn components(context: Arc<PageContext>) -> PageResult {
    let tree_row = |parent, name: &str, words: &str, is_marked| TreeRow {
        parent,
        name: name.to_owned(),
        words: words.to_owned(),
        is_marked,
    };
    let tree_rows = [
        tree_row(None, "cust-1001", "6b04f0…003e, survivor", false),
        tree_row(Some(0), "+15550142", "6af6b7…0007, m1, 2 Nov 18:20", false),
        tree_row(Some(0), "asha@example.test", "6af9d2…0002, m3, 24 Nov 14:05", true),
        tree_row(Some(2), "cust-3350", "6a77c0…0f21, m2, 20 Nov 08:44", true),
    ];
    let (tree, groups) = (components::tree(&tree_rows, 2), components::groups(&[(2, 301), (3, 9), (14, 2)]));
    html(&Components { layout: BareLayout { title: "Components", theme: context.theme() }, tree, groups })
}

/// What went wrong, in words, with the next step.
pub(crate) async fn problem_answer(context: &PageContext, problem: &Problem) -> Response {
    let title = match problem.status {
        404 => missing::title(context),
        410 => "No longer available",
        403 => "Not allowed with this token",
        409 | 412 => "Not possible in the current state",
        400 => "The request is not valid",
        503 => "Not available at the moment",
        _ => "Something went wrong",
    };
    // What is known of the page says all that the call says, and more.
    let why = if problem.status == 404 { missing::why(context) } else { String::new() };
    let detail = if why.is_empty() { sentence(&problem.detail) } else { why };
    problem_page(context, problem.status, title, (detail, String::new())).await
}
