//! Signing in and out: where the token is, what ended the session that this browser had, and the session that begins.

use super::super::components::{self, Html};
use super::super::layout::BareLayout;
use super::super::page_context::{FOREIGN_FORM, PageContext};
use super::super::request_head::{is_local, is_same_origin, is_secure, is_trusted, open_form, theme as theme_of};
use super::super::response::{PageResult, add_security_headers, html, plain, redirect};
use crate::app::{App, SettingSource, TokenPlace};
use crate::callers::TokenScope;
use crate::http::guard::{client_address, query};
use crate::limits::{NEXT_BYTES_MAX, SESSIONS_MAX};
use crate::manage::audit;
use crate::manage::audit_action::AuditAction;
use crate::sessions::cookies::{has_signed_out, session, set_session, set_signed_out};
use crate::sessions::ending::Ending;
use askama::Template;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use std::net::SocketAddr;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignIn<'a> {
    layout: BareLayout,
    next: &'a str,
    error: &'a str,
    /// What ended the session that this browser had.
    ended: &'a str,
    /// Where the admin token is, in words, and a command that shows it.
    place: (String, Option<Html>),
    host: &'a str,
}

fn page((app, headers): (&App, &HeaderMap), next: &str, (error, ended): (&str, &str)) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let layout = BareLayout { title: "Sign in", theme: theme_of(headers) };
    let (words, command) = token_place(app.token_place);
    let place = (words, command.map(|text| components::command(text, "command")));
    let made = html(&SignIn { layout, next, error, ended, place, host });
    add_security_headers(made.unwrap_or_else(|problem| plain(StatusCode::INTERNAL_SERVER_ERROR, &problem.detail)))
}

/// Says where operators find the admin token, with a command that prints it if the path is the default one. Everybody may
/// read this: it has no other path, and never the token.
fn token_place(place: TokenPlace) -> (String, Option<&'static str>) {
    let given = |how: SettingSource, flag: &str, variable: &str, key: &str| match how {
        SettingSource::Flag => format!("the flag {flag}"),
        SettingSource::Variable => format!("the environment variable {variable}"),
        SettingSource::File => format!("the key {key} of its settings file"),
    };
    match place {
        TokenPlace::Unknown => ("The operator of this server has the admin token.".to_owned(), None),
        TokenPlace::Value(how) => {
            let given = given(how, "--admin-token", "MUSTER_ADMIN_TOKEN", "admin_token");
            (format!("The admin token of this server is set by {given}."), None)
        }
        TokenPlace::File(how) => {
            let given = given(how, "--admin-token-file", "MUSTER_ADMIN_TOKEN_FILE", "admin_token_file");
            (format!("The admin token is in the file that is set by {given}."), None)
        }
        TokenPlace::DataDirectory { is_default, was_said, was_printed } => {
            let mut words = match (was_printed, was_said) {
                (true, _) => "The server printed the admin token when it started. It is also in ",
                (false, true) => "The server printed the path of the admin token when it started: ",
                (false, false) => "The admin token is in ",
            }
            .to_owned();
            words += "the file admin-token of the server's data directory.";
            if is_default {
                words += " In the directory where the server was started:";
            }
            (words, is_default.then_some("cat muster-data/admin-token"))
        }
    }
}

/// Returns where the sign-in page leads on to: a short path of this server, or the start. The page tells it several
/// times over.
fn onward(next: &str) -> &str {
    if is_local(next) && next.len() <= NEXT_BYTES_MAX { next } else { "/" }
}

/// `GET /sign-in?next=`: says what ended the session of the cookie that was sent.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let query = query(&head);
    let next = query.iter().find(|(name, _)| name == "next").map_or("/", |(_, value)| value.as_str());
    let cookie = session(&head.headers, is_secure(&app, &head.headers, peer));
    let has_signed_out = has_signed_out(&head.headers);
    let ended = match cookie {
        Some(cookie) => app.sessions.state(cookie, app.now()).words(),
        None if has_signed_out => Ending::SignedOut.words(),
        None => String::new(),
    };
    let mut response = page((&app, &head.headers), onward(next), ("", &ended));
    if has_signed_out {
        set_cookie(&mut response, &set_signed_out(false));
    }
    response
}

/// `POST /sign-in` with `token` and `next`.
pub(crate) async fn begin(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let refused = |status: StatusCode, next: &str, why: &str| {
        let mut response = page((&app, &head.headers), next, (why, ""));
        *response.status_mut() = status;
        response
    };
    if !is_same_origin(&head.headers) {
        return add_security_headers(plain(StatusCode::FORBIDDEN, FOREIGN_FORM));
    }
    let is_secure = is_secure(&app, &head.headers, peer);
    if !is_secure && !peer.ip().to_canonical().is_loopback() && !is_trusted(&app, peer) {
        let why = "Signing in over a network needs TLS (--tls-cert, --tls-key) or a trusted proxy (--trusted-proxy).";
        return refused(StatusCode::FORBIDDEN, "/", why);
    }
    let fields = match open_form(&app, &head.headers, body).await {
        Ok(fields) => fields,
        Err(response) => return add_security_headers(response),
    };
    let field = |name: &str| fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim());
    let next = onward(field("next"));
    let address = client_address(&app, &head.headers, peer);
    let Some(caller) = app.caller(field("token"), Some(address)) else {
        let (delay, now) = (app.lockout.wrong(address, app.now()), app.now());
        if app.refusals.is_recorded(address, now) {
            audit::session(&app, AuditAction::SessionRefused, None, address).await;
        }
        tokio::time::sleep(delay).await;
        return refused(StatusCode::UNAUTHORIZED, next, "No such token. It may have been revoked.");
    };
    let is_admin = caller.has(TokenScope::Admin) && caller.workspace.is_none();
    let Some(cookie) = app.sessions.begin((app.secret(), app.now()), field("token"), is_admin) else {
        let why = format!("The limit of {} sessions is reached. Try again later.", components::count(SESSIONS_MAX));
        return refused(StatusCode::SERVICE_UNAVAILABLE, next, &why);
    };
    // The session that this browser had before would live on unseen.
    if let Some(older) = session(&head.headers, is_secure) {
        app.sessions.end(older, Ending::Replaced);
    }
    store_sessions(&app).await;
    audit::session(&app, AuditAction::SessionBegun, Some(&caller), address).await;
    let mut response = redirect(next);
    set_cookie(&mut response, &set_session(&cookie, is_secure));
    add_security_headers(response)
}

/// `POST /sign-out`: the session is gone from the storage, too, before it is answered.
pub(crate) async fn end(context: Arc<PageContext>) -> PageResult {
    context.app.sessions.end(context.session(), Ending::SignedOut);
    store_sessions(&context.app).await;
    audit::session(&context.app, AuditAction::SessionEnded, Some(&context.caller), context.client()).await;
    let mut response = redirect("/sign-in");
    set_cookie(&mut response, &set_session("", context.is_secure()));
    set_cookie(&mut response, &set_signed_out(true));
    Ok(response)
}

/// Stores the sessions on a thread that may block.
async fn store_sessions(app: &Arc<App>) {
    let app = Arc::clone(app);
    let _stored = tokio::task::spawn_blocking(move || app.sessions.write(&*app.engine)).await;
}

fn set_cookie(response: &mut Response, line: &str) {
    if let Ok(line) = HeaderValue::try_from(line) {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
}
