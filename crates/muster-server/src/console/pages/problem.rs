//! The page that says what went wrong.

use super::super::components;
use super::super::layout::{BareLayout, Layout};
use super::super::page_context::PageContext;
use super::super::response::{html, plain};
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    layout: Layout,
    status: u16,
    title: &'static str,
    detail: String,
    /// Why it may be so, and what to do.
    why: String,
    back: String,
}

#[derive(Template)]
#[template(path = "unavailable.html")]
struct Unavailable {
    layout: BareLayout,
    status: u16,
    detail: String,
}

/// Returns a page that says what went wrong; without the layout where the server is at fault.
pub(super) async fn problem_page(
    context: &PageContext,
    status: u16,
    title: &'static str,
    (detail, why): (String, String),
) -> Response {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let page = match Layout::new(context, title, "").await {
        Ok(layout) if status < 500 => {
            html(&ProblemPage { layout, status, title, detail, why, back: context.referring_path() })
        }
        _ => html(&Unavailable { layout: BareLayout { title, theme: context.theme() }, status, detail }),
    };
    let mut response = page.unwrap_or_else(|problem| plain(code, &problem.detail));
    *response.status_mut() = code;
    response
}

/// Returns the detail of a problem as a sentence.
pub(crate) fn sentence(detail: &str) -> String {
    let mut letters = detail.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let whole = first + letters.as_str();
    if whole.ends_with(['.', '!', '?']) { whole } else { whole + "." }
}
