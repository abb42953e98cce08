//! Who may call: the checks of behaviour.md 1.8 from the credentials to the address, in that order, before a byte of the
//! body is read. The checks of the body follow in `import.rs`.

use super::body;
use super::envelope::{Budget, refusal, request_no};
use crate::activity::{Activity, RefusedCaller, RequestOutcome, RequestTrace, UnloggedRefusal};
use crate::app::App;
use crate::keys::{KeyScope, fingerprint, sha256};
use crate::limits::IDEMPOTENCY_KEY_BYTES_MAX;
use crate::workspaces::{Entry, KeyCheck};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use muster_core::kinds::Route;
use muster_core::warning::{Code, Warnings};
use muster_wire::data::api::Api;
use muster_wire::data::failure::Failure;
use muster_wire::data::forwarded;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Clients pad, or do not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// The header that some clients repeat the workspace in (FACTS 1.1).
const APP_KEY: &str = "moe-appkey";
/// The chain of addresses.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// A caller who is let in, or one whose key is right but who is refused all the same: those answers carry the rate
/// headers, too.
pub(crate) struct CallerRefusal {
    /// Why.
    pub(crate) failure: Failure,
    /// Whose key it was, if it was right.
    pub(crate) entry: Option<Arc<Entry>>,
}

impl CallerRefusal {
    /// The refusal as an answer of a call that spends this budget.
    pub(crate) fn answer(
        &self,
        app: &App,
        (api, route): (Api, Route),
        (head, peer): (&Parts, SocketAddr),
        budget: Budget,
    ) -> Response {
        let mut response = refusal(app, api, &self.failure, self.entry.as_deref().map(|entry| (entry, budget)));
        let named = named_workspace(app, head);
        let address = client_address(app, &head.headers, peer);
        let by = match self.entry {
            Some(_) => RefusedCaller::Key,
            None => RefusedCaller::Stranger(app.server_activity.strangers(), address.to_string().into()),
        };
        let refusal = UnloggedRefusal { no: request_no(&response), api, failure: self.failure.clone(), by };
        response.extensions_mut().insert(RequestTrace {
            activity: activity(app, named.as_deref()),
            route,
            origin: named.and_then(|entry| origin(&head.headers, &entry, address).0),
            bytes: body::declared_length(&head.headers).unwrap_or_default(),
            received_at: app.now(),
            outcome: RequestOutcome::Unlogged(refusal),
        });
        response
    }
}

/// Returns the workspace that a request names, in its credentials or else in its path or query, whether or not its key
/// is right.
fn named_workspace(app: &App, head: &Parts) -> Option<Arc<Entry>> {
    let by_key = credentials(&head.headers).ok().map(|(user, _)| user);
    let elsewhere = || {
        let in_query = query(head).into_iter().find(|(name, _)| name == "app_id").map(|(_, value)| value);
        path_workspace(head.uri.path()).map(str::to_owned).or(in_query)
    };
    by_key.or_else(elsewhere).and_then(|id| app.workspaces.get(&id))
}

/// Returns the pulse of a workspace, or that of nobody: what is counted of an unknown workspace costs what it costs of
/// another.
fn activity(app: &App, entry: Option<&Entry>) -> Arc<Activity> {
    entry.map_or_else(|| app.server_activity.nobody(), |entry| Arc::clone(&entry.runtime.activity))
}

/// Counts the use of a key that is not valid.
fn wrong_key(app: &App, user: &str, hash: &[u8; 32]) {
    let entry = app.workspaces.get(user);
    let keys = entry.as_ref().map_or(&[][..], |entry| &entry.workspace.keys);
    activity(app, entry.as_deref()).record_refused_key(hash, keys, app.now());
}

impl From<Failure> for CallerRefusal {
    fn from(failure: Failure) -> Self {
        Self { failure, entry: None }
    }
}

/// Checks everything that the head of a request says about its caller.
///
/// # Errors
/// The first check that fails, in the order of behaviour.md 1.8.
pub(crate) async fn authorize(
    app: &App,
    head: &Parts,
    peer: SocketAddr,
    scope: KeyScope,
) -> Result<Arc<Entry>, CallerRefusal> {
    let (user, key) = credentials(&head.headers)?;
    same_workspace(&user, head)?;
    if head.headers.get(APP_KEY).is_some_and(|sent| !sent.is_empty() && sent.as_bytes() != user.as_bytes()) {
        return Err(Failure::AppKeyMismatch.into());
    }
    let address = client_address(app, &head.headers, peer);
    let (now, hash) = (app.now(), sha256(key.as_bytes()));
    let entry = match app.workspaces.check_key(&user, &hash, scope, now) {
        KeyCheck::Admitted(entry) => entry,
        KeyCheck::OutOfScope(entry) => {
            entry.runtime.activity.record_key_use(&hash, address, now);
            return Err(CallerRefusal { failure: Failure::KeyScope, entry: Some(entry) });
        }
        KeyCheck::Wrong => {
            wrong_key(app, &user, &hash);
            tokio::time::sleep(app.lockout.wrong(address, now)).await;
            return Err(Failure::KeyMismatch.into());
        }
    };
    entry.runtime.activity.record_key_use(&hash, address, now);
    if entry.document.suspended {
        return Err(CallerRefusal { failure: Failure::Suspended, entry: Some(entry) });
    }
    let allowed = &entry.document.allowed_addresses;
    if !allowed.is_empty() && !allowed.iter().any(|net| net.contains(&address)) {
        return Err(CallerRefusal { failure: Failure::AddressRefused, entry: Some(entry) });
    }
    Ok(entry)
}

