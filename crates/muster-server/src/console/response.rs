//! How a page becomes an answer: its headers, redirects, and rendering.

use super::assets;
use super::components::Html;
use askama::Template;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use muster_wire::manage::problem::Problem;

/// A page, or why it cannot be shown.
pub(super) type PageResult = Result<Response, Problem>;

/// Nothing but the console's own files and the empty icon, no frames, no inline script or style, forms to itself alone.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Adds the headers that every page carries.
pub(super) fn add_security_headers(mut response: Response) -> Response {
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

/// Returns a redirect to a place, by GET.
pub(super) fn redirect(to: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let place = HeaderValue::try_from(to).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, place);
    response
}

/// A page without a layout.
#[derive(Template)]
#[template(path = "plain.html")]
struct Plain<'a> {
    style: String,
    words: &'a str,
}

/// Returns an answer of a few words, where no page can be rendered: nobody is signed in, or there is no workspace.
pub(super) fn plain(status: StatusCode, words: &str) -> Response {
    let page = Plain { style: assets::style(), words }.render().unwrap_or_else(|_| words.to_owned());
    (status, as_html(page)).into_response()
}

/// Returns a part of a page as an answer, which the script puts in its place.
pub(super) fn html_part(part: &Html) -> PageResult {
    Ok(as_html(part.to_string()))
}

/// Returns HTML as an answer.
pub(super) fn as_html(html: impl Into<Body>) -> Response {
    let mut response = Response::new(html.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// Renders a template as an answer.
pub(super) fn html(template: &impl Template) -> PageResult {
    let text = template.render().map_err(|error| {
        tracing::error!(%error, "a page could not be rendered");
        Problem::new(500, "the page could not be rendered; check the server log")
    })?;
    Ok(as_html(text))
}
