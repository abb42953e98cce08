//! The context of a page: the session, the workspace that the path names, query and form, the time zone. It is checked
//! before any page is rendered; calls of the management API are made for the token of the session.

use super::components::TimeFormatter;
use super::request_head::{form, is_ahead, is_asked_by_script, is_same_origin, is_secure, referring_path, theme};
use super::response::{PageResult, plain, redirect};
use crate::app::App;
use crate::budget::BudgetGuard;
use crate::callers::{Caller, TokenScope};
use crate::http::guard;
use crate::limits::{CONSOLE_ROWS, NEXT_BYTES_MAX};
use crate::manage::arguments::{Cursor, PageQuery, PathId};
use crate::manage::context::{CallContext, ManageContext, ReadPermit, WorkspaceContext, masks};
use crate::manage::error::ManageError;
use crate::manage::routes::perform;
use crate::sessions::Sessions;
use crate::sessions::cookies::{ZONE, cookie, session};
use crate::sessions::flash::Flash;
use crate::sessions::persistence::token_ending;
use crate::workspaces::Entry;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use muster_wire::manage::problem::Problem;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Refusal of a form that no page of this server sent.
pub(super) const FOREIGN_FORM: &str = "this form was not sent from a page of this console";

/// The context of a page for a user who is signed in.
pub(super) struct PageContext {
    pub(super) app: Arc<App>,
    pub(super) caller: Arc<Caller>,
    address: IpAddr,
    method: Method,
    headers: HeaderMap,
    /// The path, split.
    segments: Vec<String>,
    path: String,
    query: Vec<(String, String)>,
    form: Vec<(String, String)>,
    entry: Option<Arc<Entry>>,
    /// The path names a workspace that is not there for its token.
    is_workspace_missing: bool,
    is_secure: bool,
    /// Its place among the reading calls.
    _place: ReadPermit,
    /// The memory of its form.
    _memory: Option<BudgetGuard>,
}

/// Returns the caller whose session a request belongs to. A session whose token is gone ends, and the reason is remembered.
pub(super) fn signed_in(app: &App, head: &Parts, peer: SocketAddr) -> Option<Arc<Caller>> {
    let cookie = session(&head.headers, is_secure(app, &head.headers, peer))?;
    let asked = if is_asked_by_script(&head.headers) { Sessions::token_unused } else { Sessions::token };
    let (token, address) = (asked(&app.sessions, cookie, app.now())?, guard::client_address(app, &head.headers, peer));
    let caller = app.caller_of(&token, Some(address));
    if caller.is_none()
        && let Some(why) = token_ending(&app.callers, &token, app.now())
    {
        app.sessions.end(cookie, why);
    }
    caller
}

