//! The management API (`/api/v1`): who may call, how bodies come in and answers go out, and how a reader is asked. One
//! file a resource below.

pub(crate) mod audit;
pub(crate) mod by_hand;
pub(crate) mod figures;
pub(crate) mod identity;
pub(crate) mod keys;
pub(crate) mod live;
pub(crate) mod lookup;
mod makers;
pub(crate) mod merges;
pub(crate) mod orphans;
pub(crate) mod outgoing;
mod parameters;
pub(crate) mod quarantine;
pub(crate) mod requests;
pub(crate) mod reviews;
pub(crate) mod scopes;
pub(crate) mod separations;
pub(crate) mod tokens;
pub(crate) mod users;
pub(crate) mod walk;
mod wanted;
pub(crate) mod workspaces;

use super::body::{self, Admitted, Coding, Reading};
use super::envelope::{self, Noted};
use super::{Template, guard};
use crate::app::App;
use crate::budget::Taken;
use crate::callers::{Caller, Scope};
use crate::limits::{
    MANAGEMENT_BODY_BYTES_MAX, PAGE_DEFAULT, PAGE_MAX, READ_FACTOR, READING_BYTES_WORKSPACE_MAX,
    UNAVAILABLE_RETRY_SECONDS,
};
use crate::workspaces::Entry;
use axum::extract::{ConnectInfo, FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use muster_core::id::WorkspaceId;
use muster_core::record::Counters;
use muster_store::engine::{EngineError, Workspace};
use muster_store::reader::{Charge, Reader};
use muster_wire::data::failure::Failure;
use muster_wire::manage::page::render;
use muster_wire::manage::problem::{CONTENT_TYPE, Problem};
use outgoing::{Outgoing, Place};
use scopes::OF_WORKSPACE;
pub(crate) use scopes::needed;
use serde_json::Value as Json;
use std::net::{IpAddr, SocketAddr};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

/// An answer or a problem.
pub(crate) type Answer = Result<Response, Refusal>;

/// A problem on its way out.
#[derive(Debug)]
pub(crate) struct Refusal(Problem);

impl Refusal {
    /// The problem.
    pub(crate) fn into_problem(self) -> Problem {
        self.0
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        let problem = match &error {
            EngineError::UnknownWorkspace => no_workspace(),
            EngineError::Stale => Problem::new(503, "the settings kept changing during this call; retry"),
            EngineError::TooLarge => Problem::new(503, "the call needs more data or work at once than one may"),
            EngineError::Overloaded => Problem::new(503, "too many requests are waiting; try again in a second"),
            EngineError::Clock(_) => Problem::new(503, error.to_string()),
            EngineError::Busy(_) => Problem::new(503, "the storage could not be used just now; try again in a second"),
            EngineError::Damaged(_) => Problem::new(503, DAMAGED),
            EngineError::Unavailable(_) | EngineError::Full => {
                tracing::error!(%error, "a management call failed");
                Problem::new(
                    503,
                    format!("{error}; retry, and if the problem persists check /readyz and the server log"),
                )
            }
            EngineError::Corrupt(_) | EngineError::Broken(_) => {
                tracing::error!(%error, "a management call failed");
                Problem::new(500, "the call failed inside the server; its log says more")
            }
        };
        Self(problem)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        problem(&self.0)
    }
}

/// What is said of a workspace whose data cannot be used; why is in the log, and in the details of `/readyz`.
const DAMAGED: &str = "the data of this workspace cannot be used, others can: the log of the server's start says why";

fn no_workspace() -> Problem {
    Problem::new(404, "no such workspace")
}

/// A problem as an answer (RFC 9457).
pub(crate) fn problem(problem: &Problem) -> Response {
    let mut response = envelope::json(problem.status, problem.render());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    if problem.status == 503 {
        headers.insert(header::RETRY_AFTER, UNAVAILABLE_RETRY_SECONDS.into());
    }
    if problem.status == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"Muster management API\""));
    }
    response
}

