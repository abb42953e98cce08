//! The start, the theme, and what is said when something cannot be shown.

use super::super::head::{came_from, is_same_origin, open_form, plain, redirect};
use super::super::parts::{self, Html, Twig};
use super::super::shell::{Shell, html};
use super::super::visit::{FOREIGN_FORM, Visit};
use super::super::{Page, assets, guarded};
use super::missing;
use crate::app::App;
use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use muster_wire::manage::problem::Problem;
use std::sync::Arc;

/// `GET /`: the first workspace, or the list of them.
pub(crate) async fn home(visit: Arc<Visit>) -> Page {
    let all = visit.app.workspaces.all();
    let first = all.iter().find(|entry| visit.caller.sees(entry.id().as_str()));
    let first = first.map(|entry| format!("/w/{}/overview", entry.id()));
    Ok(redirect(&first.unwrap_or_else(|| "/workspaces".to_owned())))
}

/// What pages outside of the frame share with those inside.
pub(super) struct Bare {
    pub(super) title: &'static str,
    pub(super) theme: &'static str,
}

impl Bare {
    pub(super) fn style(&self) -> String {
        assets::style()
    }

    pub(super) fn script(&self) -> String {
        assets::script()
    }
}

/// `POST /theme` with `theme`: kept in a cookie, for the sign-in page, too.
pub(crate) async fn theme(State(app): State<Arc<App>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if !is_same_origin(&head.headers) {
        return guarded(plain(StatusCode::FORBIDDEN, FOREIGN_FORM));
    }
    let fields = match open_form(&app, &head.headers, body).await {
        Ok(fields) => fields,
        Err(response) => return guarded(response),
    };
    let wanted = fields.iter().find(|(name, _)| name == "theme").map_or("", |(_, value)| value.as_str());
    let line = match wanted {
        "light" => "theme=light; Path=/; Max-Age=31536000; SameSite=Lax",
        "dark" => "theme=dark; Path=/; Max-Age=31536000; SameSite=Lax",
        _ => "theme=; Path=/; Max-Age=0; SameSite=Lax",
    };
    let mut response = redirect(&came_from(&head.headers));
    response.headers_mut().append(header::SET_COOKIE, HeaderValue::from_static(line));
    guarded(response)
}

#[derive(Template)]
#[template(path = "components.html")]
struct Components {
    shell: Bare,
    /// Drawings that the server makes, of samples.
    tree: Html,
    groups: Html,
}

/// `GET /components`: every part of the console in both themes, for those who build it.
pub(crate) async fn components(visit: Arc<Visit>) -> Page {
    let twig = |parent, name: &str, words: &str, is_marked| Twig {
        parent,
        name: name.to_owned(),
        words: words.to_owned(),
        is_marked,
    };
    let twigs = [
        twig(None, "cust-1001", "6b04f0…003e, survivor", false),
        twig(Some(0), "+15550142", "6af6b7…0007, m1, 2 Nov 18:20", false),
        twig(Some(0), "asha@example.test", "6af9d2…0002, m3, 24 Nov 14:05", true),
        twig(Some(2), "cust-3350", "6a77c0…0f21, m2, 20 Nov 08:44", true),
    ];
    let (tree, groups) = (parts::tree(&twigs, 2), parts::groups(&[(2, 301), (3, 9), (14, 2)]));
    html(&Components { shell: Bare { title: "Components", theme: visit.theme() }, tree, groups })
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct Trouble {
    shell: Shell,
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
    shell: Bare,
    status: u16,
    detail: String,
}

/// What went wrong, in words, with the next step.
pub(crate) async fn trouble(visit: &Visit, problem: &Problem) -> Response {
    let title = match problem.status {
        404 => missing::title(visit),
        410 => "No longer there",
        403 => "Not allowed with this token",
        409 | 412 => "Changed in the meantime",
        400 => "The request could not be read",
        503 => "The storage does not answer",
        _ => "Something went wrong",
    };
    // What is known of the page says all that the call says, and more.
    let why = if problem.status == 404 { missing::why(visit) } else { String::new() };
    let detail = if why.is_empty() { sentence(&problem.detail) } else { why };
    problem_page(visit, problem.status, title, (detail, String::new())).await
}

/// A page in the frame that says what went wrong; without the frame where the server is at fault.
pub(super) async fn problem_page(
    visit: &Visit,
    status: u16,
    title: &'static str,
    (detail, why): (String, String),
) -> Response {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let page = match Shell::of(visit, title, "").await {
        Ok(shell) if status < 500 => html(&Trouble { shell, status, title, detail, why, back: visit.came_from() }),
        _ => html(&Unavailable { shell: Bare { title, theme: visit.theme() }, status, detail }),
    };
    let mut response = page.unwrap_or_else(|problem| plain(code, &problem.detail));
    *response.status_mut() = code;
    response
}

/// A detail of a problem as a sentence.
pub(crate) fn sentence(detail: &str) -> String {
    let mut letters = detail.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let whole = first + letters.as_str();
    if whole.ends_with(['.', '!', '?']) { whole } else { whole + "." }
}