impl PageContext {
    /// Checks a request: the session, its origin, the workspace.
    ///
    /// # Errors
    /// The response to send instead: a redirect to the sign-in page, or a refusal.
    pub(super) async fn open(app: Arc<App>, peer: SocketAddr, request: Request) -> Result<Self, Response> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let Some(caller) = signed_in(&app, &head, peer) else {
            let leads_back = head.method == Method::GET && path.len() <= NEXT_BYTES_MAX;
            let next = if leads_back { path.as_str() } else { "/" };
            return Err(redirect(&format!("/sign-in?next={next}")));
        };
        let is_post = head.method == Method::POST;
        if is_post && !is_same_origin(&head.headers) {
            return Err(plain(StatusCode::FORBIDDEN, FOREIGN_FORM));
        }
        let segments: Vec<String> = path.split('/').skip(1).map(str::to_owned).collect();
        let named = segments.get(1).filter(|_| segments[0] == "w").map(String::as_str);
        let entry = named.filter(|id| caller.sees(id)).and_then(|id| app.workspace(id));
        let is_workspace_missing = named.is_some() && entry.is_none();
        let (form, memory) = if is_post && !is_workspace_missing {
            let (fields, memory) = form(&app, (&caller, entry.as_deref()), &head.headers, body).await?;
            (fields, Some(memory))
        } else {
            (Vec::new(), None)
        };
        // Only now: a client that sends slowly takes no place meanwhile.
        let about = entry.as_ref().map(|entry| entry.id().as_str());
        let Some(place) = ReadPermit::take(&app, &caller, about) else {
            return Err(plain(StatusCode::SERVICE_UNAVAILABLE, "the console is busy; try again in a moment"));
        };
        let query = guard::query(&head);
        Ok(Self {
            address: guard::client_address(&app, &head.headers, peer),
            is_secure: is_secure(&app, &head.headers, peer),
            app,
            caller,
            method: head.method,
            headers: head.headers,
            segments,
            path,
            query,
            form,
            entry,
            is_workspace_missing,
            _place: place,
            _memory: memory,
        })
    }

    /// Returns whether the path names a workspace that is not there for its token, whether it exists or not.
    pub(super) fn is_workspace_missing(&self) -> bool {
        self.is_workspace_missing
    }

    /// Has the next page at this place say something once.
    pub(super) fn flash(&self, place: &str, flash: Flash) {
        self.app.sessions.flash(self.session(), place, flash, self.app.now());
    }

    /// Returns what this page is to say once. Nothing where nobody may see it: the head alone, a fragment, a page that
    /// a browser fetches ahead.
    pub(super) fn take_flashes(&self) -> Vec<Flash> {
        if self.method != Method::GET || is_asked_by_script(&self.headers) || is_ahead(&self.headers) {
            return Vec::new();
        }
        self.app.sessions.take_flashes(self.session(), &self.path, self.app.now())
    }

    /// Answers a completed action: redirects to a page, which shows the message.
    #[expect(clippy::unnecessary_wraps, reason = "pages end with it")]
    pub(super) fn done(&self, place: &str, words: impl Into<String>) -> PageResult {
        self.flash(place, Flash::good(words));
        Ok(redirect(place))
    }

    /// Returns the workspace of the path.
    ///
    /// # Errors
    /// 404 if the path names none.
    pub(super) fn entry(&self) -> Result<&Arc<Entry>, Problem> {
        self.entry.as_ref().ok_or_else(|| Problem::new(404, "no such workspace"))
    }

    /// Returns the workspace's id; empty outside of workspaces.
    pub(super) fn workspace(&self) -> &str {
        self.entry.as_ref().map_or("", |entry| entry.id().as_str())
    }

    /// Returns an address in the workspace.
    pub(super) fn within(&self, rest: &str) -> String {
        format!("/w/{}/{rest}", self.workspace())
    }

    /// Returns an address as the list of routes writes it, with the parts of this path: one without a slash before it
    /// is in the workspace, a part in braces is the one that this path has in its place.
    pub(super) fn place(&self, template: &str) -> String {
        if template.starts_with('/') {
            return template.to_owned();
        }
        let part =
            |(place, part): (usize, &str)| if part.starts_with('{') { self.part(place) } else { part }.to_owned();
        self.within(&template.split('/').enumerate().map(part).collect::<Vec<_>>().join("/"))
    }

    /// Returns a part of the path after the workspace: 0 is the page.
    pub(super) fn part(&self, place: usize) -> &str {
        self.segments.get(place + 2).map_or("", String::as_str)
    }

    /// Returns the part of a path outside of workspaces that names something.
    pub(super) fn named(&self) -> &str {
        self.segments.get(1).map_or("", String::as_str)
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Returns a parameter of the query; the empty one is none.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        value(&self.query, name)
    }

    /// Returns a field of the form; the empty one is none.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        value(&self.form, name)
    }

    /// Returns every value of a field of the form.
    pub(super) fn fields<'v>(&'v self, name: &'v str) -> impl Iterator<Item = &'v str> {
        self.form.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns whether its token has a scope.
    pub(super) fn may(&self, scope: TokenScope) -> bool {
        self.caller.has(scope)
    }

    /// Returns whether it may change what is in a workspace.
    pub(super) fn may_operate(&self) -> bool {
        self.may(TokenScope::Operate)
    }

    /// Returns the name of the token.
    pub(super) fn who(&self) -> &str {
        &self.caller.name
    }

    /// Returns the theme that the cookie names.
    pub(super) fn theme(&self) -> &'static str {
        theme(&self.headers)
    }

    /// Returns the zone of its times: the one that this browser chose, else the workspace's.
    pub(super) fn times(&self) -> TimeFormatter {
        let chosen = cookie(&self.headers, ZONE).and_then(TimeFormatter::by_name);
        chosen.unwrap_or_else(|| {
            TimeFormatter::for_zone(self.entry.as_ref().map_or("UTC", |entry| entry.document.time_zone()))
        })
    }

    /// Now, as documents write it.
    pub(super) fn now(&self) -> String {
        self.app.now().to_string()
    }

    /// Returns the address of this server, as the browser used it.
    pub(super) fn address(&self) -> String {
        let host = self.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1:8080");
        format!("{}://{host}", if self.is_secure { "https" } else { "http" })
    }

    /// Returns the address that it came from.
    pub(super) fn client(&self) -> IpAddr {
        self.address
    }

    /// Returns the cookie of its session.
    pub(super) fn session(&self) -> &str {
        session(&self.headers, self.is_secure).unwrap_or_default()
    }

    pub(super) fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Returns where it came from, on this server.
    pub(super) fn referring_path(&self) -> String {
        referring_path(&self.headers)
    }

    /// Returns whether this session may still watch the workspace, and if so whether personal data is masked for it:
    /// checked repeatedly while a stream runs.
    pub(super) fn watches(&self) -> impl Fn(&App) -> Option<bool> + Send + 'static {
        let (cookie, id) = (self.session().to_owned(), self.workspace().to_owned());
        let from = Some(self.address);
        move |app| {
            let caller = app.sessions.token_unused(&cookie, app.now()).and_then(|token| app.caller_of(&token, from))?;
            let may = caller.has(TokenScope::Read) && caller.sees(&id);
            may.then(|| masks(app, &caller, &id))
        }
    }

    fn manage_context(&self) -> ManageContext {
        ManageContext::new(Arc::clone(&self.app), Arc::clone(&self.caller), Some(self.address), None)
    }

    /// Returns the context of a call about the workspace of the path, for a stream that is checked elsewhere.
    ///
    /// # Errors
    /// 404 if the path names no workspace.
    pub(super) fn workspace_context(&self) -> Result<WorkspaceContext, Problem> {
        WorkspaceContext::new(self.manage_context(), self.workspace())
    }

    /// Runs a function of the management API for the token of the session: about the workspace of the path, if the function
    /// is about one. What changes something runs to completion though the browser hangs up.
    ///
    /// # Errors
    /// Its problem; 403 for a token that lacks the scope that the table of the management API says.
    pub(super) async fn perform<C, A, R, W, F>(&self, function: F, arguments: A) -> Result<R, Problem>
    where
        C: CallContext,
        R: crate::manage::answers::ManageAnswer,
        W: Future<Output = Result<R, ManageError>> + Send + 'static,
        F: FnOnce(C, A) -> W + 'static,
    {
        perform(function, self.manage_context(), self.workspace(), arguments).await.map_err(ManageError::into_problem)
    }

    /// Returns the id that the path names after its page.
    ///
    /// # Errors
    /// 404 if it is none.
    pub(super) fn id<T: PathId>(&self) -> Result<T, Problem> {
        T::parse(self.part(1)).ok_or_else(T::unknown)
    }

    /// Returns the page of a list that the address asks for, with the rows of a page of the console.
    ///
    /// # Errors
    /// 400 if its cursor is none of the list.
    pub(super) fn rows<C: Cursor>(&self) -> Result<PageQuery<C>, Problem> {
        let page = PageQuery::parse(None, self.parameter("cursor"))?;
        Ok(PageQuery { limit: CONSOLE_ROWS, ..page })
    }
}

fn value<'v>(pairs: &'v [(String, String)], name: &str) -> Option<&'v str> {
    pairs.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
}
