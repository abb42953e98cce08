//! Background jobs: they sweep live profiles whose deletion is due and remove what has expired, batch by batch. Each batch
//! is a decision in the queue of its workspace, so that imports run in between. A round that fails or panics is logged and
//! counted, and ends neither the other rounds nor the job.

use crate::app::App;
use crate::limits::{
    DELETED_PERIOD, EXPIRE_PERIOD, PERSONAL_DATA_PERIOD, SESSION_WRITE_PERIOD, SWEEP_PERIOD, SWEEP_PROFILES_MAX,
};
use futures_util::FutureExt as _;
use muster_core::decide::{Expire, Retention, Sweep};
use muster_core::decision::Mode;
use muster_core::facts::Cutoffs;
use muster_core::id::{ProfileNo, WorkspaceId};
use muster_core::settings::Settings;
use muster_core::time::Timestamp;
use muster_store::engine::{Engine, EngineError, apply};
use muster_store::reader::Due;
use muster_wire::manage::settings::WorkspaceSettings;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const DAY_MS: i64 = 86_400_000;

/// What is done in every workspace from time to time.
#[derive(Clone, Copy)]
enum Job {
    /// Sweeping live profiles whose deletion is due.
    Deletions,
    /// Removing what has expired.
    Retention,
    /// Removing deleted quarantine entries that can no longer be restored.
    Deleted,
}

impl Job {
    /// Its name in logs and metrics.
    fn name(self) -> &'static str {
        match self {
            Self::Deletions => "deletions",
            Self::Retention => "retention",
            Self::Deleted => "deleted_entries",
        }
    }

    fn period(self) -> Duration {
        match self {
            Self::Deletions => SWEEP_PERIOD,
            Self::Retention => EXPIRE_PERIOD,
            Self::Deleted => DELETED_PERIOD,
        }
    }

    /// One round in one workspace.
    async fn round(self, app: &Arc<App>, id: &WorkspaceId) -> Result<(), EngineError> {
        match self {
            Self::Deletions => sweep(app, id).await.map(drop),
            Self::Retention => expire(app, id).await.map(drop),
            Self::Deleted => remove_deleted(app, id).await.map(drop),
        }
    }
}

/// Runs all jobs for as long as the server does, beside each other: a long expiry keeps no deletion waiting.
pub(crate) async fn run(app: Arc<App>) {
    let activations = crate::activation::run(Arc::clone(&app));
    let records = futures_util::future::join(write_personal_data_log(&app), store_sessions(&app));
    let jobs = [Job::Deletions, Job::Retention, Job::Deleted].map(|job| every(&app, job));
    let followed = crate::other_servers::follow(&app);
    futures_util::future::join4(futures_util::future::join_all(jobs), activations, records, followed).await;
}

/// Writes the records of personal data at intervals.
async fn write_personal_data_log(app: &Arc<App>) {
    loop {
        tokio::time::sleep(PERSONAL_DATA_PERIOD).await;
        let app = Arc::clone(app);
        let _written = tokio::task::spawn_blocking(move || app.personal_data_log.write(&*app.engine)).await;
    }
}

/// Ends the sessions of the console that are over, and stores those that changed, at intervals.
async fn store_sessions(app: &Arc<App>) {
    loop {
        tokio::time::sleep(SESSION_WRITE_PERIOD).await;
        let app = Arc::clone(app);
        let stored = tokio::task::spawn_blocking(move || {
            app.sessions.sweep(&app.callers, app.now());
            app.sessions.write(&*app.engine);
        });
        let _stored = stored.await;
    }
}

/// Runs a job over all workspaces, at intervals.
async fn every(app: &Arc<App>, job: Job) {
    loop {
        tokio::time::sleep(job.period()).await;
        for entry in app.workspaces.all() {
            let done = catch_panic(job.round(app, entry.id())).await;
            // Its data cannot be used, or nothing may be stored now: both are logged where they are noticed.
            if matches!(done, Err(EngineError::Damaged(_) | EngineError::Clock(_))) {
                continue;
            }
            if let Err(error) = done {
                let job = job.name();
                app.telemetry.record_job_failure(job);
                tracing::warn!(workspace = %entry.id(), %error, job, "a background job failed; it continues in its next round");
            }
        }
    }
}

/// Returns a panic as the failure of this work alone.
async fn catch_panic(work: impl Future<Output = Result<(), EngineError>>) -> Result<(), EngineError> {
    let broken = || EngineError::Broken("the job panicked".into());
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| Err(broken()))
}

/// Sweeps everything that is due in one workspace; returns how many live profiles were deleted. One that fails stays due,
/// and is logged and counted.
///
/// # Errors
/// Those of the engine that concern all; what was swept until then is deleted, the rest stays due.
pub async fn sweep(app: &Arc<App>, id: &WorkspaceId) -> Result<usize, EngineError> {
    let failed = |root: ProfileNo, error: &EngineError| {
        app.telemetry.record_job_failure(Job::Deletions.name());
        tracing::error!(workspace = %id, profile = root.0, %error, "a user whose deletion is due could not be deleted");
    };
    let Some(entry) = app.workspaces.get(id.as_str()) else { return Ok(0) };
    match sweep_all(&app.engine, id, (&|| app.now(), &entry.settings), &failed).await {
        // The next round continues under the settings in force.
        Err(EngineError::Stale) => app.latest_entry(&entry).await.map(|_| 0),
        swept => {
            if swept.as_ref().is_ok_and(|swept| *swept > 0) {
                app.engine.cut_log(id);
            }
            swept
        }
    }
}