/// 201, and where what was created is found.
pub(super) fn created(at: &str, json: &Json) -> Response {
    let mut response = tree(201, json);
    if let Ok(location) = HeaderValue::try_from(format!("/api/v1{at}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// A JSON tree as an answer.
pub(crate) fn tree(status: u16, json: &Json) -> Response {
    envelope::json(status, render(json))
}

/// 204.
fn nothing() -> Response {
    let mut response = Response::default();
    *response.status_mut() = axum::http::StatusCode::NO_CONTENT;
    response
}

/// A call of the management API whose token was judged and whose body was read.
pub(crate) struct Call {
    pub(crate) app: Arc<App>,
    /// Whoever holds the token.
    pub(crate) caller: Arc<Caller>,
    /// Where the call came from; None if it came over no connection.
    pub(crate) address: Option<IpAddr>,
    pub(crate) body: Bytes,
    pub(crate) headers: HeaderMap,
    query: Vec<(String, String)>,
    /// The parts of the path below `/api/v1/workspaces`, or below another resource.
    parts: Vec<String>,
    /// Its place among the reading calls: held by the work that it starts, since a client that hangs up does not end that.
    place: Option<Place>,
    /// The memory of its body.
    _room: Option<Taken>,
    /// The memory of what was read for it.
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl FromRequest<Arc<App>> for Call {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Refusal> {
        let (head, mut body) = request.into_parts();
        let caller = authorise(app, &head).await?;
        let template = head.extensions.get::<Template>().map_or("", |template| template.0);
        let parts: Vec<String> = head.uri.path().split('/').skip(4).map(str::to_owned).collect();
        let method = head.method.as_str();
        scopes::judge(&caller, (method, template), parts.first().map_or("", String::as_str))?;
        let query = guard::query(&head);
        parameters::check((method, template), &query)?;
        let coding = Coding::of(&head.headers).map_err(body_problem)?;
        let reading = Reading { coding, limit: MANAGEMENT_BODY_BYTES_MAX };
        if head.method.is_safe() {
            // The body of a GET means nothing (RFC 9110 9.3.1).
            body = axum::body::Body::empty();
        }
        let about = parts.first().filter(|_| template.starts_with(OF_WORKSPACE)).map(String::as_str);
        let share = app.share_of(about);
        let admitted = body::admit((app, &share), &head.headers, &mut body, reading);
        let Admitted { bytes, room } = admitted.await.map_err(body_problem)?;
        // Only now: whoever sends slowly holds no place meanwhile.
        let reads = head.method.is_safe() || needed(method, template) == Scope::Read;
        let place = if reads && !live::is_stream(head.uri.path()) {
            Some(Place::take(app, &caller, about).ok_or_else(busy)?)
        } else {
            None
        };
        if let Some(outgoing) = head.extensions.get::<Outgoing>() {
            outgoing.judged(place.clone(), outgoing::is_masked(app, &caller, &parts));
        }
        let address = address(app, &head);
        let call = Self::inside(Arc::clone(app), caller, address, parts, query, bytes);
        Ok(Self { headers: head.headers, place, _room: Some(room), ..call })
    }
}

/// A call that changes something: once it was let in it goes to its end and is recorded, though the client hangs up.
/// A panic goes on in whoever waits.
pub(crate) fn whole<F, W>(handler: F) -> impl FnOnce(Call) -> Whole + Clone + Send + Sync + 'static
where
    F: FnOnce(Call) -> W + Clone + Send + Sync + 'static,
    W: Future<Output = Answer> + Send + 'static,
{
    move |call| {
        Box::pin(async move {
            let ended = tokio::spawn(handler(call)).await;
            let stopped = || Problem::new(503, "the server is stopping; try again").into();
            ended.unwrap_or_else(|error| {
                error.try_into_panic().map_or_else(|_| Err(stopped()), |why| resume_unwind(why))
            })
        })
    }
}

/// The work of [`whole`].
type Whole = Pin<Box<dyn Future<Output = Answer> + Send>>;

fn body_problem(failure: Failure) -> Refusal {
    let (status, detail) = match failure {
        Failure::TooLarge { limit_bytes } => (413, format!("a body may have at most {limit_bytes} bytes")),
        Failure::Timeout => (408, "the body did not arrive in time".to_owned()),
        Failure::Unavailable => (503, "too many request bodies are being read; retry in a second".to_owned()),
        Failure::UnsupportedEncoding => (415, "bodies are plain, gzip or zstd".to_owned()),
        _ => (400, "the body cannot be read: it is cut off, or not coded as its Content-Encoding says".to_owned()),
    };
    Problem::new(status, detail).into()
}

fn busy() -> Problem {
    Problem::new(503, "too many reads are in progress; retry in a few seconds")
}

/// Whose token these headers carry; None if there is none, or no such.
pub(crate) fn caller_of(app: &App, headers: &HeaderMap, from: Option<IpAddr>) -> Option<Arc<Caller>> {
    app.caller(token(headers)?, from)
}

fn token(headers: &HeaderMap) -> Option<&str> {
    let line = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim();
    let (_, token) = line.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))?;
    Some(token.trim())
}

async fn authorise(app: &App, head: &axum::http::request::Parts) -> Result<Arc<Caller>, Refusal> {
    let Some(token) = token(&head.headers) else {
        return Err(Problem::new(401, "send the header Authorization: Bearer TOKEN").into());
    };
    if let Some(caller) = app.caller(token, address(app, head)) {
        return Ok(caller);
    }
    let delay = app.lockout.wrong(address(app, head).unwrap_or(IpAddr::from([0, 0, 0, 0])), app.now());
    tokio::time::sleep(delay).await;
    Err(Problem::new(401, "no such token; it may have expired, or may not be allowed from this address").into())
}

/// Where a call came from (behaviour.md 1.9); None if it came over no connection.
pub(crate) fn address(app: &App, head: &axum::http::request::Parts) -> Option<IpAddr> {
    let peer = head.extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(guard::client_address(app, &head.headers, peer.0))
}

impl Call {
    /// A call from inside the server: with the parts of its path below `/api/v1/workspaces` (or below another resource), its
    /// query, and the body that HTTP would carry. Checks nothing: whoever makes it has asked [`scopes::judge`], masks the
    /// answer where [`outgoing::is_masked`] says so, and runs what changes something through [`whole`].
    #[expect(clippy::too_many_arguments, reason = "what a request is made of, in the order in which it comes")]
    pub(crate) fn inside(
        app: Arc<App>,
        caller: Arc<Caller>,
        address: impl Into<Option<IpAddr>>,
        parts: Vec<String>,
        query: Vec<(String, String)>,
        body: Bytes,
    ) -> Self {
        let address = address.into();
        Self {
            app,
            caller,
            address,
            body,
            headers: HeaderMap::new(),
            query,
            parts,
            place: None,
            _room: None,
            taken: Arc::default(),
        }
    }

    /// The workspace that the path names, if it is there for the caller.
    fn entry(&self) -> Result<Arc<Entry>, Refusal> {
        let id = self.parts.first().map_or("", String::as_str);
        let entry = self.app.workspaces.get(id).filter(|_| self.caller.sees(id));
        entry.ok_or_else(|| no_workspace().into())
    }

    /// A later part of the path, after the workspace: 0 is the resource.
    fn part(&self, place: usize) -> &str {
        self.parts.get(place + 1).map_or("", String::as_str)
    }

    /// A parameter of the query string; the empty one is none.
    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    fn is_true(&self, name: &str) -> bool {
        self.parameter(name).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }

    /// How many items a page may have.
    fn limit(&self) -> Result<usize, Refusal> {
        let Some(text) = self.parameter("limit") else { return Ok(PAGE_DEFAULT) };
        let limit = text.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit));
        limit.ok_or_else(|| Problem::new(400, format!("limit must be a whole number from 1 to {PAGE_MAX}")).into())
    }

    /// The cursor, read.
    fn cursor<T>(&self, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Refusal> {
        let Some(text) = self.parameter("cursor") else { return Ok(None) };
        let wrong = || Problem::new(400, "cursor must be the next_cursor of an earlier page").into();
        parse(text).map(Some).ok_or_else(wrong)
    }

    /// Asks a reader of the workspace, on a thread that may block.
    async fn read<T: Send + 'static>(
        &self,
        id: &WorkspaceId,
        ask: impl FnOnce(&mut dyn Reader) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, Refusal> {
        self.answer(id, ask, |found| found).await
    }

    /// The same, with the answer that is made of what was found: on the same thread, so that what may be large is there
    /// while the reader has its turn, and no longer.
    async fn answer<T, R: Send + 'static>(
        &self,
        id: &WorkspaceId,
        ask: impl FnOnce(&mut dyn Reader) -> Result<T, EngineError> + Send + 'static,
        make: impl FnOnce(T) -> R + Send + 'static,
    ) -> Result<R, Refusal> {
        let (engine, place) = (Arc::clone(&self.app.engine), self.place.clone());
        let (charge, id) = (self.charge(id), id.clone());
        on_its_own_thread(move || {
            let _until_it_is_read = place;
            let mut reader = engine.read(&id)?;
            reader.charge(charge);
            ask(&mut *reader).map(make)
        })
        .await
    }

    /// Takes room for what is read, until the answer was taken that is made of it.
    fn charge(&self, id: &WorkspaceId) -> Charge {
        let (room, taken, place) = (self.app.reading.clone(), Arc::clone(&self.taken), self.place.clone());
        let share = self.app.reading_share_of(id);
        Box::new(move |bytes| {
            let bytes = bytes.saturating_mul(READ_FACTOR).min(READING_BYTES_WORKSPACE_MAX as u64);
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            let room = room.take(&share, bytes).ok_or(EngineError::Overloaded)?;
            match &place {
                Some(place) => place.holds(room),
                None => taken.lock().unwrap_or_else(PoisonError::into_inner).push(room),
            }
            Ok(())
        })
    }

    /// Changes the catalogue entry of a workspace between two decisions; the change sees the entry and the counters in
    /// force. The entry before it, and the one after.
    async fn configure(
        &self,
        id: &WorkspaceId,
        change: impl FnOnce(&Workspace, &Counters) -> Result<Workspace, Problem> + Send + 'static,
    ) -> Result<(Workspace, Arc<Entry>), Refusal> {
        let seen = Arc::new(Mutex::new(None));
        let said = Arc::clone(&seen);
        let configure = move |workspace: &Workspace, counters: &Counters| {
            let (before, changed) = match change(workspace, counters) {
                Ok(changed) => (Ok(workspace.clone()), Some(changed)),
                Err(problem) => (Err(problem), None),
            };
            *said.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
            changed
        };
        let changed = self.app.configure(id, configure).await?;
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
        let unseen = || EngineError::Broken("an entry was changed without being looked at".into());
        Ok((seen.ok_or_else(unseen)??, changed))
    }

    /// An answer about a workspace, whose id goes into the log.
    fn about(entry: &Entry, mut response: Response) -> Response {
        response.extensions_mut().insert(Noted { workspace: Some(entry.id().clone()), request_id: None });
        response
    }
}

/// Runs what may block and take much memory, on a thread that ends with it: the allocator keeps for each thread what it once
/// used, and what this one leaves behind goes back to the system.
async fn on_its_own_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, Refusal> {
    blocking(move || {
        // Too many threads, or too little memory for one more.
        let thread = std::thread::Builder::new().name("read".to_owned()).spawn(work);
        let thread = thread.map_err(|_| EngineError::Overloaded)?;
        thread.join().unwrap_or_else(|_| Err(EngineError::Broken("a read panicked".into())))
    })
    .await
}

/// Runs what may block on storage.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, Refusal> {
    let broken = |_| EngineError::Broken("a read panicked".into());
    Ok(tokio::task::spawn_blocking(work).await.map_err(broken)??)
}
