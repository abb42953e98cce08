//! The bulk import and the three Track calls: from a request to its answer, check by check (behaviour.md 1.8).

use super::body::{self, AdmittedBody, BodyLimits, Coding};
use super::envelope::{self, Budget, OUTCOMES, PREFERENCE_APPLIED, REPLAYED, finish, refusal, request_no, retry_after};
use super::guard::{self, origin};
use crate::activity::{RefusedCaller, RequestOutcome, RequestTrace, UnloggedRefusal};
use crate::app::App;
use crate::budget::RequestPermit;
use crate::ingest::{Done, ImportRefusal, Ingest};
use crate::keys::{KeyScope, sha256};
use crate::limits::{OVERLOAD_RETRY_SECONDS, SIBLING_BODY_BYTES_MAX, UNAVAILABLE_RETRY_SECONDS};
use crate::workspaces::Entry;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use muster_core::command::IdempotencyKey;
use muster_core::decide::bound_entry;
use muster_core::id::{RequestId, RequestNo};
use muster_core::kinds::Route;
use muster_core::limits::IDEMPOTENCY_MS;
use muster_core::outcome::RecordedAnswer;
use muster_core::reason::Fault;
use muster_core::record::{self};
use muster_core::time::{Moment, Timestamp};
use muster_store::engine::EngineError;
use muster_wire::data::answer::Preferences;
use muster_wire::data::api::Api;
use muster_wire::data::failure::Failure;
use muster_wire::data::faults::{self, Lenient};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// Serves one call.
pub(crate) async fn serve(app: Arc<App>, (api, route): (Api, Route), peer: SocketAddr, request: Request) -> Response {
    let Moment { at: received_at, micros: arrived_micros } = app.clock.now();
    let (head, mut body) = request.into_parts();
    let entry = match guard::authorize(&app, &head, peer, KeyScope::Import).await {
        Ok(entry) => entry,
        Err(refused) => return refused.answer(&app, (api, route), (&head, peer), Budget::Imports),
    };
    let (origin, warnings) = origin(&head.headers, &entry, guard::client_address(&app, &head.headers, peer));
    let client = ClientInfo { bytes: 0, origin: origin.clone(), received_at, arrived_micros };
    let mut call = ImportCall { app: &app, api, route, entry, client };
    let admitted = match call.body(&head.headers, &mut body).await {
        Ok(admitted) => admitted,
        Err(failure) => return call.fail(&failure),
    };
    drop(body);
    let dry = guard::query(&head).iter().any(|(name, value)| name == "dry_run" && is_true(value));
    let idempotency = match idempotency(&head.headers, dry, &admitted.bytes) {
        Ok(key) => key,
        Err(failure) => return call.fail(&failure),
    };
    if let Some(key) = &idempotency
        && let Some(answer) = call.recorded_answer(key).await
    {
        return answer;
    }
    // After a recorded answer, which stores nothing. A deletion frees space and is not checked.
    let quota = call.entry.document.disk_bytes;
    if quota > 0 && !dry && app.engine.disk_bytes(call.entry.id()) >= quota {
        return call.fail(&Failure::DiskQuota);
    }
    let Ok(dry_run) = call.dry_run(dry) else { return call.fail(&Failure::DryRunsBusy) };
    let ingest = Ingest {
        api,
        route,
        entry: Arc::clone(&call.entry),
        body: admitted.bytes,
        preferences: preferences(&head.headers),
        dry,
        origin,
        warnings,
        arrived_micros,
        idempotency,
        replay: None,
        permit: RequestPermit::new(admitted.memory, dry_run),
    };
    call.answer(ingest).await
}

fn is_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true") || value == "1"
}

fn preferences(headers: &HeaderMap) -> Preferences {
    Preferences::parse(headers.get_all("prefer").iter().filter_map(|line| line.to_str().ok()))
}

/// Returns the key with the hash of what came with it; dry runs ignore keys.
pub(crate) fn idempotency(headers: &HeaderMap, dry: bool, body: &[u8]) -> Result<Option<IdempotencyKey>, Failure> {
    if dry {
        return Ok(None);
    }
    let key = guard::idempotency_key(headers)?;
    Ok(key.map(|key| IdempotencyKey { key, body_hash: sha256(body) }))
}

/// What the log keeps of a request that is refused.
pub(super) struct ClientInfo {
    /// Bytes of its body: declared, then read.
    pub(super) bytes: u64,
    /// The origin address, if the workspace keeps it.
    pub(super) origin: Option<Arc<str>>,
    /// Its receipt.
    pub(super) received_at: Timestamp,
    /// When it arrived, on the clock that durations are measured by.
    pub(super) arrived_micros: u64,
}

