//! The start, signing in and out, the theme, and what is said when something cannot be shown.

use super::super::head::{
    came_from, is_local, is_same_origin, is_secure, is_trusted, open_form, plain, redirect, theme as theme_of,
};
use super::super::parts::{self, Html, Twig};
use super::super::session::{session, set_session};
use super::super::shell::{Shell, html};
use super::super::visit::Visit;
use super::super::{Page, assets, guarded};
use crate::app::App;
use crate::callers::Scope;
use crate::http::guard::client_address;
use crate::http::manage::audit::{self, Action};
use crate::limits::NEXT_BYTES_MAX;
use askama::Template;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use muster_wire::manage::problem::Problem;
use std::net::SocketAddr;
use std::sync::Arc;

/// `GET /`: the first workspace, or the list of them.
pub(crate) async fn home(visit: Arc<Visit>) -> Page {
    let all = visit.app.workspaces.all();
    let first = all.iter().find(|entry| visit.caller.sees(entry.id().as_str()));
    let first = first.map(|entry| format!("/w/{}/overview", entry.id()));
    Ok(redirect(&first.unwrap_or_else(|| "/workspaces".to_owned())))
}

/// What pages outside of the frame share with those inside.
struct Bare {
    title: &'static str,
    theme: &'static str,
}

impl Bare {
    fn style(&self) -> String {
        assets::style()
    }

    fn script(&self) -> String {
        assets::script()
    }
}

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignIn<'a> {
    shell: Bare,
    next: &'a str,
    error: &'a str,
    command: Html,
    host: &'a str,
}

fn sign_in_page(headers: &HeaderMap, next: &str, error: &str) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let template = SignIn {
        shell: Bare { title: "Sign in", theme: theme_of(headers) },
        next,
        error,
        command: parts::command("cat muster-data/admin-token", "command"),
        host,
    };
    let made = html(&template);
    guarded(made.unwrap_or_else(|problem| plain(StatusCode::INTERNAL_SERVER_ERROR, &problem.detail)))
}

/// Where the sign-in page leads on to: a short path of this server, or the start. The page tells it several times over.
fn onward(next: &str) -> &str {
    if is_local(next) && next.len() <= NEXT_BYTES_MAX { next } else { "/" }
}

/// `GET /sign-in?next=`.
pub(crate) async fn sign_in(request: Request) -> Response {
    let (head, _) = request.into_parts();
    let query = crate::http::guard::query(&head);
    let next = query.iter().find(|(name, _)| name == "next").map_or("/", |(_, value)| value.as_str());
    sign_in_page(&head.headers, onward(next), "")
}

/// `POST /sign-in` with `token` and `next`.
pub(crate) async fn signed_in(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let refused = |status: StatusCode, next: &str, why: &str| {
        let mut response = sign_in_page(&head.headers, next, why);
        *response.status_mut() = status;
        response
    };
    if !is_same_origin(&head.headers) {
        return guarded(plain(StatusCode::FORBIDDEN, "this form was not sent from a page of this console"));
    }
    let is_secure = is_secure(&app, &head.headers, peer);
    if !is_secure && !peer.ip().to_canonical().is_loopback() && !is_trusted(&app, peer) {
        let why = "Over an open network a token is only taken over TLS (--tls-cert, --tls-key) or from a trusted proxy (--trusted-proxy).";
        return refused(StatusCode::FORBIDDEN, "/", why);
    }
    let fields = match open_form(&app, &head.headers, body).await {
        Ok(fields) => fields,
        Err(response) => return guarded(response),
    };
    let field = |name: &str| fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim());
    let next = onward(field("next"));
    let address = client_address(&app, &head.headers, peer);
    let Some(caller) = app.caller(field("token"), Some(address)) else {
        let (delay, now) = (app.lockout.wrong(address, app.now()), app.now());
        if app.refusals.is_recorded(address, now) {
            audit::session(&app, Action::SessionRefused, None, address).await;
        }
        tokio::time::sleep(delay).await;
        return refused(StatusCode::UNAUTHORIZED, next, "No such token. It may have been revoked.");
    };
    let is_admin = caller.has(Scope::Admin) && caller.workspace.is_none();
    let Some(cookie) = app.sessions.begin(&app, field("token"), is_admin) else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, next, "As many are signed in as may be. Try again later.");
    };
    // The session that this browser had before would live on unseen.
    if let Some(older) = session(&head.headers, is_secure) {
        app.sessions.end(older);
    }
    audit::session(&app, Action::SessionBegun, Some(&caller), address).await;
    let mut response = redirect(next);
    set_cookie(&mut response, &set_session(&cookie, is_secure));
    guarded(response)
}

/// `POST /sign-out`.
pub(crate) async fn sign_out(visit: Arc<Visit>) -> Page {
    visit.app.sessions.end(visit.session());
    audit::session(&visit.app, Action::SessionEnded, Some(&visit.caller), visit.client()).await;
    let mut response = redirect("/sign-in");
    set_cookie(&mut response, &set_session("", visit.is_secure()));
    Ok(response)
}

fn set_cookie(response: &mut Response, line: &str) {
    if let Ok(line) = HeaderValue::try_from(line) {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
}

/// `POST /theme` with `theme`: kept in a cookie, for the sign-in page, too.
pub(crate) async fn theme(State(app): State<Arc<App>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if !is_same_origin(&head.headers) {
        return guarded(plain(StatusCode::FORBIDDEN, "this form was not sent from a page of this console"));
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
    set_cookie(&mut response, line);
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
struct Trouble<'a> {
    shell: Shell,
    status: u16,
    title: &'a str,
    detail: String,
    back: String,
}

#[derive(Template)]
#[template(path = "unavailable.html")]
struct Unavailable {
    shell: Bare,
    status: u16,
    title: String,
    detail: String,
}

/// What went wrong, in words, with the next step.
pub(crate) async fn trouble(visit: &Visit, problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let detail = sentence(&problem.detail);
    let title = match problem.status {
        404 => "Nothing of this name is here",
        403 => "Not with this token",
        409 | 410 => "It is not as it was",
        400 => "That cannot be done so",
        503 => "The storage does not answer",
        _ => "It did not work",
    };
    let page = match Shell::of(visit, title, "").await {
        Ok(shell) if problem.status < 500 => {
            html(&Trouble { shell, status: problem.status, title, detail, back: visit.came_from() })
        }
        _ => html(&Unavailable {
            shell: Bare { title: "Unavailable", theme: visit.theme() },
            status: problem.status,
            title: title.to_owned(),
            detail,
        }),
    };
    let mut response = page.unwrap_or_else(|problem| plain(status, &problem.detail));
    *response.status_mut() = status;
    response
}

/// A detail of a problem as a sentence.
pub(crate) fn sentence(detail: &str) -> String {
    let mut letters = detail.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let whole = first + letters.as_str();
    if whole.ends_with(['.', '!', '?']) { whole } else { whole + "." }
}