/// Returns a name for the key of an authorized request, for the audit log.
pub(super) fn key_name(headers: &HeaderMap) -> String {
    credentials(headers).map(|(_, key)| format!("key:{}", fingerprint(&sha256(key.as_bytes())))).unwrap_or_default()
}

/// User and password of Basic authentication.
fn credentials(headers: &HeaderMap) -> Result<(String, String), Failure> {
    let line = headers.get(header::AUTHORIZATION).ok_or(Failure::AuthorizationMissing)?;
    let line = line.to_str().map_err(|_| Failure::AuthorizationUndecodable)?.trim();
    if line.is_empty() {
        return Err(Failure::AuthorizationEmpty);
    }
    let (scheme, encoded) = line.split_once(' ').unwrap_or((line, ""));
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(Failure::AuthorizationUndecodable);
    }
    let decoded = BASE64.decode(encoded.trim()).map_err(|_| Failure::AuthorizationUndecodable)?;
    let text = String::from_utf8(decoded).map_err(|_| Failure::AuthorizationUndecodable)?;
    let (user, password) = text.split_once(':').unwrap_or((&text, ""));
    if user.is_empty() {
        return Err(Failure::UserMissing);
    }
    if password.is_empty() {
        return Err(Failure::PasswordMissing);
    }
    Ok((user.to_owned(), password.to_owned()))
}

/// Returns the workspace in the path and in `app_id` is that of the credentials, wherever it is given (clients.md 4.3).
fn same_workspace(user: &str, head: &Parts) -> Result<(), Failure> {
    let in_path = path_workspace(head.uri.path());
    let in_query = query(head).into_iter().filter(|(name, _)| name == "app_id").map(|(_, value)| value);
    let mut given = in_path.map(str::to_owned).into_iter().chain(in_query).filter(|id| !id.is_empty()).peekable();
    if given.peek().is_none() {
        return Err(Failure::WorkspaceMissing);
    }
    if given.any(|id| id != user) { Err(Failure::WorkspaceMismatch) } else { Ok(()) }
}

/// Returns the workspace of a path `/v1/call/{workspace_id}`.
fn path_workspace(path: &str) -> Option<&str> {
    let call = path.strip_prefix("/v1/")?;
    // Delete Users has its own word where other calls have the workspace.
    let is_delete = call == "customer/delete" || call == "customer/delete/bulk";
    call.split('/').nth(1).filter(|_| !is_delete)
}

/// Names and values of the query string; a query that cannot be read has none.
pub(crate) fn query(head: &Parts) -> Vec<(String, String)> {
    if head.uri.query().is_none_or(str::is_empty) {
        return Vec::new();
    }
    axum::extract::Query::try_from_uri(&head.uri).map(|query| query.0).unwrap_or_default()
}

/// Returns the address that counts for allow-lists and lock-outs (behaviour.md 1.9).
pub(crate) fn client_address(app: &App, headers: &HeaderMap, peer: SocketAddr) -> IpAddr {
    let lines = headers.get_all(FORWARDED_FOR).iter().map(axum::http::HeaderValue::as_bytes);
    forwarded::client(peer.ip().to_canonical(), lines, &app.trusted_proxies)
}

/// Returns the origin address: what the header claims, else the connecting address (behaviour.md 1.9.b); None if the
/// workspace does not keep it. With a warning for entries that are none.
pub(crate) fn origin(headers: &HeaderMap, entry: &Entry, connecting: IpAddr) -> (Option<Arc<str>>, Warnings) {
    let lines = headers.get_all(FORWARDED_FOR).iter().map(axum::http::HeaderValue::as_bytes);
    let (claimed, unreadable) = forwarded::origin(lines);
    let mut warnings = Warnings::default();
    for _ in 0..unreadable {
        warnings.add(Code::AddressUnreadable, "X-Forwarded-For", String::new);
    }
    let kept = entry.document.store_origin_address.then(|| claimed.unwrap_or(connecting));
    (kept.map(|address| address.to_string().into()), warnings)
}

/// `Content-Type` is there and says JSON, parameters allowed.
///
/// # Errors
/// [`Failure::ContentTypeMissing`], [`Failure::ContentTypeOther`].
pub(crate) fn content_type(headers: &HeaderMap) -> Result<(), Failure> {
    let line = headers.get(header::CONTENT_TYPE).ok_or(Failure::ContentTypeMissing)?;
    let line = line.to_str().map_err(|_| Failure::ContentTypeOther)?;
    let media_type = line.split(';').next().unwrap_or_default().trim();
    match media_type {
        "" => Err(Failure::ContentTypeMissing),
        _ if media_type.eq_ignore_ascii_case("application/json") => Ok(()),
        _ => Err(Failure::ContentTypeOther),
    }
}

/// Returns the idempotency key, if there is one: 1 to 255 characters of printable ASCII (behaviour.md 1.4).
///
/// # Errors
/// [`Failure::IdempotencyKeyUnusable`], also if it is given more than once.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<Box<str>>, Failure> {
    let mut lines = headers.get_all("idempotency-key").iter();
    let Some(line) = lines.next() else { return Ok(None) };
    let bytes = line.as_bytes();
    let printable = bytes.iter().all(|byte| (b' '..=b'~').contains(byte));
    if lines.next().is_some() || bytes.is_empty() || bytes.len() > IDEMPOTENCY_KEY_BYTES_MAX || !printable {
        return Err(Failure::IdempotencyKeyUnusable);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Failure::IdempotencyKeyUnusable)?;
    Ok(Some(text.into()))
}