/// One call of a caller who was let in.
pub(super) struct ImportCall<'a> {
    pub(super) app: &'a Arc<App>,
    pub(super) api: Api,
    pub(super) route: Route,
    pub(super) entry: Arc<Entry>,
    pub(super) client: ClientInfo,
}

impl ImportCall<'_> {
    /// Content type, coding, size, and the body itself.
    pub(super) async fn body(
        &mut self,
        headers: &HeaderMap,
        body: &mut axum::body::Body,
    ) -> Result<AdmittedBody, Failure> {
        let declared = body::declared_length(headers);
        self.client.bytes = declared.unwrap_or_default();
        guard::content_type(headers)?;
        let coding = Coding::from_headers(headers)?;
        let own = self.entry.document.body_bytes;
        let limit = if self.route == Route::Transition { own } else { own.max(SIBLING_BODY_BYTES_MAX) };
        let budget = (&**self.app, &self.entry.runtime.quota);
        let admitted = body::admit(budget, headers, body, BodyLimits { coding, limit }).await?;
        self.client.bytes = admitted.bytes.len() as u64;
        Ok(admitted)
    }

    /// Returns the recorded answer of the same key and body, before the body is checked (behaviour.md 1.8). A key that
    /// was used with another body is left to the decision, which follows after the body was checked.
    pub(super) async fn recorded_answer(&self, key: &IdempotencyKey) -> Option<Response> {
        let (engine, id) = (Arc::clone(&self.app.engine), self.entry.id().clone());
        let (route, text) = (self.route, key.key.clone());
        let looked = tokio::task::spawn_blocking(move || engine.recorded_answer(&id, route, &text)).await;
        let found = match looked {
            Ok(Ok(found)) => found?,
            Ok(Err(error)) => return Some(self.engine_failed(&error)),
            Err(_) => return Some(self.fail(&Failure::Internal)),
        };
        let fresh = self.app.now().0 - found.at.0 < IDEMPOTENCY_MS;
        (fresh && found.body_hash == key.body_hash).then(|| self.success(&found.answer, RequestOutcome::Replayed, None))
    }

    /// Returns the budget that the call spends.
    fn budget(&self) -> Budget {
        if self.route == Route::Delete { Budget::Deletes } else { Budget::Imports }
    }

    fn dry_run(&self, dry: bool) -> Result<Option<OwnedSemaphorePermit>, ()> {
        if !dry {
            return Ok(None);
        }
        Arc::clone(&self.entry.runtime.dry_runs).try_acquire_owned().map(Some).map_err(|_| ())
    }

    /// Runs the request and answers it.
    async fn answer(&self, ingest: Ingest) -> Response {
        let applied = ingest.preferences.applied(true);
        let dry = ingest.dry;
        match ingest.run(self.app).await {
            Ok(Done::Applied(result, recorded)) => {
                if !dry {
                    self.app.telemetry.record_elements(&result);
                }
                let outcome =
                    if dry { RequestOutcome::DryRun } else { RequestOutcome::Applied(result.request, result.elements) };
                self.success(&recorded, outcome, applied)
            }
            Ok(Done::Replayed(recorded)) => self.success(&recorded, RequestOutcome::Replayed, None),
            Err(ImportRefusal::Failure(failure)) => self.fail(&failure),
            Err(ImportRefusal::Faults(faults, lenient)) => self.log_faults(faults, lenient),
            Err(ImportRefusal::Wait(class, seconds)) => {
                self.app.telemetry.record_rate_refusal(class);
                let mut response = self.fail(&Failure::RateLimited);
                retry_after(&mut response, seconds);
                response
            }
            Err(ImportRefusal::Never(class, limit)) => {
                self.app.telemetry.record_rate_refusal(class);
                self.fail(&Failure::OverBudget { class, limit })
            }
            // Replays come by the management API alone.
            Err(ImportRefusal::NoSuchEntry | ImportRefusal::AlreadyReplayed(_)) => self.fail(&Failure::Internal),
            Err(ImportRefusal::Engine(error)) => self.engine_failed(&error),
        }
    }

    pub(super) fn success(
        &self,
        recorded: &RecordedAnswer,
        outcome: RequestOutcome,
        preferences: Option<String>,
    ) -> Response {
        let mut response = envelope::json(recorded.status, Bytes::from_owner(Arc::clone(&recorded.body)));
        let headers = response.headers_mut();
        if let Ok(outcomes) = HeaderValue::from_str(&recorded.outcomes) {
            headers.insert(OUTCOMES, outcomes);
        }
        if matches!(outcome, RequestOutcome::Replayed) {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        if let Some(Ok(honoured)) = preferences.map(HeaderValue::try_from) {
            headers.insert(PREFERENCE_APPLIED, honoured);
        }
        let request_id = request_id_of(&recorded.body).unwrap_or_else(|| RequestId::from_no(self.app.refused_number()));
        finish(self.app, &mut response, Some((&self.entry, self.budget())), request_id);
        self.with_trace(response, outcome)
    }

    /// Returns the answer with the trace of its request.
    fn with_trace(&self, mut response: Response, outcome: RequestOutcome) -> Response {
        response.extensions_mut().insert(RequestTrace {
            activity: Arc::clone(&self.entry.runtime.activity),
            route: self.route,
            origin: self.client.origin.clone(),
            bytes: self.client.bytes,
            received_at: self.client.received_at,
            outcome,
        });
        response
    }

    pub(super) fn fail(&self, failure: &Failure) -> Response {
        if failure.status() == 400 {
            return self.log_failure(failure);
        }
        let mut response = refusal(self.app, self.api, failure, Some((&self.entry, self.budget())));
        if matches!(failure, Failure::Unavailable | Failure::DryRunsBusy) {
            retry_after(&mut response, OVERLOAD_RETRY_SECONDS);
        }
        self.unlogged(response, failure)
    }

    fn unlogged(&self, response: Response, failure: &Failure) -> Response {
        let (no, failure) = (request_no(&response), failure.clone());
        self.with_trace(
            response,
            RequestOutcome::Unlogged(UnloggedRefusal { no, api: self.api, failure, by: RefusedCaller::Key }),
        )
    }

    fn log_failure(&self, failure: &Failure) -> Response {
        let no = self.app.refused_number();
        self.log_refusal(no, failure.render(self.api, RequestId::from_no(no)), vec![failure.fault(self.api)])
    }

    fn log_faults(&self, faults: Vec<Fault>, lenient: Lenient) -> Response {
        let no = self.app.refused_number();
        self.log_refusal(no, faults::refusal(self.api, &faults, lenient, RequestId::from_no(no)), faults)
    }

    /// A 400, kept in the ingestion log under the request id of its answer.
    fn log_refusal(&self, no: RequestNo, body: Vec<u8>, faults: Vec<Fault>) -> Response {
        let now = self.app.clock.now();
        let request_id = RequestId::from_no(no);
        let request = record::LogEntry {
            no,
            received_at: now.at,
            status: 400,
            route: self.route,
            origin: self.client.origin.clone(),
            bytes: u32::try_from(self.client.bytes).unwrap_or(u32::MAX),
            duration_us: now.micros.saturating_sub(self.client.arrived_micros),
            warnings: Vec::new(),
            elements: Arc::default(),
            faults,
            omitted: record::Omitted::default(),
        };
        let request = bound_entry(request);
        let kept = Arc::new(request.clone());
        self.app.engine.note_refused(self.entry.id(), request);
        let mut response = envelope::json(400, body);
        finish(self.app, &mut response, Some((&self.entry, self.budget())), request_id);
        self.with_trace(response, RequestOutcome::Refused(kept))
    }

    pub(super) fn engine_failed(&self, error: &EngineError) -> Response {
        let (failure, seconds) = match error {
            EngineError::Overloaded | EngineError::Stale | EngineError::Busy(_) => {
                (Failure::Unavailable, OVERLOAD_RETRY_SECONDS)
            }
            EngineError::Unavailable(_) | EngineError::Full | EngineError::Damaged(_) | EngineError::Clock(_) => {
                (Failure::Unavailable, UNAVAILABLE_RETRY_SECONDS)
            }
            // The workspace was deleted between the key check and the decision: a retry gets the same answer.
            EngineError::UnknownWorkspace => (Failure::KeyMismatch, 0),
            EngineError::TooLarge => (Failure::DecisionTooLarge, 0),
            EngineError::Corrupt(_) | EngineError::Broken(_) => (Failure::Internal, 0),
        };
        let is_logged_elsewhere = matches!(
            error,
            EngineError::Overloaded
                | EngineError::Stale
                | EngineError::TooLarge
                | EngineError::Damaged(_)
                | EngineError::Clock(_)
        );
        if failure != Failure::KeyMismatch && !is_logged_elsewhere {
            tracing::error!(workspace = %self.entry.id(), %error, "a request could not be stored");
        }
        let mut response = refusal(self.app, self.api, &failure, Some((&self.entry, self.budget())));
        if seconds > 0 {
            retry_after(&mut response, seconds);
        }
        self.unlogged(response, &failure)
    }
}

/// Returns the request id of a recorded answer: the eight letters after its name.
pub(crate) fn request_id_of(body: &[u8]) -> Option<RequestId> {
    const NAME: &[u8] = b"\"request_id\":\"";
    let at = body.windows(NAME.len()).position(|window| window == NAME)? + NAME.len();
    RequestId::parse(std::str::from_utf8(body.get(at..at + 8)?).ok()?)
}
