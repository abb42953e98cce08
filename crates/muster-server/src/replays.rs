//! Replays of quarantine entries (behaviour.md 4): one as a request of its own, many as a background job with its
//! progress. Jobs live in memory: a restart ends them, and what they had not replayed stays in the quarantine.

use crate::app::App;
use crate::budget::RequestPermit;
use crate::ingest::{Done, ImportRefusal, Ingest};
use crate::limits::REPLAY_RETRY;
use crate::workspaces::Entry;
use bytes::Bytes;
use muster_core::id::{QuarantineNo, WorkspaceId};
use muster_core::kinds::Route;
use muster_core::outcome::{Applied, RecordedAnswer};
use muster_core::record::QuarantinedElement;
use muster_core::warning::Warnings;
use muster_store::engine::EngineError;
use muster_wire::data::answer::Preferences;
use muster_wire::data::api::Api;
use muster_wire::data::failure::Failure;
use muster_wire::manage::quarantine::JobState;
use std::sync::Arc;
use std::time::Duration;

/// Replays one entry, corrected or as it is; its answer has results. A dry run stores nothing.
///
/// # Errors
/// Why it was not applied.
pub(crate) async fn replay(
    app: &Arc<App>,
    entry: &Arc<Entry>,
    (no, dry): (QuarantineNo, bool),
    element: &[u8],
) -> Result<(Applied, RecordedAnswer), ImportRefusal> {
    // What an import would be refused for before it is read.
    if entry.document.suspended {
        return Err(ImportRefusal::Failure(Failure::Suspended));
    }
    if element.len() as u64 > entry.document.body_bytes {
        return Err(ImportRefusal::Failure(Failure::TooLarge { limit_bytes: entry.document.body_bytes }));
    }
    let mut body = Vec::with_capacity(element.len() + 40);
    body.extend_from_slice(br#"{"type":"transition","elements":["#);
    body.extend_from_slice(element);
    body.extend_from_slice(b"]}");
    let ingest = Ingest {
        api: Api::Transition,
        route: Route::Transition,
        entry: Arc::clone(entry),
        body: Bytes::from(body),
        // A structural fault is reported as a result, too: the entry stays unchanged.
        preferences: Preferences { lenient: Some(true), representation: true },
        dry,
        origin: None,
        warnings: Warnings::default(),
        arrived_micros: app.clock.now().micros,
        idempotency: None,
        replay: Some(no),
        permit: RequestPermit::nothing(),
    };
    match ingest.run(app).await? {
        Done::Applied(applied, recorded) => {
            if !dry {
                app.telemetry.record_elements(&applied);
            }
            Ok((applied, recorded))
        }
        Done::Replayed(_) => Err(ImportRefusal::Engine(EngineError::Broken("a replay has no idempotency key".into()))),
    }
}

/// Starts a job over these entries; None while as many run as may.
pub(crate) fn start(app: &Arc<App>, workspace: &WorkspaceId, entries: Vec<QuarantineNo>) -> Option<u64> {
    let id = app.replays.begin(workspace, entries.len() as u64)?;
    let (app, workspace) = (Arc::clone(app), workspace.clone());
    tokio::spawn(async move {
        let mut state = JobState::Done;
        for no in entries {
            match replay_one(&app, &workspace, no).await {
                Ok(applied) => app.replays.update(id, |job| {
                    job.done += 1;
                    job.applied += u64::from(applied);
                    job.rejected += u64::from(!applied);
                }),
                Err(error) => {
                    tracing::warn!(%workspace, %error, job = id, "a bulk replay ended early");
                    state = JobState::Failed;
                    break;
                }
            }
        }
        app.replays.update(id, |job| job.state = state);
    });
    Some(id)
}

/// One entry of a job, waiting for the budget as long as it takes; whether something of it was applied.
async fn replay_one(app: &Arc<App>, workspace: &WorkspaceId, no: QuarantineNo) -> Result<bool, EngineError> {
    loop {
        let entry = app.workspaces.get(workspace.as_str()).ok_or(EngineError::UnknownWorkspace)?;
        let Some(found) = load_entry(app, workspace, no).await? else { return Ok(false) };
        if found.replayed_as.is_some() {
            return Ok(false);
        }
        match replay(app, &entry, (no, false), &found.element).await {
            Ok((applied, _)) => return Ok(applied.changed_anything()),
            Err(ImportRefusal::Wait(_, seconds)) => tokio::time::sleep(Duration::from_secs(seconds.into())).await,
            Err(ImportRefusal::Engine(EngineError::Overloaded)) => tokio::time::sleep(REPLAY_RETRY).await,
            Err(ImportRefusal::Engine(error @ (EngineError::Broken(_) | EngineError::Corrupt(_)))) => {
                // Of this entry alone: it stays, and the others must not wait for it.
                tracing::error!(%workspace, entry = %no, %error, "a quarantine entry could not be replayed");
                return Ok(false);
            }
            Err(ImportRefusal::Engine(error)) => return Err(error),
            Err(_) => return Ok(false),
        }
    }
}

/// Returns an entry as it is stored.
pub(crate) async fn load_entry(
    app: &Arc<App>,
    workspace: &WorkspaceId,
    no: QuarantineNo,
) -> Result<Option<QuarantinedElement>, EngineError> {
    let (engine, id) = (Arc::clone(&app.engine), workspace.clone());
    let read = tokio::task::spawn_blocking(move || engine.read(&id)?.quarantined(no));
    read.await.unwrap_or_else(|_| Err(EngineError::Broken("the look-up panicked".into())))
}