async fn sweep_all(
    engine: &Arc<dyn Engine>,
    id: &WorkspaceId,
    (now, settings): (&(dyn Fn() -> Timestamp + Sync), &Arc<Settings>),
    failed: &(dyn Fn(ProfileNo, &EngineError) + Sync),
) -> Result<usize, EngineError> {
    let (mut swept, mut after) = (0, None);
    loop {
        let page = due(engine, id, now(), after).await?;
        let Some(last) = page.last() else { return Ok(swept) };
        after = Some(*last);
        for (_, root) in page {
            match sweep_one(&**engine, id, root, settings).await {
                Ok(()) => swept += 1,
                // Of this profile alone: the others must not wait for it.
                Err(error @ (EngineError::Broken(_) | EngineError::Corrupt(_) | EngineError::TooLarge)) => {
                    failed(root, &error);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

async fn sweep_one(
    engine: &dyn Engine,
    id: &WorkspaceId,
    root: ProfileNo,
    settings: &Arc<Settings>,
) -> Result<(), EngineError> {
    while apply(engine, id, Sweep { root, settings: Arc::clone(settings) }, Mode::Commit).await? {}
    Ok(())
}

async fn due(
    engine: &Arc<dyn Engine>,
    id: &WorkspaceId,
    now: Timestamp,
    after: Option<Due>,
) -> Result<Vec<Due>, EngineError> {
    let (engine, id) = (Arc::clone(engine), id.clone());
    blocking(move || engine.read(&id)?.due_deletions(now, after, SWEEP_PROFILES_MAX)).await
}

/// Removes everything that is past its time in one workspace (behaviour.md 4, retention); how many rows went. A queue is
/// used only if something is: an idle workspace stays closed.
///
/// # Errors
/// Those of the engine; what was removed until then is deleted, the rest follows in the next round.
pub async fn expire(app: &Arc<App>, id: &WorkspaceId) -> Result<usize, EngineError> {
    let oldest = oldest(app, id).await?;
    expire_since(app, id, &oldest).await
}

/// Removes deleted quarantine entries that can no longer be restored, with everything else that has expired; returns how
/// many rows were removed. A workspace without deleted entries is not checked again until one is deleted.
///
/// # Errors
/// Those of [`expire`]; the workspace is checked again.
pub async fn remove_deleted(app: &Arc<App>, id: &WorkspaceId) -> Result<usize, EngineError> {
    let Some(entry) = app.workspaces.get(id.as_str()) else { return Ok(0) };
    // Before the check: an entry that is deleted meanwhile sets the flag again.
    if !entry.runtime.has_deleted.swap(false, Ordering::AcqRel) {
        return Ok(0);
    }
    let looked = oldest(app, id).await;
    if !matches!(&looked, Ok(Cutoffs { deleted: None, .. })) {
        entry.runtime.has_deleted.store(true, Ordering::Release);
    }
    match looked? {
        Cutoffs { deleted: None, .. } => Ok(0),
        oldest => expire_since(app, id, &oldest).await,
    }
}

async fn oldest(app: &Arc<App>, id: &WorkspaceId) -> Result<Cutoffs, EngineError> {
    let (engine, of) = (Arc::clone(&app.engine), id.clone());
    blocking(move || engine.read(&of)?.oldest()).await
}

/// The same where the oldest rows are known.
async fn expire_since(app: &Arc<App>, id: &WorkspaceId, oldest: &Cutoffs) -> Result<usize, EngineError> {
    let Some(entry) = app.workspaces.get(id.as_str()) else { return Ok(0) };
    let retention = retention(&entry.document);
    if !retention.cutoffs(app.now()).reach(oldest) {
        return Ok(0);
    }
    let mut gone = 0;
    loop {
        let batch = Expire { retention, settings_revision: entry.settings.revision };
        match apply(&*app.engine, id, batch, Mode::Commit).await {
            Ok(0) => break,
            // The next round continues under the settings in force.
            Err(EngineError::Stale) => {
                app.latest_entry(&entry).await?;
                break;
            }
            rows => gone += rows?,
        }
    }
    app.engine.cut_log(id);
    tracing::debug!(workspace = %id, rows = gone, "expired rows were removed");
    Ok(gone)
}

fn retention(document: &WorkspaceSettings) -> Retention {
    let ms = |days: u32| i64::from(days) * DAY_MS;
    Retention {
        log_ms: ms(document.log_retention_days),
        quarantine_ms: ms(document.quarantine_retention_days),
        event_ids_ms: ms(document.event_id_retention_days),
        events_ms: ms(document.event_retention_days),
    }
}

async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(read).await.unwrap_or_else(|_| Err(EngineError::Broken("the look-up panicked".into())))
}

#[cfg(test)]
mod tests;
